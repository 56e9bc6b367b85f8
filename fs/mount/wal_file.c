#include "wal_file.h"

#include <stddef.h>
#include <string.h>

#include "litemount/history.h"

#define DATABASE_HEADER 20 /* bytes of the database's header that are looked at */
#define MAGIC 0x377f0683   /* the checksum adds big-endian words */
#define VERSION 3007000
#define CHECKED_WORDS 6 /* what the header's checksum covers: all but itself */

static void wal_file_put_u32(uint8_t *bytes, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(number >> (24 - 8 * i));
}

int wal_file_page_size(struct state *state, struct task *task, uint32_t *ret_page_size)
{
    static const char magic[16] = "SQLite format 3";
    uint8_t header[DATABASE_HEADER] = {0};
    int64_t n = state_read(state, 0, sizeof header, header, task);

    if (n < 0)
        return (int)n;
    uint32_t page_size = (uint32_t)header[16] << 8 | header[17];
    if (page_size == 1)
        page_size = 65536;
    bool is_wal = memcmp(header, magic, sizeof magic) == 0 && header[19] == 2 && page_size >= 512 &&
                  (page_size & (page_size - 1)) == 0;
    *ret_page_size = is_wal ? page_size : 0;
    return 0;
}

void wal_file_write(uint32_t page_size, uint8_t bytes[static WAL_FILE_SIZE])
{
    /* The last two are the salts. */
    const uint32_t words[CHECKED_WORDS] = {MAGIC, VERSION, page_size, 0, 0, 0};
    uint32_t sum[2] = {0, 0};

    memset(bytes, 0, WAL_FILE_SIZE);
    for (size_t i = 0; i < CHECKED_WORDS; i++)
        wal_file_put_u32(bytes + 4 * i, words[i]);
    for (size_t i = 0; i < CHECKED_WORDS; i += 2) {
        sum[0] += words[i] + sum[1];
        sum[1] += words[i + 1] + sum[0];
    }
    wal_file_put_u32(bytes + 24, sum[0]);
    wal_file_put_u32(bytes + 28, sum[1]);
}
