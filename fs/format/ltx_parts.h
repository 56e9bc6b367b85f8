/* What the files that read LTX share with each other only. */
#pragma once

#include "litemount/ltx.h"

/* Set in every checksum, so that none is zero. */
#define LTX_CHECKSUM_SET (UINT64_C(1) << 63)

#define LTX_INDEX_SIZE_MIN 1 /* bytes: the end marker */
#define LTX_FILE_SIZE_MIN (LTX_HEADER_SIZE + LTX_PAGE_HEADER_SIZE + LTX_INDEX_SIZE_MIN + LTX_INDEX_TAIL_SIZE)

uint32_t ltx_read_u32(const uint8_t *bytes);
uint64_t ltx_read_u64(const uint8_t *bytes);

/* How many bytes a page frame takes, as far as its first `length` bytes tell: if `*ret_span` is at most
 * `length`, the whole frame; else it is longer than what was given, and *ret_span bytes tell more. The header
 * of six zeros that ends the pages is a frame too. Returns 0, or -EBADMSG: no page frame, or one of more than
 * LTX_PAGE_FRAME_MAX bytes. */
int ltx_page_span(const uint8_t *frame, size_t length, size_t *ret_span);

/* Whether the frame is what ends the pages. */
bool ltx_page_is_end(const uint8_t frame[static LTX_PAGE_HEADER_SIZE]);

/* Bytes at a page frame's start that the file checksum covers as they stand. */
size_t ltx_page_prefix_size(const uint8_t frame[static LTX_PAGE_HEADER_SIZE]);
