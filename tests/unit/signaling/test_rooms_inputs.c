/* Outside sources in the front's model: what their rooms say of them, their names, their figures.
 */
#include "signaling/inputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/signaling/rooms_fixture.h"

#define URL "rtmp://host.example/live/secret"

static struct sig_member *bring(struct fixture *f, const char *user)
{
    json_t *input = parse("{\"url\": \"" URL "\"}");
    const struct sig_join join = {
        .kind = SIG_KIND_INPUT,
        .room_id = "standup",
        .user = user,
        .name = "Camera",
        .role = "publisher",
        .is_by_host = true,
        .input = input,
        .joined = on_joined,
        .arg = f,
    };
    f->joined = NULL;
    assert_null(sig_rooms_join(f->rooms, &join));
    json_decref(input);
    answer(f, "peer_add", NULL);
    assert_non_null(f->joined);
    return f->joined;
}

static struct sig_rooms_stats stats_of(const struct fixture *f)
{
    struct sig_rooms_stats stats;
    sig_rooms_stats(f->rooms, &stats);
    return stats;
}

static void their_figures_are_sums(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    struct sig_member *a = bring(f, "cam-a");
    const struct sig_member *b = bring(f, "cam-b");
    assert_int_equal(stats_of(f).inputs, 2);
    assert_int_equal(stats_of(f).inputs_waiting, 0);
    room_says_of(f, a, "input", "\"state\": \"waiting\", \"error\": \"lost\", \"retries\": 3");
    room_says_of(f, b, "input", "\"state\": \"playing\", \"retries\": 1");
    assert_int_equal(stats_of(f).inputs_waiting, 1);
    assert_int_equal(stats_of(f).input_retries, 4);
    room_says_of(f, a, "input", "\"state\": \"playing\", \"retries\": 4");
    assert_int_equal(stats_of(f).inputs_waiting, 0);
    assert_int_equal(stats_of(f).input_retries, 5);
    room_says_of(f, a, "input", "\"state\": \"connecting\", \"retries\": 0"); /* a new process */
    room_says_of(f, a, "input", "\"state\": \"waiting\", \"retries\": 2");
    assert_int_equal(stats_of(f).input_retries, 7);
    sig_member_leave(a, "left");
    assert_int_equal(stats_of(f).inputs, 1);
    assert_int_equal(stats_of(f).inputs_waiting, 0);
    assert_int_equal(stats_of(f).input_retries, 7); /* a counter */
}

static void a_new_name_is_told_and_outlives_the_process(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    struct sig_member *m = bring(f, "cam");
    room_says_of(f, m, "input", "\"state\": \"playing\"");
    assert_string_equal(json_string_value(heard_data(f, 0, "name")), "Camera");
    json_t *change = parse("{\"name\": \"Stage\", \"paused\": true}");
    sig_input_note(m, change);
    assert_string_equal(heard(f, 0, 1), "input");
    assert_string_equal(json_string_value(heard_data(f, 0, "name")), "Stage");
    const size_t heard_of = json_array_size(f->clients[0].events);
    sig_input_note(m, change); /* the same again is no news */
    json_decref(change);
    assert_int_equal(json_array_size(f->clients[0].events), heard_of);
    json_t *json = sig_input_json(m);
    assert_string_equal(json_string_value(json_object_get(json, "name")), "Stage");
    json_decref(json);

    f->asked_count = 0;
    f->events.restarted(f->opened[0]);
    const json_t *again = NULL;
    for (int i = 0; i < f->asked_count; i++) {
        if (json_object_get(f->asked[i].command, "input"))
            again = f->asked[i].command;
    }
    assert_non_null(again);
    assert_string_equal(json_string_value(json_object_get(again, "name")), "Stage");
    const json_t *input = json_object_get(again, "input");
    assert_null(json_object_get(input, "name")); /* what a source is does not know its name */
    assert_true(json_is_true(json_object_get(input, "paused")));
    assert_string_equal(json_string_value(json_object_get(input, "url")), URL);
}

/* It is sent away while the room is asked for another name. */
static void a_name_comes_too_late(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    struct sig_member *m = sig_member_ref(bring(f, "cam"));
    room_says_of(f, m, "input", "\"state\": \"playing\"");
    sig_member_leave(m, "left");
    const size_t heard_of = json_array_size(f->clients[0].events);
    json_t *change = parse("{\"name\": \"Stage\"}");
    sig_input_note(m, change);
    json_decref(change);
    assert_int_equal(json_array_size(f->clients[0].events), heard_of);
    sig_member_unref(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(their_figures_are_sums),
        TEST(a_new_name_is_told_and_outlives_the_process),
        TEST(a_name_comes_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
