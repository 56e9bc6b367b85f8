/* The names of v0.5 objects.
 * Source: Litestream v0.5 litestream.go (LTXFilePath), s3/replica_client.go. */
#include <stdlib.h>
#include <string.h>

#include "v05.h"

#define HEX "0123456789abcdef"

bool v05_parse_name(const char *name, uint64_t *ret_min, uint64_t *ret_max)
{
    if (strspn(name, HEX) != 16 || name[16] != '-' || strspn(name + 17, HEX) != 16 ||
        strcmp(name + 33, ".ltx") != 0)
        return false;
    *ret_min = strtoull(name, NULL, 16);
    *ret_max = strtoull(name + 17, NULL, 16);
    return *ret_min > 0 && *ret_min <= *ret_max;
}

/* "0000/" to "0009/". */
static bool v05_begins_with_level(const char *key)
{
    return strncmp(key, "000", 3) == 0 && key[3] >= '0' && key[3] <= '9' && key[4] == '/';
}

bool v05_is_level(const char *folder)
{
    return v05_begins_with_level(folder) && folder[5] == '\0';
}

bool v05_is_key(const char *key)
{
    const char *slash = strrchr(key, '/');
    uint64_t min, max;

    if (!slash || !v05_parse_name(slash + 1, &min, &max))
        return false;
    if (v05_begins_with_level(key))
        return slash == key + 4;
    return strncmp(key, "ltx/", 4) == 0 && key[4] >= '0' && key[4] <= '9' && slash == key + 5;
}
