/* States that failed: bytes that they gave, or may have given, turned out to be wrong when the checksum over
 * all of an object could be compared. Such a state answers nothing any more (state_failure), and whoever has
 * kept bytes of states drops those. Here they are waited for; which ones they are the states tell. All calls
 * are safe from any thread. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Plain value; failures_init and failures_finish. */
struct failures {
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t changed;
    uint64_t n; /* told so far */
    bool ended; /* nobody waits any more */
};

void failures_init(struct failures *failures);
void failures_finish(struct failures *failures);

/* Says that there are states that failed. NULL is fine: nobody wants to know. Waits for nobody. */
void failures_tell(struct failures *failures);

/* Waits until more than `*seen` were told, and sets it to how many were. False once failures_end was called.
 */
bool failures_wait(struct failures *failures, uint64_t *seen);
void failures_end(struct failures *failures);
