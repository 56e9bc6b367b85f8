#include "flags.h"

#include <errno.h>
#include <string.h>

#include "litemount/task.h"

static const struct flag *find(const struct flag *flags, size_t n_flags, const char *name, size_t length)
{
    for (size_t i = 0; i < n_flags; i++)
        if (strlen(flags[i].name) == length && memcmp(flags[i].name, name, length) == 0)
            return &flags[i];
    return NULL;
}

static int set_switch(const struct flag *flag, const char *value, struct task *task)
{
    if (!value || strcmp(value, "true") == 0)
        *flag->is_set = true;
    else if (strcmp(value, "false") == 0)
        *flag->is_set = false;
    else
        return task_fail(task, EINVAL, "-%s=%s: expected true or false", flag->name, value);
    return 0;
}

/* One flag, whose value may stand behind it; `*ret_used` counts the arguments that it took. */
static int set_flag(const char *argument, const char *next, const struct flag *flags, size_t n_flags,
                    struct task *task, int *ret_used)
{
    const char *name = argument + 1 + (argument[1] == '-'), *value = strchr(name, '=');
    const struct flag *flag = find(flags, n_flags, name, value ? (size_t)(value - name) : strlen(name));

    *ret_used = 1;
    if (!flag)
        return task_fail(task, EINVAL, "%s: not a flag of this command; see --help", argument);
    if (value)
        value++;
    if (flag->is_set)
        return set_switch(flag, value, task);
    if (!value && !next)
        return task_fail(task, EINVAL, "%s: its value is missing", argument);
    *flag->value = value ? value : next;
    *ret_used = value ? 1 : 2;
    return 0;
}

int flags_read(int argc, char **argv, const struct flag *flags, size_t n_flags, struct task *task)
{
    int n = 0;

    for (int i = 1, used; i < argc; i += used) {
        used = 1;
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                argv[++n] = argv[i];
            break;
        }
        if (argv[i][0] != '-' || !argv[i][1]) {
            argv[++n] = argv[i];
            continue;
        }
        int r = set_flag(argv[i], i + 1 < argc ? argv[i + 1] : NULL, flags, n_flags, task, &used);
        if (r < 0)
            return r;
    }
    return n;
}

void flags_print_help(const struct flag *flags, size_t n_flags, FILE *file)
{
    for (size_t i = 0; i < n_flags; i++) {
        char name[64];
        snprintf(name, sizeof name, "-%s%s%s", flags[i].name, flags[i].word ? " " : "",
                 flags[i].word ? flags[i].word : "");
        fprintf(file, "  %-24s ", name);
        for (const char *at = flags[i].help; *at; at++) {
            fputc(*at, file);
            if (*at == '\n')
                fprintf(file, "%27s", "");
        }
        fputc('\n', file);
    }
}
