/* A snapshot's insides, shared by the files of this folder. */
#pragma once

#include "litemount/cache.h"
#include "snapshot.h"

/* What the cache keeps of it besides its image. */
#define SNAPSHOT_FACT "snapshot"
#define SNAPSHOT_BLOCKS_FACT "blocks"

/* snapshot.c: sees to it that it knows its generation, its name and identity, and has its image open. 0 or
 * -ENOMEM. */
int snapshot_open(struct v03_generation *generation, struct snapshot *snapshot);

/* snapshot_damage.c: damage was found in a snapshot, for as long as it counts. */
void snapshot_note_damage(struct v03_generation *generation);
void snapshot_set_damaged(struct snapshot *snapshot, const char *why); /* logs it, once */

/* 0, or -EIO with a reason: nothing is read of it any more. */
int snapshot_check_usable(struct snapshot *snapshot, struct task *task);

/* snapshot_frame.c, of a large one that is open. Sees to it that its object is open too, and its frame, to be
 * read by block. 0, -ENOMEM, or object_source_open's errno. */
int snapshot_open_frame(struct snapshot *snapshot, struct task *task, struct seekable **ret_frame);

/* Its frame if that is open, or NULL. */
struct seekable *snapshot_frame(struct snapshot *snapshot);
