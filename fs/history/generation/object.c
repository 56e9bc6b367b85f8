#include "object.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "litemount/replica.h"
#include "litemount/task.h"

char *object_identity(const struct replica *replica, const struct object *object)
{
    char *text;
    int n = asprintf(&text, "%s\n%s\n%" PRIu64 "\n%s", replica_url(replica), object->key, object->size,
                     object->version);
    return n < 0 ? NULL : text;
}

int object_read(struct replica *replica, const struct object *object, bool anew, uint64_t offset,
                size_t length, void *bytes, struct task *task)
{
    int r = anew ? replica_read_anew(replica, object, offset, length, bytes, task)
                 : replica_read(replica, object, offset, length, bytes, task);
    return r == -ENOENT ? -ESTALE : r;
}

int object_fail(const struct replica *replica, const struct object *object, int code, struct task *task,
                const char *what)
{
    return task_fail(task, code, "%s/%s %s", replica_url(replica), object->key, what);
}
