/* Batches of datagrams; see batch.h. [net] */
#include "transport/batch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CONTROL_BYTES = CMSG_SPACE(sizeof(struct in6_pktinfo)) }; /* the larger one */
enum { SLOT_BYTES = 1600 }; /* no power of two: slots must not all fall into the same cache sets */

struct half {
    struct mmsghdr headers[RTC_BATCH];
    struct iovec vectors[RTC_BATCH];
    struct rtc_address names[RTC_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[RTC_BATCH][CONTROL_BYTES];
    _Alignas(64) uint8_t data[RTC_BATCH][SLOT_BYTES];
};

struct rtc_batch {
    struct rtc_batch_stats stats;
    size_t count; /* waiting to go out */
    int fds[RTC_BATCH];
    struct half out;
    struct half in;
};

static void point(struct half *h)
{
    for (size_t i = 0; i < RTC_BATCH; i++) {
        h->vectors[i] = (struct iovec){.iov_base = h->data[i], .iov_len = RTC_BATCH_DATAGRAM_MAX};
        h->headers[i].msg_hdr = (struct msghdr){.msg_name = &h->names[i],
                                                .msg_namelen = sizeof(h->names[i]),
                                                .msg_iov = &h->vectors[i],
                                                .msg_iovlen = 1};
    }
}

int rtc_batch_create(struct rtc_batch **out)
{
    struct rtc_batch *b = aligned_alloc(64, (sizeof(*b) + 63) / 64 * 64);
    if (!b)
        return -ENOMEM;
    memset(b, 0, sizeof(*b));
    point(&b->out);
    point(&b->in);
    *out = b;
    return 0;
}

void rtc_batch_destroy(struct rtc_batch *b)
{
    free(b);
}

uint8_t *rtc_batch_slot(struct rtc_batch *b)
{
    return b->out.data[b->count];
}

static void write_source(struct half *h, size_t i, const struct rtc_source *source)
{
    struct msghdr *m = &h->headers[i].msg_hdr;
    m->msg_control = NULL;
    m->msg_controllen = 0;
    if (!source || source->family == 0)
        return;
    const bool is_v4 = source->family == AF_INET;
    const size_t bytes = is_v4 ? sizeof(source->v4) : sizeof(source->v6);
    struct cmsghdr *c = (struct cmsghdr *)h->control[i];
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(bytes),
                          .cmsg_level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
                          .cmsg_type = is_v4 ? IP_PKTINFO : IPV6_PKTINFO};
    memcpy(CMSG_DATA(c), &source->v4, bytes); /* of the union */
    m->msg_control = c;
    m->msg_controllen = CMSG_SPACE(bytes);
}

/* Without the interface: the way back is the routing table's matter. */
static struct rtc_source read_source(struct msghdr *m)
{
    struct rtc_source source = {0};
    const struct cmsghdr *c = m->msg_controllen > 0 ? CMSG_FIRSTHDR(m) : NULL;
    if (c && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        source.family = AF_INET;
        memcpy(&source.v4, CMSG_DATA(c), sizeof(source.v4));
        source.v4.ipi_ifindex = 0;
    } else if (c && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        source.family = AF_INET6;
        memcpy(&source.v6, CMSG_DATA(c), sizeof(source.v6));
        source.v6.ipi6_ifindex = 0;
    }
    return source;
}

void rtc_batch_put(struct rtc_batch *b, int fd, const struct rtc_address *to, size_t size)
{
    rtc_batch_put_from(b, fd, to, NULL, size);
}

void rtc_batch_put_from(struct rtc_batch *b, int fd, const struct rtc_address *to,
                        const struct rtc_source *source, size_t size)
{
    const size_t i = b->count++;
    b->fds[i] = fd;
    b->out.names[i] = *to;
    b->out.headers[i].msg_hdr.msg_namelen = rtc_address_bytes(to);
    write_source(&b->out, i, source);
    b->out.vectors[i].iov_len = size;
    if (b->count == RTC_BATCH)
        rtc_batch_flush(b);
}

/* A run for one socket. An error is about the first datagram of what is left: that one is counted
 * and stepped over, save that full buffers would refuse all others too. */
static void send_run(struct rtc_batch *b, size_t from, size_t to)
{
    while (from < to) {
        const int n = sendmmsg(b->fds[from], b->out.headers + from, (unsigned)(to - from),
                               MSG_DONTWAIT | MSG_NOSIGNAL);
        b->stats.calls_out++;
        if (n > 0) {
            b->stats.sent += (uint64_t)n;
            from += (size_t)n;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            b->stats.refused += to - from;
            return;
        } else if (errno != EINTR) {
            b->stats.refused++;
            from++;
        }
    }
}

void rtc_batch_flush(struct rtc_batch *b)
{
    size_t from = 0;
    while (from < b->count) {
        size_t to = from + 1;
        while (to < b->count && b->fds[to] == b->fds[from])
            to++;
        send_run(b, from, to);
        from = to;
    }
    b->count = 0;
}

size_t rtc_batch_receive(struct rtc_batch *b, int fd, struct rtc_batch_datagram *datagrams)
{
    struct half *h = &b->in;
    size_t count = 0;
    int n;
    for (size_t i = 0; i < RTC_BATCH; i++) { /* the kernel writes into both */
        h->headers[i].msg_hdr.msg_control = h->control[i];
        h->headers[i].msg_hdr.msg_controllen = CONTROL_BYTES;
    }
    do {
        n = recvmmsg(fd, h->headers, RTC_BATCH, MSG_DONTWAIT, NULL);
        b->stats.calls_in++;
    } while (n < 0 && errno == EINTR);
    for (int i = 0; i < n; i++) {
        struct mmsghdr *m = &h->headers[i];
        m->msg_hdr.msg_namelen = sizeof(h->names[i]); /* the kernel wrote into it */
        datagrams[count++] = (struct rtc_batch_datagram){
            .from = &h->names[i],
            .source = read_source(&m->msg_hdr),
            .data = h->data[i],
            .size = m->msg_hdr.msg_flags & MSG_TRUNC ? 0 : m->msg_len,
        };
    }
    b->stats.received += count;
    return count;
}

void rtc_batch_read_stats(const struct rtc_batch *b, struct rtc_batch_stats *stats)
{
    *stats = b->stats;
}
