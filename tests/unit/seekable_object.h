/* An object in memory, made by liblz4, and who has it as a seekable frame: an image in memory to put into,
 * and a table that is kept. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <lz4frame.h>

#include "litemount/array.h"
#include "litemount/task.h"
#include "litemount/workspaces.h"
#include "seekable/seekable.h"

#define BLOCK (256u << 10) /* bytes */
#define N_BLOCKS 60        /* the last is short */
#define SIZE ((size_t)(N_BLOCKS - 1) * BLOCK + 1000)
#define PIECE (64u << 10)
#define N_PIECES (SIZE / PIECE + 1)
#define FAR 3000 /* microseconds: nobody hops through a store as far away */

/* Whoever has the frame. */
struct fixture {
    uint8_t *content;
    struct buffer object;
    struct workspaces workspaces;
    struct seekable *frame;

    useconds_t delay;  /* of each read */
    uint64_t flips_at; /* a byte that comes wrong; 0: none */
    bool flips_always; /* else only as long as nobody asks past the caches */
    atomic_size_t n_reads, n_read;

    pthread_mutex_t lock; /* guards what is below */
    uint8_t *image;
    bool there[N_PIECES];
    uint64_t end; /* of the image; 0: not told */
    struct buffer kept;
    uint64_t failed_sum;
    unsigned n_failures;
};

static inline int read_object(void *context, bool anew, uint64_t offset, size_t length, void *bytes,
                              struct task *task)
{
    struct fixture *fixture = context;

    assert_true(offset + length <= fixture->object.size);
    if (fixture->delay)
        usleep(fixture->delay);
    memcpy(bytes, fixture->object.data + offset, length);
    if (fixture->flips_at && fixture->flips_at >= offset && fixture->flips_at - offset < length &&
        (fixture->flips_always || !anew))
        ((uint8_t *)bytes)[fixture->flips_at - offset] ^= 0x70;
    atomic_fetch_add(&fixture->n_reads, 1);
    atomic_fetch_add(&fixture->n_read, length);
    return 0;
}

static inline int put(void *sink, uint64_t offset, const void *bytes, size_t length, bool last)
{
    struct fixture *fixture = sink;

    assert_int_equal(offset % PIECE, 0);
    assert_true(offset + length <= SIZE && (last || length % PIECE == 0));
    pthread_mutex_lock(&fixture->lock);
    memcpy(fixture->image + offset, bytes, length);
    for (size_t at = 0; at < length; at += PIECE)
        fixture->there[(offset + at) / PIECE] = true;
    fixture->end = last ? offset + length : fixture->end;
    pthread_mutex_unlock(&fixture->lock);
    return 0;
}

static inline size_t peek(void *context, uint64_t offset, size_t length, void *bytes)
{
    struct fixture *fixture = context;
    size_t n = 0;

    pthread_mutex_lock(&fixture->lock);
    while (n < length && offset + n < SIZE && fixture->there[(offset + n) / PIECE])
        ((uint8_t *)bytes)[n] = fixture->image[offset + n], n++;
    pthread_mutex_unlock(&fixture->lock);
    return n;
}

static inline void keep(void *context, const void *table, size_t length)
{
    struct fixture *fixture = context;

    pthread_mutex_lock(&fixture->lock);
    fixture->kept.size = 0;
    assert_int_equal(buffer_append(&fixture->kept, table, length), 0);
    pthread_mutex_unlock(&fixture->lock);
}

static inline int recall(void *context, struct buffer *table)
{
    struct fixture *fixture = context;
    return fixture->kept.size ? buffer_append(table, fixture->kept.data, fixture->kept.size) : -ENOENT;
}

static inline int note_failure(void *context, uint64_t sum, struct task *task, const char *why)
{
    struct fixture *fixture = context;

    pthread_mutex_lock(&fixture->lock);
    fixture->failed_sum = sum;
    fixture->n_failures++;
    pthread_mutex_unlock(&fixture->lock);
    return task_fail(task, EIO, "%s", why);
}

/* Opens it as if nothing had been read yet, but what was kept. */
static inline void open_again(struct fixture *fixture)
{
    const struct seekable_owner owner = {
        .context = fixture,
        .name = "the object",
        .size = fixture->object.size,
        .workspaces = &fixture->workspaces,
        .holder = fixture,
        .read = read_object,
        .put = put,
        .peek = peek,
        .keep = keep,
        .recall = recall,
        .fail = note_failure,
    };
    seekable_close(fixture->frame);
    assert_int_equal(seekable_open(&owner, &fixture->frame), 0);
    seekable_expect(fixture->frame, SIZE);
    fixture->n_reads = fixture->n_read = 0;
}

/* Compresses the content; `flushes`: a block of less than it could hold stands in between. */
static inline void compress(struct fixture *fixture, bool independent, bool flushes)
{
    const LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max256KB,
                      .blockMode = independent ? LZ4F_blockIndependent : LZ4F_blockLinked,
                      .contentChecksumFlag = LZ4F_contentChecksumEnabled}};
    size_t room = 2 * SIZE, first = flushes ? 5 * BLOCK + 10 : SIZE;
    uint8_t *out = malloc(room);
    LZ4F_cctx *encoder;

    assert_non_null(out);
    assert_false(LZ4F_isError(LZ4F_createCompressionContext(&encoder, LZ4F_VERSION)));
    size_t n = LZ4F_compressBegin(encoder, out, room, &preferences);
    n += LZ4F_compressUpdate(encoder, out + n, room - n, fixture->content, first, NULL);
    n += LZ4F_flush(encoder, out + n, room - n, NULL);
    n += LZ4F_compressUpdate(encoder, out + n, room - n, fixture->content + first, SIZE - first, NULL);
    n += LZ4F_compressEnd(encoder, out + n, room - n, NULL);
    assert_true(n < room);
    LZ4F_freeCompressionContext(encoder);
    fixture->object.size = 0;
    assert_int_equal(buffer_append(&fixture->object, out, n), 0);
    free(out);
}

static inline int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    uint32_t seed = 7;

    assert_non_null(fixture);
    fixture->content = malloc(SIZE);
    fixture->image = calloc(1, SIZE);
    assert_true(fixture->content && fixture->image);
    for (size_t i = 0; i < SIZE; i++) { /* shrinks to about two thirds */
        seed = seed * 1103515245 + 12345;
        fixture->content[i] = i % 3 ? (uint8_t)(seed >> 20) : 'x';
    }
    pthread_mutex_init(&fixture->lock, NULL);
    workspaces_init(&fixture->workspaces, 3, SEEKABLE_WORKSPACE);
    compress(fixture, true, false);
    open_again(fixture);
    *state = fixture;
    return 0;
}

static inline int end(void **state)
{
    struct fixture *fixture = *state;

    seekable_close(fixture->frame);
    workspaces_finish(&fixture->workspaces);
    pthread_mutex_destroy(&fixture->lock);
    buffer_finish(&fixture->object);
    buffer_finish(&fixture->kept);
    free(fixture->content);
    free(fixture->image);
    free(fixture);
    return 0;
}
