/* /dev/fuse, read and written in libfuse's place. */
#pragma once

struct fuse_session;

/* Makes the session, which must be mounted and have a `struct filesystem` as its userdata, tell the kernel
 * that it takes several requests for names in one folder at once (FUSE_PARALLEL_DIROPS). libfuse before 3.17
 * lists that among what it wants and then leaves it out of its answer: and whoever looks up a name waits for
 * everybody who waits for a store in the same folder. 0 or a negative errno. */
int device_take_over(struct fuse_session *session);
