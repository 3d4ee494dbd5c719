/* When packets play and what fills the gaps: one voice on a virtual clock. */
#include "rig.h"

#include "mixer/dsp.h"

/* What a bare decoder makes of the clip, one packet after the other. */
static float *decode_clip(const struct clip *clip)
{
    int err;
    OpusDecoder *opus = opus_decoder_create(MIX_RATE_HZ, 1, &err);
    float *pcm = calloc(clip->count * MIX_TICK_FRAMES, sizeof(float));
    for (size_t k = 0; k < clip->count; k++)
        assert_int_equal(opus_decode_float(opus, clip->packets[k].data,
                                           (opus_int32)clip->packets[k].size,
                                           pcm + k * MIX_TICK_FRAMES, MIX_TICK_FRAMES, 0),
                         MIX_TICK_FRAMES);
    opus_decoder_destroy(opus);
    return pcm;
}

static void a_source_begins_at_its_time_to_the_sample(void **state)
{
    (void)state;
    const int64_t starts[] = {0, 125, 7250, 19875, 123000};
    const int64_t delays[] = {0, 20000, 33000};
    struct clip clip = make_clip(440, 0.2, 20);
    float *want = decode_clip(&clip);
    for (int c = 0; c < 15; c++) {
        const int64_t start = starts[c % 5];
        const int64_t delay = delays[c / 5];
        struct rig r;
        rig_open(&r, delay, delay, 0);
        struct mix_input *in = rig_input(&r);
        for (size_t t = 0; t < 35; t++) {
            if (t < 20)
                push_clip(in, &clip, t, t, start + (int64_t)t * 20000, 0);
            rig_tick(&r);
        }
        const size_t at = (size_t)mix_frames(start + delay);
        for (size_t i = 0; i < at; i++)
            assert_true(r.everyone.pcm[i] == 0);
        assert_memory_equal(r.everyone.pcm + at + MIX_FADE_FRAMES, want + MIX_FADE_FRAMES,
                            (20 * 960 - MIX_FADE_FRAMES) * sizeof(float));
        assert_int_equal(mix_input_delay_us(in), delay);
        rig_close(&r);
    }
    free(want);
    free_clip(&clip);
}

/* A script of packets with a pause, a loss, a swap and an odd start, pinned at `delay`. */
struct event {
    size_t packet;
    uint64_t sequence;
    int64_t pts_us;
};

static size_t write_script(struct event *e)
{
    size_t n = 0;
    for (size_t k = 0; k < 60; k++) {
        const int64_t pause = k >= 20 ? 90000 : 0;
        if (k == 33 || k == 40 || k == 41) /* lost */
            continue;
        e[n++] = (struct event){k, 1000 + k, 3250 + (int64_t)k * 20000 + pause};
    }
    return n;
}

enum push_style { JUST_IN_TIME, AHEAD, AHEAD_BACKWARDS };

static void play_script(struct rig *r, const struct clip *clip, int64_t base, int64_t delay,
                        enum push_style style)
{
    struct event script[60];
    const size_t count = write_script(script);
    rig_open(r, delay, delay, base);
    struct mix_input *in = rig_input(r);
    size_t next = 0;
    for (int t = 0; t < 80; t++) {
        /* in time: due before the end of this tick; ahead: five or so more */
        const int64_t ahead = style == JUST_IN_TIME ? 20000 : 120000;
        size_t end = next;
        while (end < count && base + script[end].pts_us + delay < r->now_us + ahead)
            end++;
        for (size_t i = next; i < end; i++) {
            const size_t k = style == AHEAD_BACKWARDS ? end - 1 - (i - next) : i;
            assert_int_equal(push_clip(in, clip, script[k].packet, script[k].sequence,
                                       base + script[k].pts_us, base + script[k].pts_us),
                             0);
        }
        next = end;
        rig_tick(r);
    }
    assert_int_equal(rig_stats(in).lost, 3);
    assert_int_equal(rig_stats(in).late, 0);
}

static void pinned_sound_does_not_depend_on_when_packets_were_pushed(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 60);
    for (int64_t delay = 0; delay <= 25000; delay += 25000) {
        struct rig want;
        play_script(&want, &clip, 0, delay, JUST_IN_TIME);
        assert_true(rms(want.everyone.pcm, want.everyone.frames) > 0.05);
        for (enum push_style style = AHEAD; style <= AHEAD_BACKWARDS; style++) {
            struct rig got;
            play_script(&got, &clip, 0, delay, style);
            assert_memory_equal(got.everyone.pcm, want.everyone.pcm,
                                want.everyone.frames * sizeof(float));
            rig_close(&got);
        }
        rig_close(&want);
    }
    free_clip(&clip);
}

static void the_sound_does_not_depend_on_the_time_of_day(void **state)
{
    (void)state;
    const int64_t bases[] = {-600000, (INT64_C(1) << 32) - 296, (INT64_C(1) << 31) * 1000 - 600000,
                             (INT64_C(1) << 53) - 742};
    struct clip clip = make_clip(440, 0.2, 60);
    struct rig want;
    play_script(&want, &clip, 0, 0, JUST_IN_TIME);
    for (int b = 0; b < 4; b++) {
        struct rig got;
        play_script(&got, &clip, bases[b] / 125 * 125, 0, JUST_IN_TIME);
        assert_memory_equal(got.everyone.pcm, want.everyone.pcm,
                            want.everyone.frames * sizeof(float));
        rig_close(&got);
    }
    rig_close(&want);
    free_clip(&clip);
}

/* Numbers that follow each other, and a hole in time. */
static void play_pause(const struct clip *clip, const float *want, int64_t pause_us)
{
    struct rig r;
    rig_open(&r, 20000, 20000, 0);
    struct mix_input *in = rig_input(&r);
    size_t k = 0;
    for (size_t t = 0; t < 70; t++) {
        for (; k < 40; k++) {
            const int64_t pts = (int64_t)k * 20000 + (k < 20 ? 0 : pause_us);
            if (pts + 20000 >= r.now_us + MIX_TICK_US)
                break;
            push_clip(in, clip, k, k, pts, pts);
        }
        rig_tick(&r);
    }
    const float *x = r.everyone.pcm;
    const size_t again = 21 * 960 + (size_t)mix_frames(pause_us);
    const size_t faded = 21 * 960 + 90 * 48; /* 80 ms made up, 10 ms of fade */
    if (again > faded)
        assert_true(rms(x + faded, again - faded) == 0);
    for (size_t i = 5 * 960; i < 20 * 960; i++) /* the decoder needs a moment to agree again */
        assert_true(fabsf(x[again + i] - want[20 * 960 + i]) < 0.004f); /* one frame off: 0.0115 */
    assert_true(largest_step(x, r.everyone.frames) < 1.5 * 0.2 * 2 * M_PI * 440 / 48000);
    assert_int_equal(rig_stats(in).lost, 0);
    assert_int_equal(rig_stats(in).concealed, 0);
    rig_close(&r);
}

static void a_pause_is_silence_of_the_right_length(void **state)
{
    (void)state;
    const int64_t pauses[] = {20000, 95000, 180000, 405000};
    struct clip clip = make_clip(440, 0.2, 40);
    float *want = decode_clip(&clip);
    for (int i = 0; i < 4; i++)
        play_pause(&clip, want, pauses[i]);
    free(want);
    free_clip(&clip);
}

/* --- the network ---------------------------------------------------------------------------- */

struct net {
    uint32_t loss_percent;
    uint32_t jitter_us; /* uniform */
    int64_t transit_us;
    int64_t spacing_us; /* between times of packets; 20000 unless the sender's clock drifts */
};

struct flight { /* of one packet */
    size_t k;
    int64_t pts_us, arrival_us;
    bool is_lost;
};

/* Sends the clip through a network into an adaptive mix; r stays open. Packets from `clean_from`
 * on are not lost. */
static struct mix_input *fly(struct rig *r, const struct clip *clip, const struct net *net,
                             size_t clean_from)
{
    struct flight *f = calloc(clip->count, sizeof(*f));
    uint32_t seed = 11;
    for (size_t k = 0; k < clip->count; k++) {
        f[k].k = k;
        f[k].pts_us = 3000 + (int64_t)k * net->spacing_us;
        f[k].arrival_us = f[k].pts_us + net->transit_us + rig_random(&seed, net->jitter_us + 1);
        f[k].is_lost = rig_random(&seed, 100) < net->loss_percent && k > 0 && k < clean_from;
    }
    struct mix_input *in = rig_input(r);
    const int64_t end = f[clip->count - 1].pts_us + 600000;
    while (r->now_us < end) {
        for (int64_t at = r->now_us - 20000; at < r->now_us; at += 1000) { /* in order of arrival */
            for (size_t k = 0; k < clip->count; k++) {
                if (!f[k].is_lost && f[k].arrival_us >= at && f[k].arrival_us < at + 1000)
                    push_clip(in, clip, k, 70000 + k, f[k].pts_us, f[k].arrival_us);
            }
        }
        rig_tick(r);
    }
    free(f);
    return in;
}

static void loss_is_concealed_and_shifts_nothing(void **state)
{
    (void)state;
    const uint32_t losses[] = {0, 1, 5, 10, 20, 35, 50};
    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
        const struct net net = {.loss_percent = losses[i], .transit_us = 5000, .spacing_us = 20000};
        /* silence with loss, then from packet 400 on a tone and no loss: where does it begin? */
        struct clip quiet = make_clip_from(1000, 0.3, 440, 400, OPUS_APPLICATION_AUDIO);
        struct rig r;
        rig_open(&r, 20000, 300000, 0);
        const struct mix_input *in = fly(&r, &quiet, &net, 395);
        /* the rig leaves out what the limiter holds back */
        const int64_t leaves_us = 3000 + 400 * 20000 + mix_input_latency_us(in);
        const size_t want = (size_t)mix_frames(leaves_us) - MIX_LIMITER_FRAMES;
        const size_t got = onset(r.everyone.pcm, r.everyone.frames, 0.03f);
        assert_true(got + 96 > want && got < want + 192); /* -2 to +4 ms; Opus smears */
        assert_true(mix_input_delay_us(in) <= 26000);
        const struct mix_input_stats s = rig_stats(in);
        assert_int_equal(s.lost + s.packets, 440);
        assert_true(s.concealed >= s.lost * 960 * 7 / 10 && s.concealed <= s.lost * 960 * 11 / 10);
        assert_true(s.frames <= 440 * 960 + 30 * 960); /* 80 ms and low noise after the end */
        rig_close(&r);
        free_clip(&quiet);
    }
}

static void what_is_lost_of_a_tone_is_not_silence(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 400);
    const struct net net = {.loss_percent = 10, .transit_us = 5000, .spacing_us = 20000};
    struct rig r;
    rig_open(&r, 20000, 300000, 0);
    const struct mix_input *in = fly(&r, &clip, &net, 400);
    assert_true(rig_stats(in).lost > 20);
    int holes = 0;
    for (size_t t = 10; t < 390; t++)
        holes += rms(r.everyone.pcm + t * 960, 960) < 0.01;
    assert_true(holes <=
                2); /* runs of losses; CELT itself dips to 0.03 in the packet after a loss */
    assert_true(largest_step(r.everyone.pcm, 390 * 960) < 0.05);
    rig_close(&r);
    free_clip(&clip);
}

/* With SILK and FEC on, a packet that is late enough to be lost is in the next one. */
static void in_band_fec_brings_a_lost_packet_back(void **state)
{
    (void)state;
    double error[2]; /* without and with the next packet there */
    int err;
    OpusEncoder *opus = opus_encoder_create(MIX_RATE_HZ, 1, OPUS_APPLICATION_VOIP, &err);
    opus_encoder_ctl(opus, OPUS_SET_BITRATE(24000));
    opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC(30));
    struct clip clip = {.count = 60, .packets = calloc(60, sizeof(*clip.packets))};
    double phase = 0;
    for (size_t k = 0; k < 60; k++) { /* a tone that glides: nobody guesses how it goes on */
        float pcm[MIX_TICK_FRAMES];
        for (size_t i = 0; i < MIX_TICK_FRAMES; i++) {
            phase += 2 * M_PI * (k % 6 < 3 ? 300 : 700) / MIX_RATE_HZ;
            pcm[i] = (float)(0.2 * sin(phase));
        }
        clip.packets[k].size =
            (size_t)opus_encode_float(opus, pcm, MIX_TICK_FRAMES, clip.packets[k].data, 1500);
    }
    opus_encoder_destroy(opus);
    float *want = decode_clip(&clip);
    for (int with = 0; with < 2; with++) {
        struct rig r;
        rig_open(&r, 40000, 300000, 0);
        struct mix_input *in = rig_input(&r);
        for (size_t t = 0; t < 60; t++) {
            /* 40 ms of delay: the next is there when one is missed, unless it is held back */
            for (size_t k = t; k < 60; k++) {
                const bool is_lost = k % 6 == 3 && k > 10;
                const bool is_after = k % 6 == 4 && k > 10;
                const size_t due = is_after && !with ? k + 2 : k;
                if (due == t && !is_lost)
                    push_clip(in, &clip, k, k, (int64_t)k * 20000, (int64_t)k * 20000);
            }
            if (!with && t >= 2 && (t - 2) % 6 == 4 && t > 12)
                push_clip(in, &clip, t - 2, t - 2, (int64_t)(t - 2) * 20000,
                          (int64_t)(t - 2) * 20000);
            rig_tick(&r);
        }
        double sum = 0;
        for (size_t k = 15; k < 55; k += 6) {
            for (size_t i = 0; i < 960; i++) {
                const double d = r.everyone.pcm[(k + 2) * 960 + i] - want[k * 960 + i];
                sum += d * d;
            }
        }
        error[with] = sum;
        rig_close(&r);
    }
    assert_true(error[1] < error[0] / 4);
    free(want);
    free_clip(&clip);
}

static void jitter_and_reordering_are_absorbed(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 1000);
    const struct net net = {.jitter_us = 60000, .transit_us = 10000, .spacing_us = 20000};
    struct rig r;
    rig_open(&r, 20000, 300000, 0);
    const struct mix_input *in = fly(&r, &clip, &net, 0);
    const struct mix_input_stats s = rig_stats(in);
    assert_true(s.concealed < 1000 * 960 * 3 / 100);
    assert_true(s.late <= 20);
    assert_true(s.delay_us >= 70000 && s.delay_us <= 110000);
    assert_true(rms(r.everyone.pcm + 200 * 960, 780 * 960) > 0.13);
    assert_true(largest_step(r.everyone.pcm + 100 * 960, 800 * 960) < 0.03);
    rig_close(&r);
    free_clip(&clip);
}

static void without_jitter_the_delay_is_one_tick(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 200);
    const struct net net = {.spacing_us = 20000};
    struct rig r;
    rig_open(&r, 20000, 300000, 0);
    const struct mix_input *in = fly(&r, &clip, &net, 0);
    assert_int_equal(mix_input_delay_us(in), 20000);
    assert_int_equal(rig_stats(in).concealed, 0);
    assert_int_equal(rig_stats(in).stretched, 0);
    rig_close(&r);
    free_clip(&clip);
}

static void a_drifting_clock_is_followed_without_end(void **state)
{
    (void)state;
    const int64_t spacings[] = {19980, 20020}; /* a sender's clock 0.1 % off */
    struct clip clip = make_clip(440, 0.2, 2000);
    for (int i = 0; i < 4; i++) {
        const struct net net = {.transit_us = 3000, .spacing_us = spacings[i / 2]};
        struct rig r;
        const int64_t most = i % 2 ? 300000 : 40000; /* adaptive, or pinned at 40 ms */
        rig_open(&r, i % 2 ? 20000 : 40000, most, 0);
        const struct mix_input *in = fly(&r, &clip, &net, 0);
        const struct mix_input_stats s = rig_stats(in);
        const int64_t target = i % 2 ? 23000 : 40000;
        assert_true(llabs(s.delay_us - target) <= 21000);
        assert_true(s.concealed <= 2000 * 960 / 200); /* 40 ms of 40 s were missing */
        /* 40 s drifted by 40 ms */
        assert_true(spacings[i / 2] > 20000 || s.stretched >= 1);
        const size_t sound = (size_t)mix_frames(1999 * net.spacing_us) - 960;
        assert_true(largest_step(r.everyone.pcm, sound) < 0.03);
        for (size_t at = 9600; at + 960 < sound; at += 960)
            assert_true(rms(r.everyone.pcm + at, 960) > 0.01);
        rig_close(&r);
    }
    free_clip(&clip);
}

static void a_rise_of_the_network_delay_is_followed_and_forgotten(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 2500);
    struct rig r;
    rig_open(&r, 20000, 300000, 0);
    struct mix_input *in = rig_input(&r);
    int64_t highest = 0;
    for (size_t t = 0; t < 2500; t++) {
        /* between 4 and 6 s everything takes 100 ms longer */
        const size_t behind = t >= 200 && t < 300 ? 5 : 0;
        if (t == 300) {
            for (size_t k = 295; k < 300; k++)
                push_clip(in, &clip, k, k, (int64_t)k * 20000, (int64_t)t * 20000);
        }
        if (t < 200 || t >= 205)
            push_clip(in, &clip, t - behind, t - behind, (int64_t)(t - behind) * 20000,
                      (int64_t)t * 20000);
        rig_tick(&r);
        if (mix_input_delay_us(in) > highest)
            highest = mix_input_delay_us(in);
    }
    assert_true(highest >= 100000 && highest <= 140000);
    assert_true(mix_input_delay_us(in) <= 31000);
    assert_true(rig_stats(in).late <= 5);
    assert_true(rms(r.everyone.pcm + 215 * 960, 80 * 960) > 0.13); /* soon heard again */
    rig_close(&r);
    free_clip(&clip);
}

static void a_floor_under_the_delay_is_reached_and_left(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 600);
    struct rig r;
    rig_open(&r, 20000, 300000, 0);
    struct mix_input *in = rig_input(&r);
    for (size_t t = 0; t < 600; t++) {
        if (t == 100)
            mix_input_set_min_delay_us(in, 90000);
        if (t == 300) {
            assert_true(llabs(mix_input_delay_us(in) - 90000) <= 11000);
            mix_input_set_min_delay_us(in, 0);
        }
        push_clip(in, &clip, t, t, (int64_t)t * 20000, (int64_t)t * 20000);
        rig_tick(&r);
    }
    assert_true(llabs(mix_input_delay_us(in) - 20000) <= 11000);
    assert_int_equal(rig_stats(in).concealed, 0);
    assert_true(largest_step(r.everyone.pcm, r.everyone.frames) < 0.02);
    rig_close(&r);
    free_clip(&clip);
}

static void late_and_double_packets_are_dropped_and_counted(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 40);
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct mix_input *in = rig_input(&r);
    for (size_t t = 0; t < 40; t++) {
        if (t != 20)
            push_clip(in, &clip, t, t, (int64_t)t * 20000, 0);
        if (t == 22) /* two ticks late */
            push_clip(in, &clip, 20, 20, 400000, 0);
        if (t == 30) { /* again, played and unplayed */
            push_clip(in, &clip, 20, 20, 400000, 0);
            push_clip(in, &clip, 25, 25, 500000, 0);
            push_clip(in, &clip, 30, 30, 600000, 0);
        }
        rig_tick(&r);
    }
    assert_int_equal(rig_stats(in).late, 1);
    assert_int_equal(rig_stats(in).lost, 0); /* it came after all */
    assert_int_equal(rig_stats(in).concealed, 960);
    assert_int_equal(rig_stats(in).frames, 43 * 960 - 3 * 960 + 0);
    rig_close(&r);
    free_clip(&clip);
}

/* What was made up in its place stands; what comes after it is not pushed back. */
static void a_packet_that_missed_its_tick_shifts_nothing(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 40);
    float *want = decode_clip(&clip);
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct mix_input *in = rig_input(&r);
    for (size_t t = 0; t < 40; t++) {
        if (t == 21)
            push_clip(in, &clip, 20, 20, 405000, 0);
        if (t != 20)
            push_clip(in, &clip, t, t, (int64_t)t * 20000 + 5000, 0);
        rig_tick(&r);
    }
    for (size_t i = 26 * 960; i < 38 * 960; i++)
        assert_true(fabsf(r.everyone.pcm[240 + i] - want[i]) < 0.004f);
    assert_int_equal(rig_stats(in).late, 1);
    assert_int_equal(rig_stats(in).concealed, 960);
    assert_int_equal(mix_input_delay_us(in), 0);
    rig_close(&r);
    free(want);
    free_clip(&clip);
}

static void times_that_jump_are_taken_anew(void **state)
{
    (void)state;
    const int64_t jumps[] = {10000000, -10000000, 3000000, -300000};
    struct clip clip = make_clip(440, 0.2, 200);
    for (int j = 0; j < 4; j++) {
        struct rig r;
        rig_open(&r, 20000, 300000, 0);
        struct mix_input *in = rig_input(&r);
        for (size_t t = 0; t < 200; t++) {
            const int64_t pts = (int64_t)t * 20000 + (t >= 100 ? jumps[j] : 0);
            push_clip(in, &clip, t, t, pts, (int64_t)t * 20000);
            rig_tick(&r);
        }
        for (size_t t = 110; t < 200; t++)
            assert_true(rms(r.everyone.pcm + t * 960, 960) > 0.1);
        assert_true(largest_step(r.everyone.pcm, r.everyone.frames) < 0.03);
        assert_true(mix_input_delay_us(in) <= 60000);
        rig_close(&r);
    }
    free_clip(&clip);
}

static void a_sequence_that_starts_again_is_followed(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 200);
    struct rig r;
    rig_open(&r, 20000, 300000, 0);
    struct mix_input *in = rig_input(&r);
    for (size_t t = 0; t < 200; t++) {
        const uint64_t sequence = t < 60 ? 90000 + t : t < 120 ? t : (UINT64_C(1) << 40) + t;
        push_clip(in, &clip, t, sequence, (int64_t)t * 20000, (int64_t)t * 20000);
        rig_tick(&r);
    }
    for (size_t t = 10; t < 200; t++)
        assert_true(rms(r.everyone.pcm + t * 960, 960) > 0.05);
    assert_int_equal(rig_stats(in).lost, 0);
    rig_close(&r);
    free_clip(&clip);
}

/* Forever 500 ms behind, with at most 300 allowed: heard all the same, though not in step. */
static void a_source_that_is_always_too_late_is_heard(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 200);
    struct rig r;
    rig_open(&r, 20000, 300000, 0);
    struct mix_input *in = rig_input(&r);
    for (size_t t = 0; t < 200; t++) {
        const int64_t behind = t < 50 ? 0 : 450000;
        push_clip(in, &clip, t, t, (int64_t)t * 20000 - behind, (int64_t)t * 20000);
        rig_tick(&r);
    }
    assert_true(rms(r.everyone.pcm + 120 * 960, 80 * 960) > 0.13);
    rig_close(&r);
    free_clip(&clip);
}

static void at_most_a_second_is_queued(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 1);
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct mix_input *in = rig_input(&r);
    for (uint64_t k = 0; k < 400; k++) {
        const int want = k < 50 ? 0 : -ENOBUFS;
        assert_int_equal(push_clip(in, &clip, 0, k, (int64_t)k * 20000, 0), want);
    }
    assert_int_equal(rig_stats(in).overrun, 350);
    rig_tick(&r);
    assert_int_equal(push_clip(in, &clip, 0, 50, 1000000, 0), 0);
    assert_int_equal(push_clip(in, &clip, 0, 51, 1020000, 0), -ENOBUFS);
    uint8_t big[MIX_PACKET_MAX + 1] = {0};
    const struct mix_packet bad[] = {{.data = big, .size = sizeof(big)}, {.data = big, .size = 0}};
    assert_int_equal(mix_input_push(in, &bad[0]), -EINVAL);
    assert_int_equal(mix_input_push(in, &bad[1]), -EINVAL);
    rig_close(&r);
    free_clip(&clip);
}

/* Everything a hostile sender may write into the fields and bytes of a packet. */
static void garbage_is_survived(void **state)
{
    (void)state;
    uint32_t seed = 3;
    struct clip clip = make_clip(440, 0.2, 50);
    for (int pinned = 0; pinned < 2; pinned++) {
        struct rig r;
        rig_open(&r, 20000, pinned ? 20000 : 300000, 0);
        struct mix_input *in = rig_input(&r);
        for (int t = 0; t < 1500; t++) {
            const int64_t odd[] = {INT64_MIN, INT64_MAX,         0,
                                   r.now_us,  r.now_us - 300000, r.now_us + 1900000};
            for (uint32_t n = rig_random(&seed, 4); n > 0; n--) {
                const uint32_t k = rig_random(&seed, 50);
                uint8_t data[1500];
                memcpy(data, clip.packets[k].data, clip.packets[k].size);
                size_t size = clip.packets[k].size;
                if (rig_random(&seed, 2))
                    data[rig_random(&seed, (uint32_t)size)] = (uint8_t)rig_random(&seed, 256);
                if (rig_random(&seed, 4) == 0)
                    size = 1 + rig_random(&seed, (uint32_t)size);
                const uint64_t sequence = rig_random(&seed, 8)
                                              ? (uint64_t)t + rig_random(&seed, 3)
                                              : (uint64_t)rig_random(&seed, 1 << 30) << 34;
                const struct mix_packet p = {
                    .data = data,
                    .size = size,
                    .sequence = sequence,
                    .pts_us = rig_random(&seed, 3) ? r.now_us : odd[rig_random(&seed, 6)],
                    .arrival_us = odd[rig_random(&seed, 6)],
                    .level_dbov = (int)rig_random(&seed, 4) * 60 - 127,
                    .is_repair = rig_random(&seed, 4) == 0};
                mix_input_push(in, &p);
            }
            rig_tick(&r);
        }
        for (size_t i = 0; i < r.everyone.frames; i++)
            assert_true(fabsf(r.everyone.pcm[i]) <= 1.0f);
        const int64_t delay = mix_input_delay_us(in);
        assert_true(delay >= 0 && delay <= 330000);
        rig_close(&r);
    }
    free_clip(&clip);
}

static void a_clock_that_jumps_starts_voices_anew(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 100);
    struct rig r;
    rig_open(&r, 20000, 300000, 0);
    struct mix_input *in = rig_input(&r);
    for (size_t t = 0; t < 100; t++) {
        if (t == 50)
            r.now_us += 5000000;
        push_clip(in, &clip, t, t, r.now_us, r.now_us);
        rig_tick(&r);
    }
    for (size_t t = 55; t < 100; t++)
        assert_true(rms(r.everyone.pcm + t * 960, 960) > 0.1);
    rig_close(&r);
    free_clip(&clip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_begins_at_its_time_to_the_sample),
        cmocka_unit_test(pinned_sound_does_not_depend_on_when_packets_were_pushed),
        cmocka_unit_test(the_sound_does_not_depend_on_the_time_of_day),
        cmocka_unit_test(a_pause_is_silence_of_the_right_length),
        cmocka_unit_test(loss_is_concealed_and_shifts_nothing),
        cmocka_unit_test(what_is_lost_of_a_tone_is_not_silence),
        cmocka_unit_test(in_band_fec_brings_a_lost_packet_back),
        cmocka_unit_test(jitter_and_reordering_are_absorbed),
        cmocka_unit_test(without_jitter_the_delay_is_one_tick),
        cmocka_unit_test(a_drifting_clock_is_followed_without_end),
        cmocka_unit_test(a_rise_of_the_network_delay_is_followed_and_forgotten),
        cmocka_unit_test(a_floor_under_the_delay_is_reached_and_left),
        cmocka_unit_test(late_and_double_packets_are_dropped_and_counted),
        cmocka_unit_test(a_packet_that_missed_its_tick_shifts_nothing),
        cmocka_unit_test(times_that_jump_are_taken_anew),
        cmocka_unit_test(a_sequence_that_starts_again_is_followed),
        cmocka_unit_test(a_source_that_is_always_too_late_is_heard),
        cmocka_unit_test(at_most_a_second_is_queued),
        cmocka_unit_test(garbage_is_survived),
        cmocka_unit_test(a_clock_that_jumps_starts_voices_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
