/*
 * One direction of a distance: what is sent on it arrives half a round trip later, and all that is sent
 * shares its width.
 *
 * Nothing sleeps: what is read from a socket becomes a parcel with the time at which it is due, and any
 * number of parcels are under way at once. They are due in the order in which they were read, so one queue is
 * enough. It knows nothing of who listens and who connects, and of HTTP only how a request line ends. Times
 * are nanoseconds of CLOCK_MONOTONIC.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

static const int64_t SECOND = 1000000000;
static const int64_t NEVER = INT64_MAX;

STAILQ_HEAD(parcels, parcel);
TAILQ_HEAD(flows, flow);

struct link {
    int64_t delay;            // of a byte
    int64_t bytes_per_second; // 0: no limit
    int64_t free_at;          // when it has taken what was given to it
    struct parcels under_way;
    struct flows readable; // flows that have something to send, in turn
    struct flows finished; // flows whose end has arrived, for the owner to take away
    bool counts_requests;
    uint64_t requests, bytes; // that were sent, and that arrived
};

// What one socket sends to another. It lives in its owner, and so does its reverse, which moves on another
// link.
struct flow {
    struct link *link;
    struct flow *reverse;
    struct connection *owner; // whose sockets these are
    int from, to;
    TAILQ_ENTRY(flow) next;
    bool readable;          // it stands in link->readable
    bool ended;             // there is nothing more to read
    bool broken;            // the reader is gone: what still arrives is dropped
    unsigned under_way;     // parcels that were read and not yet delivered
    size_t matched;         // of a request line's end
    struct parcels arrived; // due, but the reader's socket is full
};

int64_t link_now(void);
void link_init(struct link *link, int64_t round_trip, int64_t bytes_per_second);
void flow_init(struct flow *flow, struct link *link, int from, int to, struct flow *reverse,
               struct connection *owner);

// Tells that `from` may have something to read.
void flow_set_readable(struct flow *flow);

// Tells that `to` may take more.
void flow_set_writable(struct flow *flow);

// Reads and delivers what can be by now.
void link_move(struct link *link, int64_t time);

// When link_move() has something to do next: NEVER if a socket has to be waited for.
int64_t link_due(const struct link *link);
