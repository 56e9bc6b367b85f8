/* The arguments of a verb, or of the mount, as one table: they are read by it, and --help is printed from it.
 *
 * A row is a flag, an operand, or (in a table of its own) an option of a flag like mount's `-o`. Flags stand
 * anywhere, with one dash or two: "-o FILE", "--o=FILE"; "--" ends them. A row's value is written into the
 * verb's own struct, at `offset`. Of a row that is given twice the last one counts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct task;

/* What a value is, and what type it has in the verb's struct. */
enum argument_kind {
    ARGUMENT_SWITCH,   /* bool; stands alone: "-json", "-json=false" */
    ARGUMENT_QUESTION, /* the same; if it is on, no operand is required: "-help" */
    ARGUMENT_TEXT,     /* const char *, a part of the command line; NULL: it was not given */
    ARGUMENT_CHOICE,   /* unsigned: the place in `choices` */
    ARGUMENT_TIME,     /* int64_t: nanoseconds since 1970, UTC; INSTANT_MAX: it was not given */
    ARGUMENT_DURATION, /* int64_t: nanoseconds, more than none */
    ARGUMENT_SECONDS,  /* int64_t: nanoseconds, of whole seconds */
    ARGUMENT_SIZE,     /* uint64_t: bytes, more than none; K, M, G and T are powers of 1024 */
    ARGUMENT_ID,       /* uid_t or gid_t: a number */
    ARGUMENT_MODE,     /* int: octal permissions; -1: it was not given */
    ARGUMENT_LIST,     /* options with commas between them, each a row of `list` */
};

struct argument_table;

/* A row. Plain value. */
struct argument {
    const char *name;  /* without dashes; NULL: an operand */
    const char *alias; /* another name, a letter; NULL: none */
    enum argument_kind kind;
    size_t offset;        /* of the value in the verb's struct */
    const char *word;     /* what stands for the value in the help: "FILE" */
    const char *help;     /* a line, or several; NULL: --help does not show it. Of an operand: what it is */
    const char *fallback; /* the value if it is not given, as it would be typed; NULL: nothing is written */
    const char *bare;     /* likewise, if it stands alone; NULL: the next argument is its value */
    const char *expected; /* what a wrong value should have been; NULL: the kind tells */
    const char *const *choices;        /* the values of ARGUMENT_CHOICE, then NULL */
    const struct argument_table *list; /* the options of ARGUMENT_LIST */
    bool or_empty;                     /* an empty value counts as none, as for Litestream */
    bool required;                     /* of an operand */
    bool repeatable;                   /* of the last operand: the value is a struct argument_values */
};

/* The operands of a repeatable row; parts of the command line. */
struct argument_values {
    char **items;
    size_t n;
};

struct argument_table {
    const char *program; /* "litemount restore" */
    const char *usage;   /* lines, in place of the one that the rows make; NULL: that one */
    const char *about;   /* lines of the help, behind the usage */
    const struct argument *rows;
    size_t n_rows;
    const char *const *ignored; /* options without a value that say nothing, then NULL; NULL: none */
};

/* How a row begins whose value is `field` of the verb's `struct type`: a switch, a flag with a value, an
 * operand. What else it has is written behind. */
#define ARGUMENT_IS_SWITCH(type, field, flag, text)                                                          \
    .name = flag, .offset = offsetof(struct type, field), .help = text
#define ARGUMENT_IS(of_kind, type, field, flag, value, text)                                                 \
    .name = flag, .kind = of_kind, .offset = offsetof(struct type, field), .word = value, .help = text
#define ARGUMENT_IS_OPERAND(type, field, shown, text)                                                        \
    .kind = ARGUMENT_TEXT, .offset = offsetof(struct type, field), .word = shown, .help = text

/* The rows of an array, for an initializer. */
#define ARGUMENT_ROWS(array) .rows = (array), .n_rows = sizeof(array) / sizeof *(array)

/* Reads argv[1] and on into the verb's struct at `values`; cuts an ARGUMENT_LIST in `argv` into its options.
 * 0; 1: a question is among them, and operands may be missing; -EINVAL with a reason. */
int arguments_read(const struct argument_table *table, int argc, char **argv, void *values,
                   struct task *task);

/* The usage, what it is about, and a line for each flag. */
void arguments_print_help(const struct argument_table *table, FILE *file);
