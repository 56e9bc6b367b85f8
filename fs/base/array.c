#include "litemount/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int array_grow(void **array, size_t *capacity, size_t element, size_t needed)
{
    if (needed <= *capacity)
        return 0;
    size_t wanted = *capacity > SIZE_MAX / 2 ? needed : *capacity * 2;
    if (wanted < needed)
        wanted = needed;
    if (wanted < 8)
        wanted = 8;
    void *grown = reallocarray(*array, wanted, element);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *capacity = wanted;
    return 0;
}

void buffer_finish(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_wipe(struct buffer *buffer)
{
    if (buffer->data)
        explicit_bzero(buffer->data, buffer->size);
    buffer_finish(buffer);
}

int buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t needed;
    if (__builtin_add_overflow(buffer->size, more, &needed))
        return -ENOMEM;
    return ARRAY_GROW(buffer->data, buffer->capacity, needed);
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    int r = buffer_reserve(buffer, length);
    if (r < 0)
        return r;
    if (length)
        memcpy(buffer->data + buffer->size, bytes, length);
    buffer->size += length;
    return 0;
}
