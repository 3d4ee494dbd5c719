/* The video jitter buffer: whole frames in decoding order, whatever the network does. */
#include <errno.h>

#include "tests/unit/transport/video_source.h"
#include "transport/video_jitter.h"

enum { MS = 1000, WAIT_US = 200 * MS };

/* A jitter buffer that is fed by a source, and what came out of it. */
struct rig {
    struct source *source;
    struct rtc_video_jitter *jitter;
    int out[SOURCE_FRAMES]; /* indices of frames, in order */
    size_t out_count;
};

static struct rig rig_create(enum mcu_codec codec)
{
    struct rig rig = {.source = source_create(codec, 77)};
    assert_int_equal(rtc_video_jitter_create(&rig.jitter, codec, WAIT_US), 0);
    return rig;
}

static void rig_destroy(struct rig *rig)
{
    rtc_video_jitter_destroy(rig->jitter);
    source_destroy(rig->source);
}

/* Which frame this is, by its timestamp; its bytes must be the ones sent. */
static int recognise(const struct rig *rig, const struct rtc_video_frame *frame)
{
    for (size_t i = 0; i < rig->source->frame_count; i++) {
        const struct source_frame *f = &rig->source->frames[i];
        if (f->timestamp != frame->timestamp)
            continue;
        assert_int_equal(frame->packet->size, f->size);
        assert_memory_equal(frame->packet->data, f->data, f->size);
        assert_int_equal(frame->packet->is_key, f->is_key);
        assert_int_equal(frame->packet->temporal_id, f->tid);
        assert_int_equal(frame->packet->codec, rig->source->codec);
        assert_int_equal(frame->last_seq, rig->source->packets[f->first + f->count - 1].seq);
        return (int)i;
    }
    fail_msg("a frame that was not sent");
    return -1;
}

static size_t drain(struct rig *rig, int64_t now_us)
{
    struct rtc_video_frame frame;
    size_t count = 0;
    int err;
    while ((err = rtc_video_jitter_pop(rig->jitter, now_us, &frame)) == 0) {
        rig->out[rig->out_count++] = recognise(rig, &frame);
        mcu_packet_unref(frame.packet);
        count++;
    }
    assert_int_equal(err, -EAGAIN);
    return count;
}

static int insert(struct rig *rig, size_t packet, int64_t now_us)
{
    const struct source_packet *p = &rig->source->packets[packet];
    struct source_packet copy = *p;
    copy.payload = exact_copy(p->payload, p->size);
    const struct rtc_rtp rtp = source_rtp(&copy);
    const int err = rtc_video_jitter_insert(rig->jitter, &rtp, p->seq, now_us);
    free(copy.payload);
    return err;
}

static void insert_frame(struct rig *rig, size_t frame, int64_t now_us)
{
    const struct source_frame *f = &rig->source->frames[frame];
    for (size_t i = 0; i < f->count; i++)
        assert_int_equal(insert(rig, f->first + i, now_us), 0);
}

static struct rtc_video_jitter_stats stats_of(const struct rig *rig)
{
    struct rtc_video_jitter_stats stats;
    rtc_video_jitter_read_stats(rig->jitter, &stats);
    return stats;
}

static void assert_out(const struct rig *rig, const int *frames, size_t count)
{
    assert_int_equal(rig->out_count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rig->out[i], frames[i]);
}

#define ASSERT_OUT(rig, ...)                                                                       \
    assert_out(rig, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9};
enum { CODECS = 3 };

static void test_conf_is_checked(void **state)
{
    (void)state;
    struct rtc_video_jitter *v = NULL;
    assert_int_equal(rtc_video_jitter_create(&v, MCU_CODEC_OPUS, 1), -EINVAL);
    assert_int_equal(rtc_video_jitter_create(&v, MCU_CODEC_VP8, -1), -EINVAL);
    assert_null(v);
    rtc_video_jitter_destroy(NULL);
}

static void test_in_order_each_frame_at_once(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct rig rig = rig_create(codecs[c]);
        source_add_chain(rig.source, 300, 100);
        struct rtc_video_frame frame;
        assert_int_equal(rtc_video_jitter_pop(rig.jitter, 0, &frame), -EAGAIN);
        assert_false(rtc_video_jitter_wants_key(rig.jitter)); /* nothing has begun */
        for (size_t i = 0; i < 300; i++) {
            insert_frame(&rig, i, (int64_t)i * FRAME_US);
            assert_int_equal(drain(&rig, (int64_t)i * FRAME_US), 1);
            assert_int_equal(rig.out[i], i);
            assert_false(rtc_video_jitter_wants_key(rig.jitter));
        }
        const struct rtc_video_jitter_stats stats = stats_of(&rig);
        assert_int_equal(stats.frames, 300);
        assert_int_equal(stats.key_frames, 3);
        assert_int_equal(stats.dropped_packets + stats.dropped_frames + stats.late, 0);
        rig_destroy(&rig);
    }
}

static void test_arrival_times_of_a_frame(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_VP8);
    source_add(rig.source, 2500, true, 0, false, -1, -1);
    insert(&rig, 1, 5 * MS);
    insert(&rig, 0, 7 * MS); /* the very first packets, swapped */
    insert(&rig, 2, 6 * MS);
    struct rtc_video_frame frame;
    assert_int_equal(rtc_video_jitter_pop(rig.jitter, 8 * MS, &frame), 0);
    assert_int_equal(frame.first_arrival_us, 5 * MS);
    assert_int_equal(frame.last_arrival_us, 7 * MS);
    assert_int_equal(rtc_video_jitter_next_seq(rig.jitter), frame.last_seq + 1);
    mcu_packet_unref(frame.packet);
    rig_destroy(&rig);
}

static void test_reordered_and_doubled(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct rig rig = rig_create(codecs[c]);
        source_add_chain(rig.source, 200, 60);
        const size_t n = rig.source->packet_count;
        uint64_t r = 5;
        size_t order[SOURCE_PACKETS];
        for (size_t i = 0; i < n; i++)
            order[i] = i;
        for (size_t i = 1; i + 8 < n; i++) { /* shuffle within 8, the first one stays */
            const size_t k = i + rnd_below(&r, 8), swap = order[i];
            order[i] = order[k];
            order[k] = swap;
        }
        for (size_t i = 0; i < n; i++) {
            const int64_t now_us = (int64_t)i * 3 * MS;
            assert_int_equal(insert(&rig, order[i], now_us), 0);
            const int again = insert(&rig, order[i], now_us);
            assert_true(again == -EALREADY || again == -ESTALE);
            drain(&rig, now_us);
        }
        assert_int_equal(rig.out_count, 200);
        for (int i = 0; i < 200; i++)
            assert_int_equal(rig.out[i], i);
        assert_int_equal(stats_of(&rig).losses, 0);
        rig_destroy(&rig);
    }
}

static void test_repaired_in_time_loses_nothing(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct rig rig = rig_create(codecs[c]);
        source_add_chain(rig.source, 6, 100);
        insert_frame(&rig, 0, 0);
        for (size_t i = 2; i < 6; i++)
            insert_frame(&rig, i, 10 * MS);
        assert_int_equal(drain(&rig, 200 * MS), 1);
        insert_frame(&rig, 1, 209 * MS); /* RTX, just in time */
        assert_int_equal(drain(&rig, 209 * MS), 5);
        ASSERT_OUT(&rig, 0, 1, 2, 3, 4, 5);
        rig_destroy(&rig);
    }
}

static void test_loss_skips_to_the_next_key_frame(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct rig rig = rig_create(codecs[c]);
        source_add_chain(rig.source, 20, 10);
        insert_frame(&rig, 0, 0);
        insert_frame(&rig, 1, 0);
        for (size_t i = 3; i < 8; i++)
            insert_frame(&rig, i, 10 * MS);
        assert_int_equal(drain(&rig, 209 * MS), 2);
        assert_false(rtc_video_jitter_wants_key(rig.jitter));
        assert_int_equal(drain(&rig, 210 * MS), 0);
        assert_true(rtc_video_jitter_wants_key(rig.jitter));
        assert_int_equal(stats_of(&rig).losses, 1);

        insert_frame(&rig, 8, 220 * MS);
        insert_frame(&rig, 9, 230 * MS);
        assert_int_equal(drain(&rig, 230 * MS), 0);
        assert_true(rtc_video_jitter_wants_key(rig.jitter));
        insert_frame(&rig, 10, 240 * MS);
        insert_frame(&rig, 11, 250 * MS);
        assert_int_equal(drain(&rig, 250 * MS), 2);
        assert_false(rtc_video_jitter_wants_key(rig.jitter));
        ASSERT_OUT(&rig, 0, 1, 10, 11);
        assert_int_equal(stats_of(&rig).dropped_frames, 7); /* 3 to 9; of 2 there was nothing */
        assert_int_equal(insert(&rig, rig.source->frames[2].first, 250 * MS), -ESTALE);
        rig_destroy(&rig);
    }
}

static void test_key_frame_on_its_way_is_not_asked_for(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct rig rig = rig_create(codecs[c]);
        source_add(rig.source, 5000, true, 0, false, -1, -1);
        insert(&rig, 0, 0);
        drain(&rig, 0);
        assert_false(rtc_video_jitter_wants_key(rig.jitter));
        insert(&rig, 2, 0); /* 1 is missing, NACK may bring it */
        drain(&rig, 199 * MS);
        assert_false(rtc_video_jitter_wants_key(rig.jitter));
        drain(&rig, 200 * MS);
        assert_true(rtc_video_jitter_wants_key(rig.jitter));
        rig_destroy(&rig);
    }
}

static void test_joining_in_the_middle(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct rig rig = rig_create(codecs[c]);
        source_add_chain(rig.source, 12, 10);
        insert_frame(&rig, 7, 0);
        assert_int_equal(drain(&rig, 0), 0);
        assert_true(rtc_video_jitter_wants_key(rig.jitter));
        insert_frame(&rig, 8, 33 * MS);
        insert_frame(&rig, 9, 66 * MS);
        insert_frame(&rig, 10, 99 * MS);
        assert_int_equal(drain(&rig, 99 * MS), 1);
        ASSERT_OUT(&rig, 10);
        rig_destroy(&rig);
    }
}

static void test_two_holes_age_by_themselves(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_VP8);
    source_add_chain(rig.source, 10, 100);
    insert_frame(&rig, 0, 0);
    insert_frame(&rig, 2, 0);
    insert_frame(&rig, 4, 100 * MS);
    insert_frame(&rig, 1, 190 * MS); /* repaired late; the second hole is 90 ms old */
    assert_int_equal(drain(&rig, 299 * MS), 3);
    assert_int_equal(drain(&rig, 300 * MS), 0);
    assert_true(rtc_video_jitter_wants_key(rig.jitter));
    rig_destroy(&rig);
}

static void test_repair_does_not_make_a_hole_young(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_VP8);
    source_add(rig.source, 3500, true, 0, false, -1, -1);
    source_add(rig.source, 100, false, 0, false, 0, -1);
    insert(&rig, 0, 0);
    insert_frame(&rig, 1, 0);
    insert(&rig, 2, 150 * MS); /* of the lost 1, 2, 3 only 2 was recovered */
    drain(&rig, 199 * MS);
    assert_false(rtc_video_jitter_wants_key(rig.jitter));
    drain(&rig, 200 * MS);
    assert_true(rtc_video_jitter_wants_key(rig.jitter));
    rig_destroy(&rig);
}

static void test_padding_is_only_a_number(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct rig rig = rig_create(codecs[c]);
        source_add_chain(rig.source, 40, 20);
        uint64_t shift = 0;
        for (size_t i = 0; i < rig.source->packet_count; i++) {
            struct source_packet *p = &rig.source->packets[i];
            p->seq += shift;
            assert_int_equal(insert(&rig, i, 0), 0);
            const struct rtc_rtp padding = {.timestamp = p->timestamp};
            for (size_t k = 0; k < i % 3; k++)
                assert_int_equal(rtc_video_jitter_insert(rig.jitter, &padding, p->seq + 1 + k, 0),
                                 0);
            shift += i % 3;
        }
        assert_int_equal(drain(&rig, 0), 40);
        rig_destroy(&rig);
    }
}

static void test_sender_without_markers(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct rig rig = rig_create(codecs[c]);
        source_add_chain(rig.source, 10, 20);
        for (size_t i = 0; i < rig.source->packet_count; i++)
            rig.source->packets[i].marker = false;
        for (size_t i = 0; i < 10; i++)
            insert_frame(&rig, i, 0);
        assert_int_equal(drain(&rig, 0), 9); /* the last one may not be whole */
        rig_destroy(&rig);
    }
}

static void test_full_buffer_makes_room(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_VP8);
    source_add(rig.source, 1200, true, 0, false, -1, -1);
    for (size_t i = 0; i < 500; i++)
        source_add(rig.source, 4000, i == 490, 0, false, -1, -1);
    insert(&rig, 0, 0); /* its second packet never comes, nothing is popped */
    for (size_t i = 2; i < rig.source->packet_count; i++)
        assert_int_equal(insert(&rig, i, 0), 0);
    assert_int_equal(drain(&rig, 0), 10); /* from the key frame 491 on */
    assert_int_equal(rig.out[0], 491);
    assert_true(stats_of(&rig).losses >= 1);
    assert_true(stats_of(&rig).dropped_packets > 900);
    rig_destroy(&rig);
}

static void test_leap_of_sequence_numbers(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_H264);
    source_add_chain(rig.source, 20, 10);
    insert_frame(&rig, 0, 0);
    drain(&rig, 0);
    for (size_t i = rig.source->frames[5].first; i < rig.source->packet_count; i++)
        rig.source->packets[i].seq += 1 << 20;
    for (size_t i = 5; i < 12; i++)
        insert_frame(&rig, i, 33 * MS);
    assert_int_equal(drain(&rig, 33 * MS), 2);
    ASSERT_OUT(&rig, 0, 10, 11);
    rig_destroy(&rig);
}

static void test_numbers_that_begin_anew(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_VP8);
    source_add(rig.source, 100, true, 0, false, -1, -1);
    for (int i = 0; i < 200; i++)
        source_add(rig.source, 100, i % 100 == 99, 0, false, -1, -1);
    insert_frame(&rig, 0, 0);
    drain(&rig, 0);
    for (size_t i = 1; i < rig.source->packet_count; i++)
        rig.source->packets[i].seq -= 30000;
    size_t refused = 0;
    for (size_t i = 1; i < rig.source->packet_count; i++) {
        refused += insert(&rig, i, 33 * MS) == -ESTALE;
        drain(&rig, 33 * MS);
    }
    assert_int_equal(refused, 63);
    assert_int_equal(rig.out[1], 100); /* goes on at the next key frame */
    assert_int_equal(rig.out_count, 1 + 101);
    rig_destroy(&rig);
}

static void test_codec_changes(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_VP8);
    struct source *h264 = source_create(MCU_CODEC_H264, 5);
    source_add_chain(rig.source, 3, 10);
    source_add_chain(h264, 3, 10);
    for (size_t i = 0; i < 3; i++)
        insert_frame(&rig, i, 0);
    assert_int_equal(drain(&rig, 0), 3);
    assert_int_equal(rtc_video_jitter_set_codec(rig.jitter, MCU_CODEC_OPUS), -EINVAL);
    assert_int_equal(rtc_video_jitter_set_codec(rig.jitter, MCU_CODEC_H264), 0);
    source_destroy(rig.source);
    rig.source = h264;
    for (size_t i = 0; i < 3; i++)
        insert_frame(&rig, i, 0);
    assert_int_equal(drain(&rig, 0), 3);
    rig_destroy(&rig);
}

static void test_malformed_is_counted_and_changes_nothing(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_H264);
    source_add_chain(rig.source, 2, 10);
    static const uint8_t zeros[RTC_MTU + 1];
    struct rtc_rtp rtp = {.payload = zeros, .payload_size = 5};
    insert_frame(&rig, 0, 0);
    assert_int_equal(rtc_video_jitter_insert(rig.jitter, &rtp, 5, 0), -EBADMSG);
    rtp.payload_size = sizeof(zeros);
    assert_int_equal(rtc_video_jitter_insert(rig.jitter, &rtp, 5, 0), -EMSGSIZE);
    insert_frame(&rig, 1, 0);
    assert_int_equal(drain(&rig, 0), 2);
    assert_int_equal(stats_of(&rig).malformed, 2);
    rig_destroy(&rig);
}

static int insert_raw(struct rig *rig, uint64_t seq, uint32_t timestamp, bool marker,
                      const uint8_t *payload, size_t size)
{
    const struct rtc_rtp rtp = {
        .marker = marker, .timestamp = timestamp, .payload = payload, .payload_size = size};
    return rtc_video_jitter_insert(rig->jitter, &rtp, seq, 0);
}

static void test_h264_fragment_without_end_is_a_loss(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_H264);
    source_add(rig.source, 100, true, 0, false, -1, -1);
    insert_frame(&rig, 0, 0);
    assert_int_equal(drain(&rig, 0), 1);
    const uint64_t seq = rtc_video_jitter_next_seq(rig.jitter);
    static const uint8_t start[] = {0x7c, 0x81, 1};
    assert_int_equal(insert_raw(&rig, seq, 7, true, start, sizeof(start)), 0);
    assert_int_equal(drain(&rig, 0), 0);
    assert_int_equal(stats_of(&rig).malformed, 1);
    assert_true(rtc_video_jitter_wants_key(rig.jitter));
    rig_destroy(&rig);
}

static void test_h264_key_frame_gets_the_parameter_sets_it_lacks(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_H264);
    static const uint8_t stap[] = {0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 7};
    static const uint8_t idr[] = {0x65, 9};
    static const uint8_t expected[] = {0, 0, 0,    1, 0x67, 0x42, 0xe0, 0x1f, 0,    0,
                                       0, 1, 0x68, 7, 0,    0,    0,    1,    0x65, 9};
    struct rtc_video_frame frame;
    /* Parameter sets as a frame of their own: no picture comes of them. */
    assert_int_equal(insert_raw(&rig, 100000, 1, true, stap, sizeof(stap)), 0);
    assert_int_equal(rtc_video_jitter_pop(rig.jitter, 0, &frame), -EAGAIN);
    for (uint32_t i = 1; i < 3; i++) {
        assert_int_equal(insert_raw(&rig, 100000 + i, 1 + i, true, idr, sizeof(idr)), 0);
        assert_int_equal(rtc_video_jitter_pop(rig.jitter, 0, &frame), 0);
        assert_true(frame.packet->is_key);
        assert_int_equal(frame.packet->size, sizeof(expected));
        assert_memory_equal(frame.packet->data, expected, sizeof(expected));
        mcu_packet_unref(frame.packet);
    }
    rig_destroy(&rig);
}

static void test_h264_idr_without_any_sps_is_no_start(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_H264);
    static const uint8_t idr[] = {0x65, 9};
    struct rtc_video_frame frame;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(insert_raw(&rig, 100000 + i, 1 + i, true, idr, sizeof(idr)), 0);
    assert_int_equal(rtc_video_jitter_pop(rig.jitter, 0, &frame), -EAGAIN);
    rig_destroy(&rig);
}

static void test_h264_second_slice_of_an_idr_is_no_start(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_H264);
    source_add(rig.source, 100, true, 0, false, -1, -1);
    insert_frame(&rig, 0, 0);
    assert_int_equal(drain(&rig, 0), 1);
    const uint64_t seq = rtc_video_jitter_next_seq(rig.jitter);
    static const uint8_t idr[] = {0x65, 9};
    struct rtc_video_frame frame;
    insert_raw(&rig, seq + 1, 7, true, idr, sizeof(idr)); /* its first slice is lost */
    insert_raw(&rig, seq + 2, 8, true, idr, sizeof(idr)); /* whole: the one before has a marker */
    assert_int_equal(rtc_video_jitter_pop(rig.jitter, 500 * MS, &frame), 0);
    assert_int_equal(frame.timestamp, 8);
    mcu_packet_unref(frame.packet);
    rig_destroy(&rig);
}

/* --- VP8 temporal layers ---------------------------------------------------------------------- */

/* 0 2 1 2 | 0 2 1 2 ...: the second 2 needs the 1. */
static void add_layers(struct source *s, size_t groups)
{
    for (size_t g = 0; g < groups; g++) {
        const int base = (int)s->frame_count;
        source_add(s, 200 + 800 * (g % 3), g == 0, 0, false, g ? base - 4 : -1, -1);
        source_add(s, 150, false, 2, true, base, -1);
        source_add(s, 1500, false, 1, true, base, -1);
        source_add(s, 150, false, 2, false, base + 2, base);
    }
}

static void test_vp8_lost_upper_layer_goes_on(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int lost;
        int out[16];
        size_t count;
    } rows[] = {
        {"top layer, up to where it begins anew", 1, {0, 2, 4, 5, 6, 7}, 6},
        {"middle layer takes one of the top with it", 2, {0, 1, 4, 5, 6, 7}, 6},
        {"last of a group", 3, {0, 1, 2, 4, 5, 6, 7}, 7},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig = rig_create(MCU_CODEC_VP8);
        add_layers(rig.source, 2);
        for (int f = 0; f < 8; f++)
            if (f != rows[i].lost)
                insert_frame(&rig, (size_t)f, 0);
        drain(&rig, 0);
        drain(&rig, 200 * MS);
        if (rtc_video_jitter_wants_key(rig.jitter))
            fail_msg("%s: wants a key frame", rows[i].name);
        assert_out(&rig, rows[i].out, rows[i].count);
        rig_destroy(&rig);
    }
}

static void test_vp8_lost_base_layer_wants_a_key_frame(void **state)
{
    (void)state;
    struct rig rig = rig_create(MCU_CODEC_VP8);
    add_layers(rig.source, 3);
    for (size_t f = 0; f < 12; f++)
        if (f != 4)
            insert_frame(&rig, f, 0);
    drain(&rig, 0);
    drain(&rig, 200 * MS);
    ASSERT_OUT(&rig, 0, 1, 2, 3);
    assert_true(rtc_video_jitter_wants_key(rig.jitter));
    rig_destroy(&rig);
}

/* --- chance ----------------------------------------------------------------------------------- */

/* Loses, delays, repeats and repairs packets by chance; every frame that comes out must have come
 * with all it needs, once and in order. Returns how many came out. */
static void give(struct rtc_video_jitter *v, uint64_t seq, uint32_t timestamp, bool marker,
                 const uint8_t *payload, size_t size)
{
    uint8_t *copy = exact_copy(payload, size);
    const struct rtc_rtp rtp = {
        .marker = marker, .timestamp = timestamp, .payload = copy, .payload_size = size};
    assert_int_equal(rtc_video_jitter_insert(v, &rtp, seq, 0), 0);
    free(copy);
}

static void assert_next(struct rtc_video_jitter *v, bool is_key, const uint8_t *data, size_t size)
{
    struct rtc_video_frame frame;
    assert_int_equal(rtc_video_jitter_pop(v, 0, &frame), 0);
    assert_int_equal(frame.packet->is_key, is_key);
    assert_int_equal(frame.packet->size, size);
    assert_memory_equal(frame.packet->data, data, size);
    mcu_packet_unref(frame.packet);
}

/* Descriptors with layer indices: 0x20 has them, then tid 0 and sid, TL0PICIDX. */
static void test_vp9_gives_the_lowest_spatial_layer(void **state)
{
    (void)state;
    struct rtc_video_jitter *v = NULL;
    struct rtc_video_frame frame;
    assert_int_equal(rtc_video_jitter_create(&v, MCU_CODEC_VP9, WAIT_US), 0);
    give(v, 1, 0, false, (const uint8_t[]){0x68, 0, 1, 'x'}, 4); /* inter: not to begin with */
    give(v, 2, 0, true, (const uint8_t[]){0x6c, 2, 1, 'X'}, 4);
    assert_int_equal(rtc_video_jitter_pop(v, 0, &frame), -EAGAIN);
    assert_true(rtc_video_jitter_wants_key(v));
    give(v, 3, 3000, false, (const uint8_t[]){0x28, 0, 2, 'a'}, 4);
    give(v, 4, 3000, false, (const uint8_t[]){0x24, 0, 2, 'b'}, 4);
    give(v, 5, 3000, true, (const uint8_t[]){0x2c, 3, 2, 'U'}, 4); /* upper, predicted from it */
    assert_next(v, true, (const uint8_t *)"ab", 2);
    give(v, 6, 6000, false, (const uint8_t[]){0x6c, 0, 3, 'c'}, 4);
    give(v, 7, 6000, true, (const uint8_t[]){0x6c, 2, 3, 'V'}, 4);
    assert_next(v, false, (const uint8_t *)"c", 1);
    rtc_video_jitter_destroy(v);
}

/* The last packet of a frame has the extension (id 8): primaries, transfer, matrix, range and
 * siting. */
static void test_colours_come_with_the_frame(void **state)
{
    (void)state;
    static const uint8_t full[] = {0x83, 1, 13, 1, 0x20, 0, 0, 0},
                         limited[] = {0x83, 1, 13, 6, 0x15, 0, 0, 0};
    struct rtc_video_jitter *v = NULL;
    assert_int_equal(rtc_video_jitter_create(&v, MCU_CODEC_VP9, WAIT_US), 0);
    rtc_video_jitter_set_colours_id(v, 8);
    for (uint16_t i = 0; i < 6; i++) {
        const struct rtc_rtp rtp = {
            .marker = i & 1,
            .timestamp = i / 2 * 3000u,
            .payload_size = 4,
            .payload = (const uint8_t[][4]){{0x28, 0, 2, 'a'}, {0x24, 0, 2, 'b'}}[i & 1],
            .ext_profile = 0xbede,
            .ext = i == 5 ? limited : full,
            .ext_size = i & 1 ? sizeof(full) : 0,
        };
        assert_int_equal(rtc_video_jitter_insert(v, &rtp, i, 0), 0);
        if (i == 1)
            rtc_video_jitter_set_colours_id(v, 7); /* of something else */
        if (i == 3)
            rtc_video_jitter_set_colours_id(v, 8);
    }
    const struct mcu_colours wanted[] = {{true, true, 1}, {false, false, 0}, {true, false, 6}};
    for (size_t i = 0; i < 3; i++) {
        struct rtc_video_frame frame;
        assert_int_equal(rtc_video_jitter_pop(v, 0, &frame), 0);
        assert_memory_equal(&frame.packet->colours, &wanted[i], sizeof(wanted[i]));
        mcu_packet_unref(frame.packet);
    }
    rtc_video_jitter_destroy(v);
}

static void test_av1_temporal_units(void **state)
{
    (void)state;
    struct rtc_video_jitter *v = NULL;
    struct rtc_video_frame frame;
    assert_int_equal(rtc_video_jitter_create(&v, MCU_CODEC_AV1, WAIT_US), 0);
    give(v, 1, 0, true, (const uint8_t[]){0x10, 0x30, 9}, 3); /* a frame without a sequence */
    assert_int_equal(rtc_video_jitter_pop(v, 0, &frame), -EAGAIN);
    assert_true(rtc_video_jitter_wants_key(v));
    /* N, Y, two elements: a sequence header and a frame that goes on in the next packet */
    give(v, 2, 3000, false, (const uint8_t[]){0x68, 2, 0x08, 7, 0x30, 1}, 6);
    give(v, 3, 3000, true, (const uint8_t[]){0x90, 2, 3}, 3);
    assert_next(v, true,
                (const uint8_t[]){0x12, 0, 0x0a, 0x81, 0x80, 0x80, 0, 7, 0x32, 0x83, 0x80, 0x80, 0,
                                  1, 2, 3},
                16);
    give(v, 4, 6000, true, (const uint8_t[]){0x10, 0x30, 4}, 3);
    assert_next(v, false, (const uint8_t[]){0x12, 0, 0x32, 0x81, 0x80, 0x80, 0, 4}, 8);
    give(v, 5, 9000, true, (const uint8_t[]){0x10, 0x10, 0}, 3); /* a delimiter alone: no picture */
    give(v, 6, 12000, true, (const uint8_t[]){0x90, 4}, 2);      /* a fragment of nothing */
    assert_int_equal(rtc_video_jitter_pop(v, 0, &frame), -EAGAIN);
    assert_true(rtc_video_jitter_wants_key(v));
    rtc_video_jitter_destroy(v);
}

static size_t run_random(enum mcu_codec codec, bool layered, uint64_t seed, uint64_t loss_permille,
                         uint64_t repair_percent)
{
    struct rig rig = rig_create(codec);
    if (layered)
        add_layers(rig.source, 140);
    else
        source_add_chain(rig.source, 560, 50);
    uint64_t r = seed;
    const size_t n = rig.source->packet_count;
    static int64_t arrival_us[SOURCE_PACKETS];
    int64_t end_us = 0;
    for (size_t i = 0; i < n; i++) {
        const int64_t sent_us = (int64_t)rig.source->packets[i].frame * FRAME_US;
        arrival_us[i] = sent_us + (int64_t)rnd_below(&r, 15 * MS);
        if (rnd_below(&r, 1000) < loss_permille)
            arrival_us[i] = rnd_below(&r, 100) < repair_percent
                                ? sent_us + 50 * MS + (int64_t)rnd_below(&r, 250 * MS)
                                : -1;
        end_us = sent_us + 1000 * MS;
    }
    for (int64_t now_us = 0; now_us < end_us; now_us += MS) {
        for (size_t i = 0; i < n; i++) {
            if (arrival_us[i] / MS != now_us / MS || arrival_us[i] < 0)
                continue;
            insert(&rig, i, now_us);
            if (rnd_below(&r, 20) == 0)
                insert(&rig, i, now_us);
        }
        drain(&rig, now_us);
    }

    bool came[SOURCE_FRAMES] = {false};
    int last = -1;
    for (size_t i = 0; i < rig.out_count; i++) {
        const struct source_frame *f = &rig.source->frames[rig.out[i]];
        assert_true(rig.out[i] > last);
        for (size_t k = 0; k < 2; k++)
            assert_true(f->needs[k] < 0 || came[f->needs[k]]);
        last = rig.out[i];
        came[last] = true;
    }
    const size_t count = rig.out_count;
    rig_destroy(&rig);
    return count;
}

static void test_random_networks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        for (size_t c = 0; c < CODECS; c++) {
            assert_int_equal(run_random(codecs[c], false, seed, 0, 0), 560);
            assert_true(run_random(codecs[c], false, seed, 5, 0) > 100);
            assert_true(run_random(codecs[c], false, seed, 50, 90) > 50);
        }
        assert_int_equal(run_random(MCU_CODEC_VP8, true, seed, 0, 0), 560);
        run_random(MCU_CODEC_VP8, true, seed, 30, 80);
        run_random(MCU_CODEC_VP8, true, seed, 5, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conf_is_checked),
        cmocka_unit_test(test_in_order_each_frame_at_once),
        cmocka_unit_test(test_arrival_times_of_a_frame),
        cmocka_unit_test(test_reordered_and_doubled),
        cmocka_unit_test(test_repaired_in_time_loses_nothing),
        cmocka_unit_test(test_loss_skips_to_the_next_key_frame),
        cmocka_unit_test(test_key_frame_on_its_way_is_not_asked_for),
        cmocka_unit_test(test_joining_in_the_middle),
        cmocka_unit_test(test_two_holes_age_by_themselves),
        cmocka_unit_test(test_repair_does_not_make_a_hole_young),
        cmocka_unit_test(test_padding_is_only_a_number),
        cmocka_unit_test(test_sender_without_markers),
        cmocka_unit_test(test_full_buffer_makes_room),
        cmocka_unit_test(test_leap_of_sequence_numbers),
        cmocka_unit_test(test_numbers_that_begin_anew),
        cmocka_unit_test(test_codec_changes),
        cmocka_unit_test(test_vp9_gives_the_lowest_spatial_layer),
        cmocka_unit_test(test_colours_come_with_the_frame),
        cmocka_unit_test(test_av1_temporal_units),
        cmocka_unit_test(test_malformed_is_counted_and_changes_nothing),
        cmocka_unit_test(test_h264_fragment_without_end_is_a_loss),
        cmocka_unit_test(test_h264_key_frame_gets_the_parameter_sets_it_lacks),
        cmocka_unit_test(test_h264_idr_without_any_sps_is_no_start),
        cmocka_unit_test(test_h264_second_slice_of_an_idr_is_no_start),
        cmocka_unit_test(test_vp8_lost_upper_layer_goes_on),
        cmocka_unit_test(test_vp8_lost_base_layer_wants_a_key_frame),
        cmocka_unit_test(test_random_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
