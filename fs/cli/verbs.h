/* The verbs of the command line, one a file: arguments in, text out, the exit status back: 0, 1 failed, 2
 * wrong usage. argv[0] is the verb's own name. */
#pragma once

#define EXIT_FAILED 1
#define EXIT_USAGE 2

/* litemount SOURCE MOUNTPOINT [-f] [-d] [-o OPTION,...] */
int verb_mount(int argc, char **argv);

/* What there is: a table, or JSON. */
int verb_databases(int argc, char **argv);
int verb_generations(int argc, char **argv);
int verb_snapshots(int argc, char **argv);
int verb_wal(int argc, char **argv);
int verb_ltx(int argc, char **argv);
int verb_points(int argc, char **argv);

/* litemount restore [FLAGS] DATABASE|URL, or -all -o FOLDER */
int verb_restore(int argc, char **argv);

/* Whether the backups hold: one line per database, or JSON. */
int verb_verify(int argc, char **argv);
