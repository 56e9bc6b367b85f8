#include "argument_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "litemount/instant.h"
#include "litemount/task.h"
#include "output/duration.h"

typedef bool argument_reader(const struct argument *row, const char *text, void *value);

/* A decimal number up to `most`, with nothing behind it but, if there is an `*ret_end`, what that is. */
static bool argument_number(const char *text, uint64_t most, const char **ret_end, uint64_t *ret_number)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    if (ret_end)
        *ret_end = end;
    return !errno && (ret_end || !*end) && *ret_number <= most;
}

static bool argument_switch(const struct argument *row, const char *text, void *value)
{
    *(bool *)value = strcmp(text, "true") == 0;
    return *(bool *)value || strcmp(text, "false") == 0;
}

static bool argument_text(const struct argument *row, const char *text, void *value)
{
    *(const char **)value = *text ? text : NULL;
    return *text || row->or_empty;
}

static bool argument_choice(const struct argument *row, const char *text, void *value)
{
    for (unsigned i = 0; row->choices[i]; i++)
        if (strcmp(row->choices[i], text) == 0) {
            *(unsigned *)value = i;
            return true;
        }
    return false;
}

static bool argument_time(const struct argument *row, const char *text, void *value)
{
    *(int64_t *)value = INSTANT_MAX;
    return (row->or_empty && !*text) || instant_parse(text, instant_now(), value) == 0;
}

static bool argument_duration(const struct argument *row, const char *text, void *value)
{
    return duration_parse(text, value) == 0 && *(int64_t *)value > 0;
}

static bool argument_seconds(const struct argument *row, const char *text, void *value)
{
    uint64_t seconds;

    if (!argument_number(text, INT64_MAX / INSTANT_SECOND, NULL, &seconds))
        return false;
    *(int64_t *)value = (int64_t)seconds * INSTANT_SECOND;
    return true;
}

static bool argument_size(const struct argument *row, const char *text, void *value)
{
    static const char units[] = "KMGT";
    const char *end;
    uint64_t size;

    if (!argument_number(text, UINT64_MAX, &end, &size))
        return false;
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (*end && (!unit || end[1]))
        return false;
    if (unit && __builtin_mul_overflow(size, UINT64_C(1) << (10 * (unit - units + 1)), &size))
        return false;
    *(uint64_t *)value = size;
    return size > 0;
}

/* The greatest one means nobody. */
static bool argument_id(const struct argument *row, const char *text, void *value)
{
    uint64_t id;

    if (!argument_number(text, UINT32_MAX - 1, NULL, &id))
        return false;
    *(uid_t *)value = (uid_t)id;
    return true;
}

static bool argument_mode(const struct argument *row, const char *text, void *value)
{
    size_t length = strlen(text);
    unsigned long mode = strtoul(text, NULL, 8);

    if (row->or_empty && !length) {
        *(int *)value = -1;
        return true;
    }
    if (!length || length > 4 || strspn(text, "01234567") != length || mode > 0777)
        return false;
    *(int *)value = (int)mode;
    return true;
}

static const struct {
    argument_reader *read;
    const char *expected;
} kinds[] = {
    [ARGUMENT_SWITCH] = {argument_switch, "true or false"},
    [ARGUMENT_QUESTION] = {argument_switch, "true or false"},
    [ARGUMENT_TEXT] = {argument_text, "a value"},
    [ARGUMENT_CHOICE] = {argument_choice, NULL},
    [ARGUMENT_TIME] = {argument_time, "a time, such as 2024-11-04T10:30:00Z, 2024-11-04 10:30, @1730716200, "
                                      "30m-ago, 2h-ago, 3d-ago or now"},
    [ARGUMENT_DURATION] = {argument_duration, "a duration, such as 90m, 1h30m or 2d"},
    [ARGUMENT_SECONDS] = {argument_seconds, "whole seconds, such as 10"},
    [ARGUMENT_SIZE] = {argument_size, "bytes, such as 20G; K, M, G and T are understood"},
    [ARGUMENT_ID] = {argument_id, "the number of a user or a group"},
    [ARGUMENT_MODE] = {argument_mode, "an octal mode, such as 0640"},
};

void argument_set_fallback(const struct argument *row, void *values)
{
    void *value = (char *)values + row->offset;

    if (row->kind == ARGUMENT_TIME)
        *(int64_t *)value = INSTANT_MAX;
    else if (row->kind == ARGUMENT_MODE)
        *(int *)value = -1;
    if (row->fallback)
        kinds[row->kind].read(row, row->fallback, value);
}

int argument_set(const struct argument *row, const char *text, const char *prefix, const char *join,
                 void *values, struct task *task)
{
    if (kinds[row->kind].read(row, text, (char *)values + row->offset))
        return 0;
    return task_fail(task, EINVAL, "%s%s%s%s: expected %s", prefix, row->name, join, text,
                     row->expected ? row->expected : kinds[row->kind].expected);
}
