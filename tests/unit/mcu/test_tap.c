/* Taps of a studio, ticked on a clock of the test's own; pictures are encoded inside the tick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/studio.h"
#include "mcu/tap.h"

enum { FPS = 10, PICTURE_US = 100 * 1000, KEY_EVERY_US = 2 * 1000 * 1000 };
#define BEGIN_US (1000 * MCU_US_PER_S)

struct sink {
    uint32_t pictures, keys;
    int64_t first_us, last_us;
    int answer; /* of push_video */
    atomic_uint sounds;
    atomic_uint others; /* in another codec than is its */
};

struct fixture {
    struct layout *layout;
    struct mcu_studio *studio;
    uint32_t sent; /* pictures of the room's stream, to viewers */
    int64_t now_us;
    struct sink sink, other;
};

static void on_assign(void *ctx, void *seat_ctx, int32_t output)
{
    (void)ctx;
    (void)seat_ctx;
    (void)output;
}

static void on_video(void *ctx, void *stream_ctx, struct mcu_packet *packet)
{
    struct fixture *f = ctx;
    (void)packet;
    assert_null(stream_ctx); /* a tap's own is nobody else's */
    f->sent++;
}

static int push_video(void *ctx, struct mcu_packet *packet)
{
    struct sink *s = ctx;
    if (s->pictures++ == 0)
        s->first_us = packet->pts_us;
    s->last_us = packet->pts_us;
    s->keys += packet->is_key;
    return s->answer;
}

static int push_opus(void *ctx, struct mcu_packet *packet)
{
    struct sink *s = ctx;
    atomic_fetch_add(packet->codec == MCU_CODEC_OPUS ? &s->sounds : &s->others, 1);
    return 0;
}

static int push_aac(void *ctx, struct mcu_packet *packet)
{
    struct sink *s = ctx;
    atomic_fetch_add(packet->codec == MCU_CODEC_AAC ? &s->sounds : &s->others, 1);
    return 0;
}

static int push_audio(void *ctx, struct mcu_packet *packet)
{
    struct sink *s = ctx;
    (void)packet;
    atomic_fetch_add(&s->sounds, 1);
    return 0;
}

static const struct comp_stream_conf video_conf = {
    .width = 160,
    .height = 90,
    .fps = FPS,
    .bitrate_bps = 200000,
    .preset = "superfast",
    .speed = -8,
    .threads = 1,
    .temporal_layers = 1,
    .key_every_us = KEY_EVERY_US,
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    f->now_us = BEGIN_US;
    if (layout_builtin(&f->layout, "grid") < 0)
        return -1;
    const struct mcu_studio_conf conf = {
        .mix = {.channels = 1,
                .bitrate_bps = 32000,
                .low_bitrate_bps = 16000,
                .speakers = 5,
                .max_delay_us = 100000},
        .comp = {.fps = FPS},
        .view = {.width = 160, .height = 90},
        .video = video_conf,
        .layout = f->layout,
        .aac_bitrate_bps = 64000,
        .fragment_ms = 500,
    };
    const struct mcu_studio_sink sink = {.ctx = f, .on_assign = on_assign, .on_video = on_video};
    return mcu_studio_create(&f->studio, &conf, &sink);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mcu_studio_destroy(f->studio);
    layout_destroy(f->layout);
    free(f);
    return 0;
}

/* Nothing changes on the picture, so it is encoded once a second, and for each key frame. */
static void run(struct fixture *f, int64_t us)
{
    const int64_t until_us = f->now_us + us;
    while (f->now_us < until_us) {
        for (int k = 0; k < PICTURE_US / MIX_TICK_US; k++)
            mcu_studio_tick_audio(f->studio, f->now_us + k * MIX_TICK_US);
        mcu_studio_tick_video(f->studio, f->now_us);
        f->now_us += PICTURE_US;
    }
}

static struct mcu_tap *add(struct fixture *f, const struct mcu_tap_conf *conf)
{
    struct mcu_tap *tap = NULL;
    assert_int_equal(mcu_tap_add(f->studio, &tap, conf), 0);
    return tap;
}

static void wait_for_sound(struct sink *s)
{
    for (int i = 0; i < 60000 && atomic_load(&s->sounds) == 0; i++)
        usleep(1000);
    assert_true(atomic_load(&s->sounds) > 0);
}

static void the_rooms_stream_is_shared(void **state)
{
    struct fixture *f = *state;
    struct sink other = {0};
    struct mcu_tap *one = add(f, &(struct mcu_tap_conf){.sink = {&f->sink, push_video, push_audio},
                                                        .start_us = f->now_us});
    assert_true(mcu_studio_is_tapped(f->studio));
    struct mcu_tap *two =
        add(f, &(struct mcu_tap_conf){.sink = {&other, push_video, NULL}, .start_us = f->now_us});
    run(f, MCU_US_PER_S);
    assert_true(f->sink.keys > 0);
    assert_int_equal(f->sink.pictures, f->sent);
    assert_int_equal(other.pictures, f->sent);
    wait_for_sound(&f->sink);
    assert_int_equal(atomic_load(&other.sounds), 0);

    mcu_tap_remove(one);
    const uint32_t before = f->sink.pictures;
    run(f, 2 * MCU_US_PER_S);
    assert_int_equal(f->sink.pictures, before);
    assert_true(other.pictures > before);
    mcu_tap_remove(two);
    assert_false(mcu_studio_is_tapped(f->studio));
    const uint32_t sent = f->sent;
    run(f, 2 * MCU_US_PER_S);
    assert_int_equal(f->sent, sent); /* nobody is left: nothing is encoded */
}

static void another_view_has_an_encoder_of_its_own(void **state)
{
    struct fixture *f = *state;
    const struct comp_view_conf conf = {
        .width = 160, .height = 90, .fps = FPS, .layout = f->layout};
    struct comp_view *view = NULL;
    assert_int_equal(comp_view_create(mcu_studio_comp(f->studio), &view, &conf), 0);
    struct mcu_tap *tap = add(f, &(struct mcu_tap_conf){.sink = {&f->sink, push_video, NULL},
                                                        .start_us = f->now_us,
                                                        .view = view,
                                                        .video = &video_conf});
    assert_false(mcu_studio_is_tapped(f->studio));
    run(f, MCU_US_PER_S);
    assert_true(f->sink.keys > 0);
    assert_int_equal(f->sent, 0);
    mcu_tap_remove(tap);
    comp_view_destroy(view);
}

static void a_push_has_a_key_frame_every_two_seconds(void **state)
{
    struct fixture *f = *state;
    struct mcu_tap *tap = add(f, &(struct mcu_tap_conf){.sink = {&f->sink, push_video, NULL},
                                                        .start_us = f->now_us,
                                                        .key_every_us = KEY_EVERY_US});
    run(f, 11 * MCU_US_PER_S);
    assert_int_equal(f->sink.keys, 6); /* at 0, 2, 4, 6, 8 and 10 */
    mcu_tap_remove(tap);
}

static void who_wants_no_key_frames_has_only_the_first(void **state)
{
    struct fixture *f = *state;
    struct mcu_tap *tap =
        add(f, &(struct mcu_tap_conf){.sink = {&f->sink, push_video, NULL}, .start_us = f->now_us});
    run(f, 5 * MCU_US_PER_S);
    assert_int_equal(f->sink.keys, 1);

    f->sink.answer = -ENOBUFS; /* its queue is full */
    run(f, 2 * MCU_US_PER_S);
    f->sink.answer = 0;
    run(f, 2 * MCU_US_PER_S);
    const uint32_t keys = f->sink.keys;
    assert_true(keys > 1);
    f->sink.answer = -EIO; /* it has failed: key frames would be for nobody */
    run(f, 5 * MCU_US_PER_S);
    assert_int_equal(f->sink.keys, keys);
    mcu_tap_remove(tap);
}

static void nothing_comes_from_its_end_on(void **state)
{
    struct fixture *f = *state;
    struct mcu_tap *tap = add(f, &(struct mcu_tap_conf){.sink = {&f->sink, push_video, NULL},
                                                        .start_us = f->now_us,
                                                        .key_every_us = KEY_EVERY_US});
    const int64_t end_us = f->now_us + 3 * MCU_US_PER_S;
    mcu_tap_end_at(tap, end_us);
    run(f, 6 * MCU_US_PER_S);
    assert_true(f->sink.last_us >= BEGIN_US + 2 * MCU_US_PER_S);
    assert_true(f->sink.last_us < end_us);
    mcu_tap_remove(tap);
}

static void sound_alone_encodes_no_pictures(void **state)
{
    struct fixture *f = *state;
    struct mcu_tap *tap =
        add(f, &(struct mcu_tap_conf){.sink = {&f->sink, NULL, push_audio}, .start_us = f->now_us});
    assert_false(mcu_studio_is_tapped(f->studio));
    run(f, MCU_US_PER_S);
    wait_for_sound(&f->sink);
    assert_int_equal(f->sent, 0);
    mcu_tap_remove(tap);
}

static void each_has_the_sound_it_wants(void **state)
{
    struct fixture *f = *state;
    struct mcu_tap *aac_tap =
        add(f, &(struct mcu_tap_conf){.sink = {&f->sink, NULL, push_aac}, .start_us = f->now_us});
    struct mcu_tap *opus_tap = add(f, &(struct mcu_tap_conf){.sink = {&f->other, NULL, push_opus},
                                                             .start_us = f->now_us,
                                                             .wants_opus = true});
    run(f, MCU_US_PER_S);
    wait_for_sound(&f->sink);
    wait_for_sound(&f->other);
    mcu_tap_remove(opus_tap);
    mcu_tap_remove(aac_tap);
    assert_int_equal(atomic_load(&f->other.others), 0);
    assert_int_equal(atomic_load(&f->sink.others), 0);
}

static void there_are_so_many_and_no_more(void **state)
{
    struct fixture *f = *state;
    const struct mcu_tap_conf conf = {.sink = {&f->sink, NULL, push_audio}};
    struct mcu_tap *taps[MCU_TAPS_MAX];
    for (size_t i = 0; i < MCU_TAPS_MAX; i++)
        taps[i] = add(f, &conf);
    struct mcu_tap *more = NULL;
    assert_int_equal(mcu_tap_add(f->studio, &more, &conf), -ENOSPC);
    mcu_tap_remove(taps[3]);
    assert_int_equal(mcu_tap_add(f->studio, &more, &conf), 0);
    /* The studio's end takes the rest. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_rooms_stream_is_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_view_has_an_encoder_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_push_has_a_key_frame_every_two_seconds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_wants_no_key_frames_has_only_the_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_comes_from_its_end_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sound_alone_encodes_no_pictures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_has_the_sound_it_wants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_are_so_many_and_no_more, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
