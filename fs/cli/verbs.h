/* The verbs of the command line, one a file, and the mount, which is what the program does without one. */
#pragma once

#include "command.h"

extern const struct verb verb_databases, verb_generations, verb_snapshots, verb_wal, verb_ltx, verb_points,
    verb_restore, verb_verify;

/* All of them, as --help shows them; then NULL. */
extern const struct verb *const verbs[];

/* litemount SOURCE MOUNTPOINT [-f] [-d] [-o OPTION,...]; returns the exit status. */
int mount_main(int argc, char **argv);
