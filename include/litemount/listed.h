/* What the command line lists of a backup: its generations, its objects, and each restore point with its
 * position and size. Rows, as Litestream's own listings have them; here alone shows which format a backup is
 * written in. Times are nanoseconds since 1970, UTC. */
#pragma once

#include "litemount/history.h"

#define GENERATION_NAME_SIZE 17 /* with its NUL */

/* A generation, and the time that its objects cover. */
struct listed_generation {
    const char *replica; /* its name; lives as long as the history */
    char name[GENERATION_NAME_SIZE];
    bool is_empty; /* it holds no object: start and end mean nothing */
    int64_t start, end;
};

struct listed_generations {
    struct listed_generation *items;
    size_t n, capacity;
};

void listed_generations_finish(struct listed_generations *generations);

/* Adds the generations: replica by replica in the configured order, each replica's by name. A replica that
 * does not answer is warned of; it is an error if none does. 0, or a negative errno with a reason. */
int history_list_bounds(struct history *history, struct task *task, struct listed_generations *generations);

/* A replica, as the last look found it. */
struct listed_replica {
    const char *url, *name; /* live as long as the history */
    bool answers;
    int64_t latest; /* of its newest object; INT64_MIN: it holds none, or does not answer */
    int64_t behind; /* that much earlier than that of the one that was updated last: nanoseconds */
    bool is_behind; /* it is so much that it misses something */
};

struct listed_replicas {
    struct listed_replica *items;
    size_t n, capacity;
};

void listed_replicas_finish(struct listed_replicas *replicas);

/* Adds the replicas in the configured order, after a look that is recent enough. 0, or a negative errno with
 * a reason if none of them answers. */
int history_list_replicas(struct history *history, struct task *task, struct listed_replicas *replicas);

/* Why number `n` of them is passed over for the newest state; NULL: it is not. The caller frees it. 0 or
 * -ENOMEM. */
int listed_replica_describe(const struct listed_replicas *replicas, size_t n, char **ret_text);

/* Of which listing: `snapshots`, v0.3's `wal`, v0.5's `ltx`. */
enum object_kind { OBJECT_SNAPSHOT, OBJECT_WAL, OBJECT_LTX };

/* An object of a backup. A snapshot has what its format gives it: an index, or a level and TXIDs. */
struct listed_object {
    const char *replica; /* as above */
    char generation[GENERATION_NAME_SIZE];
    uint32_t index;  /* of the WAL */
    uint64_t offset; /* in the WAL: bytes */
    unsigned level;
    uint64_t min_txid, max_txid; /* 0: it is no LTX file */
    uint64_t size;               /* bytes, as it is stored */
    int64_t created; /* a snapshot: the time that a restore goes by; else the store's, as Litestream shows */
};

struct listed_objects {
    struct listed_object *items;
    size_t n, capacity;
};

void listed_objects_finish(struct listed_objects *objects);
int listed_objects_add(struct listed_objects *objects, const struct listed_object *object); /* 0 or -ENOMEM */

/* Adds all objects of that kind, each generation's by index and offset, or by level and TXIDs; else as above.
 */
int history_list_objects(struct history *history, enum object_kind kind, struct task *task,
                         struct listed_objects *objects);

/* Adds the objects that a state is made of, in the order in which a restore takes them; v0.3's begin with the
 * snapshot. 0 or -ENOMEM. */
int state_list_objects(const struct state *state, struct listed_objects *objects);

/* A restore point. */
struct listed_point {
    int64_t time;
    int64_t shown; /* how it is shown (litemount/shown.h): typing that leads here */
    char generation[GENERATION_NAME_SIZE];
    bool is_snapshot;  /* one was made then */
    char position[32]; /* as state_position; "" unless it was measured */
    uint64_t size;     /* of the database: bytes; 0 unless it was measured */
    char *gap; /* as state_gap right before the next point of the generation: what is missing between them;
                  NULL: nothing is */
};

struct listed_points {
    struct listed_point *items;
    size_t n, capacity;
};

void listed_points_finish(struct listed_points *points);
int listed_points_add(struct listed_points *points, const struct listed_point *point); /* 0 or -ENOMEM */

/* That points are to be measured, and who is told now and then how far that is: of the bytes that one
 * generation's objects have. */
struct measuring {
    void (*note)(void *context, uint64_t done, uint64_t total); /* on the caller's thread */
    void *context;
};

/* Fills `points` with every restore point of `generation`, or (NULL) of all, by time. Their positions, and
 * how large the database is there, are told if they are measured (else NULL): then what tells that is read,
 * once ever (v0.3's WAL segments; a header of v0.5), and points that a damaged object takes away are left
 * out. 0; -ENOENT: no such generation; or a negative errno with a reason. */
int history_describe_points(struct history *history, const char *generation,
                            const struct measuring *measuring, struct task *task,
                            struct listed_points *points);
