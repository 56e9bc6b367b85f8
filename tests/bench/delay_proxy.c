/*
 * A distance: a link of a given round trip and width between its clients and one server on this machine.
 *
 *     delay_proxy PORT SERVER_PORT ROUND_TRIP_MILLISECONDS MEGABYTES_PER_SECOND      (0: none; as wide as it
 * gets)
 *
 * A byte arrives half a round trip after it was sent, a new connection sends its first byte only after a
 * whole one, and all connections share the link, each direction for itself. Nothing sleeps: what is read
 * becomes a parcel with the time at which it is due, and any number of parcels are under way at once. They
 * are due in the order in which they were read, so a queue a direction is enough.
 *
 * A line on standard input is answered with "REQUESTS BYTES CONNECTIONS" since the line before: the requests
 * of HTTP/1.1, and the bytes that clients were sent, headers and all. The end of standard input ends the
 * proxy.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PARCEL_SIZE = 64 << 10,
    PARCELS_MOST = 128, // of one flow: more than a wide link holds, and still a bound
    EVENTS = 64,
};
static const int64_t SECOND = 1000000000;
static const int64_t NEVER = INT64_MAX;

struct parcel {
    STAILQ_ENTRY(parcel) next;
    struct flow *flow;
    int64_t due; // by now()
    size_t size; // 0: the flow ends here
    size_t delivered;
    char bytes[];
};
STAILQ_HEAD(parcels, parcel);

// One direction of one connection.
struct flow {
    int from, to;
    struct direction *direction;
    struct flow *reverse;
    struct connection *connection;
    TAILQ_ENTRY(flow) next_readable;
    bool readable;          // it stands in direction->readable
    bool ended;             // there is nothing more to read
    bool arrived_end;       // and whoever reads has been told
    unsigned under_way;     // parcels read and not yet delivered
    size_t matched;         // of REQUEST_LINE_END
    struct parcels arrived; // due, but the reader's socket was full
};
TAILQ_HEAD(flows, flow);

// All flows of one direction, on their shared link.
struct direction {
    int64_t free_at; // when the link has taken what was given to it
    struct parcels under_way;
    struct flows readable; // in turn
};

struct connection {
    STAILQ_ENTRY(connection) next;
    int64_t due; // when its first byte may be sent
    bool broken; // somebody hung up: what still arrives is dropped
    struct flow up, down;
};
STAILQ_HEAD(connections, connection);

struct proxy {
    int poll, listener, server_port;
    int64_t round_trip;
    int64_t bytes_per_second; // 0: no limit
    struct direction up, down;
    struct connections opening, closing;
    uint64_t requests, bytes, accepted;
};

static const char REQUEST_LINE_END[] = " HTTP/1.1\r\n";

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void watch(struct proxy *proxy, int socket, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    if (epoll_ctl(proxy->poll, EPOLL_CTL_ADD, socket, &event) != 0)
        err(1, "epoll_ctl");
}

static void flow_init(struct flow *flow, int from, int to, struct connection *connection,
                      struct direction *direction, struct flow *reverse)
{
    *flow = (struct flow){
        .from = from, .to = to, .connection = connection, .direction = direction, .reverse = reverse};
    STAILQ_INIT(&flow->arrived);
}

static struct sockaddr_in local_address(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_to_server(const struct proxy *proxy)
{
    const struct sockaddr_in address = local_address(proxy->server_port);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (const struct sockaddr *)&address, sizeof(address)) != 0)
        err(1, "the server on port %d", proxy->server_port);
    return server;
}

static void accept_connection(struct proxy *proxy)
{
    const int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    struct connection *connection = calloc(1, sizeof(*connection));
    if (client < 0 || !connection)
        err(1, "accept");
    const int server = connect_to_server(proxy);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    flow_init(&connection->up, client, server, connection, &proxy->up, &connection->down);
    flow_init(&connection->down, server, client, connection, &proxy->down, &connection->up);
    connection->due = now() + proxy->round_trip;
    STAILQ_INSERT_TAIL(&proxy->opening, connection, next);
    proxy->accepted++;
}

static void open_connections(struct proxy *proxy, int64_t time)
{
    struct connection *connection;
    while ((connection = STAILQ_FIRST(&proxy->opening)) && connection->due <= time) {
        STAILQ_REMOVE_HEAD(&proxy->opening, next);
        watch(proxy, connection->up.from, EPOLLIN | EPOLLOUT | EPOLLET, &connection->up);
        watch(proxy, connection->down.from, EPOLLIN | EPOLLOUT | EPOLLET, &connection->down);
    }
}

static void close_connections(struct proxy *proxy)
{
    struct connection *connection;
    while ((connection = STAILQ_FIRST(&proxy->closing))) {
        STAILQ_REMOVE_HEAD(&proxy->closing, next);
        close(connection->up.from);
        close(connection->up.to);
        free(connection);
    }
}

// A link that was idle is free from now on. One that was not catches up, if we come late.
static void set_readable(struct flow *flow)
{
    struct direction *direction = flow->direction;
    if (flow->readable || flow->ended)
        return;
    if (TAILQ_EMPTY(&direction->readable))
        direction->free_at = latest(direction->free_at, now());
    flow->readable = true;
    TAILQ_INSERT_TAIL(&direction->readable, flow, next_readable);
}

static void count_requests(struct proxy *proxy, struct flow *flow, const struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->size; i++) {
        const char byte = parcel->bytes[i];
        flow->matched =
            byte == REQUEST_LINE_END[flow->matched] ? flow->matched + 1 : byte == REQUEST_LINE_END[0];
        if (flow->matched == sizeof(REQUEST_LINE_END) - 1) {
            flow->matched = 0;
            proxy->requests++;
        }
    }
}

// Puts what one read gives on its way. Returns whether the flow may have more.
static bool read_parcel(struct proxy *proxy, struct flow *flow)
{
    struct direction *direction = flow->direction;
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
    if (direction == &proxy->up)
        count_requests(proxy, flow, parcel);
    if (proxy->bytes_per_second)
        direction->free_at += (int64_t)parcel->size * SECOND / proxy->bytes_per_second;
    parcel->due = direction->free_at + proxy->round_trip / 2;
    flow->under_way++;
    STAILQ_INSERT_TAIL(&direction->under_way, parcel, next);
    return !flow->ended;
}

// Lets the flows have the link in turn, a parcel each, as long as it is free. A flow whose reader is slow
// sits out.
static void read_parcels(struct proxy *proxy, struct direction *direction, int64_t time)
{
    struct flow *flow;
    while (direction->free_at <= time && (flow = TAILQ_FIRST(&direction->readable))) {
        flow->readable = flow->under_way < PARCELS_MOST && read_parcel(proxy, flow);
        TAILQ_REMOVE(&direction->readable, flow, next_readable);
        if (flow->readable)
            TAILQ_INSERT_TAIL(&direction->readable, flow, next_readable);
    }
}

static void flow_finish(struct proxy *proxy, struct flow *flow)
{
    shutdown(flow->to, SHUT_WR);
    flow->arrived_end = true;
    if (flow->reverse->arrived_end)
        STAILQ_INSERT_TAIL(&proxy->closing, flow->connection, next);
}

// Returns whether the reader's socket took all of it.
static bool deliver(struct proxy *proxy, struct flow *flow, struct parcel *parcel)
{
    while (parcel->delivered < parcel->size && !flow->connection->broken) {
        const ssize_t sent = send(flow->to, parcel->bytes + parcel->delivered,
                                  parcel->size - parcel->delivered, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return false;
        if (sent < 0) {
            flow->connection->broken = true;
            shutdown(flow->from, SHUT_RDWR);
            shutdown(flow->to, SHUT_RDWR);
            break;
        }
        parcel->delivered += (size_t)sent;
        if (flow->direction == &proxy->down)
            proxy->bytes += (uint64_t)sent;
    }
    return true;
}

static void deliver_arrived(struct proxy *proxy, struct flow *flow)
{
    struct parcel *parcel;
    while ((parcel = STAILQ_FIRST(&flow->arrived)) && deliver(proxy, flow, parcel)) {
        STAILQ_REMOVE_HEAD(&flow->arrived, next);
        if (flow->under_way-- == PARCELS_MOST)
            set_readable(flow);
        if (parcel->size == 0)
            flow_finish(proxy, flow);
        free(parcel);
    }
}

static void deliver_due(struct proxy *proxy, struct direction *direction, int64_t time)
{
    struct parcel *parcel;
    while ((parcel = STAILQ_FIRST(&direction->under_way)) && parcel->due <= time) {
        struct flow *flow = parcel->flow;
        const bool in_order = STAILQ_EMPTY(&flow->arrived);
        STAILQ_REMOVE_HEAD(&direction->under_way, next);
        STAILQ_INSERT_TAIL(&flow->arrived, parcel, next);
        if (in_order)
            deliver_arrived(proxy, flow);
    }
}

// When a direction has something to do, by now().
static int64_t direction_due(const struct direction *direction)
{
    const struct parcel *parcel = STAILQ_FIRST(&direction->under_way);
    return earliest(parcel ? parcel->due : NEVER,
                    TAILQ_EMPTY(&direction->readable) ? NEVER : direction->free_at);
}

static int wait_for_events(const struct proxy *proxy, struct epoll_event *events)
{
    const struct connection *opening = STAILQ_FIRST(&proxy->opening);
    int64_t due = earliest(direction_due(&proxy->up), direction_due(&proxy->down));
    due = earliest(due, opening ? opening->due : NEVER);
    const int64_t left = due == NEVER ? SECOND : due - now();
    const struct timespec timeout = {.tv_sec = left > 0 ? left / SECOND : 0,
                                     .tv_nsec = left > 0 ? left % SECOND : 0};
    return epoll_pwait2(proxy->poll, events, EVENTS, &timeout, NULL);
}

// Answers a line; ends with the end of standard input.
static void answer_control(struct proxy *proxy)
{
    char line[64];
    if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
        exit(0);
    printf("%lu %lu %lu\n", proxy->requests, proxy->bytes, proxy->accepted);
    fflush(stdout);
    proxy->requests = proxy->bytes = proxy->accepted = 0;
}

static void handle(struct proxy *proxy, const struct epoll_event *event)
{
    if (event->data.ptr == &proxy->listener) {
        accept_connection(proxy);
    } else if (event->data.ptr == proxy) {
        answer_control(proxy);
    } else {
        struct flow *flow = event->data.ptr;
        if (event->events & EPOLLOUT)
            deliver_arrived(proxy, flow->reverse);
        set_readable(flow);
    }
}

static void serve(struct proxy *proxy)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        const int count = wait_for_events(proxy, events);
        for (int i = 0; i < count; i++)
            handle(proxy, &events[i]);
        const int64_t time = now();
        open_connections(proxy, time);
        read_parcels(proxy, &proxy->up, time);
        read_parcels(proxy, &proxy->down, time);
        deliver_due(proxy, &proxy->up, time);
        deliver_due(proxy, &proxy->down, time);
        close_connections(proxy);
    }
}

static void direction_init(struct direction *direction)
{
    direction->free_at = 0;
    STAILQ_INIT(&direction->under_way);
    TAILQ_INIT(&direction->readable);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        errx(2, "usage: delay_proxy PORT SERVER_PORT ROUND_TRIP_MILLISECONDS MEGABYTES_PER_SECOND");
    struct proxy proxy = {
        .poll = epoll_create1(EPOLL_CLOEXEC),
        .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        .server_port = atoi(argv[2]),
        .round_trip = atoi(argv[3]) * (SECOND / 1000),
        .bytes_per_second = atoi(argv[4]) * INT64_C(1000000),
    };
    // A distance takes no processor: it does not wait for one, as far as that is allowed, nor give memory
    // back.
    (void)!nice(-10);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    direction_init(&proxy.up);
    direction_init(&proxy.down);
    STAILQ_INIT(&proxy.opening);
    STAILQ_INIT(&proxy.closing);
    const struct sockaddr_in address = local_address(atoi(argv[1]));
    setsockopt(proxy.listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (proxy.poll < 0 || bind(proxy.listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(proxy.listener, SOMAXCONN) != 0)
        err(1, "port %s", argv[1]);
    watch(&proxy, proxy.listener, EPOLLIN, &proxy.listener);
    watch(&proxy, STDIN_FILENO, EPOLLIN, &proxy);
    serve(&proxy);
}
