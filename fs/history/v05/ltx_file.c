#include "ltx_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "generation/object.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "ltx_sums.h"

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

int ltx_file_read(const struct ltx_file *file, bool anew, uint64_t offset, size_t length, void *bytes,
                  struct task *task)
{
    return object_read(file->replica, &file->object, anew || file->failures, offset, length, bytes, task);
}

int ltx_file_read_start(const struct ltx_file *file, size_t length, void *bytes, struct task *task,
                        char **ret_time)
{
    int r = replica_read_with_metadata(file->replica, &file->object, 0, length, bytes, LTX_TIME_METADATA,
                                       task, ret_time);
    return r == -ENOENT ? -ESTALE : r;
}

char *ltx_file_identity(const struct ltx_file *file)
{
    _cleanup_free_ char *identity = object_identity(file->replica, &file->object);
    char *text;

    if (!identity || file->failures == 0)
        return steal_pointer(identity);
    return asprintf(&text, "%s\n%u", identity, file->failures) < 0 ? NULL : text;
}

int ltx_file_fail(const struct ltx_file *file, int code, struct task *task, const char *what)
{
    return object_fail(file->replica, &file->object, code, task, what);
}
