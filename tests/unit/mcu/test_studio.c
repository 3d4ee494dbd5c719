/* The studio by hand: seats and recordings of a live one, ticked on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/studio.h"

enum { PICTURE_US = 100 * 1000, NO_OUTPUT = UINT32_MAX };

struct fixture {
    struct layout *layout;
    struct mcu_studio *studio;
    uint32_t output; /* what the one seat hears */
    atomic_int pictures;
    atomic_bool is_recorded;
    struct rec_result result;
};

static void on_assign(void *ctx, void *seat_ctx, int32_t output)
{
    struct fixture *f = ctx;
    assert_ptr_equal(seat_ctx, f);
    f->output = output;
}

static void on_video(void *ctx, void *stream_ctx, struct mcu_packet *packet)
{
    struct fixture *f = ctx;
    (void)stream_ctx;
    (void)packet;
    atomic_fetch_add(&f->pictures, 1);
}

static void on_recording(void *ctx, const char *id, uint32_t part,
                         const struct rec_result *result)
{
    struct fixture *f = ctx;
    (void)id, (void)part;
    f->result = *result;
    atomic_store(&f->is_recorded, true);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    f->output = NO_OUTPUT;
    if (layout_builtin(&f->layout, "grid") < 0)
        return -1;
    const struct mcu_studio_conf conf = {
        .mix = {.channels = 1,
                .bitrate_bps = 32000,
                .low_bitrate_bps = 16000,
                .speakers = 5,
                .max_delay_us = 100000},
        .comp = {.fps = 10, .workers = 1},
        .view = {.width = 160, .height = 90},
        .video = {.bitrate_bps = 200000, .preset = "superfast", .speed = -8, .threads = 1},
        .layout = f->layout,
        .aac_bitrate_bps = 64000,
        .fragment_ms = 1000,
    };
    const struct mcu_studio_sink sink = {
        .ctx = f, .on_assign = on_assign, .on_video = on_video, .on_recording = on_recording};
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

static const struct mix_input_conf voice = {
    .codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = MIX_RATE_HZ};

static void who_speaks_hears_all_but_himself(void **state)
{
    struct fixture *f = *state;
    struct mcu_seat *seat = NULL;
    assert_int_equal(mcu_seat_add(f->studio, &seat, "ann", f), 0);
    assert_int_equal(mcu_seat_open_audio(seat, &voice), 0);
    assert_int_equal(mcu_seat_listen(seat), 0);
    mcu_studio_tick_audio(f->studio, 0);
    assert_int_not_equal(f->output, NO_OUTPUT);
    mcu_seat_remove(seat);
}

/* A viewer goes on stage: the same connection, another offer. */
static void who_begins_to_speak_no_longer_hears_himself(void **state)
{
    struct fixture *f = *state;
    struct mcu_seat *seat = NULL;
    assert_int_equal(mcu_seat_add(f->studio, &seat, "ann", f), 0);
    assert_int_equal(mcu_seat_listen(seat), 0);
    mcu_studio_tick_audio(f->studio, 0);
    assert_int_not_equal(f->output, NO_OUTPUT);

    assert_int_equal(mcu_seat_open_audio(seat, &voice), 0);
    assert_int_equal(mcu_seat_listen(seat), 0);
    mcu_studio_tick_audio(f->studio, MIX_TICK_US);
    assert_int_not_equal(f->output, NO_OUTPUT);

    f->output = NO_OUTPUT; /* a third offer changes nothing */
    assert_int_equal(mcu_seat_open_audio(seat, &voice), -EALREADY);
    assert_int_equal(mcu_seat_listen(seat), 0);
    mcu_studio_tick_audio(f->studio, 2 * MIX_TICK_US);
    assert_int_equal(f->output, NO_OUTPUT);
    mcu_seat_remove(seat);
}

static void wait_for_pictures(struct fixture *f, int count)
{
    for (int i = 0; i < 30000 && atomic_load(&f->pictures) < count; i++)
        usleep(1000);
    assert_true(atomic_load(&f->pictures) >= count);
}

/* The tick that makes the key frame was due before the recording started, and runs after it. */
static void a_late_tick_costs_a_recording_no_picture(void **state)
{
    struct fixture *f = *state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/mixdown-studio-%d.mp4", (int)getpid());
    assert_int_equal(mcu_studio_watch(f->studio), 0);
    const int64_t begin_us = 1000 * MCU_US_PER_S;
    mcu_studio_tick_video(f->studio, begin_us);
    wait_for_pictures(f, 1);

    const int64_t start_us = begin_us + PICTURE_US + 10;
    const struct mcu_record_conf conf = {.id = "r", .path = path, .start_us = start_us};
    assert_int_equal(mcu_studio_record(f->studio, &conf), 0);
    mcu_studio_tick_video(f->studio, begin_us + PICTURE_US);
    wait_for_pictures(f, 2);
    int64_t now_us = begin_us + PICTURE_US;
    for (int i = 0; i < 25; i++) {
        now_us += PICTURE_US;
        for (int k = 0; k < 5; k++)
            mcu_studio_tick_audio(f->studio, now_us + k * MIX_TICK_US);
        const int before = atomic_load(&f->pictures);
        mcu_studio_tick_video(f->studio, now_us);
        /* A picture that does not change is encoded once a second; here it is a key frame or none.
         */
        for (int k = 0; k < 20 && atomic_load(&f->pictures) == before; k++)
            usleep(1000);
    }
    assert_int_equal(mcu_studio_record_stop(f->studio, "r", now_us), 0);
    for (int i = 0; i < 30000 && !atomic_load(&f->is_recorded); i++)
        usleep(1000);
    assert_true(atomic_load(&f->is_recorded));
    assert_true(mcu_studio_record_reap(f->studio, "r", 1));
    unlink(path);
    assert_int_equal(f->result.error, 0);
    assert_true(f->result.audio_frames > 0);
    assert_true(f->result.video_frames > 0);
    mcu_studio_unwatch(f->studio);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_speaks_hears_all_but_himself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_begins_to_speak_no_longer_hears_himself, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_late_tick_costs_a_recording_no_picture, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
