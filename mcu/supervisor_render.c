/* Pictures of layouts: `mixdown layout render` in a child process, one at a time, for it takes tens
 * of milliseconds and draws what somebody has uploaded. [front] thread.
 *
 * The child writes the PNG into a pipe; EOF is its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/supervisor_internal.h"

enum { WORD_MAX = 1024, PNG_MAX = 8 * 1024 * 1024, CHUNK = 64 * 1024, WAITING_MAX = 16, RENDER_NICE = 15 };
#define LONGEST_US (20 * MCU_US_PER_S)

extern char **environ;

struct rendering {
    struct mcu_watch watch; /* first: the epoll set points here */
    struct rendering *next;
    struct mcu_supervisor *s;
    sig_rendered_fn *done;
    void *arg;
    int64_t deadline_us;
    int fd; /* -1: not started */
    int pid_fd;
    uint8_t *png;
    size_t size, capacity;
    char word[WORD_MAX];
    char people[16];
    char canvas[32];
    char pictures[WORD_MAX];
};

static void free_rendering(struct rendering *r)
{
    if (r->fd >= 0)
        close(r->fd);
    if (r->pid_fd >= 0)
        close(r->pid_fd);
    free(r->png);
    free(r);
}

/* A PNG ends with an IEND chunk: whether the child came so far. */
static bool is_whole(const struct rendering *r)
{
    static const uint8_t head[] = {0x89, 'P', 'N', 'G'};
    static const uint8_t tail[] = {'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    return r->size > sizeof(head) + sizeof(tail) && memcmp(r->png, head, sizeof(head)) == 0 &&
           memcmp(r->png + r->size - sizeof(tail), tail, sizeof(tail)) == 0;
}

static void start_next(struct mcu_supervisor *s);

static void tell(struct rendering *r)
{
    struct mcu_supervisor *s = r->s;
    const bool is_good = is_whole(r);
    s->renderings = r->next;
    r->done(r->arg, is_good ? r->png : NULL, is_good ? r->size : 0);
    free_rendering(r);
    start_next(s);
}

static bool make_room(struct rendering *r)
{
    if (r->size + CHUNK <= r->capacity)
        return true;
    const size_t capacity = r->capacity ? 2 * r->capacity : 2 * CHUNK;
    uint8_t *png = capacity <= PNG_MAX ? realloc(r->png, capacity) : NULL;
    if (!png)
        return false;
    r->png = png;
    r->capacity = capacity;
    return true;
}

static void rendering_ready(struct mcu_watch *w, uint32_t events)
{
    (void)events;
    struct rendering *r = (struct rendering *)w;
    const ssize_t n = make_room(r) ? read(r->fd, r->png + r->size, r->capacity - r->size) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        r->size += (size_t)n;
        return;
    }
    tell(r);
}

static int spawn_render(pid_t *pid, struct rendering *r, int out_fd)
{
    char *const argv[] = {"mixdown", "layout",  "render", r->word,       "-n", r->people,
                          "--size",  r->canvas, "-o",     "/dev/stdout",
                          "--pictures", r->pictures, NULL};
    return supervisor_spawn(pid, argv, out_fd);
}

static int start(struct rendering *r)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = 0;
    int err = spawn_render(&pid, r, ends[1]);
    close(ends[1]);
    r->fd = ends[0];
    if (err)
        return err;
    r->pid_fd = pidfd_open(pid, 0);
    setpriority(PRIO_PROCESS, (id_t)pid, RENDER_NICE); /* whoever asks, rooms go first */
    r->deadline_us = mcu_now_us() + LONGEST_US;
    fcntl(r->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &r->watch};
    return epoll_ctl(r->s->epoll_fd, EPOLL_CTL_ADD, r->fd, &e) < 0 ? -errno : 0;
}

/* One that cannot be started is told at the next tick: no call here may call back. */
static void start_next(struct mcu_supervisor *s)
{
    struct rendering *r = s->renderings;
    if (r && r->fd < 0 && start(r) != 0)
        r->deadline_us = 0;
}

int supervisor_render(void *ctx, const char *word, uint32_t people, uint32_t width, uint32_t height,
                      sig_rendered_fn *done, void *arg)
{
    struct mcu_supervisor *s = ctx;
    struct rendering **at = &s->renderings;
    for (size_t waiting = 0; *at; at = &(*at)->next) {
        if (++waiting == WAITING_MAX)
            return -EBUSY;
    }
    struct rendering *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    *r = (struct rendering){.s = s, .done = done, .arg = arg, .fd = -1, .pid_fd = -1};
    r->watch.ready = rendering_ready;
    snprintf(r->word, sizeof(r->word), "%s", word);
    snprintf(r->people, sizeof(r->people), "%u", people);
    snprintf(r->canvas, sizeof(r->canvas), "%ux%u", width, height);
    snprintf(r->pictures, sizeof(r->pictures), "%s/../pictures", s->rooms_dir);
    *at = r;
    start_next(s);
    return 0;
}

void supervisor_render_tick(struct mcu_supervisor *s)
{
    struct rendering *r = s->renderings;
    if (!r || mcu_now_us() < r->deadline_us)
        return;
    if (r->pid_fd >= 0)
        pidfd_send_signal(r->pid_fd, SIGKILL, NULL, 0);
    r->size = 0;
    tell(r);
}

void supervisor_render_finish(struct mcu_supervisor *s)
{
    while (s->renderings) {
        struct rendering *r = s->renderings;
        s->renderings = r->next;
        if (r->pid_fd >= 0)
            pidfd_send_signal(r->pid_fd, SIGKILL, NULL, 0);
        r->done(r->arg, NULL, 0);
        free_rendering(r);
    }
}
