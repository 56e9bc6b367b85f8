/* Files whose bytes turned out to be wrong after the kernel had got some of them. */
#pragma once

#include <stdbool.h>

struct mount_request;
struct failed_files;
struct filesystem;
struct node;

/* Starts the threads that have the kernel drop what it keeps of such files, and say once why each failed. The
 * caller frees them. 0 or a negative errno. */
int failed_files_begin(struct filesystem *filesystem, struct failed_files **ret_files);

/* Ends the threads of `files`. To be called while requests are still answered, for the kernel waits for reads
 * that are under way; failed_reply may still be called. */
void failed_files_end(void *files);

/* Ends the threads if need be. A pointer to NULL is fine. */
void failed_files_free(struct failed_files **files);

/* Whether the node's file has failed: who asks for it by name must be sent to look it up again (ESTALE). */
bool failed_node(const struct node *node);

/* Tells somebody who reads of a file that has failed. Ends the request. */
void failed_reply(struct filesystem *filesystem, struct mount_request *request, const struct node *node);
