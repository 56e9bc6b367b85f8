/* Growable arrays and bytes, with overflow-checked growth. Knows nothing of what they hold. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. Owns `data` (malloc); zero-initialise it, finish it with buffer_finish. */
struct buffer {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

void buffer_finish(struct buffer *buffer);

/* Makes room for `more` bytes behind those in use, without using them. 0 or -ENOMEM. */
int buffer_reserve(struct buffer *buffer, size_t more);

/* Appends a copy of `length` bytes. 0 or -ENOMEM. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t length);

/* Grows a malloc'd array of `*capacity` elements of `element` bytes so that it holds at least `needed`, at
 * least doubling it. 0 or -ENOMEM; on failure the array stays as it was. */
int array_grow(void **array, size_t *capacity, size_t element, size_t needed);

#define ARRAY_GROW(array, capacity, needed)                                                                  \
    array_grow((void **)&(array), &(capacity), sizeof *(array), (needed))
