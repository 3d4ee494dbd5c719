/* A room with real participants: the transport at both ends over loopback, small pictures made with
 * libavcodec. They join, change what they send and leave in the middle of traffic while recordings
 * run. Mostly there for the sanitizers. [ctl] of the room and of the guests is this one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#include "mcu/base/clock.h"
#include "mcu/config.h"
#include "mcu/control.h"
#include "mcu/room.h"
#include "recorder/rec.h"
#include "transport/rtc.h"

enum {
    WIDTH = 160,
    HEIGHT = 90,
    LOOP = 10,
    GUESTS = 4,
    PICTURE_US = 100 * 1000,
    SOUND_US = 20 * 1000
};

struct guest {
    char id[24];
    struct rtc_peer *rtc;
    struct rtc_feed *audio;
    struct rtc_feed *video[2]; /* H264, VP8 */
    enum mcu_codec codec;
    atomic_int state;
    atomic_int sounds;
    atomic_int pictures[2]; /* by codec, as above */
};

struct fixture {
    struct mcu_room *room;
    struct rtc *rtc;
    json_t *reply;
    int recordings_ready;
    int recordings_failed;
    struct guest *guests[GUESTS];
    struct mcu_packet *sound;
    struct mcu_packet *pictures[2][LOOP];
    int64_t next_sound_us;
    int64_t next_picture_us;
    int64_t next_housekeep_us;
    unsigned number;
};

static size_t index_of(enum mcu_codec codec)
{
    return codec == MCU_CODEC_H264 ? 0 : 1;
}

/* --- what is sent --- */

static AVCodecContext *open_encoder(const char *name)
{
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder_by_name(name));
    c->width = WIDTH;
    c->height = HEIGHT;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, 10};
    c->gop_size = LOOP;
    c->max_b_frames = 0;
    c->thread_count = 1;
    if (strcmp(name, "libvpx") == 0) {
        av_opt_set(c->priv_data, "deadline", "realtime", 0);
        av_opt_set_int(c->priv_data, "lag-in-frames", 0, 0);
    } else {
        av_opt_set(c->priv_data, "preset", "ultrafast", 0);
        av_opt_set(c->priv_data, "tune", "zerolatency", 0);
    }
    assert_int_equal(avcodec_open2(c, NULL, NULL), 0);
    return c;
}

static void make_pictures(struct mcu_packet **out, const char *encoder, enum mcu_codec codec)
{
    AVCodecContext *c = open_encoder(encoder);
    AVFrame *f = av_frame_alloc();
    AVPacket *p = av_packet_alloc();
    f->width = WIDTH;
    f->height = HEIGHT;
    f->format = AV_PIX_FMT_YUV420P;
    assert_int_equal(av_frame_get_buffer(f, 0), 0);
    for (int n = 0; n < LOOP; n++) {
        assert_int_equal(av_frame_make_writable(f), 0);
        memset(f->data[0], 40 + 15 * n, (size_t)(f->linesize[0] * HEIGHT));
        memset(f->data[1], 128, (size_t)(f->linesize[1] * HEIGHT / 2));
        memset(f->data[2], 128, (size_t)(f->linesize[2] * HEIGHT / 2));
        f->pts = n;
        assert_int_equal(avcodec_send_frame(c, f), 0);
        assert_int_equal(avcodec_receive_packet(c, p), 0);
        out[n] = mcu_packet_copy(p->data, (size_t)p->size);
        out[n]->codec = codec;
        out[n]->is_key = (p->flags & AV_PKT_FLAG_KEY) != 0;
        av_packet_unref(p);
    }
    av_packet_free(&p);
    av_frame_free(&f);
    avcodec_free_context(&c);
}

static void push(struct rtc_feed *feed, const struct mcu_packet *of, int64_t pts_us)
{
    struct mcu_packet *p = mcu_packet_copy(of->data, of->size);
    p->codec = of->codec;
    p->is_key = of->is_key;
    p->pts_us = p->dts_us = pts_us;
    rtc_feed_push(feed, p);
    mcu_packet_unref(p);
}

static void send_media(struct fixture *f, int64_t now_us)
{
    const bool has_sound = now_us >= f->next_sound_us;
    const bool has_picture = now_us >= f->next_picture_us;
    for (int i = 0; i < GUESTS; i++) {
        const struct guest *g = f->guests[i];
        if (g && has_sound)
            push(g->audio, f->sound, now_us);
        for (size_t c = 0; g && has_picture && c < 2; c++)
            push(g->video[c], f->pictures[c][f->number % LOOP], now_us);
    }
    if (has_sound)
        f->next_sound_us = now_us + SOUND_US;
    if (has_picture) {
        f->next_picture_us = now_us + PICTURE_US;
        f->number++;
    }
}

/* --- the room --- */

static struct guest *find_guest(struct fixture *f, const char *id)
{
    for (int i = 0; i < GUESTS; i++) {
        if (f->guests[i] && strcmp(f->guests[i]->id, id) == 0)
            return f->guests[i];
    }
    return NULL;
}

static void on_event(struct fixture *f, const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "event"));
    const char *id = json_string_value(json_object_get(message, "peer"));
    assert_non_null(name);
    if (strcmp(name, "recording") == 0) {
        const bool is_ready =
            strcmp(json_string_value(json_object_get(message, "state")), "ready") == 0;
        *(is_ready ? &f->recordings_ready : &f->recordings_failed) += 1;
    }
    const struct guest *g = id ? find_guest(f, id) : NULL;
    if (g && strcmp(name, "candidate") == 0)
        rtc_peer_add_candidate(g->rtc, json_string_value(json_object_get(message, "candidate")));
}

static void on_send(void *ctx, const json_t *message)
{
    struct fixture *f = ctx;
    assert_true(json_is_object(message));
    if (!json_object_get(message, "reply")) {
        on_event(f, message);
        return;
    }
    json_decref(f->reply);
    f->reply = json_deep_copy(message);
}

static void tell(struct fixture *f, json_t *command)
{
    mcu_room_command(f->room, command);
    if (!json_is_true(json_object_get(f->reply, "ok")))
        fail_msg("%s refused", json_string_value(json_object_get(command, "cmd")));
    json_decref(command);
}

static void turn(struct fixture *f)
{
    struct pollfd fd = {.fd = mcu_room_events_fd(f->room), .events = POLLIN};
    poll(&fd, 1, 2);
    mcu_room_take_events(f->room);
    const int64_t now_us = mcu_now_us();
    send_media(f, now_us);
    if (now_us < f->next_housekeep_us)
        return;
    f->next_housekeep_us = now_us + 100 * MCU_US_PER_MS;
    mcu_room_housekeep(f->room, now_us);
}

static void run_for(struct fixture *f, int ms)
{
    const int64_t end_us = mcu_now_us() + ms * MCU_US_PER_MS;
    while (mcu_now_us() < end_us)
        turn(f);
}

/* Media flows until *value is at least wanted. */
static void run_until(struct fixture *f, atomic_int *value, int wanted)
{
    const int64_t end_us = mcu_now_us() + 40 * MCU_US_PER_S;
    while (atomic_load(value) < wanted && mcu_now_us() < end_us)
        turn(f);
    assert_true(atomic_load(value) >= wanted);
}

static json_int_t figure(struct fixture *f, const char *peer, const char *name)
{
    tell(f, json_pack("{s:s}", "cmd", "stats"));
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(f->reply, "peers"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "peer")), peer) == 0)
            return json_integer_value(json_object_get(one, name));
    }
    return -1;
}

static void run_until_figure(struct fixture *f, const char *peer, const char *name,
                             json_int_t least, json_int_t most)
{
    const int64_t end_us = mcu_now_us() + 40 * MCU_US_PER_S;
    json_int_t value;
    while ((value = figure(f, peer, name)) < least || value > most) {
        assert_true(mcu_now_us() < end_us);
        run_for(f, 50);
    }
}

/* --- guests --- */

static void on_state(void *ctx, enum rtc_state state, const char *reason)
{
    (void)reason;
    atomic_store(&((struct guest *)ctx)->state, (int)state);
}

static void on_candidate(void *ctx, const char *candidate)
{
    (void)ctx; /* the room finds them by their checks */
    (void)candidate;
}

static void on_audio(void *ctx, const struct rtc_audio *audio)
{
    (void)audio;
    atomic_fetch_add(&((struct guest *)ctx)->sounds, 1);
}

static void on_video(void *ctx, enum rtc_picture picture, struct mcu_packet *frame)
{
    (void)picture;
    atomic_fetch_add(&((struct guest *)ctx)->pictures[index_of(frame->codec)], 1);
}

static void on_need_key(void *ctx, enum mcu_codec codec)
{
    (void)ctx; /* every tenth is one */
    (void)codec;
}

static void offer(struct fixture *f, struct guest *g, enum mcu_direction audio,
                  enum mcu_direction video, enum mcu_codec codec)
{
    struct mcu_desc *desc = calloc(1, sizeof(*desc));
    assert_non_null(desc);
    assert_int_equal(rtc_peer_offer(g->rtc, audio, video, codec, desc), 0);
    tell(f, json_pack("{s:s,s:s,s:o}", "cmd", "peer_offer", "peer", g->id, "desc",
                      mcu_desc_to_json(desc)));
    assert_int_equal(mcu_desc_from_json(desc, json_object_get(f->reply, "desc")), 0);
    assert_int_equal(rtc_peer_answered(g->rtc, desc), 0);
    free(desc);
    g->codec = codec;
    rtc_peer_tune(g->rtc, MCU_AUDIO, audio & MCU_SENDONLY ? g->audio : NULL);
    rtc_peer_tune(g->rtc, MCU_VIDEO, video & MCU_SENDONLY ? g->video[index_of(codec)] : NULL);
}

static struct guest *join(struct fixture *f, int i, enum mcu_direction audio,
                          enum mcu_direction video, enum mcu_codec codec)
{
    struct guest *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    snprintf(g->id, sizeof(g->id), "guest-%d", i);
    const struct rtc_peer_sink sink = {.ctx = g,
                                       .on_state = on_state,
                                       .on_candidate = on_candidate,
                                       .on_audio = on_audio,
                                       .on_video = on_video,
                                       .on_need_key = on_need_key};
    assert_int_equal(rtc_peer_create(f->rtc, &g->rtc, &sink), 0);
    assert_int_equal(rtc_feed_create(f->rtc, &g->audio, MCU_CODEC_OPUS), 0);
    assert_int_equal(rtc_feed_create(f->rtc, &g->video[0], MCU_CODEC_H264), 0);
    assert_int_equal(rtc_feed_create(f->rtc, &g->video[1], MCU_CODEC_VP8), 0);
    f->guests[i] = g;
    tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_add", "peer", g->id, "user", g->id));
    offer(f, g, audio, video, codec);
    return g;
}

static void free_guest(struct fixture *f, int i)
{
    struct guest *g = f->guests[i];
    if (!g)
        return;
    f->guests[i] = NULL;
    rtc_peer_destroy(g->rtc);
    rtc_feed_destroy(g->audio);
    rtc_feed_destroy(g->video[0]);
    rtc_feed_destroy(g->video[1]);
    free(g);
}

static void remove_peer(struct fixture *f, int i)
{
    char id[24];
    snprintf(id, sizeof(id), "guest-%d", i);
    tell(f, json_pack("{s:s,s:s}", "cmd", "peer_remove", "peer", id));
}

/* Either end may go first. */
static void leave(struct fixture *f, int i, bool says_good_bye)
{
    if (says_good_bye)
        free_guest(f, i);
    remove_peer(f, i);
    turn(f);
    free_guest(f, i);
}

/* --- set-up --- */

static json_t *small_config(void)
{
    static struct mcu_config c;
    mcu_config_init(&c);
    c.rtc.loopback = true;
    c.video.width = 320;
    c.video.height = 180;
    c.video.fps = 10;
    return mcu_config_to_json(&c);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    static const uint8_t silence[] = {0xf8, 0xff, 0xfe}; /* Opus, 20 ms */
    f->sound = mcu_packet_copy(silence, sizeof(silence));
    f->sound->codec = MCU_CODEC_OPUS;
    f->sound->is_key = true;
    make_pictures(f->pictures[0], "libx264", MCU_CODEC_H264);
    make_pictures(f->pictures[1], "libvpx", MCU_CODEC_VP8);
    const struct rtc_conf conf = {.has_loopback = true};
    if (rtc_create(&f->rtc, &conf) < 0 || mcu_room_create(&f->room, on_send, f) < 0)
        return -1;
    tell(f, json_pack("{s:s,s:s,s:s,s:o}", "cmd", "open", "room", "r", "type", "mcu", "config",
                      small_config()));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < GUESTS; i++)
        free_guest(f, i);
    mcu_room_destroy(f->room);
    rtc_destroy(f->rtc);
    json_decref(f->reply);
    mcu_packet_unref(f->sound);
    for (int i = 0; i < LOOP; i++) {
        mcu_packet_unref(f->pictures[0][i]);
        mcu_packet_unref(f->pictures[1][i]);
    }
    free(f);
    return 0;
}

/* The file and all that lies beside it. */
static void remove_recording(const char *path)
{
    char pattern[80];
    glob_t g;
    snprintf(pattern, sizeof(pattern), "%.*s.*", (int)strlen(path) - 4, path);
    if (glob(pattern, 0, NULL, &g) != 0)
        return;
    for (size_t i = 0; i < g.gl_pathc; i++)
        unlink(g.gl_pathv[i]);
    globfree(&g);
}

static void start_recording(struct fixture *f, const char *id, const char *path)
{
    remove_recording(path);
    tell(f, json_pack("{s:s,s:s,s:s,s:b}", "cmd", "record_start", "id", id, "file", path, "tracks",
                      1));
}

/* How long the n-th track beside it is by its last page; -1: there is none. */
static int64_t track_us(const char *path, int n)
{
    char pattern[80];
    glob_t g;
    int64_t us = -1;
    AVFormatContext *in = NULL;
    snprintf(pattern, sizeof(pattern), "%.*s.track-%02d-*.ogg", (int)strlen(path) - 4, path, n);
    if (glob(pattern, 0, NULL, &g) != 0)
        return -1;
    assert_int_equal(g.gl_pathc, 1);
    if (avformat_open_input(&in, g.gl_pathv[0], NULL, NULL) == 0 &&
        avformat_find_stream_info(in, NULL) >= 0)
        us = in->duration;
    avformat_close_input(&in);
    globfree(&g);
    return us;
}

/* The file is whole and lasts as long as it should at least. */
static void check_file(const char *path, int64_t least_ms)
{
    struct rec_result result;
    assert_int_equal(rec_recover(path, &result), 0);
    assert_true(result.duration_ms >= least_ms);
    remove_recording(path);
}

/* --- tests --- */

static void a_viewer_goes_on_stage_and_off_again(void **state)
{
    struct fixture *f = *state;
    struct guest *a = join(f, 0, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8);
    struct guest *b = join(f, 1, MCU_RECVONLY, MCU_RECVONLY, MCU_CODEC_VP8);
    run_until(f, &a->state, RTC_CONNECTED);
    run_until(f, &b->pictures[1], 5);
    run_until(f, &b->sounds, 20);
    run_until_figure(f, "guest-0", "decoded", 3, INT64_MAX);
    assert_int_equal(figure(f, "guest-1", "decoded"), 0);

    /* On stage, and with the other codec both ways; an ICE restart on top. */
    offer(f, b, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_H264);
    run_until(f, &b->pictures[0], 5);
    run_until_figure(f, "guest-1", "decoded", 3, INT64_MAX);
    const int before = atomic_load(&a->pictures[1]);
    run_until(f, &a->pictures[1], before + 3);

    /* Its camera goes: its last picture must not stay in the room's. */
    offer(f, b, MCU_SENDRECV, MCU_RECVONLY, MCU_CODEC_H264);
    run_until_figure(f, "guest-1", "width", 0, 0);
    run_for(f, 300);
    assert_int_equal(figure(f, "guest-1", "width"), 0);
    offer(f, b, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8);
    run_until_figure(f, "guest-1", "width", WIDTH, WIDTH);
}

static void people_come_and_go_while_recordings_run(void **state)
{
    struct fixture *f = *state;
    char all[64], one[64];
    snprintf(all, sizeof(all), "/tmp/mixdown-live-%d-all.mp4", (int)getpid());
    snprintf(one, sizeof(one), "/tmp/mixdown-live-%d-one.mp4", (int)getpid());
    start_recording(f, "all", all);
    join(f, 0, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_H264);
    for (int round = 0; round < 4; round++) {
        start_recording(f, "one", one);
        struct guest *stays = NULL;
        for (int i = 1; i < GUESTS; i++)
            stays = join(f, i, MCU_SENDRECV, i == 2 ? MCU_RECVONLY : MCU_SENDRECV,
                         (i + round) % 2 ? MCU_CODEC_H264 : MCU_CODEC_VP8);
        if (round == 3) { /* gone before they were connected */
            for (int i = 1; i < GUESTS; i++)
                leave(f, i, i % 2);
            run_for(f, 400);
        } else {
            run_until(f, &stays->pictures[index_of(stays->codec)], 3);
            run_until_figure(f, stays->id, "decoded", 1, INT64_MAX);
            for (int i = 1; i < GUESTS; i++)
                leave(f, i, (i + round) % 2);
        }
        tell(f, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", "one"));
        for (int i = 0; i < 2000 && f->recordings_ready <= round; i++)
            turn(f);
        assert_int_equal(f->recordings_ready, round + 1);
        check_file(one, 200);
    }
    run_for(f, 500);
    tell(f, json_pack("{s:s}", "cmd", "close"));
    for (int i = 0; i < 5000 && !mcu_room_is_closed(f->room); i++)
        turn(f);
    assert_true(mcu_room_is_closed(f->room));
    assert_int_equal(f->recordings_ready, 5);
    assert_int_equal(f->recordings_failed, 0);
    check_file(all, 1000);
}

static void each_ones_sound_is_beside_the_recording(void **state)
{
    struct fixture *f = *state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/mixdown-live-%d-tracks.mp4", (int)getpid());
    struct guest *a = join(f, 0, MCU_SENDRECV, MCU_RECVONLY, MCU_CODEC_VP8);
    run_until(f, &a->sounds, 5);
    start_recording(f, "tracks", path);
    const int64_t from_us = mcu_now_us();
    run_for(f, 1000);
    struct guest *b = join(f, 1, MCU_SENDRECV, MCU_RECVONLY, MCU_CODEC_VP8);
    run_until(f, &b->sounds, 5);
    run_for(f, 1000);
    tell(f, json_pack("{s:s,s:s,s:b}", "cmd", "peer_set", "peer", a->id, "muted_audio", 1));
    const int64_t muted_us = mcu_now_us() - from_us;
    run_for(f, 1500);
    const int64_t whole_us = mcu_now_us() - from_us;
    tell(f, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", "tracks"));
    for (int i = 0; i < 6000 && f->recordings_ready < 1; i++)
        turn(f);
    assert_int_equal(f->recordings_ready, 1);
    /* Who is muted is not heard in his track, though his client goes on sending. */
    assert_true(track_us(path, 1) > 700000 && track_us(path, 1) < muted_us + 300000);
    /* Who came later begins with silence: his lasts as long as the recording. */
    assert_true(track_us(path, 2) > muted_us && track_us(path, 2) < whole_us + 300000);
    assert_int_equal(track_us(path, 3), -1);
    check_file(path, 2000);
}

/* Everybody is there, sends and is recorded when the process is told to die. */
static void a_room_may_end_in_the_middle_of_everything(void **state)
{
    struct fixture *f = *state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/mixdown-live-%d-end.mp4", (int)getpid());
    for (int i = 0; i < GUESTS; i++)
        join(f, i, MCU_SENDRECV, MCU_SENDRECV, i % 2 ? MCU_CODEC_H264 : MCU_CODEC_VP8);
    start_recording(f, "end", path);
    run_until(f, &f->guests[0]->pictures[1], 5);
    run_until(f, &f->guests[1]->pictures[0], 5);
    run_for(f, 500);
    mcu_room_destroy(f->room);
    f->room = NULL;
    check_file(path, 300);
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_viewer_goes_on_stage_and_off_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(people_come_and_go_while_recordings_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_ones_sound_is_beside_the_recording, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_room_may_end_in_the_middle_of_everything, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
