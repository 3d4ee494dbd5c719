/* A clip that plays: fades at both ends and at a stop, loops, silence after. */
#include "pcm.h"
#include "wav.h"

#include "mixer/clip.h"
#include "mixer/sound.h"

enum { TICK = MIX_TICK_FRAMES, FADE = MIX_SOUND_FADE_FRAMES, TICKS = 12 };

static float out[TICKS * TICK * 2];

/* Every sample is a half (a quarter on the right), so what comes out is the gain. */
static struct mix_sound steady(size_t frames, uint32_t channels, float gain, bool is_looped)
{
    static int16_t pcm[2 * TICKS * TICK];
    for (size_t i = 0; i < frames * channels; i++)
        pcm[i] = i % channels ? 8192 : 16384;
    const struct wav w = wav_make(pcm, frames, channels, 48000);
    struct mix_sound_conf conf = {.gain = gain, .is_looped = is_looped};
    assert_int_equal(mix_clip_load(&conf.clip, NULL, w.data, w.size, channels), 0);
    free(w.data);
    struct mix_sound s;
    mix_sound_init(&s, &conf);
    mix_clip_unref(conf.clip); /* the sound has its own reference */
    return s;
}

/* Returns the ticks that it took to be over, TICKS when it was not. */
static size_t play(struct mix_sound *s, size_t channels)
{
    size_t over = TICKS;
    for (size_t t = 0; t < TICKS; t++) {
        for (size_t i = 0; i < TICK * channels; i++)
            out[t * TICK * channels + i] = 9;
        mix_sound_render(s, out + t * TICK * channels);
        if (mix_sound_is_over(s) && over == TICKS)
            over = t + 1;
    }
    return over;
}

/* Of a sound of `frames` frames, not stopped: up over 10 ms, down over 10 ms. */
static float wanted(size_t frame, size_t frames)
{
    if (frame >= frames)
        return 0;
    const size_t up = frame + 1;
    const size_t down = frames - frame - 1;
    const size_t least = up < down ? up : down;
    return (float)(least < FADE ? least : FADE) / FADE;
}

static void both_ends_are_faded_over_10_ms(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 100, 479, 960, 961, 1919, 1920, 2000, 2400, 5000};
    for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
        for (uint32_t channels = 1; channels <= 2; channels++) {
            struct mix_sound s = steady(lengths[k], channels, 1.5f, false);
            assert_false(mix_sound_is_over(&s));
            const size_t ticks = play(&s, channels);
            assert_int_equal(ticks, (lengths[k] + TICK - 1) / TICK);
            for (size_t i = 0; i < TICKS * TICK; i++) {
                const float gain = 0.75f * wanted(i, lengths[k]);
                assert_true(fabsf(out[i * channels] - gain) < 2e-3f);
                assert_true(channels == 1 || out[2 * i + 1] == out[2 * i] / 2);
            }
            mix_sound_finish(&s);
        }
    }
}

static void a_loop_begins_again_without_a_fade(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 7, 700, 960, 1000, 3000};
    for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
        struct mix_sound s = steady(lengths[k], 1, 1, true);
        assert_int_equal(play(&s, 1), TICKS);
        for (size_t i = FADE; i < TICKS * TICK; i++)
            assert_true(out[i] == 0.5f);
        mix_sound_finish(&s);
    }
}

static void a_loop_repeats_what_is_in_it(void **state)
{
    (void)state;
    int16_t pcm[700];
    for (int i = 0; i < 700; i++)
        pcm[i] = (int16_t)(i * 40);
    const struct wav w = wav_make(pcm, 700, 1, 48000);
    struct mix_sound_conf conf = {.gain = 1, .is_looped = true};
    assert_int_equal(mix_clip_load(&conf.clip, NULL, w.data, w.size, 1), 0);
    free(w.data);
    struct mix_sound s;
    mix_sound_init(&s, &conf);
    mix_clip_unref(conf.clip);
    play(&s, 1);
    for (size_t i = FADE; i < TICKS * TICK; i++)
        assert_true(out[i] == (float)pcm[i % 700] / 32768);
    mix_sound_finish(&s);
}

static void a_stop_fades_from_where_it_is(void **state)
{
    (void)state;
    for (size_t before = 0; before < 3; before++) {
        struct mix_sound s = steady(TICKS * TICK, 1, 1, before == 2);
        for (size_t t = 0; t < before; t++)
            mix_sound_render(&s, out);
        mix_sound_fade_out(&s);
        assert_int_equal(play(&s, 1), 1);
        for (size_t i = 0; i < TICKS * TICK; i++) {
            const float gain = before && i < FADE ? (float)(FADE - i - 1) / FADE : 0;
            assert_true(fabsf(out[i] - 0.5f * gain) < 1e-3f);
        }
        assert_true(mix_sound_is_over(&s));
        mix_sound_finish(&s);
    }
}

/* A stop shortly before the end must not lift the fade that has begun. */
static void a_stop_near_the_end_stays_smooth(void **state)
{
    (void)state;
    struct mix_sound s = steady(TICK + 200, 1, 1, false);
    mix_sound_render(&s, out);
    const float last = out[TICK - 1];
    mix_sound_fade_out(&s);
    mix_sound_render(&s, out);
    assert_true(fabsf(out[0] - last) < 0.6f / FADE);
    assert_true(pcm_step(out, TICK, 1) < 0.6f / FADE);
    assert_true(mix_sound_is_over(&s) && out[200] == 0);
    mix_sound_finish(&s);
}

static void gains_out_of_range_are_held(void **state)
{
    (void)state;
    struct mix_sound s = steady(4 * TICK, 1, 50, false);
    play(&s, 1);
    assert_true(pcm_peak(out, TICK) == 0.5 * MIX_GAIN_MAX);
    mix_sound_finish(&s);
    s = steady(4 * TICK, 1, NAN, false);
    play(&s, 1);
    assert_true(pcm_peak(out, TICK) == 0);
    mix_sound_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_are_faded_over_10_ms),
        cmocka_unit_test(a_loop_begins_again_without_a_fade),
        cmocka_unit_test(a_loop_repeats_what_is_in_it),
        cmocka_unit_test(a_stop_fades_from_where_it_is),
        cmocka_unit_test(a_stop_near_the_end_stays_smooth),
        cmocka_unit_test(gains_out_of_range_are_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
