/* When a room's process dies, and when a front finds one that lives. */
#include "signaling/rooms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "signaling/watch.h"
#include "tests/unit/signaling/rooms_fixture.h"

/* --- death ------------------------------------------------------------------------------------ */

static void after_a_death_seats_are_added_again_and_clients_told(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    struct sig_member *bob = join(f, 1, "bob");
    char peer[SIG_ID_SIZE];
    memcpy(peer, ann->peer, sizeof(peer));
    sig_member_lost(bob, mcu_now_us());
    f->events.restarted(f->opened[0]);
    assert_int_equal(f->asked_count, 2);
    /* In the order of joining, so that everyone gets the tile of before. */
    assert_string_equal(json_string_value(json_object_get(f->asked[0].command, "peer")), peer);
    answer(f, "peer_add", NULL);
    answer(f, "peer_add", NULL);
    assert_string_equal(heard(f, 0, 1), "moved");
    assert_string_equal(json_string_value(heard_data(f, 0, "reason")), "room_restarted");
    assert_true(bob->is_moved); /* to be told when it is back */
    assert_int_equal(ann->room->member_count, 2);
}

static void a_join_under_way_when_the_room_dies_is_finished_by_the_next(void **state)
{
    struct fixture *f = *state;
    assert_null(ask_to_join(f, 0, SIG_KIND_WS, "ann"));
    fail_all_due(f);
    assert_int_equal(f->answers, 0);
    f->events.restarted(f->opened[0]);
    answer(f, "peer_add", NULL);
    assert_int_equal(f->answers, 1);
    assert_non_null(f->joined);
    assert_string_equal(heard(f, 0, 1), "");
}

static void a_join_that_kills_the_room_twice_is_refused(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    f->answers = 0;
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "poison"));
    fail_all_due(f);
    f->events.restarted(f->opened[0]);
    assert_int_equal(f->asked_count, 2);
    fail_all_due(f);
    f->events.restarted(f->opened[0]);
    assert_int_equal(f->answers, 1);
    assert_string_equal(f->refused->code, "room_restarted");
    assert_int_equal(sig_rooms_find(f->rooms, "standup")->member_count, 1);
    fail_all_due(f);
}

static void whip_sessions_end_with_their_process(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    assert_null(ask_to_join(f, -1, SIG_KIND_WHIP, "cam"));
    answer(f, "peer_add", NULL);
    char peer[SIG_ID_SIZE];
    memcpy(peer, f->joined->peer, sizeof(peer));
    assert_non_null(sig_rooms_find_peer(f->rooms, peer));
    f->events.restarted(f->opened[0]);
    assert_null(sig_rooms_find_peer(f->rooms, peer));
}

static void a_room_given_up_ends_for_everybody(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "bob"));
    fail_all_due(f);
    f->events.ended(f->opened[0], true);
    assert_string_equal(heard(f, 0, 1), "ended");
    assert_string_equal(json_string_value(heard_data(f, 0, "reason")), "room_failed");
    assert_string_equal(f->clients[0].unseated, "ended");
    assert_non_null(f->refused);
    assert_null(sig_rooms_first(f->rooms));
}

/* --- a front that comes later ----------------------------------------------------------------- */

static void a_living_room_is_adopted_with_its_seats_and_recordings(void **state)
{
    struct fixture *f = *state;
    static const char answer_text[] =
        "{\"room\": \"standup\", \"type\": \"mcu\", \"opened_at\": 5, \"pid\": 77, "
        "\"layout\": \"presentation\", \"sharing\": \"p1\", \"picture\": {\"layout\": \"duo\", "
        "\"spotlight\": \"cam\"}, \"peers\": ["
        "{\"peer\": \"p1\", \"user\": \"ann\", \"name\": \"Ann\", \"role\": \"host\", "
        "\"muted_audio\": true, \"pin\": 3, \"hand\": true, \"watching\": {\"view\": \"main\", "
        "\"tier\": \"360p\", \"width\": 640, \"height\": 360}, \"session\": {\"v\": 1, \"kind\": \"ws\", "
        "\"resume\": \"0123456789012345678901\", \"etag\": \"e123456789012345678901\", "
        "\"joined_at\": 9}},"
        "{\"peer\": \"p2\", \"user\": \"cam\", \"name\": \"Cam\", \"role\": \"publisher\", "
        "\"session\": {\"v\": 1, \"kind\": \"whip\", \"resume\": \"1123456789012345678901\", "
        "\"etag\": \"f123456789012345678901\", \"joined_at\": 9, \"offered\": true}},"
        "{\"peer\": \"p3\", \"user\": \"x\", \"name\": \"X\", \"role\": \"host\", "
        "\"session\": \"of another version\"}],"
        "\"recordings\": [{\"id\": \"rec\", \"file\": \"/r.mp4\", \"started_at\": 7, "
        "\"layout\": \"grid\", \"signs\": false}]}";
    json_t *reply = json_loads(answer_text, 0, NULL);
    struct sig_room *room = f->events.adopted(f->events.ctx, (struct sig_link *)f, reply);
    assert_non_null(room);
    f->opened[0] = room;
    answer(f, "view_list",
           "{\"ok\": true, \"views\": [{\"view\": \"main\", \"named\": false, \"layout\": \"duo\", "
           "\"width\": 1280, \"height\": 720, \"fps\": 30}, {\"view\": \"stage\", \"named\": true, "
           "\"layout\": \"single\", \"width\": 640, \"height\": 360, \"fps\": 15}, "
           "{\"view\": \"odd\", \"named\": true}, 5]}");
    assert_int_equal(json_object_size(room->views), 1);
    assert_non_null(json_object_get(room->views, "stage"));
    answer(f, "peer_remove", NULL); /* p3 */
    assert_int_equal(room->member_count, 2);
    assert_string_equal(room->active->id, "rec");
    assert_string_equal(room->active->wish.layout, "grid");
    assert_true(room->active->wish.has_signs && !room->active->wish.signs);
    assert_string_equal(sig_rooms_find_peer(f->rooms, "p2")->etag, "f123456789012345678901");
    assert_true(sig_rooms_find_peer(f->rooms, "p2")->is_offered);
    struct sig_member *ann =
        sig_rooms_resume(f->rooms, "0123456789012345678901", (struct sig_client *)&f->clients[0]);
    assert_string_equal(ann->user, "ann");
    assert_true(ann->muted_audio);
    assert_int_equal(ann->joined_at_ms, 9);
    assert_int_equal(ann->pin, 3);
    assert_true(ann->has_hand_up);
    assert_picture(f, "{\"layout\": \"presentation\", \"order\": [], \"spotlight\": \"cam\", "
                      "\"hideWithoutVideo\": false, \"sharing\": \"ann\"}");
    room_says(f, "{\"event\": \"tiles\", \"view\": \"main\", \"width\": 1280, \"height\": 720, "
                 "\"tiles\": []}");
    assert_true(was_told(f, 0, "tiles"));
    json_array_clear(f->clients[0].events);
    sig_member_tell_watching(ann);
    assert_string_equal(heard(f, 0, 2), "watching");
    assert_string_equal(heard(f, 0, 1), "tiles");
    assert_int_equal(ann->view_width, 640);
    assert_null(f->events.adopted(f->events.ctx, (struct sig_link *)f, reply)); /* twice the name */
    json_decref(reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(after_a_death_seats_are_added_again_and_clients_told),
        TEST(a_join_under_way_when_the_room_dies_is_finished_by_the_next),
        TEST(a_join_that_kills_the_room_twice_is_refused),
        TEST(whip_sessions_end_with_their_process),
        TEST(a_room_given_up_ends_for_everybody),
        TEST(a_living_room_is_adopted_with_its_seats_and_recordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
