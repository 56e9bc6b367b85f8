/* A look at an LZ4 frame as its bytes come, before they are decoded: whether a match in it refers to zero
 * bytes back. That says nothing, and liblz4 1.9 takes it for whatever its memory held before. Source:
 * github.com/lz4/lz4, doc/lz4_Block_format.md: "the value 0 is invalid". */
#pragma once

#include "litemount/lz4frame.h"

struct lz4_scan {
    const struct lz4_frame *frame; /* borrowed */
    uint8_t header[LZ4_BLOCK_HEADER_SIZE];
    size_t header_size; /* bytes of a block header that came */
    size_t data_left;   /* bytes of the block's sequences to come */
    size_t literals;    /* bytes of literals to come; or their length as far as it is known */
    size_t behind;      /* bytes behind the sequences to come: data that is stored as it is, a checksum */
    bool ended;         /* the end mark came */
    enum { SCAN_TOKEN, SCAN_LITERAL_LENGTH, SCAN_OFFSET_LOW, SCAN_OFFSET_HIGH, SCAN_MATCH_LENGTH } state;
    uint8_t token, offset_low;
};

/* Begins behind the frame's header. */
void lz4_scan_init(struct lz4_scan *scan, const struct lz4_frame *frame);

/* 0 or -EBADMSG. */
int lz4_scan_feed(struct lz4_scan *scan, const uint8_t *bytes, size_t length);
