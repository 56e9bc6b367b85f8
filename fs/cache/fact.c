/* Facts: what was learnt about an object, one small file each.
 *
 * A file begins with 24 bytes in little-endian order: the magic, the version of the fact's layout and its
 * length (4 bytes each), and the CRC-64 (ECMA, reflected) of the object, the kind and the fact. It appears
 * under its name by rename; the CRC tells when a crash of the machine kept the name and lost the bytes. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <isa-l/crc64.h>

#include "evict.h"
#include "image.h"
#include "io.h"

#include "litemount/array.h"
#include "litemount/cleanup.h"

#define MAGIC UINT64_C(0x32746361666d6c2e) /* ".lmfact2" */
#define KIND_MAX 16                        /* letters */
#define FACT_MAX (UINT32_C(1) << 30)       /* bytes */
#define TOUCH_SECONDS 60

struct fact_header {
    uint64_t magic;
    uint32_t version, length;
    uint64_t checksum;
};

/* Where one fact stands. */
struct fact_place {
    struct digest digest;
    const char *kind;
    uint32_t version;
    char name[FOLDER_NAME_SIZE];
};

static bool fact_kind_valid(const char *kind)
{
    size_t letters = strspn(kind, "abcdefghijklmnopqrstuvwxyz");
    return letters > 0 && letters <= KIND_MAX && !kind[letters] && strcmp(kind, "img") != 0;
}

static int fact_find_place(const char *identity, const char *kind, uint32_t version,
                           struct fact_place *ret_place)
{
    int r = fact_kind_valid(kind) ? digest_of(identity, &ret_place->digest) : -EINVAL;
    if (r < 0)
        return r;
    ret_place->kind = kind;
    ret_place->version = version;
    folder_name(&ret_place->digest, kind, ret_place->name);
    return 0;
}

/* The checksum of the object and the kind, to go on with from there. */
static uint64_t fact_begin_sum(const struct fact_place *place)
{
    return crc64_ecma_refl(digest_number(&place->digest), (const unsigned char *)place->kind,
                           strlen(place->kind));
}

static struct fact_header fact_make_header(const struct fact_place *place, const uint8_t *bytes,
                                           size_t length)
{
    uint64_t sum = fact_begin_sum(place);
    if (length)
        sum = crc64_ecma_refl(sum, bytes, length);
    return (struct fact_header){htole64(MAGIC), htole32(place->version), htole32((uint32_t)length),
                                htole64(sum)};
}

/* Writes the fact under a name that nobody reads, and gives it its own. */
static int fact_write(struct cache *cache, const struct fact_place *place, const void *bytes, size_t length)
{
    struct fact_header header = fact_make_header(place, bytes, length);
    char temporary[FOLDER_NAME_SIZE], extension[48];
    _cleanup_close_ int fd = -1;
    int r;

    snprintf(extension, sizeof extension, "%s.%ld-%u.tmp", place->kind, (long)getpid(),
             atomic_fetch_add(&cache->temporaries, 1));
    folder_name(&place->digest, extension, temporary);
    fd = folder_open_file(cache->folder, temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (fd < 0)
        return fd;
    r = write_at(fd, &header, sizeof header, 0);
    if (r == 0)
        r = write_at(fd, bytes, length, sizeof header);
    if (r == 0 && renameat(cache->folder, temporary, cache->folder, place->name) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(cache->folder, temporary, 0);
    return r;
}

void cache_put_fact(struct cache *cache, const char *identity, const char *kind, uint32_t version,
                    const void *bytes, size_t length)
{
    struct fact_place place;
    uint64_t cost;

    if (fact_find_place(identity, kind, version, &place) < 0 || length > FACT_MAX)
        return;
    cost = layout_cost(FACT_MAX, 0, sizeof(struct fact_header) + length);
    if (evict_reserve(cache, place.name, cost) < 0)
        return;
    int r = fact_write(cache, &place, bytes, length);
    usage_written(&cache->usage, cost, r < 0 ? 0 : cost);
}

void cache_drop_fact(struct cache *cache, const char *identity, const char *kind)
{
    struct fact_place place;

    if (fact_find_place(identity, kind, 0, &place) == 0)
        evict_file(cache, place.name);
}

/* Says that the fact has been of use, once a minute at most. */
static void fact_touch(int fd, const struct stat *info)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    if (time(NULL) - info->st_mtim.tv_sec >= TOUCH_SECONDS)
        (void)futimens(fd, times);
}

/* Opens the fact's file. Returns its descriptor, for the caller to close, and what its header says, which may
 * not hold; -ENOENT, or -ENOMEM. */
static int fact_open(struct cache *cache, const char *identity, const char *kind, uint32_t version,
                     struct fact_place *ret_place, struct fact_header *ret_header, size_t *ret_length)
{
    _cleanup_close_ int fd = -1;
    struct stat info;
    int r = fact_find_place(identity, kind, version, ret_place);

    if (r < 0)
        return r == -EINVAL ? -ENOENT : r;
    fd = folder_open_file(cache->folder, ret_place->name, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) < 0 ||
        read_at(fd, ret_header, sizeof *ret_header, 0) != sizeof *ret_header)
        return -ENOENT;
    *ret_length = le32toh(ret_header->length);
    if (*ret_length > FACT_MAX || (off_t)(*ret_length + sizeof *ret_header) != info.st_size)
        return -ENOENT;
    fact_touch(fd, &info);
    return steal_fd(&fd);
}

/* Reads the fact where it is to stay, and compares its version and its checksum. */
static bool fact_read(int fd, const struct fact_place *place, const struct fact_header *header,
                      uint8_t *bytes, size_t length)
{
    if (read_at(fd, bytes, length, sizeof *header) != length)
        return false;
    const struct fact_header right = fact_make_header(place, bytes, length);
    return memcmp(header, &right, sizeof right) == 0;
}

int cache_get_fact(struct cache *cache, const char *identity, const char *kind, uint32_t version,
                   struct buffer *buffer)
{
    struct fact_header header;
    struct fact_place place;
    size_t length;
    _cleanup_close_ int fd = fact_open(cache, identity, kind, version, &place, &header, &length);

    if (fd < 0)
        return fd;
    int r = buffer_reserve(buffer, length + 1); /* so that there is memory to point to, however empty it is */
    if (r < 0)
        return r;
    if (!fact_read(fd, &place, &header, buffer->data + buffer->size, length))
        return -ENOENT;
    buffer->size += length;
    return 0;
}
