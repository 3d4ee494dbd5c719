/* The OpenAPI document against the table of routes: everything that is routed is said, nothing else
 * is, and what it names is there. */
#include "signaling/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "signaling/errors.h"
#include "signaling/http.h"

static json_t *document;

static int make_document(void **state)
{
    (void)state;
    document = sig_openapi_make(sig_routes);
    return document ? 0 : -1;
}

static int free_document(void **state)
{
    (void)state;
    json_decref(document);
    return 0;
}

static const char *method_of(enum sig_method method)
{
    return method == SIG_GET     ? "get"
           : method == SIG_POST  ? "post"
           : method == SIG_PUT   ? "put"
           : method == SIG_PATCH ? "patch"
                                 : "delete";
}

static json_t *operation_of(enum sig_method method, const char *pattern)
{
    json_t *path = json_object_get(json_object_get(document, "paths"), pattern);
    return json_object_get(path, method_of(method));
}

static void every_route_is_said(void **state)
{
    (void)state;
    for (const struct sig_route *r = sig_routes; r->pattern; r++) {
        if (sig_words_skip(r))
            continue;
        if (!operation_of(r->method, r->pattern))
            fail_msg("%s %s has no words in signaling/openapi_words.c", method_of(r->method),
                     r->pattern);
        const struct sig_words *w = sig_words_find(r);
        if (!w->tag[0] || !w->summary[0] || !w->answer[0] ||
            (r->body_max > 0) != (w->body[0] != '\0'))
            fail_msg("%s %s: its words are not whole", method_of(r->method), r->pattern);
    }
}

static void nothing_is_said_that_is_not_routed(void **state)
{
    (void)state;
    for (const struct sig_words *w = sig_words; w->pattern; w++) {
        struct sig_match match;
        sig_route_find(&match, sig_routes, w->method, w->pattern);
        if (!match.route || strcmp(match.route->pattern, w->pattern) != 0)
            fail_msg("%s %s is not in signaling/http_routes.c", method_of(w->method), w->pattern);
        for (const struct sig_words *other = w + 1; other->pattern; other++)
            assert_false(w->method == other->method && strcmp(w->pattern, other->pattern) == 0);
    }
}

static void errors_that_are_named_are_there(void **state)
{
    (void)state;
    for (const struct sig_words *w = sig_words; w->pattern; w++) {
        char text[512];
        char *rest = NULL;
        snprintf(text, sizeof(text), "%s", w->errors);
        for (const char *code = strtok_r(text, " ", &rest); code;
             code = strtok_r(NULL, " ", &rest)) {
            if (strcmp(sig_error(code)->code, code) != 0)
                fail_msg("%s: there is no error %s", w->pattern, code);
            char status[16];
            snprintf(status, sizeof(status), "%d", sig_error(code)->status);
            const json_t *answer = json_object_get(
                json_object_get(operation_of(w->method, w->pattern), "responses"), status);
            const char *words = json_string_value(json_object_get(answer, "description"));
            if (!words || !strstr(words, code))
                fail_msg("%s: %s is not told", w->pattern, code);
        }
    }
}

/* Every "$ref" below node leads somewhere. */
static void follow(json_t *node)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach(node, key, value)
    {
        static const char prefix[] = "#/components/schemas/";
        const char *text = json_string_value(value);
        if (strcmp(key, "$ref") == 0 && text) {
            assert_int_equal(strncmp(text, prefix, sizeof(prefix) - 1), 0);
            const json_t *schemas =
                json_object_get(json_object_get(document, "components"), "schemas");
            if (!json_object_get(schemas, text + sizeof(prefix) - 1))
                fail_msg("there is no %s", text);
        }
        follow(value);
    }
    json_array_foreach(node, i, value) follow(value);
}

static void shapes_that_are_named_are_there(void **state)
{
    (void)state;
    follow(document);
}

static void parameters_have_words(void **state)
{
    (void)state;
    for (const struct sig_words *w = sig_words; w->pattern; w++) {
        size_t i;
        json_t *one;
        json_array_foreach(json_object_get(operation_of(w->method, w->pattern), "parameters"), i,
                           one)
        {
            if (!json_object_get(one, "description"))
                fail_msg("%s: %s has no words in signaling/openapi.c", w->pattern,
                         json_string_value(json_object_get(one, "name")));
        }
    }
}

/* What follows from a row without being said. */
static void what_a_route_implies_is_said(void **state)
{
    (void)state;
    static const struct {
        enum sig_method method;
        const char *pattern;
        const char *status;
        const char *code;
    } rows[] = {
        {SIG_PATCH, "/api/v1/rooms/{room}", "401", "unauthorized"},
        {SIG_PATCH, "/api/v1/rooms/{room}", "403", "forbidden"},
        {SIG_PATCH, "/api/v1/rooms/{room}", "404", "no_such_room"},
        {SIG_PATCH, "/api/v1/rooms/{room}", "412", "etag_mismatch"},
        {SIG_PATCH, "/api/v1/rooms/{room}", "413", "too_large"},
        {SIG_POST, "/api/v1/rooms", "409", "in_progress"},
        {SIG_POST, "/api/v1/rooms", "422", "idempotency_mismatch"},
        {SIG_GET, "/api/v1/rooms", "400", "bad_request"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const json_t *responses =
            json_object_get(operation_of(rows[i].method, rows[i].pattern), "responses");
        const char *words = json_string_value(
            json_object_get(json_object_get(responses, rows[i].status), "description"));
        if (!words || !strstr(words, rows[i].code))
            fail_msg("%s: no %s under %s", rows[i].pattern, rows[i].code, rows[i].status);
    }
    const json_t *open = json_object_get(operation_of(SIG_GET, "/healthz"), "security");
    assert_true(json_is_array(open) && json_array_size(open) == 0);
    assert_null(json_object_get(operation_of(SIG_GET, "/api/v1/rooms"), "security"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_said),
        cmocka_unit_test(nothing_is_said_that_is_not_routed),
        cmocka_unit_test(errors_that_are_named_are_there),
        cmocka_unit_test(shapes_that_are_named_are_there),
        cmocka_unit_test(parameters_have_words),
        cmocka_unit_test(what_a_route_implies_is_said),
    };
    return cmocka_run_group_tests(tests, make_document, free_document);
}
