/* Test data from files: $TEST_DATA holds what must be read, $TEST_REFUSED/PARSER what must be refused. Any
 * failure to read them fails the test that asked. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/array.h"

/* The bytes of the file, which the caller finishes. */
static inline struct buffer read_file(const char *path)
{
    struct buffer buffer = {0};
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    do {
        assert_int_equal(buffer_reserve(&buffer, 65536), 0);
        buffer.size += fread(buffer.data + buffer.size, 1, 65536, file);
    } while (!feof(file) && !ferror(file));
    assert_false(ferror(file));
    fclose(file);
    return buffer;
}

static inline struct buffer read_data(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("TEST_DATA"), name);
    return read_file(path);
}

/* Calls `check` for every file in the folder, and fails if there is none. */
static inline void each_file(const char *folder, void (*check)(const char *name, const struct buffer *bytes))
{
    char path[4096];
    size_t count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct buffer bytes = read_file(path);
        print_message("%s\n", entry->d_name);
        check(entry->d_name, &bytes);
        buffer_finish(&bytes);
        count++;
    }
    closedir(directory);
    assert_true(count > 0);
}

/* Calls `check` for every file that `parser` must refuse, and fails if there is none. */
static inline void each_refused(const char *parser,
                                void (*check)(const char *name, const struct buffer *bytes))
{
    char folder[2048];
    snprintf(folder, sizeof folder, "%s/%s", getenv("TEST_REFUSED"), parser);
    each_file(folder, check);
}
