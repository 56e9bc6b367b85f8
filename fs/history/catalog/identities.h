/* The age identities of a configuration. */
#pragma once

#include "litemount/age.h"

struct config;
struct task;

/* Owns the keys, and wipes them. Zero-initialise. */
struct identities {
    struct age_identity *items;
    size_t n, capacity;
};

/* Reads those of all replicas. 0; -EINVAL with a reason for a text that is none; -ENOMEM. */
int identities_read(const struct config *config, struct task *task, struct identities *identities);
void identities_finish(struct identities *identities);
