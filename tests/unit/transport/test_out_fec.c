/* Repair of what one peer is sent that nobody asked for: when, how much, and that it repairs. See
 * out_rig.h and unfec.h. */
#include "out_rig.h"
#include "transport/rtcp.h"
#include "unfec.h"

enum { FEC_PT = 49, FEC_SSRC = 0x1004, LONG_US = 300 * 1000, SHORT_US = 60 * 1000 };

/* Media and repair packets as they left, media without its transport-wide number. */
struct wire {
    struct unfec_packet media[65536];
    uint16_t first, last;
    bool has_media;
    size_t media_bytes;
    size_t repair_count, repair_bytes;
    struct unfec_packet repair[4096]; /* payloads */
    uint16_t repair_seq;
};

static void on_packet(void *ctx, const uint8_t *data, size_t size)
{
    static const uint8_t zero[2] = {0};
    struct wire *w = ctx;
    struct rtc_rtp rtp;
    assert_int_equal(rtc_rtp_parse(&rtp, data, size), 0);
    if (rtp.pt == RIG_PT) {
        struct unfec_packet *p = &w->media[rtp.seq];
        p->size = size;
        memcpy(p->data, data, size);
        assert_int_equal(rtc_rtp_ext_rewrite(p->data, size, RIG_TCC, zero, 2), 0);
        w->first = w->has_media ? w->first : rtp.seq;
        w->last = rtp.seq;
        w->has_media = true;
        w->media_bytes += size;
    } else if (rtp.pt == FEC_PT) {
        assert_int_equal(rtp.ssrc, FEC_SSRC);
        assert_true(size <= 1200);
        assert_true(w->repair_count < 4096);
        if (w->repair_count)
            assert_int_equal((uint16_t)(rtp.seq - w->repair_seq), 1);
        w->repair_seq = rtp.seq;
        struct unfec_packet *p = &w->repair[w->repair_count++];
        p->size = rtp.payload_size;
        memcpy(p->data, rtp.payload, rtp.payload_size);
        w->repair_bytes += size;
    }
}

static struct rig *create(struct wire **out)
{
    struct wire *w = calloc(1, sizeof(*w));
    struct rig *r = rig_create(MCU_CODEC_VP8);
    assert_non_null(w);
    r->session.lines[MCU_VIDEO].fec_pt = FEC_PT;
    r->local.fec_ssrc = FEC_SSRC;
    r->on_packet = on_packet;
    r->on_packet_ctx = w;
    rtc_out_tune(r->out, 1, r->now_us);
    *out = w;
    return r;
}

static void destroy(struct rig *r, struct wire *w)
{
    rig_is_one_stream(r);
    rig_destroy(r);
    free(w);
}

/* The far side's report: so much was lost, and it takes that long to ask. */
static void tell(struct rig *r, uint32_t loss_percent, int64_t rtt_us)
{
    const struct rtc_rtcp_block block = {.ssrc = r->local.ssrc[MCU_VIDEO],
                                         .fraction = (uint8_t)(loss_percent * 256 / 100)};
    rtc_out_block(r->out, &block, r->now_us);
    rtc_out_nack(r->out, r->local.ssrc[MCU_VIDEO], NULL, 0, r->now_us, rtt_us);
}

static void run(struct rig *r, size_t frames, size_t frame_bytes, size_t key_bytes)
{
    for (size_t i = 0; i < frames; i++) {
        const bool is_key = i == 0;
        rig_push(r, &(struct rig_frame){.feed_id = 1,
                                        .number = (uint32_t)i,
                                        .is_key = is_key,
                                        .size = is_key ? key_bytes : frame_bytes});
        rig_wait(r, 35 * 1000);
    }
    rig_wait(r, 500 * 1000);
}

/* Loses every `nth` packet in turn, alone, and counts what comes back. */
static size_t count_recovered(struct wire *w, uint32_t nth, size_t *lost)
{
    size_t recovered = 0;
    *lost = 0;
    for (uint16_t seq = w->first; seq != (uint16_t)(w->last + 1); seq++) {
        struct unfec_packet *p = &w->media[seq];
        if ((uint16_t)(seq - w->first) % nth)
            continue;
        const size_t was = p->size;
        bool is_back = false;
        p->size = 0;
        for (size_t i = 0; i < w->repair_count && !is_back; i++) {
            uint8_t out[1500];
            uint16_t got;
            if (unfec_recover(w->repair[i].data, w->repair[i].size, w->media, &got, out) != was ||
                got != seq)
                continue;
            assert_memory_equal(out, p->data, was);
            is_back = true;
        }
        p->size = was;
        *lost += 1;
        recovered += is_back;
    }
    return recovered;
}

static void far_away_what_is_lost_comes_back_unasked(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{300, 3000}, {2500, 60000}, {9000, 200000}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct wire *w;
        struct rig *r = create(&w);
        size_t lost;
        tell(r, 10, LONG_US);
        run(r, 60, sizes[i][0], sizes[i][1]);
        assert_true(w->repair_count > 5);
        const size_t back = count_recovered(w, 1, &lost);
        /* All but those of the last block, which may not have ended. */
        assert_true(lost >= 60 && back + 10 >= lost);
        destroy(r, w);
    }
}

static void neighbours_are_repaired_apart(void **state)
{
    (void)state;
    struct wire *w;
    struct rig *r = create(&w);
    size_t pairs = 0, back = 0;
    tell(r, 20, LONG_US);
    run(r, 40, 9000, 60000);
    for (uint16_t seq = w->first; seq != w->last; seq += 2) {
        struct unfec_packet *const two[] = {&w->media[seq], &w->media[(uint16_t)(seq + 1)]};
        const size_t was[] = {two[0]->size, two[1]->size};
        two[0]->size = two[1]->size = 0;
        size_t found = 0;
        for (size_t i = 0; i < w->repair_count; i++) {
            uint8_t out[1500];
            uint16_t got;
            found += unfec_recover(w->repair[i].data, w->repair[i].size, w->media, &got, out) > 0;
        }
        two[0]->size = was[0];
        two[1]->size = was[1];
        pairs++;
        back += found >= 2;
        if (seq == (uint16_t)(w->last - 1))
            break;
    }
    assert_true(back * 10 >= pairs * 9);
    destroy(r, w);
}

static void nothing_is_repaired_that_can_be_asked_for(void **state)
{
    (void)state;
    static const struct {
        uint32_t loss_percent;
        int64_t rtt_us;
        bool has_fec;
    } rows[] = {{10, SHORT_US, true}, {0, LONG_US, true}, {10, LONG_US, false}, {10, -1, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wire *w;
        struct rig *r = create(&w);
        if (!rows[i].has_fec)
            r->session.lines[MCU_VIDEO].fec_pt = 0;
        tell(r, rows[i].loss_percent, rows[i].rtt_us);
        run(r, 30, 2500, 30000);
        assert_true(w->media_bytes > 0);
        assert_int_equal(w->repair_count, 0);
        destroy(r, w);
    }
}

static void repair_is_twice_the_loss_and_within_what_is_left(void **state)
{
    (void)state;
    static const struct {
        uint32_t loss_percent;
        uint64_t bps;
        uint32_t least_percent, most_percent; /* of the media's bytes */
    } rows[] = {
        {3, UINT64_MAX, 8, 20},  {10, UINT64_MAX, 15, 30}, {40, UINT64_MAX, 45, 75},
        {40, 100 * 1000, 5, 22}, /* of some 575 kbit/s */
        {40, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wire *w;
        struct rig *r = create(&w);
        tell(r, rows[i].loss_percent, LONG_US);
        rtc_out_set_redundancy(r->out, rows[i].bps);
        run(r, 300, 2500, 2500);
        const size_t percent = w->repair_bytes * 100 / w->media_bytes;
        if (percent < rows[i].least_percent || percent > rows[i].most_percent)
            fail_msg("row %zu: %zu %%", i, percent);
        destroy(r, w);
    }
}

static void it_leaves_no_faster_than_all_else(void **state)
{
    (void)state;
    struct wire *w;
    struct rig *r = create(&w);
    rtc_out_remb(r->out, 400 * 1000, r->now_us);
    tell(r, 40, LONG_US);
    run(r, 1, 0, 40000);
    rig_wait(r, 3000 * 1000);
    assert_true(w->repair_count > 10);
    for (size_t i = 0; i < r->count; i++) {
        size_t bytes = 0;
        for (size_t k = i; k < r->count && r->packets[k].sent_us < r->packets[i].sent_us + 10000;
             k++)
            bytes += r->packets[k].size;
        assert_true(bytes < 2 * (400 * 1000 * 11 / 10 * 3 / 2 / 8 / 100) + 2 * 1200);
    }
    destroy(r, w);
}

static void push_audio(struct rig *r)
{
    uint8_t data[80] = {1};
    r->now_us += 20 * 1000;
    struct mcu_packet *packet = mcu_packet_copy(data, sizeof(data));
    struct rtc_payloads *payloads;
    packet->codec = MCU_CODEC_OPUS;
    packet->pts_us = r->now_us;
    assert_int_equal(rtc_payloads_create(&payloads, packet, RTC_FEED_PAYLOAD_MAX), 0);
    struct rtc_frame frame = {.feed_id = 99, .pushed_us = r->now_us, .payloads = payloads};
    rtc_out_frame(r->out, &frame, r->now_us);
    rtc_payloads_unref(payloads);
    mcu_packet_unref(packet);
}

/* A copy of 80 bytes 50 times a second is 34 kbit/s. Two are sent in any case, but where so little
 * gets through that they cost the picture, and loss is not much. */
static void copies_of_sound_beyond_the_second_have_to_fit(void **state)
{
    (void)state;
    static const struct {
        uint64_t bps;
        uint64_t copies;
        uint8_t fraction; /* of 256 */
        uint32_t estimate_bps;
    } rows[] = {
        {UINT64_MAX, 4, 120, 0}, {140 * 1000, 4, 120, 0}, {110 * 1000, 3, 120, 0}, {0, 2, 120, 0},
        {0, 2, 18, 0},           {0, 2, 18, 200000},      {0, 0, 18, 100000},      {0, 2, 40, 100000},
        {40000, 1, 18, 100000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig *r = rig_create(MCU_CODEC_VP8);
        const struct rtc_rtcp_block block = {.ssrc = r->local.ssrc[MCU_AUDIO], .fraction = rows[i].fraction};
        struct rtc_stream_stats before[2], after[2];
        uint64_t misses;
        r->session.lines[MCU_AUDIO].codecs[0].red_pt = 63;
        r->local.red_copies_max = 4;
        rtc_out_block(r->out, &block, r->now_us);
        rtc_out_set_redundancy(r->out, rows[i].bps);
        if (rows[i].estimate_bps)
            rtc_out_remb(r->out, rows[i].estimate_bps, r->now_us);
        for (int n = 0; n < 10; n++)
            push_audio(r);
        rtc_out_read_stats(r->out, before, &misses);
        push_audio(r);
        rtc_out_read_stats(r->out, after, &misses);
        assert_int_equal(after[MCU_AUDIO].copies - before[MCU_AUDIO].copies, rows[i].copies);
        rig_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(far_away_what_is_lost_comes_back_unasked),
        cmocka_unit_test(neighbours_are_repaired_apart),
        cmocka_unit_test(nothing_is_repaired_that_can_be_asked_for),
        cmocka_unit_test(repair_is_twice_the_loss_and_within_what_is_left),
        cmocka_unit_test(it_leaves_no_faster_than_all_else),
        cmocka_unit_test(copies_of_sound_beyond_the_second_have_to_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
