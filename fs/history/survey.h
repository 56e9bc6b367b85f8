/* What one replica holds: the generations of all formats, listed. */
#pragma once

#include "generations.h"

struct survey {
    struct generations found;
    int64_t as_of; /* when everything was listed that it shows: nanoseconds since 1970, UTC */
    bool is_small; /* the replica holds so few objects that one request tells all of them */
};

/* Lists the replica; a generation in `known` is the same again, with all that is known of it. `recall`: where
 * nothing is known, what was listed a moment ago counts (kept_listing.h). 0 and a survey whose generations
 * the caller finishes, or replica_list's errno. */
int survey_make(struct replica *replica, const struct generations *known,
                const struct history_options *options, bool whole, bool recall, struct task *task,
                struct survey *ret_survey);

/* history.c: the history's replica with number `n`, listed anew, every object: nothing that is known or was
 * kept of its generations is taken over. 0, and a survey as above; -ENOENT, with NULL for a replica: there is
 * none of that number; or replica_list's errno. */
int history_survey(struct history *history, size_t n, struct task *task, struct replica **ret_replica,
                   struct survey *ret_survey);

/* Whether it holds anything that can be brought back, as far as names and times tell. */
bool survey_has_points(const struct survey *survey);
