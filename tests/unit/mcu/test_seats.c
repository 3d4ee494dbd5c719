/* Who hears whom in the studio: real Opus in, one real decoder for each listener, tones to tell
 * them apart.
 *
 * Four seats on a virtual clock, voices as they are (original), five mixed at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <opus.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/studio.h"
#include "mixer/clip.h"
#include "tests/unit/mixer/speech.h"

enum { SEATS = 4, SETTLE = 60, MEASURE = 25, SOUND_HZ = 2300 };

#define AMPLITUDE 0.2f
#define PI        3.14159265358979

static const int tones_hz[SEATS] = {400, 700, 1100, 1600};

struct ear {
    OpusDecoder *decoder;
    int32_t output;
    float pcm[MEASURE * MIX_TICK_FRAMES]; /* the last of it */
    bool was_given;                       /* in this tick */
};

struct fixture {
    struct layout *layout;
    struct mcu_studio *studio;
    struct mcu_seat *seats[SEATS];
    OpusEncoder *encoders[SEATS];
    struct ear ears[SEATS];
    int64_t ticks;
    int sounds_ended;
};

static void on_assign(void *ctx, void *seat_ctx, int32_t output)
{
    (void)ctx;
    ((struct ear *)seat_ctx)->output = output;
}

static void hear(struct ear *ear, const struct mcu_packet *packet)
{
    float *end = ear->pcm + (MEASURE - 1) * MIX_TICK_FRAMES;
    memmove(ear->pcm, ear->pcm + MIX_TICK_FRAMES, (MEASURE - 1) * MIX_TICK_FRAMES * sizeof(float));
    memset(end, 0, MIX_TICK_FRAMES * sizeof(float));
    if (packet)
        assert_int_equal(opus_decode_float(ear->decoder, packet->data, (int)packet->size, end,
                                           MIX_TICK_FRAMES, 0),
                         MIX_TICK_FRAMES);
    ear->was_given = true;
}

static void on_audio(void *ctx, uint32_t output, struct mcu_packet *packet)
{
    struct fixture *f = ctx;
    for (int i = 0; i < SEATS; i++) {
        if (f->ears[i].output == (int32_t)output)
            hear(&f->ears[i], packet);
    }
}

static void on_sound_end(void *ctx, void *sound_ctx)
{
    struct fixture *f = ctx;
    assert_ptr_equal(sound_ctx, f);
    f->sounds_ended++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    if (layout_builtin(&f->layout, "grid") < 0)
        return -1;
    const struct mcu_studio_conf conf = {
        .mix = {.channels = 1, .bitrate_bps = 96000, .low_bitrate_bps = 16000, .speakers = 5},
        .comp = {.fps = 10, .workers = 1},
        .view = {.width = 160, .height = 90, .has_avatars = true},
        .video = {.bitrate_bps = 200000, .preset = "superfast", .speed = -8, .threads = 1},
        .layout = f->layout,
        .aac_bitrate_bps = 64000,
        .fragment_ms = 1000,
    };
    const struct mcu_studio_sink sink = {
        .ctx = f, .on_assign = on_assign, .on_audio = on_audio, .on_sound_end = on_sound_end};
    if (mcu_studio_create(&f->studio, &conf, &sink) < 0)
        return -1;
    static const char *const users[SEATS] = {"ann", "bob", "cyd", "dan"};
    const struct mix_input_conf voice = {.codec = MCU_CODEC_OPUS,
                                         .channels = 1,
                                         .rate_hz = MIX_RATE_HZ,
                                         .treatment = {.is_original = true}};
    for (int i = 0; i < SEATS; i++) {
        int err = 0;
        f->ears[i].output = MIX_NOTHING;
        f->ears[i].decoder = opus_decoder_create(MIX_RATE_HZ, 1, &err);
        f->encoders[i] = opus_encoder_create(MIX_RATE_HZ, 1, OPUS_APPLICATION_AUDIO, &err);
        opus_encoder_ctl(f->encoders[i], OPUS_SET_BITRATE(96000));
        if (mcu_seat_add(f->studio, &f->seats[i], users[i], &f->ears[i]) < 0 ||
            mcu_seat_open_audio(f->seats[i], &voice) < 0 || mcu_seat_listen(f->seats[i]) < 0)
            return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mcu_studio_destroy(f->studio);
    layout_destroy(f->layout);
    for (int i = 0; i < SEATS; i++) {
        opus_encoder_destroy(f->encoders[i]);
        opus_decoder_destroy(f->ears[i].decoder);
    }
    free(f);
    return 0;
}

static void send_tick(struct fixture *f, int i, const float *pcm)
{
    uint8_t data[1500];
    const int size = opus_encode_float(f->encoders[i], pcm, MIX_TICK_FRAMES, data, sizeof(data));
    assert_true(size > 0);
    const int64_t pts_us = f->ticks * MIX_TICK_US;
    const struct mix_packet packet = {.data = data,
                                      .size = (size_t)size,
                                      .sequence = (uint64_t)f->ticks,
                                      .pts_us = pts_us,
                                      .arrival_us = pts_us,
                                      .level_dbov = 1};
    assert_int_equal(mcu_seat_push_audio(f->seats[i], &packet), 0);
}

static void say(struct fixture *f, int i)
{
    float pcm[MIX_TICK_FRAMES];
    for (int n = 0; n < MIX_TICK_FRAMES; n++) {
        const double t = (double)(f->ticks * MIX_TICK_FRAMES + n) / MIX_RATE_HZ;
        pcm[n] = AMPLITUDE * (float)sin(2 * PI * tones_hz[i] * t);
    }
    send_tick(f, i, pcm);
}

static void run(struct fixture *f, int ticks)
{
    for (int n = 0; n < ticks; n++) {
        for (int i = 0; i < SEATS; i++) {
            say(f, i);
            f->ears[i].was_given = false;
        }
        mcu_studio_tick_audio(f->studio, f->ticks++ * MIX_TICK_US);
        for (int i = 0; i < SEATS; i++) {
            if (!f->ears[i].was_given)
                hear(&f->ears[i], NULL);
        }
    }
}

/* How loud a tone is for a listener, 1 as it was sent. */
static float loudness(const struct ear *ear, int hz)
{
    double re = 0, im = 0;
    const int frames = MEASURE * MIX_TICK_FRAMES;
    for (int n = 0; n < frames; n++) {
        const double w = 1 - cos(2 * PI * n / frames);
        re += w * ear->pcm[n] * cos(2 * PI * hz * n / MIX_RATE_HZ);
        im += w * ear->pcm[n] * sin(2 * PI * hz * n / MIX_RATE_HZ);
    }
    return (float)(2 * sqrt(re * re + im * im) / frames) / AMPLITUDE;
}

static void hears(const struct fixture *f, int who, int whom, float gain)
{
    const float got = loudness(&f->ears[who], tones_hz[whom]);
    if (fabsf(got - gain) > 0.02f + 0.12f * gain) /* 1 dB */
        fail_msg("%d hears %d at %.3f, not %.3f", who, whom, (double)got, (double)gain);
}

static void settle(struct fixture *f)
{
    run(f, SETTLE + MEASURE);
}

static void everyone_hears_the_others(void **state)
{
    struct fixture *f = *state;
    settle(f);
    for (int who = 0; who < SEATS; who++) {
        for (int whom = 0; whom < SEATS; whom++)
            hears(f, who, whom, who == whom ? 0.0f : 1.0f);
    }
}

static void a_volume_of_ones_own_changes_nothing_for_others(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mcu_seat_set_gain_of(f->seats[0], f->seats[1], 0.0f), 0);
    assert_int_equal(mcu_seat_set_gain_of(f->seats[0], f->seats[2], 2.0f), 0);
    settle(f);
    hears(f, 0, 1, 0.0f);
    hears(f, 0, 2, 2.0f);
    hears(f, 0, 3, 1.0f);
    hears(f, 2, 1, 1.0f);
    hears(f, 1, 2, 1.0f);
    assert_int_equal(mcu_seat_set_gain_of(f->seats[0], f->seats[1], 1.0f), 0);
    settle(f);
    hears(f, 0, 1, 1.0f);
}

static void a_volume_for_all_and_a_mute_are_heard_by_all(void **state)
{
    struct fixture *f = *state;
    mcu_seat_set_volume(f->seats[1], 0.5f);
    mcu_seat_set_muted(f->seats[2], true, false);
    settle(f);
    hears(f, 0, 1, 0.5f);
    hears(f, 3, 1, 0.5f);
    hears(f, 0, 2, 0.0f);
    hears(f, 3, 2, 0.0f);
    hears(f, 1, 0, 1.0f);
}

static void the_deaf_hear_nothing_and_are_heard(void **state)
{
    struct fixture *f = *state;
    mcu_seat_set_deaf(f->seats[0], true);
    settle(f);
    for (int whom = 1; whom < SEATS; whom++)
        hears(f, 0, whom, 0.0f);
    hears(f, 1, 0, 1.0f);
    mcu_seat_set_deaf(f->seats[0], false);
    settle(f);
    hears(f, 0, 1, 1.0f);
}

/* ann speaks to the floor, bob interprets her for dan; cyd hears the floor alone. */
static void submixes_say_who_hears_whom(void **state)
{
    struct fixture *f = *state;
    const float interpreted[MIX_BUSES_MAX] = {0.2f, 1.0f};
    mcu_seat_set_buses(f->seats[1], 2);
    mcu_seat_set_hears(f->seats[3], interpreted);
    settle(f);
    hears(f, 3, 0, 0.2f);
    hears(f, 3, 1, 1.0f);
    hears(f, 2, 0, 1.0f);
    hears(f, 2, 1, 0.0f);
    hears(f, 1, 0, 1.0f);
    mcu_seat_set_buses(f->seats[0], 0); /* into nothing */
    settle(f);
    hears(f, 1, 0, 0.0f);
    hears(f, 3, 0, 0.0f);
}

/* What is set before there is a listener holds for it. */
static void what_is_set_early_holds(void **state)
{
    struct fixture *f = *state;
    const float nothing[MIX_BUSES_MAX] = {0};
    mcu_seat_stop_listening(f->seats[0]);
    f->ears[0].output = MIX_NOTHING;
    mcu_seat_set_hears(f->seats[0], nothing);
    assert_int_equal(mcu_seat_set_gain_of(f->seats[0], f->seats[1], 0.5f), -ENODEV);
    assert_int_equal(mcu_seat_listen(f->seats[0]), 0);
    settle(f);
    hears(f, 0, 1, 0.0f);
}

static struct mix_clip *tone_clip(void)
{
    static uint8_t wav[44 + 2 * MIX_RATE_HZ];
    static const uint8_t head[44] = {'R', 'I', 'F',  'F',  0xa4, 0x77, 1,   0,    'W',  'A', 'V',
                                     'E', 'f', 'm',  't',  ' ',  16,   0,   0,    0,    1,   0,
                                     1,   0,   0x80, 0xbb, 0,    0,    0,   0x77, 1,    0,   2,
                                     0,   16,  0,    'd',  'a',  't',  'a', 0,    0x77, 1,   0};
    memcpy(wav, head, sizeof(head));
    for (int n = 0; n < MIX_RATE_HZ; n++) {
        const int16_t v =
            (int16_t)(32767 * AMPLITUDE * (float)sin(2 * PI * SOUND_HZ * n / MIX_RATE_HZ));
        wav[44 + 2 * n] = (uint8_t)v;
        wav[45 + 2 * n] = (uint8_t)(v >> 8);
    }
    struct mix_clip *clip = NULL;
    assert_int_equal(mix_clip_load(&clip, NULL, wav, sizeof(wav), 1), 0);
    return clip;
}

static void sound_is(const struct fixture *f, int who, float gain)
{
    const float got = loudness(&f->ears[who], SOUND_HZ);
    if (fabsf(got - gain) > 0.02f + 0.12f * gain)
        fail_msg("%d hears the sound at %.3f, not %.3f", who, (double)got, (double)gain);
}

static void a_sound_is_for_one_or_for_all_and_ducks_voices(void **state)
{
    struct fixture *f = *state;
    struct mix_clip *clip = tone_clip();
    struct mix_sound *sound = NULL;
    struct mcu_sound_conf conf = {.clip = clip,
                                  .to = f->seats[0],
                                  .gain = 0.5f,
                                  .duck_gain = 1.0f,
                                  .is_looped = true,
                                  .sound_ctx = f};
    assert_int_equal(mcu_studio_play_sound(f->studio, &sound, &conf), 0);
    settle(f);
    sound_is(f, 0, 0.5f);
    sound_is(f, 1, 0.0f);
    hears(f, 0, 1, 1.0f);
    mcu_studio_stop_sound(f->studio, sound);
    settle(f);
    sound_is(f, 0, 0.0f);

    conf.to = NULL;
    conf.duck_gain = 0.25f;
    assert_int_equal(mcu_studio_play_sound(f->studio, &sound, &conf), 0);
    settle(f);
    sound_is(f, 0, 0.5f);
    sound_is(f, 1, 0.5f);
    hears(f, 0, 1, 0.25f);
    mcu_studio_stop_sound(f->studio, sound);

    mcu_seat_stop_listening(f->seats[3]);
    conf.to = f->seats[3];
    assert_int_equal(mcu_studio_play_sound(f->studio, &sound, &conf), -ENODEV);
    mix_clip_unref(clip);
}

static void a_sound_that_is_over_says_so_once(void **state)
{
    struct fixture *f = *state;
    struct mix_clip *clip = tone_clip();
    struct mix_sound *sound = NULL;
    const struct mcu_sound_conf conf = {
        .clip = clip, .gain = 1.0f, .duck_gain = 1.0f, .sound_ctx = f};
    assert_int_equal(mcu_studio_play_sound(f->studio, &sound, &conf), 0);
    run(f, 40); /* it is a second long */
    assert_int_equal(f->sounds_ended, 0);
    run(f, 30);
    assert_int_equal(f->sounds_ended, 1);
    mcu_studio_stop_sound(f->studio, sound);
    run(f, 10);
    assert_int_equal(f->sounds_ended, 1);
    mix_clip_unref(clip);
}

/* --- where people stand --- */

static void tick_picture(struct fixture *f)
{
    mcu_studio_tick_video(f->studio, f->ticks++ * 100000);
}

/* In a grid of two, the left one or the right one; 0: no tile. */
static int side(struct fixture *f, int i)
{
    const float centre = mcu_seat_centre(f->seats[i]);
    return centre < -0.25f ? -1 : centre > 0.25f ? 1 : 0;
}

static void avatars_stand_as_hosts_want_it(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mcu_studio_watch(f->studio), 0);
    tick_picture(f);
    assert_int_equal(side(f, 0), 0); /* who is not present has no tile */
    mcu_seat_set_present(f->seats[0], true);
    mcu_seat_set_present(f->seats[1], true);
    tick_picture(f);
    assert_int_equal(side(f, 0), -1);
    assert_int_equal(side(f, 1), 1);
    struct mcu_standing standing = {.rank = -1};
    mcu_seat_set_standing(f->seats[1], &standing);
    tick_picture(f);
    assert_int_equal(side(f, 0), 1);
    assert_int_equal(side(f, 1), -1);
    standing.has_no_avatar = true;
    mcu_seat_set_standing(f->seats[0], &standing);
    mcu_seat_set_present(f->seats[2], true); /* as she was told before */
    tick_picture(f);
    assert_int_equal(side(f, 0), 0);
    assert_int_equal(side(f, 1), -1);
    assert_int_equal(side(f, 2), 1);
    mcu_seat_set_present(f->seats[2], false);
    tick_picture(f);
    assert_int_equal(side(f, 2), 0);
    mcu_studio_unwatch(f->studio);
}

static void a_camera_goes_before_an_avatar(void **state)
{
    struct fixture *f = *state;
    struct mcu_seat *more[COMP_SOURCES_MAX] = {NULL};
    assert_int_equal(mcu_studio_watch(f->studio), 0);
    mcu_seat_set_present(f->seats[0], true);
    for (int i = 0; i < COMP_SOURCES_MAX - 1; i++) {
        assert_int_equal(mcu_seat_add(f->studio, &more[i], "x", NULL), 0);
        assert_int_equal(mcu_seat_open_video(more[i], MCU_CAMERA, MCU_CODEC_VP8, NULL, 0), 0);
    }
    mcu_seat_set_present(f->seats[1], true); /* there is no place: no tile, and no harm */
    assert_int_equal(mcu_seat_open_video(f->seats[2], MCU_CAMERA, MCU_CODEC_VP8, NULL, 0), -EAGAIN);
    assert_int_equal(mcu_seat_open_video(f->seats[3], MCU_CAMERA, MCU_CODEC_VP8, NULL, 0), -ENOSPC);
    tick_picture(f);
    assert_int_equal(mcu_seat_open_video(f->seats[2], MCU_CAMERA, MCU_CODEC_VP8, NULL, 0), 0);
    for (int i = 0; i < COMP_SOURCES_MAX - 1; i++)
        mcu_seat_remove(more[i]);
    mcu_studio_unwatch(f->studio);
}

/* --- real speech --- */

enum { TALK = 250, TALK_FRAMES = TALK * MIX_TICK_FRAMES };

/* What all say goes in, what all hear comes out. */
static void talk(struct fixture *f, float *const said[SEATS], float *const heard[SEATS])
{
    for (int n = 0; n < TALK; n++) {
        for (int i = 0; i < SEATS; i++) {
            send_tick(f, i, said[i] + (size_t)n * MIX_TICK_FRAMES);
            f->ears[i].was_given = false;
        }
        mcu_studio_tick_audio(f->studio, f->ticks++ * MIX_TICK_US);
        for (int i = 0; i < SEATS; i++) {
            if (!f->ears[i].was_given)
                hear(&f->ears[i], NULL);
            memcpy(heard[i] + (size_t)n * MIX_TICK_FRAMES,
                   f->ears[i].pcm + (MEASURE - 1) * MIX_TICK_FRAMES,
                   MIX_TICK_FRAMES * sizeof(float));
        }
    }
}

/* A room of its own in which these are said. */
static void hold_a_talk(float *const said[SEATS], float *const heard[SEATS], bool is_original)
{
    const struct mix_treatment treatment = {.is_original = is_original,
                                            .is_levelled = !is_original};
    void *state = NULL;
    assert_int_equal(set_up(&state), 0);
    struct fixture *f = state;
    for (int i = 0; i < SEATS; i++)
        mcu_seat_set_treatment(f->seats[i], &treatment);
    talk(f, said, heard);
    tear_down(&state);
}

static double difference(const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < TALK_FRAMES; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

/* The same talk twice, but in the second one person says other words: all others hear the
 * difference, and what he hears himself is the same to 60 dB, after real encoders and decoders. */
static void nobody_hears_his_own_words(void **state)
{
    (void)state;
    static const char *const recordings[SEATS + 1] = {
        SPEECH_WOMAN, SPEECH_READER, "/usr/share/pocketsphinx/test/data/cards/001.wav",
        "/usr/share/pocketsphinx/test/data/cards/003.wav",
        "/usr/share/pocketsphinx/test/data/cards/002.wav"};
    float *voices[SEATS + 1], *first[SEATS], *second[SEATS];
    for (int i = 0; i <= SEATS; i++) {
        voices[i] = malloc(TALK_FRAMES * sizeof(float));
        speech_read(voices[i], TALK_FRAMES, recordings[i]);
    }
    for (int i = 0; i < SEATS; i++) {
        first[i] = malloc(TALK_FRAMES * sizeof(float));
        second[i] = malloc(TALK_FRAMES * sizeof(float));
    }
    for (int mode = 0; mode < 2; mode++) {
        float *const others[SEATS] = {voices[0], voices[SEATS], voices[2], voices[3]};
        hold_a_talk(voices, first, mode == 0);
        hold_a_talk(others, second, mode == 0);
        const double own = difference(first[1], second[1]);
        double least = INFINITY;
        for (int i = 0; i < SEATS; i++)
            least = i == 1 ? least : fmin(least, difference(first[i], second[i]));
        print_message("%s: of his own words he hears %.1f dB of what the others do\n",
                      mode == 0 ? "original sound" : "levelling", 10 * log10(own / least + 1e-20));
        assert_true(least > 100.0); /* they hear speech */
        assert_true(own <= 1e-6 * least);
    }
    for (int i = 0; i < SEATS; i++) {
        free(first[i]);
        free(second[i]);
    }
    for (int i = 0; i <= SEATS; i++)
        free(voices[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everyone_hears_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_volume_of_ones_own_changes_nothing_for_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_volume_for_all_and_a_mute_are_heard_by_all, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_deaf_hear_nothing_and_are_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(submixes_say_who_hears_whom, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_set_early_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sound_is_for_one_or_for_all_and_ducks_voices, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_sound_that_is_over_says_so_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(avatars_stand_as_hosts_want_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_camera_goes_before_an_avatar, set_up, tear_down),
        cmocka_unit_test(nobody_hears_his_own_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
