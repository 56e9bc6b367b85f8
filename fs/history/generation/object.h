/* One immutable object of a replica, as every format reads it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object;
struct replica;
struct task;

/* The text that names this very version of the object in the cache. The caller frees it. NULL: out of memory.
 */
char *object_identity(const struct replica *replica, const struct object *object);

/* As replica_read, or (`anew`) replica_read_anew. An object that is gone is -ESTALE, like one that was
 * replaced: the listing is out of date. */
int object_read(struct replica *replica, const struct object *object, bool anew, uint64_t offset,
                size_t length, void *bytes, struct task *task);

/* As task_fail, of the object; `what` goes on from its name: "is damaged: it is cut short". Returns -code. */
int object_fail(const struct replica *replica, const struct object *object, int code, struct task *task,
                const char *what);
