/* Measuring a rig; see the header. */
#include "tests/lib/netrig_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/netrig_ns.h"

enum { PORT = 9000, PAYLOAD_MOST = 1472 };

static const int64_t SECOND_NS = 1000000000, MS = 1000000;

int64_t netrig_probe_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void sleep_until(int64_t at_ns)
{
    const struct timespec t = {.tv_sec = at_ns / SECOND_NS, .tv_nsec = at_ns % SECOND_NS};
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

/* --- the scheduler watched
 * ------------------------------------------------------------------------- */

enum { WINDOWS = 60000 }; /* of 10 ms: ten minutes */

static _Atomic int32_t latest_us[WINDOWS];
static int64_t watch_began_ns;
static atomic_bool is_watch_over;
static pthread_t watch_thread;

static size_t window_of(int64_t at_ns)
{
    const int64_t window = (at_ns - watch_began_ns) / (10 * MS);
    return window < 0 ? 0 : window >= WINDOWS ? WINDOWS - 1 : (size_t)window;
}

static void *watch(void *ctx)
{
    (void)ctx;
    const struct sched_param priority = {.sched_priority = 10}; /* netrig's own */
    pthread_setschedparam(pthread_self(), SCHED_RR, &priority);
    for (int64_t due = watch_began_ns + MS; !atomic_load(&is_watch_over); due += MS) {
        sleep_until(due);
        const int64_t now = netrig_probe_clock_ns();
        const int32_t late_us = (int32_t)((now - due) / 1000);
        for (size_t w = window_of(due); w <= window_of(now); w++) {
            if (atomic_load(&latest_us[w]) < late_us)
                atomic_store(&latest_us[w], late_us);
        }
        if (now - due > MS)
            due = now;
    }
    return NULL;
}

void netrig_watch_start(void)
{
    watch_began_ns = netrig_probe_clock_ns();
    if (pthread_create(&watch_thread, NULL, watch, NULL) != 0)
        abort();
}

void netrig_watch_stop(void)
{
    atomic_store(&is_watch_over, true);
    pthread_join(watch_thread, NULL);
}

bool netrig_watch_is_punctual(int64_t at_ns)
{
    for (size_t w = window_of(at_ns - 10 * MS); w <= window_of(at_ns + 10 * MS); w++) {
        if (atomic_load(&latest_us[w]) >= 1000)
            return false;
    }
    return true;
}

/* --- the rig
 * --------------------------------------------------------------------------------------- */

static int open_socket(int family, bool is_receiver)
{
    const int one = 1, much = 128 << 20;
    const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage any = {.ss_family = (sa_family_t)family};
    if (fd < 0)
        return -1;
    /* the port is at the same place in both kinds of address */
    ((struct sockaddr_in *)&any)->sin_port = htons(is_receiver ? PORT : PORT + 1);
    const socklen_t n =
        family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &much, sizeof(much));
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)&any, n) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_to(int fd, int family, const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    if (family == AF_INET) {
        inet_pton(AF_INET, address, &to.sin_addr);
        return connect(fd, (const struct sockaddr *)&to, sizeof(to));
    }
    inet_pton(AF_INET6, address, &to6.sin6_addr);
    return connect(fd, (const struct sockaddr *)&to6, sizeof(to6));
}

/* A socket belongs to the namespace that its maker was in. */
static bool open_side(struct netrig_probe *p, int side, int host_fd)
{
    const int out = side == NETRIG_CLIENT ? NETRIG_UP : NETRIG_DOWN;
    const int families[] = {AF_INET, AF_INET6};
    if (netrig_ns_enter(p->name, side) < 0)
        return false;
    p->sender[out] = open_socket(families[out], false);
    p->receiver[!out] = open_socket(families[!out], true);
    const int err = connect_to(p->sender[out], families[out],
                               out == NETRIG_UP ? netrig_addresses[NETRIG_SERVER]
                                                : netrig_addresses6[NETRIG_CLIENT]);
    if (setns(host_fd, CLONE_NEWNET) < 0)
        abort();
    return err == 0 && p->receiver[!out] >= 0;
}

static bool open_sockets(struct netrig_probe *p)
{
    const int host_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    const bool is_open =
        open_side(p, NETRIG_CLIENT, host_fd) && open_side(p, NETRIG_SERVER, host_fd);
    close(host_fd);
    return is_open;
}

static bool spawn(struct netrig_probe *p, const char *program)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return false;
    p->rig = fork();
    if (p->rig == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execl(program, program, "run", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    p->lines_fd = in[1];
    p->answers = fdopen(out[0], "r");
    return p->rig > 0 && p->answers;
}

int netrig_probe_start(struct netrig_probe *p, const char *program)
{
    char line[1024];
    *p = (struct netrig_probe){.sender = {-1, -1}, .receiver = {-1, -1}};
    if (!spawn(p, program))
        return 1;
    const char *name = fgets(line, sizeof(line), p->answers) ? strstr(line, "\"name\":\"") : NULL;
    if (name && sscanf(name, "\"name\":\"%31[^\"]\"", p->name) == 1 && open_sockets(p))
        return 0;
    const int status = netrig_probe_stop(p);
    return status ? status : 1;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

int netrig_probe_stop(struct netrig_probe *p)
{
    int status = 0;
    for (int d = 0; d < NETRIG_DIRECTIONS; d++) {
        close_fd(p->sender[d]);
        close_fd(p->receiver[d]);
    }
    close(p->lines_fd);
    waitpid(p->rig, &status, 0);
    fclose(p->answers);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

bool netrig_probe_tell(struct netrig_probe *p, const char *line)
{
    char answer[1024];
    if (dprintf(p->lines_fd, "%s\n", line) > 0 && fgets(answer, sizeof(answer), p->answers) &&
        strstr(answer, "\"ok\""))
        return true;
    printf("      '%s' was not taken\n", line);
    return false;
}

/* --- flows
 * ----------------------------------------------------------------------------------------- */

void netrig_flow_init(struct netrig_flow *f, int direction, uint32_t count, size_t size,
                      int64_t interval_ns)
{
    *f = (struct netrig_flow){
        .direction = direction, .count = count, .size = size, .interval_ns = interval_ns};
    f->sent = calloc(count, sizeof(*f->sent));
    if (!f->sent)
        abort();
}

void netrig_flow_finish(struct netrig_flow *f)
{
    free(f->sent);
}

static size_t payload_words(const struct netrig_flow *f)
{
    return (f->size - (f->direction == NETRIG_UP ? 28 : 48)) / 4;
}

/* The payload is the number, over and over. */
static void send_one(const struct netrig_probe *p, const struct netrig_flow *f, uint32_t number)
{
    uint32_t payload[PAYLOAD_MOST / 4];
    const size_t words = payload_words(f);
    for (size_t i = 0; i < words; i++)
        payload[i] = number;
    struct netrig_sent *s = &f->sent[number];
    s->before_ns = netrig_probe_clock_ns();
    if (send(p->sender[f->direction], payload, words * 4, 0) < 0 && errno != ECONNREFUSED)
        printf("      sending: %s\n", strerror(errno));
    s->after_ns = netrig_probe_clock_ns();
}

static int64_t stamp_of(struct msghdr *m)
{
    struct timespec t = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
            memcpy(&t, CMSG_DATA(c), sizeof(t));
    }
    return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void take(struct netrig_flow *f, const uint32_t *payload, size_t words, int64_t came_ns)
{
    /* two of three places far from each other are right, whatever few bits in a row are wrong */
    const uint32_t a = payload[0], b = payload[words / 2], c = payload[words - 1];
    const uint32_t number = a == b || a == c ? a : b;
    if (words != payload_words(f) || number >= f->count)
        return; /* of a case before */
    struct netrig_sent *s = &f->sent[number];
    for (size_t i = 0; i < words; i++)
        s->wrong_bits += (uint32_t)__builtin_popcount(payload[i] ^ number);
    if (s->copies++ == 0) {
        s->came_ns = came_ns;
        s->place = f->arrivals++;
    }
}

static void drain(const struct netrig_probe *p, struct netrig_flow *f)
{
    uint32_t payload[PAYLOAD_MOST / 4];
    char control[64];
    for (;;) {
        struct iovec iov = {payload, sizeof(payload)};
        struct msghdr m = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        const ssize_t n = recvmsg(p->receiver[f->direction], &m, MSG_DONTWAIT);
        if (n < 0)
            return;
        if (n >= 12)
            take(f, payload, (size_t)n / 4, stamp_of(&m));
    }
}

/* Sends what is due of the flow; when the next is. */
static int64_t send_due(const struct netrig_probe *p, const struct netrig_flow *f, uint32_t *next,
                        int64_t began_ns)
{
    for (; *next < f->count; (*next)++) {
        const int64_t due_ns = began_ns + *next * f->interval_ns;
        if (due_ns > netrig_probe_clock_ns())
            return due_ns;
        send_one(p, f, *next);
    }
    return INT64_MAX;
}

void netrig_probe_run(struct netrig_probe *p, struct netrig_flow *flows, size_t count,
                      int64_t settle_ms)
{
    uint32_t next[4] = {0};
    const int64_t began_ns = netrig_probe_clock_ns() + 5 * MS;
    for (int64_t due_ns = began_ns; due_ns != INT64_MAX;) {
        /* not more often than each ms: fast flows go in small bursts */
        const int64_t soonest_ns = netrig_probe_clock_ns() + MS;
        sleep_until(due_ns > soonest_ns ? due_ns : soonest_ns);
        due_ns = INT64_MAX;
        for (size_t i = 0; i < count; i++) {
            const int64_t flow_ns = send_due(p, &flows[i], &next[i], began_ns);
            due_ns = flow_ns < due_ns ? flow_ns : due_ns;
            drain(p, &flows[i]);
        }
    }
    for (int64_t end_ns = netrig_probe_clock_ns() + settle_ms * MS;
         netrig_probe_clock_ns() < end_ns;) {
        sleep_until(netrig_probe_clock_ns() + 10 * MS);
        for (size_t i = 0; i < count; i++)
            drain(p, &flows[i]);
    }
}
