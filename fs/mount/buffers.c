#include "buffers.h"

#include <stdlib.h>

/* Of a page: the kernel copies from and to its own pages, and where the two places differ by a few bytes only
 * a copy takes twice as long. */
#define ALIGNMENT 4096

void buffers_init(struct buffers *buffers, size_t size)
{
    *buffers = (struct buffers){.size = size};
    pthread_mutex_init(&buffers->lock, NULL);
}

void buffers_finish(struct buffers *buffers)
{
    for (size_t i = 0; i < buffers->n; i++)
        free(buffers->kept[i]);
    pthread_mutex_destroy(&buffers->lock);
}

void *buffers_take(struct buffers *buffers)
{
    pthread_mutex_lock(&buffers->lock);
    void *bytes = buffers->n ? buffers->kept[--buffers->n] : NULL;
    pthread_mutex_unlock(&buffers->lock);
    return bytes ? bytes : aligned_alloc(ALIGNMENT, buffers->size);
}

void buffers_give(struct buffers *buffers, void *bytes)
{
    pthread_mutex_lock(&buffers->lock);
    if (buffers->n < BUFFERS_KEPT) {
        buffers->kept[buffers->n++] = bytes;
        bytes = NULL;
    }
    pthread_mutex_unlock(&buffers->lock);
    free(bytes);
}
