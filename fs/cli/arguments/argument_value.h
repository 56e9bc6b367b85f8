/* The values of arguments: text in, numbers and times out. */
#pragma once

#include "arguments.h"

/* The value of a row that is not given: of its fallback, or what says that there is none. */
void argument_set_fallback(const struct argument *row, void *values);

/* Reads one that is given. `prefix` and `join` are what its name is shown with: "-", " ". 0, or -EINVAL with
 * a reason that says what would be right. */
int argument_set(const struct argument *row, const char *text, const char *prefix, const char *join,
                 void *values, struct task *task);
