#include "snapshot_compare.h"
#include "v03/object_stream.h"

#include <string.h>

void snapshot_compare_begin(struct snapshot_comparison *comparison, struct cache_image *image)
{
    comparison->image = image;
    comparison->offset = 0;
    comparison->differs = false;
}

int snapshot_compare_sink(void *context, const uint8_t *bytes, size_t length)
{
    struct snapshot_comparison *comparison = context;

    for (size_t at = 0, part; at < length; at += part) {
        part = length - at < V03_PIECE ? length - at : V03_PIECE;
        size_t n = cache_image_peek(comparison->image, comparison->offset + at, part, comparison->kept);
        comparison->differs |= memcmp(comparison->kept, bytes + at, n) != 0;
    }
    comparison->offset += length;
    return 0;
}
