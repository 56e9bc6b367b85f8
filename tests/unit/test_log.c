#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "litemount/cleanup.h"
#include "litemount/log.h"

/* Standard error, caught in a file while a test writes to it. */
struct capture {
    FILE *file;
    int real; /* the true standard error */
};

static struct capture capture_begin(void)
{
    struct capture capture = {.file = tmpfile(), .real = dup(STDERR_FILENO)};
    assert_non_null(capture.file);
    fflush(stderr);
    assert_true(dup2(fileno(capture.file), STDERR_FILENO) >= 0);
    return capture;
}

static void capture_end(struct capture *capture, char *text, size_t size)
{
    fflush(stderr);
    dup2(capture->real, STDERR_FILENO);
    close(capture->real);
    rewind(capture->file);
    text[fread(text, 1, size - 1, capture->file)] = '\0';
    fclose(capture->file);
}

static void write_all_levels(void)
{
    log_error("a %d", 1);
    log_warning("b %s", "two");
    log_info("c");
    log_debug("d");
}

static void drops_what_is_above_the_level(void **state)
{
    static const struct {
        enum log_level level;
        const char *expected;
    } cases[] = {
        {LOG_LEVEL_ERROR, "litemount: error: a 1\n"},
        {LOG_LEVEL_WARNING, "litemount: error: a 1\nlitemount: warning: b two\n"},
        {LOG_LEVEL_INFO, "litemount: error: a 1\nlitemount: warning: b two\nlitemount: c\n"},
        {LOG_LEVEL_DEBUG,
         "litemount: error: a 1\nlitemount: warning: b two\nlitemount: c\nlitemount: debug: d\n"},
    };
    char text[1024];

    assert_int_equal(log_get_level(), LOG_LEVEL_INFO);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct capture capture = capture_begin();
        log_set_level(cases[i].level);
        write_all_levels();
        capture_end(&capture, text, sizeof text);
        assert_string_equal(text, cases[i].expected);
        assert_int_equal(log_get_level(), cases[i].level);
    }
    log_set_level(LOG_LEVEL_INFO);
}

static int evaluations;

static int evaluate(void)
{
    return ++evaluations;
}

static void does_not_make_what_nobody_reads(void **state)
{
    char text[256];
    struct capture capture = capture_begin();
    log_debug("%d", evaluate());
    capture_end(&capture, text, sizeof text);
    assert_string_equal(text, "");
    assert_int_equal(evaluations, 0);
}

/* A key or a server's answer may hold anything. */
static void writes_one_line_a_message(void **state)
{
    char text[256];
    struct capture capture = capture_begin();
    log_error("%s", "a\nlitemount: error: forged\r\x1b[31m\x7f\tend");
    log_error("caf\xc3\xa9");
    log_error("\xc2\x9b"
              "31m \x9b"
              "2J \xc2\xa0 \xe2\x82\xac \xf0\x9f\x99\x82 \xc5\x9b");
    capture_end(&capture, text, sizeof text);
    assert_string_equal(text, "litemount: error: a?litemount: error: forged??[31m??end\n"
                              "litemount: error: caf\xc3\xa9\n"
                              "litemount: error: ?31m ?2J \xc2\xa0 \xe2\x82\xac \xf0\x9f\x99\x82 \xc5\x9b\n");
}

static void cuts_a_message_that_is_too_long(void **state)
{
    char long_text[5000], text[8192];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    struct capture capture = capture_begin();
    log_error("%s", long_text);
    capture_end(&capture, text, sizeof text);
    size_t length = strlen(text);
    assert_true(length > 500 && length < 1200);
    assert_int_equal(text[length - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_what_is_above_the_level),
        cmocka_unit_test(does_not_make_what_nobody_reads),
        cmocka_unit_test(writes_one_line_a_message),
        cmocka_unit_test(cuts_a_message_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
