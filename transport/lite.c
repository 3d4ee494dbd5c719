/* The way of a peer on one port: ICE-lite (RFC 8445, section 2.5), all peers of a room on one UDP
 * socket. [net]
 *
 *     a check from an unknown address ──▶ whose is it, by its user name? authentic? answered
 *         the address is his from then on; with USE-CANDIDATE it is where we send
 *     anything else from there ──▶ DTLS, SRTP, SRTCP of that peer
 *     anything else from elsewhere ──▶ dropped, and counted
 *
 * We send no checks: who takes the other part nominates, and goes on checking, which is also how he
 * tells of a new address. Nothing is answered that is not authentic. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "mcu/base/clock.h"
#include "transport/candidate.h"
#include "transport/peer.h"
#include "transport/stun.h"

enum {
    UFRAG_CHARS = 8, /* 48 bits; RFC 8445, section 5.3, wants 24 */
    PWD_CHARS = 24,  /* 144 bits, of 128 */
    ADDRESSES = 4,   /* of one peer: it has as many networks at most */
    BUFFER_BYTES = 4 * 1024 * 1024,
};

struct rtc_lite {
    struct rtc_group *group;
    struct rtc_peer *peer; /* NULL: the owner of what comes from strangers */
    char ufrag[UFRAG_CHARS + 1];
    char pwd[PWD_CHARS + 1];
    struct rtc_address addresses[ADDRESSES]; /* that proved to be his */
    size_t count;
    size_t next;     /* to give way */
    bool has_remote;
    bool is_nominated;
    struct rtc_address remote;
    struct rtc_source source; /* of ours, to which he talks */
};

/* --- out
 * ------------------------------------------------------------------------------------------ */

static int lite_send(struct rtc_peer *p, const uint8_t *data, size_t size)
{
    const struct rtc_lite *l = p->lite;
    if (!l->has_remote || size > RTC_BATCH_DATAGRAM_MAX)
        return -ENOTCONN;
    memcpy(rtc_port_slot(p->group->port), data, size);
    rtc_port_put_from(p->group->port, &l->remote, &l->source, size);
    return 0;
}

static void protect_and_send(struct rtc_peer *p, const uint8_t *packet, size_t size,
                             int (*protect)(struct rtc_srtp *s, uint8_t *packet, size_t *size,
                                            size_t capacity))
{
    const struct rtc_lite *l = p->lite;
    if (!l->has_remote || size + RTC_SRTP_EXPANSION_MAX > RTC_BATCH_DATAGRAM_MAX)
        return;
    uint8_t *slot = rtc_port_slot(p->group->port);
    memcpy(slot, packet, size);
    if (protect(p->srtp_send, slot, &size, RTC_BATCH_DATAGRAM_MAX) == 0 &&
        !(p->filter && p->filter(p->filter_ctx, slot, size)))
        rtc_port_put_from(p->group->port, &l->remote, &l->source, size);
}

static void lite_send_rtp(struct rtc_peer *p, uint8_t *packet, size_t size)
{
    protect_and_send(p, packet, size, rtc_srtp_protect);
}

static void lite_send_rtcp(struct rtc_peer *p, uint8_t *packet, size_t size)
{
    protect_and_send(p, packet, size, rtc_srtp_protect_rtcp);
}

/* --- addresses
 * ------------------------------------------------------------------------------------ */

static void forget(struct rtc_lite *l, size_t i)
{
    rtc_port_unbind(l->group->port, &l->addresses[i]);
    l->addresses[i] = l->addresses[--l->count];
}

static void forget_address(struct rtc_lite *l, const struct rtc_address *a)
{
    for (size_t i = 0; i < l->count; i++) {
        if (rtc_address_is_equal(&l->addresses[i], a)) {
            forget(l, i);
            return;
        }
    }
}

/* The one that gives way is never the one in use. */
static void make_room(struct rtc_lite *l)
{
    if (l->count < ADDRESSES)
        return;
    size_t i = l->next++ % ADDRESSES;
    if (rtc_address_is_equal(&l->addresses[i], &l->remote))
        i = l->next++ % ADDRESSES;
    forget(l, i);
}

/* Who proved last to be there has it: NATs give an address to another one by and by. */
static bool take_address(struct rtc_lite *l, const struct rtc_address *from)
{
    struct rtc_lite *owner = rtc_port_owner(l->group->port, from);
    if (owner == l)
        return true;
    if (owner)
        forget_address(owner, from);
    make_room(l);
    struct rtc_address address = *from;
    if (rtc_port_bind(l->group->port, &address, l))
        return false;
    l->addresses[l->count++] = address;
    return true;
}

/* --- checks
 * --------------------------------------------------------------------------------------- */

static void put(struct rtc_group *g, const struct rtc_address *to, const uint8_t *message,
                size_t size)
{
    if (size == 0)
        return;
    memcpy(rtc_port_slot(g->port), message, size);
    rtc_port_put_from(g->port, to, rtc_port_source(g->port), size);
}

static bool is_for(const struct rtc_stun *m, const struct rtc_peer *p)
{
    return p && p->lite && p->is_described && rtc_stun_is_for(m, p->lite->ufrag, p->remote_ufrag);
}

/* Nearly always whoever has the address already: of a thousand peers each checks every 2 s. */
static struct rtc_lite *find_by_name(const struct rtc_group *g, const struct rtc_lite *owner,
                                     const struct rtc_stun *m)
{
    if (is_for(m, owner->peer))
        return owner->peer->lite;
    for (size_t i = 0; i < g->count; i++) {
        if (is_for(m, g->peers[i]))
            return g->peers[i]->lite;
    }
    return NULL;
}

static void nominate(struct rtc_lite *l, const struct rtc_address *from, bool is_nominated)
{
    struct rtc_peer *p = l->peer;
    const bool is_first = !l->has_remote || p->is_restarting;
    if (!is_nominated && !is_first)
        return;
    l->remote = *from;
    l->source = *rtc_port_source(l->group->port);
    l->has_remote = true;
    l->is_nominated = l->is_nominated || is_nominated;
    if (is_first || p->state == RTC_FAILED)
        rtc_link_connected(p);
}

/* Returns false for what is none, or not authentic. */
static bool take_check(struct rtc_lite *owner, const struct rtc_address *from, const uint8_t *data,
                       size_t size, int64_t now_us)
{
    struct rtc_group *g = owner->group;
    struct rtc_stun m;
    uint8_t answer[RTC_STUN_MAX_BYTES];
    if (rtc_stun_read(&m, data, size) || m.kind != RTC_STUN_REQUEST)
        return false;
    struct rtc_lite *l = find_by_name(g, owner, &m);
    if (!l || !rtc_stun_is_authentic(&m, l->pwd))
        return false;
    if (m.unknown_count > 0) {
        put(g, from, answer, rtc_stun_write_error(answer, &m, RTC_STUN_UNKNOWN_ATTRIBUTE, l->pwd));
        return true;
    }
    if (m.has_controlled) { /* who is lite is that */
        put(g, from, answer, rtc_stun_write_error(answer, &m, RTC_STUN_ROLE_CONFLICT, l->pwd));
        return true;
    }
    if (!take_address(l, from))
        return false;
    put(g, from, answer, rtc_stun_write_success(answer, m.transaction, from, l->pwd));
    rtc_alive_heard(l->peer, now_us);
    nominate(l, from, m.has_use_candidate);
    return true;
}

static void on_datagram(void *owner, const struct rtc_address *from, uint8_t *data, size_t size,
                        int64_t now_us)
{
    struct rtc_lite *l = owner;
    const bool is_stun = rtc_datagram_kind(data, size) == RTC_DATAGRAM_STUN;
    if (is_stun && take_check(l, from, data, size, now_us))
        return;
    if (l->peer && !is_stun)
        rtc_link_receive(l->peer, data, size);
    else if (l->peer)
        l->peer->rejected++;
}

/* --- the port, and its candidates
 * ----------------------------------------------------------------- */

static const char *host_to_bind(const struct rtc_conf *conf)
{
    if (conf->listen_count == 1)
        return conf->listen[0];
    return conf->listen_count == 0 && conf->has_loopback && conf->announced_count == 0 ? "0.0.0.0"
                                                                                        : "::";
}

static int open_port(struct rtc_group *g)
{
    const struct rtc_conf *conf = &g->rtc->conf;
    int err = g->batch ? 0 : rtc_batch_create(&g->batch);
    if (err || g->port)
        return err;
    g->stranger = calloc(1, sizeof(*g->stranger));
    if (!g->stranger)
        return -ENOMEM;
    g->stranger->group = g;
    struct rtc_port_conf port = {
        .context = rtc_shard_context(g->shard),
        .batch = g->batch,
        .host = host_to_bind(conf),
        .port_min = conf->port_min,
        .port_max = conf->port_max,
        .dscp = conf->dscp,
        .buffer_bytes = BUFFER_BYTES,
        .stranger = g->stranger,
        .on_datagram = on_datagram,
    };
    err = rtc_port_create(&g->port, &port);
    if (err && strcmp(port.host, "::") == 0) { /* a machine without IPv6 */
        port.host = "0.0.0.0";
        err = rtc_port_create(&g->port, &port);
    }
    return err;
}

void rtc_lite_finish_group(struct rtc_group *g)
{
    free(g->stranger);
    g->stranger = NULL;
}

static void add_candidate(struct mcu_desc *ours, const struct sockaddr_storage *address)
{
    const size_t n = ours->candidate_count;
    struct rtc_candidate c = {
        .foundation = "1",
        .component = 1,
        .priority = 126u << 24 | (uint32_t)(65535 - n) << 8 | 255,
        .type = RTC_CANDIDATE_HOST,
        .is_udp = true,
        .has_address = true,
        .address = *address,
    };
    if (n < MCU_DESC_CANDIDATES_MAX &&
        rtc_candidate_write(ours->candidates[n], sizeof(ours->candidates[n]), &c, NULL) == 0)
        ours->candidate_count++;
}

static void add_text(struct mcu_desc *ours, const char *host, uint16_t port)
{
    struct sockaddr_storage address;
    if (rtc_address_parse(&address, host, port) == 0)
        add_candidate(ours, &address);
}

/* Those of the machine, as far as the socket takes their family. */
static void add_interfaces(struct mcu_desc *ours, const struct rtc_conf *conf, int family,
                           uint16_t port)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list))
        return;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        struct rtc_address a;
        char host[RTC_ADDRESS_HOST_BYTES];
        if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) ||
            (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6) ||
            (i->ifa_addr->sa_family == AF_INET6 && family == AF_INET) ||
            rtc_address_is_link_local(i->ifa_addr) ||
            (rtc_address_is_loopback(i->ifa_addr) && !conf->has_loopback))
            continue;
        memcpy(&a, i->ifa_addr,
               i->ifa_addr->sa_family == AF_INET ? sizeof(a.v4) : sizeof(a.v6));
        rtc_address_print(&a, host, NULL);
        add_text(ours, host, port);
    }
    freeifaddrs(list);
}

static void add_candidates(struct rtc_peer *p, struct mcu_desc *ours)
{
    const struct rtc_conf *conf = &p->rtc->conf;
    struct rtc_address local;
    uint16_t port = 0;
    rtc_port_local(p->group->port, &local);
    rtc_address_print(&local, NULL, &port);
    ours->candidate_count = 0;
    for (size_t i = 0; i < conf->announced_count; i++)
        add_text(ours, conf->announced[i], port);
    for (size_t i = 0; conf->announced_count == 0 && i < conf->listen_count; i++)
        add_text(ours, conf->listen[i], port);
    if (conf->announced_count == 0 && conf->listen_count == 0)
        add_interfaces(ours, conf, local.any.sa_family, port);
    else if (conf->has_loopback)
        add_text(ours, "127.0.0.1", port);
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

static int make_token(char *out, size_t chars)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t random[PWD_CHARS];
    if (getrandom(random, chars, 0) != (ssize_t)chars)
        return -EIO;
    for (size_t i = 0; i < chars; i++)
        out[i] = alphabet[random[i] & 63];
    out[chars] = '\0';
    return 0;
}

static int make_credentials(struct rtc_lite *l)
{
    const int err = make_token(l->ufrag, UFRAG_CHARS);
    return err ? err : make_token(l->pwd, PWD_CHARS);
}

int rtc_lite_open(struct rtc_peer *p, void *arg)
{
    (void)arg;
    p->lite = calloc(1, sizeof(*p->lite));
    if (!p->lite)
        return -ENOMEM;
    p->lite->group = p->group;
    p->lite->peer = p;
    const int err = open_port(p->group);
    return err ? err : make_credentials(p->lite);
}

int rtc_lite_describe(struct rtc_peer *p, bool is_restart, struct mcu_desc *ours)
{
    const int err = is_restart ? make_credentials(p->lite) : 0;
    if (err)
        return err;
    add_candidates(p, ours);
    snprintf(ours->ice_ufrag, sizeof(ours->ice_ufrag), "%s", p->lite->ufrag);
    snprintf(ours->ice_pwd, sizeof(ours->ice_pwd), "%s", p->lite->pwd);
    ours->ice_lite = true;
    ours->end_of_candidates = true;
    return ours->candidate_count > 0 ? 0 : -EIO;
}

static void lite_close(struct rtc_peer *p)
{
    struct rtc_lite *l = p->lite;
    while (l && l->count > 0)
        forget(l, 0);
    free(l);
    rtc_dtls_destroy(p->dtls);
    p->lite = NULL;
    p->dtls = NULL;
}

const struct rtc_path rtc_lite_path = {
    .send = lite_send,
    .send_rtp = lite_send_rtp,
    .send_rtcp = lite_send_rtcp,
    .tick = rtc_link_path_tick,
    .leave = rtc_link_path_leave,
    .close = lite_close,
};
