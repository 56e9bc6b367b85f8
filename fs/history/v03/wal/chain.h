/* One state's part of a replay: how far it reaches, and what the database is there. */
#pragma once

#include "replay.h"

struct snapshot;
struct task;
struct v03_generation;
struct v03_listing;

struct chain {
    struct snapshot *snapshot;    /* borrowed from the listing */
    size_t begin, end;            /* segments of the listing that are replayed */
    struct wal_position last;     /* the last commit that is replayed; frame 0: none, the snapshot alone */
    struct wal_position position; /* what it is the state of: that commit, or the beginning of the next WAL */
    uint32_t pages;               /* the database's size there, if there is one */
    uint32_t page_size;           /* bytes; 0 if neither snapshot nor segments tell */
    int64_t time;                 /* when this state came to be */
    uint64_t source_size;         /* bytes of the objects */
    uint64_t inode;               /* as state_inode */
    struct shrink *shrinks;       /* in WAL order, of WALs before the last commit's */
    size_t n_shrinks;
    char *gap;     /* what ended the replay early, or NULL */
    char *mixture; /* what the snapshot mixes in of a later transaction, or NULL: see lead.h */
};

void chain_finish(struct chain *chain);

/* The last commit at or before `limit` of segments `begin` to `end`, which are sound: its segment's number,
 * and its own there. False if there is none. */
bool chain_find_commit(const struct v03_listing *listing, size_t begin, size_t end, struct wal_position limit,
                       size_t *ret_segment, size_t *ret_commit);

/* The database's size: bytes; without a commit, as far as the snapshot's is known. */
uint64_t chain_size(const struct chain *chain);

/* Whether a chain can begin with the snapshot: 1; 0: it is damaged; or why it can't be had. */
int chain_can_begin(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);

/* Replays the first `n_segments` segments of the listing upon `snapshot`, which is sound, but not beyond
 * `limit`. Learns what it has to. 0, or why an object can't be had. */
int chain_open(struct v03_generation *generation, const struct v03_listing *listing,
               struct snapshot *snapshot, size_t n_segments, struct wal_position limit, struct task *task,
               struct chain *ret_chain);

/* Names may show that something is missing between the chain, which is all that counts at an instant, and the
 * next segment, which is younger: then the instant may lie behind what is missing, and the chain's gap says
 * so. `n_segments` as above. 0 or -ENOMEM. */
int chain_look_ahead(struct v03_generation *generation, const struct v03_listing *listing, size_t n_segments,
                     struct chain *chain);

/* The state_inode of the state that ends with segment `last`, or with its commit at `frame` (0: the segment's
 * last one), or (NULL) that is the snapshot alone: a listing shows it before anything is read. */
uint64_t chain_end_inode(const struct snapshot *snapshot, const struct segment *last, uint32_t frame);

/* Why what is replayed upon `snapshot`, segments `begin` to `end`, ends before segment `end`, which is there;
 * the caller frees it. 0 or -ENOMEM. */
int chain_describe_gap_locked(const struct v03_listing *listing, const struct snapshot *snapshot,
                              size_t begin, size_t end, char **ret_gap);
