/* The four primitives that age is made of, by OpenSSL. Private to the age files of this folder.
 *
 * Each returns 0, -ENOMEM, or -EOPNOTSUPP where OpenSSL is set up without it, and what else it says. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define AGE_KEY_SIZE 32   /* bytes: every key but the file key, which has 16 */
#define AGE_NONCE_SIZE 12 /* bytes */
#define AGE_TAG_SIZE 16   /* bytes that sealing adds */

struct age_identity;

/* A secret that wipes itself: declare it with _cleanup_(age_key_wipe). */
struct age_key {
    uint8_t bytes[AGE_KEY_SIZE];
};

void age_key_wipe(struct age_key *key);

/* HKDF-SHA-256. The secret has `size` bytes, the salt `salt_size`, perhaps none. */
int age_derive(const struct age_key *secret, size_t size, const uint8_t *salt, size_t salt_size,
               const char *info, struct age_key *ret_key);

/* HMAC-SHA-256. */
int age_authenticate(const struct age_key *key, const void *bytes, size_t length, uint8_t ret_mac[static 32]);

/* X25519: the secret that `identity` shares with whoever made `share`, and the identity's own public key.
 * -EBADMSG: a share that would make the secret known to everybody. */
int age_agree(const struct age_identity *identity, const uint8_t share[static AGE_KEY_SIZE],
              struct age_key *ret_secret, uint8_t ret_public[static AGE_KEY_SIZE]);

/* ChaCha20-Poly1305: opens `length` bytes into `length` - AGE_TAG_SIZE. -EBADMSG: they are not what was
 * sealed with this key and nonce; then `plain` holds zeros. */
int age_unseal(const struct age_key *key, const uint8_t nonce[static AGE_NONCE_SIZE], const uint8_t *sealed,
               size_t length, uint8_t *plain);
