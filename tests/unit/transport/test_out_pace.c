/* How fast packets of one peer leave, over a made-up path with our own receiver's feedback; see
 * out_rig.h. */
#include "out_rig.h"
#include "transport/estimate.h"
#include "transport/rtcp.h"
#include "transport/twcc.h"

enum { STEP_US = 5000, FEEDBACK_US = 60 * 1000, DELAY_US = 30 * 1000 };

/* What left, through a limit, to the far side and back. */
struct far {
    struct rig *rig;
    struct rtc_twcc *twcc;
    uint64_t capacity_bps;
    size_t seen; /* of the rig's packets */
    int64_t busy_until_us;
    int64_t arrivals_us[RIG_PACKETS_MAX];
    size_t arrived;
    int64_t next_feedback_us;
    int64_t audio_queue_us; /* the longest that audio waited at the limit */
};

static void carry(struct far *f)
{
    struct rig *r = f->rig;
    for (; f->seen < r->count; f->seen++) {
        const struct rig_packet *p = &r->packets[f->seen];
        if (f->busy_until_us < p->sent_us)
            f->busy_until_us = p->sent_us;
        const int64_t wait_us = f->busy_until_us - p->sent_us;
        if (p->pt == 111 && wait_us > f->audio_queue_us)
            f->audio_queue_us = wait_us;
        f->busy_until_us += (int64_t)(p->size * 8 * 1000000 / f->capacity_bps);
        f->arrivals_us[f->seen] = f->busy_until_us + DELAY_US;
    }
    for (; f->arrived < f->seen && f->arrivals_us[f->arrived] <= r->now_us; f->arrived++)
        rtc_twcc_note(f->twcc, r->packets[f->arrived].transport_seq, f->arrivals_us[f->arrived]);
}

static void tell(struct far *f)
{
    struct rig *r = f->rig;
    uint8_t packet[1200];
    struct mcu_writer w = mcu_writer(packet, sizeof(packet));
    if (r->now_us < f->next_feedback_us || !rtc_twcc_is_due(f->twcc))
        return;
    f->next_feedback_us = r->now_us + FEEDBACK_US;
    assert_int_equal(rtc_twcc_put(f->twcc, &w, 1, 2), 0);
    rtc_out_feedback(r->out, packet + 12, mcu_written(&w) - 12, r->now_us, 2 * DELAY_US);
}

static void push_audio(struct rig *r)
{
    uint8_t data[60] = {1};
    struct mcu_packet *packet = mcu_packet_copy(data, sizeof(data));
    packet->codec = MCU_CODEC_OPUS;
    packet->pts_us = r->now_us;
    struct rtc_payloads *payloads;
    assert_int_equal(rtc_payloads_create(&payloads, packet, RTC_FEED_PAYLOAD_MAX), 0);
    struct rtc_frame frame = {.feed_id = 99, .pushed_us = r->now_us, .payloads = payloads};
    rtc_out_frame(r->out, &frame, r->now_us);
    rtc_payloads_unref(payloads);
    mcu_packet_unref(packet);
}

struct media {
    size_t frame_bytes; /* 30 a second; 0: none */
    size_t key_bytes;
    bool has_audio;
    uint32_t next;
    bool has_layers; /* 0 2 1 2 */
};

/* Frames as an encoder makes them that gives a key frame when asked. */
static void run(struct far *f, struct media *m, int64_t ms)
{
    static const uint8_t layers[] = {0, 2, 1, 2};
    struct rig *r = f->rig;
    for (const int64_t end_us = r->now_us + ms * 1000; r->now_us < end_us;) {
        r->now_us += STEP_US;
        if (m->has_audio && r->now_us % 20000 < STEP_US)
            push_audio(r);
        if (m->frame_bytes && r->now_us % 35000 < STEP_US) {
            const bool is_key = m->next == 0 || r->keys_asked > 0;
            r->keys_asked = 0;
            if (is_key)
                m->next += (4 - m->next % 4) % 4;
            rig_push(r, &(struct rig_frame){.feed_id = 1,
                                            .number = m->next,
                                            .is_key = is_key,
                                            .temporal_id = m->has_layers ? layers[m->next % 4] : 0,
                                            .size = is_key ? m->key_bytes : m->frame_bytes});
            m->next++;
        }
        rtc_out_tick(r->out, r->now_us);
        carry(f);
        tell(f);
    }
}

static struct far *far_create(uint64_t capacity_bps)
{
    struct far *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->rig = rig_create(MCU_CODEC_VP8);
    f->capacity_bps = capacity_bps;
    assert_int_equal(rtc_twcc_create(&f->twcc), 0);
    rtc_out_tune(f->rig->out, 1, f->rig->now_us);
    return f;
}

static void far_destroy(struct far *f)
{
    rig_is_one_stream(f->rig);
    rtc_twcc_destroy(f->twcc);
    rig_destroy(f->rig);
    free(f);
}

/* Every packet that leaves has a number, each its own. */
static void numbers_rise_by_one(const struct rig *r)
{
    for (size_t i = 1; i < r->count; i++)
        assert_int_equal((uint16_t)(r->packets[i].transport_seq - r->packets[i - 1].transport_seq),
                         1);
}

static void the_estimate_is_found_with_padding_where_little_is_sent(void **state)
{
    (void)state;
    struct far *f = far_create(3000000);
    struct media m = {.frame_bytes = 900, .key_bytes = 4000, .has_audio = true};
    run(f, &m, 8000);
    assert_true(f->rig->told > 0);
    assert_true(f->rig->estimate.bitrate_bps > 750000);
    assert_int_equal(f->rig->estimate.rtt_us, 2 * DELAY_US);
    size_t padding = 0, again = 0;
    for (size_t i = 0; i < f->rig->count; i++) {
        const struct rig_packet *p = &f->rig->packets[i];
        padding += p->pt == RIG_RTX_PT && p->payload_size == 0;
        again += p->pt == RIG_RTX_PT && p->payload_size > 0;
        assert_int_equal(p->ssrc, p->pt == RIG_RTX_PT ? 0x1003 : p->pt == 111 ? 0x1000 : 0x1001);
    }
    assert_true(padding + again > 10);
    numbers_rise_by_one(f->rig);
    far_destroy(f);
}

/* An easy picture takes little of what its size may cost. */
static void what_is_told_to_be_useful_is_looked_for_and_no_more(void **state)
{
    (void)state;
    static const uint64_t useful[] = {2500000, 400000};
    for (size_t i = 0; i < 2; i++) {
        struct far *f = far_create(5000000);
        struct media m = {.frame_bytes = 500, .key_bytes = 4000, .has_audio = true};
        rtc_out_set_useful(f->rig->out, useful[i]);
        run(f, &m, 8000);
        assert_in_range(f->rig->estimate.bitrate_bps, useful[i] * 9 / 10, useful[i] * 3 / 2);
        far_destroy(f);
    }
}

static void without_rtx_padding_stands_between_frames(void **state)
{
    (void)state;
    struct far *f = far_create(3000000);
    f->rig->session.lines[MCU_VIDEO].codecs[0].rtx_pt = 0;
    struct media m = {.frame_bytes = 900, .key_bytes = 4000, .has_audio = true};
    run(f, &m, 8000);
    assert_true(f->rig->estimate.bitrate_bps > 750000);
    size_t padding = 0;
    bool is_in_frame = false;
    uint16_t seq = 0;
    for (size_t i = 0; i < f->rig->count; i++) {
        const struct rig_packet *p = &f->rig->packets[i];
        if (p->pt != RIG_PT)
            continue;
        if (padding > 0 || is_in_frame)
            assert_int_equal((uint16_t)(p->seq - seq), 1);
        seq = p->seq;
        padding += p->payload_size == 0;
        assert_true(p->payload_size > 0 || !is_in_frame);
        is_in_frame = p->payload_size > 0 ? !p->marker : is_in_frame;
    }
    assert_true(padding > 10);
    numbers_rise_by_one(f->rig);
    f->rig->count = 0; /* padding shares the numbers here */
    far_destroy(f);
}

static void sound_alone_is_not_padded(void **state)
{
    (void)state;
    struct far *f = far_create(3000000);
    f->rig->session.lines[MCU_VIDEO].is_used = false;
    struct media m = {.has_audio = true};
    run(f, &m, 10000);
    for (size_t i = 0; i < f->rig->count; i++)
        assert_int_equal(f->rig->packets[i].pt, 111);
    assert_in_range(f->rig->count, 495, 505);
    far_destroy(f);
}

/* No 10 ms in which more leaves than 10 ms of the pacer's rate and a packet or two. */
static void a_large_key_frame_leaves_spread_out(void **state)
{
    (void)state;
    struct far *f = far_create(1000000);
    struct media m = {.frame_bytes = 2000, .key_bytes = 6000, .has_audio = true};
    run(f, &m, 15000);
    assert_in_range(f->rig->estimate.bitrate_bps, 500000, 1300000);
    const size_t from = f->rig->count;
    const uint64_t bps = f->rig->estimate.bitrate_bps;
    m.key_bytes = 30000;
    f->rig->keys_asked = 1;
    run(f, &m, 200);
    const struct rig_packet *p = f->rig->packets;
    for (size_t i = from; i < f->rig->count; i++) {
        size_t bytes = 0;
        for (size_t k = i; k < f->rig->count && p[k].sent_us - p[i].sent_us < 10000; k++)
            bytes += p[k].pt == RIG_PT ? p[k].size : 0;
        assert_true(bytes < bps * 3 / 2 * 20 / 8000 + 2 * 1200);
    }
    far_destroy(f);
}

static void sound_never_waits_for_pictures(void **state)
{
    (void)state;
    struct far *f = far_create(400000);
    struct media m = {.frame_bytes = 1000, .key_bytes = 6000, .has_audio = true};
    run(f, &m, 20000);
    size_t audio = 0;
    const size_t from = f->rig->count;
    f->audio_queue_us = 0;
    m.frame_bytes = 6000; /* 1.4 Mbit/s into 400 kbit/s */
    run(f, &m, 10000);
    for (size_t i = from; i < f->rig->count; i++)
        audio += f->rig->packets[i].pt == 111;
    assert_in_range(audio, 495, 505);
    assert_true(f->audio_queue_us < 500 * 1000);
    far_destroy(f);
}

/* What waits too long: the upper layers first, and the base goes on. */
static void too_much_video_loses_its_upper_layers_first(void **state)
{
    (void)state;
    struct far *f = far_create(500000);
    struct media m = {
        .frame_bytes = 1000, .key_bytes = 4000, .has_audio = true, .has_layers = true};
    run(f, &m, 15000);
    const size_t from = f->rig->count;
    m.frame_bytes = 3500; /* 840 kbit/s; the base alone 210 */
    run(f, &m, 10000);
    size_t of_layer[4] = {0};
    for (size_t i = from; i < f->rig->count; i++) {
        if (f->rig->packets[i].is_start)
            of_layer[f->rig->packets[i].vp8.tid]++;
    }
    assert_true(of_layer[0] > 60);
    assert_true(of_layer[2] < 130);
    assert_true(of_layer[0] * 2 > of_layer[2]);
    far_destroy(f);
}

/* And then whole frames up to a key frame, never more than the bound is held. */
static void far_too_much_video_becomes_key_frames(void **state)
{
    (void)state;
    struct far *f = far_create(300000);
    struct media m = {.frame_bytes = 600, .key_bytes = 4000, .has_audio = true};
    run(f, &m, 15000);
    const size_t from = f->rig->count;
    m.frame_bytes = 12000;
    m.key_bytes = 20000;
    run(f, &m, 10000);
    size_t frames = 0;
    int64_t longest_us = 0, last_us = 0;
    for (size_t i = from; i < f->rig->count; i++) {
        const struct rig_packet *p = &f->rig->packets[i];
        if (!p->is_start)
            continue;
        frames++;
        if (last_us && p->sent_us - last_us > longest_us)
            longest_us = p->sent_us - last_us;
        last_us = p->sent_us;
    }
    assert_true(frames >= 5);
    assert_true(longest_us < 3000000);
    far_destroy(f);
}

/* A retransmission that is lost costs a round trip more. */
static void where_much_is_lost_what_is_asked_for_leaves_twice(void **state)
{
    (void)state;
    static const struct {
        uint8_t fraction; /* of 256 */
        uint64_t redundancy_bps;
        size_t times;
    } rows[] = {{10, UINT64_MAX, 1}, {80, UINT64_MAX, 2}, {80, 0, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig *r = rig_create(MCU_CODEC_VP8);
        const struct rtc_rtcp_block block = {.ssrc = r->local.ssrc[MCU_VIDEO],
                                             .fraction = rows[i].fraction};
        rtc_out_tune(r->out, 1, r->now_us);
        rtc_out_set_redundancy(r->out, rows[i].redundancy_bps);
        rig_push(r, &(struct rig_frame){.feed_id = 1, .is_key = true, .size = 2500});
        rig_wait(r, 200 * 1000);
        const uint16_t seqs[] = {r->packets[0].seq, r->packets[1].seq};
        rtc_out_block(r->out, &block, r->now_us);
        const size_t from = r->count;
        rtc_out_nack(r->out, 0x1001, seqs, 2, r->now_us, 100000);
        rig_wait(r, 20 * 1000);
        rtc_out_nack(r->out, 0x1001, seqs, 2, r->now_us, 100000); /* not yet */
        rig_wait(r, 20 * 1000);
        assert_int_equal(r->count - from, 2 * rows[i].times);
        for (size_t k = from; k < r->count; k++) {
            assert_int_equal(r->packets[k].pt, RIG_RTX_PT);
            assert_int_equal((uint16_t)(r->packets[k].seq - r->packets[from].seq), k - from);
        }
        rig_destroy(r);
    }
}

static void what_is_asked_for_again_leaves_once_a_round_trip(void **state)
{
    (void)state;
    struct far *f = far_create(2000000);
    struct rig *r = f->rig;
    struct media m = {.frame_bytes = 2500, .key_bytes = 6000};
    run(f, &m, 3000);
    const size_t from = r->count;
    uint16_t seqs[3];
    size_t n = 0;
    for (size_t i = r->count; i > 0 && n < 3; i--) {
        if (r->packets[i - 1].pt == RIG_PT && r->now_us - r->packets[i - 1].sent_us > 200000)
            seqs[n++] = r->packets[i - 1].seq;
    }
    for (int i = 0; i < 10; i++) {
        rtc_out_nack(r->out, 0x1001, seqs, 3, r->now_us, 100000);
        r->now_us += 5000;
        rtc_out_tick(r->out, r->now_us);
    }
    size_t again = 0;
    for (size_t i = from; i < r->count; i++)
        again += r->packets[i].pt == RIG_RTX_PT && r->packets[i].payload_size > 600;
    assert_in_range(again, 3, 4); /* a probe may take one of its own */
    rtc_out_nack(r->out, 0x1001, seqs, 3, r->now_us + 2000000, 100000); /* too late to be of use */
    struct rtc_stream_stats stats[2];
    uint64_t misses;
    rtc_out_read_stats(r->out, stats, &misses);
    assert_int_equal(stats[MCU_VIDEO].retransmitted, 3);
    assert_int_equal(misses, 3);
    far_destroy(f);
}

/* However much an encoder makes that has not followed yet. */
static void for_long_hardly_more_leaves_than_the_estimate(void **state)
{
    (void)state;
    static const uint64_t rates[] = {60000, 400000};
    for (size_t i = 0; i < 2; i++) {
        struct rig *r = rig_create(MCU_CODEC_VP8);
        r->session.lines[MCU_VIDEO].ext.transport_cc = 0;
        r->session.lines[MCU_AUDIO].ext.transport_cc = 0;
        rtc_out_tune(r->out, 1, r->now_us);
        rtc_out_remb(r->out, rates[i], r->now_us);
        for (uint32_t n = 0; n < 250; n++) {
            push_audio(r); /* 47 kbit/s of it on the wire, which video gets less */
            rig_push(r, &(struct rig_frame){.feed_id = 1,
                                            .number = n,
                                            .is_key = r->keys_asked > 0 || n == 0,
                                            .size = 3500});
            r->keys_asked = 0;
            rig_wait(r, 20 * 1000);
        }
        size_t bytes = 0;
        for (size_t k = 0; k < r->count; k++)
            bytes += r->packets[k].size + RTC_OUT_WIRE_BYTES;
        assert_true(bytes > rates[i] * 5 / 8 * 8 / 10);
        assert_true(bytes < rates[i] * 5 / 8 * 12 / 10 + 2500);
        rig_destroy(r);
    }
}

static void a_peer_that_only_says_remb_is_believed(void **state)
{
    (void)state;
    struct rig *r = rig_create(MCU_CODEC_VP8);
    r->session.lines[MCU_VIDEO].ext.transport_cc = r->session.lines[MCU_AUDIO].ext.transport_cc = 0;
    rtc_out_tune(r->out, 1, r->now_us);
    rtc_out_tick(r->out, r->now_us);
    assert_int_equal(r->told, 0);
    rtc_out_remb(r->out, 240000, r->now_us);
    assert_int_equal(r->told, 1);
    assert_int_equal(r->estimate.bitrate_bps, 240000);
    const size_t from = r->count;
    rig_push(r, &(struct rig_frame){.feed_id = 1, .is_key = true, .size = 20000});
    rig_wait(r, 100 * 1000); /* at half as much again: 4.5 kB */
    size_t bytes = 0;
    for (size_t i = from; i < r->count; i++)
        bytes += r->packets[i].size;
    assert_in_range(bytes, 3000, 7000);
    rtc_out_remb(r->out, 100000, r->now_us); /* a fall is told at once */
    assert_int_equal(r->told, 2);
    rtc_out_remb(r->out, 101000, r->now_us);
    assert_int_equal(r->told, 2);
    rig_destroy(r);
}

/* Whatever it says: what is made of it neither overflows nor comes to a halt. */
static void no_remb_is_too_large_or_too_small(void **state)
{
    (void)state;
    static const uint64_t said[] = {UINT64_MAX, UINT64_MAX / 11, INT64_MAX, 1, 0};
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        struct rig *r = rig_create(MCU_CODEC_VP8);
        r->session.lines[MCU_VIDEO].ext.transport_cc = 0;
        r->session.lines[MCU_AUDIO].ext.transport_cc = 0;
        rtc_out_tune(r->out, 1, r->now_us);
        rtc_out_remb(r->out, said[i], r->now_us);
        assert_true(r->estimate.bitrate_bps <= RTC_ESTIMATE_MAX_BPS);
        rig_push(r, &(struct rig_frame){.feed_id = 1, .is_key = true, .size = 20000});
        rig_wait(r, 900 * 1000);
        rig_push(r, &(struct rig_frame){.feed_id = 1, .number = 1, .size = 20000});
        rig_wait(r, 100 * 1000);
        assert_true(said[i] == 1 || r->count > 30);
        rig_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_is_found_with_padding_where_little_is_sent),
        cmocka_unit_test(what_is_told_to_be_useful_is_looked_for_and_no_more),
        cmocka_unit_test(without_rtx_padding_stands_between_frames),
        cmocka_unit_test(sound_alone_is_not_padded),
        cmocka_unit_test(a_large_key_frame_leaves_spread_out),
        cmocka_unit_test(sound_never_waits_for_pictures),
        cmocka_unit_test(too_much_video_loses_its_upper_layers_first),
        cmocka_unit_test(far_too_much_video_becomes_key_frames),
        cmocka_unit_test(where_much_is_lost_what_is_asked_for_leaves_twice),
        cmocka_unit_test(what_is_asked_for_again_leaves_once_a_round_trip),
        cmocka_unit_test(for_long_hardly_more_leaves_than_the_estimate),
        cmocka_unit_test(a_peer_that_only_says_remb_is_believed),
        cmocka_unit_test(no_remb_is_too_large_or_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
