/* AAC and Vorbis voices, made here with libavcodec's encoders, and bytes that are neither. */
#include "rig.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>

#include "mixer/dsp.h"

struct track { /* one encoded tone */
    enum mcu_codec codec;
    uint32_t rate_hz, channels;
    uint8_t extradata[8192];
    size_t extradata_size;
    size_t count;
    int64_t lead_us; /* what comes out before the tone begins */
    struct {
        uint8_t data[4096];
        size_t size;
        int64_t pts_us;
    } packets[400];
};

static void take_packets(struct track *t, AVCodecContext *enc, AVPacket *packet)
{
    while (avcodec_receive_packet(enc, packet) == 0) {
        assert_true(t->count < 400 && packet->size <= 4096);
        memcpy(t->packets[t->count].data, packet->data, (size_t)packet->size);
        t->packets[t->count].size = (size_t)packet->size;
        /* as a demuxer with a time base of 1 ms gives it */
        t->packets[t->count].pts_us = llround((double)packet->pts * 1000 / t->rate_hz) * 1000;
        t->count++;
        av_packet_unref(packet);
    }
}

static void encode_frames(struct track *t, AVCodecContext *enc, double hz, double seconds)
{
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    const int per_frame = enc->frame_size ? enc->frame_size : 1024;
    const int64_t all = (int64_t)(seconds * t->rate_hz);
    for (int64_t at = 0; at < all; at += per_frame) {
        frame->nb_samples = per_frame;
        frame->format = AV_SAMPLE_FMT_FLTP;
        frame->sample_rate = enc->sample_rate;
        frame->pts = at;
        av_channel_layout_copy(&frame->ch_layout, &enc->ch_layout);
        assert_int_equal(av_frame_get_buffer(frame, 0), 0);
        for (int c = 0; c < enc->ch_layout.nb_channels; c++) {
            for (int i = 0; i < per_frame; i++)
                ((float *)(void *)frame->extended_data[c])[i] =
                    (float)(0.2 * sin(2 * M_PI * hz * (double)(at + i) / t->rate_hz));
        }
        assert_int_equal(avcodec_send_frame(enc, frame), 0);
        av_frame_unref(frame);
        take_packets(t, enc, packet);
    }
    avcodec_send_frame(enc, NULL);
    take_packets(t, enc, packet);
    av_frame_free(&frame);
    av_packet_free(&packet);
}

static struct track *make_track(enum mcu_codec codec, uint32_t rate_hz, uint32_t channels,
                                double hz, double seconds)
{
    const AVCodec *encoder =
        avcodec_find_encoder(codec == MCU_CODEC_AAC ? AV_CODEC_ID_AAC : AV_CODEC_ID_VORBIS);
    assert_non_null(encoder);
    AVCodecContext *enc = avcodec_alloc_context3(encoder);
    enc->sample_fmt = AV_SAMPLE_FMT_FLTP;
    enc->sample_rate = (int)rate_hz;
    enc->bit_rate = 128000;
    enc->time_base = (AVRational){1, (int)rate_hz};
    enc->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    enc->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_channel_layout_default(&enc->ch_layout, (int)channels);
    assert_int_equal(avcodec_open2(enc, encoder, NULL), 0);
    struct track *t = calloc(1, sizeof(*t));
    t->codec = codec;
    t->rate_hz = rate_hz;
    t->channels = channels;
    assert_true(enc->extradata_size > 0 && (size_t)enc->extradata_size <= sizeof(t->extradata));
    memcpy(t->extradata, enc->extradata, (size_t)enc->extradata_size);
    t->extradata_size = (size_t)enc->extradata_size;
    encode_frames(t, enc, hz, seconds);
    avcodec_free_context(&enc);
    return t;
}

static struct mix_input *add_track(struct rig *r, const struct track *t)
{
    const struct mix_input_conf conf = {.codec = t->codec,
                                        .channels = t->channels,
                                        .rate_hz = t->rate_hz,
                                        .extradata = t->extradata,
                                        .extradata_size = t->extradata_size};
    struct mix_input *in = NULL;
    assert_int_equal(mix_input_add(r->m, &in, &conf), 0);
    return in;
}

/* Pushes what is due before the end of the coming tick; `skip` is lost. */
static void push_due(struct rig *r, struct mix_input *in, const struct track *t, size_t *next,
                     int64_t start_us, size_t skip)
{
    for (; *next < t->count; (*next)++) {
        const int64_t pts = start_us + t->packets[*next].pts_us;
        if (pts >= r->now_us + MIX_TICK_US)
            return;
        const struct mix_packet p = {.level_dbov = 1,
                                     .data = t->packets[*next].data,
                                     .size = t->packets[*next].size,
                                     .sequence = *next,
                                     .pts_us = pts,
                                     .arrival_us = pts};
        if (*next != skip)
            assert_int_equal(mix_input_push(in, &p), 0);
    }
}

struct row {
    const char *name;
    enum mcu_codec codec;
    uint32_t rate_hz, channels;
};

static const struct row rows[] = {
    {"AAC 48 kHz mono", MCU_CODEC_AAC, 48000, 1},
    {"AAC 44.1 kHz stereo", MCU_CODEC_AAC, 44100, 2},
    {"AAC 8 kHz mono", MCU_CODEC_AAC, 8000, 1},
    {"Vorbis 48 kHz stereo", MCU_CODEC_VORBIS, 48000, 2},
    {"Vorbis 44.1 kHz stereo", MCU_CODEC_VORBIS, 44100, 2},
};

/* Chosen so that some packets begin just before the end of a tick, and their times, rounded to 1
 * ms, just after it. */
enum { START_US = 302500 };

static void a_tone_comes_through_whole_and_in_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct track *t = make_track(rows[i].codec, rows[i].rate_hz, rows[i].channels, 500, 3);
        struct rig r;
        rig_open(&r, 0, 0, 0);
        struct mix_input *in = add_track(&r, t);
        size_t next = 0;
        for (int k = 0; k < 190; k++) {
            push_due(&r, in, t, &next, START_US, SIZE_MAX);
            rig_tick(&r);
        }
        const float *x = r.everyone.pcm;
        const double db = to_db(amplitude(x + 48000, 96000, 500) / 0.2);
        const size_t begins = onset(x, r.everyone.frames, 0.05f);
        size_t ends = r.everyone.frames;
        while (ends > 0 && fabsf(x[ends - 1]) < 0.05f)
            ends--;
        const struct mix_input_stats s = rig_stats(in);
        print_message("%s: %.2f dB, %.1f to %.1f ms, late %d\n", rows[i].name, db, begins / 48.0,
                      ends / 48.0, (int)s.late);
        assert_true(fabs(db) < 1);
        assert_true(begins > 290 * 48 && begins < 323 * 48);
        /* the tone fills its last frame */
        assert_true(ends > 3290 * 48 && ends < (3330 + 1024000 / t->rate_hz) * 48);
        assert_true(largest_step(x + 350 * 48, 2940 * 48) < 1.5 * 0.2 * 2 * M_PI * 500 / 48000);
        assert_int_equal(s.lost + s.undecodable + s.overrun + s.concealed + s.stretched, 0);
        for (size_t k = 350; k < 3290; k += 10) /* no hole where packets meet */
            assert_true(rms(x + k * 48, 480) > 0.12);
        rig_close(&r);
        free(t);
    }
}

static void a_lost_packet_is_a_gap_and_not_a_shift(void **state)
{
    (void)state;
    struct track *t = make_track(MCU_CODEC_AAC, 48000, 1, 530, 2); /* not cut at its zero */
    struct rig whole, holed;
    struct rig *rigs[2] = {&whole, &holed};
    for (int i = 0; i < 2; i++) {
        rig_open(rigs[i], 0, 0, 0);
        struct mix_input *in = add_track(rigs[i], t);
        size_t next = 0;
        for (int k = 0; k < 90; k++) {
            push_due(rigs[i], in, t, &next, 0, i ? 40 : SIZE_MAX);
            rig_tick(rigs[i]);
        }
        assert_int_equal(rig_stats(in).lost, i);
    }
    const size_t hole = (size_t)mix_frames(t->packets[40].pts_us);
    assert_true(rms(holed.everyone.pcm + hole + 560, 300) < 0.03);
    const double step = 0.2 * 2 * M_PI * 530 / 48000;
    assert_true(largest_step(holed.everyone.pcm + hole - 960, 4 * 1024) < 1.5 * step);
    for (size_t i = hole + 6 * 1024; i < hole + 20 * 1024; i++)
        assert_true(fabsf(whole.everyone.pcm[i] - holed.everyone.pcm[i]) < 0.003f);
    rig_close(&whole);
    rig_close(&holed);
    free(t);
}

static void stereo_into_mono_and_both_into_one_mix(void **state)
{
    (void)state;
    struct track *a = make_track(MCU_CODEC_AAC, 44100, 2, 500, 2);
    struct track *b = make_track(MCU_CODEC_VORBIS, 48000, 2, 800, 2);
    struct rig r;
    rig_open(&r, 0, 0, 0);
    r.records_outputs = true;
    struct mix_input *in[2] = {add_track(&r, a), add_track(&r, b)};
    struct ear ear;
    rig_listen(&r, &ear, in[0]);
    size_t next[2] = {0};
    for (int k = 0; k < 90; k++) {
        push_due(&r, in[0], a, &next[0], 0, SIZE_MAX);
        push_due(&r, in[1], b, &next[1], 0, SIZE_MAX);
        rig_tick(&r);
    }
    const float *all = r.everyone.pcm + 24000;
    assert_true(fabs(to_db(amplitude(all, 48000, 500) / 0.2)) < 1);
    assert_true(fabs(to_db(amplitude(all, 48000, 800) / 0.2)) < 1);
    const float *raw = r.raw[1].pcm + 24000;
    assert_true(to_db(amplitude(raw, 48000, 500) / 0.2) < -60);
    assert_true(fabs(to_db(amplitude(raw, 48000, 800) / 0.2)) < 1);
    rig_close(&r);
    free(a);
    free(b);
}

/* 1 to 2 and 2 to 1 channels, by either kind of decoder: as loud as before. */
static void mono_and_stereo_are_equally_loud(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 4; c++) {
        const uint32_t from = 1 + c % 2;
        const uint32_t to = 1 + c / 2;
        struct track *t = make_track(MCU_CODEC_AAC, 48000, from, 500, 2);
        struct rig r;
        const struct mix_conf conf = {.channels = to, .bitrate_bps = 64000, .complexity = 5};
        rig_open_conf(&r, &conf, 0);
        struct mix_input *in = add_track(&r, t);
        size_t next = 0;
        for (int k = 0; k < 90; k++) {
            push_due(&r, in, t, &next, 0, SIZE_MAX);
            rig_tick(&r);
        }
        const double want = 0.2 / sqrt(2);
        const double got = rms(r.everyone.pcm + 48000 * to / 2, 48000 * to);
        if (fabs(to_db(got / want)) > 0.5)
            fail_msg("%u to %u channels: %.2f dB", from, to, to_db(got / want));
        rig_close(&r);
        free(t);
    }
}

static void damaged_packets_are_counted_and_survived(void **state)
{
    (void)state;
    uint32_t seed = 5;
    for (int c = 0; c < 2; c++) {
        struct track *t = make_track(c ? MCU_CODEC_VORBIS : MCU_CODEC_AAC, 48000, 2, 500, 3);
        struct rig r;
        rig_open(&r, 0, 0, 0);
        struct mix_input *in = add_track(&r, t);
        for (size_t k = 0; k < 1500; k++) {
            const size_t from = k % t->count;
            uint8_t data[4096];
            size_t size = t->packets[from].size;
            memcpy(data, t->packets[from].data, size);
            for (int n = 0; n < 4; n++)
                data[rig_random(&seed, (uint32_t)size)] = (uint8_t)rig_random(&seed, 256);
            if (rig_random(&seed, 3) == 0)
                size = 1 + rig_random(&seed, (uint32_t)size);
            const struct mix_packet p = {.level_dbov = 1,
                                         .data = data,
                                         .size = size,
                                         .sequence = k,
                                         .pts_us = r.now_us,
                                         .arrival_us = r.now_us};
            mix_input_push(in, &p);
            rig_tick(&r);
        }
        for (size_t i = 0; i < r.everyone.frames; i++)
            assert_true(fabsf(r.everyone.pcm[i]) <= 1.0f);
        assert_int_equal(rig_stats(in).packets, 1500);
        assert_true(rig_stats(in).undecodable > 0);
        rig_close(&r);
        free(t);
    }
}

static void a_damaged_set_up_is_refused_or_survived(void **state)
{
    (void)state;
    uint32_t seed = 9;
    struct track *t = make_track(MCU_CODEC_VORBIS, 48000, 2, 500, 0.2);
    struct rig r;
    rig_open(&r, 0, 0, 0);
    int refused = 0;
    for (int k = 0; k < 100; k++) {
        uint8_t set_up[8192];
        memcpy(set_up, t->extradata, t->extradata_size);
        set_up[rig_random(&seed, 400)] ^= (uint8_t)(1 + rig_random(&seed, 255));
        const struct mix_input_conf conf = {.codec = MCU_CODEC_VORBIS,
                                            .channels = 2,
                                            .rate_hz = 48000,
                                            .extradata = set_up,
                                            .extradata_size =
                                                1 + rig_random(&seed, (uint32_t)t->extradata_size)};
        struct mix_input *in = NULL;
        const int err = mix_input_add(r.m, &in, &conf);
        assert_true(err == 0 || err == -EINVAL);
        refused += err != 0;
        mix_input_remove(r.m, in);
        rig_tick(&r);
    }
    assert_true(refused > 0);
    rig_close(&r);
    free(t);
}

/* RFC 7845: output gain in 1/256 dB. */
static void the_gain_of_an_opus_head_is_applied(void **state)
{
    (void)state;
    struct clip clip = make_clip(500, 0.2, 75);
    const int16_t gain = -6 * 256;
    uint8_t head[19] = "OpusHead\1\1\0\0\200\273";
    head[16] = (uint8_t)((uint16_t)gain & 255);
    head[17] = (uint8_t)((uint16_t)gain >> 8);
    struct rig r;
    rig_open(&r, 0, 0, 0);
    const struct mix_input_conf conf = {.codec = MCU_CODEC_OPUS,
                                        .channels = 1,
                                        .rate_hz = 48000,
                                        .extradata = head,
                                        .extradata_size = sizeof(head)};
    struct mix_input *in;
    assert_int_equal(mix_input_add(r.m, &in, &conf), 0);
    for (size_t k = 0; k < 75; k++) {
        push_clip(in, &clip, k, k, r.now_us, r.now_us);
        rig_tick(&r);
    }
    assert_true(fabs(to_db(amplitude(r.everyone.pcm + 20000, 48000, 500) / 0.2) + 6) < 1);
    rig_close(&r);
    free_clip(&clip);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tone_comes_through_whole_and_in_time),
        cmocka_unit_test(a_lost_packet_is_a_gap_and_not_a_shift),
        cmocka_unit_test(stereo_into_mono_and_both_into_one_mix),
        cmocka_unit_test(mono_and_stereo_are_equally_loud),
        cmocka_unit_test(damaged_packets_are_counted_and_survived),
        cmocka_unit_test(a_damaged_set_up_is_refused_or_survived),
        cmocka_unit_test(the_gain_of_an_opus_head_is_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
