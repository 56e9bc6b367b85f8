/* Any bytes as an age file, and as the text of an identity. How much of a header is given must not change
 * what it says; a key reads the same in either case of letters. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/age.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void check_identity(const uint8_t *data, size_t size)
{
    struct age_identity identity, again;
    char *text = malloc(size + 1);
    expect(text);
    memcpy(text, data, size);
    text[size] = '\0';
    int r = age_identity_parse(text, &identity);
    expect(r == 0 || r == -EINVAL);
    for (char *c = text; *c; c++)
        *c = (char)(islower((unsigned char)*c) ? toupper((unsigned char)*c) : tolower((unsigned char)*c));
    expect(age_identity_parse(text, &again) == r);
    if (r == 0)
        expect(memcmp(&identity, &again, sizeof identity) == 0);
    free(text);
}

/* The chunks lie behind each other up to the file's end. */
static void check_chunks(const struct age_file *file, const uint8_t *data, size_t size)
{
    static uint8_t plain[AGE_CHUNK];
    uint64_t end = file->payload_offset, n_plain = 0;

    for (uint64_t k = 0; k < file->n_chunks; k++) {
        uint64_t offset;
        size_t length, n;
        expect(age_chunk_place(file, k, &offset, &length) == 0);
        expect(offset == end && length > 0 && length <= AGE_CHUNK_SEALED && length <= size - offset);
        int r = age_chunk_decrypt(file, k, data + offset, length, plain, &n);
        expect(r == -EBADMSG || (r == 0 && n == length - 16));
        end += length;
        n_plain += length - 16;
    }
    expect(end == size && n_plain == file->plain_size);
}

static void check_file(const uint8_t *data, size_t size)
{
    struct age_identity identities[2];
    struct age_file file, again;
    expect(age_identity_parse("AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0",
                              &identities[0]) == 0);
    expect(age_identity_parse("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
                              &identities[1]) == 0);
    int r = age_open(data, size, size, identities, 2, &file);
    expect(r == 0 || r == -EBADMSG || r == -EKEYREJECTED);
    if (r == 0)
        check_chunks(&file, data, size);

    int grown = -EAGAIN;
    for (size_t length = 0; length < size && grown == -EAGAIN; length += 1 + length / 64)
        grown = age_open(data, length, size, identities, 2, &again);
    expect(grown == r || grown == -EAGAIN);
    if (grown == 0)
        expect(memcmp(&file, &again, sizeof file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_identity(data, size);
    check_file(data, size);
    return 0;
}
