/* Clocks that drift: how it is found, and that following it is not heard. */
#include "voice_rig.h"

#include "mixer/drift.h"
#include "mixer/resample.h"

/* --- finding it ------------------------------------------------------------------------------ */

struct row {
    const char *name;
    double ppm;
    uint32_t noise_us; /* of each packet's time, uniform */
    int64_t step_us;   /* now and then the path is this much longer, then shorter */
    uint32_t seconds;
    double least, most; /* what is believed */
};

static const struct row rows[] = {
    {"none", 0, 0, 0, 60, 0, 0},
    {"too little to matter", 2, 0, 0, 120, -3, 3},
    {"fast", 200, 0, 0, 20, 198, 202},
    {"slow", -200, 0, 0, 20, -202, -198},
    {"slow, a common one", -23, 0, 0, 60, -25, -21},
    {"noisy times", 100, 1000, 0, 120, 85, 115},
    {"noise is no drift", 0, 1000, 0, 120, -12, 12},
    {"steps of the path are none", 0, 0, 30000, 100, 0, 0},
    {"nor do they hide it", 150, 0, 30000, 100, 120, 180},
    {"more than a clock can", 3000, 0, 0, 100, 500, 500},
};

static void drift_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct mix_drift d;
        mix_drift_init(&d);
        uint32_t seed = 9;
        for (uint32_t k = 0; k < r->seconds * 50; k++) {
            const double sent = k * 20000.0;
            int64_t pts = (int64_t)(sent - sent * r->ppm * 1e-6);
            pts += rig_random(&seed, r->noise_us + 1);
            if (k / 500 % 2)
                pts += r->step_us;
            mix_drift_packet(&d, 100 + k, 960, pts);
        }
        if (d.ppm < r->least || d.ppm > r->most || d.is_active != (fabsf(d.ppm) > 5))
            fail_msg("%s: %.1f ppm, %d", r->name, d.ppm, d.is_active);
    }
}

/* Losses do not matter, pauses of unknown length are left out. */
static void losses_and_pauses_do_not_mislead(void **state)
{
    (void)state;
    struct mix_drift d;
    mix_drift_init(&d);
    uint32_t seed = 4;
    double room_us = 0;
    uint64_t sequence = 0;
    for (uint32_t k = 0; k < 4000; k++, sequence++) {
        room_us += 20000.0 * (1 - 120e-6);
        if (k % 200 == 199)
            room_us += rig_random(&seed, 700000); /* the sender was silent: no numbers pass */
        if (rig_random(&seed, 4))
            mix_drift_packet(&d, sequence, 960, (int64_t)room_us);
    }
    assert_true(d.is_active && fabsf(d.ppm - 120) < 3);
}

static void a_clock_that_is_mended_ends_it(void **state)
{
    (void)state;
    struct mix_drift d;
    mix_drift_init(&d);
    double room_us = 0;
    for (uint32_t k = 0; k < 6500; k++) {
        room_us += 20000.0 * (k < 3000 ? 1 + 100e-6 : 1);
        mix_drift_packet(&d, k, 960, (int64_t)(room_us + 0.5));
        if (k == 2999)
            assert_true(d.is_active);
    }
    assert_false(d.is_active);
    assert_true(fabsf(d.ppm) < 3);
}

/* --- resampling ------------------------------------------------------------------------------ */

static void resampled_tones_are_the_same_tones(void **state)
{
    (void)state;
    const double ratios[] = {1.0, 1.0002, 0.9998, 1.0005, 0.995};
    const double tones[] = {50, 997, 7919, 15013};
    for (int c = 0; c < 2 * 5 * 4; c++) {
        const size_t channels = 1 + (size_t)c % 2;
        const double ratio = ratios[c / 2 % 5];
        const double hz = tones[c / 10];
        struct mix_resample r;
        assert_int_equal(mix_resample_init(&r, channels), 0);
        float past[MIX_RESAMPLE_PAST * 2];
        for (int i = 0; i < MIX_RESAMPLE_PAST; i++)
            for (size_t k = 0; k < channels; k++)
                past[(size_t)i * channels + k] =
                    (float)(0.5 *
                            sin(2 * M_PI * hz * (i - MIX_RESAMPLE_PAST) / 48000.0 + (double)k));
        mix_resample_begin(&r, past);
        size_t total = 0;
        double worst = 0;
        float out[2 * 1100];
        for (size_t t = 0; t < 100; t++) {
            float *in = mix_resample_space(&r);
            for (size_t i = 0; i < 960; i++)
                for (size_t k = 0; k < channels; k++)
                    in[i * channels + k] =
                        (float)(0.5 *
                                sin(2 * M_PI * hz * (double)(t * 960 + i) / 48000.0 + (double)k));
            const size_t n = mix_resample_run(&r, 960, ratio, out);
            for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < channels; k++) {
                    const double at = (double)(total + i) / ratio;
                    const double want = 0.5 * sin(2 * M_PI * hz * at / 48000.0 + (double)k);
                    worst = fmax(worst, fabs(out[i * channels + k] - want));
                }
            total += n;
        }
        assert_true(fabs((double)total - (96000.0 - MIX_RESAMPLE_AHEAD) * ratio) < 2);
        if (worst > 0.5 * (hz < 10000 ? 3e-4 : 1e-3)) /* -70, -60 dB */
            fail_msg("%zu channels, %.4f, %.0f Hz: %.1e", channels, ratio, hz, worst);
        mix_resample_finish(&r);
    }
}

/* --- and in a voice -------------------------------------------------------------------------- */

enum { TONE_HZ = 1000, CLIP = 1000, TEN_MINUTES = 30000, TWO_MINUTES = 6000 };

struct tracker { /* the phase of the tone, tick by tick */
    double last, turned, largest_jump, largest_bend;
    size_t ticks;
};

static void track(struct tracker *t, const float *x)
{
    double re = 0;
    double im = 0;
    for (size_t i = 0; i < MIX_TICK_FRAMES; i++) { /* 20 whole cycles: a steady tone stands still */
        re += x[i] * cos(2 * M_PI * TONE_HZ * (double)i / MIX_RATE_HZ);
        im += x[i] * sin(2 * M_PI * TONE_HZ * (double)i / MIX_RATE_HZ);
    }
    const double phase = atan2(re, im);
    const double turn = remainder(phase - t->last, 2 * M_PI);
    if (t->ticks > 0) {
        t->turned += turn;
        t->largest_jump = fmax(t->largest_jump, fabs(turn));
    }
    for (size_t i = 2; i < MIX_TICK_FRAMES; i++)
        t->largest_bend =
            fmax(t->largest_bend, fabs((double)x[i] - 2.0 * x[i - 1] + (double)x[i - 2]));
    t->last = phase;
    t->ticks++;
}

/* Of the ticks counted: how far its frequency is from the tone's, in parts per million. */
static double off_ppm(const struct tracker *t)
{
    return t->turned / (2 * M_PI) / ((double)(t->ticks - 1) * 0.02) / TONE_HZ * 1e6;
}

static void drift_for(size_t ticks, const struct clip *clip, double ppm, uint32_t jitter_us,
                      uint32_t channels)
{
    struct voice_rig r;
    voice_open(&r, channels, 20000, 300000);
    struct tracker settled = {0};
    uint32_t seed = 3;
    uint64_t stretched = 0;
    int64_t least = INT64_MAX;
    int64_t most = 0;
    size_t k = 0;
    int64_t arrival = 0;
    for (size_t t = 0; t < ticks; t++) {
        while (arrival <= r.now_us) {
            const double sent = (double)k * 20000;
            const struct mix_packet p = {.data = clip->packets[k < CLIP ? k : 500 + k % 500].data,
                                         .size = clip->packets[k < CLIP ? k : 500 + k % 500].size,
                                         .sequence = k,
                                         .pts_us = (int64_t)(sent - sent * ppm * 1e-6),
                                         .arrival_us = arrival,
                                         .level_dbov = 1};
            if (k > 0)
                assert_int_equal(mix_input_push(r.in, &p), 0);
            k++;
            const double next = (double)k * 20000;
            arrival = (int64_t)(next - next * ppm * 1e-6) + rig_random(&seed, jitter_us + 1);
        }
        const float *pcm = voice_tick(&r, VOICE_MIXED);
        if (t == 3000)
            stretched = rig_stats(r.in).stretched;
        if (t < 3000) /* a minute to find it */
            continue;
        assert_non_null(pcm);
        float mono[MIX_TICK_FRAMES];
        for (size_t i = 0; i < MIX_TICK_FRAMES; i++)
            mono[i] = pcm[i * channels];
        track(&settled, mono);
        const int64_t delay = mix_input_delay_us(r.in);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    const struct mix_input_stats s = rig_stats(r.in);
    print_message(
        "%+4.0f ppm, jitter %2u ms: found %+d, pitch %+.1f, delay %lld..%lld us, jump %.4f rad, "
        "bend %.4f, concealed %llu\n",
        ppm, jitter_us / 1000, s.drift_ppm, off_ppm(&settled), (long long)least, (long long)most,
        settled.largest_jump, settled.largest_bend, (unsigned long long)s.concealed);
    assert_true(abs(s.drift_ppm - (int)ppm) <= 5);
    assert_int_equal(s.stretched, stretched);
    assert_true(fabs(off_ppm(&settled) - ppm) < 5);
    assert_true(most - least < 6000 && least >= 19000 && most < 35000 + (int64_t)jitter_us);
    /* a frame left out or repeated would turn the phase by 0.13 */
    assert_true(settled.largest_jump < 0.06);
    assert_true(settled.largest_bend < 0.2 * 0.0171 * 2);
    if (jitter_us == 0)
        assert_int_equal(s.concealed, 0);
    voice_close(&r);
}

static void two_hundred_ppm_for_ten_minutes_are_not_heard(void **state)
{
    (void)state;
    struct clip clip = make_clip(TONE_HZ, 0.2, CLIP);
    drift_for(TEN_MINUTES, &clip, 200, 0, 1);
    drift_for(TEN_MINUTES, &clip, -200, 0, 1);
    drift_for(TWO_MINUTES, &clip, 200, 10000, 1);
    drift_for(TWO_MINUTES, &clip, -30, 0, 2);
    free_clip(&clip);
}

/* Below what matters, and with a pinned delay, every sample is the decoder's. */
static void what_does_not_drift_is_not_touched(void **state)
{
    (void)state;
    struct clip clip = make_clip(TONE_HZ, 0.2, 2000);
    const double drifts[] = {0, 3, 150};
    for (int i = 0; i < 3; i++) {
        const int64_t most = i < 2 ? 300000 : 20000; /* the last is pinned */
        struct voice_rig r;
        voice_open(&r, 1, 20000, most);
        OpusDecoder *opus = opus_decoder_create(MIX_RATE_HZ, 1, &(int){0});
        size_t played = 0;
        bool is_same = true;
        static float want[2000 * MIX_TICK_FRAMES];
        for (size_t k = 0; k < 1900; k++) {
            const double sent = (double)k * 20000;
            const struct mix_packet p = {.data = clip.packets[k].data,
                                         .size = clip.packets[k].size,
                                         .sequence = k,
                                         .pts_us = (int64_t)(sent - sent * drifts[i] * 1e-6),
                                         .arrival_us = (int64_t)(sent - sent * drifts[i] * 1e-6),
                                         .level_dbov = 1};
            assert_int_equal(mix_input_push(r.in, &p), 0);
            assert_int_equal(opus_decode_float(opus, p.data, (opus_int32)p.size,
                                               want + k * MIX_TICK_FRAMES, MIX_TICK_FRAMES, 0),
                             MIX_TICK_FRAMES);
            const float *pcm = voice_tick(&r, VOICE_MIXED);
            if (k < 2)
                continue;
            is_same = is_same && memcmp(pcm, want + (k - 1) * MIX_TICK_FRAMES,
                                        MIX_TICK_FRAMES * sizeof(float)) == 0;
            played++;
        }
        assert_true(is_same && played > 1800);
        opus_decoder_destroy(opus);
        voice_close(&r);
    }
    free_clip(&clip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drift_is_found),
        cmocka_unit_test(losses_and_pauses_do_not_mislead),
        cmocka_unit_test(a_clock_that_is_mended_ends_it),
        cmocka_unit_test(resampled_tones_are_the_same_tones),
        cmocka_unit_test(two_hundred_ppm_for_ten_minutes_are_not_heard),
        cmocka_unit_test(what_does_not_drift_is_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
