#include "object_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "generation/object.h"
#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "v03_base.h"

#define HEAD_SIZE 4096         /* bytes: more than an age header for a few recipients */
#define WHOLE_HEAD (512 << 10) /* bytes: an object up to this is fetched whole when its head is looked at */

static int source_fail(const struct object_source *source, int code, struct task *task, const char *what)
{
    return object_fail(source->generation->replica, source->object, code, task, what);
}

/* Why decrypting failed with the negative errno `r`: `damage` is told if the object's bytes are to blame. */
static int object_refuse_sealed(const struct object_source *source, int r, const char *damage,
                                struct task *task)
{
    if (r == -ENOMEM)
        return r;
    if (r == -EOPNOTSUPP)
        return source_fail(source, EOPNOTSUPP, task,
                           "cannot be decrypted: OpenSSL is set up without the ciphers of age");
    return r == -EBADMSG ? source_fail(source, EBADMSG, task, damage)
                         : source_fail(source, -r, task, "cannot be decrypted");
}

/* Makes sure that the first `length` bytes are there, or all. */
static int object_fetch_head(struct object_source *source, bool anew, size_t length, struct task *task)
{
    uint64_t size = source->object->size;
    if (length > size)
        length = (size_t)size;
    if (length <= source->head.size)
        return 0;
    int r = buffer_reserve(&source->head, length - source->head.size);
    if (r == 0)
        r = object_read(source->generation->replica, source->object, anew, source->head.size,
                        length - source->head.size, source->head.data + source->head.size, task);
    if (r == 0)
        source->head.size = length;
    return r;
}

static int object_unseal(struct object_source *source, bool anew, struct task *task)
{
    const struct v03_generation *generation = source->generation;
    const struct object *object = source->object;
    int r = age_open(source->head.data, source->head.size, object->size, generation->identities,
                     generation->n_identities, &source->age);

    if (r == -EAGAIN && source->head.size < object->size) {
        if ((r = object_fetch_head(source, anew, AGE_HEADER_MAX, task)) < 0)
            return r;
        r = age_open(source->head.data, source->head.size, object->size, generation->identities,
                     generation->n_identities, &source->age);
    }
    if (r == -EKEYREJECTED)
        return source_fail(source, EACCES, task,
                           "is encrypted with age for another identity than the configuration's");
    if (r < 0)
        return object_refuse_sealed(source, r == -EAGAIN ? -EBADMSG : r,
                                    "is damaged: its age header does not hold", task);
    source->is_sealed = true;
    source->size = source->age.plain_size;
    return 0;
}

int object_source_open(struct v03_generation *generation, const struct object *object, bool anew,
                       struct task *task, struct object_source *ret_source)
{
    struct object_source source = {.generation = generation, .object = object, .size = object->size};
    int r = 0;

    if (generation->n_identities && object->size) {
        r = object_fetch_head(&source, anew, object->size <= WHOLE_HEAD ? WHOLE_HEAD : HEAD_SIZE, task);
        if (r == 0 && age_is_encrypted(source.head.data, source.head.size))
            r = object_unseal(&source, anew, task);
    }
    if (r < 0) {
        object_source_finish(&source);
        return r;
    }
    *ret_source = source;
    return 0;
}

void object_source_finish(struct object_source *source)
{
    if (source->is_sealed)
        age_file_finish(&source->age);
    buffer_finish(&source->head);
}

/* Reads bytes as they stand in the store. */
static int object_read_stored(const struct object_source *source, bool anew, uint64_t offset, size_t length,
                              void *bytes, struct task *task)
{
    if (!anew && offset <= source->head.size && length <= source->head.size - offset) {
        memcpy(bytes, source->head.data + offset, length);
        return 0;
    }
    return object_read(source->generation->replica, source->object, anew, offset, length, bytes, task);
}

/* Decrypts the chunks `first` to `last`, which stand one behind the other in `sealed`, and copies what is
 * wanted of them. */
static int object_decrypt_chunks(const struct object_source *source, uint64_t first, uint64_t last,
                                 const uint8_t *sealed, uint64_t offset, size_t length, uint8_t *bytes,
                                 struct task *task)
{
    _cleanup_free_ uint8_t *plain = malloc(AGE_CHUNK);
    uint64_t at, start;
    size_t span, size;

    if (!plain || age_chunk_place(&source->age, first, &start, &span) < 0)
        return -ENOMEM;
    for (uint64_t k = first; k <= last; k++) {
        int r = age_chunk_place(&source->age, k, &at, &span);
        if (r == 0)
            r = age_chunk_decrypt(&source->age, k, sealed + (at - start), span, plain, &size);
        if (r < 0)
            return object_refuse_sealed(source, r, "is damaged: an age chunk of it does not open", task);
        uint64_t begin = k * AGE_CHUNK, end = begin + size;
        uint64_t from = begin > offset ? begin : offset, to = end < offset + length ? end : offset + length;
        if (from < to)
            memcpy(bytes + (from - offset), plain + (from - begin), (size_t)(to - from));
    }
    return 0;
}

int object_source_read(const struct object_source *source, bool anew, uint64_t offset, size_t length,
                       void *bytes, struct task *task)
{
    uint64_t start, end;
    size_t span;

    if (length == 0)
        return 0; /* an empty object has no bytes to point to */
    if (!source->is_sealed)
        return object_read_stored(source, anew, offset, length, bytes, task);
    uint64_t first = offset / AGE_CHUNK, last = (offset + length - 1) / AGE_CHUNK;
    if (age_chunk_place(&source->age, first, &start, &span) < 0 ||
        age_chunk_place(&source->age, last, &end, &span) < 0)
        return source_fail(source, EBADMSG, task, "is cut short");
    size_t stored = (size_t)(end - start) + span;
    _cleanup_free_ uint8_t *sealed = malloc(stored);
    if (!sealed)
        return -ENOMEM;
    int r = object_read_stored(source, anew, start, stored, sealed, task);
    return r < 0 ? r : object_decrypt_chunks(source, first, last, sealed, offset, length, bytes, task);
}
