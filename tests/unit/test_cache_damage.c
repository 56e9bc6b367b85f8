#include "test_cache.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum { PIECE = 4096, TABLE = 4096, SIZE = 20 * PIECE - 1000 };

static char found[4096]; /* the path that the walk under way looks for */

static int find_image_file(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    if (strstr(path, ".img"))
        snprintf(found, sizeof found, "%s", path);
    return 0;
}

/* The one image file of a folder. */
static const char *image_file(const char *folder)
{
    found[0] = '\0';
    nftw(folder, find_image_file, 16, FTW_PHYS);
    assert_true(found[0]);
    return found;
}

static void overwrite(int fd, const void *bytes, size_t length, off_t place)
{
    assert_int_equal(pwrite(fd, bytes, length, place), length);
}

static void flip_a_byte(int fd)
{
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, TABLE + 5 * PIECE + 77), 1);
    byte ^= 1;
    overwrite(fd, &byte, 1, TABLE + 5 * PIECE + 77);
}

static void flip_the_last_byte(int fd)
{
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, TABLE + SIZE - 1), 1);
    byte ^= 0x80;
    overwrite(fd, &byte, 1, TABLE + SIZE - 1);
}

static void truncate_within_a_piece(int fd)
{
    assert_int_equal(ftruncate(fd, TABLE + 7 * PIECE + 100), 0);
}

static void truncate_within_the_table(int fd)
{
    assert_int_equal(ftruncate(fd, 100), 0);
}

static void truncate_to_nothing(int fd)
{
    assert_int_equal(ftruncate(fd, 0), 0);
}

static void zero_the_table(int fd)
{
    static const uint8_t zeros[TABLE];
    overwrite(fd, zeros, TABLE, 0);
}

static void zero_the_pieces(int fd)
{
    static const uint8_t zeros[SIZE];
    overwrite(fd, zeros, SIZE, TABLE);
}

static void fill_the_table_with_garbage(int fd)
{
    uint8_t garbage[TABLE];
    unsigned random = 1;
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (uint8_t)rand_r(&random);
    overwrite(fd, garbage, TABLE, 0);
}

static void fill_the_table_with_ones(int fd)
{
    uint8_t ones[TABLE];
    memset(ones, 0xff, sizeof ones);
    overwrite(fd, ones, TABLE, 0);
}

/* Changes a number within entry 5: its length is at 8, its flags at 12. */
static void set_in_entry(int fd, unsigned where, uint32_t number)
{
    uint8_t bytes[] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                       (uint8_t)(number >> 24)};
    overwrite(fd, bytes, 4, 5 * 16 + where);
}

static void shorten_a_piece(int fd)
{
    set_in_entry(fd, 8, 100);
}

static void lengthen_a_piece(int fd)
{
    set_in_entry(fd, 8, UINT32_MAX);
}

static void empty_a_piece(int fd)
{
    set_in_entry(fd, 8, 0);
}

static void say_that_a_piece_is_the_last(int fd)
{
    set_in_entry(fd, 12, 3);
}

static void say_that_a_short_piece_is_the_last(int fd)
{
    set_in_entry(fd, 8, 10);
    set_in_entry(fd, 12, 3);
}

static void say_that_the_last_piece_is_not(int fd)
{
    uint8_t present = 1;
    overwrite(fd, &present, 1, 19 * 16 + 12);
}

static void set_unknown_flags(int fd)
{
    set_in_entry(fd, 12, 0x80000001);
}

/* Each entry is one that held, but elsewhere. */
static void swap_two_entries(int fd)
{
    uint8_t entries[32], swapped[32];
    assert_int_equal(pread(fd, entries, 32, 5 * 16), 32);
    memcpy(swapped, entries + 16, 16);
    memcpy(swapped + 16, entries, 16);
    overwrite(fd, swapped, 32, 5 * 16);
}

/* A whole piece with its entry is copied to the next one's place. */
static void repeat_a_piece(int fd)
{
    uint8_t entry[16], piece[PIECE];
    assert_int_equal(pread(fd, entry, 16, 5 * 16), 16);
    assert_int_equal(pread(fd, piece, PIECE, TABLE + 5 * PIECE), PIECE);
    overwrite(fd, entry, 16, 6 * 16);
    overwrite(fd, piece, PIECE, TABLE + 6 * PIECE);
}

static void (*const damages[])(int fd) = {
    flip_a_byte,
    flip_the_last_byte,
    truncate_within_a_piece,
    truncate_within_the_table,
    truncate_to_nothing,
    zero_the_table,
    zero_the_pieces,
    fill_the_table_with_garbage,
    fill_the_table_with_ones,
    shorten_a_piece,
    lengthen_a_piece,
    empty_a_piece,
    say_that_a_piece_is_the_last,
    say_that_a_short_piece_is_the_last,
    say_that_the_last_piece_is_not,
    set_unknown_flags,
    swap_two_entries,
    repeat_a_piece,
};

static void read_all_ways(struct cache_image *image, struct source *source)
{
    assert_read(image, source, 5 * PIECE + 70, 20);
    assert_read(image, source, 0, SIZE + 100);
    assert_read(image, source, SIZE - 10, 100);
    for (uint64_t offset = 0; offset < SIZE; offset += 3000)
        assert_read(image, source, offset, 3000);
}

static void damage_file(const char *folder, void (*damage)(int fd))
{
    int fd = open(image_file(folder), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    damage(fd);
    close(fd);
}

/* Damaged while nobody has the file open: no wrong byte, and what was lost is made once more. */
static void no_damage_gives_wrong_bytes(void **state)
{
    static struct source source;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        source = (struct source){.size = SIZE, .piece = PIECE, .block = PIECE};
        for (int life = 0; life < 3; life++) {
            struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
            struct cache_image *image = open_image(cache, &source, "a");
            unsigned calls = source.calls;
            read_all_ways(image, &source);
            if (life == 1)
                assert_true(source.calls > calls);
            if (life == 2)
                assert_int_equal(source.calls, calls);
            cache_image_close(image);
            cache_close(cache);
            if (life == 0)
                damage_file(*state, damages[i]);
        }
        damage_file(*state, truncate_to_nothing);
    }
}

/* What another image's file says is nothing, even under this one's name. */
static void another_images_file_is_no_ones(void **state)
{
    static struct source right = {.size = SIZE, .seed = 1, .piece = PIECE, .block = PIECE};
    static struct source wrong = {.size = SIZE, .seed = 2, .piece = PIECE, .block = PIECE};
    char path[4096];

    for (int life = 0; life < 2; life++) {
        struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
        struct cache_image *image = open_image(cache, &right, "right");
        assert_read(image, &right, 0, SIZE);
        cache_image_close(image);
        if (life == 0) {
            snprintf(path, sizeof path, "%s", image_file(*state));
            assert_int_equal(unlink(path), 0);
            image = open_image(cache, &wrong, "wrong");
            assert_read(image, &wrong, 0, SIZE);
            cache_image_close(image);
            assert_int_equal(rename(image_file(*state), path), 0);
        }
        cache_close(cache);
    }
    assert_int_equal(right.made[3], 2);
}

/* Removed while it is in use: what is read goes on, what is written goes to a new one. */
static void a_removed_file_is_made_anew(void **state)
{
    static struct source source = {.size = SIZE, .piece = PIECE, .block = PIECE};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");

    assert_read(image, &source, 0, 10 * PIECE);
    assert_int_equal(unlink(image_file(*state)), 0);
    assert_read(image, &source, 0, SIZE);
    assert_read(image, &source, 0, SIZE);
    assert_true(access(image_file(*state), R_OK) == 0);
    cache_image_close(image);
    cache_close(cache);
}

static int exit_at_once(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                        struct task *task)
{
    _exit(2); /* nothing should be missing */
}

/* Fills the image until it is killed. */
static void fill_forever(const char *folder, struct source *source, unsigned random)
{
    struct cache *cache = open_cache(folder, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, source, "a");
    struct task task;

    task_init(&task, NULL);
    for (;;) {
        uint64_t offset = (uint64_t)rand_r(&random) % source->size;
        if (read_and_compare(image, source, offset, 200000, &task) < 0)
            _exit(1);
        cache_put_fact(cache, "a", "frames", 1, found, sizeof found);
        if (rand_r(&random) % 64 == 0)
            cache_image_discard(image);
    }
}

static void kill_at_any_moment(void **state)
{
    static struct source source = {.size = 6000000, .piece = PIECE, .block = 16 * PIECE};
    struct buffer fact = {0};

    memset(found, 'f', sizeof found);
    for (unsigned i = 0; i < 50; i++) {
        int status;
        pid_t child = fork();
        if (child == 0)
            fill_forever(*state, &source, i);
        nanosleep(&(struct timespec){.tv_nsec = (5 + i * 7 % 40) * 1000000L}, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));

        struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
        struct cache_image *image = open_image(cache, &source, "a");
        assert_read(image, &source, 0, source.size);
        fact.size = 0;
        if (cache_get_fact(cache, "a", "frames", 1, &fact) == 0)
            assert_true(fact.size == sizeof found && memcmp(fact.data, found, sizeof found) == 0);
        cache_image_close(image);
        cache_close(cache);
    }
    buffer_finish(&fact);
}

/* A second process finds what the first has stored, while both have the folder open. */
static void processes_share(void **state)
{
    static struct source source = {.size = SIZE, .piece = PIECE, .block = PIECE};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    int status;

    assert_read(image, &source, 0, SIZE);
    pid_t child = fork();
    if (child == 0) {
        struct cache *other = open_cache(*state, CACHE_SIZE_DEFAULT);
        struct cache_image *same = open_image(other, &source, "a");
        static uint8_t bytes[SIZE];
        struct task task;
        task_init(&task, NULL);
        _exit(cache_image_read(same, 0, SIZE, bytes,
                               &(struct cache_maker){.make = exit_at_once, .context = NULL}, &task) != SIZE);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    cache_image_close(image);
    cache_close(cache);
}

static int put_nothing(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                       struct task *task)
{
    return 0;
}

/* The message names the object, by the first two lines of its identity. */
static void tells_a_maker_that_makes_nothing(void **state)
{
    static const struct {
        const char *identity, *reason;
    } cases[] = {
        {"a", "a does not decode to its bytes from 4096 on"},
        {"a store\n", "a store/ does not decode to its bytes from 4096 on"},
        {"a store\na key", "a store/a key does not decode to its bytes from 4096 on"},
        {"a store\na key\nsize\nversion", "a store/a key does not decode to its bytes from 4096 on"},
    };
    static struct source source = {.size = 8192, .piece = 4096, .block = 4096};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    const struct cache_maker maker = {.make = put_nothing};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cache_image *image = open_image(cache, &source, cases[i].identity);
        uint8_t bytes[10];
        struct task task;

        task_init(&task, NULL);
        assert_int_equal(cache_image_read(image, 4096, 10, bytes, &maker, &task), -EIO);
        assert_string_equal(task_reason(&task, EIO), cases[i].reason);
        cache_image_close(image);
    }
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(no_damage_gives_wrong_bytes),
        folder_test(another_images_file_is_no_ones),
        folder_test(a_removed_file_is_made_anew),
        folder_test(kill_at_any_moment),
        folder_test(processes_share),
        folder_test(tells_a_maker_that_makes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
