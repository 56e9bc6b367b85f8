/* What was found wrong is looked at again: damage after a time, a snapshot that failed at once, and segments
 * that turned out to have come as something else. */
#pragma once

#include <stdint.h>

struct task;
struct v03_generation;
struct v03_listing;

/* Something of the generation was found damaged at `found` (clock_now). */
void v03_note_damage_locked(struct v03_generation *generation, int64_t found);

/* Makes the generation's listing one that states can be made from. */
void v03_renew_locked(struct v03_generation *generation);

/* What is known of the listing's segments is forgotten, if that is still the generation's. Returns -ESTALE
 * with a reason, or -ENOMEM. */
int v03_forget_segments(struct v03_generation *generation, const struct v03_listing *listing,
                        struct task *task);
