/* A long recording on a virtual clock, 160x90 at 5 pictures a second: a sender whose clock is 100 ppm
 * off beeps once a second and flashes with it. At the end sound and picture stand where they stood at
 * the beginning, the file is as long as the time, and memory is what it was. MINUTES says how long
 * (`make proof-hours`: 240). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <opus/opus.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compositor/encode.h"
#include "mcu/base/clock.h"
#include "mcu/studio.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HAS_OWN_HEAP = 1 };
#else
enum { HAS_OWN_HEAP = 0 };
#endif

enum { FPS = 5, LOOP = 50, PACKET_MAX = 400, WIDTH = 160, HEIGHT = 90, BEEP_MS = 100 };

#define PPM 100
/* One second of the sender's, in room time. */
#define SECOND_US (MCU_US_PER_S - PPM)

struct rig {
    struct layout *layout;
    struct mcu_studio *studio;
    struct mcu_seat *seat;
    uint8_t sound[LOOP][PACKET_MAX];
    int sound_size[LOOP];
    struct mcu_packet *dark, *bright;
    struct rec_result result;
    atomic_bool is_done;
    char path[64];
};

static void on_assign(void *ctx, void *seat_ctx, int32_t output)
{
    (void)ctx, (void)seat_ctx, (void)output;
}

static void on_recording(void *ctx, const char *id, uint32_t part, const struct rec_result *result)
{
    struct rig *r = ctx;
    (void)id, (void)part;
    r->result = *result;
    atomic_store(&r->is_done, true);
}

/* A second: a beep, and silence. */
static void make_sound(struct rig *r)
{
    int err = 0;
    OpusEncoder *e = opus_encoder_create(48000, 1, OPUS_APPLICATION_AUDIO, &err);
    assert_int_equal(err, 0);
    for (int turn = 0; turn < 2; turn++) { /* the second time as it is in the middle of the loop */
        for (int n = 0; n < LOOP; n++) {
            int16_t pcm[960];
            for (int i = 0; i < 960; i++)
                pcm[i] = n * 20 < BEEP_MS ? (i / 24 % 2 ? 12000 : -12000) : 0;
            r->sound_size[n] = opus_encode(e, pcm, 960, r->sound[n], PACKET_MAX);
            assert_true(r->sound_size[n] > 0);
        }
    }
    opus_encoder_destroy(e);
}

static void keep_packet(void *ctx, struct mcu_packet *packet)
{
    *(struct mcu_packet **)ctx = packet;
}

static struct mcu_packet *make_picture(uint8_t luma)
{
    struct comp_canvas canvas;
    void *impl = NULL;
    struct mcu_packet *out = NULL;
    const struct comp_codec_conf conf = {.width = WIDTH, .height = HEIGHT, .fps = FPS,
                                         .bitrate_bps = 100000, .preset = "ultrafast", .speed = -8,
                                         .threads = 1, .temporal_layers = 1};
    assert_int_equal(comp_canvas_init(&canvas, WIDTH, HEIGHT), 0);
    memset(canvas.plane[0], luma, (size_t)canvas.stride[0] * HEIGHT);
    memset(canvas.plane[1], 128, (size_t)canvas.stride[1] * HEIGHT / 2);
    memset(canvas.plane[2], 128, (size_t)canvas.stride[2] * HEIGHT / 2);
    assert_int_equal(comp_codec_h264.create(&impl, &conf), 0);
    assert_int_equal(comp_codec_h264.encode(impl, &canvas, 0, true, keep_packet, &out), 0);
    assert_non_null(out);
    comp_codec_h264.destroy(impl);
    comp_canvas_finish(&canvas);
    return out;
}

static int set_up(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    *state = r;
    snprintf(r->path, sizeof(r->path), "/tmp/mixdown-hours-%d.mp4", (int)getpid());
    unlink(r->path);
    make_sound(r);
    r->dark = make_picture(40);
    r->bright = make_picture(220);
    if (layout_builtin(&r->layout, "grid") < 0)
        return -1;
    const struct mcu_studio_conf conf = {
        .mix = {.channels = 2, .bitrate_bps = 32000, .speakers = 5, .min_delay_us = 40000,
                .max_delay_us = 200000},
        .comp = {.fps = FPS, .is_offline = true},
        .view = {.width = WIDTH, .height = HEIGHT},
        .video = {.width = WIDTH, .height = HEIGHT, .fps = FPS, .bitrate_bps = 60000,
                  .preset = "ultrafast", .speed = -8, .threads = 1, .temporal_layers = 1},
        .layout = r->layout,
        .aac_bitrate_bps = 64000,
        .fragment_ms = 500,
    };
    const struct mcu_studio_sink sink = {
        .ctx = r, .on_assign = on_assign, .on_recording = on_recording};
    static const struct mix_input_conf voice = {
        .codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = MIX_RATE_HZ};
    return mcu_studio_create(&r->studio, &conf, &sink) ||
           mcu_seat_add(r->studio, &r->seat, "a", r) || mcu_seat_open_audio(r->seat, &voice) ||
           mcu_seat_open_video(r->seat, MCU_CAMERA, MCU_CODEC_H264, NULL, 0);
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    mcu_studio_destroy(r->studio);
    layout_destroy(r->layout);
    mcu_packet_unref(r->dark);
    mcu_packet_unref(r->bright);
    unlink(r->path);
    free(r);
    return 0;
}

/* --- the room --------------------------------------------------------------------------------- */

/* What the sender has captured by then: packet n at n * 20 ms of his own clock. */
static void send_sound(struct rig *r, int64_t now_us)
{
    static int64_t n;
    for (int64_t at_us; (at_us = n * SECOND_US / LOOP) <= now_us; n++) {
        const struct mix_packet packet = {.data = r->sound[n % LOOP],
                                          .size = (size_t)r->sound_size[n % LOOP],
                                          .sequence = (uint64_t)n,
                                          .pts_us = at_us,
                                          .arrival_us = at_us + 5000,
                                          .level_dbov = 1};
        mcu_seat_push_audio(r->seat, &packet);
    }
}

static void send_pictures(struct rig *r, int64_t now_us)
{
    static int64_t n;
    for (int64_t at_us; (at_us = n * SECOND_US / FPS) <= now_us; n++) {
        const struct mcu_packet *of = n % FPS ? r->dark : r->bright;
        struct mcu_packet *p = mcu_packet_copy(of->data, of->size);
        p->codec = MCU_CODEC_H264;
        p->is_key = true;
        p->pts_us = p->dts_us = at_us;
        mcu_seat_push_video(r->seat, MCU_CAMERA, p);
        mcu_packet_unref(p);
    }
}

static long memory_kb(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &pages, &resident), 2);
    fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void run(struct rig *r, int64_t from_us, int64_t to_us)
{
    for (int64_t us = from_us; us < to_us; us += MIX_TICK_US) {
        send_sound(r, us);
        mcu_studio_tick_audio(r->studio, us);
        if (us % (MCU_US_PER_S / FPS) == 0) {
            send_pictures(r, us);
            mcu_studio_tick_video(r->studio, us);
        }
        if (us % 100000 == 0)
            mcu_seat_align_lips(r->seat);
    }
}

/* --- the file --------------------------------------------------------------------------------- */

/* Where the n-th beep and the n-th flash begin in the file, less where the sender made them. */
struct marks {
    double beep_ms[2], flash_ms[2]; /* the mean of those of the first and of the last minute */
    int beeps[2], flashes[2];
};

static void add_mark(double *sum, int *count, double at_ms, double end_ms)
{
    const double second_ms = SECOND_US / 1000.0;
    const double n = (double)(int64_t)(at_ms / second_ms);
    const double off_ms = at_ms - n * second_ms;
    const int which = at_ms < 60000 ? 0 : at_ms > end_ms - 60000 ? 1 : -1;
    if (which < 0 || at_ms < 3000)
        return;
    sum[which] += off_ms;
    count[which]++;
}

static void see_frame(struct marks *m, const AVFrame *f, double at_ms, bool is_video, double end_ms)
{
    static bool was_bright, was_loud;
    if (is_video) {
        const bool is_bright = f->data[0][f->height / 2 * f->linesize[0] + f->width / 2] > 130;
        if (is_bright && !was_bright)
            add_mark(m->flash_ms, m->flashes, at_ms, end_ms);
        was_bright = is_bright;
        return;
    }
    const float *pcm = (const float *)f->data[0];
    static int quiet;
    for (int i = 0; i < f->nb_samples; i++) {
        const bool is_loud = pcm[i] > 0.05f || pcm[i] < -0.05f;
        quiet = is_loud ? 0 : quiet + 1;
        if (is_loud && !was_loud)
            add_mark(m->beep_ms, m->beeps, at_ms + i / 48.0, end_ms);
        was_loud = is_loud || (was_loud && quiet < 9600);
    }
}

static void decode(struct marks *m, AVCodecContext *c, const AVPacket *p, const AVStream *st,
                   double end_ms)
{
    AVFrame *f = av_frame_alloc();
    assert_true(avcodec_send_packet(c, p) >= 0);
    while (avcodec_receive_frame(c, f) >= 0) {
        const double at_ms = (double)f->best_effort_timestamp * av_q2d(st->time_base) * 1000;
        see_frame(m, f, at_ms, c->codec_type == AVMEDIA_TYPE_VIDEO, end_ms);
        av_frame_unref(f);
    }
    av_frame_free(&f);
}

/* Whole, from the first packet to the last: four hours of it decode. */
static struct marks read_marks(const char *path, double end_ms, double *lengths_ms)
{
    struct marks m = {0};
    AVFormatContext *in = NULL;
    AVCodecContext *codecs[2] = {0};
    assert_true(avformat_open_input(&in, path, NULL, NULL) >= 0);
    assert_int_equal(in->nb_streams, 2);
    for (int i = 0; i < 2; i++) {
        codecs[i] = avcodec_alloc_context3(avcodec_find_decoder(in->streams[i]->codecpar->codec_id));
        avcodec_parameters_to_context(codecs[i], in->streams[i]->codecpar);
        codecs[i]->pkt_timebase = in->streams[i]->time_base;
        assert_true(avcodec_open2(codecs[i], NULL, NULL) >= 0);
    }
    AVPacket *p = av_packet_alloc();
    for (; av_read_frame(in, p) >= 0; av_packet_unref(p)) {
        const int i = p->stream_index;
        lengths_ms[i] = (double)(p->pts + p->duration) * av_q2d(in->streams[i]->time_base) * 1000;
        decode(&m, codecs[i], p, in->streams[i], end_ms);
    }
    av_packet_free(&p);
    for (int i = 0; i < 2; i++)
        avcodec_free_context(&codecs[i]);
    avformat_close_input(&in);
    for (int i = 0; i < 2; i++) {
        assert_true(m.beeps[i] > 40 && m.flashes[i] > 40);
        m.beep_ms[i] /= m.beeps[i];
        m.flash_ms[i] /= m.flashes[i];
    }
    return m;
}

static void hours_do_not_part_sound_and_picture(void **state)
{
    struct rig *r = *state;
    const char *text = getenv("MINUTES");
    const int64_t minutes = text ? atoi(text) : 2;
    const int64_t end_us = minutes * 60 * MCU_US_PER_S;
    const struct mcu_record_conf conf = {.id = "r", .path = r->path};
    assert_int_equal(mcu_studio_record(r->studio, &conf), 0);
    run(r, 0, end_us / 4);
    const long before_kb = memory_kb();
    run(r, end_us / 4, end_us);
    const long grown_kb = memory_kb() - before_kb;
    mcu_studio_record_end_at(r->studio, "r", end_us);
    mcu_studio_flush(r->studio);
    assert_int_equal(mcu_studio_record_stop(r->studio, "r", end_us), 0);
    for (int i = 0; i < 60000 && !atomic_load(&r->is_done); i++)
        usleep(1000);
    assert_true(atomic_load(&r->is_done));
    assert_true(mcu_studio_record_reap(r->studio, "r", 1));
    assert_int_equal(r->result.error, 0);
    assert_int_equal(r->result.dropped, 0);

    double lengths_ms[2] = {0};
    const double end_ms = (double)end_us / 1000;
    const struct marks m = read_marks(r->path, end_ms, lengths_ms);
    const double lips_ms[2] = {m.flash_ms[0] - m.beep_ms[0], m.flash_ms[1] - m.beep_ms[1]};
    printf("# %d min, %lld kB, %ld kB more memory; beeps at %.1f and %.1f ms, flashes at %.1f and"
           " %.1f\n",
           (int)minutes, (long long)r->result.bytes / 1000, grown_kb, m.beep_ms[0], m.beep_ms[1],
           m.flash_ms[0], m.flash_ms[1]);
    for (int i = 0; i < 2; i++)
        assert_true(lengths_ms[i] > end_ms - 40 && lengths_ms[i] < end_ms + 40);
    assert_true(m.beep_ms[1] - m.beep_ms[0] < 40 && m.beep_ms[0] - m.beep_ms[1] < 40);
    /* A flash is seen with the next picture, of 200 ms: its phase goes round with the drift. */
    assert_true(lips_ms[0] > -240 && lips_ms[0] < 240 && lips_ms[1] > -240 && lips_ms[1] < 240);
    if (HAS_OWN_HEAP)
        printf("skipped: how memory grows, for a sanitizer keeps what was freed\n");
    else
        assert_true(grown_kb < 16 * 1024);
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hours_do_not_part_sound_and_picture, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
