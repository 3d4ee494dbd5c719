/* SDP: offers of real clients (sdp/chromium-*.sdp were taken from Chromium 156, the others are
 * written after their clients), one thing wrong at a time, and random descriptions that must come
 * back equal from their own text. */
#include "signaling/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/control.h"

static struct mcu_desc desc;
static char error[SIG_SDP_ERROR_MAX];

static size_t read_file(const char *name, char *out, size_t size)
{
    char path[256];
    snprintf(path, sizeof(path), "tests/unit/signaling/sdp/%s.sdp", name);
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("%s: not there; run from the top folder", path);
    const size_t n = fread(out, 1, size - 1, f);
    fclose(f);
    out[n] = '\0';
    return n;
}

static int parse(const char *text)
{
    error[0] = '\0';
    return sig_sdp_parse(&desc, SIG_SDP_OFFER, text, strlen(text), error);
}

static void parse_file(const char *name)
{
    static char text[SIG_SDP_SIZE_MAX];
    read_file(name, text, sizeof(text));
    if (parse(text) != 0)
        fail_msg("%s: %s", name, error);
}

static const struct mcu_desc_codec *codec_of(const struct mcu_desc_media *m, uint8_t pt)
{
    for (size_t i = 0; i < m->codec_count; i++) {
        if (m->codecs[i].pt == pt)
            return &m->codecs[i];
    }
    fail_msg("payload type %u is not there", pt);
    return NULL;
}

/* Structs have holes, so what is compared is every field that crosses to a room. */
static bool is_same(const struct mcu_desc *a, const struct mcu_desc *b)
{
    json_t *left = mcu_desc_to_json(a), *right = mcu_desc_to_json(b);
    const bool is_equal = left && json_equal(left, right);
    json_decref(left);
    json_decref(right);
    return is_equal;
}

/* --- real offers ----------------------------------------------------------------------------- */

static void test_offers_of_real_clients(void **state)
{
    static const struct {
        const char *name;
        const char *lines; /* a audio, v video, x rejected */
        const char *mids[3];
        size_t codecs[3];
        enum mcu_direction direction;
        enum mcu_dtls_setup setup;
        size_t candidates;
        const char *ufrag;
        uint32_t ssrc[3], rtx[3];
    } rows[] = {
        {"chromium-sendrecv", "av", {"0", "1"}, {1, 9}, MCU_SENDRECV, MCU_SETUP_ACTPASS, 4, "X1IA",
         {2525163934, 3915665775}, {0, 2465330205}},
        {"chromium-recvonly", "av", {"0", "1"}, {1, 11}, MCU_RECVONLY, MCU_SETUP_ACTPASS, 4, NULL,
         {0}, {0}},
        {"chromium-sendonly", "av", {"0", "1"}, {1, 9}, MCU_SENDONLY, MCU_SETUP_ACTPASS, 4, NULL,
         {0}, {0}},
        {"chromium-data", "avx", {"0", "1", "2"}, {1, 9, 0}, MCU_SENDRECV, MCU_SETUP_ACTPASS, 4,
         NULL, {0}, {0}},
        {"chromium-datafirst", "xav", {"0", "1", "2"}, {0, 1, 11}, MCU_RECVONLY,
         MCU_SETUP_ACTPASS, 4, "Qyio", {0}, {0}},
        {"firefox-sendrecv", "av", {"0", "1"}, {1, 4}, MCU_SENDRECV, MCU_SETUP_ACTPASS, 2,
         "8a3c9f1e", {2163218745, 3811527430}, {0, 1447386522}},
        {"safari-sendrecv", "av", {"0", "1"}, {1, 3}, MCU_SENDRECV, MCU_SETUP_ACTPASS, 0, "wXyZ",
         {1208712341, 3000000001}, {0, 3000000002}},
        {"obs-whip", "av", {"0", "1"}, {1, 1}, MCU_SENDONLY, MCU_SETUP_ACTPASS, 2, "Ks7N",
         {2112412345, 2112412346}, {0, 0}},
        {"ffmpeg-whip", "av", {"0", "1"}, {1, 1}, MCU_SENDONLY, MCU_SETUP_PASSIVE, 0, "2e1ee13a",
         {3234567890, 1234567890}, {0, 0}},
        {"gstreamer-whip", "va", {"video0", "audio1"}, {1, 1}, MCU_SENDONLY, MCU_SETUP_ACTPASS, 0,
         "Jb0u6rYV7oCyfHB4+x4t9dzVtUtwz4RG", {1820573981, 2716034455}, {3957411258, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        parse_file(rows[i].name);
        assert_int_equal(desc.media_count, strlen(rows[i].lines));
        assert_int_equal(desc.setup, rows[i].setup);
        assert_int_equal(desc.candidate_count, rows[i].candidates);
        if (rows[i].ufrag)
            assert_string_equal(desc.ice_ufrag, rows[i].ufrag);
        for (size_t k = 0; k < desc.media_count; k++) {
            const struct mcu_desc_media *m = &desc.media[k];
            const char line = rows[i].lines[k];
            assert_string_equal(m->mid, rows[i].mids[k]);
            assert_int_equal(m->codec_count, rows[i].codecs[k]);
            assert_int_equal(m->is_rejected, line == 'x');
            if (line == 'x')
                continue;
            assert_int_equal(m->kind, line == 'a' ? MCU_AUDIO : MCU_VIDEO);
            assert_int_equal(m->direction, rows[i].direction);
            if (rows[i].ssrc[k])
                assert_int_equal(m->ssrc, rows[i].ssrc[k]);
            assert_int_equal(rows[i].ssrc[k] ? m->rtx_ssrc : 0, rows[i].rtx[k]);
        }
    }
}

/* Chromium takes FlexFEC where it only receives. */
static void test_repair_of_video_is_read(void **state)
{
    (void)state;
    parse_file("chromium-sendrecv");
    assert_int_equal(desc.media[1].fec_pt, 0);
    parse_file("chromium-recvonly");
    assert_int_equal(desc.media[0].fec_pt, 0);
    assert_int_equal(desc.media[1].fec_pt, 49);
}

static void test_chromium_in_detail(void **state)
{
    (void)state;
    parse_file("chromium-sendrecv");
    const struct mcu_desc_media *audio = &desc.media[0], *video = &desc.media[1];
    const struct mcu_desc_codec *opus = codec_of(audio, 111), *h264 = codec_of(video, 108);
    assert_string_equal(desc.ice_pwd, "89xcyHZV2xAb0mbOw8DxzJVl");
    assert_int_equal(desc.fingerprint[0], 0x05);
    assert_int_equal(desc.fingerprint[31], 0xef);
    assert_string_equal(desc.candidates[0],
                        "candidate:266873828 1 udp 2122194687 192.0.2.2 53432 typ host"
                        " generation 0 network-id 1");
    assert_int_equal(opus->codec, MCU_CODEC_OPUS);
    assert_int_equal(opus->clock_hz, 48000);
    assert_int_equal(opus->channels, 2);
    assert_true(opus->opus_inband_fec && !opus->opus_stereo && !opus->opus_dtx);
    assert_true(opus->has_transport_cc && !opus->has_nack);
    assert_int_equal(opus->red_pt, 63);
    assert_int_equal(h264->codec, MCU_CODEC_H264);
    assert_memory_equal(h264->h264_profile, "\x42\xe0\x1f", 3);
    assert_int_equal(h264->packetization_mode, 1);
    assert_true(h264->level_asymmetry_allowed);
    assert_int_equal(h264->rtx_pt, 109);
    assert_true(h264->has_nack && h264->has_pli && h264->has_fir && h264->has_remb);
    assert_int_equal(codec_of(video, 114)->packetization_mode, 0);
    assert_int_equal(video->codecs[0].codec, MCU_CODEC_VP8); /* the offer's order is kept */
    assert_int_equal(audio->ext.audio_level, 1);
    assert_int_equal(video->ext.audio_level, 0);
    assert_int_equal(video->ext.abs_send_time, 2);
    assert_int_equal(video->ext.transport_cc, 3);
    assert_int_equal(video->ext.mid, 4);
    assert_string_equal(audio->cname, "ok0aPc/V58Efpc9Z");
    assert_string_equal(video->stream_id, "2e84797b-6252-4408-b8bb-ba9858cb82bd");
    assert_string_equal(video->track_id, "36518b1d-28d1-4d03-a49e-1ee75f9571d2");
    assert_string_equal(video->format, "96");
    assert_true(video->rtcp_rsize);
}

static void test_the_rest_in_detail(void **state)
{
    (void)state;
    parse_file("firefox-sendrecv");
    assert_true(desc.end_of_candidates);
    assert_true(codec_of(&desc.media[0], 109)->opus_stereo);
    assert_int_equal(codec_of(&desc.media[1], 126)->rtx_pt, 127);
    assert_int_equal(codec_of(&desc.media[1], 97)->packetization_mode, 0);
    assert_string_equal(desc.media[1].cname, "{e2c1b8a0-93c4-4d8d-9a39-6f2a1b0c9d8e}");

    parse_file("gstreamer-whip");
    assert_int_equal(desc.media[1].codecs[0].codec, MCU_CODEC_OPUS); /* whatever its case */
    assert_memory_equal(desc.media[0].codecs[0].h264_profile, "\0\0\0", 3); /* not said */
    assert_string_equal(desc.media[0].track_id, "webrtctransceiver0");

    parse_file("obs-whip"); /* spaces between parameters; the transport at session level */
    assert_memory_equal(desc.media[1].codecs[0].h264_profile, "\x42\xe0\x1f", 3);
    assert_int_equal(desc.media[1].codecs[0].packetization_mode, 1);

    parse_file("chromium-data");
    assert_string_equal(desc.media[2].type, "application");
    assert_string_equal(desc.media[2].proto, "UDP/DTLS/SCTP");
    assert_string_equal(desc.media[2].format, "webrtc-datachannel");
}

/* --- one change to a small offer ------------------------------------------------------------- */

#define FINGERPRINT                                                                                \
    "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:3B:1E:7C:5A:0F:0A:6D:2E:1F:90:A2:11"

static const char small[] = "v=0\n"                                     /* line 1 */
                            "o=- 1 2 IN IP4 127.0.0.1\n"                /* 2 */
                            "s=-\n"                                     /* 3 */
                            "t=0 0\n"                                   /* 4 */
                            "a=group:BUNDLE 0 1\n"                      /* 5 */
                            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\n"      /* 6 */
                            "c=IN IP4 0.0.0.0\n"                        /* 7 */
                            "a=ice-ufrag:abcd\n"                        /* 8 */
                            "a=ice-pwd:0123456789012345678901\n"        /* 9 */
                            "a=fingerprint:sha-256 " FINGERPRINT "\n"   /* 10 */
                            "a=setup:actpass\n"                         /* 11 */
                            "a=mid:0\n"                                 /* 12 */
                            "a=rtcp-mux\n"                              /* 13 */
                            "a=rtpmap:111 opus/48000/2\n"               /* 14 */
                            "a=rtpmap:63 red/48000/2\n"                 /* 15 */
                            "a=candidate:1 1 UDP 5 10.0.0.1 9 typ host\n" /* 16 */
                            "m=video 9 UDP/TLS/RTP/SAVPF 96 97\n"       /* 17 */
                            "a=mid:1\n"                                 /* 18 */
                            "a=rtcp-mux\n"                              /* 19 */
                            "a=rtpmap:96 VP8/90000\n"                   /* 20 */
                            "a=rtpmap:97 rtx/90000\n"                   /* 21 */
                            "a=fmtp:97 apt=96\n";                       /* 22 */

/* small with the first `from` replaced; the caller frees. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(small, from);
    if (!at)
        fail_msg("\"%s\" is not in the small offer", from);
    char *out = malloc(sizeof(small) + strlen(to));
    sprintf(out, "%.*s%s%s", (int)(at - small), small, to, at + strlen(from));
    return out;
}

static void test_an_offer_without_a_codec_of_ours_is_told_from_nonsense(void **state)
{
    (void)state;
    assert_int_equal(parse("v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n"
                           "m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:0\na=rtcp-mux\na=rtpmap:96 H265/90000\n"),
                     -ENOTSUP);
    assert_non_null(strstr(error, "no m-line with audio"));
    assert_int_equal(parse("v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n"
                           "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:0\n"),
                     -EBADMSG);
}

static void test_bad_offers_name_their_line(void **state)
{
    static const struct {
        const char *from, *to, *words;
    } rows[] = {
        {"v=0\n", "", "line 1: a description begins with v=0"},
        {"v=0\n", "v=1\n", "line 1: a description begins"},
        {"t=0 0", "t=0\x01""0", "line 4: has control characters"},
        {"t=0 0", "t", "line 4: not of the form x=value"},
        {"t=0 0", "T=0 0", "line 4: not of the form"},
        {"t=0 0\n", "\n", "line 4: not of the form"},
        {"t=0 0", "t=0\r0", "line 4: has control"},
        {"m=audio 9 UDP/TLS/RTP/SAVPF 111 63", "m=audio 9 UDP/TLS/RTP/SAVPF",
         "line 6: the m-line needs a type"},
        {"m=audio 9", "m=audio x", "line 6: the port is not"},
        {"m=audio 9", "m=audio 65536", "line 6: the port is not"},
        {"m=audio 9", "m=audio -9", "line 6: the port is not"},
        {"m=audio 9 ", "m=audioaudioaudioaudio 9 ", "line 6: the m-line has a word that is too long"},
        {"SAVPF 111 63", "SAVPF 111 111", "line 6: payload type 111 stands there twice"},
        {"SAVPF 111 63", "SAVPF 111 128", "line 6: a payload type is not a number"},
        {"SAVPF 111 63", "SAVPF 111 x", "line 6: a payload type is not a number"},
        {"a=ice-ufrag:abcd", "a=ice-ufrag:abc", "line 8: ice-ufrag has 3 characters, not 4 to 256"},
        {"a=ice-ufrag:abcd", "a=ice-ufrag:ab d", "line 8: ice-ufrag has characters"},
        {"a=ice-ufrag:abcd\n", "", "line 6: the m-line has no a=ice-ufrag"},
        {"a=ice-pwd:0123456789012345678901\n", "", "line 6: the m-line has no a=ice-ufrag or"},
        {"a=ice-pwd:0123456789012345678901", "a=ice-pwd:012345678901234567890",
         "line 9: ice-pwd has 21 characters, not 22 to 256"},
        {"sha-256 4A", "sha-256 4", "line 10: the fingerprint is not 32 bytes"},
        {"sha-256 4A", "sha-256 4G", "line 10: the fingerprint is not 32 bytes"},
        {"sha-256 4A:AD", "sha-256 4A-AD", "line 10: the fingerprint is not 32 bytes"},
        {"sha-256 4A", "sha-512 4A", "line 6: the m-line has no a=fingerprint:sha-256"},
        {"a=setup:actpass", "a=setup:holdconn", "line 11: setup is not actpass, active or passive"},
        {"a=setup:actpass\n", "", "line 6: the m-line has no a=setup"},
        {"a=mid:0", "a=mid:", "line 12: mid is not a token"},
        {"a=mid:0", "a=mid:01234567890123456789012345678901", "line 12: mid is not a token"},
        {"a=mid:0", "a=mid:\xc3\xa9", "line 12: mid is not a token"},
        {"a=mid:1", "a=mid:0", "line 18: mid 0 stands there twice"},
        {"a=rtcp-mux\n", "", "line 6: the m-line has no a=rtcp-mux"},
        {"a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus", "line 14: rtpmap is not NAME/CLOCK"},
        {"a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus/0/2", "line 14: rtpmap is not"},
        {"a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus/48000/x", "line 14: rtpmap has a bad"},
        {"a=rtpmap:63 red/48000/2", "a=rtpmap:111 opus/48000/2",
         "line 15: payload type 111 has a second rtpmap"},
        {"a=rtpmap:63 red/48000/2", "a=rtpmap:x red/48000", "line 15: the payload type is not"},
        {"a=fmtp:97 apt=96", "a=fmtp:apt=96", "line 22: the payload type is not"},
        {"a=fmtp:97 apt=96", "a=rtcp-fb:200 nack", "line 22: the payload type is not"},
        {"1 1 UDP 5", "1 0 UDP 5", "line 16: not a candidate"},
        {"a=group:BUNDLE 0 1\n", "", "line 16: several m-lines but no a=group:BUNDLE"},
        {"a=group:BUNDLE 0 1", "a=group:BUNDLE 5 6", "no m-line with audio (opus) or video"},
    };
    (void)state;
    assert_int_equal(parse(small), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = changed(rows[i].from, rows[i].to);
        memset(&desc, 0x55, sizeof(desc));
        const int err = parse(text);
        print_message("%s -> %s: %s\n", rows[i].from, rows[i].to, error);
        assert_int_equal(err, -EBADMSG);
        assert_int_equal(desc.media_count, 0x5555555555555555);
        assert_non_null(strstr(error, rows[i].words));
        free(text);
    }
}

static void test_what_is_let_pass(void **state)
{
    static const struct {
        const char *name, *from, *to;
    } rows[] = {
        {"unknown attributes and lines", "t=0 0\n", "t=0 0\nb=AS:99\na=x\na=x:y\na=\nz=1 2\n"},
        {"a tab", "s=-", "s=a\tb"},
        {"a session name in Latin-1", "s=-", "s=caf\xe9"},
        {"another hash beside sha-256", "a=setup", "a=fingerprint:sha-1 00\na=setup"},
        {"other groups", "a=group:BUNDLE 0 1", "a=group:LS 0 1\na=group:BUNDLE 0 1"},
        {"a mid in the group that no m-line has", "BUNDLE 0 1", "BUNDLE 0 1 2"},
        {"an rtpmap for a type not in the m-line", "a=rtpmap:63", "a=rtpmap:99"},
        {"two spaces", "m=audio 9", "m=audio  9"},
        {"a number of ports", "m=audio 9", "m=audio 9/1"},
        {"another secured profile", "UDP/TLS/RTP/SAVPF 111", "RTP/SAVPF 111"},
        {"TCP in the profile", "UDP/TLS/RTP/SAVPF 111", "TCP/TLS/RTP/SAVPF 111"},
        {"the second fingerprint of a level", "a=setup", "a=fingerprint:sha-256 x\na=setup"},
        {"an id past one-byte headers", "a=rtcp-mux\n",
         "a=rtcp-mux\na=extmap:15 urn:ietf:params:rtp-hdrext:sdes:mid\n"},
        {"an extension that is off", "a=rtcp-mux\n",
         "a=rtcp-mux\na=extmap:3/inactive urn:ietf:params:rtp-hdrext:sdes:mid\n"},
        {"SSRC zero", "a=rtcp-mux\n", "a=rtcp-mux\na=ssrc:0 cname:x\n"},
        {"a cname that is too long", "a=rtcp-mux\n",
         "a=rtcp-mux\na=ssrc:0 "
         "cname:0123456789012345678901234567890123456789012345678901234567890123\n"},
        {"RTX for a type that is not ours", "apt=96", "apt=99"},
        {"component 2", "1 1 UDP 5", "1 2 UDP 5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = changed(rows[i].from, rows[i].to);
        print_message("%s\n", rows[i].name);
        const int err = parse(text);
        if (err)
            fail_msg("%s", error);
        assert_int_equal(desc.media_count, 2);
        assert_false(desc.media[0].is_rejected);
        assert_int_equal(desc.media[0].codec_count, 1);
        assert_int_equal(desc.media[0].ext.mid, 0);
        assert_int_equal(desc.media[0].ssrc, 0);
        assert_string_equal(desc.media[0].cname, "");
        assert_int_equal(desc.fingerprint[0], 0x4a);
        free(text);
    }
}

static void test_m_lines_that_are_not_ours_are_rejected(void **state)
{
    static const struct {
        const char *name, *from, *to;
    } rows[] = {
        {"port 0", "m=video 9", "m=video 0"},
        {"without a codec of ours", "VP8/90000", "H263/90000"},
        {"a strange clock", "VP8/90000", "VP8/48000"},
        {"unsecured", "m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/AVP"},
        {"another type", "m=video 9", "m=text 9"},
        {"outside the group", "BUNDLE 0 1", "BUNDLE 0"},
        {"formats that are no payload types", "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
         "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"},
        {"H264 with an unknown way of packing", "a=rtpmap:96 VP8/90000\n",
         "a=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=2\n"},
        {"H264 with a broken profile", "a=rtpmap:96 VP8/90000\n",
         "a=rtpmap:96 H264/90000\na=fmtp:96 profile-level-id=42e01\n"},
        {"VP9 of ten bits", "a=rtpmap:96 VP8/90000\n",
         "a=rtpmap:96 VP9/90000\na=fmtp:96 profile-id=2\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = changed(rows[i].from, rows[i].to);
        print_message("%s\n", rows[i].name);
        if (parse(text))
            fail_msg("%s", error);
        assert_int_equal(desc.media_count, 2);
        assert_false(desc.media[0].is_rejected);
        assert_true(desc.media[1].is_rejected);
        assert_string_equal(desc.media[1].mid, "1");
        assert_true(desc.media[1].format[0] != '\0');
        free(text);
    }
}

static void test_bundle_only_counts_in_offers_and_inside_the_group(void **state)
{
    char *text = changed("m=video 9 UDP/TLS/RTP/SAVPF 96 97\n",
                         "m=video 0 UDP/TLS/RTP/SAVPF 96 97\na=bundle-only\n");
    (void)state;
    assert_int_equal(parse(text), 0);
    assert_false(desc.media[1].is_rejected);
    char *answer = strstr(text, "actpass");
    memcpy(answer, "active\n", 7);
    memmove(answer + 7, answer + 8, strlen(answer + 8) + 1);
    assert_int_equal(sig_sdp_parse(&desc, SIG_SDP_ANSWER, text, strlen(text), error), 0);
    assert_true(desc.media[1].is_rejected);
    free(text);
}

static void test_an_answer_must_choose_its_part(void **state)
{
    (void)state;
    assert_int_equal(sig_sdp_parse(&desc, SIG_SDP_ANSWER, small, strlen(small), error), -EBADMSG);
    assert_string_equal(error, "line 11: setup is not active or passive");
}

static void test_the_transport_is_that_of_the_first_in_the_group(void **state)
{
    char *text = changed("a=mid:1\n", "a=mid:1\na=ice-ufrag:video\na=ice-pwd:9999999999999999999999\n"
                                      "a=fingerprint:sha-256 " FINGERPRINT "\na=setup:active\n");
    (void)state;
    assert_int_equal(parse(text), 0);
    assert_string_equal(desc.ice_ufrag, "abcd");
    memcpy(strstr(text, "BUNDLE 0 1"), "BUNDLE 1 0", 10);
    assert_int_equal(parse(text), 0);
    assert_string_equal(desc.ice_ufrag, "video");
    assert_int_equal(desc.setup, MCU_SETUP_ACTIVE);
    assert_int_equal(desc.candidate_count, 0);
    free(text);
}

static void test_the_others_may_lean_on_the_first_of_the_group_even_if_it_is_rejected(void **state)
{
    char *text = changed("opus/48000/2", "opus/48000/1");
    (void)state;
    assert_int_equal(parse(text), 0);
    assert_true(desc.media[0].is_rejected);
    assert_false(desc.media[1].is_rejected);
    assert_string_equal(desc.ice_ufrag, "abcd");
    assert_int_equal(desc.candidate_count, 1);
    free(text);
}

static void test_session_level_holds_where_the_m_line_is_silent(void **state)
{
    char *text = changed("a=group:BUNDLE 0 1\n",
                         "a=group:BUNDLE 1 0\na=ice-lite\na=recvonly\na=ice-ufrag:sess\n"
                         "a=ice-pwd:8888888888888888888888\na=setup:passive\n"
                         "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n"
                         "a=fingerprint:SHA-256 " FINGERPRINT "\n");
    char *hex = strstr(text, "SHA-256 ") + 8;
    (void)state;
    memcpy(hex, "ff", 2);
    assert_int_equal(parse(text), 0);
    assert_int_equal(desc.fingerprint[0], 0xff);
    assert_string_equal(desc.ice_ufrag, "sess");
    assert_int_equal(desc.setup, MCU_SETUP_PASSIVE);
    assert_true(desc.ice_lite);
    assert_int_equal(desc.media[1].direction, MCU_RECVONLY);
    assert_int_equal(desc.media[1].ext.mid, 4);
    memcpy(strstr(text, "BUNDLE 1 0"), "BUNDLE 0 1", 10); /* one that speaks for itself */
    assert_int_equal(parse(text), 0);
    assert_int_equal(desc.fingerprint[0], 0x4a);
    assert_string_equal(desc.ice_ufrag, "abcd");
    free(text);
}

static void test_a_single_m_line_needs_no_group(void **state)
{
    char *text = changed("a=group:BUNDLE 0 1\n", "");
    (void)state;
    *strstr(text, "m=video") = '\0';
    assert_int_equal(parse(text), 0);
    assert_int_equal(desc.media_count, 1);
    assert_string_equal(desc.ice_ufrag, "abcd");
    free(text);
}

static void test_feedback_for_all(void **state)
{
    char *text = changed("a=fmtp:97 apt=96", "a=fmtp:97 apt=96\na=rtcp-fb:* nack pli\n"
                                             "a=rtcp-fb:* transport-cc\na=rtcp-fb:97 nack\n"
                                             "a=rtcp-fb:96 ccm tmmbr");
    (void)state;
    assert_int_equal(parse(text), 0);
    const struct mcu_desc_codec *vp8 = codec_of(&desc.media[1], 96);
    assert_true(vp8->has_pli && vp8->has_transport_cc);
    assert_false(vp8->has_nack || vp8->has_fir || vp8->has_remb);
    assert_int_equal(vp8->rtx_pt, 97);
    free(text);
}

static void test_red_is_taken_with_its_opus_only(void **state)
{
    static const struct {
        const char *name, *rtpmap, *fmtp;
        uint8_t red_pt;
    } rows[] = {
        {"as Chromium has it", "red/48000/2", "a=fmtp:63 111/111\n", 63},
        {"capitals, spaces, more copies", "RED/48000/2", "a=fmtp:63  111/111/111/111 \n", 63},
        {"no parameters", "red/48000/2", "", 0},
        {"one payload type", "red/48000/2", "a=fmtp:63 111\n", 0},
        {"of something else", "red/48000/2", "a=fmtp:63 9/9\n", 0},
        {"of different ones", "red/48000/2", "a=fmtp:63 111/9\n", 0},
        {"nonsense", "red/48000/2", "a=fmtp:63 111/x\n", 0},
        {"too large", "red/48000/2", "a=fmtp:63 111/128\n", 0},
        {"another clock", "red/8000/2", "a=fmtp:63 111/111\n", 0},
        {"mono", "red/48000", "a=fmtp:63 111/111\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char lines[128];
        print_message("%s\n", rows[i].name);
        snprintf(lines, sizeof(lines), "a=rtpmap:63 %s\n%s", rows[i].rtpmap, rows[i].fmtp);
        char *text = changed("a=rtpmap:63 red/48000/2\n", lines);
        assert_int_equal(parse(text), 0);
        assert_int_equal(desc.media[0].codec_count, 1);
        assert_int_equal(codec_of(&desc.media[0], 111)->red_pt, rows[i].red_pt);
        free(text);
    }
}

/* Chromium sends RED only when it stands before what it carries. */
static void test_red_is_written_first(void **state)
{
    (void)state;
    parse_file("chromium-sendrecv");
    char *text = sig_sdp_write(&desc, SIG_SDP_ANSWER, 1, 1, NULL);
    assert_non_null(strstr(text, "m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n"));
    assert_non_null(strstr(text, "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"));
    free(text);
}

static void assert_layers(const char *lines, const char *expected)
{
    static char text[SIG_SDP_SIZE_MAX];
    char found[64] = "";
    read_file("chromium-sendonly", text, sizeof(text));
    strcat(text, lines);
    assert_int_equal(parse(text), 0);
    for (size_t i = 0; i < desc.media[1].rid_count; i++) {
        strcat(found, i ? " " : "");
        strcat(found, desc.media[1].rids[i]);
    }
    assert_string_equal(found, expected);
}

static void test_simulcast(void **state)
{
    (void)state;
    static const char three[] = "a=rid:h send\r\na=rid:m send pt=96\r\na=rid:l send\r\n";
    static const struct {
        const char *simulcast, *layers;
    } rows[] = {
        {"send h;m;l", "h m l"},        {"recv h;m;l", ""},        {"send l;h", "l h"},
        {"recv x send h;m", "h m"},     {"send h,m;l", "h l"},     {"send ~h;m", "h m"},
        {"send h;h;m", "h m"},          {"send h;unknown;l", "h l"}, {"send ", ""},
        {"send ;;h", "h"},              {"send h;m;l;h2", "h m l"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char lines[256];
        print_message("%s\n", rows[i].simulcast);
        snprintf(lines, sizeof(lines), "%sa=simulcast:%s\r\n", three, rows[i].simulcast);
        assert_layers(lines, rows[i].layers);
    }
    assert_layers(three, "");
    assert_layers("a=rid:h send\r\na=rid:m recv\r\na=simulcast:send h;m\r\n", "h");
    assert_layers("a=rid:a=b send\r\na=rid:12345678901234567 send\r\n"
                  "a=simulcast:send a=b;12345678901234567\r\n", "");

    parse_file("chromium-simulcast");
    assert_int_equal(desc.media[1].rid_count, 2);
    assert_string_equal(desc.media[1].rids[1], "l");
    assert_int_not_equal(desc.media[1].ext.rid, 0);
    assert_int_not_equal(desc.media[1].ext.repaired_rid, 0);
    char *text = sig_sdp_write(&desc, SIG_SDP_ANSWER, 1, 1, NULL);
    assert_non_null(strstr(text, "a=rid:h recv\r\na=rid:l recv\r\na=simulcast:recv h;l\r\n"));
    free(text);
}

static void test_slides(void **state)
{
    (void)state;
    static char text[SIG_SDP_SIZE_MAX];
    static const struct {
        const char *line;
        bool is_slides;
    } rows[] = {{"a=content:slides", true}, {"a=content:main,Slides", true}, {"a=content:main", false},
                {"a=content", false}, {"a=content:slideshow", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        read_file("chromium-sendonly", text, sizeof(text));
        strcat(strcat(text, rows[i].line), "\r\n");
        assert_int_equal(parse(text), 0);
        assert_int_equal(desc.media[1].is_slides, rows[i].is_slides);
        assert_false(desc.media[0].is_slides);
    }
}

/* --- limits ---------------------------------------------------------------------------------- */

static void test_limits(void **state)
{
    static char text[SIG_SDP_SIZE_MAX + 2];
    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(sig_sdp_parse(&desc, SIG_SDP_OFFER, text, SIG_SDP_SIZE_MAX + 1, error),
                     -EMSGSIZE);

    char *at = text + sprintf(text, "%s", small);
    for (int lines = 22; lines < SIG_SDP_LINES_MAX; lines++)
        at += sprintf(at, "a=x\n");
    assert_int_equal(parse(text), 0);
    sprintf(at, "a=x\n");
    assert_int_equal(parse(text), -EMSGSIZE);

    at = text + sprintf(text, "%s", small);
    for (int m = 2; m < MCU_DESC_MEDIA_MAX; m++)
        at += sprintf(at, "m=audio 0 RTP/AVP 0\n");
    assert_int_equal(parse(text), 0);
    sprintf(at, "m=audio 0 RTP/AVP 0\n");
    assert_int_equal(parse(text), -EBADMSG);
    assert_non_null(strstr(error, "more than 16 m-lines"));

    at = text + sprintf(text, "%s", small);
    for (int i = 0; i < 100; i++)
        at += sprintf(at, "a=candidate:1 1 UDP 5 10.0.0.%d 9 typ host\n", i);
    memcpy(strstr(text, "BUNDLE 0 1"), "BUNDLE 1 0", 10);
    assert_int_equal(parse(text), -EBADMSG); /* the video m-line has no ICE of its own */

    assert_int_equal(parse(""), -EBADMSG);
    assert_int_equal(parse("v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n"), -EBADMSG);
    assert_int_equal(sig_sdp_parse(&desc, SIG_SDP_OFFER, "v=0\n\0", 5, error), -EBADMSG);
}

static void test_candidates_past_the_limit_and_doubles_are_dropped(void **state)
{
    static char text[SIG_SDP_SIZE_MAX];
    char *at = text + sprintf(text, "%.*s", (int)(strstr(small, "m=audio") - small), small);
    (void)state;
    for (int i = 0; i < 100; i++)
        at += sprintf(at, "a=candidate:1 1 UDP 5 10.0.0.%d 9 typ host\n", i / 2);
    strcpy(at, strstr(small, "m=audio"));
    if (parse(text))
        fail_msg("%s", error);
    assert_int_equal(desc.candidate_count, MCU_DESC_CANDIDATES_MAX);
    assert_string_equal(desc.candidates[31], "candidate:1 1 UDP 5 10.0.0.31 9 typ host");
}

static void test_line_ends(void **state)
{
    static char text[8192];
    static struct mcu_desc lf;
    char *out = text;
    (void)state;
    assert_int_equal(parse(small), 0);
    lf = desc;
    for (const char *p = small; *p; p++)
        out += sprintf(out, *p == '\n' ? "\r\n" : "%c", *p);
    assert_int_equal(parse(text), 0);
    assert_true(is_same(&lf, &desc));
    strcpy(out, "\r\n\r\n"); /* empty lines behind the last are let pass */
    assert_int_equal(parse(text), 0);
    text[strlen(small) - 1] = '\0';
    assert_int_equal(sig_sdp_parse(&desc, SIG_SDP_OFFER, small, strlen(small) - 1, error), 0);
}

/* Every text cut short is refused or parsed, never read past its end (the sanitizer watches). */
static void test_cut_anywhere(void **state)
{
    static char text[SIG_SDP_SIZE_MAX];
    const size_t size = read_file("chromium-sendrecv", text, sizeof(text));
    (void)state;
    for (size_t n = 0; n < size; n += 3) {
        char *copy = malloc(n + 1);
        memcpy(copy, text, n);
        sig_sdp_parse(&desc, SIG_SDP_OFFER, copy, n, error);
        free(copy);
    }
}

/* --- candidates and fragments ---------------------------------------------------------------- */

static void test_candidates(void **state)
{
    static const struct {
        const char *text;
        bool is_valid;
    } rows[] = {
        {"candidate:1 1 UDP 2122252543 192.168.1.2 54321 typ host", true},
        {"candidate:1 1 udp 5 fd00::1 1 typ host", true},
        {"candidate:a+/9 2 TCP 5 a-b.local 9 typ host tcptype active", true},
        {"candidate:1 1 udp 5 1.2.3.4 1 typ srflx raddr 10.0.0.1 rport 5 generation 0 ufrag x", true},
        {"candidate:1 1 udp 5 1.2.3.4 1 typ relay raddr :: rport 0 network-cost 999", true},
        {"", false},
        {"candidate:", false},
        {"candidate", false},
        {"a=candidate:1 1 udp 5 1.2.3.4 1 typ host", false},
        {"candidate:1 1 udp 5 1.2.3.4 1 typ", false},
        {"candidate:1 1 udp 5 1.2.3.4 1 host", false},
        {"candidate:1 1 udp 5 1.2.3.4 65536 typ host", false},
        {"candidate:1 1 udp 5 1.2.3.4 -1 typ host", false},
        {"candidate:1 0 udp 5 1.2.3.4 1 typ host", false},
        {"candidate:1 257 udp 5 1.2.3.4 1 typ host", false},
        {"candidate:1 1 udp 4294967296 1.2.3.4 1 typ host", false},
        {"candidate:1 1 udp 5 1.2.3.4;rm 1 typ host", false},
        {"candidate:1 1 udp 5 1.2.3.4 1 typ host raddr", false},
        {"candidate:1 1 udp 5 1.2.3.4 1 typ host rport x", false},
        {"candidate:1 1 udp 5 1.2.3.4 1 typ host raddr $(x)", false},
        {"candidate:1 1 udp 5 1.2.3.4 1 typ host\r\na=x:y", false},
        {"candidate:1 1 udp 5 1.2.3.4 1 typ host x \xc3\xa9", false},
        {"candidate:123456789012345678901234567890123 1 udp 5 1.2.3.4 1 typ host", false},
        {"candidate:1 1 udp 5 1.2.3.4 1 typ host x y x y x y x y x y x y x y x y x y x y x y x y x y"
         " x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y"
         " x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y x y", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].text);
        assert_int_equal(sig_sdp_candidate_is_valid(rows[i].text, strlen(rows[i].text)),
                         rows[i].is_valid);
    }
    assert_false(sig_sdp_candidate_is_valid("candidate:1 1 udp 5 1.2.3.4 1 typ ho\0t", 39));
}

static void test_fragments(void **state)
{
    static const char text[] = "a=group:BUNDLE 0 1\r\na=ice-ufrag:EsAw\r\n"
                               "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
                               "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"
                               "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"
                               "m=video 9 RTP/AVP 0\r\na=mid:1\r\na=end-of-candidates\r\n";
    struct sig_sdp_fragment f;
    (void)state;
    assert_int_equal(sig_sdp_parse_fragment(&f, text, strlen(text), error), 0);
    assert_string_equal(f.ice_ufrag, "EsAw");
    assert_string_equal(f.ice_pwd, "P2uYro0UCOQ4zxjKXaWCBui1");
    assert_string_equal(f.mid, "0");
    assert_int_equal(f.candidate_count, 1);
    assert_true(f.end_of_candidates);
    assert_int_equal(sig_sdp_parse_fragment(&f, "a=candidate:x\n", 14, error), -EBADMSG);
    assert_string_equal(error, "line 1: not a candidate");
    assert_int_equal(sig_sdp_parse_fragment(&f, "{\"json\":1}", 10, error), -EBADMSG);
    assert_int_equal(sig_sdp_parse_fragment(&f, "", 0, error), 0);
}

/* --- writing --------------------------------------------------------------------------------- */

static uint32_t seed;

static uint32_t dice(uint32_t sides)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % sides;
}

static void word(char *out, size_t most, size_t least)
{
    static const char chars[] = "abcXYZ0189+/";
    const size_t n = least + dice((uint32_t)(most - least + 1));
    for (size_t i = 0; i < n; i++)
        out[i] = chars[dice(12)];
    out[n] = '\0';
}

static void random_codec(struct mcu_desc_codec *c, enum mcu_kind kind, uint8_t pt)
{
    static const enum mcu_codec video[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9,
                                           MCU_CODEC_AV1};
    c->codec = kind == MCU_AUDIO ? MCU_CODEC_OPUS : video[dice(4)];
    c->pt = pt;
    c->rtx_pt = dice(2) ? (uint8_t)(pt + 1) : 0;
    c->red_pt = kind == MCU_AUDIO && dice(2) ? (uint8_t)(pt - 60) : 0;
    c->channels = kind == MCU_AUDIO ? 2 : 0;
    c->clock_hz = kind == MCU_AUDIO ? 48000 : 90000;
    c->has_nack = dice(2);
    c->has_pli = dice(2);
    c->has_fir = dice(2);
    c->has_transport_cc = dice(2);
    c->has_remb = dice(2);
    if (kind == MCU_AUDIO) {
        c->opus_stereo = dice(2);
        c->opus_inband_fec = dice(2);
        c->opus_dtx = dice(2);
        c->opus_bitrate_bps = dice(2) ? 6000 + dice(504001) : 0;
    }
    if (c->codec != MCU_CODEC_H264)
        return;
    for (int i = 0; i < 3; i++)
        c->h264_profile[i] = (uint8_t)dice(256);
    c->packetization_mode = (uint8_t)dice(2);
    c->level_asymmetry_allowed = dice(2);
}

static void random_media(struct mcu_desc_media *m, size_t index)
{
    m->kind = (enum mcu_kind)dice(2);
    strcpy(m->type, m->kind == MCU_AUDIO ? "audio" : "video");
    strcpy(m->proto, "UDP/TLS/RTP/SAVPF");
    snprintf(m->mid, sizeof(m->mid), "m%zu", index);
    m->is_rejected = index > 0 && dice(4) == 0;
    strcpy(m->format, "0");
    if (m->is_rejected)
        return;
    m->direction = (enum mcu_direction)dice(4);
    m->rtcp_rsize = dice(2);
    m->is_slides = dice(2);
    m->codec_count = 1 + dice(6);
    for (size_t i = 0; i < m->codec_count; i++)
        random_codec(&m->codecs[i], m->kind, (uint8_t)(96 + 2 * i));
    const struct mcu_desc_codec *first = &m->codecs[0];
    snprintf(m->format, sizeof(m->format), "%u", first->red_pt ? first->red_pt : first->pt);
    m->ext.mid = (uint8_t)dice(4);
    m->ext.transport_cc = m->ext.mid ? (uint8_t)(4 + dice(10)) : 0;
    m->fec_pt = m->kind == MCU_VIDEO && dice(2) ? 49 : 0;
    m->rid_count = dice(MCU_DESC_RIDS_MAX + 1);
    for (size_t i = 0; i < m->rid_count; i++)
        snprintf(m->rids[i], sizeof(m->rids[i]), "l%u_%u", (unsigned)i % 9, dice(1000000));
    if (!(m->direction & MCU_SENDONLY))
        return;
    word(m->stream_id, 63, 1);
    word(m->track_id, 63, 1);
    m->ssrc = dice(2) ? 1 + dice(1 << 20) : 0;
    m->rtx_ssrc = m->ssrc && dice(2) ? m->ssrc + 1 : 0;
    m->fec_ssrc = m->ssrc && m->fec_pt ? m->ssrc + 2 : 0;
    if (m->ssrc)
        word(m->cname, 63, 1);
}

static void random_desc(struct mcu_desc *d)
{
    memset(d, 0, sizeof(*d));
    word(d->ice_ufrag, 256, 4);
    word(d->ice_pwd, 256, 22);
    d->ice_lite = dice(2);
    d->end_of_candidates = dice(2);
    d->setup = (enum mcu_dtls_setup)dice(3);
    for (size_t i = 0; i < 32; i++)
        d->fingerprint[i] = (uint8_t)dice(256);
    d->media_count = 1 + dice(MCU_DESC_MEDIA_MAX);
    for (size_t i = 0; i < d->media_count; i++)
        random_media(&d->media[i], i);
    d->candidate_count = dice(MCU_DESC_CANDIDATES_MAX + 1);
    for (size_t i = 0; i < d->candidate_count; i++)
        snprintf(d->candidates[i], sizeof(d->candidates[i]),
                 "candidate:%zu 1 UDP %u 10.0.0.1 %u typ host", i, dice(1000), dice(65536));
}

static void test_what_is_written_reads_back_equal(void **state)
{
    static struct mcu_desc in;
    (void)state;
    for (seed = 1; seed < 4000000000u; seed += 19999991) {
        const uint32_t first = seed;
        size_t size = 0;
        random_desc(&in);
        char *text = sig_sdp_write(&in, SIG_SDP_OFFER, UINT64_MAX, 3, &size);
        assert_non_null(text);
        assert_int_equal(size, strlen(text));
        assert_non_null(strstr(text, "o=- 9223372036854775807 3 IN"));
        const int err = parse(text);
        if (err || !is_same(&in, &desc))
            fail_msg("seed %u: %s\n%s", first, err ? error : "differs", text);
        free(text);
        seed = first;
    }
}

static void test_a_rejected_line_is_echoed_in_its_place(void **state)
{
    (void)state;
    parse_file("chromium-datafirst");
    desc.setup = MCU_SETUP_PASSIVE;
    char *text = sig_sdp_write(&desc, SIG_SDP_ANSWER, 7, 1, NULL);
    assert_non_null(strstr(text, "a=group:BUNDLE 1 2\r\n"));
    assert_non_null(strstr(text, "\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                                 "c=IN IP4 0.0.0.0\r\na=mid:0\r\na=inactive\r\nm=audio 9 "));
    assert_non_null(strstr(text, "a=setup:passive\r\n"));
    assert_null(strstr(strstr(text, "m=video"), "a=candidate")); /* only on the first */
    for (const char *p = text; *p; p++)
        assert_true(*p != '\n' || p[-1] == '\r');
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offers_of_real_clients),
        cmocka_unit_test(test_chromium_in_detail),
        cmocka_unit_test(test_repair_of_video_is_read),
        cmocka_unit_test(test_the_rest_in_detail),
        cmocka_unit_test(test_an_offer_without_a_codec_of_ours_is_told_from_nonsense),
        cmocka_unit_test(test_bad_offers_name_their_line),
        cmocka_unit_test(test_what_is_let_pass),
        cmocka_unit_test(test_m_lines_that_are_not_ours_are_rejected),
        cmocka_unit_test(test_bundle_only_counts_in_offers_and_inside_the_group),
        cmocka_unit_test(test_an_answer_must_choose_its_part),
        cmocka_unit_test(test_the_transport_is_that_of_the_first_in_the_group),
        cmocka_unit_test(test_the_others_may_lean_on_the_first_of_the_group_even_if_it_is_rejected),
        cmocka_unit_test(test_session_level_holds_where_the_m_line_is_silent),
        cmocka_unit_test(test_a_single_m_line_needs_no_group),
        cmocka_unit_test(test_feedback_for_all),
        cmocka_unit_test(test_red_is_taken_with_its_opus_only),
        cmocka_unit_test(test_red_is_written_first),
        cmocka_unit_test(test_simulcast),
        cmocka_unit_test(test_slides),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_candidates_past_the_limit_and_doubles_are_dropped),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_what_is_written_reads_back_equal),
        cmocka_unit_test(test_a_rejected_line_is_echoed_in_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
