/* A snapshot and segments upon it that a test puts together, for the tests of chains. Everything is known as
 * learnt, so nothing is fetched. Include cmocka's headers before. */
#pragma once

#include "v03/v03.h"
#include "v03_objects.h"

static const struct wal_position no_limit = {UINT32_MAX, UINT32_MAX};

/* A history that a test puts together: a snapshot of three pages at index 1, and segments. */
struct scene {
    struct v03_generation generation;
    struct v03_listing *listing;
    struct chain chain;
};

/* A segment of the scene. One at offset 0 is `frames` frames behind the WAL's header. */
struct part {
    uint32_t index;
    uint64_t offset;
    uint32_t frames;
    uint32_t pages; /* the database's size at its end; 0: no commit there */
};

static inline void scene_begin(struct scene *scene, const struct part *parts, size_t n,
                               uint32_t snapshot_pages)
{
    struct listing found = {0};

    *scene = (struct scene){0};
    pthread_mutex_init(&scene->generation.base.lock, NULL);
    pthread_cond_init(&scene->generation.base.learnt, NULL);
    list_snapshot(&found, 1, 100);
    for (size_t i = 0; i < n; i++)
        list_segment(&found, parts[i].index, parts[i].offset, 101 + (int64_t)i);
    scene->listing = make_listing(&found);
    learn_snapshot(scene->listing->snapshots[0], snapshot_pages);
    for (size_t i = 0; i < n; i++)
        learn_segment(scene->listing->segments[i], parts[i].frames, parts[i].pages);
}

#define SCENE_BEGIN(scene, parts) scene_begin(scene, parts, sizeof(parts) / sizeof *(parts), 3)

static inline void scene_open(struct scene *scene, size_t n_segments, struct wal_position limit)
{
    struct task task;
    task_init(&task, NULL);
    chain_finish(&scene->chain);
    assert_int_equal(chain_open(&scene->generation, scene->listing, scene->listing->snapshots[0], n_segments,
                                limit, &task, &scene->chain),
                     0);
}

static inline void scene_end(struct scene *scene)
{
    chain_finish(&scene->chain);
    v03_listing_unref(scene->listing);
    pthread_mutex_destroy(&scene->generation.base.lock);
    pthread_cond_destroy(&scene->generation.base.learnt);
}

static inline void expect_end(const struct chain *chain, size_t begin, size_t end, uint32_t index,
                              uint32_t frame)
{
    assert_int_equal(chain->begin, begin);
    assert_int_equal(chain->end, end);
    assert_int_equal(chain->last.index, index);
    assert_int_equal(chain->last.frame, frame);
}

static inline void expect_gap(const struct chain *chain, const char *gap)
{
    if (!gap)
        assert_null(chain->gap);
    else
        assert_string_equal(chain->gap, gap);
}

/* Three WALs of two segments each. */
static const struct part whole[] = {
    {1, 0, 2, 4},         {1, BEHIND(2), 3, 5}, {2, 0, 1, 6},
    {2, BEHIND(1), 1, 7}, {3, 0, 2, 8},         {3, BEHIND(2), 2, 9},
};
