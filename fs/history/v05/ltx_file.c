/* LTX files as they are listed, and learning what is in them: by one thread each, many at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "ltx_learn.h"
#include "ltx_sums.h"
#include "ltx_time.h"

#define PARALLEL_FETCHES 64
#define WHOLE_OBJECTS (32 << 20) /* bytes of files that may be in memory, each whole, at once */

struct ltx_file *ltx_file_make(struct v05_generation *generation, struct replica *replica,
                               const struct object *object, unsigned level, uint64_t min, uint64_t max)
{
    _cleanup_free_ struct ltx_file *file = calloc(1, sizeof *file);
    if (!file || object_copy(object, &file->object) < 0)
        return NULL;
    atomic_init(&file->references, 1);
    file->generation = generation;
    file->replica = replica;
    file->level = level;
    file->min_txid = min;
    file->max_txid = max;
    file->time = replica_keeps_metadata(replica) ? LTX_TIME_UNKNOWN : object->modified;
    return steal_pointer(file);
}

struct ltx_file *ltx_file_ref(struct ltx_file *file)
{
    atomic_fetch_add(&file->references, 1);
    return file;
}

void ltx_file_unref(struct ltx_file *file)
{
    if (!file || atomic_fetch_sub(&file->references, 1) != 1)
        return;
    object_finish(&file->object);
    ltx_table_finish(&file->table);
    cache_image_close(file->image);
    ltx_sums_close(file->sums);
    learnt_finish(&file->learnt);
    free(file);
}

/* One file that is being learnt. */
struct ltx_lesson {
    struct v05_generation *generation;
    struct ltx_file *file;
    struct ltx_found found;
};

static int ltx_file_find_out(void *context, struct task *task)
{
    struct ltx_lesson *lesson = context;
    return ltx_learn(lesson->generation, lesson->file, NULL, task, &lesson->found);
}

static int ltx_file_take_over_locked(void *context)
{
    struct ltx_file *file = ((struct ltx_lesson *)context)->file;
    const struct ltx_found *found = &((struct ltx_lesson *)context)->found;

    file->table = found->table;
    file->image = found->image;
    file->sums = found->sums;
    if (file->time == LTX_TIME_UNKNOWN)
        file->time = file->table.head->time;
    return 0;
}

static void ltx_file_note_damage_locked(void *context)
{
    ((struct ltx_lesson *)context)->generation->n_damaged++;
}

static int ltx_file_learn(struct v05_generation *generation, struct ltx_file *file, struct task *task)
{
    struct ltx_lesson lesson = {generation, file, {}};
    const struct learning learning = {
        &file->learnt,     &generation->lock,         &generation->learnt,        &lesson,
        ltx_file_find_out, ltx_file_take_over_locked, ltx_file_note_damage_locked};
    return learnt_once(&learning, task);
}

struct lessons {
    struct v05_generation *generation;
    struct ltx_file **files;
    size_t n; /* of which so many are to be learnt */
};

static int learn_item(void *context, size_t item, struct task *task)
{
    struct lessons *lessons = context;
    struct ltx_file *file = lessons->files[item];
    return item < lessons->n ? ltx_file_learn(lessons->generation, file, task)
                             : ltx_time_ask(lessons->generation, file, task);
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
    struct lessons lessons = {generation, files, n};
    return parallel_each(n + n_timed, count_at_once(files, n), learn_item, &lessons, task);
}
