#include "arguments.h"

#include <errno.h>
#include <string.h>

#include "argument_value.h"
#include "litemount/task.h"

/* What is being read. */
struct arguments {
    const struct argument_table *table;
    void *values;
    char **operands; /* so far: moved to the front of the command line */
    size_t n_operands;
    bool has_question;
    struct task *task;
};

static const struct argument *arguments_find(const struct argument_table *table, const char *name,
                                             size_t length)
{
    for (size_t i = 0; i < table->n_rows; i++) {
        const struct argument *row = &table->rows[i];
        if (row->name && strlen(row->name) == length && memcmp(row->name, name, length) == 0)
            return row;
        if (row->alias && strlen(row->alias) == length && memcmp(row->alias, name, length) == 0)
            return row;
    }
    return NULL;
}

/* A switch that stands alone is on. */
static const char *arguments_bare_value(const struct argument *row)
{
    return row->kind == ARGUMENT_SWITCH || row->kind == ARGUMENT_QUESTION ? "true" : row->bare;
}

static bool arguments_is_ignored(const struct argument_table *table, const char *option, const char *value)
{
    if (strncmp(option, "x-", 2) == 0 || strcmp(option, "comment") == 0)
        return true;
    for (size_t i = 0; !value && table->ignored && table->ignored[i]; i++)
        if (strcmp(option, table->ignored[i]) == 0)
            return true;
    return false;
}

/* One option of a list: NAME=VALUE, or NAME. */
static int arguments_take_option(const struct arguments *arguments, const struct argument_table *list,
                                 char *option)
{
    char *value = strchr(option, '=');

    if (value)
        *value++ = '\0';
    const struct argument *row = arguments_find(list, option, strlen(option));
    if (!row && arguments_is_ignored(list, option, value))
        return 0;
    if (!row)
        return task_fail(arguments->task, EINVAL, "option %s: not known; see %s --help", option,
                         arguments->table->program);
    const char *text = value ? value : arguments_bare_value(row);
    if (!text)
        return task_fail(arguments->task, EINVAL, "option %s: its value is missing: %s=%s", option, option,
                         row->word);
    return argument_set(row, text, "option ", "=", arguments->values, arguments->task);
}

static int arguments_take_list(const struct arguments *arguments, const struct argument_table *list,
                               char *text)
{
    char *rest = text, *option;
    int r = 0;

    while (r == 0 && (option = strsep(&rest, ",")))
        if (*option)
            r = arguments_take_option(arguments, list, option);
    return r;
}

/* The row of a flag, and where in the argument its value begins; NULL: not in it. A list of options may stand
 * right behind its letter. */
static const struct argument *arguments_find_flag(const struct arguments *arguments, char *argument,
                                                  char **ret_value)
{
    bool is_long = argument[1] == '-';
    char *name = argument + 1 + is_long, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const struct argument *row = arguments_find(arguments->table, name, length);

    *ret_value = equals ? equals + 1 : NULL;
    if (row || is_long)
        return row;
    row = arguments_find(arguments->table, name, 1);
    *ret_value = name + 1;
    return row && row->kind == ARGUMENT_LIST ? row : NULL;
}

/* One flag, whose value may be the argument behind it; `*ret_used` counts the arguments that it took. */
static int arguments_take_flag(struct arguments *arguments, char *argument, char *next, int *ret_used)
{
    char *value;
    const struct argument *row = arguments_find_flag(arguments, argument, &value);
    const char *bare = row ? arguments_bare_value(row) : NULL;

    *ret_used = 1;
    if (!row)
        return task_fail(arguments->task, EINVAL, "%s: not a flag of %s; see %s --help", argument,
                         arguments->table->program, arguments->table->program);
    if (!value && !bare) {
        if (!next)
            return task_fail(arguments->task, EINVAL, "%s: its value is missing: %s %s", argument, argument,
                             row->word);
        value = next;
        *ret_used = 2;
    }
    if (row->kind == ARGUMENT_LIST)
        return arguments_take_list(arguments, row->list, value);
    const char *join = *ret_used > 1 ? " " : "=";
    int r = argument_set(row, value ? value : bare, "-", join, arguments->values, arguments->task);
    if (r == 0 && row->kind == ARGUMENT_QUESTION)
        arguments->has_question |= *(bool *)((char *)arguments->values + row->offset);
    return r;
}

static const struct argument *arguments_next_operand(const struct argument_table *table,
                                                     const struct argument *row)
{
    for (row = row ? row + 1 : table->rows; row < table->rows + table->n_rows; row++)
        if (!row->name)
            return row;
    return NULL;
}

/* Says what is missing: all that is required. */
static int arguments_refuse_missing(const struct arguments *arguments)
{
    const struct argument_table *table = arguments->table;
    const struct argument *first = arguments_next_operand(table, NULL),
                          *second = arguments_next_operand(table, first);

    if (second && second->required)
        return task_fail(arguments->task, EINVAL, "%s and %s are required; see %s --help", first->help,
                         second->help, table->program);
    return task_fail(arguments->task, EINVAL, "%s is required; see %s --help", first->help, table->program);
}

static int arguments_place_operands(const struct arguments *arguments)
{
    const struct argument *row = NULL;
    size_t n = 0;

    for (size_t i = 0; i < arguments->n_operands; i++)
        if (!*arguments->operands[i])
            return task_fail(arguments->task, EINVAL, "an argument is empty; see %s --help",
                             arguments->table->program);
    while ((row = arguments_next_operand(arguments->table, row))) {
        void *value = (char *)arguments->values + row->offset;
        if (row->repeatable) {
            *(struct argument_values *)value =
                (struct argument_values){arguments->operands + n, arguments->n_operands - n};
            n = arguments->n_operands;
        } else if (n < arguments->n_operands) {
            *(const char **)value = arguments->operands[n++];
        } else if (row->required && !arguments->has_question) {
            return arguments_refuse_missing(arguments);
        }
    }
    if (n < arguments->n_operands)
        return task_fail(arguments->task, EINVAL, "%s: one argument too many; see %s --help",
                         arguments->operands[n], arguments->table->program);
    return arguments->has_question;
}

static void arguments_set_fallbacks(const struct argument_table *table, void *values)
{
    for (size_t i = 0; i < table->n_rows; i++)
        if (table->rows[i].kind == ARGUMENT_LIST)
            arguments_set_fallbacks(table->rows[i].list, values);
        else
            argument_set_fallback(&table->rows[i], values);
}

int arguments_read(const struct argument_table *table, int argc, char **argv, void *values, struct task *task)
{
    struct arguments arguments = {.table = table, .values = values, .operands = argv + 1, .task = task};
    bool has_flags = true;

    arguments_set_fallbacks(table, values);
    for (int i = 1, used; i < argc; i += used) {
        used = 1;
        if (!has_flags || argv[i][0] != '-' || !argv[i][1]) {
            arguments.operands[arguments.n_operands++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            has_flags = false;
            continue;
        }
        int r = arguments_take_flag(&arguments, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
        if (r < 0)
            return r;
    }
    return arguments_place_operands(&arguments);
}
