/* STUN and TURN servers; see doctor.h. They are asked in earnest: the transport gathers candidates
 * from them as a room does, with the credentials that a room or a client gets. */
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "mcu/base/clock.h"
#include "mcu/doctor.h"
#include "signaling/turn.h"
#include "transport/rtc.h"

enum { WAIT_MS = 10000 };

struct hunt {
    pthread_mutex_t lock; /* protects: */
    pthread_cond_t changed;
    const char *kind; /* " typ relay " */
    char address[64];
    bool is_over;
};

static void on_state(void *ctx, enum rtc_state state, const char *reason)
{
    (void)ctx;
    (void)state;
    (void)reason;
}

static void take_address(struct hunt *h, const char *candidate)
{
    sscanf(candidate, "candidate:%*s %*s %*s %*s %63s", h->address);
    h->is_over = true;
}

static void on_candidate(void *ctx, const char *candidate)
{
    struct hunt *h = ctx;
    pthread_mutex_lock(&h->lock);
    if (!candidate)
        h->is_over = true;
    else if (strstr(candidate, h->kind) && !h->is_over)
        take_address(h, candidate);
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static void wait_for(struct hunt *h)
{
    struct timespec by;
    clock_gettime(CLOCK_REALTIME, &by);
    by.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&h->lock);
    while (!h->is_over && pthread_cond_timedwait(&h->changed, &h->lock, &by) == 0)
        continue;
    pthread_mutex_unlock(&h->lock);
}

/* Gathers; address (64 bytes) is where the candidate of that kind is. Returns whether there is one.
 */
static bool find(const struct rtc_conf *conf, const char *kind, char *address)
{
    struct hunt h = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .kind = kind};
    const struct rtc_peer_sink sink = {
        .ctx = &h, .on_state = on_state, .on_candidate = on_candidate};
    struct mcu_desc offer;
    struct rtc *rtc = NULL;
    struct rtc_peer *peer = NULL;
    if (rtc_create(&rtc, conf) == 0 && rtc_peer_create(rtc, &peer, &sink) == 0 &&
        rtc_peer_offer(peer, MCU_SENDRECV, MCU_INACTIVE, MCU_CODEC_NONE, &offer) == 0) {
        for (size_t i = 0; i < offer.candidate_count; i++)
            on_candidate(&h, offer.candidates[i]);
        if (!offer.end_of_candidates)
            wait_for(&h);
    }
    if (peer)
        rtc_peer_destroy(peer);
    rtc_destroy(rtc);
    snprintf(address, sizeof(h.address), "%s", h.address);
    return address[0] != '\0';
}

/* By any port and, for servers on this machine, from loopback too. */
static struct rtc_conf asking(const struct mcu_config *c)
{
    struct rtc_conf conf = {.has_loopback = true};
    for (uint32_t i = 0; i < c->rtc.listen.count && i < RTC_ADDRESSES_MAX; i++)
        conf.listen[conf.listen_count++] = c->rtc.listen.item[i];
    return conf;
}

void mcu_doctor_stun(struct mcu_doctor *d)
{
    const char *server = d->config->rtc.stun_server;
    struct rtc_conf conf = asking(d->config);
    char address[64];
    if (!server[0])
        return;
    conf.stun_server = server;
    if (find(&conf, " typ srflx ", address))
        mcu_doctor_say(d, MCU_DOCTOR_OK, "stun", "%s sees us as %s", server, address);
    else
        mcu_doctor_say(
            d, MCU_DOCTOR_NOTE, "stun",
            "%s tells no address but our own: it does not answer, or there is no NAT and "
            "rtc.stun_server is not needed",
            server);
}

/* --- TURN ------------------------------------------------------------------------------------- */

static void judge_relay(struct mcu_doctor *d, const struct rtc_turn *turn, const char *name)
{
    struct rtc_conf conf = asking(d->config);
    char address[64];
    conf.turn = *turn;
    conf.turn.is_only = true;
    if (find(&conf, " typ relay ", address))
        mcu_doctor_say(d, MCU_DOCTOR_OK, "turn", "%s relays from %s", name, address);
    else
        mcu_doctor_say(
            d, MCU_DOCTOR_FAIL, "turn",
            "%s gives no relay: is it up, reachable, and are the secret or the user its own?",
            name);
}

static void judge_own(struct mcu_doctor *d)
{
    static struct mcu_config c; /* large */
    c = *d->config;
    sig_turn_for_rooms(&c, mcu_wall_ms() / 1000);
    const struct rtc_turn turn = {.server = c.rtc.turn_server,
                                  .user = c.rtc.turn_user,
                                  .password = c.rtc.turn_password,
                                  .is_tcp = strcmp(c.rtc.turn_transport, "tcp") == 0};
    judge_relay(d, &turn, c.rtc.turn_server);
    if (strcmp(c.rtc.mode, "one-port") == 0)
        mcu_doctor_say(d, MCU_DOCTOR_NOTE, "turn",
                       "rtc.turn_server is not used by rooms with one port");
}

/* "turn:host:port?transport=tcp" (RFC 7065): "address:port" of it. Returns what is wrong, or NULL.
 */
static const char *resolve(const char *url, char *server, size_t size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    char host[256], address[64];
    const char *start = strchr(url, ':') + 1;
    snprintf(host, sizeof(host), "%.*s", (int)strcspn(start, "?"), start);
    char *end = host[0] == '[' ? strchr(host, ']') : NULL;
    char *colon = strrchr(end ? end : host, ':');
    const char *port = colon ? colon + 1 : "3478";
    if (colon)
        *colon = '\0';
    if (end)
        *end = '\0';
    if (getaddrinfo(host + (end ? 1 : 0), port, &hints, &found))
        return "its name is not known";
    const int err = getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof(address), NULL,
                                0, NI_NUMERICHOST);
    snprintf(server, size, found->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", address, port);
    freeaddrinfo(found);
    return err ? "its name is not known" : NULL;
}

static void judge_url(struct mcu_doctor *d, const char *url, const struct sig_turn *credentials)
{
    char server[96];
    if (strncasecmp(url, "turns:", 6) == 0) {
        mcu_doctor_say(d, MCU_DOCTOR_NOTE, "turn",
                       "%s: clients speak TLS to it; try it with a browser", url);
        return;
    }
    if (strncasecmp(url, "turn:", 5) != 0)
        return;
    const char *wrong = resolve(url, server, sizeof(server));
    if (wrong) {
        mcu_doctor_say(d, MCU_DOCTOR_FAIL, "turn", "%s: %s: mend rtc.turn_urls", url, wrong);
        return;
    }
    const struct rtc_turn turn = {.server = server,
                                  .user = credentials->username,
                                  .password = credentials->password,
                                  .is_tcp = strstr(url, "transport=tcp") != NULL};
    judge_relay(d, &turn, url);
}

void mcu_doctor_turn(struct mcu_doctor *d)
{
    const struct mcu_config *c = d->config;
    struct sig_turn credentials;
    if (c->rtc.turn_server[0])
        judge_own(d);
    if (c->rtc.turn_urls.count == 0) {
        if (!c->rtc.turn_server[0])
            mcu_doctor_say(
                d, MCU_DOCTOR_NOTE, "turn",
                "none: clients whose network lets no UDP out stay outside; set rtc.turn_urls and "
                "rtc.turn_secret");
        return;
    }
    if (sig_turn_make(&credentials, c, "doctor", mcu_wall_ms() / 1000)) {
        mcu_doctor_say(d, MCU_DOCTOR_FAIL, "turn",
                       "rtc.turn_urls needs rtc.turn_secret for credentials");
        return;
    }
    for (uint32_t i = 0; i < c->rtc.turn_urls.count; i++)
        judge_url(d, c->rtc.turn_urls.item[i], &credentials);
}
