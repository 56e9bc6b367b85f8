/* A number of pieces of memory for work that needs much of it: who wants one waits until one is free. Knows
 * nothing of the work.
 *
 * Fresh memory has to be cleared by the kernel, page by page: what is given back is kept for the next one, as
 * long as anybody has one or holds on to them. Then all of it goes back. */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define WORKSPACES_MAX 8

struct task;

struct workspaces {
    size_t size;          /* bytes of each */
    pthread_mutex_t lock; /* guards what is below; held for moments only */
    pthread_cond_t given;
    unsigned free;  /* that may be taken */
    unsigned users; /* who have one, or hold on */
    uint8_t *kept[WORKSPACES_MAX];
    unsigned n_kept;
};

/* `count` is at most WORKSPACES_MAX. */
void workspaces_init(struct workspaces *workspaces, unsigned count, size_t size);
void workspaces_finish(struct workspaces *workspaces);

/* 0 and one, of any content; -ECANCELED if the task was cancelled before one was free; or -ENOMEM. */
int workspaces_take(struct workspaces *workspaces, const struct task *task, uint8_t **ret_bytes);
void workspaces_give(struct workspaces *workspaces, uint8_t *bytes);

/* The caller will take some one after the other. */
void workspaces_hold(struct workspaces *workspaces);
void workspaces_release(struct workspaces *workspaces);
