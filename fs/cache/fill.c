/* What becomes of the bytes that a maker puts: they are stored, or else remembered for a while, and given to
 * whoever waits for them. And how all of them are dropped again. */
#include <errno.h>

#include "evict.h"
#include "fill.h"
#include "image.h"

/* Refuses what can't be part of the image: it would be stored under a name that says otherwise. */
static int fill_check(struct cache_image *image, uint64_t offset, size_t length, bool last)
{
    uint64_t end, known;

    if (offset % image->piece || (!last && length % image->piece) ||
        __builtin_add_overflow(offset, length, &end) || end > INT64_MAX)
        return -EINVAL;
    pthread_mutex_lock(&image->lock);
    known = image->end;
    pthread_mutex_unlock(&image->lock);
    if (known != IMAGE_END_UNKNOWN && (end > known || (last && end != known)))
        return -EINVAL;
    return 0;
}

static bool fill_is_discarded(const struct cache_fill *fill)
{
    pthread_mutex_lock(&fill->image->lock);
    bool discarded = fill->image->discards != fill->discards;
    pthread_mutex_unlock(&fill->image->lock);
    return discarded;
}

/* The file is taken before the look whether the image was discarded: one that is discarded after the look has
 * this very file removed. */
static int fill_write_pieces(struct cache_fill *fill, uint64_t offset, const void *bytes, size_t length,
                             bool last, uint64_t *ret_occupied)
{
    struct cache_image *image = fill->image;
    struct piece_file *file = image_acquire(image, true);
    int r = -ECANCELED;

    if (!file)
        return -EIO;
    if (!fill_is_discarded(fill))
        r = piece_file_write(file, offset, bytes, length, last, ret_occupied);
    if (r == -ESTALE)
        image_forget(image, file);
    image_release(image->cache, file);
    return r;
}

static int fill_store(struct cache_fill *fill, uint64_t offset, const void *bytes, size_t length, bool last)
{
    struct cache *cache = fill->image->cache;
    uint64_t cost = layout_cost(fill->image->piece, offset, length), occupied = 0;
    char name[FOLDER_NAME_SIZE];
    int r;

    folder_name(&fill->image->digest, "img", name);
    r = evict_reserve(cache, name, cost);
    if (r < 0)
        return r;
    r = fill_write_pieces(fill, offset, bytes, length, last, &occupied);
    if (r == -ESTALE) /* it was removed to make room; a new one takes its place */
        r = fill_write_pieces(fill, offset, bytes, length, last, &occupied);
    /* Not all file systems tell at once how much a write takes; less than its bytes it is not. */
    if (r == 0 && occupied < length)
        occupied = length;
    usage_written(&cache->usage, cost, occupied);
    return r;
}

/* The image's lock is held, so that a discard comes before, or drops what is put here. */
static void fill_remember(struct cache_image *image, uint64_t offset, const uint8_t *bytes, size_t length,
                          bool last)
{
    size_t done = 0;
    do {
        size_t size = length - done < image->piece ? length - done : image->piece;
        recent_put(&image->cache->recent, &image->digest, (offset + done) / image->piece, bytes + done, size,
                   last && done + size == length);
        done += size;
    } while (done < length);
}

int cache_fill_put(struct cache_fill *fill, uint64_t offset, const void *bytes, size_t length, bool last)
{
    struct cache_image *image = fill->image;
    int r = fill_check(image, offset, length, last);

    if (r < 0 || (length == 0 && !last))
        return r;
    if (length == 0)
        bytes = ""; /* only says where the end is; the caller may have no bytes to point to */
    r = fill_store(fill, offset, bytes, length, last);
    atomic_store(&image->cache->reads_through, r < 0);
    pthread_mutex_lock(&image->lock);
    if (r < 0 && image->discards == fill->discards)
        fill_remember(image, offset, bytes, length, last);
    if (last && image->discards == fill->discards)
        image->end = offset + length;
    reader_deliver_locked(image, fill->discards, offset, bytes, length);
    pthread_cond_broadcast(&image->changed);
    pthread_mutex_unlock(&image->lock);
    return 0;
}

/* Pieces that a make puts later, but began before, are not stored: see fill_write_pieces. */
void cache_image_discard(struct cache_image *image)
{
    struct cache *cache = image->cache;
    char name[FOLDER_NAME_SIZE];

    pthread_mutex_lock(&image->lock);
    image->discards++;
    image->end = IMAGE_END_UNKNOWN;
    recent_discard(&cache->recent, &image->digest);
    pthread_mutex_unlock(&image->lock);

    folder_name(&image->digest, "img", name);
    evict_file(cache, name);
    image_forget(image, NULL);
}
