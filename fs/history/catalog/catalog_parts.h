/* The catalog's insides, shared by its files. */
#pragma once

#include <pthread.h>

#include "entries.h"
#include "identities.h"
#include "litemount/catalog.h"
#include "litemount/failures.h"
#include "refresh_gate.h"

struct replica;

/* A replica of a folder of databases, and what it is being asked: whose thread has that until it answers. */
struct folder_replica {
    struct folder *folder;
    struct replica *replica; /* owned */
    bool whole;
    size_t enough;
    struct names known, places, refused; /* see discover */
};

/* A configured folder of databases. */
struct folder {
    const struct database_config *config;
    char *name; /* what its databases' names begin with: "" or ending in '/' */

    /* Only whoever discovers touches these. */
    struct folder_replica *replicas;
    size_t n_replicas;
    struct round *round; /* of all replicas; NULL: there is none, or nobody has looked yet */
    struct names known;  /* places of backups, sorted */
    bool recalled;       /* those that an earlier mount found were asked for */
    int64_t looked_into; /* when all of them were: nanoseconds since 1970, UTC */

    char *failure; /* why it could not be looked into the last time; NULL: it could. The catalog's lock
                      guards it */
};

/* Somebody who asks for one database after the other, in the order of their names. */
struct ordered_lookups {
    int64_t time;  /* that is asked for */
    size_t next;   /* the number of the entry that would go on with it */
    size_t n;      /* entries asked for so far */
    size_t opened; /* entries up to this one were opened ahead */
};

struct catalog {
    struct stores *stores; /* borrowed */
    struct history_options options;
    struct identities identities; /* of all replicas: an object is opened by whichever fits */
    char *prefix;                 /* see catalog_prefix */
    struct folder *folders;       /* fixed once the catalog is open */
    size_t n_folders, folders_capacity;
    struct names unread; /* sentences: databases of which no replica can be read; fixed likewise */

    struct refresh_gate gate; /* of what the folders hold */
    struct failures failures;

    pthread_mutex_t lock;   /* guards what is below */
    struct entries entries; /* added to, never removed from */
    struct names warned;    /* what the log was told already */
    struct ordered_lookups lookups;
};

/* The replicas of one database, first choice first. */
struct replicas {
    struct replica **items;
    size_t n;
};

void replicas_finish(struct replicas *replicas);

/* catalog_add.c. Opens the replicas of `config`, each at `below` its root if that is not NULL; those that
 * this program can't read are left out. 0, or replica_open's errno with a reason. */
int catalog_open_replicas(struct catalog *catalog, const struct database_config *config, const char *below,
                          bool written, struct task *task, struct replicas *ret_replicas);

/* Adds the database `name`, whose backup is at its replicas' roots (`below` NULL), or was found at that place
 * below them; `written`: there and, of v0.5, behind one '/' more. One that no replica serves, or whose name
 * can't be shown, is warned of and left out. */
int catalog_add_database(struct catalog *catalog, const struct database_config *config, const char *name,
                         const char *below, bool written, struct task *task);

/* Discovery comes by again and again; what it meets is said once. */
void catalog_warn_once(struct catalog *catalog, const char *warning);

/* Adds the names of the databases that are known now. 0 or -ENOMEM. */
int catalog_list_known(struct catalog *catalog, struct names *names);

/* catalog_folder.c. Opens the folder's replicas, unless they are. 0, or replica_open's errno with a reason.
 */
int catalog_folder_open(struct catalog *catalog, struct folder *folder, struct task *task);
void catalog_folder_finish(struct folder *folder);

/* catalog_folder.c. Asks all of the folder's replicas at once for the places of its backups, for each may
 * hold some that the others don't, and waits as long as round_wait does with that `patience`. An answer that
 * comes later is taken the next time. Adds the places, sorted, and while one has not answered those that were
 * known. 0; or, if none has answered, a negative errno with a reason. `*ret_unseen`: why what one holds may
 * be missing, owned; NULL: all have answered. */
int catalog_folder_ask(struct catalog *catalog, struct folder *folder, bool whole, size_t enough,
                       int64_t patience, struct task *task, struct names *places, char **ret_unseen);

/* catalog_discover.c. Looks which databases the configured folders hold, and adds those that are not known.
 * `enough` (0: look for all) ends the search of each folder once that many were found there; `patience`: as
 * catalog_folder_ask. 0, or a negative errno with a reason if no database is known at all. */
int catalog_discover(struct catalog *catalog, size_t enough, int64_t patience, struct task *task);

/* catalog_place.c. Whether a configured folder may hold a database of that name, found or not. */
bool catalog_may_hold(const struct catalog *catalog, const char *name);

/* Whether one may hold databases in the folder of that name. */
bool catalog_may_hold_below(const struct catalog *catalog, const char *name);

/* Looks whether there is a database of that name, and for no other, and adds it. 0, or an errno with a
 * reason.
 */
int catalog_discover_one(struct catalog *catalog, const char *name, struct task *task);
