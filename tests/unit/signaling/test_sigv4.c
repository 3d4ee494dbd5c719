/* Signatures against the examples that AWS publishes for S3 ("Authenticating Requests: Using the
 * Authorization Header"). */
#include "signaling/sigv4.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define KEY    "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define HOST   {"host", "examplebucket.s3.amazonaws.com"}
#define DATE   {"x-amz-date", "20130524T000000Z"}

static const struct {
    struct sigv4_request request;
    const char *headers, *signature;
} rows[] = {
    {{.method = "GET", .path = "/test.txt", .query = "", .payload_hash = EMPTY,
      .headers = {HOST, {"range", "bytes=0-9"}, {"x-amz-content-sha256", EMPTY}, DATE},
      .header_count = 4},
     "host;range;x-amz-content-sha256;x-amz-date",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {{.method = "PUT", .path = "/test%24file.text", .query = "",
      .payload_hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      .headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, HOST,
                  {"x-amz-content-sha256",
                   "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
                  DATE, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
      .header_count = 5},
     "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {{.method = "GET", .path = "/", .query = "lifecycle=", .payload_hash = EMPTY,
      .headers = {HOST, {"x-amz-content-sha256", EMPTY}, DATE}, .header_count = 3},
     "host;x-amz-content-sha256;x-amz-date",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {{.method = "GET", .path = "/", .query = "max-keys=2&prefix=J", .payload_hash = EMPTY,
      .headers = {HOST, {"x-amz-content-sha256", EMPTY}, DATE}, .header_count = 3},
     "host;x-amz-content-sha256;x-amz-date",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static void the_published_examples_come_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char found[SIGV4_SIZE_MAX], wanted[SIGV4_SIZE_MAX];
        struct sigv4_request r = rows[i].request;
        r.date = "20130524T000000Z";
        r.region = "us-east-1";
        r.service = "s3";
        snprintf(wanted, sizeof(wanted),
                 "AWS4-HMAC-SHA256 Credential=" KEY "/20130524/us-east-1/s3/aws4_request,"
                 "SignedHeaders=%s,Signature=%s",
                 rows[i].headers, rows[i].signature);
        assert_int_equal(sigv4_sign(found, &r, KEY, SECRET), 0);
        assert_string_equal(found, wanted);
    }
}

static void the_body_of_the_example_has_its_hash(void **state)
{
    (void)state;
    char hash[SIGV4_HASH_SIZE];
    sigv4_hash(hash, "Welcome to Amazon S3.", 21);
    assert_string_equal(hash, rows[1].request.payload_hash);
    sigv4_hash(hash, "", 0);
    assert_string_equal(hash, EMPTY);
}

static void names_are_encoded(void **state)
{
    (void)state;
    char out[64];
    assert_int_equal(sigv4_encode(out, sizeof(out), "/a b/\xc3\xa4$~-_.mp4", 1), 0);
    assert_string_equal(out, "/a%20b/%C3%A4%24~-_.mp4");
    assert_int_equal(sigv4_encode(out, sizeof(out), "a/b=c&d+", 0), 0);
    assert_string_equal(out, "a%2Fb%3Dc%26d%2B");
    char small[8];
    assert_int_equal(sigv4_encode(small, sizeof(small), "12345 ", 0), -EMSGSIZE);
}

static void dates_are_of_utc(void **state)
{
    (void)state;
    char date[SIGV4_DATE_SIZE];
    sigv4_date(date, 1369353600);
    assert_string_equal(date, "20130524T000000Z");
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static char query[9000];
    char out[SIGV4_SIZE_MAX];
    memset(query, 'a', sizeof(query) - 1);
    struct sigv4_request r = rows[0].request;
    r.date = "20130524T000000Z";
    r.region = "us-east-1";
    r.service = "s3";
    r.query = query;
    assert_int_equal(sigv4_sign(out, &r, KEY, SECRET), -EMSGSIZE);
    r.query = "";
    assert_int_equal(sigv4_sign(out, &r, query, SECRET), -EMSGSIZE);
    assert_int_equal(sigv4_sign(out, &r, KEY, query), -EMSGSIZE);
    r.date = "2013";
    assert_int_equal(sigv4_sign(out, &r, KEY, SECRET), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_examples_come_out),
        cmocka_unit_test(the_body_of_the_example_has_its_hash),
        cmocka_unit_test(names_are_encoded),
        cmocka_unit_test(dates_are_of_utc),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
