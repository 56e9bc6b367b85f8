/* What the tests of whole histories share: a fixture's backups, unpacked and opened without any mount. */
#pragma once

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/catalog.h"
#include "litemount/config.h"
#include "litemount/history.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/slots.h"
#include "litemount/task.h"
#include "litemount/workspaces.h"

#define HASH_TEXT_SIZE 65 /* SHA-256 in hex, and its NUL */

extern char **environ;

/* A fixture, unpacked below a folder of its own. */
struct fixture {
    const char *name;
    char top[64];          /* everything is below it */
    char folder[PATH_MAX]; /* ${FIXTURE} */
};

/* What a mount holds, over one fixture and one cache. */
struct backups {
    struct config *config;
    struct stores *stores;
    struct cache *cache;
    struct slots decoders;
    struct workspaces blocks;
    struct catalog *catalog;
};

static const char *fixture_folder; /* of the fixture whose configuration is being read */

static inline const char *fixture_getenv(const char *name)
{
    return strcmp(name, "FIXTURE") == 0 ? fixture_folder : getenv(name);
}

/* Object times are the files' times: tar keeps them to the nanosecond. */
static inline void fixture_unpack(struct fixture *fixture, const char *name)
{
    char archive[PATH_MAX];
    pid_t child;
    int status;

    fixture->name = name;
    snprintf(fixture->top, sizeof fixture->top, "/tmp/litemount-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->top));
    snprintf(fixture->folder, sizeof fixture->folder, "%s/%s", fixture->top, name);
    snprintf(archive, sizeof archive, "%s/fixtures/%s.tar.xz", getenv("TEST_DATA"), name);
    char *const argv[] = {(char *)"tar", (char *)"-xf", archive, (char *)"-C", fixture->top, NULL};
    assert_int_equal(posix_spawnp(&child, "tar", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static inline int fixture_remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    return remove(path);
}

static inline void fixture_remove(struct fixture *fixture)
{
    nftw(fixture->top, fixture_remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* `cache` names the cache's folder, below the fixture's. */
static inline void backups_open(struct backups *backups, const struct fixture *fixture, const char *cache)
{
    const struct config_options config_options = {.getenv = fixture_getenv};
    const struct stores_options stores_options = {0};
    struct history_options options = {
        .refresh = 3600 * INSTANT_SECOND, .decoders = &backups->decoders, .blocks = &backups->blocks};
    char path[PATH_MAX + 32];
    struct task task;

    task_init(&task, NULL);
    fixture_folder = fixture->folder;
    snprintf(path, sizeof path, "%s/litestream.yml", fixture->folder);
    assert_int_equal(config_load(path, &config_options, &task, &backups->config), 0);
    assert_int_equal(stores_open(&stores_options, &task, &backups->stores), 0);
    snprintf(path, sizeof path, "%s/%s", fixture->top, cache);
    assert_int_equal(cache_open(path, CACHE_SIZE_DEFAULT, &task, &backups->cache), 0);
    slots_init(&backups->decoders, 2);
    workspaces_init(&backups->blocks, 2, HISTORY_BLOCK);
    options.cache = backups->cache;
    assert_int_equal(catalog_open(backups->config, backups->stores, &options, &task, &backups->catalog), 0);
}

static inline void backups_close(struct backups *backups)
{
    catalog_close(backups->catalog);
    slots_finish(&backups->decoders);
    workspaces_finish(&backups->blocks);
    cache_close(backups->cache);
    stores_close(backups->stores);
    config_close(backups->config);
}

/* The fixtures' databases lie in one folder, so that each is called by its file's name. */
static inline struct history *backups_find(struct backups *backups, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct history *history = NULL;
    struct task task;

    task_init(&task, NULL);
    assert_int_equal(catalog_find(backups->catalog, slash ? slash + 1 : path, &task, &history), 0);
    return history;
}

/* All bytes of a state; the caller finishes them. */
static inline struct buffer state_bytes(struct state *state)
{
    struct buffer bytes = {0};
    struct task task;

    task_init(&task, NULL);
    assert_int_equal(buffer_reserve(&bytes, state_size(state) + 1), 0);
    bytes.size = state_size(state);
    int64_t n = state_read(state, 0, bytes.size, bytes.data, &task);
    if (n < 0)
        fail_msg("%s", task_reason(&task, (int)n));
    assert_int_equal(n, bytes.size);
    return bytes;
}

static inline void state_hash(struct state *state, char text[static HASH_TEXT_SIZE])
{
    struct buffer bytes = state_bytes(state);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length;

    assert_int_equal(EVP_Digest(bytes.data, bytes.size, digest, &length, EVP_sha256(), NULL), 1);
    for (unsigned int i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    buffer_finish(&bytes);
}

/* The same numbers in every run and thread. */
static inline uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 20) % below;
}
