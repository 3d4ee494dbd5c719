/* Plain peers against raw sockets and against each other: RTP and SRTP, known and learnt addresses.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "tests/unit/transport/pair.h"

#include "transport/rtp.h"
#include "transport/srtp.h"

enum {
    PT = 96,
    LEVEL_EXT = 3,
    KEY_MAX = RTC_SRTP_KEY_MAX,
    MANY = 200,
    SOME = 40,
    DATAGRAM = 1500,
};

enum mode { PLAIN, CM, GCM, MODES };

static const uint8_t key_a[KEY_MAX] = {1, 2, 3, 4, 5}; /* of what the far side sends */
static const uint8_t key_b[KEY_MAX] = {9, 8, 7, 6, 5};

static enum rtc_srtp_profile profile_of(enum mode mode)
{
    return mode == CM ? RTC_SRTP_AES128_CM_SHA1_80 : RTC_SRTP_AEAD_AES_128_GCM;
}

static size_t key_bytes(enum mode mode)
{
    return rtc_srtp_key_bytes(profile_of(mode)) + rtc_srtp_salt_bytes(profile_of(mode));
}

/* --- the far side: a socket
 * ----------------------------------------------------------------------- */

struct far {
    int fd;
    uint16_t port;
    struct rtc_srtp *send;
    struct rtc_srtp *receive;
    uint16_t seq;
};

static void far_open(struct far *f, enum mode mode)
{
    memset(f, 0, sizeof(*f));
    f->fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(f->fd >= 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(name);
    assert_int_equal(bind(f->fd, (struct sockaddr *)&name, n), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&name, &n), 0);
    f->port = ntohs(name.sin_port);
    f->seq = 65500; /* it wraps on the way */
    if (mode == PLAIN)
        return;
    assert_int_equal(
        rtc_srtp_create(&f->send, profile_of(mode), RTC_SRTP_SEND, key_a, key_bytes(mode)), 0);
    assert_int_equal(
        rtc_srtp_create(&f->receive, profile_of(mode), RTC_SRTP_RECEIVE, key_b, key_bytes(mode)),
        0);
}

static void far_close(struct far *f)
{
    close(f->fd);
    rtc_srtp_destroy(f->send);
    rtc_srtp_destroy(f->receive);
}

static void far_send(const struct far *f, uint16_t port, const void *data, size_t size)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(sendto(f->fd, data, size, 0, (const struct sockaddr *)&to, sizeof(to)), size);
}

/* Audio packet number n, protected if it is to be; returns its bytes. */
static size_t far_make(struct far *f, uint32_t ssrc, uint32_t n, uint8_t *out)
{
    const struct rtc_rtp_header h = {.pt = PT,
                                     .seq = f->seq++,
                                     .timestamp = n * 960,
                                     .ssrc = ssrc,
                                     .ext.audio_level = LEVEL_EXT,
                                     .level_dbov = -30};
    const int head = rtc_rtp_write(out, DATAGRAM, &h);
    assert_true(head > 0);
    struct mcu_packet *p = pair_audio(n, 0);
    memcpy(out + head, p->data, p->size);
    size_t size = (size_t)head + p->size;
    mcu_packet_unref(p);
    if (f->send)
        assert_int_equal(rtc_srtp_protect(f->send, out, &size, DATAGRAM), 0);
    return size;
}

static void far_send_audio(struct far *f, uint16_t port, uint32_t n)
{
    _Alignas(8) uint8_t data[DATAGRAM];
    far_send(f, port, data, far_make(f, 77, n, data));
}

/* The next RTP packet, in the clear; RTCP is stepped over. Fails the test when none comes. */
static struct rtc_rtp far_receive(struct far *f, uint8_t *data)
{
    for (;;) {
        struct pollfd p = {.fd = f->fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 60000), 1);
        const ssize_t n = recv(f->fd, data, DATAGRAM, 0);
        assert_true(n > 0);
        size_t size = (size_t)n;
        if (rtc_datagram_kind(data, size) != RTC_DATAGRAM_RTP)
            continue;
        if (f->receive)
            assert_int_equal(rtc_srtp_unprotect(f->receive, data, &size), 0);
        struct rtc_rtp rtp;
        assert_int_equal(rtc_rtp_parse(&rtp, data, size), 0);
        return rtp;
    }
}

/* --- the near side: a plain peer
 * ------------------------------------------------------------------ */

static void end_make(struct end *e)
{
    memset(e, 0, sizeof(*e));
    pthread_mutex_init(&e->lock, NULL);
}

static struct rtc *open_rtc(void)
{
    struct rtc *rtc;
    const struct rtc_conf conf = {.peers_per_thread = 32};
    assert_int_equal(rtc_create(&rtc, &conf), 0);
    return rtc;
}

static struct rtc_plain_conf conf_of(enum mode mode, uint16_t remote_port)
{
    return (struct rtc_plain_conf){
        .remote_host = remote_port ? "127.0.0.1" : NULL,
        .remote_port = remote_port,
        .media[MCU_AUDIO] = {.direction = MCU_SENDRECV,
                             .codec = MCU_CODEC_OPUS,
                             .pt = PT,
                             .audio_level_ext = LEVEL_EXT},
        .is_srtp = mode != PLAIN,
        .profile = (int)profile_of(mode),
        .key_in = key_a,
        .key_out = key_b,
        .key_bytes = key_bytes(mode),
    };
}

static int make_plain(struct rtc *rtc, struct end *e, const struct rtc_plain_conf *conf,
                      struct rtc_plain_local *local)
{
    const struct rtc_peer_sink sink = {
        .ctx = e,
        .on_state = end_on_state,
        .on_candidate = end_on_candidate,
        .on_audio = end_on_audio,
        .on_video = end_on_video,
        .on_need_key = end_on_need_key,
    };
    return rtc_peer_create_plain(rtc, &e->peer, conf, &sink, local);
}

static bool has_rejected(struct end *e, size_t n)
{
    struct rtc_peer_stats stats;
    rtc_peer_read_stats(e->peer, &stats);
    return stats.rejected >= n;
}

static void expect_audio(struct end *e, size_t from, size_t count, uint32_t number)
{
    assert_true(pair_wait(has_audio, e, from + count));
    for (size_t i = 0; i < count; i++) {
        assert_true(e->audio_in[from + i].is_whole);
        assert_int_equal(e->audio_in[from + i].number, number + i);
        if (i > 0)
            assert_int_equal(e->audio_in[from + i].sequence,
                             e->audio_in[from + i - 1].sequence + 1);
    }
}

static void push_and_expect(struct rtc_feed *feed, struct far *f,
                            const struct rtc_plain_local *local)
{
    _Alignas(8) uint8_t data[DATAGRAM];
    uint16_t seq = 0;
    for (uint32_t n = 0; n < SOME; n++) {
        struct mcu_packet *p = pair_audio(n, mcu_now_us());
        rtc_feed_push(feed, p);
        mcu_packet_unref(p);
    }
    for (uint32_t n = 0; n < SOME; n++) {
        const struct rtc_rtp rtp = far_receive(f, data);
        uint32_t number;
        assert_true(pair_is_audio(rtp.payload, rtp.payload_size, &number));
        assert_int_equal(number, n);
        assert_int_equal(rtp.pt, PT);
        assert_int_equal(rtp.ssrc, local->ssrc[MCU_AUDIO]);
        if (n > 0)
            assert_int_equal(rtp.seq, (uint16_t)(seq + 1));
        seq = rtp.seq;
    }
}

/* --- tests
 * ---------------------------------------------------------------------------------------- */

static void sound_goes_both_ways(void **state)
{
    (void)state;
    for (enum mode mode = PLAIN; mode < MODES; mode++) {
        for (int is_learnt = 0; is_learnt < 2; is_learnt++) {
            static struct end e;
            struct far f;
            struct rtc_plain_local local;
            end_make(&e);
            far_open(&f, mode);
            e.rtc = open_rtc();
            const struct rtc_plain_conf conf = conf_of(mode, is_learnt ? 0 : f.port);
            assert_int_equal(make_plain(e.rtc, &e, &conf, &local), 0);
            assert_string_equal(local.host, "127.0.0.1");
            assert_true(pair_wait(has_state, &e, is_learnt ? RTC_CONNECTING : RTC_CONNECTED));
            for (uint32_t n = 0; n < SOME; n++)
                far_send_audio(&f, local.port, n);
            expect_audio(&e, 0, SOME, 0);
            assert_true(pair_wait(has_state, &e, RTC_CONNECTED));
            assert_int_equal(rtc_feed_create(e.rtc, &e.audio, MCU_CODEC_OPUS), 0);
            rtc_peer_tune(e.peer, MCU_AUDIO, e.audio);
            push_and_expect(e.audio, &f, &local);
            end_close(&e);
            far_close(&f);
        }
    }
}

static void peers_of_one_port_are_told_apart_by_source(void **state)
{
    (void)state;
    static struct end ends[3];
    struct far fars[3], stranger;
    struct rtc_plain_local locals[3];
    struct rtc *rtc = open_rtc();
    for (size_t i = 0; i < 3; i++) {
        end_make(&ends[i]);
        far_open(&fars[i], PLAIN);
        const struct rtc_plain_conf conf = conf_of(PLAIN, fars[i].port);
        assert_int_equal(make_plain(rtc, &ends[i], &conf, &locals[i]), 0);
        assert_int_equal(locals[i].port, locals[0].port);
        struct end other;
        end_make(&other);
        struct rtc_plain_local local;
        assert_int_equal(make_plain(rtc, &other, &conf, &local), -EADDRINUSE);
        pthread_mutex_destroy(&other.lock);
    }
    far_open(&stranger, PLAIN);
    for (uint32_t n = 0; n < SOME; n++) {
        far_send_audio(&stranger, locals[0].port, 7);
        for (size_t i = 0; i < 3; i++)
            far_send_audio(&fars[i], locals[i].port, (uint32_t)(1000 * i) + n);
    }
    for (size_t i = 0; i < 3; i++) {
        expect_audio(&ends[i], 0, SOME, (uint32_t)(1000 * i));
        assert_int_equal(ends[i].audio_count, SOME);
    }
    /* Who goes leaves his address to another. */
    rtc_peer_destroy(ends[1].peer);
    const struct rtc_plain_conf conf = conf_of(PLAIN, fars[1].port);
    assert_int_equal(make_plain(rtc, &ends[1], &conf, &locals[1]), 0);
    far_send_audio(&fars[1], locals[1].port, 5);
    expect_audio(&ends[1], SOME, 1, 5);
    far_send_audio(&fars[2], locals[2].port, 6);
    expect_audio(&ends[2], SOME, 1, 6);
    rtc_destroy(rtc);
    for (size_t i = 0; i < 3; i++) {
        far_close(&fars[i]);
        pthread_mutex_destroy(&ends[i].lock);
    }
    far_close(&stranger);
}

static void a_learnt_address_stays_until_it_is_silent(void **state)
{
    (void)state;
    for (enum mode mode = PLAIN; mode < MODES; mode++) {
        static struct end e;
        struct far first, second;
        struct rtc_plain_local local;
        end_make(&e);
        far_open(&first, mode);
        far_open(&second, mode);
        second.seq = 300; /* for the replay window one stream goes on */
        e.rtc = open_rtc();
        const struct rtc_plain_conf conf = conf_of(mode, 0);
        assert_int_equal(make_plain(e.rtc, &e, &conf, &local), 0);
        far_send(&second, local.port, "\x80\x7fgarbage that is no packet", 26);
        assert_true(pair_wait(has_rejected, &e, 1));
        first.seq = 200;
        far_send_audio(&first, local.port, 1);
        expect_audio(&e, 0, 1, 1);
        far_send_audio(&second, local.port, 2); /* too early */
        far_send_audio(&first, local.port, 2);
        expect_audio(&e, 1, 1, 2);
        assert_true(pair_wait(has_rejected, &e, 2));
        assert_int_equal(e.audio_count, 2);
        rtc_plain_age(e.peer, 6 * MCU_US_PER_S);
        far_send_audio(&second, local.port, 3);
        assert_true(pair_wait(has_audio, &e, 3));
        assert_int_equal(e.audio_in[2].number, 3);
        assert_int_equal(rtc_feed_create(e.rtc, &e.audio, MCU_CODEC_OPUS), 0);
        rtc_peer_tune(e.peer, MCU_AUDIO, e.audio);
        push_and_expect(e.audio, &second, &local); /* it gets the sound now */
        end_close(&e);
        far_close(&first);
        far_close(&second);
    }
}

enum { STALE_US = 200 * 1000 };

struct block {
    struct rtc_peer *peer;
    atomic_bool is_kept;
    atomic_bool may_go;
};

static int wait_on_net(void *arg)
{
    struct block *b = arg;
    atomic_store(&b->is_kept, true);
    while (!atomic_load(&b->may_go))
        mcu_sleep_until_us(mcu_now_us() + 1000);
    return 0;
}

static void *block_net(void *arg)
{
    struct block *b = arg;
    rtc_shard_call(b->peer->group->shard, wait_on_net, b, -1);
    return NULL;
}

static int count_stale(void *arg)
{
    const struct rtc_peer *p = arg;
    return (int)p->group->stale;
}

static void push_number(struct rtc_feed *feed, uint32_t number)
{
    struct mcu_packet *p = pair_audio(number, mcu_now_us());
    rtc_feed_push(feed, p);
    mcu_packet_unref(p);
}

/* Of what came so far; 0: no sound did. */
static uint32_t newest_number(const struct far *f)
{
    _Alignas(8) uint8_t data[DATAGRAM];
    uint32_t newest = 0;
    for (ssize_t n; (n = recv(f->fd, data, DATAGRAM, MSG_DONTWAIT)) > 0;) {
        struct rtc_rtp rtp;
        if (rtc_datagram_kind(data, (size_t)n) != RTC_DATAGRAM_RTP)
            continue;
        assert_int_equal(rtc_rtp_parse(&rtp, data, (size_t)n), 0);
        assert_true(pair_is_audio(rtp.payload, rtp.payload_size, &newest));
        assert_true(newest > SOME); /* none of those that waited */
    }
    return newest;
}

/* A thread that could not run for a while leaves out what nobody waits for any more. */
static void sound_that_waited_too_long_is_left_out(void **state)
{
    (void)state;
    static struct end e;
    static struct block b;
    struct far f;
    struct rtc_plain_local local;
    pthread_t thread;
    end_make(&e);
    far_open(&f, PLAIN);
    const struct rtc_conf rtc_conf = {.peers_per_thread = 32, .audio_stale_us = STALE_US};
    assert_int_equal(rtc_create(&e.rtc, &rtc_conf), 0);
    const struct rtc_plain_conf conf = conf_of(PLAIN, f.port);
    assert_int_equal(make_plain(e.rtc, &e, &conf, &local), 0);
    assert_int_equal(rtc_feed_create(e.rtc, &e.audio, MCU_CODEC_OPUS), 0);
    rtc_peer_tune(e.peer, MCU_AUDIO, e.audio);

    b = (struct block){.peer = e.peer};
    assert_int_equal(pthread_create(&thread, NULL, block_net, &b), 0);
    while (!atomic_load(&b.is_kept))
        mcu_sleep_until_us(mcu_now_us() + 1000);
    for (uint32_t n = 1; n <= SOME; n++)
        push_number(e.audio, n);
    mcu_sleep_until_us(mcu_now_us() + STALE_US + 1000);
    atomic_store(&b.may_go, true);
    assert_int_equal(pthread_join(thread, NULL), 0);

    const int64_t by_us = mcu_now_us() + 60 * MCU_US_PER_S;
    uint32_t came = 0;
    for (uint32_t n = SOME + 1; !came && mcu_now_us() < by_us; n++) { /* until one is in time */
        push_number(e.audio, n);
        mcu_sleep_until_us(mcu_now_us() + 20 * 1000);
        came = newest_number(&f);
    }
    assert_true(came > SOME);
    assert_true(rtc_shard_call(e.peer->group->shard, count_stale, e.peer, -1) >= SOME);
    end_close(&e);
    far_close(&f);
}

static void who_can_wait_is_served_with_others(void **state)
{
    (void)state;
    enum { G = RTC_GROUP_LAZY_US };
    assert_int_equal(rtc_group_due_us(7, 0), 7);
    assert_int_equal(rtc_group_due_us(7, G - 1), 7 + G - 1); /* pacing and NACKs are to the point */
    assert_int_equal(rtc_group_due_us(0, G), G);
    assert_int_equal(rtc_group_due_us(1, G), 2 * G);
    assert_int_equal(rtc_group_due_us(G, 50 * G), 51 * G);
    for (int64_t wait_us = G; wait_us < 4 * G; wait_us += 777) {
        const int64_t due_us = rtc_group_due_us(12345, wait_us);
        assert_int_equal(due_us % RTC_PORT_LOOK_US, 0);
        assert_true(due_us >= 12345 + wait_us && due_us < 12345 + wait_us + G);
    }
}

static void what_was_seen_or_changed_is_refused(void **state)
{
    (void)state;
    for (enum mode mode = CM; mode < MODES; mode++) {
        static struct end e;
        struct far f;
        struct rtc_plain_local local;
        _Alignas(8) uint8_t data[DATAGRAM];
        end_make(&e);
        far_open(&f, mode);
        e.rtc = open_rtc();
        const struct rtc_plain_conf conf = conf_of(mode, f.port);
        assert_int_equal(make_plain(e.rtc, &e, &conf, &local), 0);
        const size_t size = far_make(&f, 77, 1, data);
        far_send(&f, local.port, data, size);
        far_send(&f, local.port, data, size); /* a replay */
        assert_true(pair_wait(has_rejected, &e, 1));
        const size_t other = far_make(&f, 77, 2, data);
        data[other / 2] ^= 1;
        far_send(&f, local.port, data, other);
        assert_true(pair_wait(has_rejected, &e, 2));
        far_send_audio(&f, local.port, 3);
        assert_true(pair_wait(has_audio, &e, 2));
        assert_int_equal(e.audio_in[0].number, 1);
        assert_int_equal(e.audio_in[1].number, 3);
        end_close(&e);
        far_close(&f);
    }
}

static void silence_is_failure_until_the_next_packet(void **state)
{
    (void)state;
    static struct end e;
    struct far f;
    struct rtc_plain_local local;
    end_make(&e);
    far_open(&f, GCM);
    e.rtc = open_rtc();
    const struct rtc_plain_conf conf = conf_of(GCM, f.port);
    assert_int_equal(make_plain(e.rtc, &e, &conf, &local), 0);
    rtc_plain_age(e.peer, 31 * MCU_US_PER_S);
    assert_true(pair_wait(has_state, &e, RTC_FAILED));
    far_send(&f, local.port, "no packet of its", 16);
    far_send_audio(&f, local.port, 1);
    assert_true(pair_wait(has_state, &e, RTC_CONNECTED));
    expect_audio(&e, 0, 1, 1);
    end_close(&e);
    far_close(&f);

    /* Who only listens has nothing to say. */
    end_make(&e);
    far_open(&f, PLAIN);
    e.rtc = open_rtc();
    struct rtc_plain_conf listens = conf_of(PLAIN, f.port);
    listens.media[MCU_AUDIO].direction = MCU_SENDONLY;
    assert_int_equal(make_plain(e.rtc, &e, &listens, &local), 0);
    rtc_plain_age(e.peer, 31 * MCU_US_PER_S);
    assert_int_equal(rtc_feed_create(e.rtc, &e.audio, MCU_CODEC_OPUS), 0);
    rtc_peer_tune(e.peer, MCU_AUDIO, e.audio);
    push_and_expect(e.audio, &f, &local);
    assert_true(pair_wait(has_state, &e, RTC_CONNECTED));
    far_send_audio(&f, local.port, 1); /* and may not say it */
    assert_true(pair_wait(has_rejected, &e, 1));
    assert_int_equal(e.audio_count, 0);
    end_close(&e);
    far_close(&f);
}

static void two_hundred_hear_every_packet(void **state)
{
    (void)state;
    static struct end ends[MANY];
    static struct far fars[MANY];
    struct rtc_plain_local local;
    struct rtc *rtc = open_rtc();
    struct rtc_feed *feeds[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(rtc_feed_create(rtc, &feeds[i], MCU_CODEC_OPUS), 0);
    for (size_t i = 0; i < MANY; i++) {
        end_make(&ends[i]);
        far_open(&fars[i], GCM);
        const struct rtc_plain_conf conf = conf_of(GCM, fars[i].port);
        assert_int_equal(make_plain(rtc, &ends[i], &conf, &local), 0);
        rtc_peer_tune(ends[i].peer, MCU_AUDIO, feeds[i % 2]);
    }
    for (uint32_t n = 0; n < SOME; n++) {
        if (n == SOME / 2) /* half of them change places: their streams go on */
            for (size_t i = 0; i < MANY; i += 4)
                rtc_peer_tune(ends[i].peer, MCU_AUDIO, feeds[1 - i % 2]);
        for (size_t k = 0; k < 2; k++) {
            struct mcu_packet *p = pair_audio((uint32_t)(1000 * k) + n, mcu_now_us());
            rtc_feed_push(feeds[k], p);
            mcu_packet_unref(p);
        }
        mcu_sleep_until_us(mcu_now_us() + 2000);
    }
    for (size_t i = 0; i < MANY; i++) {
        uint16_t seq = 0;
        for (uint32_t n = 0; n < SOME; n++) {
            _Alignas(8) uint8_t data[DATAGRAM];
            const struct rtc_rtp rtp = far_receive(&fars[i], data);
            uint32_t number;
            assert_true(pair_is_audio(rtp.payload, rtp.payload_size, &number));
            if (i % 4 != 0)
                assert_int_equal(number, 1000 * (i % 2) + n);
            if (n > 0)
                assert_int_equal(rtp.seq, (uint16_t)(seq + 1));
            seq = rtp.seq;
        }
        far_send_audio(&fars[i], local.port, (uint32_t)i);
    }
    for (size_t i = 0; i < MANY; i++)
        expect_audio(&ends[i], 0, 1, (uint32_t)i);
    rtc_destroy(rtc);
    for (size_t i = 0; i < 2; i++)
        rtc_feed_destroy(feeds[i]);
    for (size_t i = 0; i < MANY; i++) {
        far_close(&fars[i]);
        pthread_mutex_destroy(&ends[i].lock);
    }
}

static void garbage_harms_nobody(void **state)
{
    (void)state;
    for (enum mode mode = PLAIN; mode < MODES; mode++) {
        static struct end e;
        struct far f, stranger;
        struct rtc_plain_local local;
        uint32_t random = 1;
        end_make(&e);
        far_open(&f, mode);
        far_open(&stranger, mode);
        e.rtc = open_rtc();
        const struct rtc_plain_conf conf = conf_of(mode, f.port);
        assert_int_equal(make_plain(e.rtc, &e, &conf, &local), 0);
        for (uint32_t n = 0; n < 2000; n++) {
            uint8_t data[DATAGRAM];
            random = random * 1664525u + 1013904223u;
            const size_t size = random >> 8 & (n % 16 ? 127 : 1023);
            pair_fill(data, size, random);
            if (size > 1 && n % 2)
                data[0] = (uint8_t)(0x80 | (data[0] & 0x3f));
            if (size > 1 && n % 4 == 3)
                data[1] = n % 8 == 3 ? 0x7f : 200; /* a type that is none of ours; RTCP */
            far_send(n % 3 ? &f : &stranger, local.port, data, size);
            if (n % 64 == 0) /* the socket's buffer is bounded */
                mcu_sleep_until_us(mcu_now_us() + 1000);
        }
        pthread_mutex_lock(&e.lock);
        e.audio_count = 0;
        pthread_mutex_unlock(&e.lock);
        assert_true(pair_wait(has_rejected, &e, 100));
        bool is_heard = false;
        for (uint32_t n = 0; n < 600 && !is_heard; n++) { /* garbage may have latched an SSRC */
            far_send_audio(&f, local.port, n);
            mcu_sleep_until_us(mcu_now_us() + 100 * 1000);
            pthread_mutex_lock(&e.lock);
            for (size_t i = 0; i < e.audio_count; i++)
                is_heard = is_heard || e.audio_in[i].is_whole;
            pthread_mutex_unlock(&e.lock);
        }
        assert_true(is_heard);
        end_close(&e);
        far_close(&f);
        far_close(&stranger);
    }
}

/* Two transports: one knows where the other is, the other learns it. */
static void pictures_go_both_ways(void **state)
{
    (void)state;
    static const enum mcu_codec codecs[] = {MCU_CODEC_VP8, MCU_CODEC_H264};
    for (size_t c = 0; c < 2; c++) {
        static struct end a, b;
        struct rtc_plain_local local_a, local_b;
        end_make(&a);
        end_make(&b);
        a.rtc = open_rtc();
        b.rtc = open_rtc();
        struct rtc_plain_conf conf = conf_of(GCM, 0);
        conf.media[MCU_VIDEO] = (struct rtc_plain_media){.direction = MCU_SENDRECV,
                                                         .codec = codecs[c],
                                                         .pt = 100,
                                                         .rtx_pt = c == 0 ? 101 : 0,
                                                         .has_nack = true};
        assert_int_equal(make_plain(b.rtc, &b, &conf, &local_b), 0);
        conf.remote_host = local_b.host;
        conf.remote_port = local_b.port;
        conf.key_in = key_b;
        conf.key_out = key_a;
        assert_int_equal(make_plain(a.rtc, &a, &conf, &local_a), 0);
        assert_int_equal(rtc_peer_send_codec(a.peer, MCU_VIDEO), codecs[c]);
        assert_true(rtc_peer_receives_audio(a.peer));
        end_feed(&a, codecs[c]);
        end_feed(&b, codecs[c]);
        end_push_video(&a, codecs[c], 0, true, 30000);
        assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
        for (uint32_t n = 1; n < 20; n++) {
            end_push_video(&a, codecs[c], n, false, 3000);
            end_push_video(&b, codecs[c], n - 1, n == 1, 3000);
            mcu_sleep_until_us(mcu_now_us() + 10000);
        }
        assert_true(pair_wait(has_frames, &b, 20));
        assert_true(pair_wait(has_frames, &a, 19));
        for (uint32_t n = 0; n < 20; n++)
            assert_true(pair_is_frame(&b, n, codecs[c], n, n == 0, n == 0 ? 30000 : 3000));
        rtc_peer_request_key(b.peer, RTC_CAMERA);
        assert_true(pair_wait(has_key_asked, &a, 1));
        end_close(&a);
        end_close(&b);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static struct end e;
    struct rtc_plain_local local;
    end_make(&e);
    e.rtc = open_rtc();
    const struct rtc_plain_conf good = conf_of(GCM, 40000);
    struct rtc_plain_conf bad[9];
    for (size_t i = 0; i < 9; i++)
        bad[i] = good;
    bad[0].media[MCU_AUDIO].direction = MCU_INACTIVE;
    bad[1].media[MCU_AUDIO].pt = 128;
    bad[2].media[MCU_AUDIO].codec = MCU_CODEC_VP8;
    bad[3].media[MCU_AUDIO].red_pt = PT;
    bad[4].key_bytes = 30;
    bad[5].key_out = NULL;
    bad[6].remote_host = "example.org";
    bad[7].remote_port = 0;
    bad[8].profile = 5;
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(make_plain(e.rtc, &e, &bad[i], &local), -EINVAL);
    struct rtc_plain_conf v6 = good;
    v6.remote_host = "::1";
    assert_int_equal(make_plain(e.rtc, &e, &v6, &local), -EINVAL); /* the port is of IPv4 */

    assert_int_equal(make_plain(e.rtc, &e, &good, &local), 0);
    static struct mcu_desc offer, answer;
    assert_int_equal(rtc_peer_offer(e.peer, MCU_SENDRECV, MCU_INACTIVE, MCU_CODEC_VP8, &offer),
                     -EINVAL);
    assert_int_equal(rtc_peer_accept(e.peer, &offer, MCU_CODEC_VP8, &answer), -EINVAL);
    assert_int_equal(rtc_peer_answered(e.peer, &answer), -EINVAL);
    assert_int_equal(rtc_peer_add_candidate(e.peer, "candidate:1 1 udp 1 1.2.3.4 5 typ host"),
                     -EINVAL);
    end_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_goes_both_ways),
        cmocka_unit_test(peers_of_one_port_are_told_apart_by_source),
        cmocka_unit_test(a_learnt_address_stays_until_it_is_silent),
        cmocka_unit_test(sound_that_waited_too_long_is_left_out),
        cmocka_unit_test(who_can_wait_is_served_with_others),
        cmocka_unit_test(what_was_seen_or_changed_is_refused),
        cmocka_unit_test(silence_is_failure_until_the_next_packet),
        cmocka_unit_test(two_hundred_hear_every_packet),
        cmocka_unit_test(garbage_harms_nobody),
        cmocka_unit_test(pictures_go_both_ways),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
