/* tests/unit/transport/turn_server.h - a coturn of the test's own on loopback, and its end. */
#ifndef TESTS_TRANSPORT_TURN_SERVER_H
#define TESTS_TRANSPORT_TURN_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mcu/base/clock.h"

enum { TURN_UP_MS = 20000 };

struct turn_server {
    pid_t pid;
    uint16_t port;
    char address[32]; /* "127.0.0.1:port" */
    char folder[64];
};

static inline uint16_t turn_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const bool is_bound = bind(fd, (struct sockaddr *)&a, n) == 0;
    assert_true(is_bound && getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    close(fd);
    return ntohs(a.sin_port);
}

static inline void turn_run(const struct turn_server *t, const char *more)
{
    char port[40], pid[96], db[96];
    snprintf(port, sizeof(port), "--listening-port=%u", t->port);
    snprintf(pid, sizeof(pid), "--pidfile=%s/pid", t->folder);
    snprintf(db, sizeof(db), "--userdb=%s/db", t->folder);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never longer than the test */
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    execlp("turnserver", "turnserver", "-n", "--no-cli", "--listening-ip=127.0.0.1",
           "--relay-ip=127.0.0.1", "--use-auth-secret", "--static-auth-secret=north",
           "--realm=mixdown.test", "--no-tls", "--no-dtls", "--allow-loopback-peers",
           "--log-file=stdout", port, pid, db, more, NULL);
    _exit(127);
}

/* It is up when its TCP port answers: coturn opens UDP and TCP on the same one. */
static inline bool turn_answers(const struct turn_server *t)
{
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_port = htons(t->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const bool is_up = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
    close(fd);
    return is_up;
}

/* more: one word more for coturn, or NULL. */
static inline void turn_start_with(struct turn_server *t, const char *more)
{
    t->port = turn_free_port();
    snprintf(t->address, sizeof(t->address), "127.0.0.1:%u", t->port);
    snprintf(t->folder, sizeof(t->folder), "/tmp/mixdown-turn-XXXXXX");
    assert_non_null(mkdtemp(t->folder));
    t->pid = fork();
    if (t->pid == 0)
        turn_run(t, more);
    const int64_t by_us = mcu_now_us() + TURN_UP_MS * MCU_US_PER_MS;
    while (!turn_answers(t)) {
        if (mcu_now_us() > by_us || waitpid(t->pid, NULL, WNOHANG) != 0)
            fail_msg("turnserver (Debian package coturn) does not run");
        mcu_sleep_until_us(mcu_now_us() + 20000);
    }
}

static inline void turn_start(struct turn_server *t)
{
    turn_start_with(t, NULL);
}

static inline void turn_stop(struct turn_server *t)
{
    static const char *const files[] = {"pid", "db"};
    char path[96];
    kill(t->pid, SIGKILL);
    waitpid(t->pid, NULL, 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", t->folder, files[i]);
        unlink(path);
    }
    rmdir(t->folder);
}

#endif
