#include <stdint.h>
#include <string.h>

#include "litemount/config.h"
#include "litemount/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *fuzz_environment(const char *name)
{
    return *name == 'A' ? "s3://bucket.s3.eu-west-1.amazonaws.com/path" : NULL;
}

/* As a configuration and, as far as it is text, as a URL on the command line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_options options = {.getenv = fuzz_environment};
    struct config *config = NULL;
    struct task task;
    char url[256] = "s3://";

    task_init(&task, NULL);
    if (config_parse("fuzz.yml", (const char *)data, size, &options, &task, &config) == 0)
        config_close(config);

    size_t length = size < sizeof url - 6 ? size : sizeof url - 6;
    memcpy(url + 5, data, length);
    config = NULL;
    task_forgive(&task);
    if (config_load(url, &options, &task, &config) == 0)
        config_close(config);
    return 0;
}
