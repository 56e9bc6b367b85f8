/* Memory that held a secret is wiped before it is freed. */
#pragma once

#include <stdlib.h>
#include <string.h>

static inline void secret_free(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static inline void free_secret_pointer(char **pointer)
{
    secret_free(*pointer);
}

#define _cleanup_secret_ __attribute__((cleanup(free_secret_pointer)))
