#include "transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

void http_answer_finish(struct http_answer *answer)
{
    buffer_finish(&answer->text);
    buffer_finish(&answer->headers);
}

const char *http_answer_header(const struct http_answer *answer, const char *name)
{
    const char *header = (const char *)answer->headers.data, *end = header + answer->headers.size;

    while (header < end) {
        const char *value = header + strlen(header) + 1;
        if (strcasecmp(header, name) == 0)
            return value;
        header = value + strlen(value) + 1;
    }
    return NULL;
}

void transfer_ref(struct transfer *transfer)
{
    pthread_mutex_lock(&transfer->lock);
    transfer->references++;
    pthread_mutex_unlock(&transfer->lock);
}

static void transfer_wipe(void *secret, size_t size)
{
    if (secret)
        explicit_bzero(secret, size);
}

static void transfer_free_text(char *secret)
{
    transfer_wipe(secret, secret ? strlen(secret) : 0);
    free(secret);
}

/* They hold a session's token, or a key. */
static void transfer_free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *header = headers; header; header = header->next)
        explicit_bzero(header->data, strlen(header->data));
    curl_slist_free_all(headers);
}

void transfer_unref(struct transfer *transfer)
{
    pthread_mutex_lock(&transfer->lock);
    bool last = --transfer->references == 0;
    pthread_mutex_unlock(&transfer->lock);
    if (!last)
        return;
    pthread_cond_destroy(&transfer->ended);
    pthread_mutex_destroy(&transfer->lock);
    http_answer_finish(&transfer->answer);
    transfer_free_headers(transfer->headers);
    transfer_wipe(transfer->body.data, transfer->body.size);
    buffer_finish(&transfer->body);
    transfer_free_text(transfer->user);
    transfer_free_text(transfer->password);
    free(transfer->method);
    transfer_free_text(transfer->url);
    free(transfer);
}

static void transfer_unref_pointer(struct transfer **transfer)
{
    if (*transfer)
        transfer_unref(*transfer);
}

static int transfer_add_header(struct transfer *transfer, const char *name, const char *value)
{
    char *line;

    if (strpbrk(value, "\r\n"))
        return -EINVAL;
    if (asprintf(&line, "%s%s%s", name, *value ? ": " : ";", value) < 0)
        return -ENOMEM;
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    transfer_free_text(line);
    if (!longer)
        return -ENOMEM;
    transfer->headers = longer;
    return 0;
}

/* Whether the request names the type of its body. If not, curl would call it a form. */
static bool transfer_names_type(const struct http_request *request)
{
    for (size_t i = 0; i < request->n_headers; i++)
        if (strcasecmp(request->headers[i].name, "Content-Type") == 0)
            return true;
    return false;
}

static int transfer_copy_request(const struct http_request *request, struct transfer *transfer)
{
    int r = 0;

    for (size_t i = 0; i < request->n_headers && r == 0; i++)
        r = transfer_add_header(transfer, request->headers[i].name, request->headers[i].value);
    transfer->has_body = request->body;
    if (r == 0 && request->body)
        r = buffer_append(&transfer->body, request->body, request->body_size);
    if (r == 0 && request->body && !transfer_names_type(request)) {
        struct curl_slist *longer = curl_slist_append(transfer->headers, "Content-Type:"); /* takes it out */
        r = longer ? 0 : -ENOMEM;
        transfer->headers = longer ? longer : transfer->headers;
    }
    if (r < 0)
        return r;
    transfer->method = strdup(request->method);
    transfer->url = strdup(request->url);
    transfer->user = request->user ? strdup(request->user) : NULL;
    transfer->password = request->user ? strdup(request->password ? request->password : "") : NULL;
    bool whole =
        transfer->method && transfer->url && (!request->user || (transfer->user && transfer->password));
    return whole ? 0 : -ENOMEM;
}

int transfer_new(const struct http_request *request, struct transfer **ret_transfer)
{
    _cleanup_(transfer_unref_pointer) struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return -ENOMEM;
    pthread_cond_init(&transfer->ended, NULL);
    pthread_mutex_init(&transfer->lock, NULL);
    transfer->references = 1;
    transfer->fresh_connection = request->fresh_connection;
    transfer->skip_verify = request->skip_verify;
    transfer->expected_status = request->expected_status;
    transfer->into = request->into;
    transfer->capacity = request->capacity;
    int r = transfer_copy_request(request, transfer);
    if (r < 0)
        return r;
    *ret_transfer = steal_pointer(transfer);
    return 0;
}

bool transfer_is_abandoned(struct transfer *transfer)
{
    pthread_mutex_lock(&transfer->lock);
    bool abandoned = transfer->abandoned;
    pthread_mutex_unlock(&transfer->lock);
    return abandoned;
}

int transfer_wait(struct transfer *transfer, struct task *task, struct http_answer *answer)
{
    int result = -ECANCELED;

    pthread_mutex_lock(&transfer->lock);
    while (!transfer->done && !task_cancelled(task))
        task_wait(&transfer->ended, &transfer->lock);
    if (transfer->done) {
        result = transfer->result;
        *answer = transfer->answer;
        transfer->answer = (struct http_answer){0};
    }
    transfer->abandoned = !transfer->done;
    pthread_mutex_unlock(&transfer->lock);
    return result;
}
