/* The header of an age file, lines that end in LF ("ABNF definition of file header"):
 *
 *     age-encryption.org/v1
 *     -> TYPE ARGUMENT ...             a stanza: arguments are printable ASCII, one space before each
 *     base64                           its body: any number of lines of 64 characters,
 *     base64                           and one that is shorter, perhaps empty
 *     --- base64                       the MAC, over everything up to the third '-'
 *
 * There is one or more stanzas. Nothing may be written in two ways, so that a header that was parsed is, byte
 * for byte, the one that its MAC is over. */
#include <errno.h>
#include <string.h>

#include "age_header.h"
#include "litemount/age.h"

#define VERSION_LINE "age-encryption.org/v1\n"
#define VERSION_LENGTH (sizeof VERSION_LINE - 1)
#define ANY_VERSION_LENGTH (sizeof "age-encryption.org/" - 1)

#define STANZA_MARK "-> "
#define MAC_MARK "---"
#define MARK_LENGTH 3
#define BODY_LINE_LENGTH 64 /* characters */

bool age_is_encrypted(const uint8_t *bytes, size_t length)
{
    return length >= ANY_VERSION_LENGTH && memcmp(bytes, VERSION_LINE, ANY_VERSION_LENGTH) == 0;
}

/* --- base64 --- */

/* The six bits that a character stands for, -1 if for none. */
static int age_base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int age_base64_decode(struct age_text text, uint8_t *bytes, size_t capacity, size_t *ret_size)
{
    uint32_t bits = 0; /* the lowest `n_bits` of it are not used yet */
    unsigned n_bits = 0;
    size_t size = 0;

    for (size_t i = 0; i < text.length; i++) {
        int value = age_base64_value(text.text[i]);
        if (value < 0)
            return -EBADMSG;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        if (size == capacity)
            return -EBADMSG;
        n_bits -= 8;
        bytes[size++] = (uint8_t)(bits >> n_bits);
    }
    /* What is left over fills up the last character, with zeros; a whole character is one too many. */
    if (n_bits >= 6 || bits & ((1u << n_bits) - 1))
        return -EBADMSG;
    *ret_size = size;
    return 0;
}

/* --- lines --- */

/* Takes the line at `*at`, without its LF. 0 or -EAGAIN. */
static int age_take_line(struct age_text text, size_t *at, struct age_text *ret_line)
{
    const char *start = text.text + *at;
    const char *end = memchr(start, '\n', text.length - *at);
    if (!end)
        return -EAGAIN;
    *ret_line = (struct age_text){start, (size_t)(end - start)};
    *at += ret_line->length + 1;
    return 0;
}

static int age_parse_arguments(struct age_text line, struct age_stanza *stanza)
{
    if (line.length < MARK_LENGTH || memcmp(line.text, STANZA_MARK, MARK_LENGTH) != 0)
        return -EBADMSG;
    for (size_t at = MARK_LENGTH;; at++) {
        size_t start = at;
        while (at < line.length && line.text[at] > ' ' && line.text[at] <= '~')
            at++;
        if (at == start || (at < line.length && line.text[at] != ' '))
            return -EBADMSG;
        struct age_text argument = {line.text + start, at - start};
        if (stanza->n_arguments == 0)
            stanza->type = argument;
        else if (stanza->n_arguments == 1)
            stanza->argument = argument;
        stanza->n_arguments++;
        if (at == line.length)
            return 0;
    }
}

/* Keeps the first line's bytes; the others are only looked at. */
static int age_take_body(struct age_text text, size_t *at, struct age_stanza *stanza)
{
    uint8_t more[AGE_BODY_LINE_SIZE];
    struct age_text line;
    size_t size;

    do {
        int r = age_take_line(text, at, &line);
        if (r == 0)
            r = age_base64_decode(line, stanza->body_size ? more : stanza->body, AGE_BODY_LINE_SIZE, &size);
        if (r < 0)
            return r;
        stanza->body_size += size;
    } while (line.length == BODY_LINE_LENGTH);
    return 0;
}

/* Takes the stanza at `*at`. Returns 1; 0: the MAC stands there; -EAGAIN or -EBADMSG. */
static int age_take_stanza(struct age_text text, size_t *at, struct age_stanza *ret_stanza)
{
    struct age_stanza stanza = {0};
    struct age_text line;

    if (text.length - *at < MARK_LENGTH)
        return -EAGAIN;
    if (memcmp(text.text + *at, MAC_MARK, MARK_LENGTH) == 0)
        return 0;
    int r = age_take_line(text, at, &line);
    if (r == 0)
        r = age_parse_arguments(line, &stanza);
    if (r == 0)
        r = age_take_body(text, at, &stanza);
    if (r < 0)
        return r;
    *ret_stanza = stanza;
    return 1;
}

/* --- the header --- */

static int age_check_version(const uint8_t *bytes, size_t length)
{
    size_t known = length < VERSION_LENGTH ? length : VERSION_LENGTH;
    if (memcmp(bytes, VERSION_LINE, known) != 0)
        return -EBADMSG;
    return known == VERSION_LENGTH ? 0 : -EAGAIN;
}

static int age_take_mac(struct age_text text, size_t *at, uint8_t mac[static AGE_MAC_SIZE])
{
    struct age_text line;
    size_t size;

    int r = age_take_line(text, at, &line);
    if (r < 0)
        return r;
    if (line.length <= MARK_LENGTH || line.text[MARK_LENGTH] != ' ')
        return -EBADMSG;
    line.text += MARK_LENGTH + 1;
    line.length -= MARK_LENGTH + 1;
    r = age_base64_decode(line, mac, AGE_MAC_SIZE, &size);
    return r == 0 && size != AGE_MAC_SIZE ? -EBADMSG : r;
}

int age_header_parse(const uint8_t *bytes, size_t length, struct age_header *ret_header)
{
    struct age_text text = {(const char *)bytes, length};
    struct age_header header = {.text = text, .signed_text = text};
    struct age_stanza stanza;
    size_t at = VERSION_LENGTH, n_stanzas = 0;

    int r = age_check_version(bytes, length);
    if (r < 0)
        return r;
    while ((r = age_take_stanza(text, &at, &stanza)) > 0)
        n_stanzas++;
    if (r < 0)
        return r;
    if (n_stanzas == 0)
        return -EBADMSG;
    header.signed_text.length = at + MARK_LENGTH;
    r = age_take_mac(text, &at, header.mac);
    if (r < 0)
        return r;
    header.text.length = at;
    *ret_header = header;
    return 0;
}

bool age_header_next(const struct age_header *header, size_t *at, struct age_stanza *ret_stanza)
{
    if (*at == 0)
        *at = VERSION_LENGTH;
    return age_take_stanza(header->text, at, ret_stanza) > 0;
}
