/* The verbs of the command line, one a file: arguments in, text out, the exit status back: 0, 1 failed, 2
 * wrong usage. */
#pragma once

#define EXIT_FAILED 1
#define EXIT_USAGE 2

/* litemount SOURCE MOUNTPOINT [-f] [-d] [-o OPTION,...] */
int verb_mount(int argc, char **argv);
