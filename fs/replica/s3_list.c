/* Listing a bucket with ListObjectsV2, page by page. What the store answers is data: a page that brings
 * nothing new ends the listing with an error, not with a loop. */
#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

#define PAGE_KEYS 1000 /* keys a page: S3 gives no more */
#define PAGE_BYTES_MAX                                                                                       \
    (16u << 20)             /* bytes of a page's text: several times what 1000 of the longest keys take */
#define EMPTY_PAGES_MAX 100 /* pages in a row that hold nothing */

/* A listing under way. */
struct s3_list {
    struct s3_store *s3;
    const struct list_request *request;
    char *token; /* of the next page, NULL: the first page */
    char *last;  /* the greatest key or folder so far, NULL: none yet */
    unsigned empty_pages;
    size_t n_seen; /* entries, also those that are not wanted */
    struct listing *listing;
    struct s3_page page; /* the one that came last */
};

static void s3_list_finish(struct s3_list *list)
{
    s3_page_finish(&list->page);
    free(list->token);
    free(list->last);
}

static const char *greatest_key(const struct listing *listing)
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
static bool repeats(const struct s3_list *list, const struct s3_page *page)
{
    const char *greatest = greatest_key(&page->listing);

    return (page->token && list->token && strcmp(page->token, list->token) == 0) ||
           (greatest && list->last && strcmp(greatest, list->last) <= 0);
}

static int check_page(void *context, const struct http_answer *answer, struct s3_problem *problem)
{
    struct s3_list *list = context;
    const char *prefix = list->request->prefix;
    struct s3_page *page = &list->page;

    s3_page_finish(page);
    int r = s3_page_parse(answer->text.data, answer->text.size, page);
    if (r == -EBADMSG)
        return s3_problem(problem, EBADMSG,
                          "this is no whole page of a bucket's listing; check the endpoint");
    if (r < 0)
        return r;
    if (!s3_page_is_of(page, prefix))
        return s3_problem(problem, EBADMSG, "the page that came is one of another listing, of '%s'",
                          page->prefix);
    if (repeats(list, page))
        return s3_problem(problem, EBADMSG, "the store answers with the same page again and again");
    return 0;
}

static int fetch_page(struct s3_list *list, struct task *task)
{
    const struct list_request *request = list->request;
    struct sigv4_pair query[7] = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", request->prefix}};
    char max_keys[24];
    size_t n = 3;

    snprintf(max_keys, sizeof max_keys, "%zu",
             request->limit && request->limit < PAGE_KEYS ? request->limit : (size_t)PAGE_KEYS);
    query[n++] = (struct sigv4_pair){"max-keys", max_keys};
    if (request->depth == LIST_FOLDER)
        query[n++] = (struct sigv4_pair){"delimiter", "/"};
    if (request->after)
        query[n++] = (struct sigv4_pair){"start-after", request->after};
    if (list->token)
        query[n++] = (struct sigv4_pair){"continuation-token", list->token};
    const struct s3_call call = {
        .doing = "listing",
        .subject = request->prefix,
        .key = "",
        .query = query,
        .n_query = n,
        .expected_status = 200,
        .capacity = PAGE_BYTES_MAX,
        .check = check_page,
        .context = list,
    };
    return s3_exchange(list->s3, &call, task);
}

/* Whether `key` is one that was asked for. Others are left out: stores differ in whether they list the folder
 * itself, and in whether they apply start-after to folders. */
static bool is_wanted(const struct list_request *request, const char *key)
{
    size_t length = strlen(request->prefix);
    return strncmp(key, request->prefix, length) == 0 && key[length] &&
           (!request->after || strcmp(key, request->after) > 0);
}

/* Folders that hold the key the listing starts after are wanted still. */
static bool is_wanted_folder(const struct list_request *request, const char *folder)
{
    size_t prefix = strlen(request->prefix);
    return strncmp(folder, request->prefix, prefix) == 0 && folder[prefix] &&
           (!request->after || strncmp(folder, request->after, strlen(folder)) >= 0);
}

static int take_page(struct s3_list *list)
{
    const struct list_request *request = list->request;
    const struct listing *found = &list->page.listing;
    int r = 0;

    for (size_t i = 0; i < found->n_objects && r == 0; i++) {
        struct object object = found->objects[i];
        if (!is_wanted(request, object.key))
            continue;
        object.key += request->root_length;
        r = listing_add_object(list->listing, &object);
    }
    for (size_t i = 0; i < found->n_folders && r == 0; i++)
        if (is_wanted_folder(request, found->folders[i]))
            r = listing_add_folder(list->listing, found->folders[i] + request->root_length);
    return r;
}

static int note_progress(struct s3_list *list)
{
    const struct listing *found = &list->page.listing;
    const char *greatest = greatest_key(found);

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

static int fail_listing(const struct s3_list *list, struct task *task, const char *what)
{
    const struct s3_store *s3 = list->s3;
    return task_fail(task, EREMOTEIO, "s3://%s%s%s: listing '%s': %s", s3->bucket, s3->endpoint ? " at " : "",
                     s3->endpoint ? s3->endpoint : "", list->request->prefix, what);
}

/* Whether the listing may go on: it gets somewhere, and not too far. */
static int check_progress(const struct s3_list *list, struct task *task)
{
    if (list->empty_pages > EMPTY_PAGES_MAX)
        return fail_listing(list, task, "the store answers with one empty page after the other");
    if (list->n_seen > LISTING_ENTRIES_MAX)
        return fail_listing(list, task, "there is no end to it");
    return listing_check(list->listing, list->s3->bucket, task);
}

/* Fetches one page and adds it. `*ret_more`: whether another one is to be fetched. */
static int list_page(struct s3_list *list, struct task *task, bool *ret_more)
{
    size_t limit = list->request->limit;

    int r = fetch_page(list, task);
    if (r == 0)
        r = take_page(list);
    if (r == 0)
        r = note_progress(list);
    if (r == 0)
        r = check_progress(list, task);
    if (r < 0)
        return r;
    size_t entries = list->listing->n_objects + list->listing->n_folders;
    *ret_more = list->page.token && !(limit && entries >= limit);
    free(list->token);
    list->token = steal_pointer(list->page.token);
    return 0;
}

int s3_list(struct store *store, const struct list_request *request, struct task *task,
            struct listing *listing)
{
    _cleanup_(s3_list_finish) struct s3_list list = {
        .s3 = (struct s3_store *)store, .request = request, .listing = listing};
    bool more = true;
    while (more) {
        int r = list_page(&list, task, &more);
        if (r < 0)
            return r;
    }
    return 0;
}
