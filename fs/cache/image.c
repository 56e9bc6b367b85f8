#include "image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "litemount/cleanup.h"

#define TOUCH_SECONDS 60

static struct image_bucket *image_bucket_of(struct cache *cache, const struct digest *digest)
{
    return &cache->buckets[digest_number(digest) % IMAGE_BUCKETS];
}

static struct cache_image *image_find_locked(struct cache *cache, const struct digest *digest, size_t piece)
{
    struct cache_image *image;
    for (image = LIST_FIRST(image_bucket_of(cache, digest)); image; image = LIST_NEXT(image, in_bucket))
        if (image->piece == piece && memcmp(&image->digest, digest, sizeof *digest) == 0)
            return image;
    return NULL;
}

/* An identity's first two lines with a slash between them. NULL: no memory. */
static char *image_name_of(const char *identity)
{
    size_t first = strcspn(identity, "\n"),
           second = identity[first] ? strcspn(identity + first + 1, "\n") : 0;
    char *name = strndup(identity, first + (identity[first] ? 1 + second : 0));

    if (name && name[first])
        name[first] = '/';
    return name;
}

static struct cache_image *image_add_locked(struct cache *cache, const char *identity,
                                            const struct digest *digest, size_t piece)
{
    _cleanup_free_ struct cache_image *image = calloc(1, sizeof *image);

    if (!image || !(image->name = image_name_of(identity)))
        return NULL;
    image->cache = cache;
    image->digest = *digest;
    image->piece = piece;
    image->end = IMAGE_END_UNKNOWN;
    pthread_mutex_init(&image->lock, NULL);
    pthread_cond_init(&image->changed, NULL);
    LIST_INIT(&image->makings);
    LIST_INIT(&image->readers);
    LIST_INSERT_HEAD(image_bucket_of(cache, digest), image, in_bucket);
    return steal_pointer(image);
}

static void image_free_if_unused_locked(struct cache_image *image)
{
    if (image->references > 0 || image->file)
        return;
    LIST_REMOVE(image, in_bucket);
    pthread_cond_destroy(&image->changed);
    pthread_mutex_destroy(&image->lock);
    free(image->name);
    free(image);
}

int cache_image_open(struct cache *cache, const char *identity, size_t piece, struct cache_image **ret_image)
{
    struct cache_image *image;
    struct digest digest;
    int r;

    if (piece < 512 || piece > 1 << 20 || (piece & (piece - 1)))
        return -EINVAL;
    r = digest_of(identity, &digest);
    if (r < 0)
        return r;
    pthread_mutex_lock(&cache->lock);
    image = image_find_locked(cache, &digest, piece);
    if (!image)
        image = image_add_locked(cache, identity, &digest, piece);
    if (image)
        image->references++;
    pthread_mutex_unlock(&cache->lock);
    if (!image)
        return -ENOMEM;
    *ret_image = image;
    return 0;
}

struct cache_image *cache_image_ref(struct cache_image *image)
{
    pthread_mutex_lock(&image->cache->lock);
    image->references++;
    pthread_mutex_unlock(&image->cache->lock);
    return image;
}

void cache_image_close(struct cache_image *image)
{
    if (!image)
        return;
    struct cache *cache = image->cache;
    pthread_mutex_lock(&cache->lock);
    image->references--;
    image_free_if_unused_locked(image);
    pthread_mutex_unlock(&cache->lock);
}

/* Gives up one reference. Returns the file if it was the last: to be closed, once the lock is let go. */
static struct piece_file *image_drop_reference_locked(struct piece_file *file)
{
    return --file->references == 0 ? file : NULL;
}

/* Takes the image's file from it, and frees an image that nobody has open. Returns as
 * image_drop_reference_locked.
 */
static struct piece_file *image_detach_locked(struct cache_image *image)
{
    struct piece_file *file = image->file;
    TAILQ_REMOVE(&image->cache->order, image, in_order);
    image->cache->n_files--;
    image->file = NULL;
    image_free_if_unused_locked(image);
    return image_drop_reference_locked(file);
}

/* If too many files are open: takes away the one whose last use is longest ago. */
static struct piece_file *image_detach_oldest_locked(struct cache *cache)
{
    struct cache_image *image;
    if (cache->n_files <= cache->most_files)
        return NULL;
    for (image = TAILQ_FIRST(&cache->order); image; image = TAILQ_NEXT(image, in_order))
        if (image->file->references == 1)
            return image_detach_locked(image);
    return NULL;
}

static struct piece_file *image_borrow(struct cache_image *image)
{
    struct cache *cache = image->cache;
    pthread_mutex_lock(&cache->lock);
    struct piece_file *file = image->file;
    if (file) {
        file->references++;
        TAILQ_REMOVE(&cache->order, image, in_order);
        TAILQ_INSERT_TAIL(&cache->order, image, in_order);
    }
    pthread_mutex_unlock(&cache->lock);
    return file;
}

/* Makes `opened` the image's file, unless another thread was faster, and borrows it. */
static struct piece_file *image_install(struct cache_image *image, struct piece_file *opened)
{
    struct cache *cache = image->cache;
    struct piece_file *surplus;

    pthread_mutex_lock(&cache->lock);
    if (image->file) {
        surplus = opened;
    } else {
        image->file = opened;
        TAILQ_INSERT_TAIL(&cache->order, image, in_order);
        cache->n_files++;
        opened->references++; /* the caller's; so it is not the one to go */
        surplus = image_detach_oldest_locked(cache);
        opened->references--;
    }
    pthread_mutex_unlock(&cache->lock);
    piece_file_close(surplus);
    return image_borrow(image);
}

static int64_t image_coarse_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

/* Whether a minute has passed since `*last`, which is set to now if so. One of several threads is told so. */
static bool image_minute_passed(_Atomic int64_t *last)
{
    int64_t now = image_coarse_seconds(), then = atomic_load_explicit(last, memory_order_relaxed);
    return now - then >= TOUCH_SECONDS && atomic_compare_exchange_strong(last, &then, now);
}

struct piece_file *image_acquire(struct cache_image *image, bool create)
{
    struct piece_file *file = image_borrow(image), *opened;

    /* Between the two another thread may forget the file again, or take it out of the folder. */
    while (!file) {
        if (piece_file_open(image->cache->folder, &image->digest, image->piece, create, &opened) < 0)
            return NULL;
        file = image_install(image, opened);
        if (file && piece_file_removed(file)) {
            image_forget(image, file);
            image_release(image->cache, file);
            file = NULL;
        }
    }
    if (image_minute_passed(&file->touched))
        piece_file_touch(file);
    if (image_minute_passed(&image->cache->swept))
        image_sweep(image->cache);
    return file;
}

void image_release(struct cache *cache, struct piece_file *file)
{
    pthread_mutex_lock(&cache->lock);
    file = image_drop_reference_locked(file);
    pthread_mutex_unlock(&cache->lock);
    piece_file_close(file);
}

void image_forget(struct cache_image *image, const struct piece_file *file)
{
    struct cache *cache = image->cache;
    struct piece_file *unused = NULL;
    pthread_mutex_lock(&cache->lock);
    if (image->file && (!file || image->file == file))
        unused = image_detach_locked(image);
    pthread_mutex_unlock(&cache->lock);
    piece_file_close(unused);
}

/* As image_forget, for a file whose image has to be found. */
static void image_forget_file(struct cache *cache, const struct piece_file *file)
{
    struct piece_file *unused = NULL;
    struct cache_image *image;

    pthread_mutex_lock(&cache->lock);
    for (image = TAILQ_FIRST(&cache->order); image; image = TAILQ_NEXT(image, in_order))
        if (image->file == file)
            break;
    if (image)
        unused = image_detach_locked(image);
    pthread_mutex_unlock(&cache->lock);
    piece_file_close(unused);
}

void image_sweep(struct cache *cache)
{
    struct piece_file *files[IMAGE_OPEN_FILES];
    struct cache_image *image;
    size_t n = 0;

    pthread_mutex_lock(&cache->lock);
    for (image = TAILQ_FIRST(&cache->order); image; image = TAILQ_NEXT(image, in_order)) {
        if (n == IMAGE_OPEN_FILES)
            break;
        image->file->references++;
        files[n++] = image->file;
    }
    pthread_mutex_unlock(&cache->lock);
    for (size_t i = 0; i < n; i++) {
        if (piece_file_removed(files[i]))
            image_forget_file(cache, files[i]);
        image_release(cache, files[i]);
    }
}

void image_finish_all(struct cache *cache)
{
    while (!TAILQ_EMPTY(&cache->order))
        piece_file_close(image_detach_locked(TAILQ_FIRST(&cache->order)));
}

bool cache_image_has(struct cache_image *image, uint64_t offset)
{
    uint64_t index = offset / image->piece;
    struct piece_file *file = image_acquire(image, false);
    bool has = file && piece_file_next(file, index, index + 1, true) == index;

    if (file)
        image_release(image->cache, file);
    return has || recent_has(&image->cache->recent, &image->digest, index);
}

uint64_t cache_image_missing(struct cache_image *image, uint64_t offset, uint64_t limit)
{
    uint64_t index = offset / image->piece, end = (limit + image->piece - 1) / image->piece;
    struct piece_file *file = image_acquire(image, false);

    do {
        index = file ? piece_file_next(file, index, end, false) : index;
    } while (index < end && recent_has(&image->cache->recent, &image->digest, index) && ++index < end);
    if (file)
        image_release(image->cache, file);
    return index * image->piece < limit ? index * image->piece : limit;
}
