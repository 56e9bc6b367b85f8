/* What SQLite keeps beside a database: its -wal, -shm and -journal. Whoever opens a database takes them for a
 * part of it, whoever's they are. Of a link they lie beside the file that it leads to. */
#pragma once

struct task;

/* The first one there is: 1, and its path for the caller to free. 0: there is none; or a negative errno. */
int sidecars_find(const char *database, char **ret_sidecar);

/* 0, or a negative errno with a reason. */
int sidecars_remove(const char *database, struct task *task);
