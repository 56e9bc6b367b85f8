/* Growable arrays and bytes, with overflow-checked growth; a search in sorted ones. Knows nothing of what
 * they hold. */
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
void buffer_wipe(struct buffer *buffer); /* the same, of a secret: overwrites the bytes in use first */

/* Makes room for `more` bytes behind those in use, without using them. 0 or -ENOMEM. */
int buffer_reserve(struct buffer *buffer, size_t more);

/* Appends a copy of `length` bytes. 0 or -ENOMEM. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t length);

/* Grows a malloc'd array of `*capacity` elements of `element` bytes so that it holds at least `needed`, at
 * least doubling it. 0 or -ENOMEM; on failure the array stays as it was. */
int array_grow(void **array, size_t *capacity, size_t element, size_t needed);

#define ARRAY_GROW(array, capacity, needed)                                                                  \
    array_grow((void **)&(array), &(capacity), sizeof *(array), (needed))

/* How many of `n` sorted elements come before what is looked for, which is the number of the first that does
 * not. `is_before` is an expression that tells it of element `i`, true for all up to some element and false
 * from there on: ARRAY_LOWER_BOUND(n, i, times[i] < time). */
#define ARRAY_LOWER_BOUND(n, i, is_before)                                                                   \
    ({                                                                                                       \
        size_t bound_low = 0, bound_high = (n);                                                              \
        while (bound_low < bound_high) {                                                                     \
            size_t i = bound_low + (bound_high - bound_low) / 2;                                             \
            if (is_before)                                                                                   \
                bound_low = i + 1;                                                                           \
            else                                                                                             \
                bound_high = i;                                                                              \
        }                                                                                                    \
        bound_low;                                                                                           \
    })
