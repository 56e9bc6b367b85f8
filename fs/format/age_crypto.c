#include "age_crypto.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "litemount/age.h"
#include "litemount/cleanup.h"

void age_key_wipe(struct age_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}

static void age_free_kdf(EVP_KDF **kdf)
{
    EVP_KDF_free(*kdf);
}

static void age_free_kdf_context(EVP_KDF_CTX **context)
{
    EVP_KDF_CTX_free(*context);
}

static void age_free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void age_free_key_context(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

static void age_free_cipher_context(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

int age_derive(const struct age_key *secret, size_t size, const uint8_t *salt, size_t salt_size,
               const char *info, struct age_key *ret_key)
{
    _cleanup_(age_free_kdf) EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    if (!kdf)
        return -EOPNOTSUPP;
    _cleanup_(age_free_kdf_context) EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    if (!context)
        return -ENOMEM;
    /* OpenSSL takes them as not constant, and changes none of them. No salt at all is the same as an empty
     * one, which OpenSSL refuses. */
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret->bytes, size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, strlen(info)),
        salt_size ? OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_size)
                  : OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context, ret_key->bytes, AGE_KEY_SIZE, parameters) == 1 ? 0 : -EOPNOTSUPP;
}

int age_authenticate(const struct age_key *key, const void *bytes, size_t length, uint8_t ret_mac[static 32])
{
    return HMAC(EVP_sha256(), key->bytes, AGE_KEY_SIZE, bytes, length, ret_mac, NULL) ? 0 : -EOPNOTSUPP;
}

int age_agree(const struct age_identity *identity, const uint8_t share[static AGE_KEY_SIZE],
              struct age_key *ret_secret, uint8_t ret_public[static AGE_KEY_SIZE])
{
    size_t secret_size = AGE_KEY_SIZE, public_size = AGE_KEY_SIZE;
    _cleanup_(age_free_key) EVP_PKEY *ours =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, identity->secret, sizeof identity->secret);
    _cleanup_(age_free_key) EVP_PKEY *theirs =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, share, AGE_KEY_SIZE);
    if (!ours || !theirs || EVP_PKEY_get_raw_public_key(ours, ret_public, &public_size) != 1)
        return -EOPNOTSUPP;
    _cleanup_(age_free_key_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ours, NULL);
    if (!context)
        return -ENOMEM;
    if (EVP_PKEY_derive_init(context) != 1 || EVP_PKEY_derive_set_peer(context, theirs) != 1)
        return -EOPNOTSUPP;
    /* It fails for a secret of zeros only, which a share of low order leads to. */
    return EVP_PKEY_derive(context, ret_secret->bytes, &secret_size) == 1 ? 0 : -EBADMSG;
}

int age_unseal(const struct age_key *key, const uint8_t nonce[static AGE_NONCE_SIZE], const uint8_t *sealed,
               size_t length, uint8_t *plain)
{
    int n;
    if (length < AGE_TAG_SIZE || length > INT_MAX)
        return -EBADMSG;
    size_t size = length - AGE_TAG_SIZE;
    _cleanup_(age_free_cipher_context) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (!context)
        return -ENOMEM;
    if (EVP_DecryptInit_ex(context, EVP_chacha20_poly1305(), NULL, key->bytes, nonce) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AGE_TAG_SIZE, (void *)(sealed + size)) != 1)
        return -EOPNOTSUPP;
    /* The bytes come out before the tag is looked at: nobody may see them if it does not hold. */
    if ((size && EVP_DecryptUpdate(context, plain, &n, sealed, (int)size) != 1) ||
        EVP_DecryptFinal_ex(context, plain + size, &n) != 1) {
        OPENSSL_cleanse(plain, size);
        return -EBADMSG;
    }
    return 0;
}
