/* Verifying a generation: see generation.h. */
#pragma once

struct task;
struct v03_generation;
struct v03_listing;
struct verifier;

int v03_verify(struct v03_generation *generation, struct v03_listing *listing, struct verifier *verifier,
               struct task *task);
