/* The least of a VFS that a database which never changes wants: it is opened as immutable, so SQLite locks
 * nothing, and looks for no journal and no write-ahead log beside it, whatever mode its header tells.
 * Source: https://www.sqlite.org/vfs.html, https://www.sqlite.org/uri.html (immutable) */
#include "read_only_vfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litemount/task.h"

#define HEAP_LEAST (INT64_C(128) << 20)       /* bytes */
#define HEAP_MOST_VALUES (INT64_C(384) << 20) /* bytes */
#define LENGTH_LEAST (1 << 20)                /* bytes of a value */
#define LENGTH_MOST 1000000000

/* SQLite allocates it. */
struct read_only_file {
    sqlite3_file base;
    struct read_only_vfs *vfs; /* borrowed */
};

static int vfs_read_only_file_close(sqlite3_file *file)
{
    return SQLITE_OK;
}

static int vfs_read_only_note(struct read_only_vfs *vfs, int error)
{
    if (vfs->error == 0)
        vfs->error = error;
    return SQLITE_IOERR_READ;
}

static int vfs_read_only_file_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 offset)
{
    struct read_only_vfs *vfs = ((struct read_only_file *)file)->vfs;
    const struct read_only_source *source = &vfs->source;
    uint64_t begin = (uint64_t)offset, left = begin < source->size ? source->size - begin : 0;
    size_t wanted = (size_t)length, n = wanted < left ? wanted : (size_t)left;

    if (task_cancelled(vfs->task))
        return vfs_read_only_note(vfs, -ECANCELED);
    int r = n ? source->read(source->context, begin, n, bytes, vfs->task) : 0;
    if (r < 0)
        return vfs_read_only_note(vfs, r);
    memset((char *)bytes + n, 0, wanted - n); /* SQLite asks for that beyond the end */
    return n < wanted ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int vfs_read_only_file_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
    return SQLITE_READONLY;
}

static int vfs_read_only_file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return SQLITE_READONLY;
}

static int vfs_read_only_file_sync(sqlite3_file *file, int flags)
{
    return SQLITE_OK;
}

static int vfs_read_only_file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    *ret_size = (sqlite3_int64)((struct read_only_file *)file)->vfs->source.size;
    return SQLITE_OK;
}

static int vfs_read_only_file_lock(sqlite3_file *file, int level)
{
    return SQLITE_OK;
}

static int vfs_read_only_file_check_lock(sqlite3_file *file, int *ret_is_reserved)
{
    *ret_is_reserved = 0;
    return SQLITE_OK;
}

static int vfs_read_only_file_control(sqlite3_file *file, int operation, void *argument)
{
    return SQLITE_NOTFOUND;
}

static int vfs_read_only_file_sector_size(sqlite3_file *file)
{
    return 0; /* the default */
}

static int vfs_read_only_file_characteristics(sqlite3_file *file)
{
    return SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = vfs_read_only_file_close,
    .xRead = vfs_read_only_file_read,
    .xWrite = vfs_read_only_file_write,
    .xTruncate = vfs_read_only_file_truncate,
    .xSync = vfs_read_only_file_sync,
    .xFileSize = vfs_read_only_file_size,
    .xLock = vfs_read_only_file_lock,
    .xUnlock = vfs_read_only_file_lock,
    .xCheckReservedLock = vfs_read_only_file_check_lock,
    .xFileControl = vfs_read_only_file_control,
    .xSectorSize = vfs_read_only_file_sector_size,
    .xDeviceCharacteristics = vfs_read_only_file_characteristics,
};

/* The database alone: what SQLite sorts, it sorts in memory. */
static int vfs_read_only_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *file, int flags,
                              int *ret_flags)
{
    if (!(flags & SQLITE_OPEN_MAIN_DB)) {
        file->pMethods = NULL;
        return SQLITE_CANTOPEN;
    }
    *(struct read_only_file *)file = (struct read_only_file){{&file_methods}, base->pAppData};
    if (ret_flags)
        *ret_flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
    return SQLITE_OK;
}

static int vfs_read_only_delete(sqlite3_vfs *base, const char *name, int sync_folder)
{
    return SQLITE_READONLY;
}

static int vfs_read_only_access(sqlite3_vfs *base, const char *name, int flags, int *ret_is)
{
    *ret_is = 0;
    return SQLITE_OK;
}

static int vfs_read_only_full_path_name(sqlite3_vfs *base, const char *name, int size, char *ret_path)
{
    sqlite3_snprintf(size, ret_path, "%s", name);
    return SQLITE_OK;
}

int read_only_vfs_begin(struct read_only_vfs *vfs, const struct read_only_source *source, struct task *task)
{
    if (sqlite3_initialize() != SQLITE_OK)
        return -ENOMEM;
    *vfs = (struct read_only_vfs){.base = *sqlite3_vfs_find(NULL), .source = *source, .task = task};
    snprintf(vfs->name, sizeof vfs->name, "read-only-%p", (void *)vfs);
    vfs->base.pNext = NULL;
    vfs->base.zName = vfs->name;
    vfs->base.pAppData = vfs;
    vfs->base.szOsFile = sizeof(struct read_only_file);
    vfs->base.xOpen = vfs_read_only_open;
    vfs->base.xDelete = vfs_read_only_delete;
    vfs->base.xAccess = vfs_read_only_access;
    vfs->base.xFullPathname =
        vfs_read_only_full_path_name; /* clock, sleep and randomness stay the default one's */
    return sqlite3_vfs_register(&vfs->base, 0) == SQLITE_OK ? 0 : -ENOMEM;
}

void read_only_vfs_end(struct read_only_vfs *vfs)
{
    sqlite3_vfs_unregister(&vfs->base);
}

/* Twice a value that fills the database, as a check may need it, and what SQLite takes for itself. */
static void vfs_read_only_limit_heap(struct read_only_vfs *vfs)
{
    uint64_t size = vfs->source.size;

    vfs->heap_limit = HEAP_LEAST + (size > HEAP_MOST_VALUES / 2 ? HEAP_MOST_VALUES : 2 * (int64_t)size);
    sqlite3_hard_heap_limit64(vfs->heap_limit);
}

/* A schema may be made to cost more than any application's does: values that no row can hold, statements that
 * compile to anything, functions that reach beyond the database. */
static void vfs_read_only_distrust(const struct read_only_vfs *vfs, sqlite3 *connection)
{
    static const struct {
        int limit, value;
    } limits[] = {
        {SQLITE_LIMIT_SQL_LENGTH, 1000000}, {SQLITE_LIMIT_VDBE_OP, 5000000},
        {SQLITE_LIMIT_WORKER_THREADS, 0},   {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
    };
    uint64_t size = vfs->source.size;

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(connection, limits[i].limit, limits[i].value);
    sqlite3_limit(connection, SQLITE_LIMIT_LENGTH,
                  size < LENGTH_LEAST  ? LENGTH_LEAST
                  : size < LENGTH_MOST ? (int)size
                                       : LENGTH_MOST);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
}

int read_only_vfs_connect(struct read_only_vfs *vfs, sqlite3 **ret_connection)
{
    vfs_read_only_limit_heap(vfs);
    int code = sqlite3_open_v2("file:database?immutable=1", ret_connection,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, vfs->name);
    if (code != SQLITE_OK)
        return code;
    vfs_read_only_distrust(vfs, *ret_connection);
    return sqlite3_exec(*ret_connection, "PRAGMA temp_store = memory", NULL, NULL, NULL);
}
