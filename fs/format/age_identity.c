/* An identity is 32 bytes in Bech32 (BIP 173): what it is for, '1', five bits a character, and six characters
 * of checksum. A text is in one case from end to end; the checksum is over lower case. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>

#include "litemount/age.h"

#define PREFIX "age-secret-key-"
#define PREFIX_LENGTH (sizeof PREFIX - 1)
#define DATA_LENGTH 52    /* characters: 256 bits, and four of zeros */
#define CHECKSUM_LENGTH 6 /* characters */
#define KEY_LENGTH (PREFIX_LENGTH + 1 + DATA_LENGTH + CHECKSUM_LENGTH)

#define WHITE_SPACE " \t\r\n"

void age_identity_finish(struct age_identity *identity)
{
    OPENSSL_cleanse(identity, sizeof *identity);
}

static uint32_t age_add_to_checksum(uint32_t checksum, uint32_t value)
{
    static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint32_t top = checksum >> 25;
    checksum = (checksum & 0x1ffffff) << 5 ^ value;
    for (size_t i = 0; i < sizeof generator / sizeof *generator; i++)
        if (top >> i & 1)
            checksum ^= generator[i];
    return checksum;
}

static uint32_t age_checksum_of_prefix(void)
{
    uint32_t checksum = 1;
    for (size_t i = 0; i < PREFIX_LENGTH; i++)
        checksum = age_add_to_checksum(checksum, (uint8_t)PREFIX[i] >> 5);
    checksum = age_add_to_checksum(checksum, 0);
    for (size_t i = 0; i < PREFIX_LENGTH; i++)
        checksum = age_add_to_checksum(checksum, PREFIX[i] & 31);
    return checksum;
}

/* Decodes the data and the checksum, in lower case. */
static bool age_decode_data(const char data[static DATA_LENGTH + CHECKSUM_LENGTH],
                            struct age_identity *identity)
{
    static const char characters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    uint32_t checksum = age_checksum_of_prefix(), bits = 0;
    unsigned n_bits = 0;
    size_t size = 0;

    for (size_t i = 0; i < DATA_LENGTH + CHECKSUM_LENGTH; i++) {
        const char *place = memchr(characters, data[i], sizeof characters - 1);
        if (!place)
            return false;
        uint32_t value = (uint32_t)(place - characters);
        checksum = age_add_to_checksum(checksum, value);
        if (i >= DATA_LENGTH)
            continue;
        bits = bits << 5 | value;
        n_bits += 5;
        if (n_bits >= 8) {
            n_bits -= 8;
            identity->secret[size++] = (uint8_t)(bits >> n_bits);
        }
        if (i == DATA_LENGTH - 1 && bits & ((1u << n_bits) - 1))
            return false;
    }
    return checksum == 1;
}

/* Copies the key in lower case, unless it is in both. */
static bool age_fold_case(const char key[static KEY_LENGTH], char folded[static KEY_LENGTH])
{
    bool upper = false, lower = false;
    for (size_t i = 0; i < KEY_LENGTH; i++) {
        bool is_upper = key[i] >= 'A' && key[i] <= 'Z';
        upper |= is_upper;
        lower |= key[i] >= 'a' && key[i] <= 'z';
        folded[i] = is_upper ? (char)(key[i] - 'A' + 'a') : key[i];
    }
    return !(upper && lower);
}

static int age_parse_key(const char *key, size_t length, struct age_identity *ret_identity)
{
    struct age_identity identity;
    char folded[KEY_LENGTH];
    int r = -EINVAL;

    if (length != KEY_LENGTH)
        return -EINVAL;
    if (age_fold_case(key, folded) && memcmp(folded, PREFIX "1", PREFIX_LENGTH + 1) == 0 &&
        age_decode_data(folded + PREFIX_LENGTH + 1, &identity)) {
        *ret_identity = identity;
        r = 0;
    }
    OPENSSL_cleanse(folded, sizeof folded);
    age_identity_finish(&identity);
    return r;
}

/* Finds the one line that is neither blank nor a comment. */
static int age_find_key(const char *text, const char **ret_key, size_t *ret_length)
{
    const char *key = NULL;
    size_t length = 0;

    while (*(text += strspn(text, WHITE_SPACE))) {
        size_t line = strcspn(text, "\n");
        if (*text != '#' && key)
            return -EINVAL;
        if (*text != '#') {
            key = text;
            length = line;
        }
        text += line;
    }
    while (length > 0 && strchr(WHITE_SPACE, key[length - 1]))
        length--;
    *ret_key = key;
    *ret_length = length;
    return key ? 0 : -EINVAL;
}

int age_identity_parse(const char *text, struct age_identity *ret_identity)
{
    const char *key;
    size_t length;
    int r = age_find_key(text, &key, &length);
    return r < 0 ? r : age_parse_key(key, length, ret_identity);
}
