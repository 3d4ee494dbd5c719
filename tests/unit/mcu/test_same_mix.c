/* One set of packets, two ways in: `mixdown mix` reads them from files, a room gets them as RTP.
 * The mixed sound must be equal, sample by sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavformat/avformat.h>
#include <opus.h>

#include "mcu/audio_conf.h"
#include "mcu/base/clock.h"
#include "mcu/offline.h"
#include "mcu/studio.h"
#include "recorder/source.h"
#include "transport/clockmap.h"
#include "transport/rtp.h"
#include "transport/seq.h"

enum { FILES = 3, PACKETS = 150, SAMPLES_MAX = 48000 * 2 * 8 };

static const double tones_hz[FILES] = {400, 530, 710};
static const int64_t starts_us[FILES] = {1000000, 1234567, 1500010};

static char dir[] = "/tmp/mixdown-same-XXXXXX";

struct tape {
    float *samples;
    size_t count;
};

static void record(void *ctx, const float *pcm, size_t frames, int64_t pts_us)
{
    struct tape *t = ctx;
    (void)pts_us;
    assert_true(t->count + frames * 2 <= SAMPLES_MAX);
    memcpy(t->samples + t->count, pcm, frames * 2 * sizeof(float));
    t->count += frames * 2;
}

static AVStream *add_opus_stream(AVFormatContext *mux)
{
    static const uint8_t head[19] = {'O', 'p', 'u', 's', 'H', 'e',  'a',
                                     'd', 1,   1,   0,   0,   0x80, 0xbb};
    AVStream *stream = avformat_new_stream(mux, NULL);
    AVCodecParameters *p = stream->codecpar;
    p->codec_type = AVMEDIA_TYPE_AUDIO;
    p->codec_id = AV_CODEC_ID_OPUS;
    p->sample_rate = 48000;
    av_channel_layout_default(&p->ch_layout, 1);
    p->extradata = av_mallocz(sizeof(head) + AV_INPUT_BUFFER_PADDING_SIZE);
    memcpy(p->extradata, head, sizeof(head));
    p->extradata_size = sizeof(head);
    stream->time_base = (AVRational){1, 48000};
    return stream;
}

/* A tone as a WebM file. */
static void make_file(const char *path, double hz)
{
    AVFormatContext *mux = NULL;
    assert_true(avformat_alloc_output_context2(&mux, NULL, "webm", path) >= 0);
    AVStream *stream = add_opus_stream(mux);
    assert_true(avio_open(&mux->pb, path, AVIO_FLAG_WRITE) >= 0);
    assert_true(avformat_write_header(mux, NULL) >= 0);
    int err = 0;
    OpusEncoder *opus = opus_encoder_create(48000, 1, OPUS_APPLICATION_AUDIO, &err);
    AVPacket *packet = av_packet_alloc();
    for (int n = 0; n < PACKETS; n++) {
        float pcm[960];
        for (int i = 0; i < 960; i++)
            pcm[i] = 0.2f * (float)sin(2 * M_PI * hz * (n * 960 + i) / 48000.0);
        uint8_t data[1500];
        const int size = opus_encode_float(opus, pcm, 960, data, sizeof(data));
        assert_true(size > 0);
        assert_int_equal(av_new_packet(packet, size), 0);
        memcpy(packet->data, data, (size_t)size);
        packet->pts = packet->dts =
            av_rescale_q(n * 960, (AVRational){1, 48000}, stream->time_base);
        packet->duration = av_rescale_q(960, (AVRational){1, 48000}, stream->time_base);
        assert_true(av_interleaved_write_frame(mux, packet) >= 0);
    }
    av_packet_free(&packet);
    opus_encoder_destroy(opus);
    av_write_trailer(mux);
    avio_closep(&mux->pb);
    avformat_free_context(mux);
}

static void path_of(char *path, size_t size, const char *name, int i)
{
    snprintf(path, size, "%s/%s%d", dir, name, i);
}

static void mix_files(struct tape *tape, const struct layout *layout)
{
    static char paths[FILES][128];
    static struct mcu_offline_result result;
    char out[128];
    path_of(out, sizeof(out), "out.mp4", 0);
    struct mcu_offline_conf conf = {
        .input_count = FILES,
        .out = out,
        .layout = layout,
        .width = 64,
        .height = 64,
        .fps = 5,
        .video_bitrate_bps = 100000,
        .audio_bitrate_bps = 64000,
        .preset = "ultrafast",
        .encoder_threads = 1,
        .ctx = tape,
        .on_pcm = record,
    };
    for (int i = 0; i < FILES; i++) {
        path_of(paths[i], sizeof(paths[i]), "in.webm", i);
        conf.inputs[i].path = paths[i];
        conf.inputs[i].start_us = starts_us[i];
    }
    assert_int_equal(mcu_offline_run(&conf, &result), 0);
    unlink(out);
}

/* One sender: its packets as they would come from the network, each at its capture time. */
struct sender {
    struct rec_source *source;
    struct mcu_packet *next;
    struct mcu_seat *seat;
    struct rtc_clockmap *clock;
    struct rtc_unwrap sequence;
    int64_t start_us;
    uint16_t sent;
    uint32_t ssrc;
};

static void read_next(struct sender *s)
{
    s->next = NULL;
    if (rec_source_read(s->source, &s->next) == 0)
        s->next->pts_us += s->start_us;
}

static void send_rtp(struct sender *s)
{
    uint8_t datagram[1500];
    const struct rtc_rtp_header header = {
        .pt = 111,
        .seq = (uint16_t)(65500 + s->sent++), /* wraps on the way */
        .timestamp =
            (uint32_t)(4294900000u + (s->next->pts_us * 48 + 500) / 1000), /* so does this */
        .ssrc = s->ssrc,
        .level_dbov = 1,
    };
    const int size = rtc_rtp_write(datagram, sizeof(datagram), &header);
    assert_true(size > 0);
    memcpy(datagram + size, s->next->data, s->next->size);

    struct rtc_rtp rtp;
    assert_int_equal(rtc_rtp_parse(&rtp, datagram, (size_t)size + s->next->size), 0);
    const int64_t arrival_us = s->next->pts_us;
    rtc_clockmap_arrived(s->clock, MCU_AUDIO, rtp.timestamp, arrival_us);
    const struct mix_packet packet = {
        .data = rtp.payload,
        .size = rtp.payload_size,
        .sequence = rtc_unwrap16(&s->sequence, rtp.seq),
        .pts_us = rtc_clockmap_pts(s->clock, MCU_AUDIO, rtp.timestamp),
        .arrival_us = arrival_us,
        .level_dbov = 1,
    };
    assert_int_equal(mcu_seat_push_audio(s->seat, &packet), 0);
    mcu_packet_unref(s->next);
    read_next(s);
}

static void join(struct sender *s, struct mcu_studio *studio, int i)
{
    char path[128];
    path_of(path, sizeof(path), "in.webm", i);
    struct mix_input_conf conf = {.codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = 48000};
    struct mcu_config settings;
    mcu_config_init(&settings);
    mcu_audio_treatment(&conf.treatment, &settings);
    assert_int_equal(rec_source_open(&s->source, path), 0);
    assert_int_equal(rtc_clockmap_create(&s->clock, 48000, 90000), 0);
    assert_int_equal(mcu_seat_add(studio, &s->seat, path, s), 0);
    assert_int_equal(mcu_seat_open_audio(s->seat, &conf), 0);
    s->start_us = starts_us[i] - mcu_seat_latency_us(s->seat); /* files are fed so much earlier */
    s->ssrc = (uint32_t)i + 1;
    read_next(s);
}

static void mix_rtp(struct tape *tape, const struct layout *layout, size_t samples)
{
    struct mcu_studio_conf conf = {
        .comp = {.fps = 5, .is_offline = true},
        .view = {.width = 64, .height = 64},
        .video = {.bitrate_bps = 100000, .preset = "ultrafast", .speed = -8, .threads = 1},
        .layout = layout,
        .aac_bitrate_bps = 64000,
        .fragment_ms = 500,
    };
    struct mcu_config settings;
    mcu_config_init(&settings);
    mcu_audio_mix_conf(&conf.mix, &settings);
    conf.mix.min_delay_us = conf.mix.max_delay_us = 0; /* as offline: equal values pin it */
    const struct mcu_studio_sink sink = {.ctx = tape, .on_pcm = record};
    struct mcu_studio *studio = NULL;
    assert_int_equal(mcu_studio_create(&studio, &conf, &sink), 0);
    struct sender senders[FILES] = {0};
    for (int i = 0; i < FILES; i++)
        join(&senders[i], studio, i);
    for (int64_t now_us = -MIX_TICK_US; tape->count < samples; now_us += MIX_TICK_US) {
        for (int i = 0; i < FILES; i++) {
            /* What a network brings before a tick is a little more than the tick needs. */
            while (senders[i].next && senders[i].next->pts_us < now_us + 2 * MIX_TICK_US)
                send_rtp(&senders[i]);
        }
        mcu_studio_tick_audio(studio, now_us);
    }
    for (int i = 0; i < FILES; i++) {
        mcu_packet_unref(senders[i].next);
        rtc_clockmap_destroy(senders[i].clock);
        rec_source_close(senders[i].source);
    }
    mcu_studio_destroy(studio);
}

static double power(const struct tape *t)
{
    double sum = 0;
    for (size_t i = 0; i < t->count; i++)
        sum += (double)t->samples[i] * t->samples[i];
    return sum / (double)t->count;
}

static void files_and_rtp_make_the_same_mix(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (int i = 0; i < FILES; i++) {
        char path[128];
        path_of(path, sizeof(path), "in.webm", i);
        make_file(path, tones_hz[i]);
    }
    struct layout *layout = NULL;
    assert_int_equal(layout_builtin(&layout, "grid"), 0);
    struct tape files = {.samples = calloc(SAMPLES_MAX, sizeof(float))};
    struct tape rtp = {.samples = calloc(SAMPLES_MAX, sizeof(float))};
    mix_files(&files, layout);
    mix_rtp(&rtp, layout, files.count);

    assert_true(files.count > 48000 * 2 * 4);
    assert_true(power(&files) > 0.01); /* three tones of 0.2, most of the time */
    assert_int_equal(rtp.count, files.count);
    for (size_t i = 0; i < files.count; i++) {
        if (files.samples[i] != rtp.samples[i])
            fail_msg("sample %zu of channel %zu: %g from files, %g from RTP", i / 2, i % 2,
                     (double)files.samples[i], (double)rtp.samples[i]);
    }
    free(files.samples);
    free(rtp.samples);
    layout_destroy(layout);
    for (int i = 0; i < FILES; i++) {
        char path[128];
        path_of(path, sizeof(path), "in.webm", i);
        unlink(path);
    }
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_rtp_make_the_same_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
