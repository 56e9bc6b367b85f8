/* Learning what is in LTX files: by one thread each, many at once. */
#include <stdlib.h>

#include "litemount/parallel.h"
#include "ltx_learn.h"
#include "ltx_time.h"

#define PARALLEL_FETCHES 64
#define WHOLE_OBJECTS (32 << 20) /* bytes of files that may be in memory, each whole, at once */

/* One file that is being learnt. */
struct ltx_claim {
    struct v05_generation *generation;
    struct ltx_file *file;
    struct ltx_found found;
};

static int ltx_file_find_out(void *context, struct task *task)
{
    struct ltx_claim *claim = context;
    return ltx_learn(claim->generation, claim->file, NULL, task, &claim->found);
}

static int ltx_file_take_over_locked(void *context)
{
    struct ltx_file *file = ((struct ltx_claim *)context)->file;
    const struct ltx_found *found = &((struct ltx_claim *)context)->found;

    file->table = found->table;
    file->image = found->image;
    file->sums = found->sums;
    if (file->time == LTX_TIME_UNKNOWN)
        file->time = file->table.head->time;
    return 0;
}

static void ltx_file_note_damage_locked(void *context)
{
    ((struct ltx_claim *)context)->generation->n_damaged++;
}

static int ltx_file_learn(struct v05_generation *generation, struct ltx_file *file, struct task *task)
{
    struct ltx_claim claim = {generation, file, {}};
    const struct learning learning = {
        &file->learnt,     &generation->base.lock,    &generation->base.learnt,   &claim,
        ltx_file_find_out, ltx_file_take_over_locked, ltx_file_note_damage_locked};
    return learnt_once(&learning, task);
}

struct ltx_files_learning {
    struct v05_generation *generation;
    struct ltx_file **files;
    size_t n; /* of which so many are to be learnt */
};

static int learn_item(void *context, size_t item, struct task *task)
{
    struct ltx_files_learning *learning = context;
    struct ltx_file *file = learning->files[item];
    return item < learning->n ? ltx_file_learn(learning->generation, file, task)
                              : ltx_time_ask(learning->generation, file, task);
}

/* Small files are in memory whole while they are learnt. */
static size_t count_at_once(struct ltx_file *const *files, size_t n)
{
    uint64_t largest = 1;
    for (size_t i = 0; i < n; i++)
        if (files[i]->object.size <= V05_WHOLE_OBJECT && files[i]->object.size > largest)
            largest = files[i]->object.size;
    return largest < WHOLE_OBJECTS / PARALLEL_FETCHES ? PARALLEL_FETCHES : (size_t)(WHOLE_OBJECTS / largest);
}

int ltx_files_learn(struct v05_generation *generation, struct ltx_file **files, size_t n, size_t n_timed,
                    struct task *task)
{
    struct ltx_files_learning learning = {generation, files, n};
    return parallel_each(n + n_timed, count_at_once(files, n), learn_item, &learning, task);
}
