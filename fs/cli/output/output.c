#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/printable.h"

void output_init(struct output *output, const struct column *columns, size_t n_columns, bool json)
{
    *output = (struct output){.columns = columns, .n_columns = n_columns, .json = json};
}

void output_finish(struct output *output)
{
    for (size_t i = 0; i < output->n_cells; i++)
        free(output->cells[i]);
    free(output->cells);
}

static void output_add_cell(struct output *output, char *cell)
{
    if (ARRAY_GROW(output->cells, output->capacity, output->n_cells + 1) == 0) {
        output->cells[output->n_cells++] = cell;
        return;
    }
    output->error = -ENOMEM;
    free(cell);
}

void output_add(struct output *output, const char *format, ...)
{
    va_list arguments;
    char *cell;

    va_start(arguments, format);
    int n = vasprintf(&cell, format, arguments);
    va_end(arguments);
    if (n < 0) {
        output->error = -ENOMEM;
        return;
    }
    if (!output->json)
        printable_make(cell);
    output_add_cell(output, cell);
}

void output_format_time(int64_t time, char text[static INSTANT_TEXT_SIZE])
{
    int64_t fraction = time % INSTANT_SECOND;

    if (fraction < 0 && time >= INT64_MIN + INSTANT_SECOND)
        fraction += INSTANT_SECOND;
    instant_format(time - fraction, text);
}

void output_add_time(struct output *output, int64_t time)
{
    char text[INSTANT_TEXT_SIZE];

    output_format_time(time, text);
    output_add(output, "%s", text);
}

void output_add_nothing(struct output *output)
{
    output_add_cell(output, NULL);
}

static const char *output_cell_at(const struct output *output, size_t row, size_t column)
{
    return output->cells[row * output->n_columns + column];
}

/* The length of the UTF-8 sequence at `text`; 0 if it is none. Source: RFC 3629. */
static size_t output_utf8_length(const uint8_t *text)
{
    static const struct {
        uint8_t mask, lead, least, most; /* least and most of the second byte, where it matters */
        size_t length;
    } forms[] = {
        {0x80, 0x00, 0, 0, 1},       {0xe0, 0xc0, 0x80, 0xbf, 2}, {0xff, 0xe0, 0xa0, 0xbf, 3},
        {0xff, 0xed, 0x80, 0x9f, 3}, {0xf0, 0xe0, 0x80, 0xbf, 3}, {0xff, 0xf0, 0x90, 0xbf, 4},
        {0xff, 0xf4, 0x80, 0x8f, 4}, {0xfc, 0xf0, 0x80, 0xbf, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if ((text[0] & forms[i].mask) != forms[i].lead)
            continue;
        if (forms[i].length == 1)
            return 1;
        if (text[0] < 0xc2 || text[1] < forms[i].least || text[1] > forms[i].most)
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((text[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

/* What the table shows in a line: 0 is the head. */
static const char *output_text_at(const struct output *output, size_t line, size_t column)
{
    const char *text = line ? output_cell_at(output, line - 1, column) : output->columns[column].name;
    return text ? text : "-";
}

/* Characters, as far as it is UTF-8. */
static size_t output_length_of(const char *text)
{
    size_t n = 0;
    for (const uint8_t *at = (const uint8_t *)text; *at; n++) {
        size_t length = output_utf8_length(at);
        at += length ? length : 1;
    }
    return n;
}

static size_t output_width_of(const struct output *output, size_t n_rows, size_t column)
{
    size_t width = 0;
    for (size_t line = 0; line <= n_rows; line++) {
        size_t length = output_length_of(output_text_at(output, line, column));
        width = length > width ? length : width;
    }
    return width;
}

/* Two spaces between columns: as Litestream's tables are. */
static int output_print_table(const struct output *output, size_t n_rows, FILE *file)
{
    _cleanup_free_ size_t *widths = calloc(output->n_columns, sizeof *widths);
    size_t n_columns = output->n_columns;

    if (!widths)
        return -ENOMEM;
    while (n_columns && output->columns[n_columns - 1].is_extra)
        n_columns--;
    for (size_t column = 0; column + 1 < n_columns; column++)
        widths[column] = output_width_of(output, n_rows, column) + 2;
    for (size_t line = 0; line <= n_rows; line++)
        for (size_t column = 0; column < n_columns; column++) {
            const char *text = output_text_at(output, line, column);
            bool is_last = column + 1 == n_columns;
            int padding = is_last ? 0 : (int)(widths[column] - output_length_of(text));
            fprintf(file, "%s%*s%s", text, padding, "", is_last ? "\n" : "");
        }
    return 0;
}

void json_print_string(const char *text, FILE *file)
{
    const uint8_t *at = (const uint8_t *)text;

    fputc('"', file);
    while (*at) {
        size_t length = output_utf8_length(at);
        if (length == 0)
            fputs("\\ufffd", file);
        else if (*at == '"' || *at == '\\')
            fprintf(file, "\\%c", *at);
        else if (*at < 0x20)
            fprintf(file, "\\u%04x", *at);
        else
            fwrite(at, 1, length, file);
        at += length ? length : 1;
    }
    fputc('"', file);
}

static void output_json_print_value(const struct column *column, const char *cell, FILE *file)
{
    if (cell && !column->is_number)
        json_print_string(cell, file);
    else
        fputs(cell ? cell : "null", file);
}

/* A row as a JSON object, its lines below each other, behind `indent`. */
static void output_json_print_row(const struct output *output, size_t row, const char *indent, FILE *file)
{
    fprintf(file, "%s{", indent);
    for (size_t column = 0; column < output->n_columns; column++) {
        const struct column *head = &output->columns[column];
        fprintf(file, "%s\n%s  \"%s\": ", column ? "," : "", indent, head->key ? head->key : head->name);
        output_json_print_value(head, output_cell_at(output, row, column), file);
    }
    fprintf(file, "\n%s}", indent);
}

static void output_json_print_rows(const struct output *output, size_t n_rows, FILE *file)
{
    fputs("[", file);
    for (size_t row = 0; row < n_rows; row++) {
        fputs(row ? ",\n" : "\n", file);
        output_json_print_row(output, row, "  ", file);
    }
    fputs(n_rows ? "\n]\n" : "]\n", file);
}

int output_print(const struct output *output, FILE *file)
{
    size_t n_rows = output->n_cells / output->n_columns;

    if (output->error < 0)
        return output->error;
    if (output->json)
        output_json_print_rows(output, n_rows, file);
    else
        return output_print_table(output, n_rows, file);
    return 0;
}

int output_print_object(const struct output *output, FILE *file)
{
    if (!output->json || output->error < 0)
        return output_print(output, file);
    if (output->n_cells) {
        output_json_print_row(output, 0, "", file);
        fputc('\n', file);
    }
    return 0;
}

/* Whether who reads from the other end of a pipe is gone. */
static bool output_is_unread(FILE *file)
{
    struct pollfd end = {.fd = fileno(file), .events = POLLOUT};
    return end.fd >= 0 && poll(&end, 1, 0) > 0 && end.revents & POLLERR;
}

int output_flush(FILE *file)
{
    errno = EIO;
    if (fflush(file) == 0 && !ferror(file))
        return 0;
    return output_is_unread(file) ? -EPIPE : -errno;
}
