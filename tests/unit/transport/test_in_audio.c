/* Incoming audio: copies find their place, nothing is handed on twice, what is lost is asked for.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "pure.h"
#include "transport/in_audio.h"
#include "transport/red.h"

enum { LOG_MAX = 8192, PT = 111, FIRST = 0x10064 };

struct rig {
    struct rtc_in_audio *audio;
    struct rtc_clockmap *clockmap;
    struct {
        uint32_t number; /* what the payload says it is */
        uint64_t sequence;
        int64_t pts_us;
        int level_dbov;
        bool is_repair;
    } log[LOG_MAX];
    size_t count;
};

static void on_audio(void *ctx, const struct rtc_audio *audio)
{
    struct rig *r = ctx;
    assert_true(r->count < LOG_MAX);
    assert_int_equal(audio->size, 6);
    memcpy(&r->log[r->count].number, audio->payload, 4);
    r->log[r->count].sequence = audio->sequence;
    r->log[r->count].pts_us = audio->pts_us;
    r->log[r->count].level_dbov = audio->level_dbov;
    r->log[r->count++].is_repair = audio->is_repair;
}

static void open_rig(struct rig *r, bool has_nack)
{
    memset(r, 0, sizeof(*r));
    const struct rtc_peer_sink sink = {.ctx = r, .on_audio = on_audio};
    assert_int_equal(rtc_clockmap_create(&r->clockmap, 48000, 90000), 0);
    assert_int_equal(rtc_in_audio_create(&r->audio, &sink, r->clockmap), 0);
    assert_int_equal(rtc_in_audio_restart(r->audio, FIRST, has_nack, 32), 0);
}

static void close_rig(struct rig *r)
{
    rtc_in_audio_destroy(r->audio);
    rtc_clockmap_destroy(r->clockmap);
}

static struct rtc_red_block block_of(uint32_t number, uint32_t offset_rtp, uint8_t bytes[6])
{
    memcpy(bytes, &number, 4);
    bytes[4] = bytes[5] = 7;
    return (struct rtc_red_block){
        .pt = PT, .offset_rtp = (uint16_t)offset_rtp, .data = bytes, .size = 6};
}

/* Packet number n at a time, with `depth` copies of those before it. */
static int send_at(struct rig *r, uint32_t n, const uint32_t *times, size_t depth, int64_t now_us)
{
    uint8_t bytes[RTC_RED_COPIES_MAX + 1][6], payload[200];
    struct rtc_red_block copies[RTC_RED_COPIES_MAX];
    const struct rtc_red_block primary = block_of(n, 0, bytes[0]);
    size_t count = 0;
    for (; count < depth && count < n; count++) {
        const uint32_t of = n - 1 - (uint32_t)count;
        copies[count] = block_of(of, times[n] - times[of], bytes[count + 1]);
    }
    const int size = rtc_red_write(payload, sizeof(payload), &primary, copies, count, NULL);
    assert_true(size > 0);
    uint8_t *exact = exact_copy(payload, (size_t)size);
    const struct rtc_in_audio_packet p = {.payload = exact,
                                          .size = (size_t)size,
                                          .seq = FIRST + n,
                                          .timestamp = times[n],
                                          .arrival_us = now_us,
                                          .level_dbov = -20,
                                          .is_red = true,
                                          .media_pt = PT};
    rtc_clockmap_arrived(r->clockmap, MCU_AUDIO, times[n], now_us);
    const int err = rtc_in_audio_take(r->audio, &p);
    free(exact);
    return err;
}

static int64_t time_of(uint32_t n)
{
    return 1000000000 + INT64_C(20000) * n;
}

static void even_times(uint32_t *times, size_t count, uint32_t packet_rtp)
{
    for (size_t i = 0; i < count; i++)
        times[i] = 0xfffff000u + (uint32_t)i * packet_rtp; /* wraps soon */
}

static void a_copy_fills_the_hole(void **state)
{
    (void)state;
    static struct rig r;
    uint32_t times[10];
    even_times(times, 10, 960);
    open_rig(&r, false);
    send_at(&r, 0, times, 2, time_of(0));
    send_at(&r, 1, times, 2, time_of(1));
    send_at(&r, 4, times, 2, time_of(4));
    assert_int_equal(r.count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(r.log[i].number, i);
        assert_int_equal(r.log[i].sequence, FIRST + i);
        assert_int_equal(r.log[i].is_repair, i == 2 || i == 3);
        assert_int_equal(r.log[i].level_dbov, r.log[i].is_repair ? 1 : -20);
        assert_int_equal(r.log[i].pts_us - r.log[0].pts_us, 20000 * i);
    }
    assert_int_equal(rtc_in_audio_recovered(r.audio), 2);
    send_at(&r, 3, times, 2, time_of(5)); /* the original, late */
    send_at(&r, 4, times, 2, time_of(5)); /* a duplicate */
    assert_int_equal(r.count, 5);
    close_rig(&r);
}

/* Pauses, where the time between two packets tells nothing about how many lie between. */
static void copies_find_their_place_across_pauses(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t times[8];
        const char *lost; /* . came, x lost */
        size_t depth;
    } rows[] = {
        {"lost before a pause", {0, 960, 1920, 12000, 12960}, "..x..", 1},
        {"two lost before a pause", {0, 960, 1920, 2880, 12960, 13920}, "..xx..", 2},
        {"two lost, one copied", {0, 960, 1920, 2880, 14000, 14960}, "..xx..", 1},
        {"lost after a pause", {0, 960, 12000, 12960, 13920}, "..x..", 1},
        {"40 ms packets", {0, 1920, 3840, 5760, 7680}, "..xx.", 2},
        {"10 ms packets", {0, 480, 960, 1440, 1920, 2400}, "..xxx.", 3},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct rig r;
        print_message("%s\n", rows[i].name);
        open_rig(&r, false);
        for (uint32_t n = 0; rows[i].lost[n]; n++) {
            if (rows[i].lost[n] == '.')
                send_at(&r, n, rows[i].times, rows[i].depth,
                        1000000000 + rows[i].times[n] * INT64_C(125) / 6);
        }
        for (size_t k = 0; k < r.count; k++)
            assert_int_equal(r.log[k].sequence, FIRST + r.log[k].number);
        const size_t lost = strlen(rows[i].lost) - r.count;
        assert_int_equal(lost, strcmp(rows[i].name, "two lost, one copied") == 0 ? 1 : 0);
        close_rig(&r);
    }
}

/* What should have come through is there, once, under its own number, at any loss. */
static void random_loss_is_repaired_as_far_as_copies_reach(void **state)
{
    (void)state;
    enum { N = 4000 };
    static uint32_t times[N];
    static const uint32_t packet_rtp[] = {480, 960, 1920, 2880};
    uint64_t seed = 4711;
    for (size_t round = 0; round < 16; round++) {
        static struct rig r;
        static bool came[N], expected[N], seen[N];
        memset(expected, 0, sizeof(expected));
        memset(seen, 0, sizeof(seen));
        even_times(times, N, packet_rtp[round % 4]);
        open_rig(&r, round % 2);
        const uint64_t loss = 5 + 15 * (round / 4);
        for (uint32_t n = 0; n < N; n++) {
            const size_t depth = rnd_below(&seed, RTC_RED_COPIES_MAX + 1);
            came[n] = n < 2 || rnd_below(&seed, 100) >= loss;
            if (!came[n])
                continue;
            for (size_t k = 0; k <= depth && k <= n; k++)
                expected[n - k] |= k * packet_rtp[round % 4] <= RTC_RED_OFFSET_MAX_RTP;
            send_at(&r, n, times, depth, time_of(n));
        }
        for (size_t i = 0; i < r.count; i++) {
            const uint32_t n = r.log[i].number;
            assert_int_equal(r.log[i].sequence, FIRST + n);
            assert_false(seen[n]);
            assert_int_equal(r.log[i].is_repair, !came[n]);
            seen[n] = true;
        }
        assert_memory_equal(seen, expected, sizeof(seen));
        close_rig(&r);
    }
}

static void padding_fills_its_number_only(void **state)
{
    (void)state;
    static struct rig r;
    const uint32_t times[] = {0, 960, 960, 1920};
    open_rig(&r, false);
    send_at(&r, 0, times, 0, time_of(0));
    const struct rtc_in_audio_packet padding = {.seq = FIRST + 2,
                                                .timestamp = 960,
                                                .arrival_us = time_of(2),
                                                .is_red = true,
                                                .media_pt = PT};
    assert_int_equal(rtc_in_audio_take(r.audio, &padding), 0);
    assert_int_equal(r.count, 1);
    uint8_t bytes[2][6], payload[64];
    const struct rtc_red_block primary = block_of(3, 0, bytes[0]),
                               copy = block_of(1, 960, bytes[1]);
    const int size = rtc_red_write(payload, sizeof(payload), &primary, &copy, 1, NULL);
    struct rtc_in_audio_packet p = {.payload = payload,
                                    .size = (size_t)size,
                                    .seq = FIRST + 3,
                                    .timestamp = 1920,
                                    .arrival_us = time_of(3),
                                    .level_dbov = 1,
                                    .is_red = true,
                                    .media_pt = PT};
    assert_int_equal(rtc_in_audio_take(r.audio, &p), 0);
    assert_int_equal(r.log[r.count - 1].sequence, FIRST + 3); /* the primary, whatever the copy */
    close_rig(&r);
}

static void what_is_not_ours_is_refused(void **state)
{
    (void)state;
    static struct rig r;
    open_rig(&r, false);
    static const uint8_t other[] = {9, 1, 2}, cut[] = {0xef, 0x0f, 0x00};
    struct rtc_in_audio_packet p = {
        .payload = other, .size = sizeof(other), .seq = FIRST, .is_red = true, .media_pt = PT};
    assert_int_equal(rtc_in_audio_take(r.audio, &p), -EBADMSG);
    p.payload = cut;
    assert_int_equal(rtc_in_audio_take(r.audio, &p), -EBADMSG);
    assert_int_equal(r.count, 0);
    close_rig(&r);
}

static void what_is_too_old_to_tell_is_dropped(void **state)
{
    (void)state;
    static struct rig r;
    static uint32_t times[300];
    even_times(times, 300, 960);
    open_rig(&r, false);
    for (uint32_t n = 0; n < 300; n++) {
        if (n != 100 && n != 200)
            send_at(&r, n, times, 0, time_of(n));
    }
    assert_int_equal(r.count, 298);
    send_at(&r, 100, times, 0, time_of(300));
    assert_int_equal(r.count, 298);
    send_at(&r, 200, times, 0, time_of(300));
    assert_int_equal(r.count, 299);
    close_rig(&r);
}

static void what_is_lost_is_asked_for_while_it_can_be_heard(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool has_nack, has_copy;
        int64_t rtt_us, wait_us;
        size_t asked;
    } rows[] = {
        {"after what is only reordered could have come", true, false, 40000, 12000, 1},
        {"not before", true, false, 40000, 5000, 0},
        {"round trip not known", true, false, -1, 12000, 1},
        {"round trip too long", true, false, 160000, 12000, 0},
        {"too late to be heard", true, false, 40000, 160000, 0},
        {"a copy came", true, true, 40000, 12000, 0},
        {"not negotiated", false, false, 40000, 12000, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct rig r;
        uint32_t times[4];
        uint16_t seqs[8];
        even_times(times, 4, 960);
        print_message("%s\n", rows[i].name);
        open_rig(&r, rows[i].has_nack);
        send_at(&r, 0, times, 0, time_of(0));
        send_at(&r, 2, times, rows[i].has_copy ? 1 : 0, time_of(2));
        const int64_t at_us = time_of(2) + rows[i].wait_us;
        assert_int_equal(rtc_in_audio_missing(r.audio, at_us, rows[i].rtt_us, seqs, 8),
                         rows[i].asked);
        assert_int_equal(rtc_in_audio_is_answer(r.audio, FIRST + 1, at_us + 40000), rows[i].asked);
        assert_false(rtc_in_audio_is_answer(r.audio, FIRST + 2, at_us + 40000));
        if (rows[i].asked)
            assert_int_equal(seqs[0], (uint16_t)(FIRST + 1));
        close_rig(&r);
    }
}

static void it_is_asked_a_few_times_and_an_answer_is_known(void **state)
{
    (void)state;
    static struct rig r;
    uint32_t times[4];
    uint16_t seqs[8];
    size_t asked = 0;
    even_times(times, 4, 960);
    open_rig(&r, true);
    send_at(&r, 0, times, 0, time_of(0));
    send_at(&r, 2, times, 0, time_of(2));
    for (int64_t t = 0; t < 400000; t += 10000) {
        asked += rtc_in_audio_missing(r.audio, time_of(2) + t, 10000, seqs, 8);
        if (t == 10000) {
            assert_int_equal(asked, 1);
            assert_false(rtc_in_audio_is_answer(r.audio, FIRST + 1, time_of(2) + t + 1000));
            assert_true(rtc_in_audio_is_answer(r.audio, FIRST + 1, time_of(2) + t + 8000));
        }
    }
    assert_int_equal(asked, RTC_IN_AUDIO_TRIES);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_fills_the_hole),
        cmocka_unit_test(copies_find_their_place_across_pauses),
        cmocka_unit_test(random_loss_is_repaired_as_far_as_copies_reach),
        cmocka_unit_test(padding_fills_its_number_only),
        cmocka_unit_test(what_is_not_ours_is_refused),
        cmocka_unit_test(what_is_too_old_to_tell_is_dropped),
        cmocka_unit_test(what_is_lost_is_asked_for_while_it_can_be_heard),
        cmocka_unit_test(it_is_asked_a_few_times_and_an_answer_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
