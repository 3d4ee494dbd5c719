/* The control connection of a room. */
#include "mcu/room_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/control.h"

enum { UNREAD_MAX = 8 * 1024 * 1024 };

struct mcu_room_link {
    int listen_fd;
    int fd; /* -1: nobody is connected */
    void (*on_message)(void *ctx, const json_t *message);
    void *ctx;
    struct mcu_control_reader reader;
    char *out; /* bytes not yet written */
    size_t out_size;
    size_t out_capacity;
};

int mcu_room_link_create(struct mcu_room_link **out, int listen_fd,
                         void (*on_message)(void *ctx, const json_t *message), void *ctx)
{
    if (fcntl(listen_fd, F_SETFL, O_NONBLOCK) < 0)
        return -EINVAL;
    fcntl(listen_fd, F_SETFD, FD_CLOEXEC);
    struct mcu_room_link *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->listen_fd = listen_fd;
    l->fd = -1;
    l->on_message = on_message;
    l->ctx = ctx;
    *out = l;
    return 0;
}

static void disconnect(struct mcu_room_link *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    l->out_size = 0;
    mcu_control_reader_finish(&l->reader);
    memset(&l->reader, 0, sizeof(l->reader));
}

void mcu_room_link_destroy(struct mcu_room_link *l)
{
    if (!l)
        return;
    disconnect(l);
    close(l->listen_fd);
    free(l->out);
    free(l);
}

void mcu_room_link_poll(const struct mcu_room_link *l, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = l->listen_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = l->fd,
                             .events = (short)(POLLIN | (l->out_size ? POLLOUT : 0))};
}

static void accept_front(struct mcu_room_link *l)
{
    const int fd = accept4(l->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (l->fd >= 0)
        log_info("another front has connected; the old connection is closed");
    disconnect(l);
    l->fd = fd;
}

static void write_some(struct mcu_room_link *l)
{
    while (l->fd >= 0 && l->out_size) {
        const ssize_t n = send(l->fd, l->out, l->out_size, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            disconnect(l);
            return;
        }
        l->out_size -= (size_t)n;
        memmove(l->out, l->out + n, l->out_size);
    }
}

static void take_messages(struct mcu_room_link *l)
{
    json_t *message = NULL;
    int have = 0;
    while (l->fd >= 0 && (have = mcu_control_next(&l->reader, &message)) == 1) {
        l->on_message(l->ctx, message);
        json_decref(message);
    }
    if (have < 0) {
        log_error("control: a line is no JSON object; the front is disconnected");
        disconnect(l);
    }
}

static void read_some(struct mcu_room_link *l)
{
    char data[16384];
    const ssize_t n = recv(l->fd, data, sizeof(data), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        log_info("the front is gone; the room goes on");
        disconnect(l);
        return;
    }
    if (mcu_control_feed(&l->reader, data, (size_t)n) < 0) {
        log_error("control: a line is too long; the front is disconnected");
        disconnect(l);
        return;
    }
    take_messages(l);
}

void mcu_room_link_serve(struct mcu_room_link *l, const struct pollfd *fds)
{
    if (fds[1].revents & POLLOUT)
        write_some(l);
    if (l->fd >= 0 && l->fd == fds[1].fd && (fds[1].revents & (POLLIN | POLLHUP | POLLERR)))
        read_some(l);
    if (fds[0].revents & POLLIN)
        accept_front(l);
}

static int reserve(struct mcu_room_link *l, size_t more)
{
    if (l->out_size + more <= l->out_capacity)
        return 0;
    const size_t capacity = (l->out_size + more) * 2;
    char *grown = realloc(l->out, capacity);
    if (!grown)
        return -ENOMEM;
    l->out = grown;
    l->out_capacity = capacity;
    return 0;
}

void mcu_room_link_send(struct mcu_room_link *l, const json_t *message)
{
    if (l->fd < 0)
        return;
    size_t size = 0;
    char *line = mcu_control_line(message, &size);
    if (!line || l->out_size + size > UNREAD_MAX || reserve(l, size) < 0) {
        log_error("control: the front does not read; it is disconnected");
        free(line);
        disconnect(l);
        return;
    }
    memcpy(l->out + l->out_size, line, size);
    l->out_size += size;
    free(line);
    write_some(l);
}

bool mcu_room_link_is_connected(const struct mcu_room_link *l)
{
    return l->fd >= 0;
}

void mcu_room_link_flush(struct mcu_room_link *l, int timeout_ms)
{
    const int64_t deadline_us = mcu_now_us() + timeout_ms * MCU_US_PER_MS;
    while (l->fd >= 0 && l->out_size && mcu_now_us() < deadline_us) {
        struct pollfd fd = {.fd = l->fd, .events = POLLOUT};
        poll(&fd, 1, 50);
        write_some(l);
    }
}
