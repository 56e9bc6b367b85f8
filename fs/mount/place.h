/* Places: the folders of the tree, and what a name in one of them is.
 *
 *     latest/NAME                     databases/NAME/latest.EXT
 *     at/TIME/NAME                    databases/NAME/at/TIME.EXT
 *                                     databases/NAME/generations/GEN/latest.EXT
 *                                     databases/NAME/generations/GEN/at/TIME.EXT
 *                                     databases/NAME/generations/GEN/points/YYYY-MM-DD/HH/TIME.EXT
 *                                     databases/NAME/generations/GEN/positions/...
 *     .litemount/stats                what the mount has done so far; .litemount is not listed
 *
 * A folder is a *place*; a file is a state of a database. Knows nothing of inodes and of FUSE. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct state;

enum place_kind {
    PLACE_ROOT,
    PLACE_OWN,         /* .litemount/ */
    PLACE_LATEST,      /* latest/, and the folders in databases' names below it */
    PLACE_AT,          /* at/ */
    PLACE_AT_TIME,     /* at/TIME/, and the folders below it */
    PLACE_DATABASES,   /* databases/, and the folders below it */
    PLACE_DATABASE,    /* databases/NAME/ */
    PLACE_INSTANTS,    /* .../at/ of a database or of a generation */
    PLACE_GENERATIONS, /* .../generations/ */
    PLACE_GENERATION,  /* .../generations/GEN/ */
    PLACE_POINTS,      /* .../points/ */
    PLACE_POINTS_DAY,  /* .../points/YYYY-MM-DD/ */
    PLACE_POINTS_HOUR, /* .../points/YYYY-MM-DD/HH/ */
    PLACE_POSITIONS,   /* .../positions/, and the folders in it */
    PLACE_KINDS,
};

/* A folder of the tree. Owns its strings; those that its kind has no use for are NULL. */
struct place {
    enum place_kind kind;
    char *name;       /* a database's name, or the part of it that the path has come to: "tenants/acme" */
    char *generation; /* NULL where it is about all of them */
    char *detail;     /* TIME as it was typed; YYYY-MM-DD[/HH] below points/; a folder of positions/ */
};

void place_finish(struct place *place);

/* The name of the database that the file `name` in `place` is a state of; the caller frees it. 0 or -ENOMEM.
 */
int place_database(const struct place *place, const char *name, char **ret_database);

/* The instant that the folder is about, if it is an absolute one. */
bool place_time(const struct place *place, int64_t *ret_time);

/* Replaces one of a place's strings by `path`, with a '/' and `name` behind it (NULL: nothing). Copies both.
 * 0 or -ENOMEM. */
int place_set_path(char **text, const char *path, const char *name);

/* What a name in a folder is. Zero-initialise; the caller finishes it. */
struct tree_entry {
    enum entry_kind { ENTRY_FOLDER, ENTRY_STATE, ENTRY_WAL_FILE, ENTRY_EMPTY_FILE, ENTRY_STATS } kind;
    struct place place;  /* of a folder */
    struct state *state; /* a reference, of a state */
    char *database;      /* of a state: the database's name */
    uint32_t page_size;  /* of a FILE-wal: bytes of the database's pages */
};

void tree_entry_finish(struct tree_entry *entry);

/* Makes it a folder of that kind, else the same place as the one that it is in. 0 or -ENOMEM. */
int tree_entry_set_folder(struct tree_entry *entry, enum place_kind kind, const struct place *parent);

/* Makes it a file that is `state`, whose reference it takes over. */
void tree_entry_set_state(struct tree_entry *entry, struct state *state);
