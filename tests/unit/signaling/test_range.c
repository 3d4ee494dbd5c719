/* Ranges of bytes, the address to listen on, depth of JSON: small pure things of the front. */
#include "signaling/range.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "signaling/listen.h"
#include "signaling/ws.h"

static const struct {
    const char *name;
    const char *header;
    uint64_t size;
    enum sig_range_answer answer;
    uint64_t first;
    uint64_t last;
} ranges[] = {
    {"no header", NULL, 100, SIG_RANGE_WHOLE, 0, 0},
    {"an empty header", "", 100, SIG_RANGE_WHOLE, 0, 0},
    {"from the start", "bytes=0-", 100, SIG_RANGE_PART, 0, 99},
    {"the middle", "bytes=10-19", 100, SIG_RANGE_PART, 10, 19},
    {"one byte", "bytes=99-99", 100, SIG_RANGE_PART, 99, 99},
    {"to beyond the end", "bytes=90-1000", 100, SIG_RANGE_PART, 90, 99},
    {"the last bytes", "bytes=-10", 100, SIG_RANGE_PART, 90, 99},
    {"more last bytes than there are", "bytes=-1000", 100, SIG_RANGE_PART, 0, 99},
    {"the unit in capitals", "BYTES=1-2", 100, SIG_RANGE_PART, 1, 2},
    {"from beyond the end", "bytes=100-", 100, SIG_RANGE_NOT_SATISFIED, 0, 0},
    {"no last bytes", "bytes=-0", 100, SIG_RANGE_NOT_SATISFIED, 0, 0},
    {"an empty file", "bytes=0-", 0, SIG_RANGE_NOT_SATISFIED, 0, 0},
    {"the last bytes of an empty file", "bytes=-5", 0, SIG_RANGE_NOT_SATISFIED, 0, 0},
    {"numbers beyond 64 bits", "bytes=99999999999999999999999-", 100, SIG_RANGE_NOT_SATISFIED, 0,
     0},
    {"an end beyond 64 bits", "bytes=5-99999999999999999999999", 100, SIG_RANGE_PART, 5, 99},
    {"several ranges", "bytes=0-1,3-4", 100, SIG_RANGE_WHOLE, 0, 0},
    {"the wrong way round", "bytes=20-10", 100, SIG_RANGE_WHOLE, 0, 0},
    {"another unit", "lines=0-1", 100, SIG_RANGE_WHOLE, 0, 0},
    {"nothing at all", "bytes=-", 100, SIG_RANGE_WHOLE, 0, 0},
    {"no dash", "bytes=5", 100, SIG_RANGE_WHOLE, 0, 0},
    {"letters", "bytes=a-b", 100, SIG_RANGE_WHOLE, 0, 0},
    {"a minus", "bytes=--5", 100, SIG_RANGE_WHOLE, 0, 0},
};

static void reads_one_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        struct sig_range r = {0};
        print_message("%s\n", ranges[i].name);
        assert_int_equal(sig_range_parse(&r, ranges[i].header, ranges[i].size), ranges[i].answer);
        assert_int_equal(r.first, ranges[i].first);
        assert_int_equal(r.last, ranges[i].last);
    }
}

static const struct {
    const char *listen;
    int err;
    const char *host;
    int port;
    bool is_v6;
} listens[] = {
    {"0.0.0.0:8080", 0, "0.0.0.0", 8080, false},
    {"127.0.0.1:1", 0, "127.0.0.1", 1, false},
    {"localhost:80", 0, "127.0.0.1", 80, false},
    {"[::]:8080", 0, "::", 8080, true},
    {"[::1]:65535", 0, "::1", 65535, true},
    {"", -EINVAL, "", 0, false},
    {":8080", -EINVAL, "", 0, false},
    {"127.0.0.1", -EINVAL, "", 0, false},
    {"127.0.0.1:", -EINVAL, "", 0, false},
    {"127.0.0.1:0", -EINVAL, "", 0, false},
    {"127.0.0.1:65536", -EINVAL, "", 0, false},
    {"127.0.0.1:80x", -EINVAL, "", 0, false},
    {"::1:80", -EINVAL, "", 0, false},
    {"[::1:80", -EINVAL, "", 0, false},
    {"example.org:80", -EINVAL, "", 0, false},
};

static void reads_the_address_to_listen_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(listens) / sizeof(*listens); i++) {
        char host[64];
        int port = 0;
        bool is_v6 = false;
        print_message("%s\n", listens[i].listen);
        assert_int_equal(sig_listen_parse(listens[i].listen, host, &port, &is_v6), listens[i].err);
        if (listens[i].err)
            continue;
        assert_string_equal(host, listens[i].host);
        assert_int_equal(port, listens[i].port);
        assert_int_equal(is_v6, listens[i].is_v6);
    }
}

static const struct {
    const char *name;
    const char *text;
    bool fits;
} depths[] = {
    {"flat", "{\"a\":1}", true},
    {"three levels", "{\"a\":[{}]}", true},
    {"four levels", "{\"a\":[{\"b\":[]}]}", false},
    {"wide is not deep", "[[],[],[],[],[]]", true},
    {"brackets in a string", "{\"a\":\"[[[[[[\"}", true},
    {"a quote escaped in a string", "{\"a\":\"\\\"[[[[[[\"}", true},
    {"a backslash at the end of a string", "{\"a\":\"\\\\\",\"b\":[[[1]]]}", false},
    {"more closed than opened", "]]]]]]", true},
    {"nothing", "", true},
};

static void sees_how_deep_json_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
        print_message("%s\n", depths[i].name);
        assert_int_equal(sig_json_depth_fits(depths[i].text, strlen(depths[i].text), 3),
                         depths[i].fits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_one_range),
        cmocka_unit_test(reads_the_address_to_listen_on),
        cmocka_unit_test(sees_how_deep_json_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
