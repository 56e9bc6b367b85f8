#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "litemount/clock.h"
#include "litemount/instant.h"
#include "terminal.h"

#define REDRAW (INSTANT_SECOND / 10)
#define BAR_MOST 40 /* columns */

static void progress_format_left(const struct progress *progress, double rate, char *text, size_t size)
{
    double left = rate > 0 ? (double)(progress->total - progress->done) / rate : -1;

    if (left < 0 || left > 360000)
        snprintf(text, size, "-");
    else if (left < 60)
        snprintf(text, size, "%.0f s left", left);
    else
        snprintf(text, size, "%d:%02d min left", (int)left / 60, (int)left % 60);
}

void progress_format(const struct progress *progress, int64_t elapsed, unsigned width, char *line,
                     size_t size)
{
    double share = progress->total ? (double)progress->done / (double)progress->total : 1;
    double rate = elapsed > 0 ? (double)progress->done * INSTANT_SECOND / (double)elapsed : 0;
    char numbers[128], left[32], bar[BAR_MOST + 1] = "";

    progress_format_left(progress, rate, left, sizeof left);
    /* As long as the whole is the same so is the length of the numbers: the bar does not jump. */
    int digits = snprintf(NULL, 0, "%.1f", (double)progress->total / 1e6);
    int n =
        snprintf(numbers, sizeof numbers, "%3d %%  %*.1f of %.1f MB  %6.1f MB/s  %-15s", (int)(share * 100),
                 digits, (double)progress->done / 1e6, (double)progress->total / 1e6, rate / 1e6, left);
    int room = (int)width - n - (int)strlen(progress->what) - 6;
    if (room > BAR_MOST)
        room = BAR_MOST;
    for (int i = 0; i < room; i++)
        bar[i] = i < (int)(share * room) ? '#' : '.';
    if (room >= 5)
        snprintf(line, size, "%s  [%.*s]  %s", progress->what, room, bar, numbers);
    else
        snprintf(line, size, "%.*s", (int)width - 1, numbers);
}

static void progress_draw(struct progress *progress, int64_t now)
{
    char line[512];
    progress_format(progress, now - progress->began, terminal_width(STDERR_FILENO), line, sizeof line);
    fprintf(stderr, "\r\033[K%s", line);
    progress->shown = now;
}

void progress_begin(struct progress *progress, const char *what, uint64_t total)
{
    *progress = (struct progress){
        .what = what, .total = total, .began = clock_now(), .visible = isatty(STDERR_FILENO) == 1};
    if (progress->visible)
        progress_draw(progress, progress->began);
}

void progress_add(struct progress *progress, uint64_t bytes)
{
    progress->done += bytes;
    if (!progress->visible)
        return;
    int64_t now = clock_now();
    if (now - progress->shown >= REDRAW || progress->done == progress->total)
        progress_draw(progress, now);
}

void progress_end(struct progress *progress)
{
    if (progress->visible)
        fputs("\r\033[K", stderr);
    progress->visible = false;
}
