/* One WAL segment, and its decoded image: the bytes of its WAL. What is in it is learnt in segment_learn.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "object_stream.h"
#include "v03.h"

struct segment *segment_make(const struct object *object, uint32_t index, uint64_t offset)
{
    _cleanup_free_ struct segment *segment = calloc(1, sizeof *segment);
    if (!segment || object_copy(object, &segment->object) < 0)
        return NULL;
    atomic_init(&segment->references, 1);
    segment->index = index;
    segment->offset = offset;
    return steal_pointer(segment);
}

struct segment *segment_ref(struct segment *segment)
{
    atomic_fetch_add(&segment->references, 1);
    return segment;
}

void segment_unref(struct segment *segment)
{
    if (!segment || atomic_fetch_sub(&segment->references, 1) != 1)
        return;
    object_finish(&segment->object);
    free(segment->damage);
    free(segment->commits);
    free(segment);
}

struct image_source {
    struct v03_generation *generation;
    const struct segment *segment;
};

static int make_image(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                      struct task *task)
{
    const struct image_source *source = context;
    struct piece_writer writer = {.fill = fill};
    int r = object_decode(source->generation->replica, &source->segment->object, piece_writer_sink, &writer,
                          task);

    if (r == 0)
        r = piece_writer_end(&writer);
    piece_writer_finish(&writer);
    return r;
}

int64_t segment_read(struct v03_generation *generation, struct segment *segment, uint64_t offset,
                     size_t length, void *bytes, struct task *task)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &segment->object);
    struct image_source source = {generation, segment};
    struct cache_image *image;

    if (!identity || cache_image_open(generation->cache, identity, V03_PIECE, &image) < 0)
        return -ENOMEM;
    int64_t n = cache_image_read(image, offset, length, bytes, make_image, &source, task);
    cache_image_close(image);
    if (n >= 0 && (size_t)n < length)
        return task_fail(task, EIO, "%s/%s is shorter than it was", replica_url(generation->replica),
                         segment->object.key);
    return n;
}
