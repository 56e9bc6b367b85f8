/* The mount's command line, read. */
#pragma once

#include "arguments/arguments.h"
#include "litemount/mount.h"

/* Zero-initialise; finish with mount_arguments_finish. Texts without "owned" are parts of the command line.
 */
struct mount_arguments {
    const char *given_source, *given_mountpoint, *given_cache;
    const char *replica;   /* the only one that is read; NULL: all */
    char *source;          /* a configuration, a URL or a folder: paths made absolute; owned */
    char *mountpoint;      /* made absolute; owned */
    char *cache_folder;    /* made absolute; NULL: the default; owned */
    char *filesystem_name; /* the source without secrets; owned */
    uint64_t cache_size;   /* bytes */
    int umask;             /* -1: not given */
    bool foreground, debug, help, version, no_expand_environment;
    struct mount_options options; /* its pointers are to the above */
};

/* What there is to give. */
extern const struct argument_table mount_argument_table;

void mount_arguments_finish(struct mount_arguments *arguments);

/* Returns 0; 1, for who asked for help or the version: then there may be no source and no mount point; or a
 * negative errno with a reason (-EINVAL: the usage is wrong). */
int mount_arguments_read(int argc, char **argv, struct task *task, struct mount_arguments *ret_arguments);
