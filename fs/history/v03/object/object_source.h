/* An object's plain bytes: as they stand in the store, or, where the object is an age file, decrypted chunk
 * by chunk, so that reading a part costs that part. Whether an object is encrypted is looked at for each, if
 * there are identities at all. */
#pragma once

#include <stdbool.h>

#include "litemount/age.h"
#include "litemount/array.h"

struct object;
struct task;
struct v03_generation;

struct object_source {
    struct v03_generation *generation; /* borrowed, like the object */
    const struct object *object;
    uint64_t size; /* plain bytes */
    bool is_sealed;
    struct age_file age; /* of a sealed one */
    struct buffer head; /* the object's first bytes as they stand in the store, if they had to be looked at */
};

/* `anew`: past every cache. Returns 0 and a source for the caller to finish; -EACCES with a
 * reason if no identity opens the object, -EBADMSG if it is damaged, or object_read's errno. Without
 * identities nothing is sent. */
int object_source_open(struct v03_generation *generation, const struct object *object, bool anew,
                       struct task *task, struct object_source *ret_source);
void object_source_finish(struct object_source *source);

/* Reads exactly `length` plain bytes from `offset`, which must lie within the object. 0, or as
 * object_source_open. */
int object_source_read(const struct object_source *source, bool anew, uint64_t offset, size_t length,
                       void *bytes, struct task *task);
