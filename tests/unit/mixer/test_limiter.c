/* The limiter against a plain O(n * m) reference, on random and on the worst input. */
#include "pcm.h"

#include "mixer/limiter.h"

enum { DELAY = MIX_LIMITER_FRAMES, MOST = 12000 };

static float in[2 * MOST], out[2 * MOST], want[2 * MOST];
static uint32_t seed;

/* In parts of changing length, as in a mixer whose ticks are anything. */
static float run(size_t frames, size_t channels, size_t part)
{
    struct mix_limiter l;
    mix_limiter_init(&l, channels);
    memcpy(out, in, frames * channels * sizeof(*in));
    float lowest = 1;
    for (size_t at = 0; at < frames;) {
        size_t n = part ? part : 1 + (size_t)((pcm_noise(&seed) + 1) * 500);
        n = n < frames - at ? n : frames - at;
        lowest = fminf(lowest, mix_limiter_run(&l, out + at * channels, n));
        at += n;
    }
    return lowest;
}

static double frame_peak(size_t frame, size_t channels)
{
    return pcm_peak(in + frame * channels, channels);
}

/* What the three steps of limiter.c say, in doubles, each window looked through as a whole. Only
 * the way back is in whole units, as its rounding adds up. */
static double risen(double gain)
{
    const double unit = 1.0 / (1 << 24);
    return fmin(1, gain + unit * (floor((1 - gain) / unit / 4096) + 1));
}

static void reference(size_t frames, size_t channels)
{
    static double held[MOST];
    for (size_t n = 0; n < frames; n++) {
        held[n] = n ? risen(held[n - 1]) : 1;
        for (size_t k = 0; k < MIX_LIMITER_HOLD && k <= n; k++)
            held[n] = fmin(held[n], MIX_LIMITER_CEILING / frame_peak(n - k, channels));
        double gain = 0;
        for (size_t k = 0; k <= DELAY; k++)
            gain += k <= n ? held[n - k] : 1;
        for (size_t c = 0; c < channels; c++)
            want[n * channels + c] =
                n < DELAY ? 0 : (float)(in[(n - DELAY) * channels + c] * gain / (DELAY + 1));
    }
}

static void same_as_the_reference(size_t frames, size_t channels)
{
    run(frames, channels, 0);
    reference(frames, channels);
    for (size_t i = 0; i < frames * channels; i++) {
        assert_true(fabsf(out[i] - want[i]) < 1e-4f);
        assert_true(fabsf(out[i]) <= MIX_LIMITER_CEILING);
    }
}

/* Quiet stretches with bursts of up to `loudest` of any length. */
static void fill_bursts(size_t frames, size_t channels, float loudest)
{
    float level = 0.3f;
    for (size_t n = 0; n < frames; n++) {
        if (pcm_noise(&seed) > 0.995f)
            level = pcm_noise(&seed) > 0 ? 0.3f : loudest * fabsf(pcm_noise(&seed));
        for (size_t c = 0; c < channels; c++)
            in[n * channels + c] = level * pcm_noise(&seed);
    }
}

static void equals_the_reference_on_random_input(void **state)
{
    (void)state;
    seed = 3;
    for (size_t channels = 1; channels <= 2; channels++) {
        for (float loudest = 1; loudest < 40; loudest *= 2) {
            fill_bursts(MOST, channels, loudest);
            same_as_the_reference(MOST, channels);
        }
    }
}

/* One loud frame at every offset to the next one, a slope up, a slope down, all at the top. */
static void equals_the_reference_on_the_worst_input(void **state)
{
    (void)state;
    static const size_t gaps[] = {1, 2, 239, 240, 241, 242, 479, 480, 481, 960, 4000};
    for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
        for (size_t n = 0; n < MOST; n++) {
            const float loud = n / gaps[g] % 2 ? -32 : 1.1f;
            in[n] = n % gaps[g] == 0 ? loud : 0.5f;
        }
        same_as_the_reference(MOST, 1);
    }
    for (size_t n = 0; n < MOST; n++)
        in[n] = n < MOST / 2 ? (float)n / 500 : (float)(MOST - n) / 500;
    same_as_the_reference(MOST, 1);
    for (size_t n = 0; n < MOST; n++)
        in[n] = n % 2 ? 600 : -600;
    same_as_the_reference(MOST, 1);
}

static void below_the_ceiling_it_only_delays(void **state)
{
    (void)state;
    seed = 5;
    for (size_t channels = 1; channels <= 2; channels++) {
        for (size_t i = 0; i < MOST * channels; i++)
            in[i] = MIX_LIMITER_CEILING * pcm_noise(&seed);
        in[4000] = MIX_LIMITER_CEILING;
        in[4001] = -MIX_LIMITER_CEILING;
        assert_true(run(MOST, channels, 0) == 1);
        const size_t gap = DELAY * channels;
        assert_int_equal(memcmp(out + gap, in, (MOST * channels - gap) * sizeof(*in)), 0);
        assert_true(pcm_peak(out, gap) == 0);
    }
}

/* After a loud second it is transparent again, bit by bit. */
static void the_gain_comes_all_the_way_back(void **state)
{
    (void)state;
    struct mix_limiter l;
    mix_limiter_init(&l, 1);
    static float tick[960];
    size_t quiet_ticks = 0;
    for (size_t t = 0; t < 200; t++) {
        for (size_t i = 0; i < 960; i++)
            tick[i] = (t < 50 ? 3.0f : 0.9f) * pcm_sine(300, t * 960 + i);
        const float lowest = mix_limiter_run(&l, tick, 960);
        if (t < 50)
            assert_true(lowest < 0.4f);
        else if (lowest < 0.9f)
            quiet_ticks++;
        assert_true(t < 190 || lowest == 1);
    }
    assert_in_range(quiet_ticks, 5, 15); /* 100 to 300 ms */
    for (size_t i = DELAY; i < 960; i++)
        assert_true(tick[i] == 0.9f * pcm_sine(300, 199 * 960 + i - DELAY));
}

/* A deep voice far over the top stays a sine: what is not the tone is 50 dB below it. */
static void a_low_tone_is_not_bent(void **state)
{
    (void)state;
    for (double hz = 60; hz <= 1000; hz *= 2) {
        for (size_t n = 0; n < MOST; n++)
            in[n] = 4.0f * pcm_sine(hz, n);
        assert_true(fabsf(run(MOST, 1, 960) - MIX_LIMITER_CEILING / 4) < 1e-3f);
        double other = 0;
        for (size_t n = 4000; n < MOST; n++) {
            const double d = out[n] - MIX_LIMITER_CEILING * pcm_sine(hz, n - DELAY);
            other += d * d;
        }
        other = sqrt(other / (MOST - 4000));
        assert_true(pcm_db(other / (MIX_LIMITER_CEILING / M_SQRT2)) < -50);
    }
}

/* The gain never moves by more than a glide of 5 ms allows, so nothing clicks. */
static void the_gain_glides(void **state)
{
    (void)state;
    for (size_t n = 0; n < MOST; n++)
        in[n] = n == 5000 ? 10 : 0.9f;
    run(MOST, 1, 960);
    for (size_t n = DELAY + 1; n < MOST; n++) {
        if (n != 5000 + DELAY && n != 5001 + DELAY)
            assert_true(fabsf(out[n] - out[n - 1]) <= 0.9f * 1.01f / (DELAY + 1));
    }
    assert_true(out[5000 + DELAY] > 0.97f);
}

static void both_channels_share_one_gain(void **state)
{
    (void)state;
    seed = 9;
    for (size_t n = 0; n < MOST; n++) {
        in[2 * n] = 5 * pcm_noise(&seed);
        in[2 * n + 1] = in[2 * n] / 8;
    }
    run(MOST, 2, 0);
    for (size_t n = 0; n < MOST; n++)
        assert_true(out[2 * n + 1] == out[2 * n] / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_reference_on_random_input),
        cmocka_unit_test(equals_the_reference_on_the_worst_input),
        cmocka_unit_test(below_the_ceiling_it_only_delays),
        cmocka_unit_test(the_gain_comes_all_the_way_back),
        cmocka_unit_test(a_low_tone_is_not_bent),
        cmocka_unit_test(the_gain_glides),
        cmocka_unit_test(both_channels_share_one_gain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
