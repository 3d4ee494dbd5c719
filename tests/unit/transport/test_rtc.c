/* Two peers over loopback: what is pushed into a feed here arrives there. */
#include "pair.h"

static void media_flows_both_ways(enum mcu_codec codec)
{
    struct end a, b;
    pair_open(&a, &b, codec);
    end_feed(&a, codec);
    end_feed(&b, codec);
    assert_int_equal(rtc_peer_send_codec(a.peer, MCU_VIDEO), codec);
    assert_int_equal(rtc_peer_send_codec(b.peer, MCU_VIDEO), codec);
    assert_int_equal(rtc_peer_send_codec(b.peer, MCU_AUDIO), MCU_CODEC_OPUS);
    assert_true(rtc_peer_receives_picture(b.peer, RTC_CAMERA));

    for (uint32_t n = 0; n < 60; n++) {
        const size_t size = n == 0 ? 60000 : 200 + n * 90;
        end_push_audio(&a, n);
        end_push_audio(&b, n + 1000);
        end_push_video(&a, codec, n, n == 0, size);
        end_push_video(&b, codec, n + 1000, n == 0, size);
        mcu_sleep_until_us(mcu_now_us() + 20000);
    }
    assert_true(pair_wait(has_frames, &a, 60));
    assert_true(pair_wait(has_frames, &b, 60));
    assert_true(pair_wait(has_audio, &a, 60));
    assert_true(pair_wait(has_audio, &b, 60));
    for (uint32_t n = 0; n < 60; n++) {
        const size_t size = n == 0 ? 60000 : 200 + n * 90;
        assert_true(pair_is_frame(&b, n, codec, n, n == 0, size));
        assert_true(pair_is_frame(&a, n, codec, n + 1000, n == 0, size));
        assert_true(a.audio_in[n].is_whole && b.audio_in[n].is_whole);
        assert_int_equal(b.audio_in[n].number, n);
        assert_int_equal(a.audio_in[n].number, n + 1000);
        assert_int_equal(b.audio_in[n].sequence, b.audio_in[0].sequence + n);
    }
    end_close(&a);
    end_close(&b);
}

static void h264_and_opus_arrive_as_they_were_sent(void **state)
{
    (void)state;
    media_flows_both_ways(MCU_CODEC_H264);
}

static void vp8_and_opus_arrive_as_they_were_sent(void **state)
{
    (void)state;
    media_flows_both_ways(MCU_CODEC_VP8);
}

/* RTP headers are in the clear: what timestamps leave, by payload type. */
struct seen {
    uint32_t timestamps[2][64];
    size_t counts[2];
};

static bool sees(void *ctx, const uint8_t *data, size_t size)
{
    struct seen *seen = ctx;
    struct rtc_rtp rtp;
    if (rtc_datagram_kind(data, size) != RTC_DATAGRAM_RTP || rtc_rtp_parse(&rtp, data, size))
        return false;
    const size_t kind = rtp.pt == 111 ? MCU_AUDIO : MCU_VIDEO;
    if (seen->counts[kind] < 64)
        seen->timestamps[kind][seen->counts[kind]++] = rtp.timestamp;
    return false;
}

static void times_are_those_of_the_room_clock(void **state)
{
    (void)state;
    struct end a, b;
    struct seen seen = {.counts = {0, 0}};
    pair_open_unmeasured(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    rtc_peer_filter(a.peer, sees, &seen);
    const int64_t start_us = mcu_now_us();
    for (uint32_t n = 0; n < 50; n++) {
        struct mcu_packet *audio = pair_audio(n, start_us + n * 20000);
        struct mcu_packet *video = pair_video(MCU_CODEC_VP8, n, n == 0, 500, start_us + n * 20000);
        rtc_feed_push(a.audio, audio);
        rtc_feed_push(a.video, video);
        mcu_packet_unref(audio);
        mcu_packet_unref(video);
        mcu_sleep_until_us(start_us + (n + 1) * 20000);
    }
    assert_true(pair_wait(has_frames, &b, 50));
    assert_true(pair_wait(has_audio, &b, 50));
    for (uint32_t n = 0; n < 50; n++) {
        /* Both clocks are one here, so what the receiver makes of arrival times and reports is off
         * by the path and by scheduling only. */
        const int64_t off_us = b.audio_in[n].pts_us - (start_us + n * 20000);
        const int64_t video_off_us = b.frames[n]->pts_us - (start_us + n * 20000);
        assert_true(off_us > -1000000 && off_us < 1000000);
        assert_true(video_off_us > -1000000 && video_off_us < 1000000);
        if (n > 0) {
            assert_true(b.audio_in[n].pts_us > b.audio_in[n - 1].pts_us);
            assert_true(b.frames[n]->pts_us > b.frames[n - 1]->pts_us);
        }
    }
    rtc_peer_filter(a.peer, NULL, NULL);
    assert_int_equal(seen.counts[MCU_AUDIO], 50);
    assert_in_range(seen.timestamps[MCU_AUDIO][49] - seen.timestamps[MCU_AUDIO][0], 49 * 960 - 1,
                    49 * 960 + 1);
    assert_in_range(seen.timestamps[MCU_VIDEO][49] - seen.timestamps[MCU_VIDEO][0], 49 * 1800 - 1,
                    49 * 1800 + 1);
    const int64_t audio_us = b.audio_in[49].pts_us - b.audio_in[0].pts_us;
    const int64_t video_us = b.frames[49]->pts_us - b.frames[0]->pts_us;
    assert_in_range(audio_us, 49 * 20000 - 100000, 49 * 20000 + 100000);
    assert_in_range(video_us, 49 * 20000 - 100000, 49 * 20000 + 100000);
    end_close(&a);
    end_close(&b);
}

static void a_key_frame_request_goes_round(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_H264);
    end_feed(&a, MCU_CODEC_H264);
    end_push_video(&a, MCU_CODEC_H264, 0, true, 3000);
    end_push_video(&a, MCU_CODEC_H264, 1, false, 3000); /* now the kept one is no answer */
    assert_true(pair_wait(has_frames, &b, 2));
    assert_int_equal(end_read(&a, key_asked), 0);

    for (int i = 0; i < 20; i++) { /* many wishes at once are one request */
        rtc_peer_request_key(b.peer, RTC_CAMERA);
        mcu_sleep_until_us(mcu_now_us() + 1000);
    }
    assert_true(pair_wait(has_key_asked, &a, 1));
    assert_int_equal(end_read(&a, key_codec), MCU_CODEC_H264);
    end_push_video(&a, MCU_CODEC_H264, 2, true, 3000);
    assert_true(pair_wait(has_frames, &b, 3));
    mcu_sleep_until_us(mcu_now_us() + 700000);
    pthread_mutex_lock(&a.lock);
    const size_t asked = a.key_asked;
    pthread_mutex_unlock(&a.lock);
    assert_in_range(asked, 1, 2);
    struct rtc_peer_stats stats;
    rtc_peer_read_stats(b.peer, &stats);
    assert_in_range(stats.in[MCU_VIDEO].plis, 1, 2);
    end_close(&a);
    end_close(&b);
}

static void a_newcomer_waits_for_a_key_frame(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    for (uint32_t n = 1; n <= 5; n++)
        end_push_video(&a, MCU_CODEC_VP8, n, false, 2000);
    assert_true(pair_wait(has_key_asked, &a, 1)); /* it says so itself, without a PLI */
    end_push_video(&a, MCU_CODEC_VP8, 6, true, 2000);
    end_push_video(&a, MCU_CODEC_VP8, 7, false, 2000);
    assert_true(pair_wait(has_frames, &b, 2));
    assert_true(pair_is_frame(&b, 0, MCU_CODEC_VP8, 6, true, 2000));
    assert_true(pair_is_frame(&b, 1, MCU_CODEC_VP8, 7, false, 2000));
    end_close(&a);
    end_close(&b);
}

/* Though nothing more is pushed: the feed's own key frame is there at once. */
static void a_newcomer_gets_the_kept_key_frame(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_H264);
    assert_int_equal(rtc_feed_create(a.rtc, &a.video, MCU_CODEC_H264), 0);
    end_push_video(&a, MCU_CODEC_H264, 0, true, 9000);
    end_push_video(&a, MCU_CODEC_H264, 1, false, 2000);
    rtc_peer_tune(a.peer, MCU_VIDEO, a.video);
    assert_true(pair_wait(has_frames, &b, 1));
    assert_true(pair_is_frame(&b, 0, MCU_CODEC_H264, 0, true, 9000));
    assert_true(pair_wait(has_tuned, &a, 1));
    rtc_peer_set_layers(a.peer, 0);
    end_push_video(&a, MCU_CODEC_H264, 2, false, 2000);
    assert_true(pair_wait(has_key_asked, &a, 1));
    end_push_video(&a, MCU_CODEC_H264, 3, true, 2000);
    assert_true(pair_wait(has_frames, &b, 2));
    assert_true(pair_is_frame(&b, 1, MCU_CODEC_H264, 3, true, 2000));
    struct rtc_feed *gone = a.video;
    a.video = NULL;
    rtc_feed_destroy(gone); /* the peer is tuned to it and does not mind */
    end_close(&a);
    end_close(&b);
}

/* A sink that leaves everything out is told nothing. */
static void a_peer_without_a_sink_connects(void **state)
{
    (void)state;
    struct end a, b;
    const struct rtc_peer_sink nothing = {.ctx = NULL};
    end_open(&a);
    end_open(&b);
    rtc_peer_destroy(b.peer);
    assert_int_equal(rtc_peer_create(b.rtc, &b.peer, &nothing), 0);
    pair_negotiate(&a, &b, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    end_feed(&b, MCU_CODEC_VP8);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    for (uint32_t n = 0; end_read(&a, audio_count) == 0 && n < 10000; n++) {
        end_push_audio(&a, n);
        end_push_video(&a, MCU_CODEC_VP8, n, false, 100);
        end_push_audio(&b, n);
        mcu_sleep_until_us(mcu_now_us() + 2000);
    }
    assert_true(end_read(&a, audio_count) > 0);
    end_close(&a);
    end_close(&b);
}

static bool has_packets(struct end *e, size_t n)
{
    struct rtc_peer_stats s;
    rtc_peer_read_stats(e->peer, &s);
    return s.in[MCU_VIDEO].packets >= n;
}

/* The receiver sees one stream go on: no loss, no new SSRC, just a key frame. */
static void another_feed_takes_over_seamlessly(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    end_push_video(&a, MCU_CODEC_VP8, 0, true, 2000);
    end_push_video(&a, MCU_CODEC_VP8, 1, false, 2000);
    assert_true(pair_wait(has_frames, &b, 2));

    struct rtc_feed *old = a.video;
    assert_int_equal(rtc_feed_create(a.rtc, &a.video, MCU_CODEC_VP8), 0);
    rtc_peer_tune(a.peer, MCU_VIDEO, a.video);
    end_push_video(&a, MCU_CODEC_VP8, 2, false, 2000); /* not decodable after the old feed */
    assert_true(pair_wait(has_key_asked, &a, 1));
    struct mcu_packet *p = pair_video(MCU_CODEC_VP8, 3, false, 2000, mcu_now_us());
    rtc_feed_push(old, p); /* goes on until then */
    mcu_packet_unref(p);
    assert_true(pair_wait(has_frames, &b, 3));
    assert_ptr_equal(end_read(&a, tuned), old);
    end_push_video(&a, MCU_CODEC_VP8, 4, true, 2000);
    end_push_video(&a, MCU_CODEC_VP8, 5, false, 2000);
    assert_true(pair_wait(has_tuned, &a, 2));
    assert_ptr_equal(end_read(&a, tuned), a.video);
    rtc_feed_destroy(old);
    assert_true(pair_wait(has_frames, &b, 5));
    assert_true(pair_is_frame(&b, 2, MCU_CODEC_VP8, 3, false, 2000));
    assert_true(pair_is_frame(&b, 3, MCU_CODEC_VP8, 4, true, 2000));
    assert_true(pair_is_frame(&b, 4, MCU_CODEC_VP8, 5, false, 2000));
    assert_true(pair_wait(has_packets, &b, 10)); /* five frames of two packets */
    struct rtc_peer_stats stats;
    rtc_peer_read_stats(b.peer, &stats);
    assert_int_equal(stats.in[MCU_VIDEO].packets, 10);
    assert_int_equal(stats.in[MCU_VIDEO].lost, 0);
    assert_int_equal(stats.in[MCU_VIDEO].nacks, 0);
    end_close(&a);
    end_close(&b);
}

/* One frame is packetized once and reaches peers on different threads. */
static void one_feed_serves_peers_on_several_threads(void **state)
{
    (void)state;
    enum { VIEWERS = 3 };
    struct end senders[VIEWERS], viewers[VIEWERS];
    const struct rtc_conf conf = {.has_loopback = true, .peers_per_thread = 1};
    struct end *room = &senders[0];
    end_open_with(room, &conf);
    for (int i = 0; i < VIEWERS; i++) {
        if (i > 0) {
            memset(&senders[i], 0, sizeof(senders[i]));
            pthread_mutex_init(&senders[i].lock, NULL);
            senders[i].rtc = room->rtc;
            const struct rtc_peer_sink sink = {
                .ctx = &senders[i], .on_state = end_on_state, .on_candidate = end_on_candidate,
                .on_audio = end_on_audio, .on_video = end_on_video, .on_need_key = end_on_need_key};
            assert_int_equal(rtc_peer_create(room->rtc, &senders[i].peer, &sink), 0);
        }
        end_open(&viewers[i]);
        pair_agree(&senders[i], &viewers[i], MCU_SENDONLY, MCU_SENDONLY, MCU_CODEC_H264, false);
    }
    end_feed(room, MCU_CODEC_H264);
    for (int i = 0; i < VIEWERS; i++) {
        assert_true(pair_wait(has_state, &senders[i], RTC_CONNECTED));
        rtc_peer_tune(senders[i].peer, MCU_AUDIO, room->audio);
        rtc_peer_tune(senders[i].peer, MCU_VIDEO, room->video);
    }
    for (uint32_t n = 0; n < 20; n++) {
        end_push_audio(room, n);
        end_push_video(room, MCU_CODEC_H264, n, n == 0, 4000);
        mcu_sleep_until_us(mcu_now_us() + 5000);
    }
    for (int i = 0; i < VIEWERS; i++) {
        assert_true(pair_wait(has_frames, &viewers[i], 20));
        assert_true(pair_wait(has_audio, &viewers[i], 20));
        assert_true(pair_is_frame(&viewers[i], 19, MCU_CODEC_H264, 19, false, 4000));
        assert_false(rtc_peer_receives_picture(senders[i].peer, RTC_CAMERA));
        assert_int_equal(rtc_peer_send_codec(viewers[i].peer, MCU_VIDEO), MCU_CODEC_NONE);
    }
    for (int i = VIEWERS - 1; i >= 0; i--) {
        end_close(&viewers[i]);
        if (i > 0) {
            rtc_peer_destroy(senders[i].peer);
            pthread_mutex_destroy(&senders[i].lock);
        }
    }
    end_close(room);
}

static bool has_estimate(struct end *e, size_t bps)
{
    return e->estimate_count > 0 && e->estimate.bitrate_bps >= bps;
}

/* By padding, for what is pushed is a tenth of it. */
static void what_the_path_carries_is_found_out(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    const int64_t by_us = mcu_now_us() + 3 * PAIR_WAIT_MS * MCU_US_PER_MS;
    bool is_found = false;
    for (uint32_t n = 0; !is_found && mcu_now_us() < by_us; n++) {
        end_push_audio(&a, n);
        end_push_video(&a, MCU_CODEC_VP8, n, n == 0, 100);
        mcu_sleep_until_us(mcu_now_us() + 20000);
        pthread_mutex_lock(&a.lock);
        is_found = has_estimate(&a, 600000);
        pthread_mutex_unlock(&a.lock);
    }
    assert_true(is_found);
    assert_int_equal(end_read(&b, estimate_count), 0); /* it sends nothing */
    end_close(&a);
    end_close(&b);
}

static bool has_stats(struct end *e, size_t n)
{
    (void)n;
    struct rtc_peer_stats s;
    rtc_peer_read_stats(e->peer, &s);
    return s.rtt_us >= 0 && s.in[MCU_AUDIO].packets >= 100 && s.out[MCU_AUDIO].packets >= 100 &&
           s.in[MCU_VIDEO].packets > 0;
}

static void reports_tell_the_round_trip(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    end_feed(&b, MCU_CODEC_VP8);
    for (uint32_t n = 0; n < 150; n++) {
        end_push_audio(&a, n);
        end_push_audio(&b, n);
        end_push_video(&a, MCU_CODEC_VP8, n, n == 0, 1000);
        end_push_video(&b, MCU_CODEC_VP8, n, n == 0, 1000);
        mcu_sleep_until_us(mcu_now_us() + 20000);
    }
    assert_true(pair_wait(has_stats, &a, 0));
    assert_true(pair_wait(has_stats, &b, 0));
    struct rtc_peer_stats s;
    rtc_peer_read_stats(a.peer, &s);
    assert_int_equal(s.state, RTC_CONNECTED);
    assert_int_equal(s.rejected, 0);
    assert_true(s.rtt_us < 5 * MCU_US_PER_S);
    assert_true(s.in[MCU_AUDIO].bytes >= 80 * 100);
    end_close(&a);
    end_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h264_and_opus_arrive_as_they_were_sent),
        cmocka_unit_test(vp8_and_opus_arrive_as_they_were_sent),
        cmocka_unit_test(times_are_those_of_the_room_clock),
        cmocka_unit_test(a_key_frame_request_goes_round),
        cmocka_unit_test(a_newcomer_waits_for_a_key_frame),
        cmocka_unit_test(a_newcomer_gets_the_kept_key_frame),
        cmocka_unit_test(a_peer_without_a_sink_connects),
        cmocka_unit_test(another_feed_takes_over_seamlessly),
        cmocka_unit_test(one_feed_serves_peers_on_several_threads),
        cmocka_unit_test(what_the_path_carries_is_found_out),
        cmocka_unit_test(reports_tell_the_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
