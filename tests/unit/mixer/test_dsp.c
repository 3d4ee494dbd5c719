/* The hot loops against the plainest form of the same, on random input of all lengths. */
#include "rig.h"

#include "mixer/dsp.h"

enum { MOST = 2048 };

static float a[MOST], b[MOST], got[MOST];
static uint32_t seed = 7;

static float noise(void)
{
    return (float)rig_random(&seed, 20001) / 10000.0f - 1.0f;
}

static void fill(void)
{
    for (size_t i = 0; i < MOST; i++) {
        a[i] = noise();
        b[i] = noise();
    }
}

static const size_t lengths[] = {0, 1, 7, 8, 9, 959, 960, 1920};

#define EACH_LENGTH(n)                                                                             \
    for (size_t at_ = 0, n; at_ < sizeof(lengths) / sizeof(lengths[0]) && (n = lengths[at_], 1);   \
         at_++)

static void adds_and_subtracts_like_the_plain_loop(void **state)
{
    (void)state;
    EACH_LENGTH(n)
    {
        fill();
        memcpy(got, a, sizeof(a));
        mix_dsp_add(got, b, n);
        for (size_t i = 0; i < MOST; i++)
            assert_true(got[i] == (i < n ? a[i] + b[i] : a[i]));
        memcpy(got, a, sizeof(a));
        mix_dsp_subtract(got, a, b, n);
        for (size_t i = 0; i < MOST; i++)
            assert_true(got[i] == (i < n ? a[i] - b[i] : a[i]));
    }
}

static void measures_like_the_plain_loop(void **state)
{
    (void)state;
    EACH_LENGTH(n)
    {
        fill();
        double energy = 0;
        float peak = 0;
        for (size_t i = 0; i < n; i++) {
            energy += (double)a[i] * a[i];
            peak = fmaxf(peak, fabsf(a[i]));
        }
        assert_true(fabs(mix_dsp_energy(a, n) - energy) <= 1e-5 * (energy + 1));
        assert_true(mix_dsp_peak(a, n) == peak);
    }
}

static void ramps_each_frame_over_all_channels(void **state)
{
    (void)state;
    fill();
    mix_dsp_ramp(got, a, 480, 2, 0.25f, 0.001f);
    for (size_t i = 0; i < 960; i++)
        assert_true(fabsf(got[i] - a[i] * (0.25f + 0.001f * (float)(i / 2))) < 1e-6f);
}

static void a_crossfade_in_parts_equals_one_in_whole(void **state)
{
    (void)state;
    fill();
    float whole[960];
    memcpy(whole, a, sizeof(whole));
    memcpy(got, a, sizeof(whole));
    mix_dsp_crossfade(whole, b, 480, 2, 0, 480);
    mix_dsp_crossfade(got, b, 100, 2, 0, 480);
    mix_dsp_crossfade(got + 200, b + 200, 380, 2, 100, 480);
    assert_memory_equal(whole, got, sizeof(whole));
    assert_true(whole[958] == a[958] && whole[959] == a[959]);
    assert_true(fabsf(whole[0] - b[0]) < 0.01f);
}

static void protects_only_what_is_loud_and_stays_monotonic(void **state)
{
    (void)state;
    float before = -2;
    for (float x = -6; x <= 6; x += 0.001f) {
        float y = x;
        mix_dsp_protect(&y, 1);
        assert_true(fabsf(y) < 1.0f);
        assert_true(y >= before);
        if (fabsf(x) <= 0.8f)
            assert_true(y == x);
        before = y;
    }
}

static void cleans_what_is_no_number(void **state)
{
    (void)state;
    float x[] = {NAN, -NAN, INFINITY, -INFINITY, 0.5f, 1e30f, -0.5f};
    mix_dsp_clean(x, 7);
    const float want[] = {0, 0, 4, -4, 0.5f, 4, -0.5f};
    for (int i = 0; i < 7; i++)
        assert_true(x[i] == want[i]);
}

static void finds_the_period_of_a_tone(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOST; i++)
        a[i] = sinf(2 * (float)M_PI * (float)(i / 2) / 200.0f); /* 200 frames, stereo */
    float similarity;
    assert_int_equal(mix_dsp_best_lag(a, 2, 240, 120, 300, &similarity), 200);
    assert_true(similarity > 0.999f);
}

static void stretching_a_tone_by_its_period_leaves_no_seam(void **state)
{
    (void)state;
    for (size_t lag = 200; lag <= 400; lag += 200) {
        for (size_t i = 0; i < MOST; i++)
            a[i] = sinf(2 * (float)M_PI * (float)i / 200.0f);
        memcpy(got, a, sizeof(a));
        assert_int_equal(mix_dsp_shrink(got, 1000, 1, lag, 240), 1000 - lag);
        for (size_t i = 0; i < 1000 - lag; i++)
            assert_true(fabsf(got[i] - a[i]) < 1e-4f);
        memcpy(got, a, sizeof(a));
        assert_int_equal(mix_dsp_grow(got, 1000, 1, lag, 240), 1000 + lag);
        for (size_t i = 0; i < 1000 + lag; i++)
            assert_true(fabsf(got[i] - a[i]) < 1e-4f);
    }
}

/* A lag shorter than the window makes both ends of the fade overlap. */
static void stretching_joins_the_right_frames(void **state)
{
    (void)state;
    for (size_t lag = 120; lag <= 480; lag += 120) {
        fill();
        memcpy(got, a, sizeof(a));
        mix_dsp_shrink(got, 1000, 1, lag, 240);
        for (size_t i = 0; i < 1000 - lag; i++) {
            const float w = i < 240 ? (float)(i + 1) / 240 : 1;
            assert_true(fabsf(got[i] - (a[i] * (1 - w) + a[i + lag] * w)) < 1e-5f);
        }
        memcpy(got, a, sizeof(a));
        mix_dsp_grow(got, 1000, 1, lag, 240);
        for (size_t i = 0; i < 1000 + lag; i++) {
            const float w = i < lag ? 0 : i < lag + 240 ? (float)(i - lag + 1) / 240 : 1;
            const float again = i < lag ? 0 : a[i - lag];
            const float on = i < 1000 ? a[i] : 0;
            assert_true(fabsf(got[i] - (on * (1 - w) + again * w)) < 1e-5f);
        }
    }
}

static void scales_each_channel_by_its_own_glide(void **state)
{
    (void)state;
    EACH_LENGTH(n)
    {
        for (size_t channels = 1; channels <= 2; channels++) {
            const float from[2] = {0.3f, 1.7f};
            const float to[2] = {2, 0.1f};
            const size_t frames = n / channels;
            fill();
            memcpy(got, a, sizeof(a));
            mix_dsp_scale(got, frames, channels, from, to);
            for (size_t i = 0; i < MOST; i++) {
                const size_t c = i % channels;
                const double share = (double)(i / channels) / (double)(frames ? frames : 1);
                const double gain = from[c] + (to[c] - from[c]) * share;
                assert_true(fabs(got[i] - (i < frames * channels ? a[i] * gain : a[i])) < 1e-5);
            }
        }
    }
}

static void sixteen_bits_there_and_back(void **state)
{
    (void)state;
    static int16_t samples[MOST];
    const float odd[] = {1, -1, 4, -4, 0.99999f, 0.4f / 32768, 0.6f / 32768, -0.6f / 32768};
    const int16_t rounded[] = {32767, -32768, 32767, -32768, 32767, 0, 1, -1};
    mix_dsp_take_s16(samples, odd, 8, 1);
    assert_memory_equal(samples, rounded, sizeof(rounded));
    EACH_LENGTH(n)
    {
        for (size_t stride = 1; stride <= 2; stride++) {
            const size_t frames = n / stride;
            fill();
            memcpy(got, b, sizeof(b));
            mix_dsp_take_s16(samples, a, frames, stride);
            mix_dsp_put_s16(got, samples, frames, stride);
            for (size_t i = 0; i < MOST; i++) {
                if (i % stride == 0 && i < frames * stride)
                    assert_true(fabsf(got[i] - fminf(a[i], 32767.0f / 32768)) <= 0.5001f / 32768);
                else
                    assert_true(got[i] == b[i]);
            }
        }
    }
}

static void tells_twins(void **state)
{
    (void)state;
    EACH_LENGTH(n)
    {
        const size_t frames = n / 2;
        fill();
        for (size_t i = 0; i < frames; i++)
            a[2 * i + 1] = a[2 * i];
        assert_true(mix_dsp_is_twin(a, frames));
        for (size_t i = 0; i < frames; i += 1 + frames / 37) {
            const float was = a[2 * i + 1];
            a[2 * i + 1] = was + 1;
            assert_false(mix_dsp_is_twin(a, frames));
            a[2 * i + 1] = was;
        }
    }
}

static void frames_and_times_agree(void **state)
{
    (void)state;
    const int64_t times[] = {0, 1, -1, 10, 11, 20000, -20000, 1 << 30, INT64_C(1) << 53, -999983};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        const int64_t t = times[i];
        assert_int_equal(mix_frames(t + 20000) - mix_frames(t), 960);
        const int64_t back = mix_frames_to_us(mix_frames(t));
        assert_true(llabs(back - t) <= 21);
    }
    assert_int_equal(mix_frames(1000000), 48000);
    assert_int_equal(mix_frames(-1000000), -48000);
    assert_int_equal(mix_frames(10), 0);
    assert_int_equal(mix_frames(11), 1);
    assert_true(mix_frames(INT64_MAX) > 0 && mix_frames(INT64_MIN) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_and_subtracts_like_the_plain_loop),
        cmocka_unit_test(measures_like_the_plain_loop),
        cmocka_unit_test(ramps_each_frame_over_all_channels),
        cmocka_unit_test(a_crossfade_in_parts_equals_one_in_whole),
        cmocka_unit_test(protects_only_what_is_loud_and_stays_monotonic),
        cmocka_unit_test(cleans_what_is_no_number),
        cmocka_unit_test(finds_the_period_of_a_tone),
        cmocka_unit_test(stretching_a_tone_by_its_period_leaves_no_seam),
        cmocka_unit_test(stretching_joins_the_right_frames),
        cmocka_unit_test(scales_each_channel_by_its_own_glide),
        cmocka_unit_test(sixteen_bits_there_and_back),
        cmocka_unit_test(tells_twins),
        cmocka_unit_test(frames_and_times_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
