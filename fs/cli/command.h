/* The frame of a verb that ends: reads its command line, and makes its exit status of what becomes of it. */
#pragma once

#include "flags.h"

struct task;

struct command {
    const char *usage; /* a line or several */
    const char *about; /* what it does, for the help */
    const struct flag *flags;
    size_t n_flags;
    const bool *help; /* set by its flag */
    int least, most;  /* operands */

    /* 0; -EINVAL, the usage was wrong; or another negative errno with a reason. A signal that ends the
     * program cancels the task. */
    int (*work)(void *context, char **operands, int n_operands, struct task *task);
    void *context;
};

/* Returns the exit status. */
int command_run(const struct command *command, int argc, char **argv);
