#include <errno.h>
#include <stdlib.h>

#include <xxhash.h>

#include "litemount/lz4frame.h"

struct lz4_checksum {
    XXH32_state_t *state;
};

int lz4_checksum_open(struct lz4_checksum **ret_checksum)
{
    struct lz4_checksum *checksum = calloc(1, sizeof *checksum);
    if (!checksum || !(checksum->state = XXH32_createState())) {
        free(checksum);
        return -ENOMEM;
    }
    XXH32_reset(checksum->state, 0);
    *ret_checksum = checksum;
    return 0;
}

void lz4_checksum_close(struct lz4_checksum *checksum)
{
    if (checksum)
        XXH32_freeState(checksum->state);
    free(checksum);
}

void lz4_checksum_add(struct lz4_checksum *checksum, const void *bytes, size_t length)
{
    XXH32_update(checksum->state, bytes, length);
}

uint32_t lz4_checksum_value(const struct lz4_checksum *checksum)
{
    return XXH32_digest(checksum->state);
}
