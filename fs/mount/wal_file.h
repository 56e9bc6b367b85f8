/* FILE-wal: what stands beside a database that was last used in WAL mode.
 *
 * SQLite opens such a database on a read-only file system only if a FILE-wal and a FILE-shm are there. Nobody
 * holds the -shm, so it builds an index of the -wal anew for each transaction, and (wal.c,
 * walBeginShmUnreliable) drops its page cache whenever the -wal is shorter than a WAL header: for somebody
 * might have written, checkpointed and truncated it meanwhile. A backup() in steps then begins anew with each
 * step, for ever. Of a longer -wal it compares the salts alone, and (walIndexRecover) reads the header only
 * if more stands behind it. So ours is a header without frames, always the same, and one byte more. */
#pragma once

#include <stdint.h>

#define WAL_FILE_SIZE 33 /* bytes */

struct state;
struct task;

/* The page size of a state that is in WAL mode; 0 for one that is not, whose -wal is empty. Reads the state's
 * first page. 0, or a negative errno with a reason. Source:
 * https://www.sqlite.org/fileformat2.html#the_database_header */
int wal_file_page_size(struct state *state, struct task *task, uint32_t *ret_page_size);

/* The file's bytes, for pages of `page_size` bytes. Source: https://www.sqlite.org/fileformat2.html#walformat
 */
void wal_file_write(uint32_t page_size, uint8_t bytes[static WAL_FILE_SIZE]);
