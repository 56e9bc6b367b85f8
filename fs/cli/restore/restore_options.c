#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/instant.h"
#include "litemount/task.h"
#include "restore.h"

static bool is_hex(const char *text, size_t least, size_t most)
{
    size_t length = strspn(text, "0123456789abcdefABCDEF");
    return !text[length] && length >= least && length <= most;
}

/* INDEX is in hex, as in the names of the WALs. */
static int read_index(struct restore_options *options, struct task *task)
{
    if (!is_hex(options->index, 1, 8))
        return task_fail(task, EINVAL, "-index %s: expected a hexadecimal WAL index, such as 0000001f",
                         options->index);
    options->time = INSTANT_MAX;
    snprintf(options->position, sizeof options->position, "%08lx/", strtoul(options->index, NULL, 16));
    return 0;
}

static int read_txid(struct restore_options *options, struct task *task)
{
    if (options->generation && strcmp(options->generation, LTX_GENERATION) != 0)
        return task_fail(task, EINVAL, "-txid is of the generation " LTX_GENERATION ", not of %s",
                         options->generation);
    if (!is_hex(options->txid, 16, 16))
        return task_fail(task, EINVAL, "-txid %s: expected 16 hexadecimal digits", options->txid);
    options->generation = LTX_GENERATION;
    options->time = INSTANT_MAX; /* which is what TXID 0 means */
    unsigned long long txid = strtoull(options->txid, NULL, 16);
    if (txid)
        snprintf(options->position, sizeof options->position, "%016llx", txid);
    return 0;
}

static int read_time(struct restore_options *options, struct task *task)
{
    options->time = INSTANT_MAX;
    if (options->timestamp && instant_parse(options->timestamp, instant_now(), &options->time) < 0)
        return task_fail(
            task, EINVAL,
            "-timestamp %s: not a time; examples: 2024-11-04T10:30:00Z, 2024-11-04 10:30, @1730716200, "
            "30m-ago, 2h-ago, 3d-ago, now",
            options->timestamp);
    return 0;
}

/* Which point is asked for. */
static int read_point(struct restore_options *options, struct task *task)
{
    if (!!options->timestamp + !!options->index + !!options->txid > 1)
        return task_fail(task, EINVAL, "-timestamp, -index and -txid cannot be used together");
    if (options->index)
        return read_index(options, task);
    if (options->txid)
        return read_txid(options, task);
    return read_time(options, task);
}

static int check_operand(const struct restore_options *options, const char *operand, struct task *task)
{
    if (!operand)
        return task_fail(task, EINVAL, "a database path or replica URL is required, or -all; see --help");
    if (target_is_source(operand) && !options->output)
        return task_fail(task, EINVAL, "a replica URL or a folder needs -o FILE");
    return 0;
}

static int check_all(const struct restore_options *options, const char *operand, struct task *task)
{
    if (operand && !target_is_source(operand))
        return task_fail(task, EINVAL, "%s: -all restores all databases; leave one of the two out", operand);
    if (!options->output)
        return task_fail(task, EINVAL, "-all needs -o FOLDER");
    if (options->generation || options->index || options->txid)
        return task_fail(task, EINVAL,
                         "-all goes with -timestamp only: generations and positions are of one database");
    return 0;
}

static bool is_number(const char *text)
{
    text += *text == '-';
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool is_integrity_check(const char *text)
{
    return strcmp(text, "none") == 0 || strcmp(text, "quick") == 0 || strcmp(text, "full") == 0;
}

int restore_read_options(struct restore_options *options, const char *operand, struct task *task)
{
    options->output = flag_given(options->output);
    options->timestamp = flag_given(options->timestamp);
    options->generation = flag_given(options->generation);
    options->txid = flag_given(options->txid);
    int r = options->all ? check_all(options, operand, task) : check_operand(options, operand, task);

    if (r < 0)
        return r;
    if (options->follow)
        return task_fail(task, EINVAL,
                         "-f: a restored file is not kept up to date; latest/NAME of a mount always is");
    if (!is_integrity_check(options->integrity_check))
        return task_fail(task, EINVAL, "-integrity-check %s: expected none, quick or full",
                         options->integrity_check);
    if (options->parallelism && !is_number(options->parallelism))
        return task_fail(task, EINVAL, "-parallelism %s: expected a number", options->parallelism);
    r = rights_read(flag_given(options->mode), flag_given(options->owner), task, &options->rights);
    return r < 0 ? r : read_point(options, task);
}
