/* What a listing verb prints: rows of named cells, as a table for people or as JSON for programs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "litemount/instant.h"

struct column {
    const char *name;
    bool is_number;  /* JSON shows it without quotes */
    const char *key; /* its name in JSON; NULL: the same */
    bool is_extra;   /* only JSON shows it */
};

/* Owns the cells. */
struct output {
    const struct column *columns; /* borrowed */
    size_t n_columns;
    bool json;
    char **cells; /* row by row; NULL: there is no value */
    size_t n_cells, capacity;
    int error; /* -ENOMEM: a cell could not be added */
};

void output_init(struct output *output, const struct column *columns, size_t n_columns, bool json);
void output_finish(struct output *output);

/* Adds the next cell of the current row. If it cannot, what prints the rows tells so. */
void output_add(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* RFC 3339 in UTC, whole seconds, as Litestream has it. */
void output_format_time(int64_t time, char text[static INSTANT_TEXT_SIZE]);

/* output_add of such a time. */
void output_add_time(struct output *output, int64_t time);

/* The same without a value: "-" in the table, null in JSON. */
void output_add_nothing(struct output *output);

/* Writes out what was printed, all of it up to here. 0, or why that cannot be: -ENOSPC, -EPIPE (nobody reads
 * it), -EIO. */
int output_flush(FILE *file);

/* Prints all rows. 0 or -ENOMEM; whether they could be written output_flush tells. */
int output_print(const struct output *output, FILE *file);

/* As output_print, but as JSON the one row there is, if there is one, without an array around it. */
int output_print_object(const struct output *output, FILE *file);

/* Prints `text` as a JSON string, quotes and all. Bytes that are no UTF-8 become U+FFFD. */
void json_print_string(const char *text, FILE *file);
