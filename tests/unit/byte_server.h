/* A server on 127.0.0.1 that answers each byte: 'e' at once, 'l' after 300 ms, 'c' at once, and closes then,
 * 'n' never. For test programs. */
#pragma once

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cmocka.h>

struct server {
    int listener;
    struct sockaddr_in address;
    pthread_t thread;
    atomic_int served[64], n; /* sockets, and how many there were */
};

static void *serve_one(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char command;

    while (read(fd, &command, 1) == 1) {
        if (command == 'l')
            usleep(300000);
        if (command != 'n' && write(fd, &command, 1) != 1)
            break;
        if (command == 'c')
            break;
    }
    shutdown(fd, SHUT_RDWR);
    return NULL;
}

static void *serve(void *argument)
{
    struct server *server = argument;
    pthread_t threads[64];
    int fd, n = 0;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        server->served[n] = fd;
        pthread_create(&threads[n], NULL, serve_one, (void *)(intptr_t)fd);
        server->n = ++n;
    }
    for (int i = 0; i < n; i++) {
        shutdown(server->served[i], SHUT_RDWR);
        pthread_join(threads[i], NULL);
        close(server->served[i]);
    }
    return NULL;
}

static inline void server_open(struct server *server)
{
    socklen_t length = sizeof server->address;

    *server = (struct server){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    server->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(server->listener, (struct sockaddr *)&server->address, length), 0);
    assert_int_equal(listen(server->listener, 64), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&server->address, &length), 0);
    pthread_create(&server->thread, NULL, serve, server);
}

static inline void server_close(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
}
