/* The client that test_carrier.py sends to a server: any request, as a kind of HTTP store would send it.
 *
 *   http_probe METHOD URL [header=NAME:VALUE ...] [body=TEXT] [login=USER:PASSWORD] [want=HEADER ...]
 *              [attempts=N] [deadline=SECONDS] [crowd=URL]
 *
 * A crowd are CROWD requests at that URL, sent first and given up at the end.
 * Prints the value of each wanted header of the answer, a line each, then its body. A failure ends it:
 * errno's name and the reason on standard error, exit status 1. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_store.h"
#include "litemount/log.h"
#include "litemount/task.h"

#define CROWD 100

/* Those that wait at another server. */
struct crowd {
    struct http *http;
    const char *url; /* NULL: there are none */
    struct task task;
    pthread_t threads[CROWD];
};

struct http_probe {
    struct http_store store; /* must stay first */
    const char *method, *url, *user, *password;
    char **words; /* the rest of the command line */
    int count;
};

/* The text behind "NAME=" if the word is one of that name. */
static char *value_of(char *word, const char *name)
{
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static int add_word(const struct http_probe *probe, char *word, struct http_prepared *prepared)
{
    const char *body = value_of(word, "body");
    char *header = value_of(word, "header");

    if (body)
        return buffer_append(&prepared->body, body, strlen(body));
    /* main has cut the word behind its name. */
    return header ? http_prepared_add(prepared, header, header + strlen(header) + 1) : 0;
}

static int probe_prepare(struct http_store *store, const struct http_call *call, struct task *task,
                         struct http_prepared *prepared)
{
    const struct http_probe *probe = (const struct http_probe *)store;
    int r = buffer_append(&prepared->url, probe->url, strlen(probe->url) + 1);

    (void)call, (void)task;
    prepared->method = probe->method;
    prepared->user = probe->user;
    prepared->password = probe->password;
    for (int i = 0; i < probe->count && r == 0; i++)
        r = add_word(probe, probe->words[i], prepared);
    return r;
}

static void probe_parse_error(const struct http_call *call, const struct http_answer *answer,
                              struct http_error *ret_error)
{
    (void)call, (void)answer;
    snprintf(ret_error->code, sizeof ret_error->code, "Refused");
}

static bool probe_tells_secret(const struct http_store *store, const char *message)
{
    (void)store, (void)message;
    return true;
}

static int probe_check(void *context, const struct http_answer *answer, struct http_problem *problem)
{
    const struct http_probe *probe = context;

    (void)problem;
    for (int i = 0; i < probe->count; i++) {
        const char *wanted = value_of(probe->words[i], "want");
        const char *value = wanted ? http_answer_header(answer, wanted) : NULL;
        if (wanted)
            puts(value ? value : "");
    }
    if (answer->text.size)
        fwrite(answer->text.data, 1, answer->text.size, stdout);
    return 0;
}

static const struct http_meaning probe_meanings[] = {{0}};
static const struct http_kind probe_kind = {
    .protocol = "the test",
    .place_help = "check the test",
    .meanings = probe_meanings,
    .prepare = probe_prepare,
    .parse_error = probe_parse_error,
    .tells_secret = probe_tells_secret,
};

static void *crowd_ask(void *argument)
{
    struct crowd *crowd = argument;
    const struct http_request request = {.method = "GET", .url = crowd->url, .expected_status = 200};
    struct http_answer answer;
    struct task task;

    task_init(&task, &crowd->task);
    http_send(crowd->http, &request, &task, &answer);
    http_answer_finish(&answer);
    return NULL;
}

static void crowd_begin(struct crowd *crowd, struct http *http)
{
    crowd->http = http;
    task_init(&crowd->task, NULL);
    for (size_t i = 0; i < CROWD && crowd->url; i++)
        if (pthread_create(&crowd->threads[i], NULL, crowd_ask, crowd) != 0)
            abort();
    if (crowd->url)
        usleep(500 * 1000); /* all of them have been sent, or wait for their turn */
}

static void crowd_end(struct crowd *crowd)
{
    task_cancel(&crowd->task);
    for (size_t i = 0; i < CROWD && crowd->url; i++)
        pthread_join(crowd->threads[i], NULL);
}

int main(int count, char **words)
{
    struct http_probe probe = {.words = words + 3, .count = count - 3};
    const struct http_call call = {.key = "it", .capacity = 1 << 20, .check = probe_check, .context = &probe};
    struct crowd crowd = {0};
    unsigned deadline = 5;
    struct task task;

    if (count < 3)
        return 2;
    task_init(&task, NULL);
    log_set_level(getenv("PROBE_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    probe.method = words[1];
    probe.url = words[2];
    probe.store.kind = &probe_kind;
    probe.store.where = words[2];
    probe.store.name = "store";
    probe.store.store.attempts = 3;
    for (int i = 0; i < probe.count; i++) {
        char *login = value_of(probe.words[i], "login"), *attempts = value_of(probe.words[i], "attempts");
        char *header = value_of(probe.words[i], "header"), *seconds = value_of(probe.words[i], "deadline");
        char *url = value_of(probe.words[i], "crowd");
        crowd.url = url ? url : crowd.url;
        deadline = seconds ? (unsigned)atoi(seconds) : deadline;
        if (header)
            strsep(&header, ":");
        if (login) {
            probe.user = strsep(&login, ":");
            probe.password = login;
        }
        if (attempts)
            probe.store.store.attempts = (unsigned)atoi(attempts);
    }
    int r = http_open(deadline, &task, &probe.store.store.http);
    if (r == 0) {
        crowd_begin(&crowd, probe.store.store.http);
        r = http_exchange(&probe.store, &call, &task);
        crowd_end(&crowd);
    }
    if (r < 0)
        fprintf(stderr, "%s: %s\n", strerrorname_np(-r), task_reason(&task, r));
    http_close(probe.store.store.http);
    return r < 0;
}
