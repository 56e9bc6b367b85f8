/* How the keys of an age file hang together, and its payload:
 *
 *     identity, a stanza's share    X25519           shared secret
 *     shared secret                 HKDF             wrap key, which seals the file key in the stanza's body
 *     file key                      HKDF "header"    the key of the header's MAC
 *     file key, payload nonce       HKDF "payload"   payload key
 *
 * Behind the header stands the payload's nonce, then chunks of 64 KiB, each sealed with the payload key and a
 * nonce that is the chunk's number (11 bytes, big-endian) and a byte that is 1 for the last chunk, else 0.
 * The last chunk may be shorter, but has at least one byte unless it is the only one. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "age_crypto.h"
#include "age_header.h"
#include "litemount/age.h"
#include "litemount/cleanup.h"

#define FILE_KEY_SIZE 16      /* bytes */
#define PAYLOAD_NONCE_SIZE 16 /* bytes */
#define SEALED_FILE_KEY_SIZE (FILE_KEY_SIZE + AGE_TAG_SIZE)

/* --- the header --- */

static bool age_is_for_x25519(const struct age_stanza *stanza)
{
    static const char type[] = "X25519";
    return stanza->type.length == sizeof type - 1 && memcmp(stanza->type.text, type, sizeof type - 1) == 0;
}

static int age_read_share(const struct age_stanza *stanza, uint8_t share[static AGE_KEY_SIZE])
{
    size_t size;
    if (stanza->n_arguments != 2 || stanza->body_size != SEALED_FILE_KEY_SIZE)
        return -EBADMSG;
    int r = age_base64_decode(stanza->argument, share, AGE_KEY_SIZE, &size);
    return r == 0 && size != AGE_KEY_SIZE ? -EBADMSG : r;
}

/* 0, or -EKEYREJECTED: the stanza is not for this identity. */
static int age_unwrap(const struct age_stanza *stanza, const uint8_t share[static AGE_KEY_SIZE],
                      const struct age_identity *identity, struct age_key *ret_file_key)
{
    static const uint8_t nonce[AGE_NONCE_SIZE]; /* zeros: the wrap key is used once */
    _cleanup_(age_key_wipe) struct age_key secret, wrap_key;
    uint8_t salt[2 * AGE_KEY_SIZE]; /* the share, and the identity's public key */

    memcpy(salt, share, AGE_KEY_SIZE);
    int r = age_agree(identity, share, &secret, salt + AGE_KEY_SIZE);
    if (r == 0)
        r = age_derive(&secret, sizeof secret.bytes, salt, sizeof salt, "age-encryption.org/v1/X25519",
                       &wrap_key);
    if (r < 0)
        return r;
    r = age_unseal(&wrap_key, nonce, stanza->body, SEALED_FILE_KEY_SIZE, ret_file_key->bytes);
    return r == -EBADMSG ? -EKEYREJECTED : r;
}

static int age_find_file_key(const struct age_header *header, const struct age_identity *identities, size_t n,
                             struct age_key *ret_file_key)
{
    struct age_stanza stanza;
    uint8_t share[AGE_KEY_SIZE];

    for (size_t at = 0; age_header_next(header, &at, &stanza);) {
        if (!age_is_for_x25519(&stanza))
            continue;
        int r = age_read_share(&stanza, share);
        if (r < 0)
            return r;
        for (size_t i = 0; i < n; i++) {
            r = age_unwrap(&stanza, share, &identities[i], ret_file_key);
            if (r != -EKEYREJECTED)
                return r;
        }
    }
    return -EKEYREJECTED;
}

static int age_check_mac(const struct age_header *header, const struct age_key *file_key)
{
    _cleanup_(age_key_wipe) struct age_key key;
    uint8_t mac[AGE_MAC_SIZE];

    int r = age_derive(file_key, FILE_KEY_SIZE, NULL, 0, "header", &key);
    if (r == 0)
        r = age_authenticate(&key, header->signed_text.text, header->signed_text.length, mac);
    if (r < 0)
        return r;
    return CRYPTO_memcmp(mac, header->mac, sizeof mac) == 0 ? 0 : -EBADMSG;
}

/* --- the payload --- */

/* Divides the payload into chunks. 0, or -EBADMSG: no file has such a size. */
static int age_measure(uint64_t payload_offset, uint64_t file_size, struct age_file *file)
{
    if (file_size <= payload_offset)
        return -EBADMSG;
    uint64_t payload = file_size - payload_offset;
    uint64_t last = payload % AGE_CHUNK_SEALED; /* 0: it is full */
    uint64_t n_chunks = payload / AGE_CHUNK_SEALED + (last > 0);
    if (last > 0 && (last < AGE_TAG_SIZE || (last == AGE_TAG_SIZE && n_chunks > 1)))
        return -EBADMSG;
    file->payload_offset = payload_offset;
    file->n_chunks = n_chunks;
    file->plain_size = payload - n_chunks * AGE_TAG_SIZE;
    return 0;
}

/* Reads the header and the nonce behind it. */
static int age_read_head(const uint8_t *head, size_t length, struct age_header *ret_header)
{
    int r = age_header_parse(head, length, ret_header);
    return r == 0 && length - ret_header->text.length < PAYLOAD_NONCE_SIZE ? -EAGAIN : r;
}

int age_open(const uint8_t *head, size_t length, uint64_t file_size, const struct age_identity *identities,
             size_t n, struct age_file *ret_file)
{
    _cleanup_(age_key_wipe) struct age_key file_key, payload_key;
    struct age_file file;
    struct age_header header;
    size_t most = file_size < AGE_HEADER_MAX ? (size_t)file_size : AGE_HEADER_MAX;

    int r = age_read_head(head, length < most ? length : most, &header);
    if (r == -EAGAIN && length >= most)
        return -EBADMSG;
    if (r == 0)
        r = age_measure(header.text.length + PAYLOAD_NONCE_SIZE, file_size, &file);
    if (r == 0)
        r = age_find_file_key(&header, identities, n, &file_key);
    if (r == 0)
        r = age_check_mac(&header, &file_key);
    if (r == 0)
        r = age_derive(&file_key, FILE_KEY_SIZE, head + header.text.length, PAYLOAD_NONCE_SIZE, "payload",
                       &payload_key);
    if (r < 0)
        return r;
    memcpy(file.key, payload_key.bytes, sizeof file.key);
    *ret_file = file;
    age_file_finish(&file);
    return 0;
}

void age_file_finish(struct age_file *file)
{
    OPENSSL_cleanse(file, sizeof *file);
}

int age_chunk_place(const struct age_file *file, uint64_t k, uint64_t *ret_offset, size_t *ret_length)
{
    if (k >= file->n_chunks)
        return -EINVAL;
    /* The file's size was a number, so the places in it are. */
    uint64_t plain = file->plain_size - k * AGE_CHUNK;
    *ret_offset = file->payload_offset + k * AGE_CHUNK_SEALED;
    *ret_length = AGE_TAG_SIZE + (size_t)(plain < AGE_CHUNK ? plain : AGE_CHUNK);
    return 0;
}

int age_chunk_decrypt(const struct age_file *file, uint64_t k, const uint8_t *cipher, size_t length,
                      uint8_t *plain, size_t *ret_size)
{
    _cleanup_(age_key_wipe) struct age_key key;
    uint8_t nonce[AGE_NONCE_SIZE] = {0};
    uint64_t offset, number = htobe64(k);
    size_t whole;

    int r = age_chunk_place(file, k, &offset, &whole);
    if (r < 0)
        return r;
    if (length != whole)
        return -EBADMSG;
    memcpy(nonce + 3, &number, sizeof number);
    nonce[AGE_NONCE_SIZE - 1] = k == file->n_chunks - 1;
    memcpy(key.bytes, file->key, sizeof key.bytes);
    r = age_unseal(&key, nonce, cipher, length, plain);
    if (r == 0)
        *ret_size = length - AGE_TAG_SIZE;
    return r;
}
