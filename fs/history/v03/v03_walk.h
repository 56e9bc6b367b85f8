/* A walk along a listing's times: at each it knows the newest snapshot that is not known to be damaged, and
 * as many segments as count by then and can be reached from it, as far as is known. All is called with the
 * generation locked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;
struct v03_listing;

/* Zero-initialise but for `listing`. */
struct v03_walk {
    const struct v03_listing *listing;
    size_t snapshots, segments; /* that count so far */
    struct snapshot *snapshot;  /* NULL: there is none yet */
    size_t begin, end;          /* segments that are replayed upon it */
};

/* Moves on to `time`, which is no earlier than where the walk is. */
void v03_walk_to(struct v03_walk *walk, int64_t time);

/* Moves on to the next time of an object. False at the end. */
bool v03_walk_on(struct v03_walk *walk);

/* When the state that the walk is at came to be; there is a snapshot. */
int64_t v03_walk_point(const struct v03_walk *walk);
