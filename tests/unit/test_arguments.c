#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arguments/arguments.h"
#include "litemount/instant.h"
#include "litemount/task.h"

#define MOST_WORDS 8

/* A verb's struct, with a field of each kind. */
struct given {
    bool loud, help, other;
    const char *file, *maybe, *first;
    struct argument_values rest;
    unsigned color;
    int64_t time, age, wait;
    uint64_t size;
    unsigned owner;
    int mode;
};

static const char *const colors[] = {"red", "green", NULL};
static const char *const ignored[] = {"ro", NULL};

#define AT(field) .offset = offsetof(struct given, field)

static const struct argument option_rows[] = {
    {.name = "other", AT(other), .help = "an option"},
    {.name = "size", .kind = ARGUMENT_SIZE, AT(size), .word = "BYTES", .help = "another", .fallback = "1K"},
    {.name = "secret", AT(other)},
};
static const struct argument_table options = {ARGUMENT_ROWS(option_rows), .ignored = ignored};

static const struct argument rows[] = {
    {.name = "loud", AT(loud), .help = "a switch"},
    {.name = "help", .alias = "h", .kind = ARGUMENT_QUESTION, AT(help), .help = "a question"},
    {.name = "file", .kind = ARGUMENT_TEXT, AT(file), .word = "FILE", .help = "a text\nof two lines"},
    {.name = "maybe",
     .kind = ARGUMENT_TEXT,
     AT(maybe),
     .word = "TEXT",
     .help = "may be empty",
     .or_empty = true},
    {.name = "color",
     .kind = ARGUMENT_CHOICE,
     AT(color),
     .word = "COLOR",
     .help = "a choice",
     .fallback = "green",
     .expected = "red or green",
     .choices = colors},
    {.name = "time", .kind = ARGUMENT_TIME, AT(time), .word = "TIME", .help = "a time", .bare = "@7"},
    {.name = "age", .kind = ARGUMENT_DURATION, AT(age), .word = "DURATION", .help = "a duration"},
    {.name = "wait", .kind = ARGUMENT_SECONDS, AT(wait), .word = "SECONDS", .help = "seconds"},
    {.name = "owner", .kind = ARGUMENT_ID, AT(owner), .word = "N", .help = "a number"},
    {.name = "mode", .kind = ARGUMENT_MODE, AT(mode), .word = "MODE", .help = "a mode"},
    {.name = "o", .kind = ARGUMENT_LIST, .word = "OPTION,...", .help = "options", .list = &options},
    {.name = "hidden", AT(loud)},
    {.kind = ARGUMENT_TEXT, AT(first), .word = "FIRST", .help = "a first operand", .required = true},
    {.kind = ARGUMENT_TEXT, AT(rest), .word = "REST", .repeatable = true},
};
static const struct argument_table table = {
    .program = "litemount test", .about = "About it.", ARGUMENT_ROWS(rows)};

/* Reads words with blanks between them; '_' is an empty one. They last until the next are read. */
static int read_line(const char *text, struct given *given, struct task *task)
{
    static char line[256], empty[] = "", *argv[MOST_WORDS + 2];
    char *rest = line;
    int argc = 0;

    *given = (struct given){0};
    task_init(task, NULL);
    snprintf(line, sizeof line, "%s", text);
    memset(argv, 0, sizeof argv);
    argv[argc++] = line;
    for (char *word; (word = strsep(&rest, " ")) && argc <= MOST_WORDS;)
        if (*word)
            argv[argc++] = strcmp(word, "_") == 0 ? empty : word;
    return arguments_read(&table, argc, argv, given, task);
}

static struct given given_by(const char *line)
{
    struct given given;
    struct task task;
    int r = read_line(line, &given, &task);
    if (r != 0)
        print_message("%s: %s\n", line, task_reason(&task, r));
    assert_int_equal(r, 0);
    return given;
}

static void knows_what_was_not_given(void **state)
{
    struct given given = given_by("x");
    assert_false(given.loud || given.other);
    assert_null(given.file);
    assert_null(given.maybe);
    assert_int_equal(given.color, 1);
    assert_true(given.time == INSTANT_MAX);
    assert_int_equal(given.mode, -1);
    assert_true(given.size == 1024);
    assert_string_equal(given.first, "x");
    assert_int_equal(given.rest.n, 0);
}

static void takes_one_dash_or_two_and_values_behind_either(void **state)
{
    static const char *const lines[] = {"-file a x",  "--file a x", "-file=a x",
                                        "--file=a x", "x -file a",  "x --file=a"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct given given = given_by(lines[i]);
        assert_string_equal(given.file, "a");
        assert_string_equal(given.first, "x");
    }
    assert_string_equal(given_by("-file a=b x").file, "a=b");
    assert_string_equal(given_by("-file=-loud x").file, "-loud");
    assert_string_equal(given_by("-file -loud x").file, "-loud");
    assert_string_equal(given_by("-file a -file b x").file, "b");
    assert_null(given_by("-maybe a -maybe= x").maybe);
    assert_null(given_by("-maybe _ x").maybe);
}

static void takes_switches_alone(void **state)
{
    assert_true(given_by("-loud x").loud);
    assert_true(given_by("--loud=true x").loud);
    assert_false(given_by("-loud -loud=false x").loud);
    assert_true(given_by("-hidden x").loud);
}

static void takes_a_value_that_may_be_left_out(void **state)
{
    struct given given = given_by("-time x");
    assert_true(given.time == 7 * INSTANT_SECOND);
    assert_string_equal(given.first, "x");
    assert_true(given_by("-time=@9 x").time == 9 * INSTANT_SECOND);
}

static void reads_each_kind(void **state)
{
    assert_int_equal(given_by("-color red x").color, 0);
    assert_true(given_by("-age 1m30s x").age == 90 * INSTANT_SECOND);
    assert_true(given_by("-wait 0 x").wait == 0);
    assert_int_equal(given_by("-owner 1000 x").owner, 1000);
    assert_int_equal(given_by("-mode 0640 x").mode, 0640);
    assert_int_equal(given_by("-mode 0 x").mode, 0);
}

static void reads_options(void **state)
{
    static const char *const lines[] = {"-o other,size=2K x", "-oother,size=2K x", "--o other,,size=2K, x",
                                        "-o other -o ro,x-a=b,comment=c,size=2K x", "-o=secret,size=2K x"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct given given = given_by(lines[i]);
        assert_true(given.other);
        assert_true(given.size == 2048);
        assert_string_equal(given.first, "x");
    }
}

static void takes_operands_between_flags_and_behind_the_end_of_flags(void **state)
{
    struct given given = given_by("a -loud b -file f c -");
    assert_string_equal(given.first, "a");
    assert_int_equal(given.rest.n, 3);
    assert_string_equal(given.rest.items[0], "b");
    assert_string_equal(given.rest.items[2], "-");
    given = given_by("-loud -- -file --");
    assert_string_equal(given.first, "-file");
    assert_string_equal(given.rest.items[0], "--");
    assert_true(given.loud);
}

static void wants_no_operands_for_a_question(void **state)
{
    static const char *const lines[] = {"-h", "--help", "-help=true", "-loud -h", "x -h"};
    struct given given;
    struct task task;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(read_line(lines[i], &given, &task), 1);
        assert_true(given.help);
    }
    assert_int_equal(read_line("-help=false x", &given, &task), 0);
}

/* Each with a sentence that says what would be right. */
static void refuses_wrong_usage(void **state)
{
    static const struct {
        const char *line, *reason;
    } cases[] = {
        {"", "a first operand is required; see litemount test --help"},
        {"-loud", "a first operand is required; see litemount test --help"},
        {"_", "an argument is empty; see litemount test --help"},
        {"x _", "an argument is empty; see litemount test --help"},
        {"-what x", "-what: not a flag of litemount test; see litemount test --help"},
        {"--what=1 x", "--what=1: not a flag of litemount test; see litemount test --help"},
        {"---loud x", "---loud: not a flag of litemount test; see litemount test --help"},
        {"-lou x", "-lou: not a flag of litemount test; see litemount test --help"},
        {"x -file", "-file: its value is missing: -file FILE"},
        {"x -o", "-o: its value is missing: -o OPTION,..."},
        {"-file= x", "-file=: expected a value"},
        {"-loud=yes x", "-loud=yes: expected true or false"},
        {"-color blue x", "-color blue: expected red or green"},
        {"-age 0s x", "-age 0s: expected a duration, such as 90m, 1h30m or 2d"},
        {"-age soon x", "-age soon: expected a duration, such as 90m, 1h30m or 2d"},
        {"-wait 1s x", "-wait 1s: expected whole seconds, such as 10"},
        {"-mode 8 x", "-mode 8: expected an octal mode, such as 0640"},
        {"-mode 1777 x", "-mode 1777: expected an octal mode, such as 0640"},
        {"-owner root x", "-owner root: expected the number of a user or a group"},
        {"-o what x", "option what: not known; see litemount test --help"},
        {"-owhat=1 x", "option what: not known; see litemount test --help"},
        {"-o ro=1 x", "option ro: not known; see litemount test --help"},
        {"-o size x", "option size: its value is missing: size=BYTES"},
        {"-o size=0 x", "option size=0: expected bytes, such as 20G; K, M, G and T are understood"},
        {"-o other=1 x", "option other=1: expected true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct given given;
        struct task task;
        assert_int_equal(read_line(cases[i].line, &given, &task), -EINVAL);
        assert_string_equal(task_reason(&task, EINVAL), cases[i].reason);
    }
}

static void prints_help(void **state)
{
    static const char expected[] = "Usage: litemount test [FLAGS] FIRST [REST ...]\n"
                                   "\n"
                                   "About it.\n"
                                   "\n"
                                   "  -loud                    a switch\n"
                                   "  -h, -help                a question\n"
                                   "  -file FILE               a text\n"
                                   "                           of two lines\n"
                                   "  -maybe TEXT              may be empty\n"
                                   "  -color COLOR             a choice (green)\n"
                                   "  -time[=TIME]             a time\n"
                                   "  -age DURATION            a duration\n"
                                   "  -wait SECONDS            seconds\n"
                                   "  -owner N                 a number\n"
                                   "  -mode MODE               a mode\n"
                                   "  -o OPTION,...            options\n"
                                   "    other                  an option\n"
                                   "    size=BYTES             another (1K)\n";
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    arguments_print_help(&table, file);
    fclose(file);
    assert_string_equal(text, expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_was_not_given),
        cmocka_unit_test(takes_one_dash_or_two_and_values_behind_either),
        cmocka_unit_test(takes_switches_alone),
        cmocka_unit_test(takes_a_value_that_may_be_left_out),
        cmocka_unit_test(reads_each_kind),
        cmocka_unit_test(reads_options),
        cmocka_unit_test(takes_operands_between_flags_and_behind_the_end_of_flags),
        cmocka_unit_test(wants_no_operands_for_a_question),
        cmocka_unit_test(refuses_wrong_usage),
        cmocka_unit_test(prints_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
