/* The cache's folder: where it stands, whose it is, and the names of the files in it.
 *
 *     FOLDER/v1/usage          bytes occupied, shared by all processes (usage.h)
 *     FOLDER/v1/usage-lock     who changes that just now
 *     FOLDER/v1/XX/HASH.img    an image's pieces (piece_file.h)
 *     FOLDER/v1/XX/HASH.KIND   a fact (fact.c)
 *
 * HASH is the SHA-256 of the object's identity in hex, XX its first two digits: no text from outside is ever
 * part of a name. */
#pragma once

#include <stdint.h>

struct task;

struct digest {
    uint8_t bytes[32];
};

/* 0, or -ENOMEM. */
int digest_of(const char *identity, struct digest *ret_digest);

/* Eight bytes of the digest, to seed checksums and to pick hash buckets with. */
uint64_t digest_number(const struct digest *digest);

#define FOLDER_NAME_SIZE 128 /* room for the longest name below v1, with its NUL */

/* Writes "XX/HASH.EXTENSION"; the extension has at most 48 bytes. */
void folder_name(const struct digest *digest, const char *extension, char name[static FOLDER_NAME_SIZE]);

/* Opens FOLDER/v1, making what isn't there. `path` is FOLDER, NULL for the user's own. Returns 0, or a
 * negative errno with a reason. The descriptor is -1 if FOLDER is ours but no v1 is in it and none can be
 * made (a read-only file system): then nothing is stored. */
int folder_open(const char *path, struct task *task, int *ret_folder);

/* openat for a name that folder_name wrote. O_CREAT also makes XX. Returns a descriptor or a negative errno.
 */
int folder_open_file(int folder, const char *name, int flags);
