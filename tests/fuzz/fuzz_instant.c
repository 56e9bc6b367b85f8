/* Any text as an instant: what is read, written and read again stays the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/instant.h"

#define NOW (INT64_C(1730716200) * INSTANT_SECOND)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char formatted[INSTANT_TEXT_SIZE];
    char *text = strndup((const char *)data, size);
    int64_t instant, again;
    int r = instant_parse(text, NOW, &instant);
    if (r < 0) {
        if (r != -EINVAL && r != -ERANGE)
            abort();
        free(text);
        return 0;
    }
    instant_format(instant, formatted);
    if (strlen(formatted) >= sizeof formatted || instant_is_relative(formatted) ||
        instant_parse(formatted, 0, &again) < 0 || again != instant)
        abort();
    free(text);
    return 0;
}
