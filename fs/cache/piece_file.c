#include "piece_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "io.h"

#include "litemount/cleanup.h"

/* Reads entries of one group. What lies behind the file's end is no entry. */
static void piece_read_entries(const struct piece_file *file, uint64_t first, size_t count,
                               struct layout_entry *entries)
{
    memset(entries, 0, count * sizeof *entries);
    read_at(file->fd, entries, count * sizeof *entries, layout_entry_place(&file->layout, first));
}

/* Notes where the image ends, if one of the entries, whose checksums held, says so. */
static void piece_note_end(struct piece_file *file, uint64_t first, const struct layout_entry *entries,
                           size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (layout_entry_last(&entries[i])) {
            pthread_mutex_lock(&file->lock);
            file->end = (first + i) * file->layout.piece + layout_entry_length(&entries[i]);
            pthread_mutex_unlock(&file->lock);
        }
}

int piece_file_open(int folder, const struct digest *digest, size_t piece, bool create,
                    struct piece_file **ret_file)
{
    char name[FOLDER_NAME_SIZE];
    _cleanup_close_ int fd = -1;

    folder_name(digest, "img", name);
    fd = folder_open_file(folder, name, O_RDWR | (create ? O_CREAT : 0));
    if ((fd == -EROFS || fd == -EACCES) && !create)
        fd = folder_open_file(folder, name, O_RDONLY);
    if (fd < 0)
        return fd;
    struct piece_file *file = calloc(1, sizeof *file);
    if (!file)
        return -ENOMEM;
    file->fd = steal_fd(&fd);
    file->layout = (struct layout){.piece = piece, .seed = digest_number(digest)};
    file->references = 1;
    file->end = IMAGE_END_UNKNOWN;
    atomic_init(&file->touched, INT64_MIN / 2);
    pthread_mutex_init(&file->lock, NULL);
    *ret_file = file;
    return 0;
}

void piece_file_close(struct piece_file *file)
{
    if (!file)
        return;
    close(file->fd);
    pthread_mutex_destroy(&file->lock);
    free(file);
}

bool piece_file_removed(const struct piece_file *file)
{
    struct stat info;
    return fstat(file->fd, &info) < 0 || info.st_nlink == 0;
}

void piece_file_touch(const struct piece_file *file)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    (void)futimens(file->fd, times);
}

/* Reads whole pieces, as many of one group as are there, straight to where they belong. Returns the bytes. */
static size_t piece_read_pieces(struct piece_file *file, uint64_t first, size_t count, uint8_t *bytes)
{
    struct layout_entry entries[LAYOUT_GROUP];
    size_t n = 0, good = 0;

    count = layout_within_group(first, count);
    piece_read_entries(file, first, count, entries);
    while (n < count && layout_entry_plausible(&file->layout, &entries[n]) &&
           layout_entry_length(&entries[n]) == file->layout.piece)
        n++;
    n = read_at(file->fd, bytes, n * file->layout.piece, layout_piece_place(&file->layout, first)) /
        file->layout.piece;
    while (good < n &&
           layout_entry_holds(&file->layout, first + good, &entries[good], bytes + good * file->layout.piece))
        good++;
    piece_note_end(file, first, entries, good);
    return good * file->layout.piece;
}

int piece_file_load(struct piece_file *file, uint64_t index, uint8_t *bytes, size_t *ret_length,
                    bool *ret_last)
{
    struct layout_entry entry;
    size_t length;

    piece_read_entries(file, index, 1, &entry);
    length = layout_entry_length(&entry);
    if (!layout_entry_plausible(&file->layout, &entry) ||
        read_at(file->fd, bytes, length, layout_piece_place(&file->layout, index)) != length ||
        !layout_entry_holds(&file->layout, index, &entry, bytes))
        return -ENOENT;
    piece_note_end(file, index, &entry, 1);
    *ret_length = length;
    *ret_last = layout_entry_last(&entry);
    return 0;
}

/* Reads the wanted part of the one piece that holds `offset`. Returns the bytes. */
static size_t piece_read_part(struct piece_file *file, uint64_t offset, size_t length, uint8_t *bytes)
{
    _cleanup_free_ uint8_t *whole = malloc(file->layout.piece);
    size_t skip = offset % file->layout.piece, size;
    bool last;

    if (!whole || piece_file_load(file, offset / file->layout.piece, whole, &size, &last) < 0 || size <= skip)
        return 0;
    if (size - skip < length)
        length = size - skip;
    memcpy(bytes, whole + skip, length);
    return length;
}

static uint64_t piece_known_end(struct piece_file *file)
{
    pthread_mutex_lock(&file->lock);
    uint64_t end = file->end;
    pthread_mutex_unlock(&file->lock);
    return end;
}

/* A checksum is compared at each read, also of what was read before: a file that somebody truncates, and that
 * another piece makes long again, holds zeros where pieces were. */
size_t piece_file_read(struct piece_file *file, uint64_t offset, size_t length, uint8_t *bytes,
                       uint64_t *ret_end)
{
    size_t done = 0, n = 1;
    uint64_t end;

    while (done < length && n > 0) {
        uint64_t at = offset + done;
        n = 0;
        if (at % file->layout.piece == 0 && length - done >= file->layout.piece)
            n = piece_read_pieces(file, at / file->layout.piece, (length - done) / file->layout.piece,
                                  bytes + done);
        if (n == 0)
            n = piece_read_part(file, at, length - done, bytes + done);
        done += n;
    }
    end = piece_known_end(file);
    if (end != IMAGE_END_UNKNOWN)
        *ret_end = end;
    return done;
}

uint64_t piece_file_next(const struct piece_file *file, uint64_t first, uint64_t limit, bool there)
{
    struct layout_entry entries[LAYOUT_GROUP];

    while (first < limit) {
        size_t count = layout_within_group(first, limit - first);
        piece_read_entries(file, first, count, entries);
        for (size_t i = 0; i < count; i++)
            if (layout_entry_plausible(&file->layout, &entries[i]) == there)
                return first + i;
        first += count;
    }
    return limit;
}

/* A writer keeps others from removing the file, for what it writes would be counted and then be gone. */
static int piece_begin_writing(struct piece_file *file)
{
    int r = 0;
    pthread_mutex_lock(&file->lock);
    if (file->writers == 0 && flock(file->fd, LOCK_SH | LOCK_NB) < 0)
        r = errno == EWOULDBLOCK ? -ESTALE : -errno;
    else
        file->writers++;
    pthread_mutex_unlock(&file->lock);
    return r;
}

static void piece_end_writing(struct piece_file *file)
{
    pthread_mutex_lock(&file->lock);
    if (--file->writers == 0)
        flock(file->fd, LOCK_UN);
    pthread_mutex_unlock(&file->lock);
}

/* Writes pieces of one group: first they, then their entries. */
static int piece_write_group(struct piece_file *file, uint64_t first, size_t count, const uint8_t *bytes,
                             size_t length, bool last)
{
    struct layout_entry entries[LAYOUT_GROUP];
    int r = write_at(file->fd, bytes, length, layout_piece_place(&file->layout, first));

    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        size_t start = i * file->layout.piece,
               size = length - start < file->layout.piece ? length - start : file->layout.piece;
        entries[i] = layout_make_entry(&file->layout, first + i, bytes + start, size, last && i == count - 1);
    }
    return write_at(file->fd, entries, count * sizeof *entries, layout_entry_place(&file->layout, first));
}

static int piece_write_groups(struct piece_file *file, uint64_t first, uint64_t count, const uint8_t *bytes,
                              size_t length, bool last)
{
    int r = 0;
    while (r == 0 && count > 0) {
        size_t n = layout_within_group(first, count);
        size_t size = length < n * file->layout.piece ? length : n * file->layout.piece;
        r = piece_write_group(file, first, n, bytes, size, last && n == count);
        first += n;
        count -= n;
        bytes += size;
        length -= size;
    }
    return r;
}

/* The bytes of the disk that a write took. A new file may have needed a new folder. */
static uint64_t piece_growth(const struct stat *before, const struct stat *after)
{
    uint64_t folder = before->st_size == 0 ? LAYOUT_BLOCK : 0;
    return folder + (after->st_blocks > before->st_blocks
                         ? (uint64_t)(after->st_blocks - before->st_blocks) * 512
                         : 0);
}

int piece_file_write(struct piece_file *file, uint64_t offset, const uint8_t *bytes, size_t length, bool last,
                     uint64_t *ret_occupied)
{
    uint64_t first = offset / file->layout.piece, count = length ? (length - 1) / file->layout.piece + 1 : 1;
    struct stat before, after;
    int r = piece_begin_writing(file);
    if (r < 0)
        return r;
    if (fstat(file->fd, &before) < 0 || before.st_nlink == 0)
        r = -ESTALE;
    if (r == 0) {
        r = piece_write_groups(file, first, count, bytes, length, last);
        if (fstat(file->fd, &after) == 0)
            *ret_occupied = piece_growth(&before, &after);
    }
    piece_end_writing(file);
    return r;
}
