/* The line that a request to a store leaves in the log, at debug level. Private to fs/replica. */
#pragma once

#include <stdint.h>

struct task;

/* Plain value, its texts borrowed: without secrets, and so without a URL's query. */
struct request_log {
    const char *method; /* "GET", "HEAD"; of a folder "list", "read" */
    const char *store;  /* the bucket or the folder */
    const char *object; /* the key, or the prefix that is listed */
    const char *range;  /* "bytes=0-99"; "": all of it */
    int64_t start;      /* as clock_now said then */
    uint64_t bytes;     /* of the answer's body */
};

/* `outcome` is the status, or what went wrong; why it was sent is the task's to say. */
void request_log_write(const struct request_log *log, const char *outcome, const struct task *task);
