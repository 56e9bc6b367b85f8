/* The client that the tests of this folder send to a store: what replica.h offers, one call a command.
 *
 *   replica_probe [SETTING=VALUE ...] COMMAND ...
 *
 * Settings are the type, the path and the kind's own as a configuration calls them (bucket, ...), those of
 * struct stores_options (attempts, deadline), and cancel: milliseconds after which the task is cancelled.
 * Commands:
 *
 *     kinds                                    alone: the kinds of stores, a line each
 *     list PREFIX all|folder [AFTER [LIMIT]]   a line an entry: key, version, size, time; a folder its name
 *     read KEY OFFSET LENGTH                   the bytes, after a listing that finds the object
 *     read-anew KEY OFFSET LENGTH              the same, past any cache
 *     read-version KEY OFFSET LENGTH VERSION SIZE   the same, of a version that was listed some time ago
 *     metadata KEY NAME                        the value, after a listing that finds the object
 *     metadata-version KEY NAME VERSION SIZE   the same, of a version that was listed some time ago
 *     below FOLDER                             what follows is asked of the replica below
 *     url, stats                               what they say; stats: requests, retries, bytes
 *     storm FILE KEY THREADS READS             so many threads read ranges of the object, a quarter of them
 *                                              cancelled, and compare them with FILE
 *
 * A failure ends it: errno's name and the reason on standard error, exit status 1. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/task.h"

#define STORM_LENGTH_MAX 200000 /* bytes of a storm's read */

struct probe {
    struct replica_config config;
    struct stores_options options;
    unsigned cancel_milliseconds;
    struct stores *stores;
    struct replica *replica;
    struct task task;
};

static bool set_type(struct probe *probe, const char *name)
{
    for (enum replica_type type = 0; type < REPLICA_UNKNOWN; type++)
        if (strcmp(name, replica_type_name(type)) == 0)
            probe->config.type = type;
    return strcmp(name, replica_type_name(probe->config.type)) == 0;
}

/* The name must stay where it is. */
static bool set(struct probe *probe, const char *name, char *value)
{
    struct replica_config *config = &probe->config;

    if (strcmp(name, "type") == 0)
        return set_type(probe, value);
    if (strcmp(name, "path") == 0)
        config->path = value;
    else if (strcmp(name, "attempts") == 0)
        probe->options.attempts = (unsigned)atoi(value);
    else if (strcmp(name, "deadline") == 0)
        probe->options.deadline_seconds = (unsigned)atoi(value);
    else if (strcmp(name, "cancel") == 0)
        probe->cancel_milliseconds = (unsigned)atoi(value);
    else
        return replica_set(config, name, value) == 0;
    return true;
}

static int list(struct probe *probe, char **arguments, int count)
{
    _cleanup_(listing_finish) struct listing listing = {0};
    enum list_depth depth = strcmp(arguments[1], "all") == 0 ? LIST_ALL : LIST_FOLDER;
    const char *after = count > 2 && *arguments[2] ? arguments[2] : NULL;
    size_t limit = count > 3 ? strtoul(arguments[3], NULL, 10) : 0;

    int r = replica_list(probe->replica, arguments[0], depth, after, limit, &probe->task, &listing);
    if (r < 0)
        return r;
    for (size_t i = 0; i < listing.n_objects; i++)
        printf("%s\t%s\t%" PRIu64 "\t%" PRId64 "\n", listing.objects[i].key, listing.objects[i].version,
               listing.objects[i].size, listing.objects[i].modified);
    for (size_t i = 0; i < listing.n_folders; i++)
        printf("%s\n", listing.folders[i]);
    return 0;
}

/* Finds the object by listing its folder. */
static int find(struct probe *probe, const char *key, struct object *ret_object)
{
    _cleanup_(listing_finish) struct listing listing = {0};
    const char *slash = strrchr(key, '/');
    _cleanup_free_ char *folder = strndup(key, slash ? (size_t)(slash + 1 - key) : 0);

    int r = replica_list(probe->replica, folder, LIST_FOLDER, NULL, 0, &probe->task, &listing);
    for (size_t i = 0; r == 0 && i < listing.n_objects; i++)
        if (strcmp(listing.objects[i].key, key) == 0)
            return object_copy(&listing.objects[i], ret_object);
    return r < 0 ? r : task_fail(&probe->task, ENOENT, "the listing has no %s", key);
}

typedef int read_call(struct replica *replica, const struct object *object, uint64_t offset, size_t length,
                      void *bytes, struct task *task);

static int read_object(struct probe *probe, const struct object *object, char **arguments, read_call *call)
{
    uint64_t offset = strtoull(arguments[0], NULL, 10);
    size_t length = strtoull(arguments[1], NULL, 10);
    _cleanup_free_ uint8_t *bytes = malloc(length + 1);

    int r = call(probe->replica, object, offset, length, bytes, &probe->task);
    if (r == 0)
        fwrite(bytes, 1, length, stdout);
    return r;
}

static int read_found(struct probe *probe, char **arguments, read_call *call)
{
    _cleanup_(object_finish) struct object object = {0};
    int r = find(probe, arguments[0], &object);
    return r < 0 ? r : read_object(probe, &object, arguments + 1, call);
}

static int read_version(struct probe *probe, char **arguments)
{
    struct object object = {
        .key = arguments[0], .version = arguments[3], .size = strtoull(arguments[4], NULL, 10)};
    return read_object(probe, &object, arguments + 1, replica_read);
}

static int print_metadata(struct probe *probe, const struct object *object, const char *name)
{
    _cleanup_free_ char *value = NULL;
    int r = replica_metadata(probe->replica, object, name, &probe->task, &value);
    if (r == 0)
        puts(value);
    return r;
}

static int metadata_of_found(struct probe *probe, char **arguments)
{
    _cleanup_(object_finish) struct object object = {0};
    int r = find(probe, arguments[0], &object);
    return r < 0 ? r : print_metadata(probe, &object, arguments[1]);
}

static int metadata_of_version(struct probe *probe, char **arguments)
{
    struct object object = {
        .key = arguments[0], .version = arguments[2], .size = strtoull(arguments[3], NULL, 10)};
    return print_metadata(probe, &object, arguments[1]);
}

/* --- a storm --- */

struct storm {
    struct probe *probe;
    struct object object;
    struct buffer expected;
    unsigned reads; /* a thread */
    unsigned seed;
    unsigned wrong, failed, cancelled;
};

static void *cancel_soon(void *argument)
{
    usleep(2000);
    task_cancel(argument);
    return NULL;
}

static void storm_read(struct storm *storm, bool cancel)
{
    uint64_t offset = (unsigned)rand_r(&storm->seed) % storm->object.size;
    size_t length = 1 + (unsigned)rand_r(&storm->seed) % STORM_LENGTH_MAX;
    struct task task;
    pthread_t canceller;

    if (length > storm->object.size - offset)
        length = storm->object.size - offset;
    _cleanup_free_ uint8_t *bytes = malloc(length);
    task_init(&task, &storm->probe->task);
    if (cancel)
        pthread_create(&canceller, NULL, cancel_soon, &task);
    int r = replica_read(storm->probe->replica, &storm->object, offset, length, bytes, &task);
    if (cancel)
        pthread_join(canceller, NULL);
    if (r == -ECANCELED)
        storm->cancelled++;
    else if (r < 0)
        storm->failed++;
    else if (memcmp(bytes, storm->expected.data + offset, length) != 0)
        storm->wrong++;
}

static void *storm_thread(void *argument)
{
    struct storm *storm = argument;
    for (unsigned i = 0; i < storm->reads; i++)
        storm_read(storm, i % 4 == 3);
    return NULL;
}

static int read_expected(const char *path, struct buffer *ret_bytes)
{
    _cleanup_fclose_ FILE *file = fopen(path, "rb");
    if (!file)
        return -errno;
    while (!feof(file)) {
        if (buffer_reserve(ret_bytes, 65536) < 0)
            return -ENOMEM;
        ret_bytes->size += fread(ret_bytes->data + ret_bytes->size, 1, 65536, file);
    }
    return 0;
}

static int storm(struct probe *probe, char **arguments)
{
    struct storm plan = {.probe = probe, .reads = (unsigned)atoi(arguments[3])};
    size_t n_threads = strtoul(arguments[2], NULL, 10);
    _cleanup_free_ pthread_t *threads = calloc(n_threads, sizeof *threads);
    _cleanup_free_ struct storm *storms = calloc(n_threads, sizeof *storms);
    unsigned wrong = 0, failed = 0, cancelled = 0;

    int r = read_expected(arguments[0], &plan.expected);
    if (r == 0)
        r = find(probe, arguments[1], &plan.object);
    for (size_t i = 0; r == 0 && i < n_threads; i++) {
        storms[i] = plan;
        storms[i].seed = (unsigned)i;
        pthread_create(&threads[i], NULL, storm_thread, &storms[i]);
    }
    for (size_t i = 0; r == 0 && i < n_threads; i++) {
        pthread_join(threads[i], NULL);
        wrong += storms[i].wrong;
        failed += storms[i].failed;
        cancelled += storms[i].cancelled;
    }
    object_finish(&plan.object);
    buffer_finish(&plan.expected);
    printf("%u wrong, %u failed, %u cancelled\n", wrong, failed, cancelled);
    return r;
}

/* --- commands --- */

static int open_below(struct probe *probe, const char *folder)
{
    struct replica *below;
    int r = replica_open_below(probe->replica, folder, false, &below);
    if (r < 0)
        return r;
    replica_close(probe->replica);
    probe->replica = below;
    return 0;
}

static int print_stats(const struct probe *probe)
{
    struct replica_stats stats;
    replica_get_stats(probe->replica, &stats);
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", stats.requests, stats.retries, stats.bytes);
    return 0;
}

/* How many arguments a command takes at least, -1 if there is no such command. */
static int arguments_needed(const char *command)
{
    static const struct {
        const char *command;
        int needed;
    } commands[] = {{"list", 2},         {"read", 3},     {"read-anew", 3},
                    {"read-version", 5}, {"metadata", 2}, {"metadata-version", 4},
                    {"below", 1},        {"url", 0},      {"stats", 0},
                    {"storm", 4}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(command, commands[i].command) == 0)
            return commands[i].needed;
    return -1;
}

/* Runs the commands of the command line, "--" between them. */
static int run(struct probe *probe, char **words, int count)
{
    while (count > 0) {
        int length = 0, r = 0;
        while (length < count && strcmp(words[length], "--") != 0)
            length++;
        int needed = length ? arguments_needed(words[0]) : -1;
        if (needed < 0 || length - 1 < needed)
            return task_fail(&probe->task, EINVAL, "no such command");
        if (strcmp(words[0], "list") == 0)
            r = list(probe, words + 1, length - 1);
        else if (strcmp(words[0], "read") == 0)
            r = read_found(probe, words + 1, replica_read);
        else if (strcmp(words[0], "read-anew") == 0)
            r = read_found(probe, words + 1, replica_read_anew);
        else if (strcmp(words[0], "read-version") == 0)
            r = read_version(probe, words + 1);
        else if (strcmp(words[0], "metadata") == 0)
            r = metadata_of_found(probe, words + 1);
        else if (strcmp(words[0], "metadata-version") == 0)
            r = metadata_of_version(probe, words + 1);
        else if (strcmp(words[0], "below") == 0)
            r = open_below(probe, words[1]);
        else if (strcmp(words[0], "storm") == 0)
            r = storm(probe, words + 1);
        else if (strcmp(words[0], "url") == 0)
            puts(replica_url(probe->replica));
        else
            r = print_stats(probe);
        if (r < 0)
            return r;
        words += length + (length < count);
        count -= length + (length < count);
    }
    return 0;
}

static int print_kinds(void)
{
    const char *name;
    for (size_t i = 0; (name = replica_kind_name(i)); i++)
        puts(name);
    return 0;
}

static void *cancel_later(void *argument)
{
    struct probe *probe = argument;
    usleep(probe->cancel_milliseconds * 1000);
    task_cancel(&probe->task);
    return NULL;
}

int main(int count, char **words)
{
    struct probe probe = {.config = {.path = (char *)""}};
    pthread_t canceller;
    char *equals;

    task_init(&probe.task, NULL);
    for (count--, words++; count > 0 && (equals = strchr(words[0], '=')); count--, words++) {
        *equals = '\0';
        if (!set(&probe, words[0], equals + 1))
            return 2;
    }
    if (count == 1 && strcmp(words[0], "kinds") == 0)
        return print_kinds();
    log_set_level(getenv("PROBE_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    int r = stores_open(&probe.options, &probe.task, &probe.stores);
    if (probe.cancel_milliseconds)
        pthread_create(&canceller, NULL, cancel_later, &probe);
    if (r == 0)
        r = replica_open(probe.stores, &probe.config, &probe.task, &probe.replica);
    if (r == 0)
        r = run(&probe, words, count);
    if (r < 0)
        fprintf(stderr, "%s: %s\n", strerrorname_np(-r), task_reason(&probe.task, r));
    if (probe.cancel_milliseconds)
        pthread_join(canceller, NULL);
    replica_close(probe.replica);
    stores_close(probe.stores);
    probe.config.path = NULL; /* an argument */
    replica_config_finish(&probe.config);
    return r < 0;
}
