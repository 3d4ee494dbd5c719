/* Offer and answer as a pure function. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "transport/negotiate.h"

static const struct rtc_local us = {
    .ice_ufrag = "ours", .ice_pwd = "our-password-of-enough-length", .fingerprint = {1, 2, 3},
    .ssrc = {101, 102}, .rtx_ssrc = {103, 104}, .fec_ssrc = 105, .cname = "cname", .stream_id = "stream",
    .track_id = {"audio-track", "video-track"},
};

static struct mcu_desc_codec opus(void)
{
    return (struct mcu_desc_codec){.codec = MCU_CODEC_OPUS, .pt = 111, .red_pt = 63, .clock_hz = 48000,
                                   .channels = 2, .has_nack = true, .has_transport_cc = true,
                                   .opus_dtx = true};
}

static struct mcu_desc_codec vp8(uint8_t pt, uint8_t rtx)
{
    return (struct mcu_desc_codec){.codec = MCU_CODEC_VP8, .pt = pt, .rtx_pt = rtx,
                                   .clock_hz = 90000, .has_nack = true, .has_pli = true,
                                   .has_fir = true, .has_transport_cc = true, .has_remb = true};
}

static struct mcu_desc_codec h264(uint8_t pt, uint8_t rtx, uint32_t profile, uint8_t mode)
{
    return (struct mcu_desc_codec){
        .codec = MCU_CODEC_H264, .pt = pt, .rtx_pt = rtx, .clock_hz = 90000, .has_nack = true,
        .has_pli = true, .packetization_mode = mode, .level_asymmetry_allowed = true,
        .h264_profile = {(uint8_t)(profile >> 16), (uint8_t)(profile >> 8), (uint8_t)profile}};
}

static struct mcu_desc_media *add(struct mcu_desc *d, enum mcu_kind kind,
                                  enum mcu_direction direction)
{
    struct mcu_desc_media *m = &d->media[d->media_count];
    *m = (struct mcu_desc_media){.kind = kind, .proto = "UDP/TLS/RTP/SAVPF",
                                 .direction = direction, .rtcp_rsize = true};
    snprintf(m->type, sizeof(m->type), "%s", kind == MCU_AUDIO ? "audio" : "video");
    snprintf(m->mid, sizeof(m->mid), "m%zu", d->media_count++);
    return m;
}

static void add_codec(struct mcu_desc_media *m, struct mcu_desc_codec c)
{
    m->codecs[m->codec_count++] = c;
}

/* What Chromium says, in short. */
static struct mcu_desc browser(enum mcu_direction direction)
{
    struct mcu_desc d = {.ice_ufrag = "abcd", .ice_pwd = "their-password-of-enough-length",
                         .setup = MCU_SETUP_ACTPASS, .fingerprint = {9}};
    struct mcu_desc_media *a = add(&d, MCU_AUDIO, direction);
    a->ext = (struct mcu_desc_extensions){.audio_level = 1, .abs_send_time = 2, .transport_cc = 3,
                                          .mid = 4};
    a->ssrc = 900;
    add_codec(a, opus());
    struct mcu_desc_media *v = add(&d, MCU_VIDEO, direction);
    v->ext = (struct mcu_desc_extensions){.abs_send_time = 2, .transport_cc = 3, .mid = 4};
    v->ssrc = 901;
    v->rtx_ssrc = 902;
    add_codec(v, vp8(96, 97));
    add_codec(v, h264(102, 103, 0x42001f, 1));
    add_codec(v, h264(104, 105, 0x42001f, 0));
    add_codec(v, h264(106, 107, 0x42e01f, 1));
    add_codec(v, h264(108, 109, 0x42e01f, 0));
    add_codec(v, h264(127, 125, 0x4d001f, 1));
    return d;
}

static void a_browser_gets_what_it_offered(void **state)
{
    (void)state;
    const struct mcu_desc offer = browser(MCU_SENDRECV);
    struct mcu_desc a;
    struct rtc_session s;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_H264, &a, &s), 0);
    assert_string_equal(a.ice_ufrag, "ours");
    assert_memory_equal(a.fingerprint, us.fingerprint, 32);
    assert_int_equal(a.setup, MCU_SETUP_PASSIVE);
    assert_false(s.is_dtls_client);
    assert_int_equal(a.media_count, 2);

    const struct mcu_desc_media *audio = &a.media[0];
    assert_string_equal(audio->mid, "m0");
    assert_int_equal(audio->codec_count, 1);
    assert_int_equal(audio->codecs[0].pt, 111);
    assert_true(audio->codecs[0].has_nack);
    assert_int_equal(audio->codecs[0].red_pt, 63);
    assert_true(audio->codecs[0].has_transport_cc);
    assert_true(audio->codecs[0].opus_inband_fec);
    assert_true(audio->codecs[0].opus_dtx);
    assert_memory_equal(&audio->ext, &offer.media[0].ext, sizeof(audio->ext));
    assert_int_equal(audio->ssrc, 101);
    assert_int_equal(audio->rtx_ssrc, 0);
    assert_string_equal(audio->track_id, "audio-track");

    const struct mcu_desc_media *video = &a.media[1];
    assert_int_equal(video->codec_count, 3);
    assert_int_equal(video->codecs[0].pt, 106); /* constrained baseline before baseline */
    assert_int_equal(video->codecs[0].rtx_pt, 107);
    assert_int_equal(video->codecs[1].pt, 102);
    assert_int_equal(video->codecs[2].pt, 96);
    assert_true(video->codecs[2].has_remb && video->codecs[2].has_fir);
    assert_int_equal(video->ext.audio_level, 0);
    assert_int_equal(video->ext.transport_cc, 3);
    assert_int_equal(video->ssrc, 102);
    assert_int_equal(video->rtx_ssrc, 104);
    assert_string_equal(video->cname, "cname");

    assert_int_equal(s.pts[97].codec, MCU_CODEC_VP8);
    assert_true(s.pts[97].is_rtx);
    assert_int_equal(s.pts[97].media_pt, 96);
    assert_int_equal(s.pts[111].kind, MCU_AUDIO);
    assert_false(s.pts[111].is_red);
    assert_true(s.pts[63].is_red && !s.pts[63].is_rtx);
    assert_int_equal(s.pts[63].media_pt, 111);
    assert_int_equal(s.pts[104].codec, MCU_CODEC_NONE); /* packetization-mode 0 */
    assert_int_equal(s.lines[MCU_VIDEO].remote_ssrc, 901);
    assert_int_equal(s.lines[MCU_VIDEO].remote_rtx_ssrc, 902);
}

static void the_preferred_codec_comes_first(void **state)
{
    (void)state;
    const struct mcu_desc offer = browser(MCU_SENDRECV);
    struct mcu_desc a;
    struct rtc_session s;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
    assert_int_equal(a.media[1].codecs[0].codec, MCU_CODEC_VP8);
    assert_int_equal(a.media[1].codecs[1].pt, 106);
    assert_int_equal(s.lines[MCU_VIDEO].codecs[0].codec, MCU_CODEC_VP8);
}

static void directions_are_turned_round(void **state)
{
    (void)state;
    static const struct {
        enum mcu_direction offered, answered;
        bool has_ssrc;
    } rows[] = {
        {MCU_SENDRECV, MCU_SENDRECV, true},
        {MCU_SENDONLY, MCU_RECVONLY, false},
        {MCU_RECVONLY, MCU_SENDONLY, true},
        {MCU_INACTIVE, MCU_INACTIVE, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct mcu_desc offer = browser(rows[i].offered);
        struct mcu_desc a;
        struct rtc_session s;
        assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
        for (size_t m = 0; m < 2; m++) {
            assert_int_equal(a.media[m].direction, rows[i].answered);
            assert_int_equal(s.lines[m].direction, rows[i].answered);
            assert_int_equal(a.media[m].ssrc != 0, rows[i].has_ssrc);
        }
    }
}

static void setup_follows_the_offer_and_then_stays(void **state)
{
    (void)state;
    static const struct {
        bool has_role;
        enum mcu_dtls_setup role, offered;
        int result;
        enum mcu_dtls_setup answered;
    } rows[] = {
        {false, 0, MCU_SETUP_ACTPASS, 0, MCU_SETUP_PASSIVE},
        {false, 0, MCU_SETUP_ACTIVE, 0, MCU_SETUP_PASSIVE},
        {false, 0, MCU_SETUP_PASSIVE, 0, MCU_SETUP_ACTIVE},
        {true, MCU_SETUP_PASSIVE, MCU_SETUP_ACTPASS, 0, MCU_SETUP_PASSIVE},
        {true, MCU_SETUP_ACTIVE, MCU_SETUP_ACTPASS, 0, MCU_SETUP_ACTIVE},
        {true, MCU_SETUP_ACTIVE, MCU_SETUP_PASSIVE, 0, MCU_SETUP_ACTIVE},
        {true, MCU_SETUP_PASSIVE, MCU_SETUP_PASSIVE, -EPROTO, 0},
        {true, MCU_SETUP_ACTIVE, MCU_SETUP_ACTIVE, -EPROTO, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtc_local local = us;
        local.has_role = rows[i].has_role;
        local.setup = rows[i].role;
        struct mcu_desc offer = browser(MCU_SENDRECV);
        offer.setup = rows[i].offered;
        struct mcu_desc a = {0};
        struct rtc_session s = {0};
        assert_int_equal(rtc_negotiate_answer(&offer, &local, MCU_CODEC_VP8, &a, &s),
                         rows[i].result);
        assert_int_equal(a.setup, rows[i].result ? MCU_SETUP_ACTPASS : rows[i].answered);
        assert_int_equal(s.is_dtls_client, !rows[i].result && a.setup == MCU_SETUP_ACTIVE);
    }
}

static void other_lines_are_rejected_in_their_place(void **state)
{
    (void)state;
    struct mcu_desc offer = browser(MCU_SENDRECV);
    struct mcu_desc_media *data = add(&offer, MCU_VIDEO, MCU_SENDRECV);
    data->is_rejected = true;
    snprintf(data->type, sizeof(data->type), "application");
    snprintf(data->proto, sizeof(data->proto), "UDP/DTLS/SCTP");
    snprintf(data->format, sizeof(data->format), "webrtc-datachannel");
    add_codec(add(&offer, MCU_VIDEO, MCU_SENDONLY), vp8(96, 97)); /* a screen */
    add_codec(add(&offer, MCU_VIDEO, MCU_SENDONLY), vp8(120, 0));
    add_codec(add(&offer, MCU_AUDIO, MCU_SENDONLY), opus());
    struct mcu_desc a;
    struct rtc_session s;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
    assert_int_equal(a.media_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(a.media[i].mid, offer.media[i].mid);
        assert_string_equal(a.media[i].type, offer.media[i].type);
        assert_int_equal(a.media[i].is_rejected, i >= 2 && i != 3);
    }
    assert_string_equal(a.media[2].format, "webrtc-datachannel");
    assert_string_equal(a.media[4].format, "120");
    assert_int_equal(s.pts[120].codec, MCU_CODEC_NONE);
}

static void the_first_usable_line_of_a_kind_is_taken(void **state)
{
    (void)state;
    struct mcu_desc offer = {.ice_ufrag = "abcd", .ice_pwd = "password", .setup = MCU_SETUP_ACTIVE};
    add_codec(add(&offer, MCU_VIDEO, MCU_SENDRECV), h264(102, 0, 0x42e01f, 0));
    add_codec(add(&offer, MCU_VIDEO, MCU_SENDRECV), vp8(96, 97));
    struct mcu_desc a;
    struct rtc_session s;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_H264, &a, &s), 0);
    assert_true(a.media[0].is_rejected);
    assert_false(a.media[1].is_rejected);
    assert_int_equal(s.lines[MCU_VIDEO].index, 1);
    assert_false(s.lines[MCU_AUDIO].is_used);
}

/* c: camera, s: screen, x: rejected */
static void two_pictures_find_their_lines(void **state)
{
    (void)state;
    enum { OFF = -1 };
    static const struct {
        const char *name;
        int directions[3]; /* as offered; OFF: port 0 */
        const char *slides; /* which of them say so */
        const char *lines;
        enum mcu_direction camera, screen; /* ours */
    } rows[] = {
        {"a camera alone", {MCU_SENDRECV, OFF, OFF}, "   ", "cxx", MCU_SENDRECV, MCU_INACTIVE},
        {"the second that sends", {MCU_SENDRECV, MCU_SENDONLY, OFF}, "   ", "csx", MCU_SENDRECV,
         MCU_RECVONLY},
        {"who only watches and shares", {MCU_RECVONLY, MCU_SENDONLY, OFF}, "   ", "csx",
         MCU_SENDONLY, MCU_RECVONLY},
        {"the mix goes out once", {MCU_SENDRECV, MCU_SENDRECV, OFF}, "   ", "csx", MCU_SENDRECV,
         MCU_RECVONLY},
        {"a line kept for later", {MCU_SENDRECV, MCU_INACTIVE, OFF}, "   ", "csx", MCU_SENDRECV,
         MCU_INACTIVE},
        {"who sends goes before who does not", {MCU_SENDRECV, MCU_RECVONLY, MCU_SENDONLY}, "   ",
         "cxs", MCU_SENDRECV, MCU_RECVONLY},
        {"slides say so", {MCU_SENDRECV, MCU_SENDONLY, MCU_SENDONLY}, "  s", "cxs", MCU_SENDRECV,
         MCU_RECVONLY},
        {"slides before the camera", {MCU_SENDONLY, MCU_SENDRECV, OFF}, "s  ", "scx", MCU_SENDRECV,
         MCU_RECVONLY},
        {"slides alone", {MCU_SENDRECV, OFF, OFF}, "s  ", "sxx", MCU_INACTIVE, MCU_RECVONLY},
        {"a line used again", {MCU_SENDRECV, OFF, MCU_SENDONLY}, "   ", "cxs", MCU_SENDRECV,
         MCU_RECVONLY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mcu_desc offer = {.ice_ufrag = "a", .ice_pwd = "b", .setup = MCU_SETUP_ACTPASS};
        for (size_t k = 0; k < 3; k++) {
            const int direction = rows[i].directions[k];
            struct mcu_desc_media *m = add(&offer, MCU_VIDEO, (enum mcu_direction)(direction & 3));
            m->is_rejected = direction == OFF;
            m->is_slides = rows[i].slides[k] == 's';
            add_codec(m, vp8(96, 97));
        }
        struct mcu_desc a;
        struct rtc_session s;
        assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
        const struct rtc_line *camera = &s.lines[MCU_VIDEO], *screen = &s.lines[RTC_LINE_SCREEN];
        for (size_t k = 0; k < 3; k++) {
            const char is = camera->is_used && camera->index == k   ? 'c'
                            : screen->is_used && screen->index == k ? 's'
                                                                    : 'x';
            if (is != rows[i].lines[k] || a.media[k].is_rejected != (is == 'x'))
                fail_msg("%s: line %zu is %c", rows[i].name, k, is);
            if (is == 's' && (a.media[k].ssrc || a.media[k].is_slides != offer.media[k].is_slides))
                fail_msg("%s: the screen's answer", rows[i].name);
        }
        if (camera->direction != rows[i].camera || screen->direction != rows[i].screen)
            fail_msg("%s: %d %d", rows[i].name, camera->direction, screen->direction);
        assert_int_equal(s.pts[96].lines & 1u << RTC_LINE_SCREEN,
                         screen->is_used ? 1u << RTC_LINE_SCREEN : 0);
        assert_int_equal(s.pts[97].lines, s.pts[96].lines);
    }
}

static void h264_is_taken_if_it_can_be_sent_or_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t profile;
        uint8_t mode;
        enum mcu_direction offered;
        bool is_taken;
    } rows[] = {
        {"constrained baseline", 0x42e01f, 1, MCU_SENDRECV, true},
        {"baseline", 0x42001f, 1, MCU_SENDRECV, true},
        {"a higher level", 0x42e034, 1, MCU_SENDRECV, true},
        {"a level too low to send 720p", 0x42e01e, 1, MCU_SENDRECV, false},
        {"the same from one who only sends", 0x42e01e, 1, MCU_SENDONLY, true},
        {"mode 0", 0x42e01f, 0, MCU_SENDRECV, false},
        {"main", 0x4d001f, 1, MCU_SENDRECV, false},
        {"high", 0x640c1f, 1, MCU_RECVONLY, false},
        {"high from one who only sends", 0x640c1f, 1, MCU_SENDONLY, true},
        {"4:4:4 from one who only sends", 0xf4001f, 1, MCU_SENDONLY, false},
        {"no profile told", 0, 1, MCU_SENDRECV, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mcu_desc offer = {.ice_ufrag = "a", .ice_pwd = "b", .setup = MCU_SETUP_ACTPASS};
        add_codec(add(&offer, MCU_VIDEO, rows[i].offered),
                  h264(102, 103, rows[i].profile, rows[i].mode));
        struct mcu_desc a;
        struct rtc_session s;
        const int result = rtc_negotiate_answer(&offer, &us, MCU_CODEC_H264, &a, &s);
        if (result != (rows[i].is_taken ? 0 : -EINVAL))
            fail_msg("%s: %d", rows[i].name, result);
        if (rows[i].is_taken && rows[i].profile == 0)
            assert_memory_equal(a.media[0].codecs[0].h264_profile,
                                ((const uint8_t[]){0x42, 0xe0, 0x1f}), 3);
    }
}

static void h264_levels_say_how_much_may_be_sent(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t profile;
        bool may_differ;
        enum mcu_direction offered;
        uint8_t answered;
        uint32_t height_max;
    } rows[] = {
        {"as browsers offer it", 0x42e01f, true, MCU_SENDRECV, 0x28, 720},
        {"one level both ways", 0x42e01f, false, MCU_SENDRECV, 0x1f, 720},
        {"level 4", 0x42e028, true, MCU_SENDRECV, 0x28, 1080},
        {"level 5.2, one both ways", 0x42e034, false, MCU_SENDRECV, 0x34, 1080},
        {"who only sends", 0x640c1f, true, MCU_SENDONLY, 0x28, 0},
        {"no profile told", 0, true, MCU_SENDRECV, 0x1f, 720},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mcu_desc offer = {.ice_ufrag = "a", .ice_pwd = "b", .setup = MCU_SETUP_ACTPASS};
        struct mcu_desc_codec c = h264(102, 103, rows[i].profile, 1);
        c.level_asymmetry_allowed = rows[i].may_differ;
        struct mcu_desc_media *m = add(&offer, MCU_VIDEO, rows[i].offered);
        add_codec(m, vp8(96, 97));
        add_codec(m, c);
        struct mcu_desc a;
        struct rtc_session s;
        assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_H264, &a, &s), 0);
        if (a.media[0].codecs[0].h264_profile[2] != rows[i].answered ||
            rtc_line_height_max(&s.lines[MCU_VIDEO]) != rows[i].height_max)
            fail_msg("%s: %02x, %u lines", rows[i].name, a.media[0].codecs[0].h264_profile[2],
                     rtc_line_height_max(&s.lines[MCU_VIDEO]));
        assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
        assert_true(rtc_line_height_max(&s.lines[MCU_VIDEO]) >= 1080 ||
                    rows[i].offered == MCU_SENDONLY);
    }
}

static void the_cheaper_codec_comes_first(void **state)
{
    (void)state;
    struct mcu_desc offer = {.ice_ufrag = "a", .ice_pwd = "b", .setup = MCU_SETUP_ACTPASS};
    struct mcu_desc_media *m = add(&offer, MCU_VIDEO, MCU_SENDRECV);
    struct mcu_desc_codec av1 = vp8(45, 46), vp9 = vp8(98, 99);
    av1.codec = MCU_CODEC_AV1;
    vp9.codec = MCU_CODEC_VP9;
    add_codec(m, av1);
    add_codec(m, vp9);
    add_codec(m, vp8(96, 97));
    add_codec(m, h264(102, 103, 0x42e01f, 1));
    struct mcu_desc a;
    struct rtc_session s;
    static const enum mcu_codec order[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9,
                                           MCU_CODEC_AV1};
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_H264, &a, &s), 0);
    assert_int_equal(a.media[0].codec_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(a.media[0].codecs[i].codec, order[i]);

    m->codec_count = 2; /* VP9 is the only one that both can take and send */
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_H264, &a, &s), 0);
    assert_int_equal(s.lines[MCU_VIDEO].codecs[0].codec, MCU_CODEC_VP9);
    assert_int_equal(s.lines[MCU_VIDEO].direction, MCU_SENDRECV);
    m->codec_count = 1; /* AV1 is only taken */
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_H264, &a, &s), 0);
    assert_int_equal(a.media[0].direction, MCU_RECVONLY);
    assert_int_equal(a.media[0].ssrc, 0);
    m->direction = MCU_RECVONLY;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_H264, &a, &s), -EINVAL);
}

static void layers_are_taken_where_they_can_be_told_apart(void **state)
{
    (void)state;
    struct mcu_desc offer = browser(MCU_SENDRECV);
    struct mcu_desc_media *m = &offer.media[1];
    m->rid_count = 3;
    for (size_t i = 0; i < 3; i++)
        m->rids[i][0] = (char)('a' + i);
    m->ext.rid = 5;
    m->ext.repaired_rid = 6;
    struct mcu_desc a;
    struct rtc_session s;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
    assert_int_equal(a.media[1].rid_count, 3);
    assert_string_equal(a.media[1].rids[2], "c");
    assert_int_equal(a.media[1].ext.repaired_rid, 6);
    assert_int_equal(s.lines[MCU_VIDEO].rid_count, 3);
    m->ext.rid = 0;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
    assert_int_equal(a.media[1].rid_count + s.lines[MCU_VIDEO].rid_count, 0);
    m->ext.rid = 5;
    m->direction = MCU_RECVONLY;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
    assert_int_equal(a.media[1].rid_count, 0);
}

/* There is one row for it: of three layers two would be lost, and maybe the large ones. */
static void a_screen_is_sent_whole(void **state)
{
    (void)state;
    struct mcu_desc offer = browser(MCU_SENDRECV);
    struct mcu_desc_media *m = &offer.media[offer.media_count++];
    *m = offer.media[1];
    strcpy(m->mid, "s");
    m->is_slides = true;
    m->ext.rid = 5;
    m->ext.repaired_rid = 6;
    m->rid_count = 2;
    strcpy(m->rids[0], "lo");
    strcpy(m->rids[1], "hi");
    struct mcu_desc a;
    struct rtc_session s;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
    assert_true(s.lines[RTC_LINE_SCREEN].is_used);
    assert_int_equal(s.lines[RTC_LINE_SCREEN].rid_count, 0);
    assert_int_equal(a.media[2].rid_count, 0);
    assert_int_equal(a.media[2].direction, MCU_RECVONLY);
}

static void repair_is_of_the_video_that_we_send(void **state)
{
    (void)state;
    static const struct {
        enum mcu_direction theirs;
        uint8_t fec_pt, answered;
    } rows[] = {
        {MCU_SENDRECV, 49, 49}, {MCU_RECVONLY, 49, 49}, {MCU_SENDONLY, 49, 0}, {MCU_SENDRECV, 0, 0},
        {MCU_SENDRECV, 96, 0} /* VP8 */, {MCU_SENDRECV, 97, 0} /* its RTX */, {MCU_SENDRECV, 72, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mcu_desc offer = browser(rows[i].theirs);
        offer.media[0].fec_pt = 48;
        offer.media[1].fec_pt = rows[i].fec_pt;
        struct mcu_desc a;
        struct rtc_session s;
        assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
        assert_int_equal(a.media[0].fec_pt, 0);
        assert_int_equal(a.media[1].fec_pt, rows[i].answered);
        assert_int_equal(a.media[1].fec_ssrc, rows[i].answered ? 105 : 0);
        assert_int_equal(s.lines[MCU_VIDEO].fec_pt, rows[i].answered);
    }
}

static void what_has_nothing_for_us_is_refused(void **state)
{
    (void)state;
    struct mcu_desc a;
    struct rtc_session s;
    struct mcu_desc offer = browser(MCU_SENDRECV);
    offer.ice_ufrag[0] = '\0';
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), -EINVAL);
    offer = browser(MCU_SENDRECV);
    offer.media[0].is_rejected = offer.media[1].is_rejected = true;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), -EINVAL);
    offer = browser(MCU_SENDRECV);
    offer.media_count = MCU_DESC_MEDIA_MAX + 1;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), -EINVAL);
    offer = browser(MCU_SENDRECV);
    offer.media_count = 1;
    offer.media[0].codecs[0].pt = 72; /* would look like RTCP */
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), -EINVAL);
}

static void extension_ids_that_cannot_be_are_left_out(void **state)
{
    (void)state;
    struct mcu_desc offer = browser(MCU_SENDRECV);
    offer.media[0].ext.audio_level = 15;
    offer.media[0].ext.mid = 0;
    struct mcu_desc a;
    struct rtc_session s;
    assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &a, &s), 0);
    assert_int_equal(a.media[0].ext.audio_level, 0);
    assert_int_equal(a.media[0].ext.mid, 0);
    assert_int_equal(a.media[0].ext.transport_cc, 3);
}

static void our_own_offer_meets_our_own_answer(void **state)
{
    (void)state;
    struct rtc_local them = us;
    them.ssrc[0] = 201;
    them.ssrc[1] = 202;
    struct mcu_desc offer, answer;
    struct rtc_session ours, theirs;
    assert_int_equal(
        rtc_negotiate_offer(&us, MCU_SENDRECV, MCU_RECVONLY, MCU_CODEC_H264, &offer), 0);
    assert_int_equal(offer.setup, MCU_SETUP_ACTPASS);
    assert_int_equal(rtc_negotiate_answer(&offer, &them, MCU_CODEC_H264, &answer, &theirs), 0);
    assert_int_equal(rtc_negotiate_answered(&offer, &us, &answer, &ours), 0);
    assert_true(ours.is_dtls_client != theirs.is_dtls_client);
    assert_int_equal(ours.lines[MCU_VIDEO].direction, MCU_RECVONLY);
    assert_int_equal(theirs.lines[MCU_VIDEO].direction, MCU_SENDONLY);
    assert_int_equal(ours.lines[MCU_AUDIO].remote_ssrc, 201);
    assert_int_equal(theirs.lines[MCU_AUDIO].remote_ssrc, 101);
    assert_int_equal(ours.lines[MCU_VIDEO].codecs[0].pt, theirs.lines[MCU_VIDEO].codecs[0].pt);

    struct mcu_desc other = answer;
    snprintf(other.media[0].mid, sizeof(other.media[0].mid), "x");
    assert_int_equal(rtc_negotiate_answered(&offer, &us, &other, &ours), -EINVAL);
    other = answer;
    other.setup = MCU_SETUP_ACTPASS;
    assert_int_equal(rtc_negotiate_answered(&offer, &us, &other, &ours), -EINVAL);
    other = answer;
    other.media_count = 1;
    assert_int_equal(rtc_negotiate_answered(&offer, &us, &other, &ours), -EINVAL);
    assert_int_equal(
        rtc_negotiate_offer(&us, MCU_INACTIVE, MCU_INACTIVE, MCU_CODEC_VP8, &offer), -EINVAL);
    assert_int_equal(
        rtc_negotiate_offer(&us, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_AV1, &offer), -EINVAL);
}

static void the_mix_is_offered_in_every_codec(void **state)
{
    (void)state;
    static const enum mcu_codec preferred[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9};
    struct mcu_desc offer, answer;
    struct rtc_session ours, theirs;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rtc_negotiate_mix(&us, preferred[i], &offer), 0);
        assert_int_equal(offer.media_count, 2);
        assert_int_equal(offer.media[0].direction, MCU_SENDONLY);
        assert_int_equal(offer.media[1].direction, MCU_SENDONLY);
        assert_int_equal(offer.media[1].codec_count, 3);
        assert_int_equal(offer.media[1].codecs[0].codec, preferred[i]);
        assert_int_not_equal(offer.media[1].codecs[1].codec, preferred[i]);
        assert_int_not_equal(offer.media[1].codecs[2].codec, preferred[i]);
        assert_int_not_equal(offer.media[1].codecs[1].codec, offer.media[1].codecs[2].codec);
        assert_int_equal(rtc_negotiate_answer(&offer, &us, MCU_CODEC_VP8, &answer, &theirs), 0);
        assert_int_equal(answer.media[1].direction, MCU_RECVONLY);
        assert_int_equal(rtc_negotiate_answered(&offer, &us, &answer, &ours), 0);
        assert_int_equal(ours.lines[MCU_VIDEO].codecs[0].codec, MCU_CODEC_VP8); /* as they like it */
        assert_int_equal(ours.lines[MCU_VIDEO].direction, MCU_SENDONLY);
    }
    answer.media[0].direction = answer.media[1].direction = MCU_SENDRECV; /* nobody asked for that */
    assert_int_equal(rtc_negotiate_answered(&offer, &us, &answer, &ours), 0);
    assert_int_equal(ours.lines[MCU_AUDIO].direction, MCU_SENDONLY);
    assert_int_equal(ours.lines[MCU_VIDEO].direction, MCU_SENDONLY);
    assert_int_equal(rtc_negotiate_mix(&us, MCU_CODEC_AV1, &offer), -EINVAL);
}

static void who_can_be_sent_nothing_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum mcu_direction direction;
        bool has_other_codec, is_rejected, is_sendable;
    } rows[] = {
        {"both ways", MCU_SENDRECV, false, false, true},
        {"receives", MCU_RECVONLY, false, false, true},
        {"sends", MCU_SENDONLY, false, false, false},
        {"neither", MCU_INACTIVE, false, false, false},
        {"another codec", MCU_RECVONLY, true, false, false},
        {"port 0", MCU_RECVONLY, false, true, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct mcu_desc offer = browser(rows[i].direction);
        for (size_t k = 0; k < offer.media_count; k++) {
            offer.media[k].is_rejected = rows[i].is_rejected;
            for (size_t c = 0; rows[i].has_other_codec && c < offer.media[k].codec_count; c++)
                offer.media[k].codecs[c].codec = MCU_CODEC_AV1;
        }
        if (rtc_negotiate_can_send(&offer) != rows[i].is_sendable)
            fail_msg("%s", rows[i].name);
    }
}

static void opus_is_answered_as_offered_and_as_the_room_is(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t red_pt, rtx_pt, answered_red_pt;
        bool has_nack, has_stereo;
        uint8_t channels;
        bool answers_stereo;
    } rows[] = {
        {"red and nack", 63, 0, 63, true, false, 1, false},
        {"no red, no nack", 0, 0, 0, false, false, 1, false},
        {"rtx too", 63, 120, 63, true, false, 1, false},
        {"red where RTCP is", 72, 0, 0, true, false, 1, false},
        {"red that is Opus itself", 111, 0, 0, true, false, 1, false},
        {"a stereo room", 63, 0, 63, false, false, 2, true},
        {"a mono room, stereo offered", 63, 0, 63, false, true, 1, false},
        {"as offered", 63, 0, 63, false, true, 0, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        struct mcu_desc offer = browser(MCU_SENDRECV);
        struct mcu_desc_codec *c = &offer.media[0].codecs[0];
        c->red_pt = rows[i].red_pt;
        c->rtx_pt = rows[i].rtx_pt;
        c->has_nack = rows[i].has_nack;
        c->opus_stereo = rows[i].has_stereo;
        struct rtc_local local = us;
        local.audio_channels = rows[i].channels;
        local.audio_bitrate_bps = rows[i].channels == 2 ? 128000 : 0;
        c->opus_bitrate_bps = 24000; /* theirs, of what we send */
        struct mcu_desc a;
        struct rtc_session s;
        assert_int_equal(rtc_negotiate_answer(&offer, &local, MCU_CODEC_VP8, &a, &s), 0);
        const struct mcu_desc_codec *got = &a.media[0].codecs[0];
        assert_int_equal(got->red_pt, rows[i].answered_red_pt);
        assert_int_equal(got->rtx_pt, rows[i].rtx_pt);
        assert_int_equal(got->has_nack, rows[i].has_nack);
        assert_int_equal(got->opus_stereo, rows[i].answers_stereo);
        assert_true(got->opus_inband_fec);
        assert_int_equal(got->opus_bitrate_bps, rows[i].channels == 2 ? 128000 : 0);
        assert_int_equal(a.media[0].rtx_ssrc, rows[i].rtx_pt ? us.rtx_ssrc[MCU_AUDIO] : 0);
        assert_int_equal(s.pts[63].is_red, rows[i].answered_red_pt == 63);
        assert_false(s.pts[111].is_red);
        if (rows[i].rtx_pt)
            assert_true(s.pts[120].is_rtx && s.pts[120].media_pt == 111);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_gets_what_it_offered),
        cmocka_unit_test(the_preferred_codec_comes_first),
        cmocka_unit_test(directions_are_turned_round),
        cmocka_unit_test(setup_follows_the_offer_and_then_stays),
        cmocka_unit_test(other_lines_are_rejected_in_their_place),
        cmocka_unit_test(the_first_usable_line_of_a_kind_is_taken),
        cmocka_unit_test(two_pictures_find_their_lines),
        cmocka_unit_test(h264_is_taken_if_it_can_be_sent_or_decoded),
        cmocka_unit_test(h264_levels_say_how_much_may_be_sent),
        cmocka_unit_test(the_cheaper_codec_comes_first),
        cmocka_unit_test(layers_are_taken_where_they_can_be_told_apart),
        cmocka_unit_test(a_screen_is_sent_whole),
        cmocka_unit_test(repair_is_of_the_video_that_we_send),
        cmocka_unit_test(what_has_nothing_for_us_is_refused),
        cmocka_unit_test(extension_ids_that_cannot_be_are_left_out),
        cmocka_unit_test(opus_is_answered_as_offered_and_as_the_room_is),
        cmocka_unit_test(our_own_offer_meets_our_own_answer),
        cmocka_unit_test(the_mix_is_offered_in_every_codec),
        cmocka_unit_test(who_can_be_sent_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
