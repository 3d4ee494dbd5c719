/* Links and the processes behind them. [front] thread.
 *
 * A link is a room for as long as the model knows it; its process may change. What dies is put
 * aside and freed at the end of mcu_supervisor_service(), so that whoever is being told of
 * something may cause any death. */
#include "mcu/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/supervisor_internal.h"

enum { TICK_MS = 200, EVENTS_A_TURN = 256 };
#define SPARE_RETRY_US     (5 * MCU_US_PER_S)
#define CLOSING_SILENCE_US (300 * MCU_US_PER_S) /* it may have a long recording to rewrite */

static int start_link_process(struct sig_link *link);

/* --- the dead --------------------------------------------------------------------------------- */

static void bury_later(struct mcu_supervisor *s, struct mcu_process *p)
{
    if (s->dead_count == s->dead_capacity) {
        const size_t capacity = s->dead_capacity ? s->dead_capacity * 2 : 16;
        struct mcu_process **grown = realloc(s->dead, capacity * sizeof(struct mcu_process *));
        if (!grown)
            return; /* leaks one dead process's memory rather than use it after it is freed */
        s->dead = grown;
        s->dead_capacity = capacity;
    }
    s->dead[s->dead_count++] = p;
}

static void bury(struct mcu_supervisor *s)
{
    for (size_t i = 0; i < s->dead_count; i++)
        mcu_process_destroy(s->dead[i]);
    s->dead_count = 0;
}

static void reap_children(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (WIFSIGNALED(status))
            log_warn("child process %d was ended by signal %d (%s)", (int)pid, WTERMSIG(status),
                     strsignal(WTERMSIG(status)));
        else if (WEXITSTATUS(status) != 0)
            log_warn("child process %d ended with status %d", (int)pid, WEXITSTATUS(status));
    }
}

/* --- links ------------------------------------------------------------------------------------ */

struct sig_link *supervisor_add_link(struct mcu_supervisor *s, struct mcu_process *process)
{
    struct sig_link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->s = s;
    link->process = process;
    link->next = s->links;
    s->links = link;
    s->stats.links++;
    return link;
}

void supervisor_drop_link(struct sig_link *link)
{
    struct mcu_supervisor *s = link->s;
    for (struct sig_link **at = &s->links; *at; at = &(*at)->next) {
        if (*at == link) {
            *at = link->next;
            s->stats.links--;
            break;
        }
    }
    json_decref(link->adopted);
    free(link);
}

static void end_link(struct sig_link *link, bool died)
{
    struct mcu_supervisor *s = link->s;
    void *room = link->room;
    supervisor_drop_link(link);
    if (room)
        s->events.ended(room, died);
}

/* True when it died more often than a room that can be helped does. */
static bool count_death(struct sig_link *link)
{
    const int64_t now_us = mcu_now_us();
    int64_t *oldest = &link->deaths_us[link->death_count % DEATHS_MAX];
    const bool too_often = link->death_count >= DEATHS_MAX && now_us - *oldest < DEATHS_WINDOW_US;
    *oldest = now_us;
    link->death_count++;
    return too_often;
}

static void on_link_event(void *arg, const json_t *message)
{
    struct sig_link *link = arg;
    if (link->room)
        link->s->events.event(link->room, message);
}

static void restart_link(struct sig_link *link)
{
    struct mcu_supervisor *s = link->s;
    if (count_death(link)) {
        log_error("room=%s given up: its process died %d times within a minute", link->name,
                  DEATHS_MAX + 1);
        end_link(link, true);
        return;
    }
    const int err = start_link_process(link);
    if (err) {
        log_error("room=%s ended: no new process: %s", link->name, strerror(-err));
        end_link(link, true);
        return;
    }
    s->events.restarted(link->room);
}

static void on_link_dead(void *arg, struct mcu_process *p, const char *why)
{
    struct sig_link *link = arg;
    bury_later(link->s, p);
    link->process = NULL;
    if (link->is_closing || link->is_adopting) {
        end_link(link, false);
        return;
    }
    link->s->stats.deaths++;
    log_error("room=%s process %d died: %s; starting another", link->name, (int)mcu_process_pid(p),
              why);
    restart_link(link);
}

void supervisor_listen_link(struct sig_link *link)
{
    static const struct mcu_process_events events = {on_link_event, on_link_dead};
    mcu_process_listen(link->process, &events, link);
}

static void on_opened(void *arg, const json_t *reply)
{
    struct mcu_process *p = arg;
    if (json_is_true(json_object_get(reply, "ok")) || mcu_process_is_dead(p))
        return;
    mcu_process_fail(p, "it refused to open");
}

static int send_open(struct sig_link *link)
{
    json_t *config = mcu_config_to_json(link->s->config);
    json_t *open =
        json_pack("{s:s, s:s, s:s, s:o, s:I}", "cmd", "open", "room", link->name, "type",
                  link->type, "config", config, "opened_at", (json_int_t)link->opened_at_ms);
    return mcu_process_send(link->process, open, on_opened, link->process);
}

static int start_link_process(struct sig_link *link)
{
    struct mcu_supervisor *s = link->s;
    struct mcu_process *p = s->spare_count ? s->spares[--s->spare_count] : NULL;
    if (!p) {
        const int err = mcu_process_start(&p, s->epoll_fd, s->rooms_dir);
        if (err)
            return err;
        s->stats.started++;
    }
    link->process = p;
    supervisor_listen_link(link);
    const int err = send_open(link);
    if (err) {
        link->process = NULL;
        mcu_process_destroy(p);
    }
    return err;
}

static int host_open(void *ctx, const char *name, const char *type, int64_t opened_at_ms,
                     void *room, struct sig_link **out)
{
    struct mcu_supervisor *s = ctx;
    struct sig_link *link = supervisor_add_link(s, NULL);
    if (!link)
        return -ENOMEM;
    snprintf(link->name, sizeof(link->name), "%s", name);
    snprintf(link->type, sizeof(link->type), "%s", type);
    link->opened_at_ms = opened_at_ms;
    link->room = room;
    const int err = start_link_process(link);
    if (err) {
        supervisor_drop_link(link);
        return err;
    }
    *out = link;
    return 0;
}

static int host_send(struct sig_link *link, json_t *command, sig_reply_fn *done, void *arg)
{
    if (!link->process) {
        json_decref(command);
        return -EPIPE;
    }
    return mcu_process_send(link->process, command, done, arg);
}

static void host_close(struct sig_link *link)
{
    if (link->is_closing || !link->process)
        return;
    link->is_closing = true;
    if (mcu_process_send(link->process, json_pack("{s:s}", "cmd", "close"), NULL, NULL) != 0)
        mcu_process_fail(link->process, "it cannot be told to close");
    else
        mcu_process_expect_end(link->process);
}

static void host_stats(void *ctx, struct sig_host_stats *out)
{
    const struct mcu_supervisor *s = ctx;
    *out = s->stats;
    out->spares = s->spare_count;
}

/* --- the spare -------------------------------------------------------------------------------- */

static void on_spare_dead(void *arg, struct mcu_process *p, const char *why)
{
    struct mcu_supervisor *s = arg;
    bury_later(s, p);
    for (uint32_t i = 0; i < s->spare_count; i++) {
        if (s->spares[i] == p)
            s->spares[i--] = s->spares[--s->spare_count];
    }
    s->stats.deaths++;
    s->spare_not_before_us = mcu_now_us() + SPARE_RETRY_US;
    log_error("spare room process %d died: %s", (int)mcu_process_pid(p), why);
}

static int start_spare(struct mcu_supervisor *s)
{
    static const struct mcu_process_events events = {NULL, on_spare_dead};
    struct mcu_process *p = NULL;
    const int err = mcu_process_start(&p, s->epoll_fd, s->rooms_dir);
    if (err)
        return err;
    mcu_process_listen(p, &events, s);
    s->spares[s->spare_count++] = p;
    s->stats.started++;
    return 0;
}

void supervisor_keep_spares(struct mcu_supervisor *s)
{
    const int64_t now_us = mcu_now_us();
    if (now_us < s->spare_not_before_us)
        return;
    while (s->spare_count < SPARES_MAX && s->spare_count < s->config->room.spare &&
           s->stats.links + s->spare_count < s->config->room.max_rooms) {
        const int err = start_spare(s);
        if (err) {
            log_error("no spare room process: %s", strerror(-err));
            s->spare_not_before_us = now_us + SPARE_RETRY_US;
            return;
        }
    }
}

/* --- the loop --------------------------------------------------------------------------------- */

static void watch_silence(struct mcu_supervisor *s)
{
    for (struct sig_link *link = s->links, *next; link; link = next) {
        next = link->next;
        const int64_t limit_us = link->is_closing ? CLOSING_SILENCE_US : s->silence_us;
        if (link->process && mcu_process_is_stuck(link->process, limit_us))
            mcu_process_fail(link->process, "it has been silent for too long");
    }
}

static void on_tick(struct mcu_watch *w, uint32_t events)
{
    (void)events;
    struct mcu_supervisor *s = (struct mcu_supervisor *)w;
    uint64_t ticks;
    if (read(s->timer_fd, &ticks, sizeof(ticks)) < 0)
        return;
    reap_children();
    watch_silence(s);
    supervisor_recover_tick(s);
    supervisor_render_tick(s);
    supervisor_keep_spares(s);
}

int mcu_supervisor_fd(const struct mcu_supervisor *s)
{
    return s->epoll_fd;
}

void mcu_supervisor_service(struct mcu_supervisor *s)
{
    struct epoll_event e;
    /* One at a time: what is told of one may remove another from the set. */
    for (int i = 0; i < EVENTS_A_TURN && epoll_wait(s->epoll_fd, &e, 1, 0) == 1; i++) {
        struct mcu_watch *w = e.data.ptr;
        w->ready(w, e.events);
    }
    bury(s);
}

static int start_timer(struct mcu_supervisor *s)
{
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (s->timer_fd < 0)
        return -errno;
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    const struct itimerspec spec = {.it_interval = tick, .it_value = tick};
    s->tick.ready = on_tick;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &s->tick};
    if (timerfd_settime(s->timer_fd, 0, &spec, NULL) < 0 ||
        epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->timer_fd, &e) < 0)
        return -errno;
    return 0;
}

static int make_rooms_dir(struct mcu_supervisor *s, const char *data_dir)
{
    const int n = snprintf(s->rooms_dir, sizeof(s->rooms_dir), "%s/rooms", data_dir);
    if (n < 0 || (size_t)n + sizeof("/0123456789abcdef.sock") > MCU_SOCKET_PATH_MAX)
        return -ENAMETOOLONG;
    if (mkdir(s->rooms_dir, 0700) < 0 && errno != EEXIST)
        return -errno;
    return 0;
}

int mcu_supervisor_create(struct mcu_supervisor **out, const struct mcu_config *config,
                          const char *data_dir, int64_t silence_us)
{
    struct mcu_supervisor *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->config = config;
    s->silence_us = silence_us;
    s->timer_fd = -1;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int err = s->epoll_fd < 0 ? -errno : make_rooms_dir(s, data_dir);
    if (!err)
        err = start_timer(s);
    if (err)
        goto fail;
    *out = s;
    return 0;

fail:
    mcu_supervisor_destroy(s);
    return err;
}

void mcu_supervisor_listen(struct mcu_supervisor *s, const struct sig_host_events *events)
{
    s->events = *events;
}

void mcu_supervisor_host(struct mcu_supervisor *s, struct sig_host *out)
{
    *out = (struct sig_host){
        .ctx = s,
        .open = host_open,
        .send = host_send,
        .close = host_close,
        .recover = supervisor_recover,
        .render = supervisor_render,
        .stats = host_stats,
    };
}

void mcu_supervisor_destroy(struct mcu_supervisor *s)
{
    if (!s)
        return;
    bury(s);
    while (s->links) {
        struct sig_link *link = s->links;
        if (link->process)
            mcu_process_release(link->process);
        supervisor_drop_link(link);
    }
    for (uint32_t i = 0; i < s->spare_count; i++)
        mcu_process_destroy(s->spares[i]);
    supervisor_recover_finish(s);
    supervisor_render_finish(s);
    reap_children();
    free(s->dead);
    if (s->timer_fd >= 0)
        close(s->timer_fd);
    if (s->epoll_fd >= 0)
        close(s->epoll_fd);
    free(s);
}
