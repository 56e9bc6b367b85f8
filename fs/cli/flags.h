/* A verb's command line: flags, with one dash or two ("-o FILE", "--o=FILE"), and operands between them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct task;

/* A flag that a verb knows: it is set, or takes a value. Plain value. */
struct flag {
    const char *name;   /* without dashes */
    bool *is_set;       /* of one without a value: "-json", "-json=false" */
    const char **value; /* of one with a value; it points into the command line */
    const char *word;   /* what stands for the value in the help: "FILE" */
    const char *help;   /* a line, or several */
};

/* Reads argv[1] and on. Operands are moved to the front of `argv`, from argv[1] on, in their order; "--" ends
 * the flags. Returns how many there are, or -EINVAL with a reason. */
int flags_read(int argc, char **argv, const struct flag *flags, size_t n_flags, struct task *task);

/* A flag's value; NULL: it was not given, or is empty, which to Litestream is the same. */
static inline const char *flag_given(const char *value)
{
    return value && *value ? value : NULL;
}

void flags_print_help(const struct flag *flags, size_t n_flags, FILE *file);
