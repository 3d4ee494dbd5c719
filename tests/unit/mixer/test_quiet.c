/* Senders that fall silent, and holes that are longer than a decoder can make up: what is heard is
 * low noise, it is counted honestly, and nothing clicks. */
#include "voice_rig.h"

#include "mixer/decode.h"

enum { FEC = 1, DTX = 2 };

/* Speech-like sound up to packet `until`, then faint noise; SILK. */
static struct clip make_voice(size_t count, size_t until, int flags)
{
    struct clip clip = {.count = count, .packets = calloc(count, sizeof(*clip.packets))};
    int err;
    OpusEncoder *opus = opus_encoder_create(MIX_RATE_HZ, 1, OPUS_APPLICATION_VOIP, &err);
    assert_non_null(clip.packets);
    assert_non_null(opus);
    opus_encoder_ctl(opus, OPUS_SET_BITRATE(24000));
    opus_encoder_ctl(opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(flags & FEC ? 1 : 0));
    opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC(30));
    opus_encoder_ctl(opus, OPUS_SET_DTX(flags & DTX ? 1 : 0));
    uint32_t seed = 6;
    double phase = 0;
    for (size_t k = 0; k < count; k++) {
        float pcm[MIX_TICK_FRAMES];
        for (size_t i = 0; i < MIX_TICK_FRAMES; i++) {
            const double t = (double)(k * MIX_TICK_FRAMES + i) / MIX_RATE_HZ;
            phase += (130 + 30 * sin(2 * M_PI * 0.7 * t)) / MIX_RATE_HZ;
            double x = 0;
            for (int h = 1; h <= 8; h++)
                x += sin(2 * M_PI * phase * h) / h;
            const double noise = (double)rig_random(&seed, 2001) / 1000 - 1;
            pcm[i] = (float)((k < until ? 0.12 * x * (1.2 + sin(2 * M_PI * 3 * t)) : 0) +
                             0.0006 * noise);
        }
        const int size = opus_encode_float(opus, pcm, MIX_TICK_FRAMES, clip.packets[k].data, 1500);
        assert_true(size > 0);
        clip.packets[k].size = (size_t)size;
    }
    opus_encoder_destroy(opus);
    return clip;
}

/* A browser sends nothing but a packet of a byte or two every 400 ms, numbered without a gap. */
static void dtx_is_no_loss_and_not_dead(void **state)
{
    (void)state;
    struct clip clip = make_voice(500, 100, DTX);
    struct voice_rig r;
    voice_open(&r, 1, 40000, 300000);
    uint64_t sequence = 0;
    size_t last_sent = 0;
    size_t silent = 0;
    for (size_t k = 0; k < clip.count; k++) {
        const bool is_dtx = clip.packets[k].size <= 2;
        if (!is_dtx || k - last_sent >= 20 || clip.packets[k - 1].size > 2) {
            last_sent = k;
            const struct mix_packet p = {.data = clip.packets[k].data,
                                         .size = clip.packets[k].size,
                                         .sequence = ++sequence,
                                         .pts_us = (int64_t)k * 20000,
                                         .arrival_us = (int64_t)k * 20000,
                                         .level_dbov = 1};
            assert_int_equal(mix_input_push(r.in, &p), 0);
        } else {
            silent++;
        }
        voice_tick(&r, VOICE_MIXED);
    }
    const struct mix_input_stats s = rig_stats(r.in);
    assert_true(silent > 250); /* DTX was on */
    assert_int_equal(s.lost, 0);
    assert_int_equal(s.concealed, 0);
    assert_int_equal(s.stretched, 0);
    /* the decoder's noise is heard throughout, and is low */
    for (size_t t = 150; t < 490; t++) {
        const double level = rms(r.heard.pcm + t * 960, 960);
        assert_true(level > 1e-6 && level < 0.003);
    }
    assert_true(largest_step(r.heard.pcm + 130 * 960, 360 * 960) < 0.004);
    voice_close(&r);
    free_clip(&clip);
}

/* Ends after 100 packets and is gone for `gone` of them. */
static struct mix_input_stats play_outage(const struct clip *clip, size_t gone, int64_t max_us,
                                          struct recording *out)
{
    struct voice_rig r;
    voice_open(&r, 1, 20000, max_us);
    for (size_t k = 0; k < clip->count; k++) {
        if (k < 100 || k >= 100 + gone)
            voice_push(&r, clip, k, 1, 0);
        voice_tick(&r, VOICE_MIXED);
    }
    const struct mix_input_stats s = rig_stats(r.in);
    *out = r.heard;
    r.heard = (struct recording){0};
    voice_close(&r);
    return s;
}

static void an_outage_counts_in_full_and_fades_to_noise(void **state)
{
    (void)state;
    struct clip clip = make_voice(300, 60, 0); /* a pause in which only noise was heard */
    const size_t holes[] = {1, 4, 9, 30, 100};
    for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
        struct recording heard;
        const struct mix_input_stats s = play_outage(&clip, holes[i], 300000, &heard);
        assert_int_equal(s.lost, holes[i]);
        const uint64_t due = holes[i] * 960;
        if (s.concealed + 960 < due || s.concealed > due + 960)
            fail_msg("%zu packets: %llu concealed of %llu", holes[i],
                     (unsigned long long)s.concealed, (unsigned long long)due);
        assert_true(s.concealed <= s.frames);
        const size_t end = 101 + (holes[i] < 28 ? holes[i] : 28);
        for (size_t t = 101; t < end; t++) { /* for 600 ms nobody hears the line go dead */
            const double level = rms(heard.pcm + t * 960, 960);
            assert_true(level > 3e-5 && level < 0.002);
        }
        if (holes[i] == 100) /* but it is not for ever */
            assert_true(rms(heard.pcm + 140 * 960, 50 * 960) == 0);
        assert_true(largest_step(heard.pcm + 75 * 960, 200 * 960) < 0.004);
        forget(&heard);
    }
    free_clip(&clip);
}

/* Offline there is no comfort noise: silence is silence. */
static void a_pinned_voice_makes_no_noise(void **state)
{
    (void)state;
    struct clip clip = make_voice(300, 60, 0);
    struct recording heard;
    play_outage(&clip, 100, 20000, &heard);
    assert_true(rms(heard.pcm + 108 * 960, 90 * 960) == 0);
    forget(&heard);
    free_clip(&clip);
}

static void loud_sound_leaves_no_loud_noise(void **state)
{
    (void)state;
    struct clip clip = make_voice(300, 300, 0); /* never quiet: its background is not known */
    struct recording heard;
    play_outage(&clip, 100, 300000, &heard);
    for (size_t t = 107; t < 128; t++)
        assert_true(rms(heard.pcm + t * 960, 960) <= 0.0011); /* -60 dBov */
    forget(&heard);
    free_clip(&clip);
}

static void copies_in_band_are_seen(void **state)
{
    (void)state;
    struct clip with = make_voice(100, 100, FEC);
    struct clip without = make_voice(100, 100, 0);
    struct clip celt = make_clip_from(440, 0.2, 20, 0, OPUS_APPLICATION_RESTRICTED_LOWDELAY);
    size_t found = 0;
    for (size_t k = 0; k < 100; k++) {
        found += mix_opus_has_fec(with.packets[k].data, with.packets[k].size);
        assert_false(mix_opus_has_fec(without.packets[k].data, without.packets[k].size));
        assert_false(mix_opus_is_celt(with.packets[k].data, with.packets[k].size));
    }
    if (found <= 70)
        fail_msg("%zu of 100", found);
    for (size_t k = 0; k < 20; k++) {
        assert_true(mix_opus_is_celt(celt.packets[k].data, celt.packets[k].size));
        assert_false(mix_opus_has_fec(celt.packets[k].data, celt.packets[k].size));
    }
    const uint8_t bad[] = {0x03, 0xff};
    assert_false(mix_opus_has_fec(bad, 0));
    assert_false(mix_opus_has_fec(bad, 1));
    assert_false(mix_opus_has_fec(bad, 2));
    free_clip(&with);
    free_clip(&without);
    free_clip(&celt);
}

/* Every tenth packet lost, the next there in time: recovered, not concealed; without FEC concealed.
 */
static void what_comes_in_band_is_counted_apart(void **state)
{
    (void)state;
    for (int has_fec = 0; has_fec < 2; has_fec++) {
        struct clip clip = make_voice(300, 300, has_fec ? FEC : 0);
        struct voice_rig r;
        voice_open(&r, 1, 40000, 300000);
        for (size_t k = 0; k < 300; k++) {
            if (k % 10 != 9)
                voice_push(&r, &clip, k, 1, 0);
            voice_tick(&r, VOICE_MIXED);
        }
        const struct mix_input_stats s = rig_stats(r.in);
        assert_int_equal(s.lost, 29);
        assert_int_equal(s.concealed + s.recovered_fec, 29 * 960);
        assert_true(has_fec ? s.recovered_fec > 20 * 960 : s.recovered_fec == 0);
        voice_close(&r);
        free_clip(&clip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtx_is_no_loss_and_not_dead),
        cmocka_unit_test(an_outage_counts_in_full_and_fades_to_noise),
        cmocka_unit_test(a_pinned_voice_makes_no_noise),
        cmocka_unit_test(loud_sound_leaves_no_loud_noise),
        cmocka_unit_test(copies_in_band_are_seen),
        cmocka_unit_test(what_comes_in_band_is_counted_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
