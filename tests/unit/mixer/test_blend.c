/* Sums against a plain reference, on random sources and gains, with and without the total. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "mixer/blend.h"

enum { TICKS = 60, SAMPLES = 2 * MIX_TICK_FRAMES };

static float pcm[MIX_SOURCES_MAX][SAMPLES];
static float total[SAMPLES];
static float want[(TICKS + 1) * SAMPLES];
static float got[TICKS * SAMPLES];

static uint32_t next(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(*seed >> 8) * n) >> 24);
}

/* Some sources come and go; few gains are not 1, so that both ways of summing are taken. */
static void change(struct mix_sources *s, struct mix_gains *wanted, uint32_t *seed)
{
    const uint32_t i = next(seed, MIX_SOURCES_MAX);
    s->pcm[i] = next(seed, 4) ? pcm[i] : NULL;
    wanted->of[next(seed, MIX_SOURCES_MAX)] = next(seed, 3) ? 1.0f : (float)next(seed, 5) / 4;
    if (next(seed, 6) == 0)
        wanted->duck = (float)next(seed, 3) / 2;
    for (size_t k = 0; k < MIX_SOURCES_MAX; k++) {
        for (size_t n = 0; n < SAMPLES; n++)
            pcm[k][n] = ((float)next(seed, 2001) / 1000 - 1) / (4 * MIX_SOURCES_MAX);
    }
}

/* now and duck are the reference's own; a source that was not there takes its gain at once. */
static void reference(float *sum, const struct mix_sources *s, const struct mix_gains *wanted,
                      struct mix_gains *now)
{
    const float d0 = now->duck;
    const float d1 = fmaxf(fminf(wanted->duck, d0 + 0.2f), d0 - 0.2f);
    const size_t channels = s->channels;
    memset(sum, 0, MIX_TICK_FRAMES * channels * sizeof(*sum));
    for (size_t i = 0; i < MIX_SOURCES_MAX; i++) {
        const bool is_voice = i < MIX_VOICES_MAX;
        const float g0 = (s->was_there[i] ? now->of[i] : wanted->of[i]) * (is_voice ? d0 : 1);
        const float g1 = wanted->of[i] * (is_voice ? d1 : 1);
        if (s->pcm[i])
            now->of[i] = wanted->of[i];
        for (size_t n = 0; s->pcm[i] && n < MIX_TICK_FRAMES * channels; n++)
            sum[n] += s->pcm[i][n] * (g0 + (g1 - g0) * (float)(n / channels + 1) / MIX_TICK_FRAMES);
        if (!s->was_there[i])
            now->of[i] = wanted->of[i];
    }
    now->duck = d1;
}

static void a_sum_is_what_its_gains_say(void **state)
{
    (void)state;
    uint32_t seed = 11;
    uint32_t with_total = 0;
    for (size_t channels = 1; channels <= 2; channels++) {
        struct mix_sources s = {.total = total, .channels = channels};
        struct mix_blend b;
        assert_int_equal(mix_blend_init(&b, channels), 0);
        struct mix_gains now = {.duck = 1};
        for (size_t i = 0; i < MIX_SOURCES_MAX; i++) {
            b.wanted.of[i] = 1;
            s.pcm[i] = pcm[i];
        }
        const size_t samples = MIX_TICK_FRAMES * channels;
        for (size_t t = 0; t < TICKS; t++) {
            change(&s, &b.wanted, &seed);
            s.has_total = false;
            reference(want + t * samples, &s, &b.wanted, &now);
            mix_blend_run(&b, &s);
            with_total += s.has_total;
            memcpy(got + t * samples, b.pcm, samples * sizeof(*got));
            for (size_t i = 0; i < MIX_SOURCES_MAX; i++)
                s.was_there[i] = s.pcm[i] != NULL;
        }
        const size_t late = MIX_LIMITER_FRAMES * channels;
        for (size_t n = late; n < TICKS * samples; n++)
            assert_true(fabsf(got[n] - want[n - late]) < 1e-5f);
        mix_blend_finish(&b);
    }
    assert_in_range(with_total, 20, 2 * TICKS - 5); /* both ways were taken */
}

/* A voice at 0 leaves nothing at all in a plain sum, and nothing above rounding beside many. */
static void a_voice_at_zero_is_gone(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 20; count += 19) {
        struct mix_sources s = {.total = total, .channels = 1};
        struct mix_blend b;
        assert_int_equal(mix_blend_init(&b, 1), 0);
        for (size_t i = 0; i < count; i++) {
            b.wanted.of[i] = i ? 1.0f : 0.0f;
            s.pcm[i] = pcm[i];
            for (size_t n = 0; n < MIX_TICK_FRAMES; n++)
                pcm[i][n] = i ? 0.0f : 0.9f * (float)sin((double)n);
        }
        mix_blend_snap(&b);
        mix_blend_run(&b, &s);
        for (size_t n = 0; n < MIX_TICK_FRAMES; n++)
            assert_true(fabsf(b.pcm[n]) <= (count > 1 ? 1e-6f : 0.0f));
        mix_blend_finish(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_is_what_its_gains_say),
        cmocka_unit_test(a_voice_at_zero_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
