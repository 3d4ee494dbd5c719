/* Pushes against servers of libavformat and against servers that do nothing. */
#include "synth.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "mcu/base/clock.h"
#include "recorder/push.h"

enum { LOOP_S = 2, WAIT_S = 60 };

/* --- who feeds, live -------------------------------------------------------------------------- */

struct feed {
    struct synth synth;
    struct rec_live *push;
    pthread_t thread;
    atomic_bool is_over;
};

static void feed_one(struct feed *f, struct mcu_packet *p, enum mcu_kind kind, int64_t base_us)
{
    struct mcu_packet *copy = mcu_packet_copy(p->data, p->size);
    copy->codec = p->codec;
    copy->is_key = p->is_key;
    copy->pts_us = copy->dts_us = base_us + p->pts_us;
    if (kind == MCU_VIDEO)
        rec_live_push_video(f->push, copy);
    else
        rec_live_push_audio(f->push, copy);
    mcu_packet_unref(copy);
}

/* The two seconds again and again, by the clock. */
static void *feed(void *arg)
{
    struct feed *f = arg;
    for (int64_t base_us = mcu_now_us(); !atomic_load(&f->is_over);
         base_us += LOOP_S * MCU_US_PER_S) {
        size_t v = 0, a = 0;
        while (!atomic_load(&f->is_over) &&
               (v < f->synth.video_count || a < f->synth.audio_count)) {
            const int64_t now_us = mcu_now_us() - base_us;
            while (v < f->synth.video_count && f->synth.video[v]->pts_us <= now_us)
                feed_one(f, f->synth.video[v++], MCU_VIDEO, base_us);
            while (a < f->synth.audio_count && f->synth.audio[a]->pts_us <= now_us)
                feed_one(f, f->synth.audio[a++], MCU_AUDIO, base_us);
            usleep(5000);
        }
    }
    return NULL;
}

static struct feed feeder;

static int make_media(void **state)
{
    (void)state;
    synth_audio(&feeder.synth, 0, LOOP_S);
    synth_video(&feeder.synth, 0, LOOP_S * SYNTH_FPS, 0);
    while (feeder.synth.audio_count > LOOP_S * 48000 / 1024) /* what is behind the end */
        mcu_packet_unref(feeder.synth.audio[--feeder.synth.audio_count]);
    return 0;
}

static int free_media(void **state)
{
    (void)state;
    synth_free(&feeder.synth);
    return 0;
}

static int64_t changes; /* of states; only for the callback to have something to do */

static void on_state(void *ctx)
{
    __atomic_fetch_add((int64_t *)ctx, 1, __ATOMIC_RELAXED);
}

static struct rec_live_conf conf_of(const char *url, bool may_loop_back)
{
    struct rec_live_conf conf = {
        .name = "test",
        .url = url,
        .ca_file = "",
        .width = SYNTH_WIDTH,
        .height = SYNTH_HEIGHT,
        .channels = 2,
        .audio_config = feeder.synth.audio_config,
        .audio_config_size = feeder.synth.audio_config_size,
        .connect_us = 10 * MCU_US_PER_S,
        .stall_us = 10 * MCU_US_PER_S,
        .ctx = &changes,
        .on_state = on_state,
    };
    if (may_loop_back)
        assert_int_equal(guard_policy_add(&conf.policy, "127.0.0.0/8"), 0);
    return conf;
}

static void start(const struct rec_live_conf *conf)
{
    assert_int_equal(rec_live_start(&feeder.push, conf), 0);
    atomic_store(&feeder.is_over, false);
    assert_int_equal(pthread_create(&feeder.thread, NULL, feed, &feeder), 0);
}

static void stop(void)
{
    atomic_store(&feeder.is_over, true);
    pthread_join(feeder.thread, NULL);
    struct rec_live_status status;
    rec_live_stop(feeder.push);
    for (int i = 0; i < WAIT_S * 100; i++, usleep(10000)) {
        rec_live_read(feeder.push, &status);
        if (status.state == REC_LIVE_ENDED)
            break;
    }
    rec_live_destroy(feeder.push);
    assert_int_equal(status.state, REC_LIVE_ENDED);
}

static struct rec_live_status wait_for(enum rec_live_state state)
{
    struct rec_live_status status = {0};
    for (int i = 0; i < WAIT_S * 100; i++, usleep(10000)) {
        rec_live_read(feeder.push, &status);
        if (status.state == state)
            break;
    }
    if (status.state != state) {
        stop();
        fail_msg("never %s", rec_live_state_name(state));
    }
    return status;
}

static int bind_loopback(int type, int *port)
{
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static int free_port(int type)
{
    int port;
    close(bind_loopback(type, &port));
    return port;
}

/* --- who receives ----------------------------------------------------------------------------- */

struct server {
    char url[128];
    const char *format;
    int wanted; /* pictures, then it hangs up */
    pthread_t thread;
    atomic_bool is_over;
    /* what it got */
    int pictures, keys, sounds, errors;
    bool began_with_key;
    int64_t last_us[2];
};

static int is_over(void *arg)
{
    return atomic_load(&((struct server *)arg)->is_over);
}

static void look_at(struct server *s, const AVFormatContext *in, const AVPacket *p)
{
    const AVStream *st = in->streams[p->stream_index];
    const int kind = st->codecpar->codec_type == AVMEDIA_TYPE_VIDEO ? MCU_VIDEO : MCU_AUDIO;
    const bool is_key = p->flags & AV_PKT_FLAG_KEY;
    if (p->pts != AV_NOPTS_VALUE) { /* else it is in one PES packet with the one before */
        const int64_t us = av_rescale_q(p->pts, st->time_base, AV_TIME_BASE_Q);
        s->errors += s->last_us[kind] && us <= s->last_us[kind];
        s->last_us[kind] = us;
    }
    if (kind == MCU_AUDIO) {
        s->sounds++;
        return;
    }
    if (s->pictures++ == 0)
        s->began_with_key = is_key;
    s->keys += is_key;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    AVFormatContext *in = avformat_alloc_context();
    in->interrupt_callback = (AVIOInterruptCB){is_over, s};
    AVDictionary *options = NULL;
    if (strncmp(s->url, "rtmp", 4) == 0)
        av_dict_set(&options, "listen", "1", 0);
    if (avformat_open_input(&in, s->url, av_find_input_format(s->format), &options) == 0) {
        AVPacket *p = av_packet_alloc();
        while (s->pictures < s->wanted && av_read_frame(in, p) >= 0) {
            look_at(s, in, p);
            av_packet_unref(p);
        }
        av_packet_free(&p);
        avformat_close_input(&in);
    }
    av_dict_free(&options);
    return NULL;
}

static void open_server(struct server *s)
{
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

/* Waits for it to have had enough. */
static void join(struct server *s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    if (pthread_timedjoin_np(s->thread, NULL, &until) == 0)
        return;
    atomic_store(&s->is_over, true);
    pthread_join(s->thread, NULL);
}

static void check(const struct server *s)
{
    assert_int_equal(s->pictures, s->wanted);
    assert_true(s->began_with_key);
    assert_true(s->keys >= 2);            /* one a second */
    assert_true(s->sounds > s->pictures); /* 47 and 30 a second */
    assert_int_equal(s->errors, 0);
}

static void rtmp_carries_both(void **state)
{
    (void)state;
    static struct server s = {.format = "flv", .wanted = 40};
    snprintf(s.url, sizeof(s.url), "rtmp://127.0.0.1:%d/live/secret", free_port(SOCK_STREAM));
    const struct rec_live_conf conf = conf_of(s.url, true);
    open_server(&s);
    start(&conf);
    join(&s);
    struct rec_live_status status;
    rec_live_read(feeder.push, &status);
    stop();
    check(&s);
    assert_true(status.bytes > 10000);
}

static void srt_carries_both(void **state)
{
    (void)state;
    static struct server s = {.format = "mpegts", .wanted = 40};
    char url[128];
    const int port = free_port(SOCK_DGRAM);
    snprintf(s.url, sizeof(s.url), "srt://127.0.0.1:%d?mode=listener", port);
    snprintf(url, sizeof(url), "srt://127.0.0.1:%d?streamid=secret&latency=120000", port);
    const struct rec_live_conf conf = conf_of(url, true);
    open_server(&s);
    start(&conf);
    join(&s);
    stop();
    check(&s);
}

static void srt_with_a_wrong_passphrase_is_refused(void **state)
{
    (void)state;
    static struct server s = {.format = "mpegts", .wanted = 1};
    char url[128];
    const int port = free_port(SOCK_DGRAM);
    snprintf(s.url, sizeof(s.url), "srt://127.0.0.1:%d?mode=listener&passphrase=0123456789", port);
    snprintf(url, sizeof(url), "srt://127.0.0.1:%d?passphrase=9876543210", port);
    const struct rec_live_conf conf = conf_of(url, true);
    open_server(&s);
    start(&conf);
    const struct rec_live_status status = wait_for(REC_LIVE_RETRYING);
    atomic_store(&s.is_over, true);
    stop();
    join(&s);
    assert_true(status.error == -EACCES || status.error == -ECONNREFUSED);
    assert_int_equal(s.pictures, 0);
}

static void a_server_that_comes_back_is_found(void **state)
{
    (void)state;
    static struct server first = {.format = "flv", .wanted = 10};
    static struct server second = {.format = "flv", .wanted = 10};
    snprintf(first.url, sizeof(first.url), "rtmp://127.0.0.1:%d/live/secret",
             free_port(SOCK_STREAM));
    memcpy(second.url, first.url, sizeof(first.url));
    const struct rec_live_conf conf = conf_of(first.url, true);
    start(&conf); /* nobody is there yet */
    struct rec_live_status status = wait_for(REC_LIVE_RETRYING);
    assert_int_equal(status.error, -ECONNREFUSED);
    open_server(&first);
    join(&first);
    status = wait_for(REC_LIVE_RETRYING);
    open_server(&second);
    join(&second);
    rec_live_read(feeder.push, &status);
    stop();
    assert_int_equal(first.pictures, first.wanted);
    assert_int_equal(second.pictures, second.wanted);
    assert_true(second.began_with_key);
    assert_true(status.retries >= 2);
}

static void a_server_that_says_nothing_is_given_up_in_time(void **state)
{
    (void)state;
    int port;
    const int fd = bind_loopback(SOCK_STREAM, &port);
    assert_int_equal(listen(fd, 16), 0); /* the kernel answers, and nobody else */
    char url[128];
    snprintf(url, sizeof(url), "rtmp://127.0.0.1:%d/live/secret", port);
    struct rec_live_conf conf = conf_of(url, true);
    conf.connect_us = MCU_US_PER_S / 2;
    conf.give_up_us = 1;
    start(&conf);
    wait_for(REC_LIVE_RETRYING);
    const struct rec_live_status status = wait_for(REC_LIVE_FAILED);
    stop();
    close(fd);
    assert_int_equal(status.error, -ETIMEDOUT);
    assert_int_equal(status.retries, 2);
}

/* Nobody may come in. */
static void what_is_not_allowed_is_never_connected_to(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"};
    for (size_t i = 0; i < 2 * sizeof(hosts) / sizeof(*hosts); i++) {
        const bool is_srt = i % 2;
        int port;
        const int fd = bind_loopback(is_srt ? SOCK_DGRAM : SOCK_STREAM, &port);
        if (!is_srt)
            assert_int_equal(listen(fd, 16), 0);
        char url[128];
        snprintf(url, sizeof(url), "%s://%s:%d%s", is_srt ? "srt" : "rtmp", hosts[i / 2], port,
                 is_srt ? "" : "/live/x");
        const struct rec_live_conf conf = conf_of(url, false);
        start(&conf);
        const struct rec_live_status status = wait_for(REC_LIVE_RETRYING);
        stop();
        struct pollfd knock = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&knock, 1, 0), 0);
        close(fd);
        assert_int_equal(status.error, -EACCES);
    }
}

static void a_url_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"",
                                       "file:///etc/passwd",
                                       "http://example.com/x",
                                       "rtmp://",
                                       "rtmp://a b/c",
                                       "RTMP://example.com/x",
                                       "srt://x/",
                                       "tcp://example.com:1935/",
                                       "concat:a|b"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        struct rec_live *push = NULL;
        const struct rec_live_conf conf = conf_of(urls[i], true);
        assert_int_equal(rec_live_start(&push, &conf), -EINVAL);
    }
}

static void a_push_stops_while_it_connects(void **state)
{
    (void)state;
    int port;
    const int fd = bind_loopback(SOCK_STREAM, &port);
    assert_int_equal(listen(fd, 16), 0);
    char url[128];
    snprintf(url, sizeof(url), "rtmp://127.0.0.1:%d/live/secret", port);
    struct rec_live_conf conf = conf_of(url, true);
    conf.connect_us = 1000 * MCU_US_PER_S;
    start(&conf);
    usleep(100000);
    stop(); /* waits for ENDED */
    close(fd);
}

static void errors_are_words(void **state)
{
    (void)state;
    assert_string_equal(rec_live_error_text(0), "");
    for (int e = -200; e < 0; e++)
        assert_true(strlen(rec_live_error_text(e)) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rtmp_carries_both),
        cmocka_unit_test(srt_carries_both),
        cmocka_unit_test(srt_with_a_wrong_passphrase_is_refused),
        cmocka_unit_test(a_server_that_comes_back_is_found),
        cmocka_unit_test(a_server_that_says_nothing_is_given_up_in_time),
        cmocka_unit_test(what_is_not_allowed_is_never_connected_to),
        cmocka_unit_test(a_url_that_is_none_is_refused),
        cmocka_unit_test(a_push_stops_while_it_connects),
        cmocka_unit_test(errors_are_words),
    };
    return cmocka_run_group_tests(tests, make_media, free_media);
}
