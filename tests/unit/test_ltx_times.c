/* The times of a history's files, which stores of one kind tell for a request each. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "litemount/cache.h"
#include "litemount/task.h"
#include "v05/ltx_time.h"
#include "v05/v05.h"

#define N_FILES 3

static char a_key[] = "ltx/0/x.ltx", a_version[] = "1";

static atomic_uint asked;
static atomic_bool answers;

static void pause_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
}

/* The store: it answers once it is let. */
int __wrap_replica_metadata(struct replica *replica, const struct object *object, const char *name,
                            struct task *task, char **ret_value);
int __wrap_replica_metadata(struct replica *replica, const struct object *object, const char *name,
                            struct task *task, char **ret_value)
{
    atomic_fetch_add(&asked, 1);
    while (!atomic_load(&answers) && !task_cancelled(task))
        pause_a_moment();
    return task_cancelled(task) ? -ECANCELED : -ENODATA;
}

const char *__wrap_replica_url(const struct replica *replica);
const char *__wrap_replica_url(const struct replica *replica)
{
    return "s3://bucket/backup";
}

int __wrap_cache_get_fact(struct cache *cache, const char *identity, const char *kind, uint32_t version,
                          struct buffer *buffer);
int __wrap_cache_get_fact(struct cache *cache, const char *identity, const char *kind, uint32_t version,
                          struct buffer *buffer)
{
    return -ENOENT;
}

void __wrap_cache_put_fact(struct cache *cache, const char *identity, const char *kind, uint32_t version,
                           const void *bytes, size_t length);
void __wrap_cache_put_fact(struct cache *cache, const char *identity, const char *kind, uint32_t version,
                           const void *bytes, size_t length)
{
}

struct listed {
    struct v05_generation generation;
    struct v05_listing listings[2]; /* of the same files, before a refresh and after it */
    struct ltx_file storage[N_FILES], *files[N_FILES];
};

static struct listed *make_listed(void)
{
    struct listed *listed = calloc(1, sizeof *listed);

    assert_non_null(listed);
    pthread_mutex_init(&listed->generation.base.lock, NULL);
    pthread_cond_init(&listed->generation.base.learnt, NULL);
    for (size_t i = 0; i < N_FILES; i++) {
        listed->files[i] = &listed->storage[i];
        listed->storage[i].min_txid = listed->storage[i].max_txid = i + 1;
        listed->storage[i].time = LTX_TIME_UNKNOWN;
        listed->storage[i].object = (struct object){.key = a_key, .version = a_version, .modified = 7};
    }
    for (size_t i = 0; i < 2; i++)
        listed->listings[i] = (struct v05_listing){.files = listed->files, .n_files = N_FILES};
    atomic_store(&asked, 0);
    atomic_store(&answers, false);
    return listed;
}

static void free_listed(struct listed *listed)
{
    pthread_mutex_destroy(&listed->generation.base.lock);
    pthread_cond_destroy(&listed->generation.base.learnt);
    free(listed);
}

/* Somebody who wants the times. */
struct asker {
    struct listed *listed;
    struct v05_listing *listing;
    struct task task;
    int result;
    pthread_t thread;
};

static void *ask(void *argument)
{
    struct asker *asker = argument;
    asker->result = ltx_times_learn(&asker->listed->generation, asker->listing, &asker->task);
    return NULL;
}

static void start(struct asker *asker, struct listed *listed, size_t listing)
{
    asker->listed = listed;
    asker->listing = &listed->listings[listing];
    task_init(&asker->task, NULL);
    assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
}

/* The second comes while the first one's question is under way. */
static void start_one_behind_the_other(struct asker *first, struct asker *second, struct listed *listed)
{
    start(first, listed, 0);
    while (!atomic_load(&asked))
        pause_a_moment();
    start(second, listed, 1);
}

/* The listing is another one after every refresh, its files are not. */
static void asks_once_for_files_of_two_listings(void **state)
{
    struct listed *listed = make_listed();
    struct asker first, second;

    start_one_behind_the_other(&first, &second, listed);
    for (int i = 0; i < 200; i++)
        pause_a_moment();
    assert_int_equal(asked, 1);
    atomic_store(&answers, true);
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    assert_int_equal(first.result, 0);
    assert_int_equal(second.result, 0);
    assert_int_equal(asked, N_FILES);
    for (size_t i = 0; i < N_FILES; i++)
        assert_int_equal(listed->storage[i].time, 7);
    free_listed(listed);
}

/* Who waits for another one's answers is not held up by them, and the other one goes on. */
static void gives_up_while_another_asks(void **state)
{
    struct listed *listed = make_listed();
    struct asker first, second;

    start_one_behind_the_other(&first, &second, listed);
    task_cancel(&second.task);
    pthread_join(second.thread, NULL);
    assert_int_equal(second.result, -ECANCELED);
    task_cancel(&first.task);
    pthread_join(first.thread, NULL);
    assert_int_equal(first.result, -ECANCELED);
    atomic_store(&answers, true);
    start(&second, listed, 1);
    pthread_join(second.thread, NULL);
    assert_int_equal(second.result, 0);
    free_listed(listed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_once_for_files_of_two_listings),
        cmocka_unit_test(gives_up_while_another_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
