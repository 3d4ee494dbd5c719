/* What libraries reach on a guarded thread, with real sockets. 127.0.0.1 plays the public internet
 * (the policy allows it), 127.0.0.2 the private network: a canary listens there and counts who
 * comes. Every case is run a second time with both allowed, when the canary must be reached: so
 * each shows that there was something to refuse. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#include "mcu/base/clock.h"
#include "recorder/guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- sockets ---------------------------------------------------------------------------------- */

static int listen_at(const char *address, int type, uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t size = sizeof(a);
    inet_pton(AF_INET, address, &a.sin_addr);
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
        (type == SOCK_STREAM && listen(fd, 16)) || getsockname(fd, (struct sockaddr *)&a, &size)) {
        close(fd);
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

/* Answers every request on TCP with what `answer` makes of it, until the socket is shut down. */
struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_uint hits;
    void (*answer)(struct server *s, int fd, const char *request);
};

static uint16_t canary_port; /* the same number for TCP and UDP at 127.0.0.2 */

static void say(int fd, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        const ssize_t n = send(fd, text, left, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text += n;
        left -= (size_t)n;
    }
}

static void serve_one(struct server *s, int fd)
{
    char request[4096];
    size_t n = 0;
    const struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    for (ssize_t got = 1; got > 0 && n + 1 < sizeof(request);) {
        request[n] = '\0';
        if (strstr(request, "\r\n\r\n")) {
            s->answer(s, fd, request);
            return;
        }
        got = recv(fd, request + n, sizeof(request) - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
    }
}

static void *serve(void *arg)
{
    struct server *s = arg;
    for (int fd; (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0; close(fd)) {
        atomic_fetch_add(&s->hits, 1);
        if (s->answer)
            serve_one(s, fd);
    }
    return NULL;
}

static void start(struct server *s, const char *address, uint16_t port)
{
    s->port = port;
    s->fd = listen_at(address, SOCK_STREAM, &s->port);
    assert_true(s->fd >= 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

/* --- what the "public" server says -------------------------------------------------------------
 */

static void answer_http(struct server *s, int fd, const char *request)
{
    static const char *const redirects[][2] = {
        {"/302.m3u8", "http://127.0.0.2:%u/a.m3u8"},
        {"/301v6.m3u8", "http://[::ffff:127.0.0.2]:%u/a.m3u8"},
        {"/307dec.m3u8", "http://2130706434:%u/a.m3u8"},
        {"/308oct.m3u8", "http://0177.0.0.2:%u/a.m3u8"},
        {"/302short.m3u8", "http://127.2:%u/a.m3u8"},
        {"/302name.m3u8", "http://private.test:%u/a.m3u8"},
        {"/302tls.m3u8", "https://127.0.0.2:%u/a.m3u8"},
        {"/302schemeless.m3u8", "//127.0.0.2:%u/a.m3u8"},
    };
    static const char *const lists[][2] = {
        {"/segment.m3u8", "#EXTINF:2,\nhttp://127.0.0.2:%u/a.ts\n"},
        {"/segmentv6.m3u8", "#EXTINF:2,\nhttp://[::ffff:127.0.0.2]:%u/a.ts\n"},
        {"/variant.m3u8", "#EXT-X-STREAM-INF:BANDWIDTH=1000\nhttp://127.0.0.2:%u/b.m3u8\n"},
        {"/key.m3u8",
         "#EXT-X-KEY:METHOD=AES-128,URI=\"http://127.0.0.2:%u/k\"\n#EXTINF:2,\na.ts\n"},
        {"/map.m3u8", "#EXT-X-MAP:URI=\"http://127.0.0.2:%u/i.mp4\"\n#EXTINF:2,\na.m4s\n"},
        {"/crypto.m3u8", "#EXT-X-KEY:METHOD=AES-128,URI=\"data:;base64,AAAAAAAAAAAAAAAAAAAAAA==\"\n"
                         "#EXTINF:2,\nhttp://127.0.0.2:%u/c.ts\n"},
        {"/redirected.m3u8", "#EXTINF:2,\n/302.m3u8\n#%u"},
    };
    (void)s;
    char path[64] = "", body[512] = "", reply[1024];
    sscanf(request, "GET %63s", path);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    for (size_t i = 0; i < COUNT(redirects); i++) {
        if (strcmp(path, redirects[i][0]) != 0)
            continue;
        snprintf(body, sizeof(body), redirects[i][1], canary_port);
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 %.3s Moved\r\nLocation: %s\r\n"
                 "Content-Length: 0\r\nConnection: close\r\n\r\n",
                 path + 1, body);
        say(fd, reply);
        return;
    }
    for (size_t i = 0; i < COUNT(lists); i++) {
        if (strcmp(path, lists[i][0]) == 0)
            snprintf(body, sizeof(body), lists[i][1], canary_port);
    }
#pragma GCC diagnostic pop
    snprintf(reply, sizeof(reply),
             "HTTP/1.1 200 OK\r\nContent-Type: application/x-mpegurl\r\n"
             "Connection: close\r\n\r\n"
             "#EXTM3U\n#EXT-X-TARGETDURATION:2\n%s#EXT-X-ENDLIST\n",
             body);
    say(fd, reply);
}

static void answer_rtsp(struct server *s, int fd, const char *request)
{
    (void)s;
    unsigned seq = 1;
    const char *at = strstr(request, "CSeq:");
    if (at)
        sscanf(at, "CSeq: %u", &seq);
    char reply[256];
    snprintf(reply, sizeof(reply),
             "RTSP/1.0 302 Moved\r\nCSeq: %u\r\n"
             "Location: rtsp://127.0.0.2:%u/a\r\n\r\n",
             seq, canary_port);
    say(fd, reply);
}

/* --- one try ---------------------------------------------------------------------------------- */

struct canary {
    struct server tcp;
    int udp;
};

static struct server http, rtsp;
static struct canary canary;

static void start_canary(struct canary *c)
{
    for (int i = 0; i < 50; i++) { /* the TCP port's number may be taken for UDP */
        uint16_t port = 0;
        c->udp = listen_at("127.0.0.2", SOCK_DGRAM, &port);
        assert_true(c->udp >= 0);
        uint16_t same = port;
        const int probe = listen_at("127.0.0.2", SOCK_STREAM, &same);
        close(probe);
        if (probe >= 0) {
            start(&c->tcp, "127.0.0.2", port);
            canary_port = port;
            return;
        }
        close(c->udp);
    }
    fail_msg("no port");
}

static void stop_canary(struct canary *c)
{
    stop(&c->tcp);
    atomic_store(&c->tcp.hits, 0);
    close(c->udp);
}

static uint32_t visits(struct canary *c)
{
    char byte;
    uint32_t n = atomic_exchange(&c->tcp.hits, 0);
    while (recv(c->udp, &byte, 1, MSG_DONTWAIT) >= 0)
        n++;
    return n;
}

/* A connection is made by the kernel before its server notices. */
static bool was_visited(struct canary *c, int patience_ms)
{
    for (int waited_ms = 0;; waited_ms += 10) {
        if (visits(c))
            return true;
        if (waited_ms >= patience_ms)
            return false;
        poll(NULL, 0, 10);
    }
}

static void allow(struct guard_policy *p, const char *cidr)
{
    assert_int_equal(guard_policy_add(p, cidr), 0);
}

struct patience {
    int64_t until_us;
    bool is_for_visit; /* once the canary was visited all is seen */
};

static int is_over(void *arg)
{
    const struct patience *p = arg;
    return mcu_now_us() > p->until_us || (p->is_for_visit && atomic_load(&canary.tcp.hits) > 0);
}

/* Opens a URL as inputs do; returns whether something was refused. */
static bool try_open(const char *url, const struct guard_policy *policy, bool is_for_visit)
{
    AVFormatContext *format = avformat_alloc_context();
    AVDictionary *options = NULL;
    assert_non_null(format);
    format->protocol_whitelist =
        av_strdup("http,https,tcp,tls,crypto,data,rtmp,rtmps,rtsp,rtp,udp,srt");
    struct patience patience = {mcu_now_us() + 2 * MCU_US_PER_S, is_for_visit};
    format->interrupt_callback = (AVIOInterruptCB){is_over, &patience};
    const AVInputFormat *const rtmp = strncmp(url, "rtmp", 4) ? NULL : av_find_input_format("flv");
    assert_int_equal(guard_enter(policy), 0);
    if (avformat_open_input(&format, url, rtmp, &options) >= 0)
        avformat_close_input(&format);
    av_dict_free(&options);
    return guard_leave();
}

/* url: its port is that of `server`; NULL: the canary's. */
static void check_refused(const char *name, const char *format, const struct server *server)
{
    struct guard_policy narrow = {0}, wide = {0};
    char url[256];
    allow(&narrow, "127.0.0.1");
    allow(&wide, "127.0.0.0/8");
    stop_canary(&canary); /* who came late is not counted again */
    start_canary(&canary);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(url, sizeof(url), format, server ? server->port : canary_port);
#pragma GCC diagnostic pop
    if (!try_open(url, &narrow, false))
        fail_msg("%s: nothing was refused", name);
    if (was_visited(&canary, 20))
        fail_msg("%s: the private network was reached", name);
    try_open(url, &wide, true);
    if (!was_visited(&canary, 10000))
        fail_msg("%s: shows nothing, it does not go there when it may", name);
}

/* --- the tests -------------------------------------------------------------------------------- */

/* "private.test" is at 127.0.0.2; "rebind.test" at 127.0.0.1 when asked first and 127.0.0.2 later;
 * "both.test" at both; all else is libc's. */
static atomic_uint rebind_asked;

static int resolve(const char *name, const char *service, const struct addrinfo *hints,
                   struct addrinfo **out)
{
    struct addrinfo *first = NULL, *second = NULL;
    const bool is_private = name && strcmp(name, "private.test") == 0;
    const bool is_both = name && strcmp(name, "both.test") == 0;
    const bool is_rebind = name && strcmp(name, "rebind.test") == 0;
    int (*const libc)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        getaddrinfo; /* ours, without a guard: it comes back here with a number */
    if (!is_private && !is_both && !is_rebind) {
        guard_set_resolver(NULL);
        const int err = libc(name, service, hints, out);
        guard_set_resolver(resolve);
        return err;
    }
    if (hints && hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    const bool is_first = is_rebind && atomic_fetch_add(&rebind_asked, 1) == 0;
    const int err =
        resolve(is_first || is_both ? "127.0.0.1" : "127.0.0.2", service, hints, &first);
    if (!err && is_both && resolve("127.0.0.2", service, hints, &second) == 0) {
        struct addrinfo *last = first;
        while (last->ai_next)
            last = last->ai_next;
        last->ai_next = second;
    }
    *out = first;
    return err;
}

static void every_scheme_is_judged(void **state)
{
    (void)state;
    check_refused("http", "http://127.0.0.2:%u/a.m3u8", NULL);
    check_refused("https", "https://127.0.0.2:%u/a.m3u8", NULL);
    check_refused("rtmp", "rtmp://127.0.0.2:%u/live/a", NULL);
    check_refused("rtmps", "rtmps://127.0.0.2:%u/live/a", NULL);
    check_refused("rtsp", "rtsp://127.0.0.2:%u/a", NULL);
    check_refused("srt", "srt://127.0.0.2:%u?connect_timeout=500", NULL);
    check_refused("IPv4 in IPv6", "http://[::ffff:127.0.0.2]:%u/a.m3u8", NULL);
    check_refused("rtmp, IPv4 in IPv6", "rtmp://[::ffff:127.0.0.2]:%u/live/a", NULL);
    check_refused("a name", "http://private.test:%u/a.m3u8", NULL);
}

static void redirects_are_judged(void **state)
{
    (void)state;
    check_refused("302", "http://127.0.0.1:%u/302.m3u8", &http);
    check_refused("301 to IPv4 in IPv6", "http://127.0.0.1:%u/301v6.m3u8", &http);
    check_refused("307 to a number", "http://127.0.0.1:%u/307dec.m3u8", &http);
    check_refused("308 to octal digits", "http://127.0.0.1:%u/308oct.m3u8", &http);
    check_refused("302 to a short address", "http://127.0.0.1:%u/302short.m3u8", &http);
    check_refused("302 to a name", "http://127.0.0.1:%u/302name.m3u8", &http);
    check_refused("302 to TLS", "http://127.0.0.1:%u/302tls.m3u8", &http);
    check_refused("302 without a scheme", "http://127.0.0.1:%u/302schemeless.m3u8", &http);
    check_refused("RTSP's", "rtsp://127.0.0.1:%u/a", &rtsp);
}

static void playlists_are_judged(void **state)
{
    (void)state;
    check_refused("a segment", "http://127.0.0.1:%u/segment.m3u8", &http);
    check_refused("a segment, IPv4 in IPv6", "http://127.0.0.1:%u/segmentv6.m3u8", &http);
    check_refused("a playlist", "http://127.0.0.1:%u/variant.m3u8", &http);
    check_refused("a key", "http://127.0.0.1:%u/key.m3u8", &http);
    check_refused("a header", "http://127.0.0.1:%u/map.m3u8", &http);
    check_refused("an encrypted segment", "http://127.0.0.1:%u/crypto.m3u8", &http);
    check_refused("a segment that redirects", "http://127.0.0.1:%u/redirected.m3u8", &http);
}

static void names_are_judged_every_time(void **state)
{
    (void)state;
    struct guard_policy narrow = {0};
    char url[128];
    allow(&narrow, "127.0.0.1");
    stop_canary(&canary);
    start_canary(&canary);
    atomic_store(&rebind_asked, 0);
    snprintf(url, sizeof(url), "http://rebind.test:%u/a.m3u8", http.port);
    const uint32_t before = atomic_load(&http.hits);
    try_open(url, &narrow, false); /* it is where it may be */
    assert_true(atomic_load(&http.hits) > before);
    snprintf(url, sizeof(url), "http://rebind.test:%u/a.m3u8", canary_port);
    assert_true(try_open(url, &narrow, false)); /* and now it is not */
    assert_false(was_visited(&canary, 20));

    /* Of two addresses the one that is allowed remains, and is used. */
    snprintf(url, sizeof(url), "http://both.test:%u/a.m3u8", http.port);
    const uint32_t then = atomic_load(&http.hits);
    assert_true(try_open(url, &narrow, false));
    assert_true(atomic_load(&http.hits) > then);
    assert_false(was_visited(&canary, 20));
}

static void an_address_nobody_asked_for_is_judged(void **state)
{
    (void)state;
    struct guard_policy narrow = {0};
    allow(&narrow, "127.0.0.1");
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(canary_port)};
    inet_pton(AF_INET, "127.0.0.2", &a.sin_addr);
    visits(&canary);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(guard_enter(&narrow), 0);
    errno = 0;
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(sa_family_t)), -1);
    assert_true(guard_has_refused());
    assert_true(guard_leave());
    assert_false(was_visited(&canary, 20));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0); /* without a guard */
    close(fd);
    assert_true(was_visited(&canary, 10000));
}

static void *connect_elsewhere(void *arg)
{
    struct sockaddr_in *a = arg;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int err = connect(fd, (struct sockaddr *)a, sizeof(*a));
    close(fd);
    return err ? "refused" : NULL;
}

static void other_threads_are_left_alone(void **state)
{
    (void)state;
    struct guard_policy nothing = {0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(canary_port)};
    inet_pton(AF_INET, "127.0.0.2", &a.sin_addr);
    pthread_t thread;
    void *refused = NULL;
    assert_int_equal(guard_enter(&nothing), 0);
    assert_int_equal(pthread_create(&thread, NULL, connect_elsewhere, &a), 0);
    pthread_join(thread, &refused);
    assert_false(guard_leave());
    assert_null(refused);
}

static void libc_answers_where_there_is_no_guard(void **state)
{
    (void)state;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
    struct addrinfo *list = NULL;
    assert_int_equal(getaddrinfo("127.0.0.2", "80", &hints, &list), 0);
    assert_non_null(list);
    freeaddrinfo(list);
    struct guard_policy nothing = {0};
    assert_int_equal(guard_enter(&nothing), 0);
    list = (struct addrinfo *)&nothing; /* not to be touched */
    assert_int_equal(getaddrinfo("127.0.0.2", "80", &hints, &list), EAI_NONAME);
    assert_ptr_equal(list, &nothing);
    const struct addrinfo own = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    assert_int_equal(getaddrinfo(NULL, "80", &own, &list), EAI_NONAME); /* nor to listen */
    assert_int_not_equal(getaddrinfo("no such name", "80", &hints, &list), 0);
    struct addrinfo *any = NULL;
    assert_int_equal(getaddrinfo(NULL, "0", &own, &any), 0); /* but to send from */
    freeaddrinfo(any);
    assert_int_equal(getaddrinfo("8.8.8.8", "80", &hints, &list), 0);
    assert_string_equal(list->ai_canonname, "8.8.8.8");
    freeaddrinfo(list);
    assert_true(guard_leave());
}

static void proxies_are_forgotten(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.2:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.2:1", 1);
    guard_forget_proxies();
    assert_null(getenv("http_proxy"));
    assert_null(getenv("ALL_PROXY"));
}

static int set_up(void **state)
{
    (void)state;
    av_log_set_level(AV_LOG_QUIET);
    avformat_network_init();
    guard_set_resolver(resolve);
    http.answer = answer_http;
    rtsp.answer = answer_rtsp;
    start(&http, "127.0.0.1", 0);
    start(&rtsp, "127.0.0.1", 0);
    start_canary(&canary);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop(&http);
    stop(&rtsp);
    stop_canary(&canary);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proxies_are_forgotten),
        cmocka_unit_test(libc_answers_where_there_is_no_guard),
        cmocka_unit_test(an_address_nobody_asked_for_is_judged),
        cmocka_unit_test(other_threads_are_left_alone),
        cmocka_unit_test(every_scheme_is_judged),
        cmocka_unit_test(redirects_are_judged),
        cmocka_unit_test(playlists_are_judged),
        cmocka_unit_test(names_are_judged_every_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
