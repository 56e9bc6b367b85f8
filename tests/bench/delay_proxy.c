/*
 * A distance: some round trip and width between its clients and one server on this machine.
 *
 *     delay_proxy PORT SERVER_PORT ROUND_TRIP_MILLISECONDS MEGABYTES_PER_SECOND      (0: none; as wide as it
 * gets)
 *
 * A byte arrives half a round trip after it was sent, a new connection sends its first byte only after a
 * whole one, and all connections share the width, each direction for itself.
 *
 * A line on standard input is answered with "REQUESTS BYTES" since the line before: the requests of HTTP/1.1,
 * and the bytes that clients were sent, headers and all. The end of standard input ends the proxy.
 */
#include "link.h"

#include <arpa/inet.h>
#include <err.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 64 };

struct connection {
    STAILQ_ENTRY(connection) next;
    int client, server;
    int64_t due;    // when its first byte may be sent
    unsigned flows; // that have not finished
    struct flow up, down;
};
STAILQ_HEAD(connections, connection);

struct proxy {
    int poll, listener, server_port;
    int64_t round_trip;
    struct link up, down;
    struct connections opening;
};

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

static void watch(struct proxy *proxy, int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    if (epoll_ctl(proxy->poll, EPOLL_CTL_ADD, fd, &event) != 0)
        err(1, "epoll_ctl");
}

static void accept_connection(struct proxy *proxy)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        err(1, "calloc");
    connection->client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection->client < 0)
        err(1, "accept");
    connection->server = connect_to_server(proxy);
    setsockopt(connection->client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(connection->server, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    flow_init(&connection->up, &proxy->up, connection->client, connection->server, &connection->down,
              connection);
    flow_init(&connection->down, &proxy->down, connection->server, connection->client, &connection->up,
              connection);
    connection->flows = 2;
    connection->due = link_now() + proxy->round_trip;
    STAILQ_INSERT_TAIL(&proxy->opening, connection, next);
}

static void open_connections(struct proxy *proxy, int64_t time)
{
    struct connection *connection;
    while ((connection = STAILQ_FIRST(&proxy->opening)) && connection->due <= time) {
        STAILQ_REMOVE_HEAD(&proxy->opening, next);
        watch(proxy, connection->client, EPOLLIN | EPOLLOUT | EPOLLET, &connection->up);
        watch(proxy, connection->server, EPOLLIN | EPOLLOUT | EPOLLET, &connection->down);
    }
}

// Closes the connections of which both flows have arrived.
static void close_connections(struct link *link)
{
    struct flow *flow;
    while ((flow = TAILQ_FIRST(&link->finished))) {
        struct connection *connection = flow->owner;
        TAILQ_REMOVE(&link->finished, flow, next);
        if (--connection->flows > 0)
            continue;
        close(connection->client);
        close(connection->server);
        free(connection);
    }
}

static int wait_for_events(const struct proxy *proxy, struct epoll_event *events)
{
    const struct connection *opening = STAILQ_FIRST(&proxy->opening);
    const int64_t dues[] = {link_due(&proxy->up), link_due(&proxy->down), opening ? opening->due : NEVER};
    int64_t due = link_now() + SECOND;
    for (size_t i = 0; i < sizeof(dues) / sizeof(dues[0]); i++)
        due = dues[i] < due ? dues[i] : due;
    const int64_t left = due - link_now();
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
    printf("%lu %lu\n", proxy->up.requests, proxy->down.bytes);
    fflush(stdout);
    proxy->up.requests = proxy->down.bytes = 0;
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
            flow_set_writable(flow->reverse);
        flow_set_readable(flow);
    }
}

static void serve(struct proxy *proxy)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        const int count = wait_for_events(proxy, events);
        for (int i = 0; i < count; i++)
            handle(proxy, &events[i]);
        const int64_t time = link_now();
        open_connections(proxy, time);
        link_move(&proxy->up, time);
        link_move(&proxy->down, time);
        close_connections(&proxy->up);
        close_connections(&proxy->down);
    }
}

static int listen_on(int port)
{
    const struct sockaddr_in address = local_address(port);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, SOMAXCONN) != 0)
        err(1, "port %d", port);
    return listener;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        errx(2, "usage: delay_proxy PORT SERVER_PORT ROUND_TRIP_MILLISECONDS MEGABYTES_PER_SECOND");
    struct proxy proxy = {
        .poll = epoll_create1(EPOLL_CLOEXEC),
        .listener = listen_on(atoi(argv[1])),
        .server_port = atoi(argv[2]),
        .round_trip = atoi(argv[3]) * (SECOND / 1000),
        .opening = STAILQ_HEAD_INITIALIZER(proxy.opening),
    };
    link_init(&proxy.up, proxy.round_trip, atoi(argv[4]) * INT64_C(1000000));
    link_init(&proxy.down, proxy.round_trip, atoi(argv[4]) * INT64_C(1000000));
    proxy.up.counts_requests = true;
    // A distance takes no processor: it does not wait for one, as far as that is allowed, nor give memory
    // back.
    (void)!nice(-10);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    watch(&proxy, proxy.listener, EPOLLIN, &proxy.listener);
    watch(&proxy, STDIN_FILENO, EPOLLIN, &proxy);
    serve(&proxy);
}
