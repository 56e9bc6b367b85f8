/* Where the bucket is. An AWS bucket may be anywhere, so its region starts unknown; a request that was sent
 * to, and signed for, another one is told the right one, which everybody uses from then on. */
#include "s3.h"

#include <stdio.h>
#include <string.h>

unsigned s3_get_region(struct s3_store *s3, char region[static S3_REGION_SIZE])
{
    pthread_mutex_lock(&s3->lock);
    unsigned revision = s3->region_revision;
    snprintf(region, S3_REGION_SIZE, "%s", *s3->region ? s3->region : S3_REGION_DEFAULT);
    pthread_mutex_unlock(&s3->lock);
    return revision;
}

bool s3_answer_region(const struct http_answer *answer, char region[static S3_REGION_SIZE])
{
    const char *told = http_answer_header(answer, "x-amz-bucket-region");
    struct s3_error error = {0};

    if (!told)
        s3_error_parse(answer->text.data, answer->text.size, &error);
    snprintf(region, S3_REGION_SIZE, "%s", told ? told : error.region);
    return s3_region_is_valid(region);
}

bool s3_learn_region(struct http_store *store, const struct http_attempt *attempt)
{
    struct s3_store *s3 = (struct s3_store *)store;
    int status = attempt->answer.status;
    bool moved = status == 301 || status == 302 || status == 307 || status == 400;
    char region[S3_REGION_SIZE];

    if (!moved || !s3_answer_region(&attempt->answer, region))
        return false;
    pthread_mutex_lock(&s3->lock);
    bool changed = s3->region_revision != attempt->revision;
    if (!changed && strcmp(region, *s3->region ? s3->region : S3_REGION_DEFAULT) != 0) {
        memcpy(s3->region, region, sizeof region);
        s3->region_revision++;
        changed = true;
    }
    pthread_mutex_unlock(&s3->lock);
    return changed;
}
