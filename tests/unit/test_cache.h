/* What the tests of the cache share: a folder of their own, and an image whose bytes follow from their place,
 * made by a maker that counts. */
#pragma once

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"

#define MAX_PIECES 65536

/* An object: `size` bytes, made in blocks of `block` bytes (a multiple of the piece size). */
struct source {
    uint64_t size, seed;
    size_t piece, block;
    int failure; /* a negative errno that makes end with, nothing made */
    void (*during)(struct source *source, struct task *task); /* called in each make, before the puts */
    cache_unit *unit;
    atomic_uint calls;
    atomic_uint made[MAX_PIECES]; /* how often each piece was made */
};

/* Eight bytes at once, from a multiple of eight on. */
static inline uint64_t source_word(const struct source *source, uint64_t place)
{
    uint64_t x = (place / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ source->seed * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 29;
}

static inline void source_fill(const struct source *source, uint64_t offset, size_t length, uint8_t *bytes)
{
    uint64_t word = source_word(source, offset);
    for (size_t i = 0; i < length; i++) {
        unsigned place = (offset + i) % 8;
        if (place == 0)
            word = source_word(source, offset + i);
        bytes[i] = (uint8_t)(word >> 8 * place);
    }
}

/* Puts one block, or what the image has of it. */
static inline int source_put(struct source *source, uint64_t offset, struct cache_fill *fill)
{
    size_t length = source->size - offset < source->block ? source->size - offset : source->block;
    bool last = offset + length == source->size;
    _cleanup_free_ uint8_t *bytes = malloc(length + 1);

    source_fill(source, offset, length, bytes);
    for (uint64_t at = offset; at < offset + length; at += source->piece)
        if (at / source->piece < MAX_PIECES)
            atomic_fetch_add(&source->made[at / source->piece], 1);
    return cache_fill_put(fill, offset, bytes, length, last);
}

static inline int source_make(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                              struct task *task)
{
    struct source *source = context;
    uint64_t end = offset + length < source->size ? offset + length : source->size;
    int r = 0;

    atomic_fetch_add(&source->calls, 1);
    if (source->during)
        source->during(source, task);
    if (task_cancelled(task))
        return -ECANCELED;
    if (source->failure < 0)
        return task_fail(task, -source->failure, "the source is broken");
    if (offset >= source->size)
        offset = source->size - 1; /* the last block says where the end is */
    for (offset -= offset % source->block; r == 0 && offset < end; offset += source->block)
        r = source_put(source, offset, fill);
    return r;
}

/* Reads, and compares every byte. Returns what the read returned. */
static inline int64_t read_and_compare(struct cache_image *image, struct source *source, uint64_t offset,
                                       size_t length, struct task *task)
{
    _cleanup_free_ uint8_t *bytes = malloc(length + 1), *right = malloc(length + 1);
    int64_t n = cache_image_read(
        image, offset, length, bytes,
        &(struct cache_maker){.make = source_make, .unit = source->unit, .context = source}, task);

    if (n <= 0)
        return n;
    source_fill(source, offset, (size_t)n, right);
    return memcmp(bytes, right, (size_t)n) == 0 ? n : -EBADMSG;
}

/* What a read must return. */
static inline int64_t expected_length(const struct source *source, uint64_t offset, size_t length)
{
    if (offset >= source->size)
        return 0;
    return (int64_t)(source->size - offset < length ? source->size - offset : length);
}

#define assert_read(image, source, offset, length)                                                           \
    do {                                                                                                     \
        struct task task_;                                                                                   \
        task_init(&task_, NULL);                                                                             \
        assert_int_equal(read_and_compare(image, source, offset, length, &task_),                            \
                         expected_length(source, offset, length));                                           \
    } while (0)

static inline int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    return remove(path);
}

/* A folder that is there for one test: *state is its path. */
static inline int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path;
    if (asprintf(&path, "%s/cache-test-XXXXXX", base ? base : "/tmp") < 0 || !mkdtemp(path))
        return -1;
    *state = path;
    return 0;
}

static inline int remove_folder(void **state)
{
    nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return 0;
}

#define folder_test(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

static uint64_t total_size; /* of the walk under way */

static inline int add_size(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    total_size += (uint64_t)info->st_blocks * 512;
    return 0;
}

/* As du does: bytes occupied by all files and folders below. */
static inline uint64_t disk_usage(const char *path)
{
    total_size = 0;
    nftw(path, add_size, 16, FTW_PHYS);
    return total_size;
}

static inline struct cache *open_cache(const char *folder, uint64_t limit)
{
    struct cache *cache = NULL;
    struct task task;
    task_init(&task, NULL);
    int r = cache_open(folder, limit, &task, &cache);
    if (r < 0)
        print_message("cache_open: %s\n", task_reason(&task, r));
    assert_int_equal(r, 0);
    return cache;
}

static inline struct cache_image *open_image(struct cache *cache, const struct source *source,
                                             const char *name)
{
    struct cache_image *image = NULL;
    assert_int_equal(cache_image_open(cache, name, source->piece, &image), 0);
    return image;
}
