/* Tokens: one made elsewhere that must verify, many that must not, and what sign() refuses to make.
 * Bad tokens are signed here with the right key unless the row is about the signature, so that it is
 * the claim that is refused. */
#include "signaling/token.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/ids.h"

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const int64_t now_s = 1800000000;

/* base64url by OpenSSL's base64, not by the code under test. */
static void encode(char *out, const void *data, size_t size)
{
    const int n = EVP_EncodeBlock((unsigned char *)out, data, (int)size);
    out[n] = '\0';
    for (char *p = out; *p; p++) {
        if (*p == '+')
            *p = '-';
        if (*p == '/')
            *p = '_';
        if (*p == '=')
            *p = '\0';
    }
}

/* A token of that header and those claims, signed with key. */
static void make(char *out, const char *header, const char *claims, const char *key)
{
    unsigned char mac[32];
    unsigned int size = sizeof(mac);
    encode(out, header, strlen(header));
    strcat(out, ".");
    encode(out + strlen(out), claims, strlen(claims));
    HMAC(EVP_sha256(), key, (int)strlen(key), (unsigned char *)out, strlen(out), mac, &size);
    strcat(out, ".");
    encode(out + strlen(out), mac, sizeof(mac));
}

static int verify(const char *text, struct sig_token *t, const char **reason)
{
    return sig_token_verify(t, text, strlen(text), secret, now_s, reason);
}

static void test_one_made_by_another_library(void **state)
{
    /* Made with Python's hmac and base64 of {"sub":"u1","name":"Ann","exp":1800003600,
     * "mixdown":{"room":"r1","role":"host","record":true}}. */
    static const char text[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsIm5hbWUiOiJBbm4iLCJleHA"
                               "iOjE4MDAwMDM2MDAsIm1peGRvd24iOnsicm9vbSI6InIxIiwicm9sZSI6Imhvc3QiLCJyZWNvcmQ"
                               "iOnRydWV9fQ.L4yaXokUyZGFE4gFfPtkcZxpARgx7QFh9giGdbmxQaA";
    struct sig_token t;
    const char *reason = NULL;
    (void)state;
    assert_int_equal(verify(text, &t, &reason), 0);
    assert_string_equal(t.sub, "u1");
    assert_string_equal(t.name, "Ann");
    assert_string_equal(t.room, "r1");
    assert_string_equal(t.role, "host");
    assert_true(t.may_record);
    assert_false(t.may_live || t.is_admin);
    assert_int_equal(t.exp_s, 1800003600);
    assert_int_equal(t.nbf_s, 0);
}

#define CLAIMS(rest) "{\"sub\":\"u\",\"exp\":1800000100" rest "}"
#define ROOM         ",\"mixdown\":{\"room\":\"r\"}"

static void test_good_ones(void **state)
{
    static const struct {
        const char *name, *header, *claims;
    } rows[] = {
        {"the least", HS256, CLAIMS(ROOM)},
        {"no typ", "{\"alg\":\"HS256\"}", CLAIMS(ROOM)},
        {"a key id", "{\"alg\":\"HS256\",\"kid\":\"1\"}", CLAIMS(ROOM)},
        {"an admin without a room", HS256, CLAIMS(",\"mixdown\":{\"admin\":true}")},
        {"a user without a room", HS256, CLAIMS(",\"mixdown\":{\"calls\":true}")},
        {"claims that we do not know", HS256, CLAIMS(ROOM ",\"iss\":\"x\",\"aud\":[1]")},
        {"a time with a fraction", HS256, "{\"sub\":\"u\",\"exp\":1800000100.5" ROOM "}"},
        {"expired within the leeway", HS256, "{\"sub\":\"u\",\"exp\":1799999971" ROOM "}"},
        {"not yet, within the leeway", HS256, CLAIMS(ROOM ",\"nbf\":1800000030")},
        {"a name in Chinese", HS256, CLAIMS(ROOM ",\"name\":\"\xe5\xb0\x8f\xe6\x98\x8e\"")},
        {"null is not said", HS256, CLAIMS(ROOM ",\"name\":null")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[4096];
        struct sig_token t;
        const char *reason = "";
        make(text, rows[i].header, rows[i].claims, secret);
        print_message("%s\n", rows[i].name);
        if (verify(text, &t, &reason))
            fail_msg("%s", reason);
        assert_string_equal(t.role, "publisher");
        assert_string_equal(t.sub, "u");
    }
}

static void test_bad_claims_and_headers(void **state)
{
    static const struct {
        const char *name, *header, *claims;
        int err;
    } rows[] = {
        {"alg none", "{\"alg\":\"none\"}", CLAIMS(ROOM), -ENOTSUP},
        {"alg None", "{\"alg\":\"None\"}", CLAIMS(ROOM), -ENOTSUP},
        {"alg in small letters", "{\"alg\":\"hs256\"}", CLAIMS(ROOM), -ENOTSUP},
        {"alg HS512", "{\"alg\":\"HS512\"}", CLAIMS(ROOM), -ENOTSUP},
        {"alg RS256", "{\"alg\":\"RS256\"}", CLAIMS(ROOM), -ENOTSUP},
        {"no alg", "{\"typ\":\"JWT\"}", CLAIMS(ROOM), -ENOTSUP},
        {"alg a number", "{\"alg\":256}", CLAIMS(ROOM), -ENOTSUP},
        {"alg a list", "{\"alg\":[\"HS256\"]}", CLAIMS(ROOM), -ENOTSUP},
        {"alg twice", "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", CLAIMS(ROOM), -EBADMSG},
        {"critical extensions", "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", CLAIMS(ROOM),
         -ENOTSUP},
        {"a header that is no object", "\"HS256\"", CLAIMS(ROOM), -EBADMSG},
        {"a header that is no JSON", "{alg:HS256}", CLAIMS(ROOM), -EBADMSG},
        {"an empty header", "", CLAIMS(ROOM), -EBADMSG},
        {"claims that are no object", HS256, "[]", -EBADMSG},
        {"empty claims", HS256, "", -EBADMSG},
        {"no sub", HS256, "{\"exp\":1800000100" ROOM "}", -EBADMSG},
        {"an empty sub", HS256, "{\"sub\":\"\",\"exp\":1800000100" ROOM "}", -EBADMSG},
        {"sub a number", HS256, "{\"sub\":1,\"exp\":1800000100" ROOM "}", -EBADMSG},
        {"sub with a line end", HS256, "{\"sub\":\"a\\nb\",\"exp\":1800000100" ROOM "}", -EBADMSG},
        {"sub too long", HS256,
         "{\"sub\":\"00000000011111111112222222222333333333344444444445555555555666666666677777777778"
         "88888888899999999990000000000111111111122222222223333333\",\"exp\":1800000100" ROOM "}",
         -EBADMSG},
        {"no exp", HS256, "{\"sub\":\"u\"" ROOM "}", -EBADMSG},
        {"exp a string", HS256, "{\"sub\":\"u\",\"exp\":\"1800000100\"" ROOM "}", -EBADMSG},
        {"exp negative", HS256, "{\"sub\":\"u\",\"exp\":-1" ROOM "}", -EBADMSG},
        {"exp past all time", HS256, "{\"sub\":\"u\",\"exp\":1e300" ROOM "}", -EBADMSG},
        {"exp twice", HS256, CLAIMS(ROOM ",\"exp\":1800000200"), -EBADMSG},
        {"expired", HS256, "{\"sub\":\"u\",\"exp\":1799999970" ROOM "}", -EKEYEXPIRED},
        {"not yet", HS256, CLAIMS(ROOM ",\"nbf\":1800000031"), -EAGAIN},
        {"nbf a bool", HS256, CLAIMS(ROOM ",\"nbf\":true"), -EBADMSG},
        {"name too long", HS256,
         CLAIMS(ROOM ",\"name\":\"01234567890123456789012345678901234567890123456789012345678901234\""),
         -EBADMSG},
        {"name with an override", HS256, CLAIMS(ROOM ",\"name\":\"a\\u202eb\""), -EBADMSG},
        {"no mixdown", HS256, CLAIMS(""), -EBADMSG},
        {"mixdown a string", HS256, CLAIMS(",\"mixdown\":\"r\""), -EBADMSG},
        {"no room", HS256, CLAIMS(",\"mixdown\":{}"), -EBADMSG},
        {"no room and no calls", HS256, CLAIMS(",\"mixdown\":{\"calls\":false}"), -EBADMSG},
        {"calls as a number", HS256, CLAIMS(",\"mixdown\":{\"calls\":1}"), -EBADMSG},
        {"an empty room", HS256, CLAIMS(",\"mixdown\":{\"room\":\"\"}"), -EBADMSG},
        {"an empty room of an admin", HS256, CLAIMS(",\"mixdown\":{\"room\":\"\",\"admin\":true}"),
         -EBADMSG},
        {"a room with a slash", HS256, CLAIMS(",\"mixdown\":{\"room\":\"../r\"}"), -EBADMSG},
        {"a room that is a folder", HS256, CLAIMS(",\"mixdown\":{\"room\":\"..\"}"), -EBADMSG},
        {"an unknown role", HS256, CLAIMS(",\"mixdown\":{\"room\":\"r\",\"role\":\"root\"}"), -EBADMSG},
        {"admin as a number", HS256, CLAIMS(",\"mixdown\":{\"room\":\"r\",\"admin\":1}"), -EBADMSG},
        {"record as a string", HS256, CLAIMS(",\"mixdown\":{\"room\":\"r\",\"record\":\"true\"}"),
         -EBADMSG},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[4096];
        struct sig_token t;
        const char *reason = NULL;
        make(text, rows[i].header, rows[i].claims, secret);
        memset(&t, 0x55, sizeof(t));
        const int err = verify(text, &t, &reason);
        print_message("%s: %s\n", rows[i].name, reason ? reason : "-");
        assert_int_equal(err, rows[i].err);
        assert_true(reason && reason[0]);
        assert_int_equal(t.exp_s, 0x5555555555555555);
    }
}

static void test_bad_texts_and_signatures(void **state)
{
    char good[4096], other[4096], text[4096];
    struct sig_token t;
    (void)state;
    make(good, HS256, CLAIMS(ROOM), secret);
    make(other, HS256, CLAIMS(ROOM), "another key of thirty-two bytes.");
    assert_int_equal(verify(good, &t, NULL), 0);
    assert_int_equal(verify(other, &t, NULL), -EKEYREJECTED);
    make(other, HS256, "{\"sub\":\"root\",\"exp\":1900000000" ROOM "}", "x");
    char *signature = strrchr(good, '.');

    /* other claims with the good one's signature */
    snprintf(text, sizeof(text), "%.*s%s", (int)(strrchr(other, '.') - other), other, signature);
    assert_int_equal(verify(text, &t, NULL), -EKEYREJECTED);
    /* the signature taken away, cut, padded, or longer */
    snprintf(text, sizeof(text), "%.*s", (int)(signature - good + 1), good);
    assert_int_equal(verify(text, &t, NULL), -EKEYREJECTED);
    snprintf(text, sizeof(text), "%.*s", (int)strlen(good) - 1, good);
    assert_int_equal(verify(text, &t, NULL), -EKEYREJECTED);
    snprintf(text, sizeof(text), "%s=", good);
    assert_int_equal(verify(text, &t, NULL), -EKEYREJECTED);
    snprintf(text, sizeof(text), "%sA", good);
    assert_int_equal(verify(text, &t, NULL), -EKEYREJECTED);
    /* the same 32 bytes with other spare bits: a second text for one token */
    snprintf(text, sizeof(text), "%s", good);
    const size_t last = strlen(text) - 1;
    static const char order[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    text[last] = order[(strchr(order, text[last]) - order) ^ 1];
    assert_int_equal(verify(text, &t, NULL), -EKEYREJECTED);
    /* parts */
    assert_int_equal(verify("", &t, NULL), -EBADMSG);
    assert_int_equal(verify("..", &t, NULL), -EBADMSG);
    assert_int_equal(verify("a.b", &t, NULL), -EBADMSG);
    snprintf(text, sizeof(text), "%s.", good);
    assert_int_equal(verify(text, &t, NULL), -EBADMSG);
    snprintf(text, sizeof(text), " %s", good);
    assert_int_equal(verify(text, &t, NULL), -EBADMSG);
    memset(text, 'A', sizeof(text));
    assert_int_equal(sig_token_verify(&t, text, SIG_TOKEN_SIZE_MAX + 1, secret, now_s, NULL),
                     -EBADMSG);
    assert_int_equal(sig_token_verify(&t, good, strlen(good), "short", now_s, NULL), -EINVAL);
    assert_int_equal(sig_token_verify(&t, good, strlen(good), "", now_s, NULL), -EINVAL);
}

/* One bit anywhere in the text makes it another token. */
static void test_any_changed_character_is_noticed(void **state)
{
    char text[4096];
    struct sig_token t;
    (void)state;
    make(text, HS256, CLAIMS(ROOM), secret);
    for (size_t i = 0; text[i]; i++) {
        for (int bit = 0; bit < 7; bit++) {
            text[i] = (char)(text[i] ^ 1 << bit);
            assert_true(sig_token_verify(&t, text, strlen(text), secret, now_s, NULL) != 0);
            text[i] = (char)(text[i] ^ 1 << bit);
        }
    }
    assert_int_equal(verify(text, &t, NULL), 0);
}

static void test_sign_and_verify(void **state)
{
    const struct sig_token in = {.sub = "u \xe5\xb0\x8f\xe6\x98\x8e", .name = "Ann \"B\"", .room = "r.1-_",
                                 .role = "subscriber", .exp_s = now_s + 60, .nbf_s = now_s - 5,
                                 .may_record = true, .may_live = true, .is_admin = true};
    struct sig_token out;
    char *text = NULL;
    (void)state;
    assert_int_equal(sig_token_sign(&text, &in, secret), 0);
    assert_int_equal(verify(text, &out, NULL), 0);
    assert_string_equal(out.sub, in.sub);
    assert_string_equal(out.name, in.name);
    assert_string_equal(out.room, in.room);
    assert_string_equal(out.role, in.role);
    assert_int_equal(out.exp_s, in.exp_s);
    assert_int_equal(out.nbf_s, in.nbf_s);
    assert_true(out.may_record && out.may_live && out.is_admin);
    assert_int_equal(sig_token_verify(&out, text, strlen(text), secret, now_s + 89, NULL), 0);
    assert_int_equal(sig_token_verify(&out, text, strlen(text), secret, now_s + 90, NULL),
                     -EKEYEXPIRED);
    free(text);
}

static void test_sign_refuses_what_verify_would(void **state)
{
    const struct sig_token good = {.sub = "u", .room = "r", .exp_s = now_s};
    struct sig_token t = good;
    char *text = NULL;
    (void)state;
    t.room[0] = '\0';
    assert_int_equal(sig_token_sign(&text, &t, secret), -EINVAL);
    t = good;
    t.sub[0] = '\0';
    assert_int_equal(sig_token_sign(&text, &t, secret), -EINVAL);
    t = good;
    strcpy(t.role, "king");
    assert_int_equal(sig_token_sign(&text, &t, secret), -EINVAL);
    t = good;
    strcpy(t.room, "a/b");
    assert_int_equal(sig_token_sign(&text, &t, secret), -EINVAL);
    assert_int_equal(sig_token_sign(&text, &good, "short"), -EINVAL);
    assert_null(text);
    assert_int_equal(sig_token_sign(&text, &good, secret), 0);
    free(text);
}

static void test_ids_are_of_the_alphabet_and_differ(void **state)
{
    char a[SIG_ID_SIZE], b[SIG_ID_SIZE], longer[200], one[1] = "x";
    bool is_seen[128] = {false};
    size_t kinds = 0;
    (void)state;
    sig_id_make(a, sizeof(a));
    sig_id_make(b, sizeof(b));
    assert_int_equal(strlen(a), SIG_ID_CHARS);
    assert_string_not_equal(a, b);
    for (int round = 0; round < 50; round++) {
        sig_id_make(longer, sizeof(longer));
        assert_int_equal(strlen(longer), sizeof(longer) - 1);
        assert_true(sig_room_id_is_valid(b));
        for (const char *p = longer; *p; p++) {
            kinds += !is_seen[(unsigned char)*p];
            is_seen[(unsigned char)*p] = true;
        }
    }
    assert_int_equal(kinds, 62);
    sig_id_make(one, sizeof(one));
    assert_int_equal(one[0], '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_made_by_another_library),
        cmocka_unit_test(test_good_ones),
        cmocka_unit_test(test_bad_claims_and_headers),
        cmocka_unit_test(test_bad_texts_and_signatures),
        cmocka_unit_test(test_any_changed_character_is_noticed),
        cmocka_unit_test(test_sign_and_verify),
        cmocka_unit_test(test_sign_refuses_what_verify_would),
        cmocka_unit_test(test_ids_are_of_the_alphabet_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
