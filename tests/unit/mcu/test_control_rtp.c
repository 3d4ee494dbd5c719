/* Plain RTP participants as JSON: right ones whole, wrong ones with a word about what is wrong. */
#include "mcu/control_rtp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants them above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define GCM_1 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
#define GCM_2 "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
#define CM_1  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define CM_2  "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define OPUS  "\"audio\": {\"pt\": 111, \"codec\": \"opus\"}"

static int read_text(struct mcu_rtp *rtp, const char *text, char *why)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    const int err = mcu_rtp_read(rtp, json, why);
    json_decref(json);
    return err;
}

static void a_whole_one_is_read(void **state)
{
    (void)state;
    char why[MCU_RTP_WHY_MAX];
    struct mcu_rtp rtp;
    assert_int_equal(
        read_text(&rtp,
                  "{\"remote\": {\"host\": \"2001:db8::1\", \"port\": 4000},"
                  " \"audio\": {\"pt\": 111, \"codec\": \"opus\", \"direction\": \"sendonly\","
                  "  \"redPt\": 63, \"levelExt\": 1, \"ssrc\": 4294967295, \"nack\": true},"
                  " \"video\": {\"pt\": 96, \"codec\": \"vp8\", \"rtxPt\": 97},"
                  " \"srtp\": {\"suite\": \"AEAD_AES_128_GCM\", \"keyIn\": \"" GCM_1
                  "\", \"keyOut\": \"" GCM_2 "\"}}",
                  why),
        0);
    assert_string_equal(rtp.host, "2001:db8::1");
    assert_int_equal(rtp.port, 4000);
    const struct mcu_rtp_media *a = &rtp.media[MCU_AUDIO], *v = &rtp.media[MCU_VIDEO];
    assert_int_equal(a->direction, MCU_SENDONLY);
    assert_int_equal(a->codec, MCU_CODEC_OPUS);
    assert_int_equal(a->pt, 111);
    assert_int_equal(a->red_pt, 63);
    assert_int_equal(a->level_ext, 1);
    assert_int_equal(a->ssrc, UINT32_MAX);
    assert_true(a->has_nack);
    assert_int_equal(v->direction, MCU_SENDRECV);
    assert_int_equal(v->codec, MCU_CODEC_VP8);
    assert_int_equal(v->rtx_pt, 97);
    assert_true(rtp.is_srtp && rtp.is_gcm);
    assert_int_equal(rtp.key_bytes, 28);
    for (int i = 0; i < 28; i++) {
        assert_int_equal(rtp.key_in[i], i);
        assert_int_equal(rtp.key_out[i], i ? i : 0xff);
    }
    mcu_rtp_forget(&rtp);
    for (size_t i = 0; i < sizeof(rtp.key_in); i++)
        assert_int_equal(rtp.key_in[i] | rtp.key_out[i], 0);
}

static void the_least_is_enough(void **state)
{
    static const char *const rows[] = {
        "{" OPUS "}",
        "{\"video\": {\"pt\": 35, \"codec\": \"h264\"}}",
        "{\"remote\": {\"host\": \"127.0.0.1\", \"port\": 1}, " OPUS "}",
        "{\"remote\": {\"host\": \"::1\", \"port\": 65535}, " OPUS "}",
        "{" OPUS ", \"srtp\": {\"suite\": \"AES_CM_128_HMAC_SHA1_80\", \"keyIn\": \"" CM_1
        "\", \"keyOut\": \"" CM_2 "\"}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char why[MCU_RTP_WHY_MAX];
        struct mcu_rtp rtp;
        if (read_text(&rtp, rows[i], why))
            fail_msg("%s: %s", rows[i], why);
    }
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"[]", "object"},
        {"{}", "audio or video"},
        {"{\"audio\": 5}", "audio: must be an object"},
        {"{" OPUS ", \"hello\": 1}", "no such field: hello"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"rate\": 1}}", "no such field: rate"},
        {"{\"audio\": {\"codec\": \"opus\"}}", "audio.pt"},
        {"{\"audio\": {\"pt\": 64, \"codec\": \"opus\"}}", "audio.pt"},
        {"{\"audio\": {\"pt\": 95, \"codec\": \"opus\"}}", "audio.pt"},
        {"{\"audio\": {\"pt\": 128, \"codec\": \"opus\"}}", "audio.pt"},
        {"{\"audio\": {\"pt\": -1, \"codec\": \"opus\"}}", "audio.pt"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"pcmu\"}}", "audio.codec"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"vp8\"}}", "audio.codec"},
        {"{\"video\": {\"pt\": 96, \"codec\": \"opus\"}}", "video.codec"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"direction\": \"inactive\"}}",
         "audio.direction"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"direction\": 3}}", "audio.direction"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"redPt\": 111}}", "given twice"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"redPt\": 70}}", "audio.redPt"},
        {"{" OPUS ", \"video\": {\"pt\": 111, \"codec\": \"vp8\"}}", "given twice"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"ssrc\": 7},"
         " \"video\": {\"pt\": 96, \"codec\": \"vp8\", \"ssrc\": 7}}",
         "are the same"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"ssrc\": 0}}", "audio.ssrc"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"ssrc\": 4294967296}}", "audio.ssrc"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"levelExt\": 15}}", "audio.levelExt"},
        {"{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"nack\": 1}}", "audio.nack"},
        {"{" OPUS ", \"remote\": {\"host\": \"example.org\", \"port\": 5}}", "remote.host"},
        {"{" OPUS ", \"remote\": {\"host\": \"0.0.0.0\", \"port\": 5}}", "remote.host"},
        {"{" OPUS ", \"remote\": {\"host\": \"224.0.0.1\", \"port\": 5}}", "remote.host"},
        {"{" OPUS ", \"remote\": {\"host\": \"255.255.255.255\", \"port\": 5}}", "remote.host"},
        {"{" OPUS ", \"remote\": {\"host\": \"::\", \"port\": 5}}", "remote.host"},
        {"{" OPUS ", \"remote\": {\"host\": \"ff02::1\", \"port\": 5}}", "remote.host"},
        {"{" OPUS ", \"remote\": {\"host\": \"::ffff:127.0.0.1\", \"port\": 5}}", "remote.host"},
        {"{" OPUS ", \"remote\": {\"host\": \"127.0.0.1\", \"port\": 0}}", "remote.port"},
        {"{" OPUS ", \"remote\": {\"host\": \"127.0.0.1\"}}", "remote.port"},
        {"{" OPUS ", \"remote\": {\"host\": \"127.0.0.1\", \"port\": 1, \"x\": 1}}", "field: x"},
        {"{" OPUS ", \"srtp\": {}}", "srtp.suite"},
        {"{" OPUS ", \"srtp\": {\"suite\": \"NULL\"}}", "srtp.suite"},
        {"{" OPUS ", \"srtp\": {\"suite\": \"AEAD_AES_128_GCM\"}}", "srtp.keyIn"},
        {"{" OPUS ", \"srtp\": {\"suite\": \"AEAD_AES_128_GCM\", \"keyIn\": \"" CM_1 "\"}}",
         "srtp.keyIn"},
        {"{" OPUS ", \"srtp\": {\"suite\": \"AEAD_AES_128_GCM\", \"keyIn\": \"" GCM_1 "\"}}",
         "srtp.keyOut"},
        {"{" OPUS ", \"srtp\": {\"suite\": \"AEAD_AES_128_GCM\", \"keyIn\": \" AECAwQFBgcICQoLDA0O"
         "DxAREhMUFRYXGBkaGw==\", \"keyOut\": \"" GCM_2 "\"}}",
         "srtp.keyIn"},
        {"{" OPUS ", \"srtp\": {\"suite\": \"AEAD_AES_128_GCM\", \"keyIn\": \"AAECAwQFBgcICQoLDA0O"
         "DxAREhMUFRYXGBkaG===\", \"keyOut\": \"" GCM_2 "\"}}",
         "srtp.keyIn"},
        {"{" OPUS ", \"srtp\": {\"suite\": \"AEAD_AES_128_GCM\", \"keyIn\": \"" GCM_1
         "\", \"keyOut\": \"" GCM_1 "\"}}",
         "must differ"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char why[MCU_RTP_WHY_MAX];
        struct mcu_rtp rtp = {.port = 77};
        if (read_text(&rtp, rows[i].text, why) != -EINVAL || !strstr(why, rows[i].why))
            fail_msg("%s: %s", rows[i].text, why);
        assert_int_equal(rtp.port, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_one_is_read),
        cmocka_unit_test(the_least_is_enough),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
