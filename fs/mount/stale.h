/* Attributes that the kernel shall ask for anew.
 *
 * A notification may wait in the kernel for an unmount, which may wait for pages whose reads we have not
 * answered yet (fuse_reverse_inval_inode and fuse_kill_sb_anon share a lock). So whoever owes the kernel a
 * reply must send none himself: a thread that answers nothing does, and is waited for only so long. */
#pragma once

#include <stdint.h>

struct fuse_session;
struct stale_nodes;

/* Starts the thread. The session is borrowed. 0 or a negative errno. */
int stale_nodes_begin(struct fuse_session *session, struct stale_nodes **ret_stale);

/* Has the kernel forget the attributes of the node, and returns once it has: or after about a second, or when
 * the thread is at its end. Any thread may call it. */
void stale_nodes_drop(struct stale_nodes *stale, uint64_t number);

/* Ends the thread. To be called while requests are still answered. */
void stale_nodes_end(struct stale_nodes *stale);

/* Of one whose thread has ended, and that nobody calls any more. */
void stale_nodes_free(struct stale_nodes *stale);
