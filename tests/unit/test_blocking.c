/* Calls that really block, on a server of 127.0.0.1 that answers at once, late, or never. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "blocking.h"
#include "byte_server.h"
#include "litemount/clock.h"
#include "litemount/task.h"

#define MILLISECONDS INT64_C(1000000)
#define LEAVING                                                                                              \
    (500 * MILLISECONDS) /* far more than a caller takes on a busy machine, far less than a call */

/* What a store would be: it outlives its carrier until the last thread is gone. */
struct store {
    struct server *server;
    int refusals; /* connections that fail before one succeeds */
    atomic_int connections, most_connections, made, destroyed;
};

struct connection {
    struct store *store;
    int fd;
    atomic_bool in_use;
};

static atomic_int connections_in_all; /* of all stores: the server takes them a little later */

static int store_connect(void *context, char failure[static BLOCKING_FAILURE_SIZE], void **ret_connection)
{
    struct store *store = context;
    struct connection *connection = calloc(1, sizeof *connection);

    if (store->refusals > 0) {
        store->refusals--;
        free(connection);
        snprintf(failure, BLOCKING_FAILURE_SIZE, "the login is refused");
        return -EACCES;
    }
    connection->store = store;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        connect(connection->fd, (struct sockaddr *)&store->server->address, sizeof store->server->address),
        0);
    int n = ++store->connections;
    if (n > store->most_connections)
        store->most_connections = n;
    connections_in_all++;
    store->made++;
    *ret_connection = connection;
    return 0;
}

static void store_disconnect(void *pointer)
{
    struct connection *connection = pointer;
    connection->store->connections--;
    close(connection->fd);
    free(connection);
}

static void store_interrupt(void *pointer)
{
    shutdown(((struct connection *)pointer)->fd, SHUT_RDWR);
}

static void store_destroy(void *context)
{
    ((struct store *)context)->destroyed++;
}

static const struct blocking_ops patient_ops = {store_connect, store_disconnect, NULL, store_destroy};
static const struct blocking_ops ops = {store_connect, store_disconnect, store_interrupt, store_destroy};

struct question {
    struct blocking_call call;
    char text[8]; /* commands, each answered before the next is sent */
    char answer;
};

static int question_run(struct blocking_call *call, void *pointer)
{
    struct question *question = (struct question *)call;
    struct connection *connection = pointer;

    assert_false(atomic_exchange(&connection->in_use, true));
    for (const char *c = question->text; *c && blocking_goes_on(call); c++)
        if (send(connection->fd, c, 1, MSG_NOSIGNAL) != 1 || read(connection->fd, &question->answer, 1) != 1)
            call->lost = true;
    atomic_store(&connection->in_use, false);
    snprintf(call->failure, sizeof call->failure, "%s", call->lost ? "the connection is lost" : "");
    return call->lost ? -ECONNRESET : 0;
}

static atomic_int questions; /* that were not destroyed yet */

static void question_destroy(struct blocking_call *call)
{
    questions--;
    free(call);
}

/* Asks, and returns what blocking_run does. */
static int ask(struct blocking *blocking, const char *text, struct task *task,
               char failure[static BLOCKING_FAILURE_SIZE])
{
    struct question *question = calloc(1, sizeof *question);

    questions++;
    strcpy(question->text, text);
    blocking_call_init(&question->call, question_run, question_destroy);
    int r = blocking_run(blocking, &question->call, task, failure);
    if (r == 0)
        assert_int_equal(question->answer, text[strlen(text) - 1]);
    blocking_call_unref(&question->call);
    return r;
}

struct asker {
    struct blocking *blocking;
    const char *text;
    struct task task;
    int result, times;
    int64_t ended;
    pthread_t thread;
};

static void *ask_in_thread(void *argument)
{
    struct asker *asker = argument;
    char failure[BLOCKING_FAILURE_SIZE];

    for (int i = 0; i < asker->times; i++)
        asker->result = ask(asker->blocking, asker->text, &asker->task, failure);
    asker->ended = clock_now();
    return NULL;
}

static void asker_start(struct asker *asker, struct blocking *blocking, const char *text, int times)
{
    *asker = (struct asker){.blocking = blocking, .text = text, .times = times};
    task_init(&asker->task, NULL);
    pthread_create(&asker->thread, NULL, ask_in_thread, asker);
}

static void wait_for(atomic_int *number, int value)
{
    int64_t until = clock_now() + 10000 * MILLISECONDS;
    while (*number != value && clock_now() < until)
        usleep(1000);
    assert_int_equal(*number, value);
}

/* How many connections the server has had, once it has taken all that there are. */
static int server_count(struct server *server)
{
    wait_for(&server->n, connections_in_all);
    return server->n;
}

static void runs_many_callers_on_few_connections(void **state)
{
    struct store store = {.server = *state};
    struct asker askers[16];
    struct blocking *blocking;

    assert_int_equal(blocking_open(&ops, &store, 3, 30, &blocking), 0);
    for (size_t i = 0; i < 16; i++)
        asker_start(&askers[i], blocking, "e", 50);
    for (size_t i = 0; i < 16; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].result, 0);
    }
    assert_true(store.most_connections <= 3);
    assert_int_equal(store.made, store.connections);
    blocking_close(blocking);
    assert_int_equal(store.connections, 0);
    assert_int_equal(store.destroyed, 1);
    assert_int_equal(questions, 0);
}

static void leaves_when_the_task_is_cancelled(void **state)
{
    static const char *const texts[] = {"l", "n"}; /* a late answer keeps its connection, a missing one not */
    char failure[BLOCKING_FAILURE_SIZE];

    for (size_t i = 0; i < 2; i++) {
        struct store store = {.server = *state};
        struct asker running, waiting;
        struct blocking *blocking;
        struct task task;
        task_init(&task, NULL);
        assert_int_equal(blocking_open(&ops, &store, 1, 1, &blocking), 0);
        asker_start(&running, blocking, texts[i], 1);
        wait_for(&store.made, 1);
        asker_start(&waiting, blocking, "e", 1);
        usleep(50000);
        int64_t start = clock_now();
        task_cancel(&running.task);
        task_cancel(&waiting.task);
        pthread_join(running.thread, NULL);
        pthread_join(waiting.thread, NULL);
        assert_int_equal(running.result, -ECANCELED);
        assert_int_equal(waiting.result, -ECANCELED);
        assert_true(running.ended - start < LEAVING && waiting.ended - start < LEAVING);
        /* the lane comes back */
        int r = ask(blocking, "e", &task, failure);
        while (r == -ETIMEDOUT)
            r = ask(blocking, "e", &task, failure);
        assert_int_equal(r, 0);
        assert_int_equal(store.made, i + 1);
        blocking_close(blocking);
        assert_int_equal(questions, 0);
    }
}

static void gives_up_at_the_deadline(void **state)
{
    struct store store = {.server = *state}, sound_store = {.server = *state};
    char failure[BLOCKING_FAILURE_SIZE] = "";
    struct blocking *blocking, *sound;
    struct asker askers[4];
    struct task task;

    task_init(&task, NULL);
    assert_int_equal(blocking_open(&ops, &store, 2, 1, &blocking), 0);
    assert_int_equal(blocking_open(&ops, &sound_store, 1, 1, &sound), 0);
    int64_t start = clock_now();
    for (size_t i = 0; i < 4; i++)
        asker_start(&askers[i], blocking, "n", 1);
    wait_for(&store.made, 2);
    /* a store that hangs stalls nobody else */
    for (int i = 0; i < 20; i++)
        assert_int_equal(ask(sound, "e", &task, failure), 0);
    int64_t answered = clock_now();
    for (size_t i = 0; i < 4; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].result, -ETIMEDOUT);
        assert_true(askers[i].ended - start >= 1000 * MILLISECONDS && askers[i].ended > answered);
        assert_true(askers[i].ended - start < 2000 * MILLISECONDS + LEAVING);
    }
    assert_int_equal(ask(blocking, "n", &task, failure), -ETIMEDOUT);
    assert_string_equal(failure, "no answer within 1 s");
    assert_int_equal(ask(blocking, "e", &task, failure), 0);
    assert_string_equal(failure, "");
    /* an answer that comes slowly, but comes, is none that is missing */
    assert_int_equal(ask(blocking, "llllle", &task, failure), 0);
    blocking_close(blocking);
    blocking_close(sound);
    assert_int_equal(questions, 0);
}

/* The library can't be interrupted: its lane comes back when it returns, and with another connection. */
static void waits_for_a_stuck_lane_no_longer_than_for_an_answer(void **state)
{
    struct store store = {.server = *state};
    char failure[BLOCKING_FAILURE_SIZE];
    struct blocking *blocking;
    struct task task;

    task_init(&task, NULL);
    assert_int_equal(blocking_open(&patient_ops, &store, 1, 1, &blocking), 0);
    int first = server_count(store.server);
    assert_int_equal(ask(blocking, "n", &task, failure), -ETIMEDOUT);
    assert_int_equal(ask(blocking, "e", &task, failure), -ETIMEDOUT);
    assert_int_equal(questions, 1);
    assert_int_equal(server_count(store.server), first + 1);
    assert_int_equal(write(store.server->served[first], "n", 1), 1);
    assert_int_equal(ask(blocking, "e", &task, failure), 0);
    assert_int_equal(store.made, 2);
    blocking_close(blocking);
    assert_int_equal(questions, 0);
}

static void replaces_a_connection_that_the_server_closed(void **state)
{
    struct store store = {.server = *state, .refusals = 1};
    char failure[BLOCKING_FAILURE_SIZE];
    struct blocking *blocking;
    struct task task;

    task_init(&task, NULL);
    assert_int_equal(blocking_open(&ops, &store, 1, 30, &blocking), 0);
    assert_int_equal(ask(blocking, "e", &task, failure), -EACCES);
    assert_string_equal(failure, "the login is refused");
    assert_int_equal(ask(blocking, "c", &task, failure), 0);
    assert_int_equal(ask(blocking, "e", &task, failure), 0);
    assert_int_equal(store.made, 2);
    /* one that is lost again with the call that it was made for is a failure */
    assert_int_equal(ask(blocking, "ce", &task, failure), -ECONNRESET);
    assert_string_equal(failure, "the connection is lost");
    assert_int_equal(store.made, 3);
    assert_int_equal(ask(blocking, "e", &task, failure), 0);
    blocking_close(blocking);
    assert_int_equal(store.connections, 0);
    assert_int_equal(questions, 0);
}

static void closes_with_work_under_way(void **state)
{
    for (int patient = 0; patient < 2; patient++) {
        struct store store = {.server = *state};
        struct asker askers[6];
        struct blocking *blocking;
        int first = server_count(store.server);

        assert_int_equal(blocking_open(patient ? &patient_ops : &ops, &store, 2, 30, &blocking), 0);
        for (size_t i = 0; i < 6; i++)
            asker_start(&askers[i], blocking, "n", 1);
        wait_for(&store.made, 2);
        assert_int_equal(server_count(store.server), first + 2);
        int64_t start = clock_now();
        blocking_close(blocking);
        assert_true(clock_now() - start < 1000 * MILLISECONDS + LEAVING);
        for (size_t i = 0; i < 6; i++) {
            pthread_join(askers[i].thread, NULL);
            assert_int_equal(askers[i].result, -ECANCELED);
            assert_true(askers[i].ended - start < LEAVING);
        }
        for (int i = 0; patient && i < 2; i++) {
            assert_int_equal(store.destroyed, 0);
            assert_int_equal(write(store.server->served[first + i], "n", 1), 1);
        }
        wait_for(&store.destroyed, 1);
        assert_int_equal(store.connections, 0);
        assert_int_equal(questions, 0);
    }
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct server));
    server_open(*state);
    return 0;
}

static int teardown(void **state)
{
    server_close(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_many_callers_on_few_connections),
        cmocka_unit_test(leaves_when_the_task_is_cancelled),
        cmocka_unit_test(gives_up_at_the_deadline),
        cmocka_unit_test(waits_for_a_stuck_lane_no_longer_than_for_an_answer),
        cmocka_unit_test(replaces_a_connection_that_the_server_closed),
        cmocka_unit_test(closes_with_work_under_way),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
