/* A snapshot's object, read at any place; how far away its store is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;
struct task;
struct v03_generation;

/* Reads plain bytes of the object, which must hold them: -EBADMSG with a reason if it ends before. */
int snapshot_object_read(struct v03_generation *generation, struct snapshot *snapshot, uint64_t offset,
                         size_t length, void *bytes, struct task *task);

/* Whether what is read of it from now on is read past every cache. That of one that was made in place of
 * another is, until it is told otherwise. */
void snapshot_read_anew(struct snapshot *snapshot, bool anew);

/* How many plain bytes the object has. */
int snapshot_object_size(struct v03_generation *generation, struct snapshot *snapshot, struct task *task,
                         uint64_t *ret_size);

/* How long the fastest small read took so far, in nanoseconds; 0 while there was none. */
int64_t snapshot_round_trip(const struct snapshot *snapshot);

/* Says that the object is damaged, and why. Returns -EBADMSG. */
int snapshot_refuse(struct v03_generation *generation, const struct snapshot *snapshot, struct task *task,
                    const char *why);
