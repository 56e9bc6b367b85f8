#include "litemount/printable.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the character at `text`, as far as they are there. Anything that is no UTF-8 is one byte. */
static size_t printable_character_length(const uint8_t *text)
{
    size_t length = 1;
    if (text[0] >= 0xc2)
        while (length < 4 && (text[length] & 0xc0) == 0x80)
            length++;
    return length;
}

static bool printable_is_control(const uint8_t *text, size_t length)
{
    if (length > 1)
        return text[0] == 0xc2 && text[1] < 0xa0;
    return text[0] < 0x20 || (text[0] >= 0x7f && text[0] < 0xa0);
}

void printable_make(char *text)
{
    const uint8_t *from = (const uint8_t *)text;
    char *to = text;

    while (*from) {
        size_t length = printable_character_length(from);
        if (printable_is_control(from, length)) {
            *to++ = '?';
        } else {
            memmove(to, from, length);
            to += length;
        }
        from += length;
    }
    *to = '\0';
}
