/* The mount's command line, read. */
#pragma once

#include "litemount/mount.h"

struct task;

struct mount_arguments {
    char *source;          /* a configuration, a URL or a folder: paths made absolute */
    char *filesystem_name; /* the source without secrets */
    char *mountpoint;      /* made absolute */
    bool foreground, debug, help;
    bool no_expand_environment;
    char *cache_folder;           /* absolute; NULL: the default */
    uint64_t cache_size;          /* bytes */
    char *replica;                /* the only one that is read; NULL: all */
    struct mount_options options; /* its pointers are to the above */
};

void mount_arguments_finish(struct mount_arguments *arguments);

/* Returns 0, or -EINVAL with a reason: the usage is wrong. */
int mount_arguments_read(int argc, char **argv, struct task *task, struct mount_arguments *ret_arguments);
