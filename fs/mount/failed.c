/* What a file holds never changes, so the kernel keeps its pages, open or not, and asks us no more. When some
 * of them turn out to be wrong they are taken from it. It drops a page only once no read of it is under way,
 * so this is done by a thread that answers none; and what the kernel does meanwhile may wait for that thread,
 * so attributes are dropped by another one (stale.h). */
#include "failed.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "filesystem.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/failures.h"
#include "litemount/log.h"
#include "stale.h"

struct failed_files {
    struct filesystem *filesystem;
    struct failures *failures; /* the catalog's */
    pthread_t thread;
    struct stale_nodes *stale;
    bool running; /* both threads */
};

static void failed_drop(const struct failed_files *files, const struct failed_node *node)
{
    log_error("%s", node->text);
    int r = fuse_lowlevel_notify_inval_inode(files->filesystem->session, node->number, 0, 0);
    if (r < 0 && r != -ENOENT) /* -ENOENT: the kernel has forgotten it */
        log_debug("the kernel does not drop its pages: %s", strerror(-r));
}

static void failed_sweep(const struct failed_files *files)
{
    struct failed_node node;

    while (nodes_next_failed(&files->filesystem->nodes, &node))
        failed_drop(files, &node);
}

static void *failed_watch(void *argument)
{
    struct failed_files *files = argument;
    uint64_t seen = 0;

    while (failures_wait(files->failures, &seen))
        failed_sweep(files);
    return NULL;
}

static int failed_start_threads(struct failed_files *files)
{
    int r = stale_nodes_begin(files->filesystem->session, &files->stale);

    if (r < 0)
        return r;
    r = pthread_create(&files->thread, NULL, failed_watch, files);
    if (r != 0) {
        stale_nodes_end(files->stale);
        stale_nodes_free(files->stale);
        return -r;
    }
    files->running = true;
    return 0;
}

int failed_files_begin(struct filesystem *filesystem, struct failed_files **ret_files)
{
    _cleanup_free_ struct failed_files *files = calloc(1, sizeof *files);

    if (!files)
        return -ENOMEM;
    files->filesystem = filesystem;
    files->failures = catalog_failures(filesystem->catalog);
    int r = failed_start_threads(files);
    if (r < 0)
        return r;
    *ret_files = steal_pointer(files);
    return 0;
}

void failed_files_end(void *argument)
{
    struct failed_files *files = argument;

    failures_end(files->failures);
    stale_nodes_end(files->stale);
    pthread_join(files->thread, NULL);
    files->running = false;
}

void failed_files_free(struct failed_files **files)
{
    if (!*files)
        return;
    if ((*files)->running)
        failed_files_end(*files);
    stale_nodes_free((*files)->stale);
    free(*files);
}

bool failed_node(const struct node *node)
{
    return node->kind == ENTRY_STATE && state_failure(node->state);
}

/* The kernel asks for its attributes the next time that somebody names it, and then looks the name up again:
 * so who comes after this reply finds another file. */
void failed_reply(struct filesystem *filesystem, struct mount_request *request, const struct node *node)
{
    request_end(request);
    stale_nodes_drop(filesystem->failed->stale, node->number);
    fuse_reply_err(request->req, EIO);
}
