/* A UDP port; see port.h. [net]
 *
 * Owners stand in a table of open addressing, at most half full, hashed with a secret seed. Two
 * ways to notice datagrams: a quiet port is polled with the thread's other sockets; a busy one is
 * looked at every RTC_PORT_LOOK_US by a timer, so that ten senders or a thousand cost two hundred
 * wake-ups a second and not fifty each. */
#include "transport/port.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"

enum {
    TABLE_FIRST = 16,
    RATE_SPAN_US = 50 * 1000,
};

struct entry {
    void *owner; /* NULL: free */
    struct rtc_address from;
};

struct watch {
    GSource base;
    struct rtc_port *port;
};

struct rtc_port {
    struct rtc_port_conf conf; /* host is not kept */
    int fd;
    struct rtc_address local;
    GSource *source;
    gpointer tag;
    int64_t now_us; /* of the turn */
    struct rtc_source came_to; /* the datagram in on_datagram() */

    /* how busy it is */
    bool is_busy;
    int64_t span_from_us;
    uint64_t span_count;

    struct rtc_port_stats stats;
    uint64_t seed;
    size_t count;
    size_t capacity; /* a power of two */
    struct entry *entries;
};

/* --- owners
 * --------------------------------------------------------------------------------------- */

/* Its entry, or the free one where it would be. */
static struct entry *find(const struct rtc_port *p, const struct rtc_address *from)
{
    size_t i = rtc_address_hash(from, p->seed) & (p->capacity - 1);
    while (p->entries[i].owner && !rtc_address_is_equal(&p->entries[i].from, from))
        i = (i + 1) & (p->capacity - 1);
    return &p->entries[i];
}

static int grow(struct rtc_port *p)
{
    struct entry *old = p->entries;
    const size_t old_capacity = p->capacity;
    struct entry *entries = calloc(old_capacity * 2, sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    p->entries = entries;
    p->capacity = old_capacity * 2;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].owner)
            *find(p, &old[i].from) = old[i];
    }
    free(old);
    return 0;
}

int rtc_port_bind(struct rtc_port *p, struct rtc_address *from, void *owner)
{
    if (p->local.any.sa_family == AF_INET6)
        rtc_address_map_to_v6(from);
    else if (from->any.sa_family != AF_INET)
        return -EINVAL;
    if (find(p, from)->owner)
        return -EADDRINUSE;
    if (p->count * 2 >= p->capacity && grow(p))
        return -ENOMEM;
    *find(p, from) = (struct entry){.owner = owner, .from = *from};
    p->count++;
    return 0;
}

void *rtc_port_owner(const struct rtc_port *p, const struct rtc_address *from)
{
    return find(p, from)->owner;
}

/* Closes the gap, so that no search ends at it before what was pushed past it. */
void rtc_port_unbind(struct rtc_port *p, const struct rtc_address *from)
{
    struct entry *gone = find(p, from);
    if (!gone->owner)
        return;
    const size_t mask = p->capacity - 1;
    size_t gap = (size_t)(gone - p->entries);
    for (size_t i = (gap + 1) & mask; p->entries[i].owner; i = (i + 1) & mask) {
        const size_t home = rtc_address_hash(&p->entries[i].from, p->seed) & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue; /* its home is after the gap */
        p->entries[gap] = p->entries[i];
        gap = i;
    }
    p->entries[gap].owner = NULL;
    p->count--;
}

/* --- datagrams
 * ------------------------------------------------------------------------------------ */

static void take(struct rtc_port *p, void *owner, const struct rtc_batch_datagram *d)
{
    p->came_to = d->source;
    p->stats.received++;
    if (!owner)
        p->stats.strangers++;
    else if (d->size > 0) /* else it was too long */
        p->conf.on_datagram(owner, d->from, d->data, d->size, p->now_us);
}

/* Each owner is warmed some datagrams before its turn, a step at a time. */
static size_t take_batch(struct rtc_port *p)
{
    static const size_t ahead[RTC_WARM_STEPS] = {12, 6, 3};
    struct rtc_batch_datagram datagrams[RTC_BATCH];
    void *owners[RTC_BATCH];
    const size_t n = rtc_batch_receive(p->conf.batch, p->fd, datagrams);
    for (size_t i = 0; i < n; i++) {
        void *owner = find(p, datagrams[i].from)->owner;
        owners[i] = owner ? owner : p->conf.stranger;
    }
    for (size_t i = 0; i < n; i++) {
        for (int step = 0; p->conf.on_soon && step < RTC_WARM_STEPS; step++) {
            const size_t next = i + ahead[step];
            if (next < n && owners[next])
                p->conf.on_soon(owners[next], (enum rtc_warm)step, datagrams[next].data,
                                datagrams[next].size);
        }
        take(p, owners[i], &datagrams[i]);
    }
    return n;
}

/* Twice as slow to calm down as to get busy, lest it go to and fro. */
static void judge(struct rtc_port *p, size_t taken)
{
    p->span_count += taken;
    const int64_t passed_us = p->now_us - p->span_from_us;
    if (passed_us < RATE_SPAN_US)
        return;
    const uint64_t per_s = p->span_count * MCU_US_PER_S / (uint64_t)passed_us;
    const bool is_busy = per_s >= (p->is_busy ? RTC_PORT_BUSY_PER_S / 2 : RTC_PORT_BUSY_PER_S);
    p->span_count = 0;
    p->span_from_us = p->now_us;
    if (is_busy == p->is_busy)
        return;
    p->is_busy = is_busy;
    g_source_modify_unix_fd(p->source, p->tag, is_busy ? 0 : G_IO_IN);
}

static int64_t next_look_us(int64_t now_us)
{
    return (now_us / RTC_PORT_LOOK_US + 1) * RTC_PORT_LOOK_US;
}

static gboolean on_ready(GSource *base, GSourceFunc fn, gpointer data)
{
    (void)fn;
    (void)data;
    struct rtc_port *p = ((struct watch *)base)->port;
    p->now_us = mcu_now_us();
    size_t taken = 0;
    size_t n;
    do {
        n = take_batch(p);
        taken += n;
    } while (n == RTC_BATCH && mcu_now_us() < p->now_us + RTC_PORT_READ_US);
    judge(p, taken);
    if (!p->is_busy)
        g_source_set_ready_time(base, -1); /* poll tells; what is left now is still there then */
    else
        g_source_set_ready_time(base, n == RTC_BATCH ? 0 : next_look_us(p->now_us));
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_funcs = {.dispatch = on_ready};

uint8_t *rtc_port_slot(struct rtc_port *p)
{
    return rtc_batch_slot(p->conf.batch);
}

void rtc_port_put(struct rtc_port *p, const struct rtc_address *to, size_t size)
{
    rtc_batch_put(p->conf.batch, p->fd, to, size);
}

const struct rtc_source *rtc_port_source(const struct rtc_port *p)
{
    return &p->came_to;
}

void rtc_port_put_from(struct rtc_port *p, const struct rtc_address *to,
                       const struct rtc_source *source, size_t size)
{
    rtc_batch_put_from(p->conf.batch, p->fd, to, source, size);
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

/* The kernel counts its own overhead, and tells twice what it was asked for: socket(7). */
static void set_buffer(int fd, int option, int forced_option, size_t bytes, const char *name)
{
    const int wanted = (int)bytes;
    if (setsockopt(fd, SOL_SOCKET, forced_option, &wanted, sizeof(wanted)))
        setsockopt(fd, SOL_SOCKET, option, &wanted, sizeof(wanted));
    int given = 0;
    socklen_t n = sizeof(given);
    getsockopt(fd, SOL_SOCKET, option, &given, &n);
    if (given / 2 < wanted)
        log_warn(
            "plain RTP: the kernel gives a %s buffer of %d bytes, not %d: raise net.core.%cmem_max",
            name, given / 2, wanted, name[0] == 'r' ? 'r' : 'w');
}

static int bind_to(struct rtc_port *p, uint16_t port)
{
    struct rtc_address a = p->local;
    if (a.any.sa_family == AF_INET6)
        a.v6.sin6_port = htons(port);
    else
        a.v4.sin_port = htons(port);
    return bind(p->fd, &a.any, rtc_address_bytes(&a)) ? -errno : 0;
}

/* From somewhere in the range on, once round. */
static int bind_in_range(struct rtc_port *p, uint16_t least, uint16_t most)
{
    if (least == 0)
        return bind_to(p, 0) ? -EIO : 0;
    const uint32_t ports = (uint32_t)(most - least) + 1;
    const uint32_t first = (uint32_t)(p->seed % ports);
    for (uint32_t i = 0; i < ports; i++) {
        const int err = bind_to(p, (uint16_t)(least + (first + i) % ports));
        if (err != -EADDRINUSE)
            return err ? -EIO : 0;
    }
    return -EIO;
}

static int open_socket(struct rtc_port *p, const struct rtc_port_conf *conf)
{
    if (rtc_address_read(&p->local, conf->host, 0))
        return -EINVAL;
    const int family = p->local.any.sa_family;
    p->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return -EIO;
    const int off = 0, probe = IP_PMTUDISC_PROBE;
    /* Never in fragments: no packet of ours is longer than 1250 bytes, and the kernel is spared an
     * identification for each. */
    setsockopt(p->fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
    if (family == AF_INET6)
        setsockopt(p->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    const int tos = conf->dscp << 2, on = 1;
    if (rtc_address_is_any(&p->local) && family == AF_INET)
        setsockopt(p->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    else if (rtc_address_is_any(&p->local))
        setsockopt(p->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
    setsockopt(p->fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
    if (family == AF_INET6)
        setsockopt(p->fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
    set_buffer(p->fd, SO_RCVBUF, SO_RCVBUFFORCE, conf->buffer_bytes, "receive");
    set_buffer(p->fd, SO_SNDBUF, SO_SNDBUFFORCE, conf->buffer_bytes, "write");
    const int err = bind_in_range(p, conf->port_min, conf->port_max);
    socklen_t n = sizeof(p->local);
    if (!err && getsockname(p->fd, &p->local.any, &n))
        return -EIO;
    return err;
}

static void attach(struct rtc_port *p)
{
    struct watch *w = (struct watch *)g_source_new(&watch_funcs, sizeof(*w));
    w->port = p;
    p->source = &w->base;
    p->tag = g_source_add_unix_fd(p->source, p->fd, G_IO_IN);
    g_source_attach(p->source, p->conf.context);
}

int rtc_port_create(struct rtc_port **out, const struct rtc_port_conf *conf)
{
    struct rtc_port *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->conf = *conf;
    p->conf.host = NULL;
    p->fd = -1;
    p->capacity = TABLE_FIRST;
    p->entries = calloc(p->capacity, sizeof(*p->entries));
    int err = p->entries ? 0 : -ENOMEM;
    if (!err && getrandom(&p->seed, sizeof(p->seed), 0) != (ssize_t)sizeof(p->seed))
        err = -EIO;
    if (!err)
        err = open_socket(p, conf);
    if (err) {
        rtc_port_destroy(p);
        return err;
    }
    attach(p);
    *out = p;
    return 0;
}

void rtc_port_destroy(struct rtc_port *p)
{
    if (!p)
        return;
    if (p->source) {
        g_source_destroy(p->source);
        g_source_unref(p->source);
    }
    if (p->fd >= 0) {
        rtc_batch_flush(p->conf.batch);
        close(p->fd);
    }
    free(p->entries);
    free(p);
}

void rtc_port_local(const struct rtc_port *p, struct rtc_address *local)
{
    *local = p->local;
}

void rtc_port_read_stats(const struct rtc_port *p, struct rtc_port_stats *stats)
{
    *stats = p->stats;
    stats->owners = p->count;
    stats->is_busy = p->is_busy;
}
