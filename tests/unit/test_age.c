#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>

#include "data_files.h"
#include "litemount/age.h"
#include "litemount/cleanup.h"

/* The key of the specification's example, that of the published vectors, and that of Litestream's fixture. */
#define EXAMPLE_KEY "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
#define VECTORS_KEY "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
#define LITESTREAM_KEY "AGE-SECRET-KEY-13AY32Z8EGKHSCS95ALF7QDZ2JUDDQYTLYCNR0W786UY2MD52GNGSCELP97"

#define VECTOR_PLAIN_MAX (UINT64_C(20) << 20) /* bytes; the largest vector has 258 chunks */

static struct age_identity identity_of(const char *text)
{
    struct age_identity identity;
    assert_int_equal(age_identity_parse(text, &identity), 0);
    return identity;
}

/* Opens chunk `k` of a file that is all in memory. */
static int decrypt_chunk(const struct age_file *file, const struct buffer *bytes, uint64_t k, uint8_t *plain,
                         size_t *ret_size)
{
    uint64_t offset;
    size_t length;
    assert_int_equal(age_chunk_place(file, k, &offset, &length), 0);
    assert_true(offset <= bytes->size && length <= bytes->size - offset);
    return age_chunk_decrypt(file, k, bytes->data + offset, length, plain, ret_size);
}

/* Opens the file and all of its chunks, the last one first. The caller finishes `ret_plain` in any case. */
static int decrypt(const struct buffer *bytes, const struct age_identity *identity, struct buffer *ret_plain)
{
    struct age_file file;
    int r = age_open(bytes->data, bytes->size, bytes->size, identity, 1, &file);
    if (r < 0)
        return r;
    assert_int_equal(buffer_reserve(ret_plain, file.n_chunks * AGE_CHUNK), 0);
    for (uint64_t k = file.n_chunks; r == 0 && k-- > 0;) {
        size_t size;
        r = decrypt_chunk(&file, bytes, k, ret_plain->data + k * AGE_CHUNK, &size);
        if (r == 0)
            assert_int_equal(size, k < file.n_chunks - 1 ? AGE_CHUNK : file.plain_size - k * AGE_CHUNK);
    }
    ret_plain->size = file.plain_size;
    age_file_finish(&file);
    return r;
}

static void assert_sha256(const struct buffer *bytes, const char *wanted)
{
    uint8_t hash[32];
    char text[65];
    assert_int_equal(EVP_Digest(bytes->data, bytes->size, hash, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    assert_string_equal(text, wanted);
}

/* --- identities --- */

static void reads_an_identity(void **state)
{
    static const char *const texts[] = {
        EXAMPLE_KEY,
        "age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
        "  " EXAMPLE_KEY " \t\r\n",
        "# created: 2024-11-04T10:30:00Z\n# public key: age1zvkyg2lqzraa2lnjvq\n\n" EXAMPLE_KEY "\n#",
        "\r\n#\r\n" EXAMPLE_KEY "\r\n\r\n",
    };
    uint8_t wanted[32];
    memset(wanted, 0x42, sizeof wanted);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct age_identity identity = identity_of(texts[i]);
        assert_memory_equal(identity.secret, wanted, sizeof wanted);
        age_identity_finish(&identity);
        assert_memory_not_equal(identity.secret, wanted, sizeof wanted);
    }
}

static void assert_identity_refused(const char *name, const struct buffer *bytes)
{
    struct age_identity identity;
    char *text = strndup((const char *)bytes->data, bytes->size);
    assert_int_equal(age_identity_parse(text, &identity), -EINVAL);
    free(text);
}

static void refuses_what_is_no_identity(void **state)
{
    each_refused("age_identity", assert_identity_refused);
}

/* --- whole files --- */

static void decrypts_what_age_wrote(void **state)
{
    static const struct {
        const char *file, *key;
        size_t size;
        const char *sha256;
    } cases[] = {
        {"age/size-0.age", EXAMPLE_KEY, 0,
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"age/size-1.age", EXAMPLE_KEY, 1,
         "dabd3aff769f07eb2965401eb029974ebba3407afd02b26ddb564ea5f8efae72"},
        {"age/size-65536.age", EXAMPLE_KEY, 65536,
         "a6a98d7f309f68d83fe9b3107daca4afa067687e1dfdcf00e131fefe020e5659"},
        {"age/size-65537.age", EXAMPLE_KEY, 65537,
         "58a355cefd6e6107dd805383a1c57087a8fef4f2ef9fcd6d3a9674910e8b5d3e"},
        {"age/size-140000.age", EXAMPLE_KEY, 140000,
         "11485815fac7ee01db767151804d7b14cc109a2955dcc3928bef1e53bda1f985"},
        {"age/recipients.age", EXAMPLE_KEY, 1000,
         "bdb35a87b71f1a935c1e860ba9070b01f2ab781efd6ffe0c8ae82354b1b5461e"},
        {"age/litestream-00000001_00000000.wal.lz4", LITESTREAM_KEY, 119,
         "79855000e6ff99e2ec29ec81eff0f0248d66579532fac0b734e2f86cc284f028"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_(buffer_finish) struct buffer bytes = read_data(cases[i].file), plain = {0};
        struct age_identity identity = identity_of(cases[i].key);
        print_message("%s\n", cases[i].file);
        assert_true(age_is_encrypted(bytes.data, bytes.size));
        assert_int_equal(decrypt(&bytes, &identity, &plain), 0);
        assert_int_equal(plain.size, cases[i].size);
        assert_sha256(&plain, cases[i].sha256);
    }
}

static void tries_every_identity(void **state)
{
    const struct age_identity identities[] = {identity_of(LITESTREAM_KEY), identity_of(VECTORS_KEY),
                                              identity_of(EXAMPLE_KEY)};
    _cleanup_(buffer_finish) struct buffer mine = read_data("age/recipients.age");
    _cleanup_(buffer_finish) struct buffer others = read_data("age/others.age");
    struct age_file file;
    assert_int_equal(age_open(mine.data, mine.size, mine.size, identities, 3, &file), 0);
    assert_int_equal(age_open(mine.data, mine.size, mine.size, identities, 2, &file), -EKEYREJECTED);
    assert_int_equal(age_open(mine.data, mine.size, mine.size, NULL, 0, &file), -EKEYREJECTED);
    assert_int_equal(age_open(others.data, others.size, others.size, identities, 3, &file), -EKEYREJECTED);
}

/* --- published vectors --- */

/* The value of "NAME: VALUE" in the text before a vector, to be freed; NULL if it has none. */
static char *vector_field(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (; *text != '\n'; text += strcspn(text, "\n") + 1)
        if (strncmp(text, name, length) == 0 && text[length] == ':')
            return strndup(text + length + 2, strcspn(text + length + 2, "\n"));
    return NULL;
}

static struct buffer inflate_zlib(const uint8_t *bytes, size_t length)
{
    struct buffer out = {0};
    struct inflate_state *inflate = malloc(sizeof *inflate);
    isal_inflate_init(inflate);
    assert_int_equal(buffer_reserve(&out, VECTOR_PLAIN_MAX), 0);
    inflate->crc_flag = ISAL_ZLIB;
    inflate->next_in = (uint8_t *)bytes;
    inflate->avail_in = (uint32_t)length;
    inflate->next_out = out.data;
    inflate->avail_out = VECTOR_PLAIN_MAX;
    assert_int_equal(isal_inflate(inflate), ISAL_DECOMP_OK);
    out.size = inflate->total_out;
    free(inflate);
    return out;
}

static void assert_vector(const char *name, const struct buffer *vector)
{
    const char *text = (const char *)vector->data;
    const uint8_t *body = (const uint8_t *)memmem(text, vector->size, "\n\n", 2) + 2;
    size_t length = vector->size - (size_t)(body - vector->data);
    _cleanup_free_ char *expect = vector_field(text, "expect"), *payload = vector_field(text, "payload");
    _cleanup_free_ char *key = vector_field(text, "identity"), *compressed = vector_field(text, "compressed");
    _cleanup_(buffer_finish) struct buffer bytes = {0}, plain = {0};

    if (compressed)
        bytes = inflate_zlib(body, length);
    else
        assert_int_equal(buffer_append(&bytes, body, length), 0);
    struct age_identity identity = identity_of(key);
    int r = decrypt(&bytes, &identity, &plain);
    if (strcmp(expect, "success") == 0) {
        assert_int_equal(r, 0);
        assert_sha256(&plain, payload);
    } else {
        assert_int_equal(r, strcmp(expect, "no match") == 0 ? -EKEYREJECTED : -EBADMSG);
    }
}

static void agrees_with_the_published_vectors(void **state)
{
    char folder[2048];
    snprintf(folder, sizeof folder, "%s/age/vectors", getenv("TEST_DATA"));
    each_file(folder, assert_vector);
}

static void assert_refused(const char *name, const struct buffer *bytes)
{
    struct age_identity identity = identity_of(VECTORS_KEY);
    struct buffer plain = {0};
    assert_int_equal(decrypt(bytes, &identity, &plain), -EBADMSG);
    buffer_finish(&plain);
}

static void refuses_what_is_no_age_file(void **state)
{
    each_refused("age", assert_refused);
}

/* --- headers in pieces --- */

/* However little of the file is there, the header is waited for, and it is the same when it comes. */
static void asks_for_more_of_the_beginning(void **state)
{
    _cleanup_(buffer_finish) struct buffer bytes = read_data("age/recipients.age");
    struct age_identity identity = identity_of(EXAMPLE_KEY);
    struct age_file whole, file;
    assert_int_equal(age_open(bytes.data, bytes.size, bytes.size, &identity, 1, &whole), 0);
    for (size_t length = 0; length < whole.payload_offset; length++)
        assert_int_equal(age_open(bytes.data, length, bytes.size, &identity, 1, &file), -EAGAIN);
    for (size_t length = whole.payload_offset; length < bytes.size; length++) {
        assert_int_equal(age_open(bytes.data, length, bytes.size, &identity, 1, &file), 0);
        assert_memory_equal(&file, &whole, sizeof file);
    }
}

/* A file that ends before its first chunk has a tag is none. */
static void refuses_a_file_that_ends_early(void **state)
{
    _cleanup_(buffer_finish) struct buffer bytes = read_data("age/size-0.age");
    struct age_identity identity = identity_of(EXAMPLE_KEY);
    struct age_file file;
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(age_open(bytes.data, size, size, &identity, 1, &file), -EBADMSG);
        assert_int_equal(age_open(bytes.data, bytes.size, size, &identity, 1, &file), -EBADMSG);
    }
}

/* A header without end is asked for up to 64 KiB and then refused, whatever the file's size. */
static void refuses_a_header_without_end(void **state)
{
    _cleanup_(buffer_finish) struct buffer bytes = {0};
    struct age_identity identity = identity_of(EXAMPLE_KEY);
    struct age_file file;
    assert_int_equal(buffer_append(&bytes, "age-encryption.org/v1\n", 22), 0);
    while (bytes.size < 2 * AGE_HEADER_MAX)
        assert_int_equal(buffer_append(&bytes, "-> a\n\n", 6), 0);
    assert_int_equal(age_open(bytes.data, AGE_HEADER_MAX - 1, UINT64_MAX, &identity, 1, &file), -EAGAIN);
    assert_int_equal(age_open(bytes.data, AGE_HEADER_MAX, UINT64_MAX, &identity, 1, &file), -EBADMSG);
    assert_int_equal(age_open(bytes.data, bytes.size, UINT64_MAX, &identity, 1, &file), -EBADMSG);
}

static void tells_age_files_from_others(void **state)
{
    static const char text[] = "age-encryption.org/v2\n";
    static const uint8_t lz4[] = {0x04, 0x22, 0x4d, 0x18, 0x64, 0x70, 0xb9, 0, 0, 0,
                                  0,    0,    0,    0,    0,    0,    0,    0, 0};
    assert_true(age_is_encrypted((const uint8_t *)text, sizeof text));
    assert_true(age_is_encrypted((const uint8_t *)text, 19));
    assert_false(age_is_encrypted((const uint8_t *)text, 18));
    assert_false(age_is_encrypted((const uint8_t *)text + 1, sizeof text - 1));
    assert_false(age_is_encrypted(lz4, sizeof lz4));
}

/* --- damage --- */

static void any_flipped_bit_is_noticed(void **state)
{
    _cleanup_(buffer_finish) struct buffer bytes = read_data("age/size-1.age"), plain = {0};
    struct age_identity identity = identity_of(EXAMPLE_KEY);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= 1 << bit % 8;
        int r = decrypt(&bytes, &identity, &plain);
        assert_true(r == -EBADMSG || r == -EKEYREJECTED);
        bytes.data[bit / 8] ^= 1 << bit % 8;
        plain.size = 0;
    }
    assert_int_equal(decrypt(&bytes, &identity, &plain), 0);
}

struct opened {
    struct buffer bytes;
    struct age_file file;
    uint8_t plain[AGE_CHUNK];
};

static struct opened *open_three_chunks(void)
{
    struct opened *opened = calloc(1, sizeof *opened);
    struct age_identity identity = identity_of(EXAMPLE_KEY);
    opened->bytes = read_data("age/size-140000.age");
    assert_int_equal(age_open(opened->bytes.data, 4096, opened->bytes.size, &identity, 1, &opened->file), 0);
    assert_int_equal(opened->file.n_chunks, 3);
    return opened;
}

static void close_three_chunks(struct opened *opened)
{
    buffer_finish(&opened->bytes);
    age_file_finish(&opened->file);
    free(opened);
}

/* A chunk opens at its own place only; of another one nothing is let out. */
static void chunks_keep_their_places(void **state)
{
    static const uint8_t zeros[AGE_CHUNK];
    struct opened *opened = open_three_chunks();
    for (uint64_t from = 0; from < 3; from++) {
        uint64_t offset;
        size_t length, size;
        assert_int_equal(age_chunk_place(&opened->file, from, &offset, &length), 0);
        for (uint64_t to = 0; to < 3; to++) {
            memset(opened->plain, 0, AGE_CHUNK);
            int r = age_chunk_decrypt(&opened->file, to, opened->bytes.data + offset, length, opened->plain,
                                      &size);
            assert_int_equal(r, from == to ? 0 : -EBADMSG);
            if (r < 0)
                assert_memory_equal(opened->plain, zeros, AGE_CHUNK);
        }
    }
    close_three_chunks(opened);
}

static void refuses_chunks_that_are_not_there(void **state)
{
    struct opened *opened = open_three_chunks();
    uint64_t offset;
    size_t length;
    assert_int_equal(age_chunk_place(&opened->file, 3, &offset, &length), -EINVAL);
    assert_int_equal(age_chunk_place(&opened->file, UINT64_MAX, &offset, &length), -EINVAL);
    assert_int_equal(age_chunk_decrypt(&opened->file, 3, opened->bytes.data, 16, opened->plain, &length),
                     -EINVAL);
    assert_int_equal(age_chunk_decrypt(&opened->file, 0, opened->bytes.data, 16, opened->plain, &length),
                     -EBADMSG);
    close_three_chunks(opened);
}

/* Cut anywhere, at a chunk's end too, the new last chunk does not open. */
static void the_last_chunk_shows_that_a_file_was_cut(void **state)
{
    struct opened *opened = open_three_chunks();
    struct age_identity identity = identity_of(EXAMPLE_KEY);
    uint64_t start = opened->file.payload_offset;
    const size_t sizes[] = {start + AGE_CHUNK_SEALED,
                            start + AGE_CHUNK_SEALED + 16,
                            start + AGE_CHUNK_SEALED + 17,
                            start + 2 * AGE_CHUNK_SEALED,
                            start + 2 * AGE_CHUNK_SEALED + 17,
                            opened->bytes.size - 1,
                            start + 16,
                            start + 15};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buffer cut = {.data = opened->bytes.data, .size = sizes[i]};
        struct age_file file;
        size_t size;
        int r = age_open(cut.data, cut.size, cut.size, &identity, 1, &file);
        if (r == 0)
            r = decrypt_chunk(&file, &cut, file.n_chunks - 1, opened->plain, &size);
        assert_int_equal(r, -EBADMSG);
    }
    close_three_chunks(opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_identity),
        cmocka_unit_test(refuses_what_is_no_identity),
        cmocka_unit_test(decrypts_what_age_wrote),
        cmocka_unit_test(tries_every_identity),
        cmocka_unit_test(agrees_with_the_published_vectors),
        cmocka_unit_test(refuses_what_is_no_age_file),
        cmocka_unit_test(asks_for_more_of_the_beginning),
        cmocka_unit_test(refuses_a_file_that_ends_early),
        cmocka_unit_test(refuses_a_header_without_end),
        cmocka_unit_test(tells_age_files_from_others),
        cmocka_unit_test(any_flipped_bit_is_noticed),
        cmocka_unit_test(chunks_keep_their_places),
        cmocka_unit_test(refuses_chunks_that_are_not_there),
        cmocka_unit_test(the_last_chunk_shows_that_a_file_was_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
