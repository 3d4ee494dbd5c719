/* A voice that nobody would hear is not decoded, and begins again as if it had been. */
#include "voice_rig.h"

#include <time.h>

static struct mix_input_stats stats_of(const struct voice_rig *r)
{
    return rig_stats(r->in);
}

/* The largest difference between two sounds in frames [from, to). */
static double difference(const float *a, const float *b, size_t from, size_t to)
{
    double most = 0;
    for (size_t i = from; i < to; i++)
        most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

static void what_is_skipped_is_counted_and_not_decoded(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 300);
    struct voice_rig r;
    voice_open(&r, 1, 20000, 300000);
    for (size_t k = 0; k < 300; k++) {
        voice_push(&r, &clip, k, -20, 0);
        assert_null(voice_tick(&r, VOICE_SKIPPED));
    }
    const struct mix_input_stats s = stats_of(&r);
    assert_true(s.gated >= 297 * 960 && s.gated <= 300 * 960);
    assert_int_equal(s.frames, 0);
    assert_int_equal(s.lost, 0);
    assert_int_equal(s.late, 0);
    assert_int_equal(s.concealed, 0);
    assert_true(mix_input_is_speaking(r.in)); /* known without decoding */
    assert_true(fabsf(mix_input_level_dbov(r.in) + 20) < 0.5f);
    voice_close(&r);
    free_clip(&clip);
}

/* Skipped up to tick `from`; then it must sound as if it had been decoded all the time. */
static void play_from(const struct clip *clip, size_t from, int64_t delay_us, struct recording *out)
{
    struct voice_rig r;
    voice_open(&r, 1, delay_us, 300000);
    for (size_t k = 0; k < clip->count; k++) {
        voice_push(&r, clip, k, -20, 0);
        voice_tick(&r, k < from ? VOICE_SKIPPED : VOICE_MIXED);
    }
    assert_int_equal(stats_of(&r).concealed, 0);
    assert_int_equal(stats_of(&r).late, 0);
    assert_int_equal(stats_of(&r).stretched, 0);
    *out = r.heard;
    r.heard = (struct recording){0};
    voice_close(&r);
}

static void it_begins_again_cleanly(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 120);
    for (int64_t delay_us = 20000; delay_us <= 95000; delay_us += 25000) {
        struct recording whole;
        struct recording part;
        play_from(&clip, 0, delay_us, &whole);
        play_from(&clip, 60, delay_us, &part);
        assert_true(rms(part.pcm, 60 * 960) == 0);
        const size_t heard = onset(part.pcm + 60 * 960, 60 * 960, 0.05f);
        assert_true(heard < 2 * 960); /* at once: at most the packet that had begun is left out */
        /* the two packets before it were decoded unheard: the sound is the same soon after */
        assert_true(difference(whole.pcm, part.pcm, 63 * 960, 120 * 960) < 0.01);
        assert_true(difference(whole.pcm, part.pcm, 75 * 960, 120 * 960) < 0.001);
        assert_true(largest_step(part.pcm, part.frames) < 1.2 * 0.2 * 2 * M_PI * 440 / 48000);
        forget(&whole);
        forget(&part);
    }
    free_clip(&clip);
}

static void leaving_and_coming_back_never_clicks(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 600);
    struct voice_rig r;
    voice_open(&r, 1, 20000, 300000);
    uint32_t seed = 5;
    enum voice_do what = VOICE_MIXED;
    for (size_t k = 0; k < 600; k++) {
        voice_push(&r, &clip, k, -20, (int64_t)rig_random(&seed, 15000));
        if (rig_random(&seed, 8) == 0) /* the mix fades a voice out before it skips it */
            what = what == VOICE_MIXED ? VOICE_UNMIXED : VOICE_MIXED;
        voice_tick(&r, what);
    }
    assert_true(stats_of(&r).gated > 50 * 960);
    assert_true(stats_of(&r).frames > 50 * 960);
    assert_true(largest_step(r.heard.pcm, r.heard.frames) < 1.5 * 0.2 * 2 * M_PI * 440 / 48000);
    voice_close(&r);
    free_clip(&clip);
}

static void silence_is_not_decoded_and_speech_opens_in_time(void **state)
{
    (void)state;
    struct clip clip = make_clip_from(440, 0.2, 300, 150, OPUS_APPLICATION_AUDIO);
    struct voice_rig r;
    voice_open(&r, 1, 60000, 300000);
    for (size_t k = 0; k < 300; k++) {
        voice_push(&r, &clip, k, k < 150 ? -127 : -17, 0);
        voice_tick(&r, VOICE_MIXED);
    }
    const struct mix_input_stats s = stats_of(&r);
    assert_true(s.gated >= 100 * 960 && s.gated <= 130 * 960); /* after half a second */
    const size_t want = (size_t)mix_frames(150 * 20000 + 60000) + 312;
    const size_t got = onset(r.heard.pcm, r.heard.frames, 0.02f);
    assert_true(got + 480 > want && got < want + 480); /* nothing of its beginning is missing */
    /* the tone begins abruptly */
    assert_true(largest_step(r.heard.pcm, r.heard.frames) < 2 * 0.2 * 2 * M_PI * 440 / 48000);
    voice_close(&r);
    free_clip(&clip);
}

static void music_is_never_gated(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 100);
    struct voice_rig r;
    voice_open(&r, 1, 20000, 300000);
    mix_input_set_treatment(r.in, &(struct mix_treatment){.is_original = true});
    for (size_t k = 0; k < 100; k++) {
        voice_push(&r, &clip, k, -127, 0);
        voice_tick(&r, VOICE_MIXED);
        assert_true(mix_input_must_decode(r.in));
    }
    assert_int_equal(stats_of(&r).gated, 0);
    assert_true(rms(r.heard.pcm + 60 * 960, 30 * 960) > 0.1);
    voice_close(&r);
    free_clip(&clip);
}

static void gain_and_place_come_after_the_level(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 150);
    struct voice_rig r;
    voice_open(&r, 2, 20000, 300000);
    const float *pcm = NULL;
    double left = 0;
    double right = 0;
    for (size_t k = 0; k < 150; k++) {
        if (k == 50)
            mix_input_set_gain(r.in, 0.5f);
        if (k == 100)
            mix_input_set_pan(r.in, 1.0f);
        voice_push(&r, &clip, k, 1, 0);
        pcm = voice_tick(&r, VOICE_MIXED);
        if (k == 45)
            assert_true(fabs(rms(pcm, 1920) - 0.141) < 0.01);
        if (k == 95)
            assert_true(fabs(rms(pcm, 1920) - 0.0707) < 0.005);
    }
    for (size_t i = 0; i < MIX_TICK_FRAMES; i++) {
        left += pcm[2 * i] * pcm[2 * i];
        right += pcm[2 * i + 1] * pcm[2 * i + 1];
    }
    assert_true(left < right / 1e6);
    assert_true(fabsf(mix_input_level_dbov(r.in) + 17) < 0.5f);
    assert_true(largest_step(r.heard.pcm, r.heard.frames) < 1.2 * 0.2 * 2 * M_PI * 440 / 48000);
    voice_close(&r);
    free_clip(&clip);
}

/* Silence is not held back by the treatment of what was before it, and nothing is cut off. */
static void treatment_ends_with_the_sound(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 50);
    struct voice_rig r;
    voice_open(&r, 1, 20000, 20000);
    const struct mix_treatment treatment = {.is_denoised = true, .is_levelled = true};
    mix_input_set_treatment(r.in, &treatment);
    for (size_t k = 0; k < 80; k++) {
        if (k < 50)
            voice_push(&r, &clip, k, 1, 0);
        voice_tick(&r, VOICE_MIXED);
    }
    assert_null(r.in->played);
    assert_true(rms(r.heard.pcm + 5 * 960, 40 * 960) > 0.001); /* a tone is mostly noise to it */
    assert_true(rms(r.heard.pcm + 70 * 960, 10 * 960) == 0);
    voice_close(&r);
    free_clip(&clip);
}

static void without_levels_it_must_be_decoded(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 200);
    struct voice_rig r;
    voice_open(&r, 1, 20000, 300000);
    for (size_t k = 0; k < 200; k++) { /* levels for two seconds, then none */
        voice_push(&r, &clip, k, k < 100 ? -20 : 1, 0);
        voice_tick(&r, VOICE_MIXED);
        if (k > 0 && k < 100)
            assert_false(mix_input_must_decode(r.in));
        if (k > 155)
            assert_true(mix_input_must_decode(r.in));
    }
    assert_true(mix_input_is_speaking(r.in)); /* by its samples */
    assert_true(fabsf(mix_input_level_dbov(r.in) + 17) < 1.0f);
    voice_close(&r);
    free_clip(&clip);
}

static void a_muted_voice_neither_speaks_nor_may_enter(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 60);
    struct voice_rig r;
    voice_open(&r, 1, 20000, 300000);
    for (size_t k = 0; k < 60; k++) {
        if (k == 30)
            mix_input_set_muted(r.in, true);
        voice_push(&r, &clip, k, -20, 0);
        voice_tick(&r, VOICE_MIXED);
        assert_int_equal(r.in->speaker.is_eligible, k < 30);
        if (k > 10)
            assert_int_equal(r.in->speaker.is_speaking, k < 30);
        assert_int_equal(mix_input_is_speaking(r.in), r.in->speaker.is_speaking);
    }
    voice_close(&r);
    free_clip(&clip);
}

/* A sender that says it is loud and then nothing more does not stay a speaker. */
static void who_stops_sending_stops_speaking(void **state)
{
    (void)state;
    struct clip clip = make_clip(440, 0.2, 60);
    struct voice_rig r;
    voice_open(&r, 1, 20000, 300000);
    for (size_t k = 0; k < 60; k++) {
        voice_push(&r, &clip, k, -20, 0);
        voice_tick(&r, VOICE_SKIPPED);
    }
    assert_true(mix_input_is_speaking(r.in));
    for (int k = 0; k < 60; k++)
        voice_tick(&r, VOICE_SKIPPED);
    assert_false(mix_input_is_speaking(r.in));
    voice_close(&r);
    free_clip(&clip);
}

static void repairs_say_nothing_of_levels(void **state)
{
    (void)state;
    struct mix_level l;
    mix_level_init(&l);
    for (int k = 0; k < 100; k++)
        mix_level_packet(&l, -20, 960);
    assert_true(l.is_told && l.is_speaking);
    mix_level_packet(&l, 1, 960); /* one that does not say */
    assert_true(l.is_told && fabsf(l.dbov + 20) < 0.1f);
    struct mix_level longer;
    mix_level_init(&longer);
    mix_level_packet(&longer, -20, 5760);
    assert_true(longer.is_speaking); /* 120 ms in one packet */
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static long resident_kb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages * 4;
}

/* A thousand silent participants. Printed, and bounded where the machine has no say. */
static void a_thousand_idle_voices_are_cheap(void **state)
{
    (void)state;
    enum { VOICES = 1000, TICKS = 100 };
    struct clip clip = make_clip(440, 0.0, TICKS);
    struct voice_rig *r = calloc(VOICES, sizeof(*r));
    const long before_kb = resident_kb();
    for (int i = 0; i < VOICES; i++)
        voice_open(&r[i], 2, 20000, 300000);
    double pushed = 0;
    double ticked = 0;
    for (size_t k = 0; k < TICKS; k++) {
        double at = seconds();
        for (int i = 0; i < VOICES; i++)
            voice_push(&r[i], &clip, k, -127, 0);
        pushed += seconds() - at;
        at = seconds();
        for (int i = 0; i < VOICES; i++) {
            mix_input_observe(r[i].in, mix_frames(r[i].now_us));
            mix_input_skip(r[i].in, mix_frames(r[i].now_us));
            r[i].now_us += MIX_TICK_US;
        }
        ticked += seconds() - at;
    }
    const double kb = (double)(resident_kb() - before_kb) / VOICES;
    print_message(
        "idle voice (stereo): %.0f KiB resident, push %.0f ns, observe and skip %.0f ns\n", kb,
        pushed * 1e9 / VOICES / TICKS, ticked * 1e9 / VOICES / TICKS);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(kb < 64);
#endif
    assert_true(stats_of(&r[VOICES - 1]).gated >= (TICKS - 3) * 960);
    for (int i = 0; i < VOICES; i++)
        voice_close(&r[i]);
    free(r);
    free_clip(&clip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_skipped_is_counted_and_not_decoded),
        cmocka_unit_test(it_begins_again_cleanly),
        cmocka_unit_test(leaving_and_coming_back_never_clicks),
        cmocka_unit_test(silence_is_not_decoded_and_speech_opens_in_time),
        cmocka_unit_test(music_is_never_gated),
        cmocka_unit_test(gain_and_place_come_after_the_level),
        cmocka_unit_test(treatment_ends_with_the_sound),
        cmocka_unit_test(without_levels_it_must_be_decoded),
        cmocka_unit_test(a_muted_voice_neither_speaks_nor_may_enter),
        cmocka_unit_test(who_stops_sending_stops_speaking),
        cmocka_unit_test(repairs_say_nothing_of_levels),
        cmocka_unit_test(a_thousand_idle_voices_are_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
