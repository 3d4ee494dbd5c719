/* What is done to a voice: levelling, noise suppression, gain and place, on real speech. */
#include "heap.h"
#include "speech.h"

#include <ebur128.h>

#include "mixer/loudness.h"
#include "mixer/process.h"

enum { TICK = MIX_TICK_FRAMES, SECONDS = 24, FRAMES = SECONDS * PCM_RATE_HZ, TICKS = SECONDS * 50 };

static float speech[FRAMES], noise[FRAMES], in[2 * FRAMES], out[2 * FRAMES];

static const struct mix_process_want untouched = {.gain = 1};
static const struct mix_process_want levelled = {.gain = 1, .treatment = {.is_levelled = true}};
static const struct mix_process_want denoised = {.gain = 1, .treatment = {.is_denoised = true}};

static struct mix_process *make(uint32_t channels, const struct mix_process_want *want)
{
    struct mix_process *p;
    assert_int_equal(mix_process_create(&p, channels), 0);
    assert_int_equal(mix_process_prepare(p, &want->treatment), 0);
    return p;
}

/* Loud enough against the recording's own peak, with 200 ms of hanging on. */
static bool is_speech(size_t tick)
{
    const size_t first = tick > 10 ? tick - 10 : 0;
    return pcm_peak(speech + first * TICK, (tick - first + 1) * TICK) > 0.05;
}

/* in to out, ticks [from, to). */
static void run(struct mix_process *p, size_t channels, const struct mix_process_want *want,
                size_t from, size_t to)
{
    for (size_t t = from; t < to; t++) {
        float *at = out + t * TICK * channels;
        memcpy(at, in + t * TICK * channels, TICK * channels * sizeof(*at));
        mix_process_run(p, at, want, is_speech(t));
    }
}

static void set(const float *from, float gain, size_t channels)
{
    for (size_t i = 0; i < FRAMES * channels; i++)
        in[i] = from[i / channels] * gain;
}

static bool is_same(size_t from, size_t to, size_t channels)
{
    const size_t at = from * TICK * channels;
    return memcmp(in + at, out + at, (to - from) * TICK * channels * sizeof(*in)) == 0;
}

/* Integrated loudness by the library. */
static double lufs(const float *x, size_t frames)
{
    double loudness = 0;
    ebur128_state *e = ebur128_init(1, PCM_RATE_HZ, EBUR128_MODE_I);
    assert_non_null(e);
    assert_int_equal(ebur128_add_frames_float(e, x, frames), EBUR128_SUCCESS);
    assert_int_equal(ebur128_loudness_global(e, &loudness), EBUR128_SUCCESS);
    ebur128_destroy(&e);
    return loudness;
}

/* --- bypass, gain, place -------------------------------------------------------------------------
 */

static void untouched_is_bit_by_bit(void **state)
{
    (void)state;
    struct mix_process_want music = untouched;
    music.treatment =
        (struct mix_treatment){.is_levelled = true, .is_denoised = true, .is_original = true};
    for (size_t channels = 1; channels <= 2; channels++) {
        struct mix_process *p = make((uint32_t)channels, &denoised);
        set(speech, 0.7f, channels);
        run(p, channels, &untouched, 0, 100);
        run(p, channels, &music, 100, 300);
        assert_true(is_same(0, 300, channels));
        assert_true(mix_process_gain_db(p) == 0);
        mix_process_destroy(p);
    }
    mix_process_destroy(NULL);
}

static void a_gain_is_reached_in_10_ms_without_a_step(void **state)
{
    (void)state;
    static const float gains[] = {0.2f, 2, 0, 1, 0.5f};
    struct mix_process *p = make(1, &untouched);
    for (size_t i = 0; i < 100 * TICK; i++)
        in[i] = 0.5f;
    run(p, 1, &untouched, 0, 1);
    for (size_t k = 0; k < sizeof(gains) / sizeof(gains[0]); k++) {
        struct mix_process_want want = untouched;
        want.gain = gains[k];
        run(p, 1, &want, k + 1, k + 2);
        for (size_t i = TICK / 2; i < TICK; i++)
            assert_true(out[(k + 1) * TICK + i] == 0.5f * gains[k]);
    }
    assert_true(pcm_step(out, 6 * TICK, 1) < 0.5 * 2.01 / 480);
    struct mix_process_want wild = {.gain = 100};
    run(p, 1, &wild, 6, 8);
    assert_true(out[8 * TICK - 1] == 0.5f * MIX_GAIN_MAX);
    wild.gain = NAN;
    wild.pan = NAN;
    run(p, 1, &wild, 8, 10);
    assert_true(out[10 * TICK - 1] == 0);
    mix_process_destroy(p);
}

static void a_voice_that_comes_back_does_not_glide_from_its_past(void **state)
{
    (void)state;
    struct mix_process *p = make(1, &untouched);
    struct mix_process_want quiet = {.gain = 0.25f};
    for (size_t i = 0; i < 10 * TICK; i++)
        in[i] = 0.5f;
    run(p, 1, &quiet, 0, 1);
    assert_true(out[0] == 0.125f);
    mix_process_rest(p);
    run(p, 1, &untouched, 1, 2);
    assert_true(out[TICK] == 0.5f);
    mix_process_destroy(p);
}

static void placing_keeps_the_power_and_the_middle_is_as_it_was(void **state)
{
    (void)state;
    for (float pan = -1.5f; pan <= 1.5f; pan += 0.25f) {
        struct mix_process *p = make(2, &untouched);
        struct mix_process_want want = {.gain = 1, .pan = pan};
        for (size_t i = 0; i < 2 * 10 * TICK; i++)
            in[i] = 0.5f;
        run(p, 2, &want, 0, 2);
        const double left = out[2 * TICK] / 0.5;
        const double right = out[2 * TICK + 1] / 0.5;
        assert_true(fabs(left * left + right * right - 2) < 1e-5);
        assert_true(pan < 0 ? left > right : pan > 0 ? right > left : is_same(0, 2, 2));
        assert_true(fabsf(pan) < 1 || fmin(left, right) < 1e-6);
        mix_process_destroy(p);
        p = make(1, &untouched);
        run(p, 1, &want, 0, 2);
        assert_true(is_same(0, 2, 1));
        mix_process_destroy(p);
    }
}

/* --- levelling -----------------------------------------------------------------------------------
 */

static void loudness_is_what_the_library_measures(void **state)
{
    (void)state;
    static const double tones[] = {40, 100, 500, 1000, 3000, 10000};
    for (size_t k = 0; k <= sizeof(tones) / sizeof(tones[0]); k++) {
        for (size_t i = 0; i < 2 * PCM_RATE_HZ; i++)
            in[i] = k < 6 ? 0.3f * pcm_sine(tones[k], i) : 0.5f * speech[i + PCM_RATE_HZ];
        ebur128_state *e = ebur128_init(1, PCM_RATE_HZ, EBUR128_MODE_M);
        struct mix_k_filter filter = {0};
        double wanted = 0;
        double sum = 0;
        for (size_t t = 0; t < 100; t++) {
            ebur128_add_frames_float(e, in + t * TICK, TICK);
            const double energy = mix_k_energy(&filter, in + t * TICK, TICK, 1);
            sum += t >= 80 ? energy : 0; /* the last 400 ms */
        }
        assert_int_equal(ebur128_loudness_momentary(e, &wanted), EBUR128_SUCCESS);
        assert_true(fabs(-0.691 + 10 * log10(sum / (20 * TICK)) - wanted) < 0.02);
        ebur128_destroy(&e);
    }
}

/* Loudness of the last ten seconds of a speaker, levelled. */
static double levelled_lufs(const char *path, double from_lufs, float *gain_db)
{
    speech_read(speech, FRAMES, path);
    set(speech, (float)pow(10, (from_lufs - lufs(speech, FRAMES)) / 20), 1);
    struct mix_process *p = make(1, &levelled);
    run(p, 1, &levelled, 0, TICKS);
    *gain_db = mix_process_gain_db(p);
    mix_process_destroy(p);
    return lufs(out + FRAMES - 10 * PCM_RATE_HZ, 10 * (size_t)PCM_RATE_HZ);
}

static void a_quiet_and_a_loud_speaker_end_alike(void **state)
{
    (void)state;
    float quiet_db, loud_db;
    const double quiet = levelled_lufs(SPEECH_WOMAN, -33, &quiet_db);
    const double loud = levelled_lufs(SPEECH_READER, -15, &loud_db);
    print_message("quiet: %.1f LUFS with %+.1f dB, loud: %.1f LUFS with %+.1f dB\n", quiet,
                  quiet_db, loud, loud_db);
    assert_true(fabs(quiet - loud) < 1.5);
    assert_true(fabs(quiet - MIX_LOUDNESS_TARGET_LUFS) < 2);
    assert_true(quiet_db > 6 && loud_db < -4);
}

static void the_gain_is_bounded(void **state)
{
    (void)state;
    float db;
    levelled_lufs(SPEECH_WOMAN, -45, &db);
    assert_true(db == MIX_LOUDNESS_GAIN_MAX_DB);
    levelled_lufs(SPEECH_WOMAN, -5, &db);
    assert_true(db == -MIX_LOUDNESS_GAIN_MAX_DB);
    /* What is under the gate is no voice, whoever calls it speech. */
    levelled_lufs(SPEECH_WOMAN, -65, &db);
    assert_true(db == 0);
}

static void the_gain_moves_slowly(void **state)
{
    (void)state;
    for (int loud = 0; loud < 2; loud++) {
        set(speech, loud ? 1.9f : 0.05f, 1);
        struct mix_process *p = make(1, &levelled);
        float before = 0;
        for (size_t t = 0; t < TICKS; t++) {
            run(p, 1, &levelled, t, t + 1);
            const float now = mix_process_gain_db(p);
            assert_true(fabsf(now - before) <= 0.1201f);
            assert_true(is_speech(t) || now == before);
            before = now;
        }
        assert_true(fabsf(before) > 3);
        mix_process_destroy(p);
    }
}

/* A bang before the first word must not keep the voice down for good. */
static void a_bang_is_forgotten(void **state)
{
    (void)state;
    set(speech, 0.1f, 1);
    for (size_t i = 0; i < PCM_RATE_HZ / 2; i++)
        in[i] = noise[i] * 0.9f;
    struct mix_process *p = make(1, &levelled);
    for (size_t t = 0; t < TICKS; t++) {
        memcpy(out, in + t * TICK, TICK * sizeof(*out));
        mix_process_run(p, out, &levelled, t < 25 || is_speech(t));
        assert_true(t != 60 || mix_process_gain_db(p) < -1);
    }
    assert_true(mix_process_gain_db(p) > 3);
    mix_process_destroy(p);
}

static void noise_is_not_lifted(void **state)
{
    (void)state;
    set(speech, 0.05f, 1);
    struct mix_process *p = make(1, &levelled);
    run(p, 1, &levelled, 0, TICKS);
    const float learned = mix_process_gain_db(p);
    assert_true(learned > 3);
    set(noise, 0.01f, 1);
    for (size_t t = 0; t < 500; t++) {
        float *at = out + t * TICK;
        memcpy(at, in + t * TICK, TICK * sizeof(*at));
        mix_process_run(p, at, &levelled, false);
    }
    assert_true(pcm_rms(out, TICK * 40) > 1.3 * pcm_rms(in, TICK * 40)); /* a pause between words */
    assert_true(is_same(400, 500, 1));
    assert_true(mix_process_gain_db(p) == learned);
    mix_process_rest(p);
    assert_true(mix_process_gain_db(p) == learned);
    memcpy(out, in, TICK * sizeof(*out));
    mix_process_run(p, out, &levelled, true);
    assert_true(fabs(pcm_db(pcm_rms(out, TICK) / pcm_rms(in, TICK)) - learned) < 0.1);
    mix_process_destroy(p);
}

/* --- noise suppression ---------------------------------------------------------------------------
 */

enum { DELAY = 480, LEARNED = 3 * 50 };

/* Power of the ticks where the clean speech is loud, and where there is none. */
static void powers(const float *x, size_t delay, double *loud, double *pause)
{
    size_t louds = 0, pauses = 0;
    *loud = *pause = 0;
    for (size_t t = LEARNED; t + 1 < TICKS; t++) {
        const double clean = pcm_rms(speech + t * TICK, TICK);
        const double around = pcm_peak(speech + (t - 1) * TICK, 3 * TICK);
        const double power = pow(pcm_rms(x + t * TICK + delay, TICK), 2);
        if (clean > 0.05) {
            *loud += power;
            louds++;
        } else if (around < 0.004) {
            *pause += power;
            pauses++;
        }
    }
    assert_true(louds > 50 && pauses > 20);
    *loud /= (double)louds;
    *pause /= (double)pauses;
}

static double similarity(const float *x, const float *y, size_t frames)
{
    double xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < frames; i++) {
        xy += (double)x[i] * y[i];
        xx += (double)x[i] * x[i];
        yy += (double)y[i] * y[i];
    }
    return xy / sqrt(xx * yy);
}

static void noise_is_suppressed_and_speech_is_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < FRAMES; i++)
        in[i] = speech[i] + 0.01f * noise[i];
    struct mix_process *p = make(1, &denoised);
    run(p, 1, &denoised, 0, TICKS);
    double loud_in, pause_in, loud_out, pause_out;
    powers(in, 0, &loud_in, &pause_in);
    powers(out, DELAY, &loud_out, &pause_out);
    const double before = 10 * log10(loud_in / pause_in);
    const double after = 10 * log10(loud_out / pause_out);
    const size_t from = LEARNED * TICK;
    const double like = similarity(speech + from, out + from + DELAY, FRAMES - from - DELAY);
    print_message("speech over noise: %.1f dB, was %.1f; likeness to clean %.3f\n", after, before,
                  like);
    assert_true(after > before + 6);
    assert_true(fabs(10 * log10(loud_out / loud_in)) < 1.5);
    assert_true(like > 0.97);
    mix_process_destroy(p);
}

static void switching_suppression_does_not_click(void **state)
{
    (void)state;
    for (size_t i = 0; i < FRAMES; i++)
        in[i] = 0.3f * pcm_sine(200, i);
    struct mix_process *p = make(1, &denoised);
    for (size_t t = 0; t < 400; t++)
        run(p, 1, t / 40 % 2 ? &denoised : &untouched, t, t + 1);
    assert_true(pcm_step(out, 400 * TICK, 1) < 2.5 * pcm_step(in, 400 * TICK, 1));
    assert_true(is_same(81, 120, 1)); /* off is off, bit by bit */
    assert_false(is_same(41, 80, 1));
    mix_process_destroy(p);
}

static void what_it_held_of_the_past_is_not_heard(void **state)
{
    (void)state;
    struct mix_process *p = make(1, &denoised);
    set(noise, 0.5f, 1);
    run(p, 1, &denoised, 0, 100);
    mix_process_rest(p);
    memset(in, 0, 100 * TICK * sizeof(*in));
    run(p, 1, &denoised, 0, 100);
    assert_true(pcm_peak(out, 100 * TICK) < 0.001);
    mix_process_destroy(p);
}

/* A mono voice in a stereo mix: the same on both sides, and the same as in mono. */
static void twin_channels_stay_twins(void **state)
{
    (void)state;
    static float mono[200 * TICK];
    struct mix_process *p = make(1, &denoised);
    set(speech, 1, 1);
    run(p, 1, &denoised, 0, 200);
    memcpy(mono, out, sizeof(mono));
    mix_process_destroy(p);
    p = make(2, &denoised);
    set(speech, 1, 2);
    run(p, 2, &denoised, 0, 200);
    for (size_t i = 0; i < 200 * TICK; i++)
        assert_true(out[2 * i] == mono[i] && out[2 * i + 1] == mono[i]);
    /* Then the sides differ: silence on the right is silence, and nothing old comes out of it. */
    for (size_t i = 0; i < FRAMES; i++)
        in[2 * i + 1] = 0;
    run(p, 2, &denoised, 200, 300);
    double right = 0;
    for (size_t i = 200 * TICK; i < 300 * TICK; i++)
        right = fmax(right, fabs((double)out[2 * i + 1]));
    assert_true(right < 0.001);
    mix_process_destroy(p);
}

static void without_memory_it_goes_without(void **state)
{
    (void)state;
    struct mix_process *p;
    assert_int_equal(mix_process_create(&p, 1), 0);
    set(speech, 1, 1);
    run(p, 1, &denoised, 0, 50); /* never prepared */
    assert_true(is_same(0, 50, 1));
    assert_int_equal(mix_process_prepare(p, &untouched.treatment), 0);
    run(p, 1, &denoised, 0, 50);
    assert_true(is_same(0, 50, 1));
    assert_int_equal(mix_process_prepare(p, &denoised.treatment), 0);
    assert_int_equal(mix_process_prepare(p, &denoised.treatment), 0);
    run(p, 1, &denoised, 0, 50);
    assert_false(is_same(0, 50, 1));
    mix_process_destroy(p);
}

static void running_takes_no_memory(void **state)
{
    (void)state;
    heap_start();
    struct mix_process_want want = {.treatment = {.is_levelled = true, .is_denoised = true}};
    struct mix_process *p = make(2, &want);
    set(speech, 1, 2);
    heap_is_counting = true;
    void *volatile counted = malloc(10);
    free(counted);
    const unsigned before = heap_calls;
    for (size_t t = 0; t < 200; t++) {
        want.gain = (float)(t % 7) * 0.3f;
        want.pan = (float)(t % 5) * 0.4f - 1;
        want.treatment.is_denoised = t % 50 != 49;
        run(p, 2, &want, t, t + 1);
        if (t % 60 == 59)
            mix_process_rest(p);
    }
    heap_is_counting = false;
    assert_true(before == 2 && heap_calls == before);
    mix_process_destroy(p);
}

static int set_up(void **state)
{
    (void)state;
    uint32_t seed = 11;
    speech_read(speech, FRAMES, SPEECH_WOMAN);
    for (size_t i = 0; i < FRAMES; i++)
        noise[i] = pcm_noise(&seed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(untouched_is_bit_by_bit, set_up),
        cmocka_unit_test_setup(a_gain_is_reached_in_10_ms_without_a_step, set_up),
        cmocka_unit_test_setup(a_voice_that_comes_back_does_not_glide_from_its_past, set_up),
        cmocka_unit_test_setup(placing_keeps_the_power_and_the_middle_is_as_it_was, set_up),
        cmocka_unit_test_setup(loudness_is_what_the_library_measures, set_up),
        cmocka_unit_test_setup(a_quiet_and_a_loud_speaker_end_alike, set_up),
        cmocka_unit_test_setup(the_gain_is_bounded, set_up),
        cmocka_unit_test_setup(the_gain_moves_slowly, set_up),
        cmocka_unit_test_setup(a_bang_is_forgotten, set_up),
        cmocka_unit_test_setup(noise_is_not_lifted, set_up),
        cmocka_unit_test_setup(noise_is_suppressed_and_speech_is_kept, set_up),
        cmocka_unit_test_setup(switching_suppression_does_not_click, set_up),
        cmocka_unit_test_setup(what_it_held_of_the_past_is_not_heard, set_up),
        cmocka_unit_test_setup(twin_channels_stay_twins, set_up),
        cmocka_unit_test_setup(without_memory_it_goes_without, set_up),
        cmocka_unit_test_setup(running_takes_no_memory, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
