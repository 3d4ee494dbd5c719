/* Stretches of a recording: which packets are in it, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <errno.h>

#include <cmocka.h>

#include "recorder/gate.h"

enum { AAC_US = 20 }; /* a scale that is easy to read: pictures each 10, sound each 20 */

/* What happens, in order: a letter and a time.
 *   P pause  R resume  E end   (wishes)
 *   K key frame  v picture  a sound   and where it comes to stand in the file: '-' left out, '.' waits */
struct step {
    char what;
    int64_t at;
    int64_t expected;
};

enum { OUT = -1000, WAITS = -1001 };

struct row {
    const char *name;
    struct rec_gate_conf conf;
    struct step steps[24];
    int64_t file_end;
};

#define BOTH .has_video = true, .has_audio = true

static const struct row rows[] = {
    {"all from the start to the end, and sound before it for the decoder",
     {BOTH, .start_us = 100},
     {{'a', 50, OUT}, {'a', 70, -30}, {'K', 90, OUT}, {'a', 90, -10}, {'K', 100, 0}, {'v', 110, 10},
      {'E', 130, 0}, {'a', 130, OUT}, {'v', 120, 20}, {'v', 130, OUT}},
     30},
    {"a pause is cut out, and the key frame after it follows at once",
     {BOTH, .start_us = 0},
     {{'K', 0, 0}, {'a', 0, 0}, {'v', 10, 10}, {'P', 20, 0}, {'a', 20, OUT}, {'v', 20, OUT},
      {'v', 30, OUT}, {'R', 50, 0}, {'a', 40, WAITS}, {'v', 50, OUT}, {'a', 60, WAITS}, {'K', 60, 20},
      {'a', 40, OUT}, {'a', 60, 20}, {'v', 70, 30}, {'E', 80, 0}, {'a', 80, OUT}, {'v', 80, OUT}},
     40},
    {"sound that stands over the cut is followed by the nearest",
     {BOTH, .start_us = 0},
     {{'K', 0, 0}, {'a', 5, 5}, {'P', 10, 0}, {'v', 10, OUT}, {'R', 30, 0}, {'a', 25, WAITS},
      {'K', 30, 10}, {'a', 25, OUT}, {'a', 45, 25}, {'v', 40, 20}},
     INT64_MAX},
    {"where pictures are reordered a key frame ends the stretch, for the sound, too",
     {BOTH, .start_us = 0, .cuts_at_key = true},
     {{'K', 0, 0}, {'a', 0, 0}, {'P', 5, 0}, {'a', 20, WAITS}, {'v', 30, 30}, {'v', 10, 10},
      {'v', 20, 20}, {'a', 20, WAITS}, {'K', 40, OUT}, {'a', 20, 20}, {'a', 40, OUT},
      {'R', 60, 0}, {'K', 60, 40}, {'a', 60, 40}, {'E', 65, 0}, {'a', 80, WAITS}, {'v', 70, 50},
      {'K', 80, OUT}, {'a', 80, OUT}},
     60},
    {"one key frame ends a pause that was short",
     {BOTH, .start_us = 0, .cuts_at_key = true},
     {{'K', 0, 0}, {'P', 5, 0}, {'R', 8, 0}, {'v', 10, 10}, {'K', 20, 20}, {'v', 30, 30}},
     INT64_MAX},
    {"a pause before the key frame came leaves nothing",
     {BOTH, .start_us = 0},
     {{'K', 0, 0}, {'P', 10, 0}, {'v', 10, OUT}, {'R', 20, 0}, {'P', 30, 0}, {'v', 25, OUT},
      {'K', 40, OUT}, {'R', 50, 0}, {'K', 50, 10}, {'a', 50, 10}},
     INT64_MAX},
    {"zero is the key frame, where that was said",
     {BOTH, .start_us = 0, .starts_at_key = true},
     {{'a', 0, WAITS}, {'v', 0, OUT}, {'a', 20, WAITS}, {'K', 30, 0}, {'a', 0, -30}, {'a', 20, -10},
      {'a', 40, 10}},
     INT64_MAX},
    {"sound alone is cut as it was wished",
     {.has_audio = true, .start_us = 0},
     {{'a', 0, 0}, {'K', 10, OUT}, {'P', 20, 0}, {'a', 20, OUT}, {'R', 60, 0}, {'a', 60, 20},
      {'E', 80, 0}, {'a', 80, OUT}},
     40},
    {"pictures alone", {.has_video = true, .start_us = 0},
     {{'K', 0, 0}, {'a', 0, OUT}, {'P', 10, 0}, {'v', 10, OUT}, {'R', 20, 0}, {'v', 20, OUT},
      {'K', 30, 10}, {'E', 50, 0}, {'v', 50, OUT}},
     30},
    {"an end in a pause is where the pause began",
     {BOTH, .start_us = 0},
     {{'K', 0, 0}, {'P', 10, 0}, {'v', 10, OUT}, {'a', 20, OUT}, {'E', 90, 0}},
     10},
};

static void check(const struct row *row, struct rec_gate *g, const struct step *s)
{
    const struct rec_gate_packet p = {.kind = s->what == 'a' ? MCU_AUDIO : MCU_VIDEO,
                                      .is_key = s->what == 'K',
                                      .pts_us = s->at,
                                      .duration_us = AAC_US};
    int64_t origin = 0;
    const enum rec_verdict verdict = rec_gate_ask(g, &p, &origin);
    const int64_t got = verdict == REC_TAKE ? s->at - origin : verdict == REC_WAIT ? WAITS : OUT;
    if (got != s->expected)
        fail_msg("%s: %c %d stands at %d", row->name, s->what, (int)s->at, (int)got);
}

static void packets_stand_where_they_belong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rec_gate g;
        bool has_end = false;
        rec_gate_init(&g, &rows[i].conf);
        for (const struct step *s = rows[i].steps; s->what; s++) {
            has_end |= s->what == 'E';
            if (s->what == 'P')
                assert_int_equal(rec_gate_close(&g, s->at), 0);
            else if (s->what == 'R')
                assert_int_equal(rec_gate_open(&g, s->at), 0);
            else if (s->what == 'E')
                rec_gate_end(&g, s->at);
            else
                check(&rows[i], &g, s);
        }
        if (rec_gate_file_end_us(&g) != rows[i].file_end)
            fail_msg("%s: ends at %d", rows[i].name, (int)rec_gate_file_end_us(&g));
        assert_int_equal(rec_gate_is_complete(&g), has_end);
    }
}

static void wishes_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct rec_gate g;
    const struct rec_gate_conf conf = {BOTH, .start_us = 0};
    rec_gate_init(&g, &conf);
    assert_int_equal(rec_gate_open(&g, 10), -EALREADY);
    assert_int_equal(rec_gate_close(&g, 10), 0);
    assert_int_equal(rec_gate_close(&g, 20), -EALREADY);
    int err = 0;
    for (int i = 1; !err && i < 1000; i++) {
        err = rec_gate_open(&g, 20 * i);
        if (!err)
            assert_int_equal(rec_gate_close(&g, 20 * i + 10), 0);
    }
    assert_int_equal(err, -EAGAIN);
    rec_gate_end(&g, 100);
    assert_int_equal(rec_gate_open(&g, 110), -EALREADY);
    assert_false(rec_gate_is_complete(&g));
}

/* However often: nothing overlaps, and sound never moves by more than half a packet against pictures. */
static void many_pauses_do_not_add_up(void **state)
{
    (void)state;
    struct rec_gate g;
    const struct rec_gate_conf conf = {BOTH, .start_us = 0};
    rec_gate_init(&g, &conf);
    int64_t audio = 0, audio_end = 0;
    srand(7);
    for (int64_t at = 0, n = 0; n < 2000; n++) {
        const int64_t until = at + 200 + rand() % 1000;
        for (; at < until; at += 10) {
            int64_t origin = 0;
            const struct rec_gate_packet v = {MCU_VIDEO, true, at, 0};
            assert_int_equal(rec_gate_ask(&g, &v, &origin), REC_TAKE);
            while (audio < at) {
                const struct rec_gate_packet a = {MCU_AUDIO, true, audio, AAC_US};
                if (rec_gate_ask(&g, &a, &origin) == REC_TAKE) {
                    const int64_t moved = audio - origin - audio_end;
                    if (llabs(moved) > AAC_US / 2)
                        fail_msg("pause %d: off by %d", (int)n, (int)moved);
                    audio_end = audio - origin + AAC_US;
                }
                audio += AAC_US;
            }
        }
        const int64_t pause = at;
        at += 10 + rand() % 500;
        assert_int_equal(rec_gate_close(&g, pause), 0);
        int64_t origin = 0;
        for (; audio < at - AAC_US; audio += AAC_US) {
            const struct rec_gate_packet a = {MCU_AUDIO, true, audio, AAC_US};
            if (rec_gate_ask(&g, &a, &origin) == REC_TAKE)
                audio_end = audio - origin + AAC_US;
        }
        const struct rec_gate_packet v = {MCU_VIDEO, false, at - 5, 0};
        assert_int_equal(rec_gate_ask(&g, &v, &origin), REC_LEAVE);
        assert_int_equal(rec_gate_open(&g, at), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_stand_where_they_belong),
        cmocka_unit_test(wishes_that_make_no_sense_are_refused),
        cmocka_unit_test(many_pauses_do_not_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
