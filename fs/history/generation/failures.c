#include "litemount/failures.h"

void failures_init(struct failures *failures)
{
    *failures = (struct failures){.n = 0};
    pthread_mutex_init(&failures->lock, NULL);
    pthread_cond_init(&failures->changed, NULL);
}

void failures_finish(struct failures *failures)
{
    pthread_cond_destroy(&failures->changed);
    pthread_mutex_destroy(&failures->lock);
}

void failures_tell(struct failures *failures)
{
    if (!failures)
        return;
    pthread_mutex_lock(&failures->lock);
    failures->n++;
    pthread_cond_broadcast(&failures->changed);
    pthread_mutex_unlock(&failures->lock);
}

bool failures_wait(struct failures *failures, uint64_t *seen)
{
    pthread_mutex_lock(&failures->lock);
    while (failures->n <= *seen && !failures->ended)
        pthread_cond_wait(&failures->changed, &failures->lock);
    *seen = failures->n;
    bool more = !failures->ended;
    pthread_mutex_unlock(&failures->lock);
    return more;
}

void failures_end(struct failures *failures)
{
    pthread_mutex_lock(&failures->lock);
    failures->ended = true;
    pthread_cond_broadcast(&failures->changed);
    pthread_mutex_unlock(&failures->lock);
}
