/* Which frames one peer is sent, over feeds that change, stills and layers; see out_rig.h. */
#include "out_rig.h"

enum { FRAME_US = 33333 };

static void push(struct rig *r, uint64_t feed_id, uint32_t number, bool is_key)
{
    rig_push(r, &(struct rig_frame){.feed_id = feed_id,
                                    .number = number,
                                    .is_key = is_key,
                                    .size = is_key ? 5000 : 2000});
}

static void frames_are(const struct rig *r, const uint32_t *want, size_t count)
{
    uint32_t got[256];
    const size_t n = rig_frames(r, got, 256);
    assert_int_equal(n, count);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(got[i], want[i]);
    rig_is_one_stream(r);
}

#define FRAMES_ARE(r, ...)                                                                         \
    frames_are(r, (const uint32_t[]){__VA_ARGS__},                                                 \
               sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void the_old_feed_plays_until_the_new_one_has_a_key_frame(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 2, 200, true); /* kept, and of no use to one who has a picture */
    for (uint32_t n = 0; n < 4; n++) {
        push(r, 1, 100 + n, n == 0);
        rig_wait(r, FRAME_US);
    }
    assert_int_equal(r->begun_count, 1);
    rtc_out_tune(r->out, 2, r->now_us);
    assert_int_equal(r->keys_asked, 1);
    for (uint32_t n = 4; n < 8; n++) {
        push(r, 1, 100 + n, false);
        push(r, 2, 200 + n, n == 7);
        rig_wait(r, FRAME_US);
    }
    push(r, 1, 108, false);
    push(r, 2, 208, false);
    rig_wait(r, FRAME_US);
    FRAMES_ARE(r, 100, 101, 102, 103, 104, 105, 106, 107, 207, 208);
    assert_int_equal(r->begun_count, 2);
    assert_int_equal(r->begun[1], 2);
    rig_destroy(r);
}

static void a_key_frame_of_the_old_feed_does_not_end_the_wish_for_one_of_the_new(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 0, true);
    rtc_out_tune(r->out, 2, r->now_us);
    push(r, 2, 1, false);
    push(r, 1, 2, true);
    const size_t asked = r->keys_asked;
    rig_wait(r, 2 * RTC_OUT_KEY_INTERVAL_US);
    assert_true(r->keys_asked > asked);
    rig_destroy(r);
}

static void who_has_no_picture_gets_the_kept_one_and_goes_live_at_the_next(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    push(r, 1, 0, true);
    for (uint32_t n = 1; n < 30; n++) {
        rig_wait(r, FRAME_US);
        push(r, 1, n, false);
    }
    rtc_out_tune(r->out, 1, r->now_us);
    rig_wait(r, 500 * 1000);
    FRAMES_ARE(r, 0);
    push(r, 1, 30, false);
    assert_int_equal(r->keys_asked, 1);
    rig_wait(r, FRAME_US);
    push(r, 1, 31, true);
    push(r, 1, 32, false);
    rig_wait(r, FRAME_US);
    FRAMES_ARE(r, 0, 31, 32);
    assert_int_equal(r->begun_count, 1);
    rig_destroy(r);
}

static void a_still_that_is_the_newest_frame_goes_on_at_once(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    push(r, 1, 0, true);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 1, false);
    rig_wait(r, FRAME_US);
    FRAMES_ARE(r, 0, 1);
    assert_int_equal(r->keys_asked, 0);
    rig_destroy(r);
}

/* It was in the queue of the thread when the still was taken. */
static void a_frame_older_than_the_still_is_left_out(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    push(r, 1, 0, true);
    rtc_out_tune(r->out, 1, r->now_us);
    r->feeds[0].index = 0;
    push(r, 1, 0, true);
    push(r, 1, 1, false);
    rig_wait(r, FRAME_US);
    FRAMES_ARE(r, 0, 1);
    rig_destroy(r);
}

static void a_request_is_answered_by_the_kept_frame_only_where_that_helps(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 0, true);
    rig_wait(r, FRAME_US);
    rtc_out_key_asked(r->out, 0x1001, r->now_us); /* nothing came since: it can go on from it */
    push(r, 1, 1, false);
    rig_wait(r, RTC_OUT_KEY_INTERVAL_US);
    FRAMES_ARE(r, 0, 0, 1);
    assert_int_equal(r->keys_asked, 0);
    rtc_out_key_asked(r->out, 0x1001, r->now_us); /* an older picture than the one it has */
    rig_wait(r, FRAME_US);
    FRAMES_ARE(r, 0, 0, 1);
    assert_int_equal(r->keys_asked, 1);
    rtc_out_key_asked(r->out, 0x1000, r->now_us); /* not of the video */
    assert_int_equal(r->keys_asked, 1);
    rig_destroy(r);
}

static void a_lost_still_comes_again(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    push(r, 1, 0, true);
    push(r, 1, 1, false);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 2, false);
    for (int i = 0; i < 100; i++) { /* however often it asks */
        rtc_out_key_asked(r->out, 0x1001, r->now_us);
        rig_wait(r, 10 * 1000);
    }
    uint32_t numbers[8];
    assert_in_range(rig_frames(r, numbers, 8), 2, 3);
    assert_in_range(r->keys_asked, 1, 3);
    rig_is_one_stream(r);
    rig_destroy(r);
}

static void without_a_kept_frame_a_new_one_is_asked_for(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    assert_int_equal(r->keys_asked, 0); /* the first frame of a feed is a key frame */
    push(r, 2, 0, false);
    rtc_out_tune(r->out, 2, r->now_us);
    assert_int_equal(r->keys_asked, 1);
    assert_int_equal(r->begun_count, 0);
    rig_destroy(r);
}

static void tuned_elsewhere_just_now_it_does_not_begin(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 0, true);
    rtc_out_tune(r->out, 2, r->now_us);
    r->is_refusing = true;
    push(r, 2, 10, true);
    push(r, 1, 1, false);
    r->is_refusing = false;
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 2, false);
    rig_wait(r, FRAME_US);
    FRAMES_ARE(r, 0, 1, 2);
    assert_int_equal(r->begun[r->begun_count - 1], 1);
    rig_destroy(r);
}

static void tuned_to_nothing_it_stops_and_starts_anew(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 0, true);
    rtc_out_tune(r->out, 0, r->now_us);
    push(r, 1, 1, false);
    push(r, 1, 2, true);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 3, false);
    rig_wait(r, FRAME_US);
    FRAMES_ARE(r, 0, 2, 3);
    rig_destroy(r);
}

static void after_a_lost_frame_only_a_key_frame_goes_on(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 0, true);
    rig_push(r, &(struct rig_frame){.feed_id = 1, .number = 1, .is_lost = true});
    push(r, 1, 2, false);
    assert_int_equal(r->keys_asked, 1);
    push(r, 1, 3, true);
    push(r, 1, 4, false);
    rig_wait(r, FRAME_US);
    FRAMES_ARE(r, 0, 3, 4);
    rig_destroy(r);
}

/* Layers of a libvpx pattern: 0 2 1 2. */
static void push_layered(struct rig *r, uint32_t from, uint32_t count)
{
    static const uint8_t pattern[] = {0, 2, 1, 2};
    for (uint32_t n = from; n < from + count; n++) {
        rig_push(r, &(struct rig_frame){.feed_id = 1,
                                        .number = n,
                                        .is_key = n == 0,
                                        .temporal_id = pattern[n % 4],
                                        .size = 1500});
        rig_wait(r, FRAME_US);
    }
}

static void layers_left_out_leave_no_hole_and_come_back_at_a_base_frame(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    push_layered(r, 0, 4);
    rtc_out_set_layers(r->out, 1);
    push_layered(r, 4, 4);
    rtc_out_set_layers(r->out, 0);
    push_layered(r, 8, 6); /* 8, 12 */
    rtc_out_set_layers(r->out, 2);
    push_layered(r, 14, 6); /* not 14 and 15: what they need was left out */
    FRAMES_ARE(r, 0, 1, 2, 3, 4, 6, 8, 12, 16, 17, 18, 19);
    rig_destroy(r);
}

/* A receiver that stands between takes up an upper layer only at a frame that says so. */
static void the_first_frame_above_the_base_says_that_it_needs_the_base_only(void **state)
{
    (void)state;
    static const bool is_sync[] = {false, true, true, false};
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    push_layered(r, 0, 12);
    size_t frames = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct rig_packet *p = &r->packets[i];
        assert_int_equal(p->vp8.is_sync, is_sync[p->vp8.is_start ? frames % 4 : (frames - 1) % 4]);
        frames += p->is_start;
    }
    assert_int_equal(frames, 12);
    rig_destroy(r);
}

static void an_encoder_that_is_behind_does_not_turn_back_time(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    rtc_out_tune(r->out, 1, r->now_us);
    push(r, 1, 0, true);
    rig_wait(r, 3 * FRAME_US);
    push(r, 1, 1, false);
    rtc_out_tune(r->out, 2, r->now_us);
    r->now_us -= 2 * FRAME_US; /* its frame is dated earlier */
    push(r, 2, 2, true);
    r->now_us += FRAME_US;
    push(r, 2, 3, false);
    rig_wait(r, 3 * FRAME_US);
    push(r, 2, 4, false);
    rig_wait(r, FRAME_US);
    FRAMES_ARE(r, 0, 1, 2, 3, 4);
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_old_feed_plays_until_the_new_one_has_a_key_frame),
        cmocka_unit_test(a_key_frame_of_the_old_feed_does_not_end_the_wish_for_one_of_the_new),
        cmocka_unit_test(who_has_no_picture_gets_the_kept_one_and_goes_live_at_the_next),
        cmocka_unit_test(a_still_that_is_the_newest_frame_goes_on_at_once),
        cmocka_unit_test(a_frame_older_than_the_still_is_left_out),
        cmocka_unit_test(a_request_is_answered_by_the_kept_frame_only_where_that_helps),
        cmocka_unit_test(a_lost_still_comes_again),
        cmocka_unit_test(without_a_kept_frame_a_new_one_is_asked_for),
        cmocka_unit_test(tuned_elsewhere_just_now_it_does_not_begin),
        cmocka_unit_test(tuned_to_nothing_it_stops_and_starts_anew),
        cmocka_unit_test(after_a_lost_frame_only_a_key_frame_goes_on),
        cmocka_unit_test(layers_left_out_leave_no_hole_and_come_back_at_a_base_frame),
        cmocka_unit_test(the_first_frame_above_the_base_says_that_it_needs_the_base_only),
        cmocka_unit_test(an_encoder_that_is_behind_does_not_turn_back_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
