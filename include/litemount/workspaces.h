/* Pieces of memory for work that needs much of it: as slots.h, of which each comes with a piece.
 *
 * Fresh memory has to be cleared by the kernel, page by page: what is given back is kept for the next one, as
 * long as anybody has one or holds on to them. Then all of it goes back. */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "litemount/slots.h"

#define WORKSPACES_KEPT 3

struct task;

struct workspaces {
    size_t size; /* bytes of each */
    struct slots slots;
    pthread_mutex_t lock; /* guards what is below; held for moments only */
    unsigned users;       /* who have one, or hold on */
    uint8_t *kept[WORKSPACES_KEPT];
    unsigned n_kept;
};

/* `each`: how many a holder may have at once. */
void workspaces_init(struct workspaces *workspaces, unsigned each, size_t size);
void workspaces_finish(struct workspaces *workspaces);

/* 0 and one, of any content; -ECANCELED if the task was cancelled before one of the holder's was free; or
 * -ENOMEM. */
int workspaces_take(struct workspaces *workspaces, const void *holder, const struct task *task,
                    uint8_t **ret_bytes);
void workspaces_give(struct workspaces *workspaces, const void *holder, uint8_t *bytes);

/* The caller will take some one after the other. */
void workspaces_hold(struct workspaces *workspaces);
void workspaces_release(struct workspaces *workspaces);
