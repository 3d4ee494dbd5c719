/* Who may send: roles against what a session description says and what comes nevertheless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/mcu/guests.h"

static void set_role(struct stage *s, const struct guest *g, const char *role)
{
    tell(s, json_pack("{s:s,s:s,s:s}", "cmd", "peer_set", "peer", g->id, "role", role));
}

/* The room's direction of the only picture in its last answer. */
static enum mcu_direction answered(const struct stage *s)
{
    struct mcu_desc desc;
    assert_int_equal(mcu_desc_from_json(&desc, json_object_get(s->reply, "desc")), 0);
    assert_int_equal(desc.media_count, 1);
    return desc.media[0].direction;
}

static bool sends_video(const struct stage *s, const struct guest *g)
{
    return json_is_true(json_object_get(newest(s, "peer_media", g), "video"));
}

static void who_is_made_a_subscriber_is_gone_at_once_and_may_come_back(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    struct guest *watcher = join(s, 0, NO_COLOUR, MCU_CODEC_VP8);
    struct guest *ann = join(s, 1, RED, MCU_CODEC_VP8);
    assert_int_equal(answered(s), MCU_SENDRECV);
    UNTIL(s, sees_colours(watcher, RED, RED) && sends_video(s, ann));
    set_role(s, ann, "subscriber"); /* she goes on sending */
    UNTIL(s, sees_colours(watcher, NO_COLOUR, NO_COLOUR) && !sends_video(s, ann));
    run_for(s, 500);
    assert_true(sees_colours(watcher, NO_COLOUR, NO_COLOUR));
    offer(s, ann, false);
    assert_int_equal(answered(s), MCU_SENDONLY);
    run_for(s, 300);
    assert_true(sees_colours(watcher, NO_COLOUR, NO_COLOUR));
    set_role(s, ann, "publisher");
    offer(s, ann, false);
    assert_int_equal(answered(s), MCU_SENDRECV);
    UNTIL(s, sees_colours(watcher, RED, RED) && sends_video(s, ann));
}

static void a_role_that_comes_back_before_the_next_offer_needs_none(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    struct guest *watcher = join(s, 0, NO_COLOUR, MCU_CODEC_VP8);
    struct guest *ann = join(s, 1, GREEN, MCU_CODEC_VP8);
    UNTIL(s, sees_colours(watcher, GREEN, GREEN));
    set_role(s, ann, "subscriber");
    UNTIL(s, sees_colours(watcher, NO_COLOUR, NO_COLOUR));
    set_role(s, ann, "host");
    UNTIL(s, sees_colours(watcher, GREEN, GREEN));
}

static void a_role_is_told_to_the_next_front_and_a_wrong_one_changes_nothing(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    const struct guest *ann = join(s, 0, NO_COLOUR, MCU_CODEC_VP8);
    set_role(s, ann, "subscriber");
    assert_string_equal(
        ask(s, json_pack("{s:s,s:s,s:i}", "cmd", "peer_set", "peer", ann->id, "role", 7)),
        "bad_message");
    assert_string_equal(ask(s, json_pack("{s:s,s:s,s:s}", "cmd", "peer_set", "peer", ann->id,
                                         "role", "a role that is longer than any of ours can be")),
                        "bad_message");
    tell(s, json_pack("{s:s,s:{s:i}}", "cmd", "room_session", "session", "v", 7));
    tell(s, json_pack("{s:s}", "cmd", "adopt"));
    const json_t *peer = json_array_get(json_object_get(s->reply, "peers"), 0);
    assert_string_equal(text(peer, "role"), "subscriber");
    const json_t *session = json_object_get(s->reply, "session");
    assert_int_equal(json_integer_value(json_object_get(session, "v")), 7);
}

int main(void)
{
#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        STAGE_TEST(who_is_made_a_subscriber_is_gone_at_once_and_may_come_back),
        STAGE_TEST(a_role_that_comes_back_before_the_next_offer_needs_none),
        STAGE_TEST(a_role_is_told_to_the_next_front_and_a_wrong_one_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
