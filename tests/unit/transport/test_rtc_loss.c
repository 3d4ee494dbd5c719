/* Two peers over loopback with a path that loses datagrams, always the same ones. */
#include "pair.h"

enum { FRAMES = 120 };

/* Loses every `one_in`th video-sized datagram; of what is resent too. */
struct lossy {
    unsigned one_in;
    unsigned count;
    unsigned lost;
    bool is_total; /* all media: nothing gets through */
};

static bool is_media(const uint8_t *data, size_t size)
{
    return rtc_datagram_kind(data, size) == RTC_DATAGRAM_RTP && size > 300;
}

static bool loses(void *ctx, const uint8_t *data, size_t size)
{
    struct lossy *l = ctx;
    if (!is_media(data, size))
        return false;
    if (l->is_total)
        return true;
    if (++l->count % l->one_in)
        return false;
    l->lost++;
    return true;
}

static void push_video_frames(struct end *e, enum mcu_codec codec, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++) {
        end_push_video(e, codec, n, n == 0, 6000);
        mcu_sleep_until_us(mcu_now_us() + 15000);
    }
}

static void all_frames_arrive(struct end *b, enum mcu_codec codec)
{
    assert_true(pair_wait(has_frames, b, FRAMES));
    for (uint32_t n = 0; n < FRAMES; n++)
        assert_true(pair_is_frame(b, n, codec, n, n == 0, 6000));
}

static bool has_nacks(struct end *e, size_t n)
{
    struct rtc_peer_stats s;
    rtc_peer_read_stats(e->peer, &s);
    return s.in[MCU_VIDEO].nacks >= n;
}

static bool has_resent(struct end *e, size_t n)
{
    struct rtc_peer_stats s;
    rtc_peer_read_stats(e->peer, &s);
    return s.out[MCU_VIDEO].retransmitted >= n;
}

static bool has_repaired(struct end *e, size_t n)
{
    struct rtc_peer_stats s;
    rtc_peer_read_stats(e->peer, &s);
    return s.in[MCU_VIDEO].retransmitted >= n;
}

static bool has_plis(struct end *e, size_t n)
{
    struct rtc_peer_stats s;
    rtc_peer_read_stats(e->peer, &s);
    return s.in[MCU_VIDEO].plis >= n;
}

static void lost_packets_come_again_by_rtx(void **state)
{
    (void)state;
    struct end a, b;
    struct lossy lossy = {.one_in = 9};
    pair_open_unmeasured(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    rtc_peer_filter(a.peer, loses, &lossy);
    push_video_frames(&a, MCU_CODEC_VP8, FRAMES);
    all_frames_arrive(&b, MCU_CODEC_VP8);
    assert_true(pair_wait(has_resent, &a, 50));
    assert_true(pair_wait(has_nacks, &b, 50));
    assert_true(pair_wait(has_repaired, &b, 50));
    assert_int_equal(end_read(&a, key_asked), 0);
    rtc_peer_filter(a.peer, NULL, NULL);
    assert_true(lossy.lost > 50);
    end_close(&a);
    end_close(&b);
}

static void without_rtx_the_same_packet_comes_again(void **state)
{
    (void)state;
    struct end a, b;
    struct lossy lossy = {.one_in = 11};
    end_open(&a);
    end_open(&b);
    struct mcu_desc offer, answer;
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_H264, &offer), 0);
    offer.media[1].codecs[0].rtx_pt = 0;
    offer.media[0].ext.transport_cc = offer.media[1].ext.transport_cc = 0;
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_H264, &answer), 0);
    assert_int_equal(answer.media[1].codecs[0].rtx_pt, 0);
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    end_feed(&a, MCU_CODEC_H264);
    rtc_peer_filter(a.peer, loses, &lossy);
    push_video_frames(&a, MCU_CODEC_H264, FRAMES);
    all_frames_arrive(&b, MCU_CODEC_H264);
    assert_true(pair_wait(has_resent, &a, 40));
    rtc_peer_filter(a.peer, NULL, NULL);
    end_close(&a);
    end_close(&b);
}

/* Nothing gets through for a while: frames that need what is lost never come out, a key frame is
 * asked for, and from it on all is well. */
static void what_cannot_be_repaired_needs_a_key_frame(void **state)
{
    (void)state;
    struct end a, b;
    struct lossy lossy = {.one_in = 1, .is_total = true};
    pair_open_unmeasured(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    end_push_video(&a, MCU_CODEC_VP8, 0, true, 6000);
    assert_true(pair_wait(has_frames, &b, 1));
    rtc_peer_filter(a.peer, loses, &lossy);
    end_push_video(&a, MCU_CODEC_VP8, 1, false, 6000);
    mcu_sleep_until_us(mcu_now_us() + 1200000); /* longer than packets are kept */
    rtc_peer_filter(a.peer, NULL, NULL);
    uint32_t n = 2;
    const int64_t by_us = mcu_now_us() + PAIR_WAIT_MS * MCU_US_PER_MS;
    for (bool is_asked = false; !is_asked && mcu_now_us() < by_us; n++) {
        end_push_video(&a, MCU_CODEC_VP8, n, false, 6000);
        mcu_sleep_until_us(mcu_now_us() + 15000);
        pthread_mutex_lock(&a.lock);
        is_asked = a.key_asked > 0;
        pthread_mutex_unlock(&a.lock);
    }
    assert_true(end_read(&a, key_asked) >= 1);
    assert_int_equal(end_read(&b, frame_count), 1);
    end_push_video(&a, MCU_CODEC_VP8, n, true, 6000);
    end_push_video(&a, MCU_CODEC_VP8, n + 1, false, 6000);
    assert_true(pair_wait(has_frames, &b, 3));
    assert_true(pair_is_frame(&b, 1, MCU_CODEC_VP8, n, true, 6000));
    assert_true(pair_is_frame(&b, 2, MCU_CODEC_VP8, n + 1, false, 6000));
    assert_true(pair_wait(has_plis, &b, 1));
    end_close(&a);
    end_close(&b);
}

static bool loses_dtls_once(void *ctx, const uint8_t *data, size_t size)
{
    unsigned *count = ctx;
    return rtc_datagram_kind(data, size) == RTC_DATAGRAM_DTLS && ++*count % 2 == 1;
}

static void a_handshake_survives_loss(void **state)
{
    (void)state;
    struct end a, b;
    unsigned lost[2] = {0, 0};
    end_open(&a);
    end_open(&b);
    rtc_peer_filter(a.peer, loses_dtls_once, &lost[0]);
    rtc_peer_filter(b.peer, loses_dtls_once, &lost[1]);
    pair_negotiate(&a, &b, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    rtc_peer_filter(a.peer, NULL, NULL);
    rtc_peer_filter(b.peer, NULL, NULL);
    assert_true(lost[0] > 1 && lost[1] > 1);
    end_close(&a);
    end_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_packets_come_again_by_rtx),
        cmocka_unit_test(without_rtx_the_same_packet_comes_again),
        cmocka_unit_test(what_cannot_be_repaired_needs_a_key_frame),
        cmocka_unit_test(a_handshake_survives_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
