/* Who hears what: N-1, sharing, joins and leaves, on a virtual clock. */
#include "rig.h"

#include "mixer/dsp.h"

enum { PEOPLE = 4, TICKS = 150, SETTLE = 50 };

static const double tones[PEOPLE] = {440, 700, 1000, 1550};

static void push_all(struct rig *r, struct mix_input **in, struct clip *clips, int n, size_t k)
{
    const int64_t pts = r->start_us + (int64_t)k * MIX_TICK_US;
    for (int i = 0; i < n; i++)
        push_clip(in[i], &clips[i], k, k, pts, pts);
}

/* From 1 s on, 2 s: whole cycles of all tones. */
static double tone_db(const struct recording *rec, double hz, double level)
{
    const size_t from = (size_t)SETTLE * MIX_TICK_FRAMES;
    return to_db(amplitude(rec->pcm + from, 2 * MIX_RATE_HZ, hz) / level);
}

static void everyone_hears_all_but_himself(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    r.records_outputs = true;
    struct mix_input *in[PEOPLE];
    struct clip clips[PEOPLE];
    struct ear ears[PEOPLE + 1];
    for (int i = 0; i < PEOPLE; i++) {
        clips[i] = make_clip(tones[i], 0.1, TICKS);
        in[i] = rig_input(&r);
        rig_listen(&r, &ears[i], in[i]);
    }
    rig_listen(&r, &ears[PEOPLE], NULL);
    for (size_t k = 0; k < TICKS; k++) {
        push_all(&r, in, clips, PEOPLE, k);
        rig_tick(&r);
    }
    for (int e = 0; e <= PEOPLE; e++) {
        const uint32_t out = ears[e].output;
        for (int other = 0; other < e; other++)
            assert_int_not_equal(out, ears[other].output);
        assert_int_equal(ears[e].told, 1);
        for (int i = 0; i < PEOPLE; i++) {
            const double raw = tone_db(&r.raw[out], tones[i], 0.1);
            const double heard = tone_db(&r.heard[out], tones[i], 0.1);
            if (i == e) {
                assert_true(raw < -60);
                assert_true(heard < -40);
            } else {
                assert_true(fabs(raw) < 1);
                assert_true(fabs(heard) < 1);
            }
        }
    }
    for (int i = 0; i < PEOPLE; i++) {
        assert_true(fabsf(mix_input_level_dbov(in[i]) - -23.0f) < 1);
        assert_true(mix_input_is_speaking(in[i]));
        assert_int_equal(rig_stats(in[i]).lost, 0);
        assert_int_equal(rig_stats(in[i]).concealed, 0);
        assert_int_equal(rig_stats(in[i]).frames, TICKS * MIX_TICK_FRAMES);
        free_clip(&clips[i]);
    }
    rig_close(&r);
}

static void one_alone_hears_exact_silence(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    r.records_outputs = true;
    struct clip clip = make_clip(440, 0.5, TICKS);
    struct mix_input *in = rig_input(&r);
    struct ear ear;
    rig_listen(&r, &ear, in);
    for (size_t k = 0; k < TICKS; k++) {
        push_all(&r, &in, &clip, 1, k);
        rig_tick(&r);
    }
    assert_int_equal(r.raw[ear.output].frames, TICKS * MIX_TICK_FRAMES);
    for (size_t i = 0; i < r.raw[ear.output].frames; i++)
        assert_true(r.raw[ear.output].pcm[i] == 0);
    free_clip(&clip);
    rig_close(&r);
}

static struct mix_stats mix_stats(const struct rig *r)
{
    struct mix_stats s;
    mix_read_stats(r->m, &s);
    return s;
}

static void who_hears_the_same_shares_one_encoder(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 1000);
    struct mix_input *a = rig_input(&r);
    struct mix_input *b = rig_input(&r);
    struct ear audience[50];
    struct ear own_a[2];
    struct ear own_b;
    rig_tick(&r);
    assert_int_equal(mix_stats(&r).encodes, 0); /* nobody hears */
    for (int i = 0; i < 50; i++)
        rig_listen(&r, &audience[i], NULL);
    rig_listen(&r, &own_a[0], a);
    rig_listen(&r, &own_a[1], a);
    rig_listen(&r, &own_b, b);
    rig_tick(&r);
    assert_int_equal(mix_stats(&r).outputs, 3);
    assert_int_equal(mix_stats(&r).encodes, 3);
    for (int i = 0; i < 50; i++)
        assert_int_equal(audience[i].output, audience[0].output);
    assert_int_not_equal(audience[0].output, own_a[0].output);
    assert_int_equal(own_a[0].output, own_a[1].output);
    assert_int_not_equal(own_a[0].output, own_b.output);
    assert_int_equal(r.last_pts_us, 21000);

    mix_listener_remove(r.m, own_a[0].l);
    rig_tick(&r);
    assert_int_equal(mix_stats(&r).outputs, 3);
    mix_listener_remove(r.m, own_a[1].l);
    rig_tick(&r);
    assert_int_equal(mix_stats(&r).outputs, 2);
    for (int i = 0; i < 50; i++)
        mix_listener_remove(r.m, audience[i].l);
    rig_tick(&r);
    assert_int_equal(mix_stats(&r).outputs, 1);
    assert_int_equal(r.assigns, 53); /* once each */
    rig_close(&r);
}

/* So that the thread that carries them is woken once a tick. */
static void the_mixes_of_a_tick_are_sent_together(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 1000);
    struct ear ears[4];
    for (int i = 0; i < 3; i++)
        rig_listen(&r, &ears[i], rig_input(&r));
    rig_listen(&r, &ears[3], NULL);
    for (uint64_t tick = 1; tick < 20; tick++) {
        const uint64_t before = mix_stats(&r).encodes;
        rig_tick(&r);
        assert_true(mix_stats(&r).outputs > 1);
        assert_int_equal(r.encodes_at_first, before + mix_stats(&r).outputs);
    }
    rig_close(&r);
}

static void removing_the_own_voice_moves_its_listeners_to_everyone(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct mix_input *a = rig_input(&r);
    struct mix_input *b = rig_input(&r);
    struct ear ear;
    struct ear audience[2];
    rig_listen(&r, &ear, a);
    rig_listen(&r, &audience[0], NULL);
    rig_listen(&r, &audience[1], NULL);
    rig_tick(&r);
    assert_int_not_equal(ear.output, audience[0].output);
    mix_input_remove(r.m, a);
    for (int i = 0; i < 10; i++)
        rig_tick(&r);
    assert_int_equal(ear.output, audience[0].output);
    assert_int_equal(ear.told, 2);
    assert_int_equal(mix_stats(&r).outputs, 1);
    assert_int_equal(mix_stats(&r).switches, 1);
    struct mix_input *again = rig_input(&r); /* takes the slot */
    assert_int_equal(again->slot, 0);
    struct ear other;
    rig_listen(&r, &other, again);
    rig_tick(&r);
    assert_int_not_equal(other.output, audience[0].output);
    assert_int_equal(ear.output, audience[0].output);
    mix_listener_remove(r.m, ear.l);
    const uint32_t told = ear.told;
    mix_input_remove(r.m, again);
    mix_input_remove(r.m, b);
    for (int i = 0; i < 10; i++)
        rig_tick(&r);
    assert_int_equal(ear.told, told); /* gone: not told any more */
    assert_int_equal(other.output, audience[0].output);
    rig_close(&r);
}

/* 440 Hz at 0.2: a sine's own largest step, and some for fades and Opus. */
static const double step_of_tone = 0.2 * 2 * M_PI * 440 / MIX_RATE_HZ;

static void joins_leaves_and_mutes_do_not_click(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct clip clip = make_clip(440, 0.2, TICKS);
    struct mix_input *in = rig_input(&r);
    size_t quiet_from = 0;
    for (size_t k = 0; k < 100; k++) {
        if (k >= 7) /* joins in the middle of a tone, off the grid of ticks */
            push_clip(in, &clip, k, k, (int64_t)k * MIX_TICK_US + 7300, 0);
        if (k == 30)
            mix_input_set_muted(in, true);
        if (k == 40)
            mix_input_set_muted(in, false);
        if (k == 60)
            mix_input_remove(r.m, in);
        if (k == 60)
            in = NULL, quiet_from = (k + 1) * MIX_TICK_FRAMES;
        rig_tick(&r);
        if (!in)
            break;
    }
    for (int k = 0; k < 5; k++)
        rig_tick(&r);
    const float *x = r.everyone.pcm;
    assert_true(rms(x + 20 * 960, 960) > 0.13);
    assert_true(rms(x + 30 * 960 + 480, 9 * 960) == 0); /* muted after 10 ms */
    assert_true(rms(x + 30 * 960, 480) > 0.03);         /* but not at once */
    assert_true(rms(x + 41 * 960, 960) > 0.13);
    assert_true(rms(x + quiet_from - 480, 960) == 0); /* left after 10 ms */
    assert_true(largest_step(r.everyone.pcm, r.everyone.frames) < 1.3 * step_of_tone);
    free_clip(&clip);
    rig_close(&r);
}

/* The tone ends abruptly and never comes again: the tail is faded, not cut. */
static void the_end_of_a_source_is_whole_and_does_not_click(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct clip clip = make_clip(440, 0.2, 20);
    struct mix_input *in = rig_input(&r);
    for (size_t k = 0; k < 40; k++) {
        if (k < 20)
            push_clip(in, &clip, k, k, (int64_t)k * MIX_TICK_US, (int64_t)k * MIX_TICK_US);
        rig_tick(&r);
    }
    const float *x = r.everyone.pcm;
    assert_true(rms(x + 19 * 960, 960) > 0.13); /* the last packet, to its end */
    assert_true(rms(x + 26 * 960, 13 * 960) == 0);
    assert_true(largest_step(r.everyone.pcm, r.everyone.frames) < 1.5 * step_of_tone);
    assert_int_equal(rig_stats(in).concealed, 0);
    assert_int_equal(rig_stats(in).lost, 0);
    free_clip(&clip);
    rig_close(&r);
}

static void mutes_at_the_start_are_silent_from_the_start(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct clip clip = make_clip(440, 0.2, 20);
    struct mix_input *in = rig_input(&r);
    mix_input_set_muted(in, true);
    for (size_t k = 0; k < 20; k++) {
        push_all(&r, &in, &clip, 1, k);
        rig_tick(&r);
    }
    assert_true(mix_dsp_peak(r.everyone.pcm, r.everyone.frames) == 0);
    assert_true(mix_input_level_dbov(in) < -126);
    assert_false(mix_input_is_speaking(in));
    free_clip(&clip);
    rig_close(&r);
}

enum { LAUGHING = 20 };

/* The twenty people laughing, K = 20: tones far apart, so that they do add up. */
static void twenty_loud_voices_do_not_clip(void **state)
{
    (void)state;
    struct rig r;
    const struct mix_conf conf = {
        .channels = 1, .bitrate_bps = 64000, .complexity = 0, .speakers = LAUGHING};
    rig_open_conf(&r, &conf, 0);
    r.records_outputs = true;
    struct clip clips[PEOPLE];
    for (int i = 0; i < PEOPLE; i++)
        clips[i] = make_clip(tones[i], 0.7, TICKS);
    struct mix_input *in[LAUGHING];
    struct ear ear;
    for (int i = 0; i < LAUGHING; i++)
        in[i] = rig_input(&r);
    rig_listen(&r, &ear, in[0]);
    for (size_t k = 0; k < TICKS; k++) {
        for (int i = 0; i < LAUGHING; i++)
            push_all(&r, &in[i], &clips[i % PEOPLE], 1, k);
        rig_tick(&r);
    }
    assert_int_equal(mix_stats(&r).speakers, LAUGHING);
    const float everyone = mix_dsp_peak(r.everyone.pcm, r.everyone.frames);
    const struct recording *raw = &r.raw[ear.output];
    assert_true(everyone <= MIX_LIMITER_CEILING && everyone > 0.9f);
    assert_true(mix_dsp_peak(raw->pcm, raw->frames) <= MIX_LIMITER_CEILING);
    /* limited, not bent: the balance of the tones is kept */
    for (int i = 1; i < PEOPLE; i++) {
        const double db = tone_db(&r.everyone, tones[i], 1) - tone_db(&r.everyone, tones[0], 1);
        assert_true(fabs(db) < 1);
    }
    for (int i = 0; i < PEOPLE; i++)
        free_clip(&clips[i]);
    rig_close(&r);
}

enum { CROWD = 120, CROWD_TICKS = 60 };

/* All speak at once and all listen: five are heard, six mixes are made. */
static void a_hundred_and_twenty_voices(void **state)
{
    (void)state;
    struct rig r;
    const struct mix_conf conf = {.channels = 1, .bitrate_bps = 32000, .complexity = 0};
    rig_open_conf(&r, &conf, 0);
    struct clip clips[PEOPLE];
    for (int i = 0; i < PEOPLE; i++)
        clips[i] = make_clip(tones[i], 0.05, CROWD_TICKS);
    static struct mix_input *in[CROWD];
    static struct ear ears[CROWD];
    for (int i = 0; i < CROWD; i++) {
        in[i] = rig_input(&r);
        rig_listen(&r, &ears[i], in[i]);
    }
    for (size_t k = 0; k < CROWD_TICKS; k++) {
        for (int i = 0; i < CROWD; i++)
            push_all(&r, &in[i], &clips[i % PEOPLE], 1, k);
        rig_tick(&r);
    }
    assert_int_equal(mix_stats(&r).speakers, 5);
    assert_int_equal(mix_stats(&r).mixes, 6);
    assert_int_equal(mix_stats(&r).outputs, 6);
    assert_int_equal(mix_stats(&r).starved, 0);
    for (int i = 0; i < PEOPLE; i++)
        free_clip(&clips[i]);
    rig_close(&r);
}

static void more_inputs_than_slots_are_refused(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct mix_input *first = rig_input(&r);
    for (int i = 1; i < MIX_INPUTS_MAX; i++)
        rig_input(&r);
    const struct mix_input_conf conf = {.codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = 48000};
    struct mix_input *none = NULL;
    assert_int_equal(mix_input_add(r.m, &none, &conf), -ENOSPC);
    assert_null(none);
    mix_input_remove(r.m, first);
    rig_tick(&r);
    assert_int_equal(mix_input_add(r.m, &none, &conf), 0);
    rig_close(&r);
}

static void a_bad_conf_is_refused(void **state)
{
    (void)state;
    const struct mix_conf good = {.channels = 2, .bitrate_bps = 64000, .complexity = 5};
    const struct mix_sink sink = {0};
    struct mix_conf bad[8] = {good, good, good, good, good, good, good, good};
    bad[0].channels = 0;
    bad[1].channels = 3;
    bad[2].bitrate_bps = 5999;
    bad[3].bitrate_bps = 256001;
    bad[4].complexity = 11;
    bad[5].min_delay_us = -1;
    bad[6].min_delay_us = 10;
    bad[7].max_delay_us = 1000001;
    for (int i = 0; i < 8; i++) {
        struct mix *m = NULL;
        assert_int_equal(mix_create(&m, &bad[i], &sink), -EINVAL);
        assert_null(m);
    }
    struct mix *m = NULL;
    assert_int_equal(mix_create(&m, &good, &sink), 0);
    mix_tick(m, 0);
    const struct mix_input_conf confs[] = {
        {.codec = MCU_CODEC_VP8, .channels = 1, .rate_hz = 48000},
        {.codec = MCU_CODEC_OPUS, .channels = 3, .rate_hz = 48000},
        {.codec = MCU_CODEC_AAC, .channels = 0, .rate_hz = 48000},
        {.codec = MCU_CODEC_AAC, .channels = 2, .rate_hz = 1},
        {.codec = MCU_CODEC_VORBIS, .channels = 2, .rate_hz = 48000}, /* no set-up */
        {.codec = MCU_CODEC_OPUS,
         .channels = 2,
         .extradata = (const uint8_t *)"OpusHead",
         .extradata_size = 8},
    };
    for (size_t i = 0; i < sizeof(confs) / sizeof(confs[0]); i++) {
        struct mix_input *in = NULL;
        assert_int_equal(mix_input_add(m, &in, &confs[i]), -EINVAL);
        assert_null(in);
    }
    mix_destroy(m);
    mix_destroy(NULL);
}

/* Everything made, some removed, no tick: nothing leaks and nothing is freed twice. */
static void a_mix_without_ticks_can_be_destroyed(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct mix_input *in[10];
    struct ear ears[20];
    struct clip clip = make_clip(440, 0.1, 2);
    for (int i = 0; i < 10; i++) {
        in[i] = rig_input(&r);
        push_clip(in[i], &clip, 0, 0, 0, 0);
        rig_listen(&r, &ears[i], in[i]);
        rig_listen(&r, &ears[10 + i], NULL);
    }
    for (int i = 0; i < 10; i += 2) {
        mix_listener_remove(r.m, ears[i].l);
        mix_input_remove(r.m, in[i]);
        mix_listener_remove(r.m, ears[10 + i].l);
    }
    mix_input_remove(r.m, NULL);
    mix_listener_remove(r.m, NULL);
    free_clip(&clip);
    rig_close(&r);
}

static void added_and_removed_within_a_tick_leaves_no_trace(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    for (int i = 0; i < 500; i++) { /* more than there are slots */
        struct mix_input *in = rig_input(&r);
        struct ear ear;
        rig_listen(&r, &ear, in);
        mix_listener_remove(r.m, ear.l);
        mix_input_remove(r.m, in);
        rig_tick(&r);
        assert_int_equal(ear.told, 0);
    }
    rig_close(&r);
}

/* A packet that its receiver keeps is not used again. */
struct keeper {
    struct mcu_packet *kept[200];
    uint8_t copies[200][1275];
    size_t count;
};

static void keep_packet(void *ctx, uint32_t output, struct mcu_packet *packet)
{
    (void)output;
    struct keeper *k = ctx;
    memcpy(k->copies[k->count], packet->data, packet->size);
    k->kept[k->count++] = mcu_packet_ref(packet);
}

static void packets_that_are_kept_stay_as_they_were(void **state)
{
    (void)state;
    static struct keeper k;
    const struct mix_conf conf = {.channels = 1, .bitrate_bps = 64000, .complexity = 5};
    const struct mix_sink sink = {.ctx = &k, .on_packet = keep_packet};
    struct mix *m;
    struct mix_listener *l;
    struct mix_input *in;
    struct clip clip = make_clip(440, 0.3, 200);
    assert_int_equal(mix_create(&m, &conf, &sink), 0);
    const struct mix_input_conf ic = {.codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = 48000};
    assert_int_equal(mix_input_add(m, &in, &ic), 0);
    assert_int_equal(mix_listener_add(m, &l, NULL, NULL), 0);
    struct mix_stats stats;
    for (size_t t = 0; t < 200; t++) {
        push_clip(in, &clip, t, t, (int64_t)t * MIX_TICK_US, 0);
        mix_tick(m, (int64_t)t * MIX_TICK_US);
        mix_read_stats(m, &stats);
        assert_int_equal(stats.pool_misses, t < 64 ? 0 : t - 63);
    }
    mix_destroy(m); /* they outlive it */
    for (size_t t = 0; t < 200; t++) {
        assert_int_equal(k.kept[t]->pts_us, (int64_t)t * MIX_TICK_US);
        assert_memory_equal(k.kept[t]->data, k.copies[t], k.kept[t]->size);
        mcu_packet_unref(k.kept[t]);
    }
    free_clip(&clip);
}

static void stereo_keeps_its_sides(void **state)
{
    (void)state;
    struct rig r;
    const struct mix_conf conf = {.channels = 2, .bitrate_bps = 96000, .complexity = 5};
    rig_open_conf(&r, &conf, 0);
    int err;
    OpusEncoder *opus = opus_encoder_create(MIX_RATE_HZ, 2, OPUS_APPLICATION_AUDIO, &err);
    opus_encoder_ctl(opus, OPUS_SET_BITRATE(128000));
    const struct mix_input_conf ic = {.codec = MCU_CODEC_OPUS, .channels = 2, .rate_hz = 48000};
    struct mix_input *in;
    assert_int_equal(mix_input_add(r.m, &in, &ic), 0);
    for (int k = 0; k < 75; k++) {
        float pcm[MIX_TICK_FRAMES * 2];
        uint8_t data[1500];
        for (int i = 0; i < MIX_TICK_FRAMES; i++) {
            pcm[2 * i] = 0.2f * sinf(2 * (float)M_PI * 440 * (float)(k * 960 + i) / 48000);
            pcm[2 * i + 1] = 0;
        }
        const int size = opus_encode_float(opus, pcm, MIX_TICK_FRAMES, data, sizeof(data));
        const struct mix_packet p = {.level_dbov = 1, .data = data,
                                     .size = (size_t)size,
                                     .sequence = (uint64_t)k,
                                     .pts_us = r.now_us,
                                     .arrival_us = r.now_us};
        assert_int_equal(mix_input_push(in, &p), 0);
        rig_tick(&r);
    }
    static float left[48000], right[48000];
    for (int i = 0; i < 48000; i++) {
        left[i] = r.everyone.pcm[2 * (i + 24000)];
        right[i] = r.everyone.pcm[2 * (i + 24000) + 1];
    }
    assert_true(fabs(to_db(amplitude(left, 48000, 440) / 0.2)) < 1);
    assert_true(to_db(amplitude(right, 48000, 440) / 0.2) < -40);
    opus_encoder_destroy(opus);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_hears_all_but_himself),
        cmocka_unit_test(one_alone_hears_exact_silence),
        cmocka_unit_test(who_hears_the_same_shares_one_encoder),
        cmocka_unit_test(the_mixes_of_a_tick_are_sent_together),
        cmocka_unit_test(removing_the_own_voice_moves_its_listeners_to_everyone),
        cmocka_unit_test(joins_leaves_and_mutes_do_not_click),
        cmocka_unit_test(the_end_of_a_source_is_whole_and_does_not_click),
        cmocka_unit_test(mutes_at_the_start_are_silent_from_the_start),
        cmocka_unit_test(twenty_loud_voices_do_not_clip),
        cmocka_unit_test(a_hundred_and_twenty_voices),
        cmocka_unit_test(more_inputs_than_slots_are_refused),
        cmocka_unit_test(a_bad_conf_is_refused),
        cmocka_unit_test(a_mix_without_ticks_can_be_destroyed),
        cmocka_unit_test(added_and_removed_within_a_tick_leaves_no_trace),
        cmocka_unit_test(packets_that_are_kept_stay_as_they_were),
        cmocka_unit_test(stereo_keeps_its_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
