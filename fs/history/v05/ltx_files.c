/* Learning what is in LTX files: by one thread each, many at once. */
#include <stdlib.h>

#include "litemount/parallel.h"
#include "ltx_learn.h"
#include "ltx_time.h"

/* One file that is being learnt. */
struct ltx_file_learning {
    struct v05_generation *generation;
    struct ltx_file *file;
    struct ltx_found found;
};

static int ltx_file_find_out(void *context, struct task *task)
{
    struct ltx_file_learning *one = context;
    return ltx_learn(one->generation, one->file, NULL, task, &one->found);
}

static int ltx_file_take_over_locked(void *context)
{
    struct ltx_file *file = ((struct ltx_file_learning *)context)->file;
    const struct ltx_found *found = &((struct ltx_file_learning *)context)->found;

    file->table = found->table;
    file->image = found->image;
    file->sums = found->sums;
    if (file->time == LTX_TIME_UNKNOWN)
        file->time = file->table.head->time;
    return 0;
}

static void ltx_file_note_damage_locked(void *context)
{
    ((struct ltx_file_learning *)context)->generation->n_damaged++;
}

static int ltx_file_learn(struct v05_generation *generation, struct ltx_file *file, struct task *task)
{
    struct ltx_file_learning one = {.generation = generation, .file = file};
    const struct learning learning = {
        .learnt = &file->learnt,
        .lock = &generation->base.lock,
        .changed = &generation->base.learnt,
        .context = &one,
        .find_out = ltx_file_find_out,
        .take_over_locked = ltx_file_take_over_locked,
        .note_damage_locked = ltx_file_note_damage_locked,
    };
    return learnt_once(&learning, task);
}

struct ltx_files_learning {
    struct v05_generation *generation;
    struct ltx_file **files;
    size_t n; /* of which so many are to be learnt */
};

static int ltx_learn_item(void *context, size_t item, struct task *task)
{
    struct ltx_files_learning *learning = context;
    struct ltx_file *file = learning->files[item];
    return item < learning->n ? ltx_file_learn(learning->generation, file, task)
                              : ltx_time_ask(learning->generation, file, task);
}

static size_t ltx_count_at_once(struct ltx_file *const *files, size_t n)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < n; i++)
        if (files[i]->object.size <= V05_WHOLE_OBJECT && files[i]->object.size > largest)
            largest = files[i]->object.size;
    return learnt_at_once(largest);
}

int ltx_files_learn(struct v05_generation *generation, struct ltx_file **files, size_t n, size_t n_timed,
                    struct task *task)
{
    struct ltx_files_learning learning = {generation, files, n};
    return parallel_each(n + n_timed, ltx_count_at_once(files, n), ltx_learn_item, &learning, task);
}
