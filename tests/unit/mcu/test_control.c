/* Control lines in every cut, and descriptions as JSON with one thing wrong at a time. */
#include "mcu/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t number_of(json_t *message)
{
    const int64_t n = json_integer_value(json_object_get(message, "seq"));
    json_decref(message);
    return n;
}

static void test_lines_come_whole_however_they_are_cut(void **state)
{
    static const char stream[] = "{\"seq\":1}\n{\"seq\":2,\"s\":\"a\\nb\"}\n{\"seq\":3}\n";
    const size_t size = sizeof(stream) - 1;
    (void)state;
    for (size_t step = 1; step <= size; step++) {
        struct mcu_control_reader r = {0};
        json_t *message = NULL;
        int64_t next = 1;
        for (size_t at = 0; at < size; at += step) {
            const size_t n = size - at < step ? size - at : step;
            assert_int_equal(mcu_control_feed(&r, stream + at, n), 0);
            while (mcu_control_next(&r, &message) == 1)
                assert_int_equal(number_of(message), next++);
        }
        assert_int_equal(next, 4);
        assert_int_equal(mcu_control_next(&r, &message), 0);
        mcu_control_reader_finish(&r);
    }
}

static void test_a_bad_line_says_so_and_the_next_is_read(void **state)
{
    static const char *const bad[] = {"\n", "[]\n", "{\n", "nonsense\n", "{} {}\n", "\"x\"\n"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mcu_control_reader r = {0};
        json_t *message = NULL;
        assert_int_equal(mcu_control_feed(&r, bad[i], strlen(bad[i])), 0);
        assert_int_equal(mcu_control_feed(&r, "{\"seq\":9}\n", 10), 0);
        assert_int_equal(mcu_control_next(&r, &message), -EBADMSG);
        assert_null(message);
        assert_int_equal(mcu_control_next(&r, &message), 1);
        assert_int_equal(number_of(message), 9);
        mcu_control_reader_finish(&r);
    }
}

static void test_the_longest_line_fits_and_one_byte_more_does_not(void **state)
{
    const size_t size = MCU_CONTROL_LINE_MAX;
    char *line = malloc(size + 1);
    struct mcu_control_reader r = {0};
    json_t *message = NULL;
    (void)state;
    memset(line, 'x', size + 1);
    memcpy(line, "{\"s\":\"", 6);
    memcpy(line + size - 3, "\"}\n", 3);
    for (size_t at = 0; at < size; at += 65536)
        assert_int_equal(mcu_control_feed(&r, line + at, 65536), 0);
    assert_int_equal(mcu_control_next(&r, &message), 1);
    json_decref(message);

    memset(line + 6, 'x', size - 5);
    for (size_t at = 0; at < size; at += 65536)
        assert_int_equal(mcu_control_feed(&r, line + at, 65536), 0);
    assert_int_equal(mcu_control_feed(&r, "x", 1), -EMSGSIZE);
    mcu_control_reader_finish(&r);

    assert_int_equal(mcu_control_feed(&r, line, size + 1), -EMSGSIZE);
    assert_int_equal(r.capacity, 0); /* nothing was taken in */
    mcu_control_reader_finish(&r);
    free(line);
}

static void test_a_written_line_has_one_lf_and_reads_back(void **state)
{
    json_t *message = json_pack("{s:i, s:s}", "seq", 7, "sdp", "v=0\r\no=-\r\n");
    size_t size = 0;
    char *line = mcu_control_line(message, &size);
    struct mcu_control_reader r = {0};
    json_t *back = NULL;
    (void)state;
    assert_non_null(line);
    assert_int_equal(size, strlen(line));
    assert_ptr_equal(strchr(line, '\n'), line + size - 1);
    assert_int_equal(mcu_control_feed(&r, line, size), 0);
    assert_int_equal(mcu_control_next(&r, &back), 1);
    assert_true(json_equal(message, back));
    json_decref(message);
    json_decref(back);
    free(line);
    mcu_control_reader_finish(&r);
}

/* --- descriptions ---------------------------------------------------------------------------- */

static void fill(struct mcu_desc *d)
{
    *d = (struct mcu_desc){.ice_ufrag = "abcd", .ice_pwd = "0123456789abcdef012345",
                           .ice_lite = true, .setup = MCU_SETUP_PASSIVE, .media_count = 2,
                           .candidates = {"candidate:1 1 UDP 1 10.0.0.1 4000 typ host"},
                           .candidate_count = 1, .end_of_candidates = true};
    for (size_t i = 0; i < sizeof(d->fingerprint); i++)
        d->fingerprint[i] = (uint8_t)(i * 37);
    d->media[0] = (struct mcu_desc_media){
        .kind = MCU_VIDEO, .type = "video", .proto = "UDP/TLS/RTP/SAVPF", .format = "96",
        .mid = "1", .direction = MCU_RECVONLY, .rtcp_rsize = true, .codec_count = 2,
        .ext = {1, 2, 3, 14, 5, 6, 7}, .is_slides = true, .rids = {"hi", "lo"}, .rid_count = 2, .ssrc = UINT32_MAX, .rtx_ssrc = 2,
        .fec_pt = 49,
        .fec_ssrc = UINT32_MAX - 1, .cname = "c", .stream_id = "s",
        .track_id = "t"};
    d->media[0].codecs[0] = (struct mcu_desc_codec){
        .codec = MCU_CODEC_H264, .pt = 127, .rtx_pt = 97, .red_pt = 98, .clock_hz = 90000, .has_nack = true,
        .has_pli = true, .has_fir = true, .has_transport_cc = true, .has_remb = true,
        .h264_profile = {0x42, 0xe0, 0x1f}, .packetization_mode = 1,
        .level_asymmetry_allowed = true};
    d->media[0].codecs[1] = (struct mcu_desc_codec){
        .codec = MCU_CODEC_OPUS, .pt = 111, .channels = 2, .clock_hz = 48000, .opus_stereo = true,
        .opus_inband_fec = true, .opus_dtx = true};
    d->media[1] = (struct mcu_desc_media){.type = "application", .proto = "UDP/DTLS/SCTP",
                                          .format = "webrtc-datachannel", .is_rejected = true};
}

static json_t *at(json_t *root, const char *path)
{
    if (strcmp(path, "media") == 0)
        return json_array_get(json_object_get(root, "media"), 0);
    if (strcmp(path, "codec") == 0)
        return json_array_get(json_object_get(at(root, "media"), "codecs"), 0);
    return strcmp(path, "ext") == 0 ? json_object_get(at(root, "media"), "ext") : root;
}

static void test_a_description_comes_back_equal(void **state)
{
    static struct mcu_desc desc, back;
    (void)state;
    fill(&desc);
    json_t *json = mcu_desc_to_json(&desc);
    assert_non_null(json);
    assert_int_equal(mcu_desc_from_json(&back, json), 0);
    const struct mcu_desc_media *in = &desc.media[0], *out = &back.media[0];
    assert_string_equal(back.ice_ufrag, desc.ice_ufrag);
    assert_string_equal(back.ice_pwd, desc.ice_pwd);
    assert_memory_equal(back.fingerprint, desc.fingerprint, sizeof(desc.fingerprint));
    assert_string_equal(back.candidates[0], desc.candidates[0]);
    assert_int_equal(out->direction, in->direction);
    assert_int_equal(out->ssrc, in->ssrc);
    assert_memory_equal(&out->ext, &in->ext, sizeof(in->ext));
    assert_int_equal(out->rid_count, 2);
    assert_string_equal(out->rids[1], "lo");
    assert_memory_equal(out->codecs[0].h264_profile, in->codecs[0].h264_profile, 3);
    assert_true(back.media[1].is_rejected);
    json_t *again = mcu_desc_to_json(&back); /* and all the rest */
    assert_true(json_equal(json, again));
    json_decref(json);
    json_decref(again);
}

/* Each flag alone: one member of the JSON changes, the right one, and the flag comes back. */
static void test_each_flag_has_a_member_of_its_own(void **state)
{
    static const struct {
        const char *key;
        size_t offset;
    } flags[] = {
        {"nack", offsetof(struct mcu_desc_codec, has_nack)},
        {"pli", offsetof(struct mcu_desc_codec, has_pli)},
        {"fir", offsetof(struct mcu_desc_codec, has_fir)},
        {"transport_cc", offsetof(struct mcu_desc_codec, has_transport_cc)},
        {"remb", offsetof(struct mcu_desc_codec, has_remb)},
        {"level_asymmetry", offsetof(struct mcu_desc_codec, level_asymmetry_allowed)},
        {"stereo", offsetof(struct mcu_desc_codec, opus_stereo)},
        {"fec", offsetof(struct mcu_desc_codec, opus_inband_fec)},
        {"dtx", offsetof(struct mcu_desc_codec, opus_dtx)},
    };
    static struct mcu_desc desc, back;
    struct mcu_desc_codec *c = &desc.media[0].codecs[0];
    (void)state;
    desc.media_count = 1;
    desc.media[0].codec_count = 1;
    c->codec = MCU_CODEC_VP8;
    json_t *none = mcu_desc_to_json(&desc);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        const char *key;
        json_t *value;
        *(bool *)((char *)c + flags[i].offset) = true;
        json_t *one = mcu_desc_to_json(&desc);
        print_message("%s\n", flags[i].key);
        json_object_foreach(at(one, "codec"), key, value) {
            const bool is_changed = !json_equal(value, json_object_get(at(none, "codec"), key));
            assert_int_equal(is_changed, strcmp(key, flags[i].key) == 0);
        }
        assert_int_equal(mcu_desc_from_json(&back, one), 0);
        assert_true(*(bool *)((char *)&back.media[0].codecs[0] + flags[i].offset));
        *(bool *)((char *)c + flags[i].offset) = false;
        json_decref(one);
    }
    json_decref(none);
}

/* Every member, taken away or made something else, makes the whole refused. */
static void test_each_member_is_needed_and_typed(void **state)
{
    static const char *const places[] = {"root", "media", "codec", "ext"};
    static struct mcu_desc desc, out;
    size_t members = 0;
    (void)state;
    fill(&desc);
    json_t *good = mcu_desc_to_json(&desc);
    for (size_t i = 0; i < 4; i++) {
        const char *key;
        json_t *value;
        json_object_foreach(at(good, places[i]), key, value) {
            json_t *missing = json_deep_copy(good), *typed = json_deep_copy(good);
            json_object_del(at(missing, places[i]), key);
            json_object_set_new(at(typed, places[i]), key, json_real(0.5));
            print_message("%s.%s\n", places[i], key);
            assert_int_equal(mcu_desc_from_json(&out, missing), -EINVAL);
            assert_int_equal(mcu_desc_from_json(&out, typed), -EINVAL);
            json_decref(missing);
            json_decref(typed);
            members++;
        }
    }
    assert_int_equal(members, 8 + 19 + 18 + 7);
    json_decref(good);
}

static void test_values_out_of_bounds_are_refused(void **state)
{
    static const struct {
        const char *place, *key, *value;
    } rows[] = {
        {"root", "setup", "3"}, {"root", "setup", "-1"}, {"root", "fingerprint", "\"00\""},
        {"root", "fingerprint",
         "\"zz00000000000000000000000000000000000000000000000000000000000000\""},
        {"root", "ufrag", "\"a\\nb\""}, {"root", "candidates", "[1]"},
        {"root", "candidates", "[\"a\\r\\na=x\"]"},
        {"root", "media", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"}, {"root", "media", "[{}]"},
        {"media", "kind", "2"}, {"media", "direction", "4"}, {"media", "ssrc", "4294967296"},
        {"media", "mid", "\"01234567890123456789012345678901\""}, {"media", "mid", "\"\\u00e9\""},
        {"media", "codecs", "[{}]"}, {"codec", "pt", "128"}, {"codec", "codec", "\"none\""},
        {"codec", "codec", "\"G722\""}, {"codec", "packetization_mode", "2"},
        {"codec", "h264_profile", "\"42e01\""}, {"codec", "h264_profile", "\"42E01F\""},
        {"codec", "channels", "256"}, {"ext", "mid", "15"}, {"ext", "rid", "15"},
        {"media", "rids", "[\"a\",\"b\",\"c\",\"d\"]"}, {"media", "rids", "[\"\"]"},
        {"media", "rids", "[\"12345678901234567\"]"}, {"media", "rids", "[1]"},
    };
    static struct mcu_desc desc, out;
    (void)state;
    fill(&desc);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *json = mcu_desc_to_json(&desc);
        json_t *value = json_loads(rows[i].value, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        json_object_set_new(at(json, rows[i].place), rows[i].key, value);
        print_message("%s.%s = %s\n", rows[i].place, rows[i].key, rows[i].value);
        memset(&out, 0x55, sizeof(out));
        assert_int_equal(mcu_desc_from_json(&out, json), -EINVAL);
        assert_int_equal(out.media_count, 0x5555555555555555);
        json_decref(json);
    }
    assert_int_equal(mcu_desc_from_json(&out, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_whole_however_they_are_cut),
        cmocka_unit_test(test_a_bad_line_says_so_and_the_next_is_read),
        cmocka_unit_test(test_the_longest_line_fits_and_one_byte_more_does_not),
        cmocka_unit_test(test_a_written_line_has_one_lf_and_reads_back),
        cmocka_unit_test(test_a_description_comes_back_equal),
        cmocka_unit_test(test_each_flag_has_a_member_of_its_own),
        cmocka_unit_test(test_each_member_is_needed_and_typed),
        cmocka_unit_test(test_values_out_of_bounds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
