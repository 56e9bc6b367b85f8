/* Listing a store, page by page. What it answers is data: a page that brings nothing new ends the listing
 * with an error, not with a loop. */
#include "http_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

#define EMPTY_PAGES_MAX 100 /* pages in a row that hold nothing */

/* A listing under way. */
struct http_list {
    struct http_store *store;
    const struct list_request *request;
    char *token; /* of the next page, NULL: the first page */
    char *last;  /* the greatest key or folder so far, NULL: none yet */
    unsigned empty_pages;
    size_t n_seen; /* entries, also those that are not wanted */
    struct listing *listing;
    struct http_page page; /* the one that came last */
};

void http_page_finish(struct http_page *page)
{
    listing_finish(&page->listing);
    free(page->token);
    free(page->prefix);
    *page = (struct http_page){0};
}

static void http_list_finish(struct http_list *list)
{
    http_page_finish(&list->page);
    free(list->token);
    free(list->last);
}

static const char *list_greatest_key(const struct listing *listing)
{
    const char *greatest = NULL;
    for (size_t i = 0; i < listing->n_objects; i++)
        if (!greatest || strcmp(listing->objects[i].key, greatest) > 0)
            greatest = listing->objects[i].key;
    for (size_t i = 0; i < listing->n_folders; i++)
        if (!greatest || strcmp(listing->folders[i], greatest) > 0)
            greatest = listing->folders[i];
    return greatest;
}

/* Whether the page brings the listing no further. One that does not would be followed by others for ever. */
static bool list_repeats(const struct http_list *list, const struct http_page *page)
{
    const char *greatest = list_greatest_key(&page->listing);

    return (page->token && list->token && strcmp(page->token, list->token) == 0) ||
           (greatest && list->last && strcmp(greatest, list->last) <= 0);
}

static int list_check_page(void *context, const struct http_answer *answer, struct http_problem *problem)
{
    struct http_list *list = context;
    const struct http_kind *kind = list->store->kind;
    struct http_page *page = &list->page;

    http_page_finish(page);
    int r = kind->parse_page(list->request, answer, page);
    if (r == -EBADMSG)
        return http_problem(problem, EBADMSG, "this is no whole page of a listing as %s has it; %s",
                            kind->protocol, kind->place_help);
    if (r < 0)
        return r;
    if (page->prefix)
        return http_problem(problem, EBADMSG, "the page that came is one of another listing, of '%s'",
                            page->prefix);
    if (list_repeats(list, page))
        return http_problem(problem, EBADMSG, "the store answers with the same page again and again");
    return 0;
}

static int list_fetch_page(struct http_list *list, struct task *task)
{
    const struct http_call call = {
        .list = list->request,
        .token = list->token,
        .key = list->request->prefix,
        .capacity = list->store->kind->page_bytes,
        .check = list_check_page,
        .context = list,
    };
    return http_exchange(list->store, &call, task);
}

/* Whether `key` is one that was asked for. Others are left out: stores differ in whether they list the folder
 * itself, and in whether they apply start-after to folders. */
static bool list_wants(const struct list_request *request, const char *key)
{
    size_t length = strlen(request->prefix);
    return strncmp(key, request->prefix, length) == 0 && key[length] &&
           (!request->after || strcmp(key, request->after) > 0);
}

/* Folders that hold the key the listing starts after are wanted still. */
static bool list_wants_folder(const struct list_request *request, const char *folder)
{
    size_t prefix = strlen(request->prefix);
    return strncmp(folder, request->prefix, prefix) == 0 && folder[prefix] &&
           (!request->after || strncmp(folder, request->after, strlen(folder)) >= 0);
}

static int list_take_page(struct http_list *list)
{
    const struct list_request *request = list->request;
    const struct listing *found = &list->page.listing;
    int r = 0;

    for (size_t i = 0; i < found->n_objects && r == 0; i++) {
        struct object object = found->objects[i];
        if (!list_wants(request, object.key))
            continue;
        object.key += request->root_length;
        r = listing_add_object(list->listing, &object);
    }
    for (size_t i = 0; i < found->n_folders && r == 0; i++)
        if (list_wants_folder(request, found->folders[i]))
            r = listing_add_folder(list->listing, found->folders[i] + request->root_length);
    return r;
}

static int list_note_progress(struct http_list *list)
{
    const struct listing *found = &list->page.listing;
    const char *greatest = list_greatest_key(found);

    list->n_seen += found->n_objects + found->n_folders;
    if (!greatest) {
        list->empty_pages++;
        return 0;
    }
    list->empty_pages = 0;
    free(list->last);
    list->last = strdup(greatest);
    return list->last ? 0 : -ENOMEM;
}

static int list_fail(const struct http_list *list, struct task *task, const char *what)
{
    return task_fail(task, EREMOTEIO, "%s: listing '%s': %s", list->store->where, list->request->prefix,
                     what);
}

/* Whether the listing may go on: it gets somewhere, and not too far. */
static int list_check_progress(const struct http_list *list, struct task *task)
{
    if (list->empty_pages > EMPTY_PAGES_MAX)
        return list_fail(list, task, "the store answers with one empty page after the other");
    if (list->n_seen > LISTING_ENTRIES_MAX)
        return list_fail(list, task, "there is no end to it");
    return listing_check(list->listing, list->store->where, task);
}

/* Fetches one page and adds it. `*ret_more`: whether another one is to be fetched. */
static int list_page(struct http_list *list, struct task *task, bool *ret_more)
{
    size_t limit = list->request->limit;

    int r = list_fetch_page(list, task);
    if (r == 0)
        r = list_take_page(list);
    if (r == 0)
        r = list_note_progress(list);
    if (r == 0)
        r = list_check_progress(list, task);
    if (r < 0)
        return r;
    size_t entries = list->listing->n_objects + list->listing->n_folders;
    *ret_more = list->page.token && !(limit && entries >= limit);
    free(list->token);
    list->token = steal_pointer(list->page.token);
    return 0;
}

int http_store_list(struct store *store, const struct list_request *request, struct task *task,
                    struct listing *listing)
{
    _cleanup_(http_list_finish) struct http_list list = {
        .store = (struct http_store *)store, .request = request, .listing = listing};
    bool more = true;
    while (more) {
        int r = list_page(&list, task, &more);
        if (r < 0)
            return r;
    }
    return 0;
}
