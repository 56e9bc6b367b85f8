/* Listings: made when a folder is opened, handed out piece by piece while it is read. */
#include <errno.h>
#include <stdlib.h>

#include "filesystem.h"
#include "litemount/cleanup.h"
#include "tree.h"

static void directory_free_names(struct names **names)
{
    if (*names)
        names_finish(*names);
    free(*names);
}

void filesystem_opendir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct node *node = nodes_get(&filesystem->nodes, number);
    _cleanup_(directory_free_names) struct names *names = calloc(1, sizeof *names);
    struct mount_request request;

    if (!names || !node || node->kind != ENTRY_FOLDER) {
        fuse_reply_err(req, names ? ENOTDIR : ENOMEM);
        return;
    }
    request_begin(&request, filesystem, req, "list", node->path, NULL);
    int r = tree_list(filesystem->catalog, &node->place, &request.task, names);
    if (r < 0) {
        request_fail(&request, r, "list", node->path);
        return;
    }
    request_end(&request);
    file->fh = (uintptr_t)names;
    if (fuse_reply_open(req, file) == 0)
        steal_pointer(names);
}

/* Entry `i` of the listing: the folder itself, its parent, then the names. */
static size_t directory_add(fuse_req_t req, const struct node *node, const struct names *names, size_t i,
                            char *bytes, size_t room)
{
    struct stat stat = {.st_ino = i ? node->parent_inode : node->inode, .st_mode = S_IFDIR};

    if (i < 2)
        return fuse_add_direntry(req, bytes, room, i ? ".." : ".", &stat, (off_t)i + 1);
    const struct name *name = &names->items[i - 2];
    stat.st_ino = node_listed_inode(node, name);
    stat.st_mode = name->is_folder ? S_IFDIR : S_IFREG;
    return fuse_add_direntry(req, bytes, room, name->text, &stat, (off_t)i + 1);
}

void filesystem_readdir(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset,
                        struct fuse_file_info *file)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct node *node = nodes_get(&filesystem->nodes, number);
    const struct names *names = (const struct names *)(uintptr_t)file->fh;
    _cleanup_free_ char *bytes = malloc(size);
    size_t used = 0;

    if (!bytes || !node) {
        fuse_reply_err(req, bytes ? ENOENT : ENOMEM);
        return;
    }
    for (size_t i = offset < 0 ? 0 : (size_t)offset; i < names->n + 2; i++) {
        size_t length = directory_add(req, node, names, i, bytes + used, size - used);
        if (length > size - used)
            break;
        used += length;
    }
    fuse_reply_buf(req, bytes, used);
}

void filesystem_releasedir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct names *names = (struct names *)(uintptr_t)file->fh;
    directory_free_names(&names);
    fuse_reply_err(req, 0);
}
