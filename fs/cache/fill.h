/* What the maker of a run of pieces fills. */
#pragma once

struct cache_image;

/* Plain value, on the stack of the reader that makes; valid during its make. */
struct cache_fill {
    struct cache_image *image;
    unsigned discards; /* the image's when the make began: once it has changed nothing is stored */
};
