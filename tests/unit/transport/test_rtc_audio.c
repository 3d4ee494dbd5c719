/* Two peers over loopback with a path that loses audio: copies, repairs, and what is asked for. */
#include "pair.h"

enum {
    STEP_US = 5000, /* one packet of 5 ms: four times the usual pace */
    MEASURED = 600, /* packets */
    PUSHED_MAX = 7000,
    WAIT_US = 60 * 1000 * 1000,
};

/* Loses a share of the RTP datagrams, the same ones in each run. */
struct chance {
    uint64_t seed;
    unsigned percent;
};

static bool loses(void *ctx, const uint8_t *data, size_t size)
{
    struct chance *c = ctx;
    if (rtc_datagram_kind(data, size) != RTC_DATAGRAM_RTP)
        return false;
    c->seed ^= c->seed << 13;
    c->seed ^= c->seed >> 7;
    c->seed ^= c->seed << 17;
    return c->seed % 100 < c->percent;
}

/* Static: an assert that fails leaves threads behind that write here. */
static struct end a, b;
static struct chance chance;
static uint32_t pushed;

struct offered {
    uint8_t red_pt;
    uint8_t rtx_pt;
    bool has_nack;
    uint32_t copies_max;
};

static void open_call(const struct offered *o, unsigned percent)
{
    const struct rtc_conf conf = {.port_min = 42000,
                                  .port_max = 42999,
                                  .has_loopback = true,
                                  .peers_per_thread = 32,
                                  .red_copies_max = o->copies_max};
    struct mcu_desc offer, answer;
    end_open_with(&a, &conf);
    end_open_with(&b, &conf);
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_INACTIVE, MCU_CODEC_VP8, &offer), 0);
    struct mcu_desc_codec *codec = &offer.media[0].codecs[0];
    assert_int_equal(codec->codec, MCU_CODEC_OPUS);
    codec->red_pt = o->red_pt;
    codec->rtx_pt = o->rtx_pt;
    codec->has_nack = o->has_nack;
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_VP8, &answer), 0);
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    assert_int_equal(rtc_feed_create(a.rtc, &a.audio, MCU_CODEC_OPUS), 0);
    rtc_peer_tune(a.peer, MCU_AUDIO, a.audio);
    chance = (struct chance){.seed = 88172645463325252u, .percent = percent};
    rtc_peer_filter(a.peer, loses, &chance);
    pushed = 0;
}

static void close_call(void)
{
    rtc_peer_filter(a.peer, NULL, NULL);
    end_close(&a);
    end_close(&b);
}

static void push_some(uint32_t count)
{
    static int64_t base_us;
    if (pushed == 0)
        base_us = mcu_now_us();
    for (uint32_t i = 0; i < count; i++, pushed++) {
        struct mcu_packet *p = pair_audio(pushed, base_us + pushed * STEP_US);
        rtc_feed_push(a.audio, p);
        mcu_packet_unref(p);
        mcu_sleep_until_us(mcu_now_us() + STEP_US);
    }
}

static struct rtc_peer_stats stats_of(const struct end *e)
{
    struct rtc_peer_stats s;
    rtc_peer_read_stats(e->peer, &s);
    return s;
}

/* Pushes until packets carry so many copies each. */
static bool push_until_copies(uint32_t wanted)
{
    const int64_t by_us = mcu_now_us() + WAIT_US;
    while (mcu_now_us() < by_us && pushed < PUSHED_MAX - MEASURED) {
        const struct rtc_stream_stats before = stats_of(&a).out[MCU_AUDIO];
        push_some(60);
        const struct rtc_stream_stats after = stats_of(&a).out[MCU_AUDIO];
        if (after.packets > before.packets &&
            after.copies - before.copies >= wanted * (after.packets - before.packets))
            return true;
    }
    return false;
}

/* All that came is whole, came once and under the number that it was sent with. */
static size_t count_checked(uint32_t from)
{
    static bool seen[PUSHED_MAX];
    size_t count = 0;
    memset(seen, 0, sizeof(seen));
    pthread_mutex_lock(&b.lock);
    for (size_t i = 0; i < b.audio_count; i++) {
        const uint32_t n = b.audio_in[i].number;
        assert_true(b.audio_in[i].is_whole);
        assert_true(n < PUSHED_MAX && !seen[n]);
        assert_int_equal(b.audio_in[i].sequence - n, b.audio_in[0].sequence - b.audio_in[0].number);
        seen[n] = true;
        count += n >= from;
    }
    pthread_mutex_unlock(&b.lock);
    return count;
}

static bool has_last(struct end *e, size_t n)
{
    for (size_t i = e->audio_count; i-- > 0;) {
        if (e->audio_in[i].number >= n)
            return true;
    }
    return false;
}

static bool has_need(struct end *e, size_t need)
{
    return e->need == (enum rtc_audio_need)need;
}

static void copies_bring_what_was_lost(void **state)
{
    (void)state;
    static const struct {
        unsigned percent;
        uint32_t copies;
        size_t least; /* of MEASURED */
        enum rtc_audio_need need;
    } rows[] = {
        {10, 2, MEASURED * 97 / 100, RTC_AUDIO_FEC},
        {30, 3, MEASURED * 96 / 100, RTC_AUDIO_FEC},
        {50, 4, MEASURED * 90 / 100, RTC_AUDIO_LOW},
    };
    static const struct offered offered = {.red_pt = 63, .copies_max = 4};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%u %%\n", rows[i].percent);
        open_call(&offered, rows[i].percent);
        assert_true(push_until_copies(rows[i].copies));
        const uint32_t from = pushed;
        push_some(MEASURED);
        rtc_peer_filter(a.peer, NULL, NULL);
        push_some(5);
        assert_true(pair_wait(has_last, &b, pushed - 1));
        const size_t came = count_checked(from) - 5;
        print_message("%zu of %d\n", came, MEASURED);
        assert_true(came >= rows[i].least);
        assert_true(pair_wait(has_need, &a, rows[i].need));
        close_call();
    }
}

static void without_red_there_are_no_copies(void **state)
{
    (void)state;
    static const struct offered rows[] = {
        {.red_pt = 0, .copies_max = 4},
        {.red_pt = 63, .copies_max = 0}, /* negotiated, but not wanted by us */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_call(&rows[i], 50);
        const int64_t by_us = mcu_now_us() + WAIT_US;
        bool is_low = false;
        while (!is_low && mcu_now_us() < by_us && pushed < PUSHED_MAX - 100) {
            push_some(50);
            pthread_mutex_lock(&a.lock);
            is_low = a.need == RTC_AUDIO_LOW;
            pthread_mutex_unlock(&a.lock);
        }
        assert_true(is_low); /* the loss was seen */
        push_some(50);
        rtc_peer_filter(a.peer, NULL, NULL);
        push_some(1);
        assert_true(pair_wait(has_last, &b, pushed - 1));
        const size_t came = count_checked(0);
        assert_in_range(came, pushed * 30 / 100, pushed * 70 / 100);
        assert_int_equal(stats_of(&a).out[MCU_AUDIO].copies, 0);
        assert_int_equal(stats_of(&b).in[MCU_AUDIO].recovered, 0);
        assert_int_equal(stats_of(&b).in[MCU_AUDIO].nacks, 0);
        close_call();
    }
}

static void there_are_no_more_copies_than_are_allowed(void **state)
{
    (void)state;
    static const struct offered offered = {.red_pt = 63, .copies_max = 1};
    open_call(&offered, 50); /* four would be right */
    assert_true(push_until_copies(1));
    push_some(300);
    const struct rtc_stream_stats out = stats_of(&a).out[MCU_AUDIO];
    assert_true(out.copies > 0);
    assert_true(out.copies <= out.packets);
    assert_true(count_checked(0) > 0);
    close_call();
}

static void what_was_lost_is_asked_for_and_sent_again(void **state)
{
    (void)state;
    static const struct offered rows[] = {
        {.has_nack = true},
        {.has_nack = true, .rtx_pt = 120},
        {.has_nack = true, .red_pt = 63, .copies_max = 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("row %zu\n", i);
        open_call(&rows[i], 25);
        const int64_t by_us = mcu_now_us() + WAIT_US;
        struct rtc_stream_stats in = {.packets = 0};
        while ((in.recovered < 50 || in.retransmitted < 20) && mcu_now_us() < by_us &&
               pushed < PUSHED_MAX - 100) {
            push_some(50);
            in = stats_of(&b).in[MCU_AUDIO];
        }
        rtc_peer_filter(a.peer, NULL, NULL);
        push_some(1);
        assert_true(pair_wait(has_last, &b, pushed - 1));
        assert_true(count_checked(0) > 0);
        assert_true(in.recovered >= 50);
        assert_true(in.retransmitted >= 20);
        assert_true(in.nacks >= 20);
        assert_true(in.lost >= 20); /* repairs do not hide the loss from the far side */
        assert_true(stats_of(&a).out[MCU_AUDIO].retransmitted >= 20);
        const struct rtc_stream_stats out = stats_of(&a).out[MCU_AUDIO];
        assert_true(out.copies <= rows[i].copies_max * out.packets);
        close_call();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_bring_what_was_lost),
        cmocka_unit_test(without_red_there_are_no_copies),
        cmocka_unit_test(there_are_no_more_copies_than_are_allowed),
        cmocka_unit_test(what_was_lost_is_asked_for_and_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
