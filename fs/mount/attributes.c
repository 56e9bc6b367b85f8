/* What stat and getfattr tell. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "filesystem.h"
#include "litemount/instant.h"
#include "wal_file.h"

static struct timespec attributes_timespec(int64_t instant)
{
    struct timespec time = {.tv_sec = instant / INSTANT_SECOND, .tv_nsec = instant % INSTANT_SECOND};
    if (time.tv_nsec < 0) {
        time.tv_nsec += INSTANT_SECOND;
        time.tv_sec--;
    }
    return time;
}

static mode_t attributes_permissions(const struct mount_options *options, bool is_folder)
{
    if (options->has_umask)
        return (is_folder ? 0555 : 0444) & ~options->umask;
    return is_folder ? 0500 : 0400;
}

void node_attributes(const struct filesystem *filesystem, const struct node *node, struct stat *ret_stat)
{
    bool is_folder = node->kind == ENTRY_FOLDER;
    int64_t time = filesystem->mounted_at;

    *ret_stat = (struct stat){0};
    if (node->kind == ENTRY_STATE) {
        time = state_time(node->state);
        ret_stat->st_size = (off_t)state_size(node->state);
    } else if (node->kind == ENTRY_WAL_FILE) {
        ret_stat->st_size = WAL_FILE_SIZE;
    } else if (is_folder) {
        place_time(&node->place, &time);
    }
    ret_stat->st_ino = node->inode;
    ret_stat->st_mode =
        (is_folder ? S_IFDIR : S_IFREG) | attributes_permissions(filesystem->options, is_folder);
    ret_stat->st_nlink = 1;
    ret_stat->st_uid = filesystem->options->uid;
    ret_stat->st_gid = filesystem->options->gid;
    ret_stat->st_blksize = 4096;
    ret_stat->st_blocks = (ret_stat->st_size + 511) / 512;
    ret_stat->st_atim = ret_stat->st_mtim = ret_stat->st_ctim = attributes_timespec(time);
}

enum { TIME, DATABASE, GENERATION, POSITION, REPLICA, SOURCE_SIZE, GAP, ATTRIBUTES };

static const char *const names[ATTRIBUTES] = {
    [TIME] = "user.litemount.time",
    [DATABASE] = "user.litemount.database",
    [GENERATION] = "user.litemount.generation",
    [POSITION] = "user.litemount.position",
    [REPLICA] = "user.litemount.replica",
    [SOURCE_SIZE] = "user.litemount.source-size",
    [GAP] = "user.litemount.gap",
};

/* The attribute's text, or NULL if the node does not have it. `scratch` may hold it. */
static const char *attribute_value(const struct node *node, int attribute,
                                   char scratch[static INSTANT_TEXT_SIZE])
{
    if (node->kind != ENTRY_STATE)
        return NULL;
    switch (attribute) {
    case TIME:
        instant_format(state_time(node->state), scratch);
        return scratch;
    case DATABASE:
        return node->database;
    case GENERATION:
        return state_generation(node->state);
    case POSITION:
        return state_position(node->state);
    case REPLICA:
        return state_replica(node->state);
    case SOURCE_SIZE:
        snprintf(scratch, INSTANT_TEXT_SIZE, "%" PRIu64, state_source_size(node->state));
        return scratch;
    default:
        return state_gap(node->state) ? state_gap(node->state) : state_mixture(node->state);
    }
}

/* A reply to a request for `size` bytes; 0 asks how many there are. */
static void attribute_reply(fuse_req_t req, const char *bytes, size_t length, size_t size)
{
    if (size == 0)
        fuse_reply_xattr(req, length);
    else if (length > size)
        fuse_reply_err(req, ERANGE);
    else
        fuse_reply_buf(req, bytes, length);
}

void filesystem_getxattr(fuse_req_t req, fuse_ino_t number, const char *name, size_t size)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct node *node = nodes_get(&filesystem->nodes, number);
    char scratch[INSTANT_TEXT_SIZE];

    for (int i = 0; node && i < ATTRIBUTES; i++) {
        const char *text = strcmp(name, names[i]) == 0 ? attribute_value(node, i, scratch) : NULL;
        if (text) {
            attribute_reply(req, text, strlen(text), size);
            return;
        }
    }
    fuse_reply_err(req, ENODATA);
}

void filesystem_listxattr(fuse_req_t req, fuse_ino_t number, size_t size)
{
    struct filesystem *filesystem = fuse_req_userdata(req);
    const struct node *node = nodes_get(&filesystem->nodes, number);
    char list[ATTRIBUTES * 32], scratch[INSTANT_TEXT_SIZE];
    size_t length = 0;

    for (int i = 0; node && i < ATTRIBUTES; i++)
        if (attribute_value(node, i, scratch))
            length += (size_t)snprintf(list + length, sizeof list - length, "%s", names[i]) + 1;
    attribute_reply(req, list, length, size);
}
