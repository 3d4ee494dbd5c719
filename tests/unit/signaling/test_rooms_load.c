/* Who is let in: by the settings, and by what the machine has left. */
#include "signaling/rooms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/signaling/rooms_fixture.h"

static void no_more_than_the_settings_allow_get_in(void **state)
{
    struct fixture *f = *state;
    const struct sig_error *error = NULL;
    join(f, 0, "ann");
    join(f, 1, "bob");
    assert_null(ask_to_join(f, 2, SIG_KIND_WS, "cem")); /* asked, not answered: its seat counts */
    assert_string_equal(ask_to_join(f, 3, SIG_KIND_WS, "dan")->code, "room_full");
    assert_non_null(sig_rooms_open(f->rooms, "second", "mcu", "", &error));
    assert_null(sig_rooms_open(f->rooms, "third", "mcu", "", &error));
    assert_string_equal(error->code, "too_many_rooms");
    assert_null(sig_rooms_open(f->rooms, "second", "mcu", "", &error));
    assert_string_equal(error->code, "room_exists");
}

/* By the figures of a room that takes a hundred cores. */
static void a_machine_that_is_full_lets_nobody_more_in(void **state)
{
    struct fixture *f = *state;
    const struct sig_error *error = NULL;
    f->config.room.max_load = 85;
    struct sig_room *room = join(f, 0, "ann")->room;
    room->load.cores = 100000.0;
    assert_string_equal(ask_to_join(f, 1, SIG_KIND_WS, "bob")->code, "overloaded");
    assert_int_equal(sig_error("overloaded")->status, 503);
    assert_null(sig_rooms_open(f->rooms, "second", "mcu", "", &error));
    assert_string_equal(error->code, "overloaded");
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "ann")); /* a seat for a seat */
    struct sig_rooms_stats stats;
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.refused_overload, 2);
    f->config.room.max_load = 0; /* no limit */
    assert_null(ask_to_join(f, 2, SIG_KIND_WS, "bob"));
    fail_all_due(f);
}

/* Late sound is our doing where rooms use much, and else not. */
static void where_sound_is_late_half_a_load_is_a_full_one(void **state)
{
    struct fixture *f = *state;
    f->config.room.max_load = 80;
    struct sig_room *room = join(f, 0, "ann")->room;
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    room->load = (struct mcu_load){.cores = 0.5 * cores, .is_late = false};
    assert_null(ask_to_join(f, 1, SIG_KIND_WHEP, ""));
    room->load.is_late = true;
    assert_string_equal(ask_to_join(f, 2, SIG_KIND_WHEP, "")->code, "overloaded");
    room->load.cores = 0.1 * cores;
    assert_null(ask_to_join(f, 2, SIG_KIND_WHEP, ""));
    fail_all_due(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_more_than_the_settings_allow_get_in),
        TEST(a_machine_that_is_full_lets_nobody_more_in),
        TEST(where_sound_is_late_half_a_load_is_a_full_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
