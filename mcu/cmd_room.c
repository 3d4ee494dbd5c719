/* `mixdown room --control-fd N`: a room process. The front starts it with a listening UNIX socket;
 * people have no reason to.
 *
 * One thread, [ctl]: polls the control connection, the events of media threads and a clock of
 * 100 ms. Without a front the room goes on; it ends by itself when it was never opened, or is idle,
 * and no front has come back for a while. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/commands.h"
#include "mcu/room.h"
#include "mcu/room_link.h"
#include "recorder/guard.h"

#define HOUSEKEEP_US    (100 * MCU_US_PER_MS)
#define ALONE_SPARE_US  (30 * MCU_US_PER_S)
#define ALONE_ROOM_US   (600 * MCU_US_PER_S)

struct process {
    struct mcu_room *room;
    struct mcu_room_link *link;
    int signal_fd;
    int64_t alone_since_us; /* 0: a front is there */
};

static void on_message(void *ctx, const json_t *message)
{
    struct process *p = ctx;
    mcu_room_command(p->room, message);
}

static void on_send(void *ctx, const json_t *message)
{
    struct process *p = ctx;
    if (p->link)
        mcu_room_link_send(p->link, message);
}

static int open_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool is_forgotten(struct process *p, int64_t now_us)
{
    if (mcu_room_link_is_connected(p->link) || !mcu_room_is_idle(p->room)) {
        p->alone_since_us = 0;
        return false;
    }
    if (!p->alone_since_us)
        p->alone_since_us = now_us;
    const int64_t limit_us = mcu_room_is_open(p->room) ? ALONE_ROOM_US : ALONE_SPARE_US;
    return now_us - p->alone_since_us > limit_us;
}

static void serve(struct process *p)
{
    enum { EVENTS = MCU_ROOM_LINK_FDS, SIGNALS, FDS };
    int64_t next_us = mcu_now_us();
    while (!mcu_room_is_closed(p->room)) {
        struct pollfd fds[FDS];
        mcu_room_link_poll(p->link, fds);
        fds[EVENTS] = (struct pollfd){.fd = mcu_room_events_fd(p->room), .events = POLLIN};
        fds[SIGNALS] = (struct pollfd){.fd = p->signal_fd, .events = POLLIN};
        const int64_t wait_us = next_us - mcu_now_us();
        const int wait_ms = wait_us > 0 ? (int)((wait_us + 999) / MCU_US_PER_MS) : 0;
        if (poll(fds, FDS, wait_ms) < 0)
            continue;
        if (fds[EVENTS].revents)
            mcu_room_take_events(p->room);
        mcu_room_link_serve(p->link, fds);
        if (fds[SIGNALS].revents)
            mcu_room_close(p->room);
        const int64_t now_us = mcu_now_us();
        if (now_us < next_us)
            continue;
        next_us = now_us + HOUSEKEEP_US;
        mcu_room_housekeep(p->room, now_us);
        if (is_forgotten(p, now_us))
            mcu_room_close(p->room);
    }
    mcu_room_take_events(p->room);
    mcu_room_link_flush(p->link, 1000);
}

int mcu_cmd_room(int argc, char **argv)
{
    int control_fd = -1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--control-fd") == 0)
            control_fd = atoi(argv[i + 1]);
    }
    if (control_fd < 3) {
        fprintf(stderr, "mixdown room: this is started by `mixdown serve`; run that instead\n");
        return 2;
    }
    guard_forget_proxies(); /* before there are threads */
    struct process p = {.signal_fd = open_signals()};
    int err = mcu_room_create(&p.room, on_send, &p);
    if (!err)
        err = mcu_room_link_create(&p.link, control_fd, on_message, &p);
    if (err) {
        fprintf(stderr, "mixdown room: cannot start: %s\n", strerror(-err));
        mcu_room_destroy(p.room);
        return 1;
    }
    serve(&p);
    struct mcu_room_link *link = p.link;
    p.link = NULL;
    mcu_room_destroy(p.room);
    mcu_room_link_destroy(link);
    return 0;
}
