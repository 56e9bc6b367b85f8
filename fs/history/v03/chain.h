/* A snapshot and the segments that are replayed upon it: how far they reach, and what the database is there.
 *
 * What whole objects back is reached, and nothing else: the walk ends before the first segment that is
 * missing, damaged, or does not continue the one before it. */
#pragma once

#include "v03.h"

/* A WAL index after which the database was cut to fewer pages than it had had. */
struct shrink {
    uint32_t index;
    uint32_t pages;
};

struct chain {
    struct snapshot *snapshot; /* borrowed from the listing */
    size_t begin, end;         /* segments of the listing that are replayed */
    struct wal_position last;  /* the last commit that is replayed; frame 0: none, the snapshot alone */
    uint32_t pages;            /* the database's size there, if there is one */
    uint32_t page_size;        /* bytes; 0 if neither snapshot nor segments tell */
    int64_t time;              /* when this state came to be */
    uint64_t source_size;      /* bytes of the objects */
    struct shrink *shrinks;    /* in WAL order, without those of the last index */
    size_t n_shrinks;
    char *gap; /* what ended the walk early, or NULL */
};

void chain_finish(struct chain *chain);

/* Walks from `snapshot`, which is sound, over the first `n_segments` segments of the listing, but not beyond
 * `limit`. Learns what it has to. 0, or why an object can't be had. */
int chain_open(struct v03_generation *generation, const struct v03_listing *listing,
               struct snapshot *snapshot, size_t n_segments, struct wal_position limit, struct task *task,
               struct chain *ret_chain);

/* How many of the first `n_segments` segments can be reached from `snapshot`, as far as names and what has
 * been learnt so far tell; `*ret_begin` is the first of them. Called with the generation locked. */
size_t chain_reach(const struct v03_listing *listing, const struct snapshot *snapshot, size_t n_segments,
                   size_t *ret_begin);

/* The same for every segment at once: ends[i] is the first segment behind `i` that does not continue what is
 * before it. `ends` has room for all segments of the listing. Called with the generation locked. */
void chain_ends(const struct v03_listing *listing, size_t *ends);

/* Whether segment `begin` of the listing can be the first that is replayed upon `snapshot`. */
bool chain_begins(const struct v03_listing *listing, const struct snapshot *snapshot, size_t begin);
