/* The small front. */
#include "tests/lib/room_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/config.h"
#include "mcu/control.h"

struct room_client {
    pid_t pid;
    int fd;
    char path[64];
    struct mcu_control_reader reader;
    json_int_t seq;
    json_t *reply; /* the newest, until its caller takes it */
    void (*on_event)(void *ctx, const json_t *event);
    void *ctx;
};

static int spawn(struct room_client *c, const char *program, int listen_fd)
{
    c->pid = fork();
    if (c->pid < 0)
        return -errno;
    if (c->pid == 0) {
        if (listen_fd == 3)
            fcntl(3, F_SETFD, 0); /* dup2() onto itself would leave it close-on-exec */
        else
            dup2(listen_fd, 3);
        execl(program, "mixdown", "room", "--control-fd", "3", (char *)NULL);
        _exit(127);
    }
    return 0;
}

static int start_process(struct room_client *c, const char *program)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(c->path, sizeof(c->path), "/tmp/mixdown-room-%d-%d.sock", (int)getpid(), rand());
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", c->path);
    const int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listen_fd, 4) < 0)
        return -errno;
    int err = spawn(c, program, listen_fd);
    close(listen_fd);
    if (err)
        return err;
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return 0;
}

static json_t *settings(const json_t *changes)
{
    static struct mcu_config config;
    mcu_config_init(&config);
    config.rtc.loopback = true;
    json_t *json = mcu_config_to_json(&config);
    const char *section;
    json_t *keys;
    json_object_foreach((json_t *)changes, section, keys)
    {
        json_object_update(json_object_get(json, section), keys);
    }
    return json;
}

int room_client_start(struct room_client **out, const char *program, const json_t *changes)
{
    struct room_client *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->fd = -1;
    int err = start_process(c, program);
    if (!err) {
        json_t *reply = room_client_call(
            c, json_pack("{s:s,s:s,s:s,s:o,s:I}", "cmd", "open", "room", "test", "type", "mcu",
                         "config", settings(changes), "opened_at", (json_int_t)mcu_wall_ms()));
        err = reply && json_is_true(json_object_get(reply, "ok")) ? 0 : -EPROTO;
        json_decref(reply);
    }
    if (err) {
        room_client_stop(c);
        return err;
    }
    *out = c;
    return 0;
}

static void wait_for_end(pid_t pid)
{
    for (int i = 0; i < 100; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return;
        usleep(100000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

void room_client_stop(struct room_client *c)
{
    if (!c)
        return;
    if (c->fd >= 0) {
        json_decref(room_client_call(c, json_pack("{s:s}", "cmd", "close")));
        close(c->fd);
    }
    if (c->pid > 0)
        wait_for_end(c->pid);
    unlink(c->path);
    json_decref(c->reply);
    mcu_control_reader_finish(&c->reader);
    free(c);
}

pid_t room_client_pid(const struct room_client *c)
{
    return c->pid;
}

void room_client_on_event(struct room_client *c, void (*on_event)(void *ctx, const json_t *event),
                          void *ctx)
{
    c->on_event = on_event;
    c->ctx = ctx;
}

static void take(struct room_client *c, json_t *message)
{
    if (json_object_get(message, "reply")) {
        json_decref(c->reply);
        c->reply = message;
        return;
    }
    if (c->on_event)
        c->on_event(c->ctx, message);
    json_decref(message);
}

int room_client_poll(struct room_client *c, int timeout_ms)
{
    struct pollfd fd = {.fd = c->fd, .events = POLLIN};
    if (poll(&fd, 1, timeout_ms) <= 0)
        return 0;
    char data[16384];
    const ssize_t n = recv(c->fd, data, sizeof(data), 0);
    if (n <= 0)
        return -EPIPE;
    int err = mcu_control_feed(&c->reader, data, (size_t)n);
    json_t *message = NULL;
    while (!err && (err = mcu_control_next(&c->reader, &message)) == 1) {
        take(c, message);
        err = 0;
    }
    return err < 0 ? err : 0;
}

json_t *room_client_call(struct room_client *c, json_t *command)
{
    json_object_set_new(command, "seq", json_integer(++c->seq));
    size_t size = 0;
    char *line = mcu_control_line(command, &size);
    json_decref(command);
    const bool is_sent = line && send(c->fd, line, size, MSG_NOSIGNAL) == (ssize_t)size;
    free(line);
    const int64_t deadline_us = mcu_now_us() + 10 * MCU_US_PER_S;
    while (is_sent && mcu_now_us() < deadline_us && room_client_poll(c, 100) == 0) {
        if (json_integer_value(json_object_get(c->reply, "reply")) == c->seq) {
            json_t *reply = c->reply;
            c->reply = NULL;
            return reply;
        }
    }
    return NULL;
}
