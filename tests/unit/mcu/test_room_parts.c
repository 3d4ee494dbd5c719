/* Recordings in several files: pauses and splits. What disks do is in test_room_disks.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libavutil/log.h>

#include "tests/unit/mcu/films.h"

static void a_pause_is_not_in_the_file(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    begin(s, &c);
    assert_string_equal(ask(s, command("record_resume")), "already");
    UNTIL(s, has_written(s, 300));
    const int64_t before_ms = written_ms(s);
    tell(s, command("record_pause"));
    assert_string_equal(ask(s, command("record_pause")), "already");
    const int64_t paused_us = mcu_now_us();
    run_for(s, 800);
    tell(s, json_pack("{s:s}", "cmd", "adopt"));
    const json_t *one = json_array_get(json_object_get(s->reply, "recordings"), 0);
    assert_true(json_is_true(json_object_get(one, "paused")));
    assert_int_equal(json_array_size(json_object_get(one, "parts")), 1);
    tell(s, command("record_resume"));
    const int64_t pause_ms = (mcu_now_us() - paused_us) / 1000;
    UNTIL(s, has_written(s, (int)before_ms + 400));
    tell(s, command("record_stop"));
    assert_string_equal(ask(s, json_pack("{s:s,s:s}", "cmd", "record_pause", "id", "none")),
                        "no_such_recording");
    UNTIL(s, is_over(s));
    const json_t *ready = told(s, "ready", 1);
    assert_non_null(ready);
    assert_true(json_is_true(json_object_get(ready, "final")));
    const struct film film = film_of(text(ready, "file"));
    const int64_t whole_ms = number(ready, "ended_at") - number(ready, "started_at");
    /* The key frame after it comes with the next picture or two, of 100 ms each. */
    assert_true(film.video_us / 1000 <= whole_ms - pause_ms + 20);
    assert_true(film.video_us / 1000 >= before_ms + 400); /* what came after it is */
    assert_true(llabs(film.video_us - film.audio_us) <= 40000);
}

static void a_long_one_goes_on_in_another_file(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    begin(s, &c);
    UNTIL(s, has_written(s, 300));
    uint32_t part = 0;
    char file[128];
    snprintf(file, sizeof(file), "%s/r-2.mp4", folder);
    assert_int_equal(mcu_studio_record_next(s->room->studio, "r", file, mcu_now_us(), &part), 0);
    assert_int_equal(part, 2);
    assert_int_equal(mcu_studio_record_next(s->room->studio, "r", file, mcu_now_us(), &part),
                     -EBUSY);
    UNTIL(s, told(s, "part", 2));
    UNTIL(s, told(s, "ready", 1)); /* while the second is written */
    assert_false(json_is_true(json_object_get(told(s, "ready", 1), "final")));
    UNTIL(s, has_written(s, 300));
    tell(s, command("record_stop"));
    UNTIL(s, is_over(s));
    const json_t *first = told(s, "ready", 1), *second = told(s, "ready", 2);
    assert_true(json_is_true(json_object_get(second, "final")));
    assert_string_equal(text(second, "file"), file);
    const struct film a = film_of(text(first, "file")), b = film_of(file);
    /* The second begins where the first ends, and both together last as long as the whole. */
    const int64_t gap_ms = number(second, "started_at") - number(first, "started_at");
    assert_true(llabs(a.video_us / 1000 - gap_ms) <= 2);
    assert_true(llabs((a.video_us + b.video_us) / 1000 -
                      (number(second, "ended_at") - number(first, "started_at"))) <= 2);
    assert_true(llabs(a.audio_us - a.video_us) <= 40000 && llabs(b.audio_us - b.video_us) <= 40000);
}

/* Another part is written, and the room has not looked yet. */
static void cut_unseen(struct stage *s, uint32_t number)
{
    char file[128];
    uint32_t part = 0;
    struct mcu_record_status status = {0};
    const int64_t until_us = mcu_now_us() + PATIENCE_S * MCU_US_PER_S;
    snprintf(file, sizeof(file), "%s/r-%u.mp4", folder, (unsigned)number);
    assert_int_equal(mcu_studio_record_next(s->room->studio, "r", file, mcu_now_us(), &part), 0);
    assert_int_equal(part, number);
    while (status.part != number && mcu_now_us() < until_us) {
        usleep(1000);
        mcu_studio_record_status(s->room->studio, "r", &status);
    }
    assert_int_equal(status.part, number);
    assert_int_equal(s->room->recordings[0].part, number - 1);
}

static void what_is_noted_is_noted_beside_the_newest_part(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    begin(s, &c);
    const struct room_recording *one = &s->room->recordings[0];
    UNTIL(s, has_written(s, 500));
    cut_unseen(s, 2);
    tell(s, command("record_pause"));
    assert_int_equal(one->part, 2); /* else the pause were the first one's */
    tell(s, command("record_resume"));
    UNTIL(s, has_written(s, 500));
    cut_unseen(s, 3);
    tell(s, command("record_stop"));
    assert_int_equal(one->part, 3);
    assert_null(one->meta); /* nothing more is noted */
    UNTIL(s, is_over(s));
}

static void parts_follow_by_the_setting(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    c.recording.split_minutes = 2;
    c.recording.split_mb = 3;
    begin(s, &c);
    struct room_recording *one = &s->room->recordings[0];
    assert_int_equal(one->split_ms, 120000);
    assert_int_equal(one->split_bytes, 3000000);
    UNTIL(s, has_written(s, 300));
    assert_null(told(s, "part", 2));
    one->split_ms = 400; /* two minutes are long for a test */
    UNTIL(s, told(s, "part", 2));
    one->split_ms = 0;
    one->split_bytes = 1;
    UNTIL(s, told(s, "part", 3));
    one->split_bytes = 0;
    UNTIL(s, told(s, "ready", 2));
    run_for(s, 300);
    const size_t parts = one->part; /* another may have followed before it was told not to */
    UNTIL(s, has_written(s, 300));
    assert_int_equal(one->part, parts);
    tell(s, command("record_stop"));
    UNTIL(s, is_over(s));
    for (int part = 1; part <= (int)parts; part++)
        film_of(text(told(s, "ready", part), "file"));
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
#define TEST(name) cmocka_unit_test_setup_teardown(name, films_set_up, films_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_pause_is_not_in_the_file),
        TEST(a_long_one_goes_on_in_another_file),
        TEST(what_is_noted_is_noted_beside_the_newest_part),
        TEST(parts_follow_by_the_setting),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
