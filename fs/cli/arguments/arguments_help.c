#include <string.h>

#include "arguments.h"

#define NAME_WIDTH 24 /* columns */

static void help_print_usage(const struct argument_table *table, FILE *file)
{
    if (table->usage) {
        fprintf(file, "Usage: %s\n", table->usage);
        return;
    }
    fprintf(file, "Usage: %s [FLAGS]", table->program);
    for (size_t i = 0; i < table->n_rows; i++) {
        const struct argument *row = &table->rows[i];
        if (!row->name)
            fprintf(file, " %s%s%s%s", row->required ? "" : "[", row->word, row->repeatable ? " ..." : "",
                    row->required ? "" : "]");
    }
    fputc('\n', file);
}

/* "-h, -help", "-config FILE", "-deleted[=TIME]"; of an option "refresh=SECONDS". */
static void help_format_name(const struct argument *row, bool is_option, char *text, size_t size)
{
    const char *dash = is_option ? "" : "-", *word = row->word ? row->word : "";
    const char *before = !row->word ? "" : row->bare ? "[=" : is_option ? "=" : " ";

    snprintf(text, size, "%s%s%s%s%s%s%s%s", row->alias ? dash : "", row->alias ? row->alias : "",
             row->alias ? ", " : "", dash, row->name, before, word, row->bare ? "]" : "");
}

/* Lines behind the first stand below it. */
static void help_print_lines(const char *text, FILE *file)
{
    for (; *text; text++) {
        fputc(*text, file);
        if (*text == '\n')
            fprintf(file, "%*s", NAME_WIDTH + 3, "");
    }
}

static void help_print_rows(const struct argument_table *table, bool is_option, FILE *file)
{
    int indent = is_option ? 4 : 2, width = NAME_WIDTH + 2 - indent;
    char name[64];

    for (size_t i = 0; i < table->n_rows; i++) {
        const struct argument *row = &table->rows[i];
        if (!row->name || !row->help)
            continue;
        help_format_name(row, is_option, name, sizeof name);
        fprintf(file, "%*s%-*s ", indent, "", width, name);
        help_print_lines(row->help, file);
        if (row->fallback)
            fprintf(file, " (%s)", row->fallback);
        fputc('\n', file);
        if (row->list)
            help_print_rows(row->list, true, file);
    }
}

void arguments_print_help(const struct argument_table *table, FILE *file)
{
    help_print_usage(table, file);
    fprintf(file, "\n%s\n\n", table->about);
    help_print_rows(table, false, file);
}
