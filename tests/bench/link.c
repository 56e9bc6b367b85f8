#include "link.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum {
    PARCEL_SIZE = 64 << 10,
    PARCELS_MOST = 128, // of one flow: more than a wide link holds, and still a bound
};
static const char REQUEST_LINE_END[] = " HTTP/1.1\r\n";

struct parcel {
    STAILQ_ENTRY(parcel) next;
    struct flow *flow;
    int64_t due;
    size_t size; // 0: the flow ends here
    size_t delivered;
    char bytes[];
};

int64_t link_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

void link_init(struct link *link, int64_t round_trip, int64_t bytes_per_second)
{
    *link = (struct link){.delay = round_trip / 2, .bytes_per_second = bytes_per_second};
    STAILQ_INIT(&link->under_way);
    TAILQ_INIT(&link->readable);
    TAILQ_INIT(&link->finished);
}

void flow_init(struct flow *flow, struct link *link, int from, int to, struct flow *reverse,
               struct connection *owner)
{
    *flow = (struct flow){.link = link, .from = from, .to = to, .reverse = reverse, .owner = owner};
    STAILQ_INIT(&flow->arrived);
}

// A link that was idle is free from now on. One that was not catches up, if we come late.
void flow_set_readable(struct flow *flow)
{
    struct link *link = flow->link;
    if (flow->readable || flow->ended)
        return;
    const int64_t now = link_now();
    if (TAILQ_EMPTY(&link->readable) && link->free_at < now)
        link->free_at = now;
    flow->readable = true;
    TAILQ_INSERT_TAIL(&link->readable, flow, next);
}

static void count_requests(struct flow *flow, const struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->size; i++) {
        const char byte = parcel->bytes[i];
        flow->matched =
            byte == REQUEST_LINE_END[flow->matched] ? flow->matched + 1 : byte == REQUEST_LINE_END[0];
        if (flow->matched == sizeof(REQUEST_LINE_END) - 1) {
            flow->matched = 0;
            flow->link->requests++;
        }
    }
}

static void send_parcel(struct link *link, struct parcel *parcel)
{
    if (link->counts_requests)
        count_requests(parcel->flow, parcel);
    if (link->bytes_per_second)
        link->free_at += (int64_t)parcel->size * SECOND / link->bytes_per_second;
    parcel->due = link->free_at + link->delay;
    parcel->flow->under_way++;
    STAILQ_INSERT_TAIL(&link->under_way, parcel, next);
}

// Puts what one read gives on its way. Returns whether the flow may have more.
static bool read_parcel(struct flow *flow)
{
    struct parcel *parcel = malloc(sizeof(*parcel) + PARCEL_SIZE);
    if (!parcel)
        err(1, "malloc");
    const ssize_t size = recv(flow->from, parcel->bytes, PARCEL_SIZE, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) {
        free(parcel);
        return false;
    }
    flow->ended = size <= 0;
    parcel->flow = flow;
    parcel->size = flow->ended ? 0 : (size_t)size;
    parcel->delivered = 0;
    send_parcel(flow->link, parcel);
    return !flow->ended;
}

// Lets the flows have the link in turn, a parcel each, while it is free. A flow whose reader is slow sits
// out.
static void read_parcels(struct link *link, int64_t time)
{
    struct flow *flow;
    while (link->free_at <= time && (flow = TAILQ_FIRST(&link->readable))) {
        flow->readable = flow->under_way < PARCELS_MOST && read_parcel(flow);
        TAILQ_REMOVE(&link->readable, flow, next);
        if (flow->readable)
            TAILQ_INSERT_TAIL(&link->readable, flow, next);
    }
}

static void flow_break(struct flow *flow)
{
    flow->broken = flow->reverse->broken = true;
    shutdown(flow->from, SHUT_RDWR);
    shutdown(flow->to, SHUT_RDWR);
}

static void flow_finish(struct flow *flow)
{
    shutdown(flow->to, SHUT_WR);
    TAILQ_INSERT_TAIL(&flow->link->finished, flow, next);
}

// Returns whether the reader's socket took all of it.
static bool deliver(struct flow *flow, struct parcel *parcel)
{
    while (parcel->delivered < parcel->size && !flow->broken) {
        const ssize_t sent = send(flow->to, parcel->bytes + parcel->delivered,
                                  parcel->size - parcel->delivered, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return false;
        if (sent < 0) {
            flow_break(flow);
        } else {
            parcel->delivered += (size_t)sent;
            flow->link->bytes += (uint64_t)sent;
        }
    }
    return true;
}

void flow_set_writable(struct flow *flow)
{
    struct parcel *parcel;
    while ((parcel = STAILQ_FIRST(&flow->arrived)) && deliver(flow, parcel)) {
        STAILQ_REMOVE_HEAD(&flow->arrived, next);
        if (flow->under_way-- == PARCELS_MOST)
            flow_set_readable(flow);
        if (parcel->size == 0)
            flow_finish(flow);
        free(parcel);
    }
}

static void deliver_due(struct link *link, int64_t time)
{
    struct parcel *parcel;
    while ((parcel = STAILQ_FIRST(&link->under_way)) && parcel->due <= time) {
        struct flow *flow = parcel->flow;
        const bool writable = STAILQ_EMPTY(&flow->arrived);
        STAILQ_REMOVE_HEAD(&link->under_way, next);
        STAILQ_INSERT_TAIL(&flow->arrived, parcel, next);
        if (writable)
            flow_set_writable(flow);
    }
}

void link_move(struct link *link, int64_t time)
{
    read_parcels(link, time);
    deliver_due(link, time);
}

int64_t link_due(const struct link *link)
{
    const struct parcel *parcel = STAILQ_FIRST(&link->under_way);
    const int64_t delivery = parcel ? parcel->due : NEVER;
    const int64_t reading = TAILQ_EMPTY(&link->readable) ? NEVER : link->free_at;
    return delivery < reading ? delivery : reading;
}
