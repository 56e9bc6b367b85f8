/* An age file's header, as text: stanzas, and the MAC behind them. Private to the age files of this folder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGE_MAC_SIZE 32       /* bytes */
#define AGE_BODY_LINE_SIZE 48 /* bytes that a full line of base64 stands for */

/* Borrowed characters, without a NUL. */
struct age_text {
    const char *text;
    size_t length;
};

/* What a header holds for one recipient. */
struct age_stanza {
    struct age_text type;             /* the first argument: the kind of recipient */
    struct age_text argument;         /* the second, empty if there is none */
    size_t n_arguments;               /* these two included */
    uint8_t body[AGE_BODY_LINE_SIZE]; /* its beginning: no kind that we know has more */
    size_t body_size;                 /* bytes of all of it */
};

struct age_header {
    struct age_text text;        /* the whole header, to the payload's nonce */
    struct age_text signed_text; /* its beginning, which the MAC is over */
    uint8_t mac[AGE_MAC_SIZE];
};

/* Reads the header at the beginning of `length` bytes. It borrows them. Returns 0; -EAGAIN: it goes on behind
 * them; -EBADMSG: it is none. */
int age_header_parse(const uint8_t *bytes, size_t length, struct age_header *ret_header);

/* Reads the stanzas of a parsed header one by one; `*at` is 0 before the first. Returns whether there is
 * another. */
bool age_header_next(const struct age_header *header, size_t *at, struct age_stanza *ret_stanza);

/* Decodes base64 without padding, of which there is one way only to write some bytes. Returns 0, or -EBADMSG:
 * no base64, another way, or more than `capacity` bytes. */
int age_base64_decode(struct age_text text, uint8_t *bytes, size_t capacity, size_t *ret_size);
