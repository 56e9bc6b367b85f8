/* The catalog: all databases of one source, by name.
 *
 * A name is the database's path below the deepest folder that all of the configured databases share, or its
 * place below the bucket or folder that was named in place of a configuration; it may hold folders
 * ("tenants/acme/main.db"). Where a configuration names a folder of databases, they are found by listing the
 * replica. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "litemount/history.h"

struct config;
struct database_config;
struct stores;

struct catalog;

/* Makes the catalog of `config`, which is borrowed until it is closed. Replicas that this program can't read
 * are warned of and left out. Sends nothing. Returns 0, or -EINVAL with a reason if no database is left, or
 * -ENOMEM. */
int catalog_open(const struct config *config, struct stores *stores, const struct history_options *options,
                 struct task *task, struct catalog **ret_catalog);
void catalog_close(struct catalog *catalog); /* NULL is fine; no state of it may be left */

/* Where states of its databases that failed are waited for. */
struct failures *catalog_failures(struct catalog *catalog);

/* Looks whether there is anything to show, before a mount says that it succeeded: lists a few databases.
 * Returns 0 if at least one backup is there, warning of those that are not; else why not: -ENODATA, -EACCES,
 * -EIO. */
int catalog_check(struct catalog *catalog, struct task *task);

/* Why it has no database at all: what was looked at, and what is there instead. Returns -ENODATA with that
 * reason, or another negative errno with one. */
int catalog_explain_nothing(struct catalog *catalog, struct task *task);

/* Adds what stands directly in `folder` ("" for the top): databases, and folders that lead to some. Returns
 * 0, -ENOENT if there is no such folder, or a negative errno with a reason. */
int catalog_list(struct catalog *catalog, const char *folder, struct task *task, struct names *names);

/* Adds the full names of all databases. 0, or a negative errno with a reason. */
int catalog_list_all(struct catalog *catalog, struct task *task, struct names *names);

/* As catalog_list_all, of a look that waits for all replicas of the configured folders of databases: one that
 * is slow may hold databases that no other one does. */
int catalog_list_whole(struct catalog *catalog, struct task *task, struct names *names);

/* Adds a sentence for each configured database none of whose replicas can be read, and for each folder of
 * databases that could not be looked into when this was tried last, in all of its replicas: what they hold,
 * and no other one does, is not among the names. 0 or -ENOMEM. */
int catalog_list_failures(struct catalog *catalog, struct names *failures);

/* The database of that name; borrowed, lives as long as the catalog. 0, -ENOENT, or an errno with a reason.
 */
int catalog_find(struct catalog *catalog, const char *name, struct task *task, struct history **ret_history);

/* The store that a database of that name is asked of, as history_store; NULL: it is not known yet. */
const void *catalog_store(struct catalog *catalog, const char *name);

/* What the configuration's paths begin with in front of each name ("/srv/app/storage/"); "" where there is no
 * configuration. */
const char *catalog_prefix(const struct catalog *catalog);

/* The configuration's folder in which listing the store has found the database of that name: then its backup
 * is there, and nobody needs to be asked. NULL for one that has a place of its own, or is not known. */
const struct database_config *catalog_folder(struct catalog *catalog, const char *name);

/* Says that the database's state at `time` (INSTANT_MAX: the latest) is about to be opened. If the ones
 * before it were too, one after the other, those that follow are opened with it, all at once. */
void catalog_open_ahead(struct catalog *catalog, const char *name, int64_t time, struct task *task);

/* Whether `folder` leads to a database. 0, -ENOENT, or an errno with a reason. */
int catalog_find_folder(struct catalog *catalog, const char *folder, struct task *task);

/* A database's file name extension, without the dot: its name's own, else "db". Points into `name` or is a
 * constant. */
const char *catalog_extension(const char *name);
