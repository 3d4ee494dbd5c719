/* What a listener hears who is moved between outputs, after one real Opus decoder that lives
 * through it all: no click, and never himself.
 *
 * A click is looked for in two ways. Where the sound is one tone, as what is left when the best
 * fitting tone is taken away from each 10 ms. Where it is anything, as the difference from what
 * another decoder hears who stays where he is: two encoders never agree, but at a switch they may
 * not disagree more than they do later on, in peace. */
#include "rig.h"

enum { MOST = 6, PIECE = 480 };

enum signal { TONE, NOISE, SPEECH };

struct talker {
    struct mix_input *in;
    OpusEncoder *opus;
    enum signal signal;
    double hz;
    float level; /* 0: packets of silence */
    uint32_t seed;
    float low; /* of the noise's low-pass */
};

struct hearer {
    struct mix_listener *l;
    OpusDecoder *opus;
    int32_t output;
    uint32_t told;
    float *pcm; /* first channel */
    size_t ticks;
    size_t moved_at[32];
};

struct room {
    struct mix *m;
    uint32_t channels;
    size_t tick;
    struct talker talkers[MOST];
    size_t talker_count;
    struct hearer hearers[MOST];
    size_t hearer_count;
    struct mcu_packet *packets[MIX_OUTPUTS_MAX];
    /* The first hearer's packets once more, each third one lost; errors in those. */
    OpusDecoder *lossy;
    bool uses_fec;
    double wrong, power;
};

static void on_packet(void *ctx, uint32_t output, struct mcu_packet *packet)
{
    struct room *r = ctx;
    assert_null(r->packets[output]);
    r->packets[output] = mcu_packet_ref(packet);
}

static void on_assign(void *ctx, void *listener_ctx, int32_t output)
{
    struct room *r = ctx;
    struct hearer *h = listener_ctx;
    h->output = output;
    h->moved_at[h->told++ % 32] = r->tick;
}

static void open_room(struct room *r, uint32_t channels, uint32_t speakers)
{
    *r = (struct room){.channels = channels};
    const struct mix_conf conf = {.channels = channels,
                                  .bitrate_bps = 48000 * channels,
                                  .low_bitrate_bps = 24000,
                                  .complexity = 5,
                                  .speakers = speakers};
    const struct mix_sink sink = {.ctx = r, .on_packet = on_packet, .on_assign = on_assign};
    assert_int_equal(mix_create(&r->m, &conf, &sink), 0);
}

static void close_room(struct room *r)
{
    mix_destroy(r->m);
    for (size_t i = 0; i < r->talker_count; i++)
        opus_encoder_destroy(r->talkers[i].opus);
    for (size_t i = 0; i < r->hearer_count; i++) {
        opus_decoder_destroy(r->hearers[i].opus);
        free(r->hearers[i].pcm);
    }
}

static struct talker *talk(struct room *r, enum signal signal, double hz, float level)
{
    struct talker *t = &r->talkers[r->talker_count++];
    const struct mix_input_conf conf = {.codec = MCU_CODEC_OPUS,
                                        .channels = 1,
                                        .rate_hz = 48000,
                                        .treatment = {.is_original = false}};
    int err;
    *t = (struct talker){.signal = signal, .hz = hz, .level = level, .seed = 7};
    t->opus = opus_encoder_create(MIX_RATE_HZ, 1, OPUS_APPLICATION_AUDIO, &err);
    assert_non_null(t->opus);
    opus_encoder_ctl(t->opus, OPUS_SET_BITRATE(160000));
    assert_int_equal(mix_input_add(r->m, &t->in, &conf), 0);
    return t;
}

static struct hearer *hear(struct room *r, struct mix_input *own)
{
    struct hearer *h = &r->hearers[r->hearer_count++];
    int err;
    *h = (struct hearer){.output = MIX_NOTHING};
    h->opus = opus_decoder_create(MIX_RATE_HZ, (int)r->channels, &err);
    h->pcm = calloc((size_t)RIG_TICKS_MAX * MIX_TICK_FRAMES, sizeof(float));
    assert_non_null(h->opus);
    assert_non_null(h->pcm);
    assert_int_equal(mix_listener_add(r->m, &h->l, own, h), 0);
    return h;
}

static float sample(struct talker *t, size_t frame)
{
    const double time = (double)frame / MIX_RATE_HZ;
    if (t->signal == TONE)
        return (float)sin(2 * M_PI * t->hz * time);
    if (t->signal == NOISE) {
        const float white = (float)rig_random(&t->seed, 20001) / 10000.0f - 1.0f;
        t->low += 0.3f * (white - t->low);
        return t->low;
    }
    double sum = 0; /* a voice: harmonics of a wandering pitch, syllables four times a second */
    const double phase = 2 * M_PI * (120 * time + 3 * sin(2 * M_PI * 0.7 * time));
    for (int k = 1; k <= 20; k++)
        sum += sin(k * phase) / k;
    return (float)(sum * (0.6 + 0.4 * sin(2 * M_PI * 4 * time)) / 2);
}

static void send(struct room *r, struct talker *t)
{
    float pcm[MIX_TICK_FRAMES];
    uint8_t data[1500];
    for (size_t i = 0; i < MIX_TICK_FRAMES; i++)
        pcm[i] = t->level * sample(t, r->tick * MIX_TICK_FRAMES + i);
    const int size = opus_encode_float(t->opus, pcm, MIX_TICK_FRAMES, data, sizeof(data));
    assert_true(size > 0);
    const int64_t now = (int64_t)r->tick * MIX_TICK_US;
    const struct mix_packet p = {.data = data,
                                 .size = (size_t)size,
                                 .sequence = r->tick,
                                 .pts_us = now,
                                 .arrival_us = now,
                                 .level_dbov = 1};
    assert_int_equal(mix_input_push(t->in, &p), 0);
}

static void listen(struct room *r, struct hearer *h)
{
    float pcm[2 * MIX_TICK_FRAMES] = {0};
    const struct mcu_packet *p = h->output >= 0 ? r->packets[h->output] : NULL;
    assert_true(h->output < 0 || p); /* who hears an output gets a packet each tick */
    if (p)                           /* who gets nothing plays nothing */
        assert_int_equal(
            opus_decode_float(h->opus, p->data, (opus_int32)p->size, pcm, MIX_TICK_FRAMES, 0),
            MIX_TICK_FRAMES);
    for (size_t i = 0; i < MIX_TICK_FRAMES; i++)
        h->pcm[r->tick * MIX_TICK_FRAMES + i] = pcm[i * r->channels];
    h->ticks = r->tick + 1;
}

/* Tick 3 n + 1 is lost; at the next, before it, what stands for it is decoded. */
static void lose(struct room *r)
{
    const struct hearer *h = &r->hearers[0];
    const struct mcu_packet *p = r->packets[h->output];
    float pcm[2 * MIX_TICK_FRAMES];
    int got = MIX_TICK_FRAMES;
    if (r->tick % 3 == 1)
        return;
    if (r->tick % 3 == 2) {
        got = r->uses_fec ? opus_decode_float(r->lossy, p->data, (opus_int32)p->size, pcm,
                                              MIX_TICK_FRAMES, 1)
                          : opus_decode_float(r->lossy, NULL, 0, pcm, MIX_TICK_FRAMES, 0);
        for (size_t i = 0; r->tick > 20 && i < MIX_TICK_FRAMES; i++) {
            const double x = h->pcm[(r->tick - 1) * MIX_TICK_FRAMES + i];
            const double d = pcm[i * r->channels] - x;
            r->wrong += d * d;
            r->power += x * x;
        }
    }
    assert_int_equal(got, MIX_TICK_FRAMES);
    assert_int_equal(
        opus_decode_float(r->lossy, p->data, (opus_int32)p->size, pcm, MIX_TICK_FRAMES, 0), got);
}

static void run(struct room *r, size_t ticks)
{
    for (size_t k = 0; k < ticks; k++, r->tick++) {
        for (size_t i = 0; i < r->talker_count; i++) {
            if (r->talkers[i].in)
                send(r, &r->talkers[i]);
        }
        mix_tick(r->m, (int64_t)r->tick * MIX_TICK_US);
        for (size_t i = 0; i < r->hearer_count; i++)
            listen(r, &r->hearers[i]);
        if (r->lossy)
            lose(r);
        for (size_t i = 0; i < MIX_OUTPUTS_MAX; i++) {
            mcu_packet_unref(r->packets[i]);
            r->packets[i] = NULL;
        }
    }
}

static struct mix_stats stats_of(const struct room *r)
{
    struct mix_stats s;
    mix_read_stats(r->m, &s);
    return s;
}

/* --- measures --------------------------------------------------------------------------------- */

/* The largest that is left of PIECE frames without their best fitting tone. */
static double left_without(const float *x, double hz)
{
    double ss = 0, sc = 0, cc = 0, xs = 0, xc = 0;
    for (int i = 0; i < PIECE; i++) {
        const double s = sin(2 * M_PI * hz * i / MIX_RATE_HZ);
        const double c = cos(2 * M_PI * hz * i / MIX_RATE_HZ);
        ss += s * s, sc += s * c, cc += c * c, xs += x[i] * s, xc += x[i] * c;
    }
    const double det = ss * cc - sc * sc;
    const double a = (xs * cc - xc * sc) / det;
    const double b = (xc * ss - xs * sc) / det;
    double most = 0;
    for (int i = 0; i < PIECE; i++) {
        const double fit =
            a * sin(2 * M_PI * hz * i / MIX_RATE_HZ) + b * cos(2 * M_PI * hz * i / MIX_RATE_HZ);
        most = fmax(most, fabs(x[i] - fit));
    }
    return most;
}

static double most_left(const struct hearer *h, double hz, size_t from_tick, size_t to_tick)
{
    double most = 0;
    for (size_t i = from_tick * MIX_TICK_FRAMES; i + PIECE <= to_tick * MIX_TICK_FRAMES;
         i += PIECE / 2)
        most = fmax(most, left_without(h->pcm + i, hz));
    return most;
}

/* The largest second difference of what two hear differently: that of a click is large. */
static double most_apart(const struct hearer *a, const struct hearer *b, size_t from_tick,
                         size_t to_tick)
{
    double most = 0;
    for (size_t i = from_tick * MIX_TICK_FRAMES + 2; i < to_tick * MIX_TICK_FRAMES; i++) {
        double d[3];
        for (size_t k = 0; k < 3; k++)
            d[k] = (double)a->pcm[i - k] - b->pcm[i - k];
        most = fmax(most, fabs(d[0] - 2 * d[1] + d[2]));
    }
    return most;
}

/* --- tests ------------------------------------------------------------------------------------ */

static const char *const signals[] = {"tone", "noise", "speech"};
static const char *const qualities[] = {"clean", "fec", "low"};

static void change_quality(uint32_t channels, enum signal signal, enum mix_quality from,
                           enum mix_quality to)
{
    struct room r;
    open_room(&r, channels, 5);
    talk(&r, signal, 440, 0.3f);
    struct hearer *stays = hear(&r, NULL);
    struct hearer *moves = hear(&r, NULL);
    mix_listener_set_quality(stays->l, from);
    mix_listener_set_quality(moves->l, from);
    run(&r, 50);
    assert_int_equal(stays->output, moves->output);
    assert_true(most_apart(stays, moves, 0, 50) == 0);
    mix_listener_set_quality(moves->l, to);
    run(&r, 100);
    assert_int_not_equal(stays->output, moves->output);
    assert_int_equal(moves->told, 2);
    const size_t at = moves->moved_at[1];
    const double switching = most_apart(stays, moves, at - 1, at + 3);
    const double peace = most_apart(stays, moves, at + 10, at + 90);
    print_message("%u channels, %-6s %-5s to %-5s: %.5f at the switch, %.5f in peace\n", channels,
                  signals[signal], qualities[from], qualities[to], switching, peace);
    assert_true(switching < 1.6 * peace + 0.004);
    close_room(&r);
}

/* Every change of quality on every kind of sound. In peace the two encoders may differ by as much
 * as they do: at the switch by little more. */
static void changes_of_quality_do_not_click(void **state)
{
    (void)state;
    for (uint32_t channels = 1; channels <= 2; channels++) {
        for (int signal = TONE; signal <= SPEECH; signal++) {
            for (int pair = 0; pair < 9; pair++) {
                if (pair / 3 != pair % 3)
                    change_quality(channels, (enum signal)signal, (enum mix_quality)(pair / 3),
                                   (enum mix_quality)(pair % 3));
            }
        }
    }
}

static void who_begins_and_ends_to_speak_hears_no_click_and_never_himself(void **state)
{
    (void)state;
    struct room r;
    open_room(&r, 1, 2);
    talk(&r, TONE, 400, 0.2f);
    struct talker *guest = talk(&r, TONE, 1000, 0);
    talk(&r, TONE, 0, 0); /* a third voice: no place for everyone */
    struct hearer *self = hear(&r, guest->in);
    struct hearer *other = hear(&r, NULL);
    struct hearer *third = hear(&r, NULL);
    run(&r, 50);
    assert_int_equal(self->output, other->output);
    assert_int_equal(stats_of(&r).outputs, 1);
    const double peace = most_left(self, 400, 20, 50);

    for (int round = 0; round < 3; round++) {
        const size_t begin = r.tick;
        guest->level = 0.2f;
        run(&r, 60);
        assert_int_not_equal(self->output, other->output);
        assert_int_equal(other->output, third->output);
        assert_true(amplitude(other->pcm + (r.tick - 10) * MIX_TICK_FRAMES, 9600, 1000) > 0.15);
        /* from the first sample on: what is left beside 400 Hz would be himself, or a click */
        assert_true(most_left(self, 400, begin, r.tick) < 2 * peace);
        guest->level = 0;
        mix_input_set_muted(guest->in, true);
        run(&r, 40);
        assert_int_equal(self->output, other->output);
        assert_int_equal(stats_of(&r).outputs, 1);
        assert_true(most_left(self, 400, begin, r.tick) < 2 * peace);
        mix_input_set_muted(guest->in, false);
        run(&r, 10);
    }
    assert_int_equal(self->told, 7); /* out and back, three times; nobody else moved */
    assert_int_equal(other->told, 1);
    close_room(&r);
}

/* One voice; one listener turns one of them up, down and off: glides, and the others' mix stays. */
static void gains_of_one_listener_do_not_click(void **state)
{
    (void)state;
    struct room r;
    open_room(&r, 1, 5);
    struct talker *t = talk(&r, TONE, 400, 0.2f);
    struct hearer *mine = hear(&r, NULL);
    struct hearer *other = hear(&r, NULL);
    hear(&r, NULL);
    run(&r, 50);
    const float gains[] = {2, 0.25f, 0, 1};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(mix_listener_set_gain(r.m, mine->l, t->in, gains[i]), 0);
        const size_t begin = r.tick;
        run(&r, 40);
        const double got = amplitude(mine->pcm + (r.tick - 10) * MIX_TICK_FRAMES, 9600, 400);
        assert_true(fabs(got - 0.2 * gains[i]) < 0.01);
        assert_true(largest_step(mine->pcm + begin * MIX_TICK_FRAMES, 40 * 960) < 0.4 * 0.06);
    }
    assert_int_equal(mine->output, other->output); /* 1 is as for all */
    assert_true(most_left(other, 400, 20, r.tick) < 0.008);
    assert_int_equal(other->told, 1);
    close_room(&r);
}

static void deaf_is_faded_out_and_in(void **state)
{
    (void)state;
    struct room r;
    open_room(&r, 1, 5);
    talk(&r, TONE, 400, 0.2f);
    struct hearer *mine = hear(&r, NULL);
    struct hearer *other = hear(&r, NULL);
    struct hearer *never = hear(&r, NULL);
    assert_int_equal(mix_listener_set_deaf(r.m, never->l, true), 0);
    run(&r, 50);
    assert_int_equal(never->output, MIX_NOTHING);
    assert_int_equal(never->told, 1);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(mix_listener_set_deaf(r.m, mine->l, true), 0);
        run(&r, 40);
        assert_int_equal(mine->output, MIX_NOTHING);
        assert_true(rms(mine->pcm + (r.tick - 5) * MIX_TICK_FRAMES, 4800) < 0.0005);
        assert_int_equal(stats_of(&r).outputs, 1);
        assert_int_equal(mix_listener_set_deaf(r.m, mine->l, false), 0);
        run(&r, 40);
        assert_int_equal(mine->output, other->output);
        assert_true(amplitude(mine->pcm + (r.tick - 10) * MIX_TICK_FRAMES, 9600, 400) > 0.19);
    }
    assert_true(largest_step(mine->pcm, mine->ticks * MIX_TICK_FRAMES) < 1.5 * 0.2 * 0.0524);
    assert_true(rms(never->pcm, never->ticks * MIX_TICK_FRAMES) == 0);
    close_room(&r);
}

/* Many who move the same way share one warm-up. */
static void a_crowd_warms_up_one_output(void **state)
{
    (void)state;
    struct room r;
    open_room(&r, 1, 5);
    talk(&r, TONE, 400, 0.2f);
    static struct hearer crowd[200];
    struct mix_listener *l[200];
    for (int i = 0; i < 200; i++)
        assert_int_equal(mix_listener_add(r.m, &l[i], NULL, &crowd[i]), 0);
    run(&r, 10);
    for (int i = 0; i < 90; i++)
        mix_listener_set_quality(l[i], MIX_FEC);
    run(&r, 3);
    assert_int_equal(stats_of(&r).outputs, 2);
    run(&r, 10);
    assert_int_equal(stats_of(&r).outputs, 2);
    assert_int_equal(stats_of(&r).mixes, 1);
    assert_int_equal(stats_of(&r).switches, 90);
    for (int i = 1; i < 90; i++)
        assert_int_equal(crowd[i].output, crowd[0].output);
    assert_int_equal(crowd[199].output, crowd[90].output);
    close_room(&r);
}

/* The share of packets of an output whose loss the one after it makes good: each third one is lost,
 * and decoded from the next. How far it is from what a decoder without loss hears, in dB. */
static double loss_db(uint32_t channels, enum mix_quality quality, bool uses_fec)
{
    struct room r;
    open_room(&r, channels, 5);
    talk(&r, SPEECH, 0, 0.3f);
    struct hearer *h = hear(&r, NULL);
    mix_listener_set_quality(h->l, quality);
    int err;
    OpusDecoder *lossy = opus_decoder_create(MIX_RATE_HZ, (int)channels, &err);
    assert_non_null(lossy);
    r.lossy = lossy;
    r.uses_fec = uses_fec;
    run(&r, 200);
    opus_decoder_destroy(lossy);
    close_room(&r);
    return to_db(sqrt(r.wrong / r.power));
}

static void fec_makes_good_each_third_packet(void **state)
{
    (void)state;
    for (uint32_t channels = 1; channels <= 2; channels++) {
        for (int q = MIX_FEC; q <= MIX_LOW; q++) {
            const double with = loss_db(channels, (enum mix_quality)q, true);
            const double without = loss_db(channels, (enum mix_quality)q, false);
            print_message("%u channels, %-4s: error %.1f dB with FEC, %.1f dB concealed\n",
                          channels, qualities[q], with, without);
            assert_true(with < without - 3);
        }
    }
}

/* Who was told of an output may have lost everything before: its first packet is decoded by a
 * decoder without a past, too. With prediction its energies would be wrong. */
static void the_first_packet_after_a_move_needs_no_past(void **state)
{
    (void)state;
    struct room r;
    open_room(&r, 1, 5);
    talk(&r, SPEECH, 0, 0.3f);
    struct hearer *stays = hear(&r, NULL);
    struct hearer *moves = hear(&r, NULL);
    mix_listener_set_quality(moves->l, MIX_FEC);
    run(&r, 40);
    for (int i = 0; i < 10; i++) {
        mix_listener_set_quality(moves->l, MIX_CLEAN); /* joins stays' output: two moves */
        while (moves->output != stays->output) {
            const uint32_t told = moves->told;
            assert_int_equal(opus_decoder_ctl(moves->opus, OPUS_RESET_STATE), OPUS_OK);
            run(&r, 1);
            if (moves->told == told)
                continue;
            const size_t at = moves->moved_at[(told) % 32] * MIX_TICK_FRAMES + 480;
            const double db = to_db(rms(moves->pcm + at, 480) / rms(stays->pcm + at, 480));
            assert_true(fabs(db) < 1.5);
        }
        mix_listener_set_quality(moves->l, MIX_FEC);
        run(&r, 23);
    }
    close_room(&r);
}

/* With the pool empty a voice waits; it is not heard by himself, nor by others meanwhile. */
static void without_outputs_a_voice_waits(void **state)
{
    (void)state;
    struct room r;
    open_room(&r, 1, 2);
    talk(&r, TONE, 400, 0.2f);
    struct talker *guest = talk(&r, TONE, 1000, 0);
    talk(&r, TONE, 0, 0);
    struct hearer *self = hear(&r, guest->in);
    struct hearer *other = hear(&r, NULL);
    hear(&r, NULL);
    run(&r, 50);
    const size_t pooled = r.m->pool_count;
    r.m->pool_count = 0;
    guest->level = 0.2f;
    run(&r, 50);
    assert_true(stats_of(&r).starved > 10);
    assert_false(mix_input_is_mixed(guest->in));
    assert_true(amplitude(self->pcm + 60 * 960, 38400, 1000) < 0.0005);
    r.m->pool_count = pooled;
    run(&r, 50);
    assert_true(mix_input_is_mixed(guest->in));
    assert_true(amplitude(other->pcm + 130 * 960, 19200, 1000) > 0.15);
    assert_true(amplitude(self->pcm + 60 * 960, 86400, 1000) < 0.0005);
    close_room(&r);
}

/* A listener whose own voice is heard already: it leaves the mix until he no longer hears it. */
static void a_voice_that_becomes_ones_own_is_gone_at_once(void **state)
{
    (void)state;
    struct room r;
    open_room(&r, 1, 5);
    talk(&r, TONE, 400, 0.2f);
    struct talker *t = talk(&r, TONE, 1000, 0.2f);
    struct hearer *self = hear(&r, NULL);
    struct hearer *other = hear(&r, NULL);
    hear(&r, NULL);
    run(&r, 50);
    assert_int_equal(mix_listener_set_own(r.m, self->l, t->in), 0);
    run(&r, 30);
    /* two ticks for the fade, the limiter's and Opus's delay */
    assert_true(amplitude(self->pcm + 53 * 960, 960 * 25, 1000) < 0.002);
    assert_true(amplitude(other->pcm + 65 * 960, 960 * 15, 1000) > 0.15);
    assert_int_not_equal(self->output, other->output);
    close_room(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_of_quality_do_not_click),
        cmocka_unit_test(who_begins_and_ends_to_speak_hears_no_click_and_never_himself),
        cmocka_unit_test(gains_of_one_listener_do_not_click),
        cmocka_unit_test(deaf_is_faded_out_and_in),
        cmocka_unit_test(a_crowd_warms_up_one_output),
        cmocka_unit_test(fec_makes_good_each_third_packet),
        cmocka_unit_test(the_first_packet_after_a_move_needs_no_past),
        cmocka_unit_test(without_outputs_a_voice_waits),
        cmocka_unit_test(a_voice_that_becomes_ones_own_is_gone_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
