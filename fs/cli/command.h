/* The frame of a verb that ends: reads its command line, and makes its exit status of what becomes of it. */
#pragma once

#include "arguments/arguments.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2

struct task;

struct verb {
    const char *name;
    const char *summary; /* a line among the other verbs' */
    struct argument_table arguments;
    size_t options_size; /* bytes of the struct that the rows write to; it begins as zeroes */

    /* 0; -EINVAL, the usage was wrong; or another negative errno with a reason. A signal that ends the
     * program cancels the task. */
    int (*run)(void *options, struct task *task);
};

/* Runs it; argv[0] is its own name. Returns the exit status: 0, EXIT_FAILED or EXIT_USAGE. */
int command_run(const struct verb *verb, int argc, char **argv);

/* To be called once all is printed. 0, or a negative errno with a reason: it could not all be written to
 * standard output. If nobody reads that any more it does not return. */
int command_end_output(struct task *task);
