/* The cache: pieces of decoded images on disk, shared by every instant and every mount of a user.
 *
 * An *image* is what an immutable object decodes to (a snapshot's database file, a segment's WAL). The cache
 * stores it in pieces of a fixed size, each with its CRC-64, and hands a piece out only after the CRC held
 * once in this process: so a crash at any moment, a full disk or a damaged file can lose pieces but never
 * turn into wrong bytes. A *fact* is a small text or table that was learnt about an object (its frames, its
 * block table), kept in the same way.
 *
 * Whoever finds a piece missing makes it, through the callback given; others who want it wait for that one.
 * No lock is held while anything is read, written or made. What does not fit (disk full, cache-size) is read
 * through, and the last few pieces made are kept in memory so that the next reader does not make them again.
 * Knows nothing of formats, stores or databases. All calls are safe from any thread; several processes may
 * share one folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct task;

#define CACHE_SIZE_DEFAULT (UINT64_C(20) << 30) /* bytes */

struct cache;

/* Opens the cache in `folder`, which is made (mode 0700) if it isn't there; NULL: $XDG_CACHE_HOME/litemount,
 * else ~/.cache/litemount. `limit` is the most bytes that its files may occupy. Returns 0, or a negative
 * errno with a reason (the folder belongs to somebody else, cannot be made). A folder that can't be written
 * to is read through, and so is a default one that can't be had, with a warning. The caller closes it, after
 * every image. */
int cache_open(const char *folder, uint64_t limit, struct task *task, struct cache **ret_cache);
void cache_close(struct cache *cache); /* NULL is fine */

/* Its folder's descriptor, the cache's own; -1: there is none. */
int cache_folder(const struct cache *cache);

/* One object's image. Reference counted. */
struct cache_image;

/* What a maker fills. */
struct cache_fill;

/* Makes the image's bytes [offset, offset + length) (whole pieces; length may reach beyond the image's end)
 * and gives them to cache_fill_put, in any order; more than was asked is welcome. Runs on a reader's thread,
 * without a lock, at the same time as other makes of other parts. If `offset` is at the image's end or beyond
 * (a reader can't know), putting the last piece, or no bytes, as `last` says where the end is. Returns 0 or a
 * negative errno, its reason in `task`. */
typedef int cache_make(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                       struct task *task);

/* Which bytes [*ret_begin, *ret_end) a make brings along with the one at `offset`, which lies within them.
 * Pure: it is called with a lock held. */
typedef void cache_unit(void *context, uint64_t offset, uint64_t *ret_begin, uint64_t *ret_end);

/* How missing pieces come to be. Plain value. */
struct cache_maker {
    cache_make *make;
    cache_unit *unit; /* NULL: a make brings what it is asked for. Else nobody asks for the rest of a unit
                         that is being made already. */
    void *context;    /* of both */
};

/* Puts made bytes into the image: `offset` is a multiple of the piece size, and so is `length` unless `last`
 * says that they end at the image's end. May be called from several threads of one make. A failure to store
 * is no failure: the bytes still reach the readers who wait. Returns 0, or -EINVAL: the place or length is no
 * piece's, or contradicts where the image is known to end. */
int cache_fill_put(struct cache_fill *fill, uint64_t offset, const void *bytes, size_t length, bool last);

/* Finds or makes the image of the object that `identity` names: any text that differs whenever the content
 * would; its first two lines (a store and a key) name the object in messages. `piece` is its piece size in
 * bytes, a power of two from 512 to 1 MiB, the same at every open. The caller closes it. Returns 0, -EINVAL
 * (the piece size) or -ENOMEM. */
int cache_image_open(struct cache *cache, const char *identity, size_t piece, struct cache_image **ret_image);
struct cache_image *cache_image_ref(struct cache_image *image); /* to be closed once more */
void cache_image_close(struct cache_image *image);              /* NULL is fine */

/* Whether nothing can be stored just now: the disk is full, or there is none. */
bool cache_reads_through(const struct cache *cache);

/* Reads `length` bytes from `offset`, making what is missing. Returns the bytes read, fewer only at the
 * image's end, or a negative errno: the maker's, -ECANCELED, or -EIO. A reader whose maker was cancelled
 * makes it itself. `bytes` may be NULL: to have them there for a reader to come; then also -ENOSPC: they
 * are not, and nothing can be stored just now, nor are they so few that memory holds them for a moment. */
int64_t cache_image_read(struct cache_image *image, uint64_t offset, size_t length, void *bytes,
                         const struct cache_maker *maker, struct task *task);

/* Has the piece at `offset` made, and what comes along with it, from what the caller happens to hold. That it
 * can't be kept is no failure: its reason is not told, and `task` is only looked at for whether somebody
 * waits. */
void cache_image_keep(struct cache_image *image, uint64_t offset, const struct cache_maker *maker,
                      const struct task *task);

/* Copies what is there from `offset` on, up to the first piece that is missing, and makes nothing: so it may
 * be called by a maker. Returns how many bytes. */
size_t cache_image_peek(struct cache_image *image, uint64_t offset, size_t length, void *bytes);

/* Whether the piece at `offset` seems to be there; whether its bytes hold is seen when it is read. */
bool cache_image_has(struct cache_image *image, uint64_t offset);

/* The first byte from `offset` on, which is a piece's, whose piece is missing: so whoever puts the last
 * one can tell. `limit` if none before it is. As with cache_image_has, whether bytes hold is not looked
 * at. */
uint64_t cache_image_missing(struct cache_image *image, uint64_t offset, uint64_t limit);

/* Drops every piece of the image: it turned out that they can't be trusted. */
void cache_image_discard(struct cache_image *image);

/* Stores a fact of `kind` ("frames", "blocks": up to 16 letters a to z, but not "img") about an object, in
 * place of the one before. `version` is of the layout of the kind's bytes, which may be as they lie in
 * memory. It appears whole or not at all. Failures are silent: a fact can be learnt again. */
void cache_put_fact(struct cache *cache, const char *identity, const char *kind, uint32_t version,
                    const void *bytes, size_t length);

/* Appends the fact to `buffer`. 0, -ENOENT if it is not known (or does not hold any more, or is of another
 * version), -ENOMEM. */
int cache_get_fact(struct cache *cache, const char *identity, const char *kind, uint32_t version,
                   struct buffer *buffer);

/* Drops the fact: it turned out that it can't be trusted. */
void cache_drop_fact(struct cache *cache, const char *identity, const char *kind);

struct cache_stats {
    uint64_t hits, misses; /* pieces */
    uint64_t bytes;        /* occupied on disk now, over all processes; rather too many than too few */
    uint64_t limit;
};
void cache_get_stats(struct cache *cache, struct cache_stats *ret_stats);
