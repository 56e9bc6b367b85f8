/* Files whose bytes turned out to be wrong after the kernel had got some of them. */
#pragma once

#include <stdbool.h>

struct mount_request;
struct failed_files;
struct filesystem;
struct node;

/* Starts the thread that has the kernel drop what it keeps of such files, and says once why each failed. The
 * caller ends it. 0 or a negative errno. */
int failed_files_begin(struct filesystem *filesystem, struct failed_files **ret_files);

/* Ends the thread and sets the pointer at `files` to NULL; NULL is fine. To be called while requests are
 * still answered, for the kernel waits for reads that are under way. */
void failed_files_end(void *files);

/* Whether the node's file has failed: who asks for it by name must be sent to look it up again (ESTALE). */
bool failed_node(const struct node *node);

/* Tells somebody who reads of a file that has failed. Ends the request. */
void failed_reply(struct filesystem *filesystem, struct mount_request *request, const struct node *node);
