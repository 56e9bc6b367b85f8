#include "ltx_time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/parallel.h"
#include "litemount/task.h"

#define PARALLEL_HEADS 32
#define KIND "times"
#define METADATA "litestream-timestamp"

/* The fact is text: a line a file, "NANOSECONDS KEY SIZE VERSION", in the order of these lines' names for
 * objects. */

/* The times that are to be found out. */
struct inquiry {
    struct v05_generation *generation;
    struct ltx_file **files;
    size_t n;
};

static char *describe(const struct object *object)
{
    char *text;
    return asprintf(&text, "%s %" PRIu64 " %s", object->key, object->size, object->version) < 0 ? NULL : text;
}

static char *fact_identity(const struct v05_generation *generation)
{
    char *text;
    return asprintf(&text, "%s\nltx", replica_url(generation->replica)) < 0 ? NULL : text;
}

static int by_description(const void *left, const void *right)
{
    return strcmp(strchr(*(char *const *)left, ' '), strchr(*(char *const *)right, ' '));
}

/* Splits the fact into lines, in order. */
static int split(struct buffer *fact, char ***ret_lines, size_t *ret_n)
{
    _cleanup_free_ char **lines = NULL;
    size_t n = 0, capacity = 0;
    int r = buffer_append(fact, "", 1);
    char *rest = (char *)fact->data, *line;

    while (r == 0 && (line = strsep(&rest, "\n")))
        if (strchr(line, ' ') && (r = ARRAY_GROW(lines, capacity, n + 1)) == 0)
            lines[n++] = line;
    if (r < 0)
        return r;
    if (n)
        qsort(lines, n, sizeof *lines, by_description);
    *ret_lines = steal_pointer(lines);
    *ret_n = n;
    return 0;
}

/* Takes the times that an earlier mount found out. */
static int recall(const struct inquiry *inquiry, char **lines, size_t n_lines)
{
    for (size_t i = 0; i < inquiry->n && n_lines; i++) {
        _cleanup_free_ char *description = describe(&inquiry->files[i]->object), *key = NULL;
        if (!description || asprintf(&key, " %s", description) < 0)
            return -ENOMEM;
        char **found = bsearch(&key, lines, n_lines, sizeof *lines, by_description);
        if (found)
            inquiry->files[i]->time = strtoll(*found, NULL, 10);
    }
    return 0;
}

static int find_out(void *context, size_t item, struct task *task)
{
    struct inquiry *inquiry = context;
    struct ltx_file *file = inquiry->files[item];
    _cleanup_free_ char *value = NULL;

    if (file->time != LTX_TIME_UNKNOWN)
        return 0;
    int r = replica_metadata(file->replica, &file->object, METADATA, task, &value);
    if (r == -ENODATA || r == -ENOENT) {
        task_forgive(task);
        file->time = file->object.modified;
        return 0;
    }
    if (r < 0)
        return r;
    if (instant_parse(value, 0, &file->time) < 0)
        file->time = file->object.modified;
    return 0;
}

static void remember(const struct inquiry *inquiry, const char *identity)
{
    struct buffer fact = {0};
    int r = 0;

    for (size_t i = 0; i < inquiry->n && r == 0; i++) {
        _cleanup_free_ char *description = describe(&inquiry->files[i]->object), *line = NULL;
        if (!description || asprintf(&line, "%" PRId64 " %s\n", inquiry->files[i]->time, description) < 0)
            r = -ENOMEM;
        else
            r = buffer_append(&fact, line, strlen(line));
    }
    if (r == 0)
        cache_put_fact(inquiry->generation->cache, identity, KIND, fact.data, fact.size);
    buffer_finish(&fact);
}

int ltx_times_learn(struct v05_generation *generation, struct ltx_file **files, size_t n, struct task *task)
{
    struct inquiry inquiry = {.generation = generation, .files = files, .n = n};
    _cleanup_free_ char *identity = fact_identity(generation), **lines = NULL;
    struct buffer fact = {0};
    size_t n_lines = 0;
    int r = identity ? 0 : -ENOMEM;
    bool unknown = false;

    for (size_t i = 0; i < n; i++)
        unknown = unknown || files[i]->time == LTX_TIME_UNKNOWN;
    if (r == 0 && unknown && cache_get_fact(generation->cache, identity, KIND, &fact) == 0)
        r = split(&fact, &lines, &n_lines);
    if (r == 0)
        r = recall(&inquiry, lines, n_lines);
    if (r == 0 && unknown)
        r = parallel_each(n, PARALLEL_HEADS, find_out, &inquiry, task);
    if (r == 0 && unknown)
        remember(&inquiry, identity);
    buffer_finish(&fact);
    return r;
}
