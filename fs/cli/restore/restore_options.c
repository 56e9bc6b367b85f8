#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/instant.h"
#include "litemount/task.h"
#include "restore.h"

const char *const restore_checks[] = {
    [RESTORE_CHECK_NONE] = "none", [RESTORE_CHECK_QUICK] = "quick", [RESTORE_CHECK_FULL] = "full", NULL};

static bool restore_is_hex(const char *text, size_t least, size_t most)
{
    size_t length = strspn(text, "0123456789abcdefABCDEF");
    return !text[length] && length >= least && length <= most;
}

/* INDEX is in hex, as in the names of the WALs. */
static int restore_read_index(struct restore_options *options, struct task *task)
{
    if (!restore_is_hex(options->index, 1, 8))
        return task_fail(task, EINVAL, "-index %s: expected a hexadecimal WAL index, such as 0000001f",
                         options->index);
    snprintf(options->position, sizeof options->position, "%08lx/", strtoul(options->index, NULL, 16));
    return 0;
}

static int restore_read_txid(struct restore_options *options, struct task *task)
{
    if (options->generation && strcmp(options->generation, LTX_GENERATION) != 0)
        return task_fail(task, EINVAL, "-txid is of the generation " LTX_GENERATION ", not of %s",
                         options->generation);
    if (!restore_is_hex(options->txid, 16, 16))
        return task_fail(task, EINVAL, "-txid %s: expected 16 hexadecimal digits", options->txid);
    options->generation = LTX_GENERATION;
    unsigned long long txid = strtoull(options->txid, NULL, 16);
    if (txid) /* 0: the newest */
        snprintf(options->position, sizeof options->position, "%016llx", txid);
    return 0;
}

/* Which point is asked for. */
static int restore_read_point(struct restore_options *options, struct task *task)
{
    if ((options->time != INSTANT_MAX) + !!options->index + !!options->txid > 1)
        return task_fail(task, EINVAL, "-timestamp, -index and -txid cannot be used together");
    if (options->index)
        return restore_read_index(options, task);
    return options->txid ? restore_read_txid(options, task) : 0;
}

static int restore_check_operand(const struct restore_options *options, struct task *task)
{
    if (!options->database)
        return task_fail(task, EINVAL,
                         "a database path or replica URL is required, or -all; see litemount restore --help");
    if (target_is_source(options->database) && !options->output)
        return task_fail(task, EINVAL, "a replica URL or a folder needs -o FILE");
    return 0;
}

static int restore_check_all(const struct restore_options *options, struct task *task)
{
    if (options->database && !target_is_source(options->database))
        return task_fail(task, EINVAL, "%s: -all restores all databases; leave one of the two out",
                         options->database);
    if (!options->output)
        return task_fail(task, EINVAL, "-all needs -o FOLDER");
    if (options->generation || options->index || options->txid)
        return task_fail(task, EINVAL,
                         "-all goes with -timestamp only: generations and positions are of one database");
    return 0;
}

static bool restore_is_number(const char *text)
{
    text += *text == '-';
    return *text && strspn(text, "0123456789") == strlen(text);
}

int restore_read_options(struct restore_options *options, struct task *task)
{
    int r = options->all ? restore_check_all(options, task) : restore_check_operand(options, task);

    if (r < 0)
        return r;
    if (options->follow)
        return task_fail(task, EINVAL,
                         "-f: a restored file is not kept up to date; latest/NAME of a mount always is");
    if (options->parallelism && !restore_is_number(options->parallelism))
        return task_fail(task, EINVAL, "-parallelism %s: expected a number", options->parallelism);
    r = rights_read(options->mode, options->owner, task, &options->rights);
    return r < 0 ? r : restore_read_point(options, task);
}
