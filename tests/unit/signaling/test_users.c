/* Users and devices: who is there, who is told, what outlives a connection. */
#include "tests/unit/signaling/talk_fixture.h"

static const char *state_of(struct fixture *f, const char *user)
{
    return sig_user_state(sig_users_find(f->users, user));
}

static void test_states(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(state_of(f, "ann"), "offline");
    come(f, 0, "ann", "phone");
    come(f, 1, "ann", "desk");
    lose(f, 0);
    assert_string_equal(state_of(f, "ann"), "online");
    lose(f, 1);
    assert_string_equal(state_of(f, "ann"), "suspended");
    tick(f, 30);
    assert_string_equal(state_of(f, "ann"), "offline");
    assert_null(sig_users_find(f->users, "ann")); /* nothing is kept of who is gone */
}

static void test_watching(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "phone");
    assert_null(sig_device_watch(f->clients[0].device, "bob", true));
    assert_null(sig_device_watch(f->clients[0].device, "bob", true));
    assert_null(sig_device_watch(f->clients[0].device, "ann", true));
    come(f, 1, "bob", "phone");
    assert_heard(f, 0, "online", "userId", "bob");
    come(f, 2, "bob", "desk");
    lose(f, 1);
    lose(f, 2);
    assert_quiet(f, 0); /* a short gap is not seen */
    come(f, 1, "bob", "phone");
    assert_quiet(f, 0);
    sig_device_sign_out(f->clients[1].device);
    assert_quiet(f, 0); /* the desk may come back still */
    tick(f, 30);
    const json_t *gone = take(f, 0, "offline");
    assert_non_null(gone);
    assert_string_equal(text_of(gone, "state"), "offline");
    assert_true(json_integer_value(json_object_get(gone, "lastSeen")) > 0);
    assert_null(sig_device_watch(f->clients[0].device, "bob", false));
    assert_null(sig_users_find(f->users, "bob"));
    come(f, 1, "bob", "phone");
    assert_quiet(f, 0);
    sig_device_sign_out(f->clients[0].device); /* she watched herself */
    assert_null(sig_users_find(f->users, "ann"));
}

static void test_watches_are_bounded(void **state)
{
    struct fixture *f = *state;
    char name[16];
    come(f, 0, "ann", "phone");
    for (int i = 0; i < SIG_WATCHES_MAX; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        assert_null(sig_device_watch(f->clients[0].device, name, true));
    }
    assert_error(sig_device_watch(f->clients[0].device, "more", true), "too_many_watched");
    assert_null(sig_users_find(f->users, "more"));
    sig_device_sign_out(f->clients[0].device);
    assert_null(sig_users_find(f->users, "u7"));
}

static void test_devices_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct sig_device *d = NULL;
    bool is_back = false;
    for (int i = 0; i < SIG_DEVICES_MAX; i++)
        come(f, i, "ann", "");
    assert_error(sig_users_sign_in(f->users, (struct sig_client *)&f->clients[20], "ann", "", "",
                                   &d, &is_back),
                 "too_many_devices");
    lose(f, 3); /* one that is lost gives way */
    come(f, 20, "ann", "");
    assert_int_equal(sig_users_find(f->users, "ann")->device_count, SIG_DEVICES_MAX);
}

static void test_taken_over(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "phone");
    struct sig_device *before = f->clients[0].device;
    assert_null(sig_device_watch(before, "bob", true));
    assert_true(come(f, 1, "ann", "phone"));
    assert_true(f->clients[0].is_replaced);
    assert_ptr_equal(f->clients[1].device, before);
    come(f, 2, "bob", "phone");
    assert_heard(f, 1, "online", "userId", "bob"); /* what it watched it watches still */
    assert_quiet(f, 0);
}

static void test_many_go_at_once(void **state)
{
    struct fixture *f = *state;
    char name[16];
    for (int i = 0; i < 500; i++) { /* all watch one another's neighbour */
        snprintf(name, sizeof(name), "u%d", i);
        come(f, 0, name, "phone");
        struct sig_device *d = f->clients[0].device;
        snprintf(name, sizeof(name), "u%d", (i * 7 + 1) % 500);
        assert_null(sig_device_watch(d, name, true));
        sig_device_lost(d, clock_us);
    }
    struct sig_users_stats stats;
    sig_users_stats(f->users, &stats);
    assert_int_equal(stats.devices, 500);
    tick(f, 30);
    sig_users_stats(f->users, &stats);
    assert_int_equal(stats.devices, 0);
    assert_int_equal(stats.users, 0);
    assert_null(sig_users_find(f->users, "u3"));
}

/* The server ends while they watch each other, and themselves; run with ASan. */
static void test_destroyed_while_watching(void **state)
{
    struct fixture *f = *state;
    char name[16];
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        come(f, i, name, "phone");
        for (int k = 0; k < 8; k++) {
            snprintf(name, sizeof(name), "u%d", k);
            assert_null(sig_device_watch(f->clients[i].device, name, true));
        }
    }
    lose(f, 2); /* the teardown destroys them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watching, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watches_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_devices_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_go_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_destroyed_while_watching, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
