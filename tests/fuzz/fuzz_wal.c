/* Any bytes as a WAL segment: cut or whole they must read the same, and a WAL cut between two frames must
 * read and link as two segments. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(const struct wal_header *header, const uint8_t *data, size_t size, size_t step,
                 struct wal_segment *ret_segment)
{
    struct wal_parser *parser;
    int r = wal_parser_open(header, &parser);
    for (size_t at = 0; r == 0 && at < size; at += step)
        r = wal_parser_feed(parser, data + at, size - at < step ? size - at : step);
    if (r == 0)
        r = wal_parser_end(parser, ret_segment);
    wal_parser_close(parser);
    return r;
}

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void check_cut(const struct wal_segment *whole, const uint8_t *data, size_t size)
{
    struct wal_segment first, second;
    size_t frame_size = WAL_FRAME_HEADER_SIZE + (size_t)whole->header.page_size;
    size_t cut = WAL_HEADER_SIZE + (whole->n_frames - 1) * frame_size;
    expect(parse(NULL, data, cut, 7, &first) == 0);
    expect(parse(&first.header, data + cut, size - cut, SIZE_MAX / 2, &second) == 0);
    expect(first.size + second.size == size && first.n_frames + second.n_frames == whole->n_frames);
    expect(memcmp(first.chain_after, second.chain_before, sizeof first.chain_after) == 0);
    expect(memcmp(second.chain_after, whole->chain_after, sizeof second.chain_after) == 0);
    wal_segment_finish(&first);
    wal_segment_finish(&second);
}

/* The first input byte says whether the rest begins a WAL, or follows a header that begins it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wal_segment segment, again;
    struct wal_header header, *given = NULL;
    if (size == 0)
        return 0;
    bool later = data[0] & 1;
    data++;
    size--;
    if (later) {
        if (size < WAL_HEADER_SIZE || wal_header_parse(data, &header) < 0)
            return 0;
        given = &header;
        data += WAL_HEADER_SIZE;
        size -= WAL_HEADER_SIZE;
    }
    int r = parse(given, data, size, SIZE_MAX / 2, &segment);
    expect(r == parse(given, data, size, 13, &again));
    if (r < 0) {
        expect(r == -EBADMSG);
        return 0;
    }
    expect(segment.size == size && again.n_frames == segment.n_frames);
    if (!later && segment.n_frames)
        check_cut(&segment, data, size);
    wal_segment_finish(&segment);
    wal_segment_finish(&again);
    return 0;
}
