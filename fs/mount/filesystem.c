/* FUSE's requests, each answered once. */
#include "filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "failed.h"
#include "keep.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "serve.h"
#include "tree.h"
#include "wal_file.h"

#define FOREVER 86400.0 /* seconds: what a node is never changes */
#define MOMENT 1.0      /* seconds, or refresh= if that is less: asking us again is cheap */
/* Requests that the kernel may have under way on its own: the parts of a large read are among them. The rest
 * of the workers is there for whatever else is asked. */
#define BACKGROUND (SERVE_WORKERS * 3 / 4)

static void filesystem_init(void *userdata, struct fuse_conn_info *connection)
{
    struct filesystem *filesystem = userdata;

    atomic_store(&filesystem->answers_init, true);
    connection->max_background = BACKGROUND;
    connection->congestion_threshold = BACKGROUND * 3 / 4;
    connection->max_readahead = FILESYSTEM_MAX_READ;
    connection->max_read = FILESYSTEM_MAX_READ;
}

/* Seconds. */
static double filesystem_keep_seconds(const struct filesystem *filesystem, enum keep keep)
{
    double refresh = (double)filesystem->options->refresh / INSTANT_SECOND;
    switch (keep) {
    case KEEP_ALWAYS:
        return FOREVER;
    case KEEP_REFRESH:
        return refresh;
    default:
        return refresh < MOMENT ? refresh : MOMENT;
    }
}

/* Replies that there is no such name: SQLite looks for a journal whenever it begins to read. */
static void filesystem_reply_without(struct mount_request *request, double seconds)
{
    const struct fuse_entry_param nothing = {.entry_timeout = seconds};
    request_end(request);
    fuse_reply_entry(request->req, &nothing);
}

static void filesystem_lookup(fuse_req_t req, fuse_ino_t parent_number, const char *name)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct node *parent = nodes_get(&filesystem->nodes, parent_number);
    _cleanup_(tree_entry_finish) struct tree_entry entry = {0};
    struct fuse_entry_param answer = {.attr_timeout = FOREVER};
    struct mount_request request;
    struct node *node;

    if (!parent || parent->kind != ENTRY_FOLDER) {
        fuse_reply_err(req, ENOTDIR);
        return;
    }
    request_begin(&request, filesystem, req, "look up", parent->path, name);
    int r = tree_lookup(filesystem->catalog, &parent->place, name, &request.task, &entry);
    answer.entry_timeout =
        filesystem_keep_seconds(filesystem, keep_name(&parent->place, name, r == 0 ? &entry : NULL));
    if (r == -ENOENT) {
        filesystem_reply_without(&request, answer.entry_timeout);
        return;
    }
    if (r == 0)
        r = nodes_add(&filesystem->nodes, parent, name, &entry, &node);
    if (r < 0) {
        _cleanup_free_ char *path = NULL;
        if (asprintf(&path, "%s/%s", parent->path, name) < 0)
            path = NULL;
        request_fail(&request, r, "look up", path ? path : name);
        return;
    }
    request_end(&request);
    answer.ino = node->number;
    node_attributes(filesystem, node, &answer.attr);
    if (fuse_reply_entry(req, &answer) < 0)
        nodes_forget(&filesystem->nodes, node->number, 1);
}

static void filesystem_forget(fuse_req_t req, fuse_ino_t number, uint64_t lookups)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    nodes_forget(&filesystem->nodes, number, lookups);
    fuse_reply_none(req);
}

static void filesystem_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    for (size_t i = 0; i < count; i++)
        nodes_forget(&filesystem->nodes, forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(req);
}

static void filesystem_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct node *node = nodes_get(&filesystem->nodes, number);
    struct stat stat;

    /* Who has it open (`file`) gets its attributes, and the error when it reads. */
    if (!node || (!file && failed_node(node))) {
        fuse_reply_err(req, node ? ESTALE : ENOENT);
        return;
    }
    node_attributes(filesystem, node, &stat);
    fuse_reply_attr(req, &stat, FOREVER);
}

static void filesystem_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct node *node = nodes_get(&filesystem->nodes, number);

    if (!node || (file->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(req, node ? EROFS : ENOENT);
        return;
    }
    if (node->kind == ENTRY_STATS) {
        stats_open(req, file);
        return;
    }
    if (failed_node(node)) {
        fuse_reply_err(req, ESTALE);
        return;
    }
    file->keep_cache = 1;                         /* what a node holds never changes */
    atomic_fetch_add(&filesystem->open_files, 1); /* before the reply: the release may come at once */
    if (fuse_reply_open(req, file) < 0)
        atomic_fetch_sub(&filesystem->open_files, 1);
}

static void filesystem_release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct node *node = nodes_get(&filesystem->nodes, number);

    if (node && node->kind == ENTRY_STATS)
        stats_release(file);
    else
        atomic_fetch_sub(&filesystem->open_files, 1);
    fuse_reply_err(req, 0);
}

static void filesystem_reply_wal_file(fuse_req_t req, uint32_t page_size, size_t size, off_t offset)
{
    uint8_t bytes[WAL_FILE_SIZE];
    size_t begin = offset < WAL_FILE_SIZE ? (size_t)offset : WAL_FILE_SIZE, left = WAL_FILE_SIZE - begin;

    wal_file_write(page_size, bytes);
    fuse_reply_buf(req, (const char *)bytes + begin, left < size ? left : size);
}

static void filesystem_read(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset,
                            struct fuse_file_info *file)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct node *node = nodes_get(&filesystem->nodes, number);
    struct mount_request request;
    int64_t n = 0;

    if (!node || offset < 0 || size > FILESYSTEM_MAX_READ) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    if (node->kind == ENTRY_STATS) {
        stats_read(req, size, offset, file);
        return;
    }
    if (node->kind == ENTRY_WAL_FILE) {
        filesystem_reply_wal_file(req, node->page_size, size, offset);
        return;
    }
    char *bytes = buffers_take(&filesystem->buffers);
    if (!bytes) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    request_begin(&request, filesystem, req, "read", node->path, NULL);
    if (node->kind == ENTRY_STATE)
        n = state_read(node->state, (uint64_t)offset, size, bytes, &request.task);
    if (n < 0 && failed_node(node)) {
        failed_reply(filesystem, &request, node);
    } else if (n < 0) {
        request_fail(&request, (int)n, "read", node->path);
    } else {
        request_end(&request);
        fuse_reply_buf(req, bytes, (size_t)n);
    }
    buffers_give(&filesystem->buffers, bytes);
}

/* The network is none of df's business. */
static void filesystem_statfs(fuse_req_t req, fuse_ino_t number)
{
    const struct statvfs statistics = {
        .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255, .f_flag = ST_RDONLY};
    fuse_reply_statfs(req, &statistics);
}

const struct fuse_lowlevel_ops filesystem_operations = {
    .init = filesystem_init,
    .lookup = filesystem_lookup,
    .forget = filesystem_forget,
    .forget_multi = filesystem_forget_multi,
    .getattr = filesystem_getattr,
    .open = filesystem_open,
    .read = filesystem_read,
    .release = filesystem_release,
    .statfs = filesystem_statfs,
    .opendir = filesystem_opendir,
    .readdir = filesystem_readdir,
    .releasedir = filesystem_releasedir,
    .getxattr = filesystem_getxattr,
    .listxattr = filesystem_listxattr,
};
