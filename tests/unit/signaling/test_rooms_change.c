/* What is changed of members: mute, sound, pins and hands. */
#include "signaling/rooms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/signaling/rooms_fixture.h"

static void on_changed(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct fixture *f = arg;
    f->changed = m;
    f->refused = error;
    f->answers++;
}

/* --- sound ------------------------------------------------------------------------------------ */

/* Asks for a change by a user; the room's answer is still to come. */
static void change(struct fixture *f, struct sig_member *m, const char *by, const bool *audio,
                   const char *sound)
{
    json_t *patch = sound ? parse(sound) : NULL;
    const struct sig_change c = {
        .audio = audio, .sound = patch, .by = by, .done = on_changed, .arg = f};
    f->refused = NULL;
    f->changed = NULL;
    assert_null(sig_member_change(m, &c));
    json_decref(patch);
}

static void muting_is_told_to_the_others_and_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[0].events);
    change(f, ann, "ann", &yes, NULL);
    assert_false(ann->muted_audio); /* not before the room has said so */
    answer(f, "peer_set", NULL);
    assert_ptr_equal(f->changed, ann);
    assert_string_equal(heard(f, 1, 1), "mute");
    assert_true(json_is_true(heard_data(f, 1, "audio")));
    assert_null(heard_data(f, 1, "video"));
    assert_null(heard_data(f, 1, "by"));
    assert_int_equal(json_array_size(f->clients[0].events), 0); /* she knows */
    f->events.restarted(f->opened[0]);
    const json_t *add = f->asked[0].command;
    assert_true(json_is_true(json_object_get(add, "muted_audio")));
    assert_null(json_object_get(add, "muted_video"));
    answer(f, "peer_add", NULL);
    answer(f, "peer_add", NULL);
}

static void who_is_muted_by_another_hears_by_whom(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[0].events);
    change(f, ann, "bob", &yes, NULL);
    answer(f, "peer_set", NULL);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(heard(f, i, 1), "mute");
        assert_string_equal(json_string_value(heard_data(f, i, "by")), "bob");
        assert_string_equal(json_string_value(heard_data(f, i, "userId")), "ann");
    }
}

static void what_is_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[1].events);
    change(f, ann, "ann", &yes, "{\"volume\": 50}");
    answer(f, "peer_set", "{\"ok\": false, \"error\": {\"code\": \"too_many_submixes\"}}");
    assert_string_equal(f->refused->code, "too_many_submixes");
    assert_false(ann->muted_audio);
    assert_int_equal(sig_member_volume(ann), 100);
    assert_int_equal(json_array_size(f->clients[1].events), 0);
    change(f, ann, "ann", &yes, NULL);
    sig_member_leave(ann, "left"); /* before the answer */
    answer(f, "peer_set", NULL);
    assert_string_equal(f->refused->code, "no_such_member");
    answer(f, "peer_remove", NULL);
}

static void a_members_sound_is_kept_told_and_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[0].events);
    change(f, ann, "bob", NULL,
           "{\"volume\": 150, \"deaf\": true, \"speaksTo\": [\"en\"], \"volumes\": {\"bob\": 0}, "
           "\"hears\": {\"en\": 100, \"floor\": 20}, \"original\": true, \"pan\": -0.5}");
    answer(f, "peer_set", NULL);
    static const char *const told[] = {"volume", "deaf", "speak", "original"};
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < 4; j++)
            assert_true(was_told(f, i, told[j]));
    }
    assert_true(was_told(f, 0, "hear")); /* what she hears is her own matter */
    assert_false(was_told(f, 1, "hear"));
    json_t *seen = sig_member_json(ann);
    assert_int_equal(json_integer_value(json_object_get(seen, "volume")), 150);
    assert_true(json_is_true(json_object_get(seen, "deaf")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(seen, "speaksTo"), 0)),
                        "en");
    assert_null(json_object_get(seen, "volumes"));
    json_decref(seen);
    json_t *whole = sig_member_whole_json(ann);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(whole, "hears"), "floor")),
                     20);
    assert_int_equal(json_object_size(json_object_get(whole, "volumes")), 1);
    json_decref(whole);

    f->events.restarted(f->opened[0]);
    const json_t *sound = json_object_get(f->asked[0].command, "sound");
    assert_int_equal(json_integer_value(json_object_get(sound, "volume")), 150);
    assert_int_equal(json_object_size(sound), 7);
    answer(f, "peer_add", NULL);
    assert_null(json_object_get(f->asked[0].command, "sound")); /* bob's is plain */
    answer(f, "peer_add", NULL);

    change(f, ann, "ann", NULL, "{\"volume\": 100, \"deaf\": null, \"volumes\": {\"bob\": 100}}");
    answer(f, "peer_set", NULL);
    assert_int_equal(sig_member_volume(ann), 100);
    assert_int_equal(json_object_size(ann->sound), 4);
}

static void muting_all_spares_hosts_and_is_told_once(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    join(f, 0, "ann");
    struct sig_member *bob = join(f, 1, "bob");
    struct sig_member *cyd = join(f, 2, "cyd");
    strcpy(cyd->role, "host");
    for (int i = 0; i < 3; i++)
        json_array_clear(f->clients[i].events);
    const struct sig_change c = {.audio = &yes, .by = "ann", .done = on_changed, .arg = f};
    const int before = f->answers;
    assert_null(sig_room_mute_all(bob->room, &c));
    assert_int_equal(f->asked_count, 1); /* bob alone */
    assert_int_equal(f->answers, before);
    answer(f, "peer_set", NULL);
    assert_int_equal(f->answers, before + 1);
    assert_true(bob->muted_audio);
    assert_false(cyd->muted_audio);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(json_array_size(f->clients[i].events), 1);
        assert_string_equal(heard(f, i, 1), "mute");
        assert_int_equal(json_array_size(heard_data(f, i, "userIds")), 1);
    }
    for (int i = 0; i < 3; i++)
        json_array_clear(f->clients[i].events);
    assert_null(sig_room_mute_all(bob->room, &c)); /* nobody is left to mute: answered at once */
    assert_int_equal(f->answers, before + 2);
    assert_int_equal(json_array_size(f->clients[0].events), 0);
}

/* Whoever asked believes it is quiet now: he must learn when it is not. */
static void muting_all_tells_when_one_could_not_be_muted(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    struct sig_member *ann = join(f, 0, "ann");
    struct sig_member *bob = join(f, 1, "bob");
    struct sig_member *cyd = join(f, 2, "cyd");
    snprintf(ann->role, sizeof(ann->role), "host");
    json_array_clear(f->clients[0].events);
    const struct sig_change c = {.audio = &yes, .by = "ann", .done = on_changed, .arg = f};
    assert_null(sig_room_mute_all(bob->room, &c));
    answer(f, "peer_set", "{\"ok\": false, \"error\": {\"code\": \"internal\"}}");
    answer(f, "peer_set", NULL);
    assert_string_equal(f->refused->code, "internal");
    assert_false(bob->muted_audio);
    assert_true(cyd->muted_audio);
    assert_int_equal(json_array_size(heard_data(f, 0, "userIds")), 1);
    f->refused = NULL;
    assert_null(sig_room_mute_all(ann->room, &c));
    sig_member_leave(bob, "left"); /* before the answer: no failure */
    answer(f, "peer_set", NULL);
    assert_null(f->refused);
    answer(f, "peer_remove", NULL);
}

/* --- pins and hands --------------------------------------------------------------------------- */

static void stand(struct fixture *f, struct sig_member *m, const uint32_t *pin, const bool *hand)
{
    const struct sig_change c = {.pin = pin, .hand = hand, .by = "zoe", .done = on_changed, .arg = f};
    assert_null(sig_member_change(m, &c));
    answer(f, "peer_set", NULL);
}

static void pins_and_hands_are_told_and_survive_a_restart(void **state)
{
    struct fixture *f = *state;
    const uint32_t first = 1, none = 0;
    const bool up = true;
    struct sig_member *ann = join(f, 0, "ann"), *bob = join(f, 1, "bob");
    stand(f, ann, &first, NULL);
    assert_string_equal(heard(f, 1, 1), "pin");
    assert_int_equal(json_integer_value(heard_data(f, 1, "seat")), 1);
    stand(f, bob, &first, &up); /* one person a seat */
    assert_int_equal(ann->pin, 0);
    assert_int_equal(bob->pin, 1);
    assert_string_equal(heard(f, 0, 3), "pin");
    assert_string_equal(heard(f, 0, 2), "pin");
    assert_string_equal(heard(f, 0, 1), "hand");
    assert_true(json_is_true(heard_data(f, 0, "raised")));
    json_t *seen = sig_member_json(bob);
    assert_int_equal(json_integer_value(json_object_get(seen, "pin")), 1);
    assert_true(json_is_true(json_object_get(seen, "hand")));
    json_decref(seen);
    f->events.restarted(f->opened[0]);
    assert_null(json_object_get(f->asked[0].command, "pin"));
    answer(f, "peer_add", NULL);
    assert_int_equal(json_integer_value(json_object_get(f->asked[0].command, "pin")), 1);
    assert_true(json_is_true(json_object_get(f->asked[0].command, "hand")));
    answer(f, "peer_add", NULL);
    stand(f, bob, &none, NULL);
    assert_true(json_is_null(heard_data(f, 0, "seat")));
    assert_true(bob->has_hand_up);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(muting_is_told_to_the_others_and_survives_a_restart),
        TEST(who_is_muted_by_another_hears_by_whom),
        TEST(what_is_refused_changes_nothing),
        TEST(a_members_sound_is_kept_told_and_survives_a_restart),
        TEST(muting_all_spares_hosts_and_is_told_once),
        TEST(muting_all_tells_when_one_could_not_be_muted),
        TEST(pins_and_hands_are_told_and_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
