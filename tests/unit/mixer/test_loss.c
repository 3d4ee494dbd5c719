/* The tables of loss, jitter, reordering and drift: a voice through a network on paper
 * (tests/lib/netsim.h), decoded by the real decoder. Printed; the limits that the project promises
 * are asserted. In the tables "concealed" is the share of the sound due that was neither in a
 * packet that came in time, nor in a RED copy, nor in the in-band copy of the next packet: made up
 * by the decoder, noise or silence. "delay" is the mean playout delay, of which 20 ms are there
 * without any network. */
#include "voice_rig.h"

#include "tests/lib/netsim.h"

enum { CLIP = 500, FEW = 4000, MANY = 20000 };

struct row {
    const char *name;
    struct netsim_conf net;
    uint32_t frames;
    double concealed_most; /* percent */
    int64_t delay_most_us;
};

static const struct row rows[] = {
    {"nothing happens", {.copies = 0}, FEW, 0.0, 21000},
    {"loss 1 %", {.loss_permille = 10}, FEW, 0.5, 45000},
    {"loss 5 %", {.loss_permille = 50}, FEW, 1.5, 45000},
    {"loss 10 %", {.loss_permille = 100}, FEW, 3.5, 45000},
    {"loss 20 %", {.loss_permille = 200}, FEW, 8.0, 45000},
    {"loss 30 %", {.loss_permille = 300}, FEW, 14.0, 45000},
    {"loss 50 %", {.loss_permille = 500}, FEW, 31.0, 50000},
    {"loss 5 %, 1 copy", {.loss_permille = 50, .copies = 1}, FEW, 0.5, 50000},
    {"loss 10 %, 1 copy", {.loss_permille = 100, .copies = 1}, MANY, 1.0, 70000},
    {"loss 20 %, 2 copies", {.loss_permille = 200, .copies = 2}, FEW, 1.0, 90000},
    {"loss 30 %, 2 copies", {.loss_permille = 300, .copies = 2}, MANY, 4.0, 100000},
    {"loss 30 %, 1 copy", {.loss_permille = 300, .copies = 1}, FEW, 4.0, 80000},
    {"loss 30 %, 3 copies", {.loss_permille = 300, .copies = 3}, FEW, 1.5, 120000},
    {"loss 50 %, 3 copies", {.loss_permille = 500, .copies = 3}, FEW, 5.0, 140000},
    {"loss 50 %, 4 copies", {.loss_permille = 500, .copies = 4}, MANY, 15.0, 160000},
    {"bursts of 4, 10 %",
     {.loss_permille = 1000, .enter_permille = 28, .leave_permille = 250},
     FEW,
     12.0,
     40000},
    {"bursts of 4, 10 %, 4 copies",
     {.loss_permille = 1000, .enter_permille = 28, .leave_permille = 250, .copies = 4},
     FEW,
     4.0,
     160000},
    {"bursts of 10, 20 %",
     {.loss_permille = 1000, .enter_permille = 25, .leave_permille = 100},
     FEW,
     24.0,
     60000},
    {"jitter 20 ms", {.jitter_us = 20000}, FEW, 0.2, 45000},
    {"jitter 60 ms", {.jitter_us = 60000}, FEW, 0.5, 90000},
    {"jitter 150 ms", {.jitter_us = 150000}, FEW, 1.0, 190000},
    {"jitter 300 ms", {.jitter_us = 300000}, FEW, 2.0, 310000},
    {"one in 50 held for 80 ms", {.held_permille = 20, .held_us = 80000}, FEW, 1.0, 110000},
    {"one in 5 held for 50 ms", {.held_permille = 200, .held_us = 50000}, FEW, 0.5, 80000},
    {"jitter 40 ms, loss 10 %, 2 copies",
     {.loss_permille = 100, .jitter_us = 40000, .copies = 2},
     FEW,
     2.0,
     110000},
    {"drift +200 ppm, loss 5 %", {.drift_ppm = 200, .loss_permille = 50}, FEW, 1.5, 45000},
    {"drift -200 ppm, jitter 40 ms", {.drift_ppm = -200, .jitter_us = 40000}, FEW, 0.5, 70000},
};

/* Something like speech: a buzz whose pitch and loudness move, so that SILK codes it with FEC. */
static struct clip make_speech(void)
{
    struct clip clip = {.count = CLIP, .packets = calloc(CLIP, sizeof(*clip.packets))};
    int err;
    OpusEncoder *opus = opus_encoder_create(MIX_RATE_HZ, 1, OPUS_APPLICATION_VOIP, &err);
    assert_non_null(clip.packets);
    assert_non_null(opus);
    opus_encoder_ctl(opus, OPUS_SET_BITRATE(24000));
    opus_encoder_ctl(opus, OPUS_SET_COMPLEXITY(0));
    opus_encoder_ctl(opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC(30));
    double phase = 0;
    for (size_t k = 0; k < CLIP; k++) {
        float pcm[MIX_TICK_FRAMES];
        for (size_t i = 0; i < MIX_TICK_FRAMES; i++) {
            const double t = (double)(k * MIX_TICK_FRAMES + i) / MIX_RATE_HZ;
            phase += (130 + 30 * sin(2 * M_PI * 0.7 * t)) / MIX_RATE_HZ;
            double x = 0;
            for (int h = 1; h <= 12; h++)
                x += sin(2 * M_PI * phase * h) / h;
            pcm[i] = (float)(0.12 * x * (1.2 + sin(2 * M_PI * 3 * t)));
        }
        const int size = opus_encode_float(opus, pcm, MIX_TICK_FRAMES, clip.packets[k].data, 1500);
        assert_true(size > 2);
        clip.packets[k].size = (size_t)size;
    }
    opus_encoder_destroy(opus);
    return clip;
}

static void push_arrival(struct mix_input *in, const struct clip *clip,
                         const struct netsim_arrival *a)
{
    const size_t k = a->packet % CLIP;
    const struct mix_packet p = {.data = clip->packets[k].data,
                                 .size = clip->packets[k].size,
                                 .sequence = a->packet,
                                 .pts_us = a->pts_us,
                                 .arrival_us = a->arrival_us,
                                 .level_dbov = 1,
                                 .is_repair = a->is_repair};
    assert_int_equal(mix_input_push(in, &p), 0);
}

static double percent(uint64_t part, uint64_t whole)
{
    return 100.0 * (double)part / (double)whole;
}

static bool play_row(const struct clip *clip, const struct row *row)
{
    struct netsim_conf net = row->net;
    net.seed = 20;
    net.packet_us = 20000;
    struct netsim_arrival *list;
    const size_t count = netsim_run(&net, row->frames, &list);
    struct voice_rig r;
    voice_open(&r, 1, 20000, 300000);
    size_t next = 0;
    double delay_us = 0;
    for (uint32_t t = 0; t < row->frames; t++) {
        while (next < count && list[next].arrival_us <= r.now_us)
            push_arrival(r.in, clip, &list[next++]);
        voice_tick(&r, VOICE_MIXED);
        delay_us += (double)mix_input_delay_us(r.in) / row->frames;
    }
    free(list);
    const struct mix_input_stats s = rig_stats(r.in);
    voice_close(&r);
    const double concealed = percent(s.concealed, (uint64_t)row->frames * MIX_TICK_FRAMES);
    print_message("| %-34s | %5u | %5.2f | %6.2f | %6.2f | %5.0f | %5llu | %4llu |\n", row->name,
                  row->frames, percent(s.lost, row->frames), concealed,
                  percent(s.recovered_fec, (uint64_t)row->frames * MIX_TICK_FRAMES),
                  delay_us / 1000, (unsigned long long)s.late, (unsigned long long)s.stretched);
    return concealed <= row->concealed_most && delay_us <= (double)row->delay_most_us;
}

static void the_table_holds(void **state)
{
    (void)state;
    struct clip clip = make_speech();
    print_message("| %-34s | %5s | %5s | %6s | %6s | %5s | %5s | %4s |\n", "network", "sent",
                  "lost%", "conc.%", "FEC %", "ms", "late", "str.");
    int bad = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (play_row(&clip, &rows[i]))
            continue;
        print_message("  ^ more than %.1f %% or %lld us\n", rows[i].concealed_most,
                      (long long)rows[i].delay_most_us);
        bad++;
    }
    free_clip(&clip);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
