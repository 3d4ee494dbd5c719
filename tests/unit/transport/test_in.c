/* A peer's incoming pictures: whose a packet is, and what is told of each. RTP as it is after SRTP, by
 * a clock of our own. */
#include "transport/in.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/bytes.h"
#include "mcu/base/clock.h"
#include "transport/rtp.h"

enum { FRAMES_MAX = 256, MID = 4, RID = 5, REPAIRED_RID = 6, VP8 = 96, RTX = 97 };

struct rig {
    struct rtc_in *in;
    struct rtc_session session;
    int64_t now_us;
    size_t count;
    struct {
        enum rtc_picture picture;
        int64_t pts_us;
        uint8_t number; /* as sent */
        bool is_key;
    } frames[FRAMES_MAX];
};

static void on_audio(void *ctx, const struct rtc_audio *audio)
{
    (void)ctx;
    (void)audio;
}

static void on_video(void *ctx, enum rtc_picture picture, struct mcu_packet *frame)
{
    struct rig *r = ctx;
    if (r->count == FRAMES_MAX)
        return;
    r->frames[r->count].picture = picture;
    r->frames[r->count].pts_us = frame->pts_us;
    r->frames[r->count].number = frame->data[frame->size - 1];
    r->frames[r->count++].is_key = frame->is_key;
}

static void set_line(struct rig *r, unsigned line, const char *mid, enum mcu_direction direction)
{
    struct rtc_line *l = &r->session.lines[line];
    *l = (struct rtc_line){.is_used = true, .direction = direction,
                           .ext = {.mid = MID, .rid = RID, .repaired_rid = REPAIRED_RID}};
    snprintf(l->mid, sizeof(l->mid), "%s", mid);
    for (size_t pt = VP8; pt <= RTX; pt++)
        r->session.pts[pt] = (struct rtc_pt){
            .codec = MCU_CODEC_VP8, .kind = MCU_VIDEO, .is_rtx = pt == RTX, .media_pt = VP8,
            .lines = (uint8_t)(r->session.pts[pt].lines | 1u << line)};
}

static void open_rig(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    r->now_us = 1000 * MCU_US_PER_S;
    set_line(r, MCU_VIDEO, "cam", MCU_SENDRECV);
    const struct rtc_peer_sink sink = {.ctx = r, .on_audio = on_audio, .on_video = on_video};
    assert_int_equal(rtc_in_create(&r->in, &r->session, &sink), 0);
    rtc_in_renegotiated(r->in);
}

static void add_screen(struct rig *r, const char *mid)
{
    set_line(r, RTC_LINE_SCREEN, mid, MCU_RECVONLY);
    rtc_in_renegotiated(r->in);
}

/* What to send: a VP8 frame of one packet. */
struct shot {
    uint32_t ssrc;
    uint16_t seq;
    uint32_t timestamp;
    uint8_t number;
    bool is_delta;
    const char *mid;
    const char *rid;
    uint32_t lines; /* of a key frame; 0: 360 */
    bool is_rtx;
    uint16_t original; /* what RTX repeats */
};

static void put_text(struct mcu_writer *w, uint8_t id, const char *text)
{
    if (!text)
        return;
    mcu_put_u8(w, (uint8_t)(id << 4 | (strlen(text) - 1)));
    mcu_put(w, text, strlen(text));
}

static void put_extensions(struct mcu_writer *w, const struct shot *s)
{
    uint8_t ext[64] = {0};
    struct mcu_writer e = mcu_writer(ext, sizeof(ext));
    put_text(&e, MID, s->mid);
    put_text(&e, s->is_rtx ? REPAIRED_RID : RID, s->rid);
    const size_t words = (mcu_written(&e) + 3) / 4;
    mcu_put_u16(w, 0xbede);
    mcu_put_u16(w, (uint16_t)words);
    mcu_put(w, ext, words * 4);
}

static int shoot(struct rig *r, const struct shot *s)
{
    /* S, then RFC 6386, 9.1: a tag, the start code, 640x360 */
    uint8_t key[] = {0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
    static const uint8_t delta[] = {0x10, 0x31, 0x02, 0x00};
    uint8_t data[256];
    if (s->lines) {
        key[9] = (uint8_t)s->lines;
        key[10] = (uint8_t)(s->lines >> 8);
    }
    struct mcu_writer w = mcu_writer(data, sizeof(data));
    mcu_put_u8(&w, s->mid || s->rid ? 0x90 : 0x80);
    mcu_put_u8(&w, 0x80 | (s->is_rtx ? RTX : VP8));
    mcu_put_u16(&w, s->seq);
    mcu_put_u32(&w, s->timestamp);
    mcu_put_u32(&w, s->ssrc);
    if (s->mid || s->rid)
        put_extensions(&w, s);
    if (s->is_rtx)
        mcu_put_u16(&w, s->original);
    mcu_put(&w, s->is_delta ? delta : key, s->is_delta ? sizeof(delta) : sizeof(key));
    mcu_put_u8(&w, s->number);
    assert_false(w.failed);
    return rtc_in_packet(r->in, data, mcu_written(&w), r->now_us);
}

/* The newest frame is this one. */
static void assert_frame(const struct rig *r, size_t count, enum rtc_picture picture, uint8_t number)
{
    assert_int_equal(r->count, count);
    assert_int_equal(r->frames[count - 1].picture, picture);
    assert_int_equal(r->frames[count - 1].number, number);
}

static void mids_tell_pictures_apart(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    add_screen(&r, "scr");
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 1, .number = 1, .mid = "cam"}), 0);
    assert_frame(&r, 1, RTC_CAMERA, 1);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 2, .number = 2, .mid = "scr"}), 0);
    assert_frame(&r, 2, RTC_SCREEN, 2);
    /* Later packets do not say it any more. */
    assert_int_equal(
        shoot(&r, &(struct shot){.ssrc = 2, .seq = 1, .timestamp = 3000, .number = 3}), 0);
    assert_frame(&r, 3, RTC_SCREEN, 3);
    assert_int_equal(
        shoot(&r, &(struct shot){.ssrc = 1, .seq = 1, .timestamp = 3000, .number = 4}), 0);
    assert_frame(&r, 4, RTC_CAMERA, 4);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 3, .number = 5}), -EBADMSG);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 3, .number = 5, .mid = "else"}), -EBADMSG);
    assert_int_equal(r.count, 4);
    rtc_in_destroy(r.in);
}

static void announced_sources_tell_pictures_apart(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    add_screen(&r, "scr");
    r.session.lines[MCU_VIDEO].remote_ssrc = 11;
    r.session.lines[RTC_LINE_SCREEN].remote_ssrc = 12;
    r.session.lines[RTC_LINE_SCREEN].remote_rtx_ssrc = 13;
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 12, .number = 1}), 0);
    assert_frame(&r, 1, RTC_SCREEN, 1);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 11, .number = 2}), 0);
    assert_frame(&r, 2, RTC_CAMERA, 2);
    /* Frame 2 of the screen is lost and sent again. */
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 12, .seq = 2, .timestamp = 6000, .number = 4,
                                              .is_delta = true}),
                     0);
    assert_int_equal(r.count, 2);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 13, .timestamp = 3000, .number = 3,
                                              .is_delta = true, .is_rtx = true, .original = 1}),
                     0);
    assert_frame(&r, 4, RTC_SCREEN, 4);
    assert_int_equal(r.frames[2].number, 3);
    struct rtc_stream_stats stats[RTC_STREAMS_IN];
    rtc_in_read_stats(r.in, stats);
    assert_int_equal(stats[MCU_VIDEO + RTC_SCREEN].retransmitted, 1);
    assert_int_equal(stats[MCU_VIDEO + RTC_CAMERA].retransmitted, 0);
    assert_int_equal(stats[MCU_VIDEO + RTC_SCREEN].packets, 2);
    assert_int_equal(stats[MCU_VIDEO + RTC_CAMERA].packets, 1);
    rtc_in_destroy(r.in);
}

static void a_screen_comes_and_goes(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 1, .number = 1}), 0); /* the only one */
    add_screen(&r, "scr");
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 2, .number = 2, .mid = "scr"}), 0);
    assert_frame(&r, 2, RTC_SCREEN, 2);
    assert_int_equal(
        shoot(&r, &(struct shot){.ssrc = 1, .seq = 1, .timestamp = 3000, .number = 3}), 0);
    assert_frame(&r, 3, RTC_CAMERA, 3);

    r.session.lines[RTC_LINE_SCREEN].direction = MCU_INACTIVE;
    rtc_in_renegotiated(r.in);
    r.now_us += MCU_US_PER_S; /* longer than another source needs to take the camera's place */
    assert_int_equal(
        shoot(&r, &(struct shot){.ssrc = 2, .seq = 1, .timestamp = 3000, .number = 4}), -EBADMSG);
    assert_int_equal(r.count, 3);

    add_screen(&r, "new"); /* another line: what was known of the old one is forgotten */
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 2, .seq = 2, .timestamp = 6000}), -EBADMSG);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 5, .number = 6, .mid = "new"}), 0);
    assert_frame(&r, 4, RTC_SCREEN, 6);
    rtc_in_destroy(r.in);
}

static void each_picture_asks_for_its_own(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    add_screen(&r, "scr");
    uint32_t ssrc = 0;
    uint16_t seqs[16];
    assert_false(rtc_in_take_pli(r.in, RTC_SCREEN, r.now_us, true, &ssrc)); /* nothing came yet */
    shoot(&r, &(struct shot){.ssrc = 1, .number = 1, .mid = "cam"});
    shoot(&r, &(struct shot){.ssrc = 2, .number = 1, .mid = "scr"});
    assert_true(rtc_in_take_pli(r.in, RTC_SCREEN, r.now_us, true, &ssrc));
    assert_int_equal(ssrc, 2);
    assert_true(rtc_in_take_pli(r.in, RTC_CAMERA, r.now_us, true, &ssrc));
    assert_int_equal(ssrc, 1);
    assert_false(rtc_in_take_pli(r.in, RTC_CAMERA, r.now_us, true, &ssrc)); /* too early */

    shoot(&r, &(struct shot){.ssrc = 2, .seq = 4, .timestamp = 9000, .number = 2, .mid = "scr"});
    r.now_us += 50 * MCU_US_PER_MS;
    assert_int_equal(rtc_in_missing(r.in, RTC_IN_CAMERA, r.now_us, 20000, seqs, 16, &ssrc), 0);
    assert_int_equal(rtc_in_missing(r.in, RTC_IN_SCREEN, r.now_us, 20000, seqs, 16, &ssrc), 3);
    assert_int_equal(ssrc, 2);
    struct rtc_rtcp_block blocks[RTC_IN_ROWS];
    assert_int_equal(rtc_in_blocks(r.in, r.now_us, blocks), 2);
    assert_int_equal(blocks[0].ssrc, 1);
    assert_int_equal(blocks[1].ssrc, 2);
    assert_int_equal(blocks[1].lost, 3);
    rtc_in_destroy(r.in);
}

static bool has_ended(struct rig *r, enum rtc_picture picture)
{
    struct rtc_stream_stats stats[RTC_STREAMS_IN];
    rtc_in_tick(r->in, r->now_us);
    rtc_in_read_stats(r->in, stats);
    return stats[MCU_VIDEO + picture].is_ended;
}

static void a_picture_ends_by_bye_or_silence(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    add_screen(&r, "scr");
    assert_false(has_ended(&r, RTC_SCREEN));
    shoot(&r, &(struct shot){.ssrc = 1, .number = 1, .mid = "cam"});
    shoot(&r, &(struct shot){.ssrc = 2, .number = 1, .mid = "scr"});
    for (int i = 0; i < 12; i++) { /* nothing moves on it, but its sender reports */
        r.now_us += MCU_US_PER_S;
        const struct rtc_rtcp_sr sr = {.ntp = (uint64_t)(i + 100) << 32, .packets = 1};
        rtc_in_sr(r.in, 2, &sr, r.now_us);
    }
    assert_false(has_ended(&r, RTC_SCREEN));
    assert_true(has_ended(&r, RTC_CAMERA)); /* of which nothing was heard */
    rtc_in_bye(r.in, 2);
    r.now_us += MCU_US_PER_S;
    assert_false(has_ended(&r, RTC_SCREEN));
    r.now_us += MCU_US_PER_S;
    assert_true(has_ended(&r, RTC_SCREEN));
    shoot(&r, &(struct shot){.ssrc = 2, .seq = 1, .timestamp = 3000, .number = 2});
    assert_false(has_ended(&r, RTC_SCREEN));
    rtc_in_destroy(r.in);
}

/* Half a second without a picture: a camera's is frozen, a screen may stand still. */
static void a_camera_freezes_and_a_screen_does_not(void **state)
{
    (void)state;
    struct rig r;
    struct rtc_stream_stats stats[RTC_STREAMS_IN];
    open_rig(&r);
    add_screen(&r, "scr");
    for (uint16_t i = 0; i < 40; i++) {
        r.now_us += (i == 30 ? 500 : 40) * 1000;
        const uint32_t timestamp = (uint32_t)(r.now_us * 9 / 100);
        const struct shot camera = {
            .ssrc = 1, .seq = i, .timestamp = timestamp, .number = (uint8_t)i, .mid = "cam"};
        struct shot screen = camera;
        screen.ssrc = 2;
        screen.mid = "scr";
        shoot(&r, &camera);
        shoot(&r, &screen);
    }
    rtc_in_read_stats(r.in, stats);
    assert_int_equal(stats[MCU_VIDEO].freezes, 1);
    assert_int_equal(stats[MCU_VIDEO + RTC_SCREEN].freezes, 0);
    rtc_in_destroy(r.in);
}

/* Captured at one time, sent on two ways of which the screen's is 80 ms longer: at first that shows,
 * with reports it does not. */
static void pictures_are_of_one_time(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r);
    add_screen(&r, "scr");
    for (uint16_t i = 0; i < 200; i++) {
        const uint32_t timestamp = i * 9000u; /* ten a second */
        const int64_t at_us = 1000 * MCU_US_PER_S + i * 100 * MCU_US_PER_MS;
        r.now_us = at_us;
        shoot(&r, &(struct shot){.ssrc = 1, .seq = i, .timestamp = timestamp, .mid = "cam"});
        r.now_us = at_us + 80 * MCU_US_PER_MS;
        shoot(&r, &(struct shot){.ssrc = 2, .seq = i, .timestamp = timestamp + 77, .mid = "scr"});
        const struct rtc_rtcp_sr camera = {.ntp = (uint64_t)(5000 + i / 10) << 32,
                                           .rtp = i / 10 * 90000u};
        const struct rtc_rtcp_sr screen = {.ntp = camera.ntp, .rtp = camera.rtp + 77};
        if (i >= 20 && i % 10 == 0) {
            rtc_in_sr(r.in, 1, &camera, r.now_us);
            rtc_in_sr(r.in, 2, &screen, r.now_us);
        }
        r.count = i < 2 || i == 199 ? r.count : 4;
    }
    assert_int_equal(r.count, 6);
    assert_int_equal(r.frames[3].pts_us - r.frames[2].pts_us, 80 * MCU_US_PER_MS);
    const int64_t apart_us = r.frames[5].pts_us - r.frames[4].pts_us;
    assert_in_range(apart_us + MCU_US_PER_S, MCU_US_PER_S - 5000, MCU_US_PER_S + 5000);
    rtc_in_destroy(r.in);
}

/* --- simulcast ----------------------------------------------------------------------------------- */

static const char *const rids[] = {"lo", "mid", "hi"};

static void open_simulcast(struct rig *r)
{
    open_rig(r);
    struct rtc_line *line = &r->session.lines[MCU_VIDEO];
    line->rid_count = 3;
    for (size_t i = 0; i < 3; i++)
        snprintf(line->rids[i], sizeof(line->rids[i]), "%s", rids[i]);
    rtc_in_renegotiated(r->in);
}

/* A frame of the layers in `layers` (bits), key frames of those in `keys`; layer n numbers them 10n,
 * 180 lines times 2 to the n. */
static void shoot_layers(struct rig *r, uint16_t seq, unsigned layers, unsigned keys)
{
    r->now_us += 33 * MCU_US_PER_MS;
    for (unsigned i = 0; i < 3; i++) {
        if (!(layers & 1u << i))
            continue;
        assert_int_equal(
            shoot(r, &(struct shot){.ssrc = 100 + i, .seq = seq, .timestamp = seq * 3000u + i,
                                    .number = (uint8_t)(10 * i), .is_delta = !(keys & 1u << i),
                                    .lines = 180u << i, .mid = seq < 2 ? "cam" : NULL,
                                    .rid = seq < 2 ? rids[i] : NULL}),
            0);
    }
    rtc_in_tick(r->in, r->now_us);
}

static unsigned shown(const struct rig *r)
{
    return r->count ? r->frames[r->count - 1].number / 10u : 99;
}

static uint32_t asked(struct rig *r)
{
    uint32_t ssrc = 0;
    return rtc_in_take_pli(r->in, RTC_CAMERA, r->now_us, false, &ssrc) ? ssrc : 0;
}

static void the_layer_that_covers_the_limit_is_taken(void **state)
{
    (void)state;
    struct rig r;
    uint16_t seq = 0;
    open_simulcast(&r);
    for (; seq < 20; seq++)
        shoot_layers(&r, seq, 7, seq == 0 ? 7 : 0);
    assert_int_equal(shown(&r), 0); /* the first that began; the largest is wanted */
    assert_int_equal(asked(&r), 102);
    shoot_layers(&r, seq++, 7, 4);
    assert_int_equal(shown(&r), 2);
    assert_int_equal(asked(&r), 0);

    const struct rtc_limit limit = {.width = 640, .height = 360, .fps = 30, .bitrate_bps = 500000};
    rtc_in_limit(r.in, RTC_CAMERA, &limit);
    shoot_layers(&r, seq++, 7, 0);
    assert_int_equal(shown(&r), 2); /* it plays on until the other begins */
    shoot_layers(&r, seq++, 7, 0);
    assert_int_equal(asked(&r), 101);
    shoot_layers(&r, seq++, 7, 2);
    assert_int_equal(shown(&r), 1);
    assert_true(r.frames[r.count - 1].is_key);
    shoot_layers(&r, seq++, 7, 0);
    assert_int_equal(shown(&r), 1);

    const struct rtc_limit none = {.bitrate_bps = 0};
    rtc_in_limit(r.in, RTC_CAMERA, &none);
    shoot_layers(&r, seq++, 7, 0);
    shoot_layers(&r, seq++, 7, 1);
    assert_int_equal(shown(&r), 0);
    for (size_t i = 1; i < r.count; i++) /* also where two layers had the same picture */
        assert_true(r.frames[i].pts_us > r.frames[i - 1].pts_us);
    rtc_in_destroy(r.in);
}

static void a_layer_that_stops_gives_way(void **state)
{
    (void)state;
    struct rig r;
    uint16_t seq = 0;
    open_simulcast(&r);
    for (; seq < 20; seq++)
        shoot_layers(&r, seq, 7, seq == 0 || seq == 18 ? 7 : 0);
    assert_int_equal(shown(&r), 2);
    for (int i = 0; i < 60; i++, seq++) /* its sender has no room for the largest */
        shoot_layers(&r, seq, 3, i % 10 == 9 ? 3 : 0);
    assert_int_equal(shown(&r), 1);
    for (int i = 0; i < 60; i++, seq++)
        shoot_layers(&r, seq, 7, i % 10 == 9 ? 7 : 0);
    assert_int_equal(shown(&r), 2);
    rtc_in_destroy(r.in);
}

static void repairs_find_their_layer(void **state)
{
    (void)state;
    struct rig r;
    open_simulcast(&r);
    shoot_layers(&r, 0, 7, 7);
    const size_t before = r.count;
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 100, .seq = 2, .timestamp = 6000,
                                              .is_delta = true, .number = 2}), 0);
    assert_int_equal(r.count, before);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 555, .timestamp = 3000, .is_delta = true,
                                              .number = 1, .mid = "cam", .rid = "lo",
                                              .is_rtx = true, .original = 1}), 0);
    assert_int_equal(r.count, before + 2);
    assert_int_equal(r.frames[before].number, 1);
    /* Which layer it is was said once; without a word it is nobody's. */
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 555, .seq = 1, .timestamp = 9000,
                                              .is_delta = true, .is_rtx = true, .original = 3}), 0);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 556, .is_delta = true}), -EBADMSG);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 556, .mid = "cam", .rid = "no"}), -EBADMSG);
    struct rtc_rtcp_block blocks[RTC_IN_ROWS];
    assert_int_equal(rtc_in_blocks(r.in, r.now_us, blocks), 3);
    uint32_t ssrcs[RTC_IN_ROWS];
    assert_int_equal(rtc_in_ssrcs(r.in, ssrcs), 3);

    /* The next offer has one stream only. */
    r.session.lines[MCU_VIDEO].rid_count = 0;
    rtc_in_renegotiated(r.in);
    assert_int_equal(shoot(&r, &(struct shot){.ssrc = 102, .seq = 50, .number = 9}), 0);
    assert_int_equal(r.frames[r.count - 1].number, 9);
    rtc_in_destroy(r.in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mids_tell_pictures_apart),
        cmocka_unit_test(announced_sources_tell_pictures_apart),
        cmocka_unit_test(a_screen_comes_and_goes),
        cmocka_unit_test(each_picture_asks_for_its_own),
        cmocka_unit_test(a_picture_ends_by_bye_or_silence),
        cmocka_unit_test(a_camera_freezes_and_a_screen_does_not),
        cmocka_unit_test(pictures_are_of_one_time),
        cmocka_unit_test(the_layer_that_covers_the_limit_is_taken),
        cmocka_unit_test(a_layer_that_stops_gives_way),
        cmocka_unit_test(repairs_find_their_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
