/* Paths to handlers. */
#include "signaling/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void page(struct sig_http *req)
{
    (void)req;
}

static void list(struct sig_http *req)
{
    (void)req;
}

static void make(struct sig_http *req)
{
    (void)req;
}

static void one(struct sig_http *req)
{
    (void)req;
}

static void stop(struct sig_http *req)
{
    (void)req;
}

static void asset(struct sig_http *req)
{
    (void)req;
}

static const struct sig_route table[] = {
    {SIG_GET, "/", page, 0},
    {SIG_GET, "/api/rooms", list, 0},
    {SIG_POST, "/api/rooms", make, 100},
    {SIG_GET, "/api/rooms/{room}", one, 0},
    {SIG_DELETE, "/api/rooms/{room}/recordings/{id}", stop, 0},
    {SIG_GET, "/*", asset, 0},
    {0},
};

static const struct {
    const char *name;
    enum sig_method method;
    const char *path;
    void (*handle)(struct sig_http *req);
    const char *allow; /* when there is no handler */
    const char *params[2];
} rows[] = {
    {"the root", SIG_GET, "/", page, "", {"", ""}},
    {"HEAD goes where GET goes", SIG_HEAD, "/", page, "", {"", ""}},
    {"the method chooses", SIG_POST, "/api/rooms", make, "", {"", ""}},
    {"a part in braces is taken", SIG_GET, "/api/rooms/stand.up", one, "", {"stand.up", ""}},
    {"two parts", SIG_DELETE, "/api/rooms/a/recordings/b", stop, "", {"a", "b"}},
    {"an empty part does not fit", SIG_DELETE, "/api/rooms//recordings/b", NULL, "", {"", ""}},
    {"a known path, another method",
     SIG_PUT,
     "/api/rooms",
     NULL,
     "GET, HEAD, POST, OPTIONS",
     {"", ""}},
    {"a known path is no asset",
     SIG_GET,
     "/api/rooms/a/recordings/b",
     NULL,
     "DELETE, OPTIONS",
     {"", ""}},
    {"a slash at the end is another path", SIG_POST, "/api/rooms/", NULL, "", {"", ""}},
    {"what is left is an asset", SIG_GET, "/assets/a/b.js", asset, "", {"", ""}},
    {"the rest is not known to POST", SIG_POST, "/assets/a.js", NULL, "", {"", ""}},
    {"a path without a slash", SIG_GET, "api/rooms", NULL, "", {"", ""}},
    {"an empty path", SIG_GET, "", NULL, "", {"", ""}},
    {"no method of ours", 0, "/", NULL, "GET, HEAD, OPTIONS", {"", ""}},
};

static void finds_the_handler_of_a_method_and_a_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sig_match m;
        char allow[96];
        print_message("%s\n", rows[i].name);
        sig_route_find(&m, table, rows[i].method, rows[i].path);
        assert_ptr_equal(m.route ? (void *)m.route->handle : NULL, (void *)rows[i].handle);
        assert_string_equal(m.params[0], rows[i].params[0]);
        assert_string_equal(m.params[1], rows[i].params[1]);
        sig_route_allow(allow, sizeof(allow), m.route ? 0 : m.allowed);
        assert_string_equal(allow, rows[i].allow);
    }
}

static void a_part_that_is_too_long_does_not_fit(void **state)
{
    (void)state;
    struct sig_match m;
    char path[32 + SIG_ROUTE_PARAM_MAX] = "/api/rooms/";
    memset(path + strlen(path), 'x', SIG_ROUTE_PARAM_MAX - 1);
    sig_route_find(&m, table, SIG_GET, path);
    assert_int_equal(strlen(m.params[0]), SIG_ROUTE_PARAM_MAX - 1);
    path[strlen(path)] = 'x';
    sig_route_find(&m, table, SIG_GET, path);
    assert_ptr_equal(m.route->handle, asset);
}

static void a_list_of_methods_is_cut_where_it_does_not_fit(void **state)
{
    (void)state;
    char allow[8];
    sig_route_allow(allow, sizeof(allow), 0xff);
    assert_string_equal(allow, "GET, HE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_handler_of_a_method_and_a_path),
        cmocka_unit_test(a_part_that_is_too_long_does_not_fit),
        cmocka_unit_test(a_list_of_methods_is_cut_where_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
