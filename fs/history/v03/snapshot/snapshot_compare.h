/* A snapshot's bytes as they come once more, beside what the cache has of its image. */
#pragma once

#include "v03/object_stream.h"

/* Plain value; everything is borrowed. */
struct snapshot_comparison {
    struct cache_image *image;
    uint64_t offset; /* in the image, of what comes next */
    bool differs;
    uint8_t kept[V03_PIECE];
};

void snapshot_compare_begin(struct snapshot_comparison *comparison, struct cache_image *image);

/* An lz4_sink. What the cache has is wrong only if the rest of what comes holds. */
int snapshot_compare_sink(void *comparison, const uint8_t *bytes, size_t length);
