#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "generation/object.h"
#include "litemount/cleanup.h"
#include "seekable/seekable.h"
#include "snapshot_parts.h"
#include "v03/object/object_source.h"
#include "v03/object/object_stream.h"
#include "v03/object/v03_base.h"

struct snapshot *snapshot_make(const struct object *object, uint32_t index)
{
    _cleanup_free_ struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot || object_copy(object, &snapshot->object) < 0)
        return NULL;
    atomic_init(&snapshot->references, 1);
    pthread_mutex_init(&snapshot->lock, NULL);
    pthread_cond_init(&snapshot->changed, NULL);
    snapshot->index = index;
    return steal_pointer(snapshot);
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&snapshot->references, 1) != 1)
        return;
    seekable_close(snapshot->frame);
    if (snapshot->source)
        object_source_finish(snapshot->source);
    free(snapshot->source);
    cache_image_close(snapshot->image);
    free(snapshot->identity);
    free(snapshot->name);
    pthread_cond_destroy(&snapshot->changed);
    pthread_mutex_destroy(&snapshot->lock);
    object_finish(&snapshot->object);
    learnt_finish(&snapshot->learnt);
    free(atomic_load(&snapshot->failure));
    free(snapshot);
}

/* Gives what it opened to the snapshot, or, if another was faster, lets go of it. */
static void snapshot_install(struct snapshot *snapshot, struct v03_generation *generation, char *name,
                             char *identity, struct cache_image *image)
{
    pthread_mutex_lock(&snapshot->lock);
    bool mine = !snapshot->image;
    if (mine) {
        snapshot->generation = generation;
        snapshot->name = name;
        snapshot->identity = identity;
        snapshot->image = image;
    }
    pthread_mutex_unlock(&snapshot->lock);
    if (!mine) {
        cache_image_close(image);
        free(identity);
        free(name);
    }
}

int snapshot_open(struct v03_generation *generation, struct snapshot *snapshot)
{
    _cleanup_free_ char *name = NULL, *identity = NULL;
    struct cache_image *image;

    pthread_mutex_lock(&snapshot->lock);
    bool is_open = snapshot->image;
    pthread_mutex_unlock(&snapshot->lock);
    if (is_open)
        return 0;
    identity = object_identity(generation->replica, &snapshot->object);
    if (!identity || asprintf(&name, "%s/%s", replica_url(generation->replica), snapshot->object.key) < 0 ||
        cache_image_open(generation->cache, identity, V03_PIECE, &image) < 0)
        return -ENOMEM;
    snapshot_install(snapshot, generation, steal_pointer(name), steal_pointer(identity), image);
    return 0;
}

uint64_t snapshot_size(struct snapshot *snapshot, bool *ret_is_exact)
{
    pthread_mutex_lock(&snapshot->lock);
    uint64_t size = snapshot->size;
    *ret_is_exact = snapshot->is_exact;
    pthread_mutex_unlock(&snapshot->lock);
    return size;
}
