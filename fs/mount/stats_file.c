/* `.litemount/stats`: made when it is opened, and so the same for as long as it is read. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "filesystem.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"

static void stats_free_text(struct buffer **text)
{
    if (*text)
        buffer_finish(*text);
    free(*text);
}

/* What the mount itself knows: the first two lines. */
static int stats_add_own_lines(struct filesystem *filesystem, struct buffer *text)
{
    char lines[128];
    int length = snprintf(lines, sizeof lines, "uptime %" PRId64 "\nopen-files %" PRIu64 "\n",
                          (instant_now() - filesystem->mounted_at) / INSTANT_SECOND,
                          atomic_load(&filesystem->open_files));
    return buffer_append(text, lines, (size_t)length);
}

void stats_open(fuse_req_t req, struct fuse_file_info *file)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct mount_options *options = filesystem->options;
    _cleanup_(stats_free_text) struct buffer *text = calloc(1, sizeof *text);

    if (!text || stats_add_own_lines(filesystem, text) < 0 ||
        options->stats(options->stats_context, text) < 0) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    file->direct_io = 1; /* else the kernel would read no more than the size, which it does not know */
    file->fh = (uintptr_t)text;
    if (fuse_reply_open(req, file) == 0)
        steal_pointer(text);
}

void stats_read(fuse_req_t req, size_t size, off_t offset, struct fuse_file_info *file)
{
    const struct buffer *text = (const struct buffer *)(uintptr_t)file->fh;
    size_t begin = offset < 0 || (uint64_t)offset > text->size ? text->size : (size_t)offset;
    size_t left = text->size - begin;
    fuse_reply_buf(req, (const char *)text->data + begin, left < size ? left : size);
}

void stats_release(struct fuse_file_info *file)
{
    struct buffer *text = (struct buffer *)(uintptr_t)file->fh;
    stats_free_text(&text);
}
