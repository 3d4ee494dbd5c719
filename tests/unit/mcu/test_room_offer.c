/* Who offers: the participant, or the room when he could not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/mcu/guests.h"

static json_t *about(const struct guest *g, const char *cmd, const struct mcu_desc *desc)
{
    return json_pack("{s:s,s:s,s:o*}", "cmd", cmd, "peer", g->id, "desc",
                     desc ? mcu_desc_to_json(desc) : NULL);
}

static void read_desc(const struct stage *s, struct mcu_desc *desc)
{
    assert_int_equal(mcu_desc_from_json(desc, json_object_get(s->reply, "desc")), 0);
}

static void who_answers_the_room_sees_the_mix(void **state)
{
    struct stage *s = *state;
    struct mcu_desc offer, answer;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    struct guest *watcher = enter(s, 1, NO_COLOUR, MCU_CODEC_VP8);
    tell(s,
         json_pack("{s:s,s:s,s:s}", "cmd", "peer_set", "peer", watcher->id, "role", "subscriber"));
    tell(s, about(watcher, "peer_make_offer", NULL));
    read_desc(s, &offer);
    assert_int_equal(offer.media_count, 2);
    assert_int_equal(offer.media[0].direction, MCU_SENDONLY);
    assert_int_equal(offer.media[1].direction, MCU_SENDONLY);
    forget_feedback(&offer);
    assert_int_equal(rtc_peer_accept(watcher->rtc, &offer, MCU_CODEC_VP8, &answer), 0);
    tell(s, about(watcher, "peer_answer", &answer));
    UNTIL(s, sees_colours(watcher, RED, RED));
}

static void an_offer_that_cannot_be_met_leaves_the_seat_free_for_ours(void **state)
{
    struct stage *s = *state;
    struct mcu_desc theirs, ours, answer;
    open_room(s, "mcu");
    struct guest *g = enter(s, 0, NO_COLOUR, MCU_CODEC_VP8);
    assert_string_equal(ask(s, about(g, "peer_make_offer", NULL)) ? "refused" : "", "");
    read_desc(s, &ours);
    leave(s, 0);

    g = enter(s, 0, NO_COLOUR, MCU_CODEC_VP8);
    assert_int_equal(rtc_peer_offer(g->rtc, MCU_INACTIVE, MCU_SENDONLY, MCU_CODEC_VP8, &theirs), 0);
    json_t *wanted = about(g, "peer_offer", &theirs);
    json_object_set_new(wanted, "must_send", json_true());
    assert_string_equal(ask(s, wanted), "bad_offer");
    assert_string_equal(ask(s, about(g, "peer_answer", &theirs)), "bad_offer"); /* to nothing */
    tell(s, about(g, "peer_make_offer", NULL));
    read_desc(s, &ours);
    answer = ours;
    answer.media_count = 1; /* not an answer to it */
    answer.setup = MCU_SETUP_ACTIVE;
    assert_string_equal(ask(s, about(g, "peer_answer", &answer)), "bad_offer");
}

static void who_has_offered_gets_no_offer(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    const struct guest *g = join(s, 0, NO_COLOUR, MCU_CODEC_VP8);
    assert_string_equal(ask(s, about(g, "peer_make_offer", NULL)), "bad_offer");
}

int main(void)
{
#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        STAGE_TEST(who_answers_the_room_sees_the_mix),
        STAGE_TEST(an_offer_that_cannot_be_met_leaves_the_seat_free_for_ours),
        STAGE_TEST(who_has_offered_gets_no_offer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
