/* The age encryption format, version 1, which Litestream v0.3 can wrap around every snapshot and WAL segment.
 *
 * A text header carries the file key, sealed for each recipient; the payload is sealed in chunks of 64 KiB,
 * each of which opens on its own. So after the header any part of the plain bytes costs its chunks only. Of
 * recipients only X25519 keys are known, the one kind that Litestream is configured with; what a header
 * holds for others is passed over. Pure: bytes in, bytes out. Every chunk that opens is as it was written and
 * where it was written; that the file was not cut at a chunk's end is seen when its last chunk opens.
 * Source: https://age-encryption.org/v1 (C2SP, age.md). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGE_CHUNK 65536 /* plain bytes of every chunk but the last, which has 1 to as many */
#define AGE_CHUNK_SEALED (AGE_CHUNK + 16) /* bytes of such a chunk in the file */
#define AGE_HEADER_MAX 65536 /* bytes before the first chunk, at most; a recipient takes about 100 */

/* Whether the object's first bytes are those of an age file, of any version: give 19 or more. */
bool age_is_encrypted(const uint8_t *bytes, size_t length);

/* A secret key. Plain value; whoever holds it wipes it with age_identity_finish. */
struct age_identity {
    uint8_t secret[32];
};

/* Reads "AGE-SECRET-KEY-1...", all in upper or all in lower case. Blank lines, lines that begin with '#', and
 * white space around the key are allowed. Returns 0, or -EINVAL: no key, more than one, another kind of key,
 * or a checksum that fails. */
int age_identity_parse(const char *text, struct age_identity *ret_identity);
void age_identity_finish(struct age_identity *identity);

/* An age file whose header was opened. Plain value, safe from any thread; it holds the payload's key, which
 * age_file_finish wipes. */
struct age_file {
    uint64_t payload_offset; /* of the first chunk, in bytes of the file */
    uint64_t plain_size;     /* bytes of the whole file decrypted, as the file's size has it */
    uint64_t n_chunks;       /* at least one */
    uint8_t key[32];
};

/* Opens a file of `file_size` bytes from its first `length` bytes. Returns 0; -EAGAIN: more of its beginning
 * is needed; -EBADMSG: no valid header, one of more than AGE_HEADER_MAX bytes, or a size that no age file
 * has; -EKEYREJECTED: the file is for none of the `n` identities; -ENOMEM; -EOPNOTSUPP: OpenSSL is set up
 * without the ciphers. */
int age_open(const uint8_t *head, size_t length, uint64_t file_size, const struct age_identity *identities,
             size_t n, struct age_file *ret_file);
void age_file_finish(struct age_file *file);

/* Where chunk `k`, which holds the plain bytes from k * AGE_CHUNK on, lies in the file. Returns 0, or
 * -EINVAL: there is no such chunk. */
int age_chunk_place(const struct age_file *file, uint64_t k, uint64_t *ret_offset, size_t *ret_length);

/* Opens chunk `k` from the `length` bytes at its place into `plain`, which has room for AGE_CHUNK bytes.
 * Returns 0 and the plain bytes' count; -EBADMSG: it is damaged, cut, another chunk, or not the last where
 * the file ends; then `plain` holds none of its bytes. -EINVAL, -ENOMEM, -EOPNOTSUPP as above. */
int age_chunk_decrypt(const struct age_file *file, uint64_t k, const uint8_t *cipher, size_t length,
                      uint8_t *plain, size_t *ret_size);
