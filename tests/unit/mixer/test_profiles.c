/* What listeners ask for: buses, gains, sounds; who shares; and a long random life of a room, in
 * which nobody ever hears himself and nothing is lost or kept too long. */
#include "rig.h"

#include "mixer/clip.h"

enum { SETTLED = 40 };

static struct mix_stats stats_of(const struct rig *r)
{
    struct mix_stats s;
    mix_read_stats(r->m, &s);
    return s;
}

/* Voices that send one clip each, `level` dBov in the header (1: none). */
struct voices {
    struct mix_input *in[16];
    struct clip clips[16];
    int level[16];
    int count;
    uint64_t k;
};

static void add_voice(struct rig *r, struct voices *v, double hz)
{
    v->in[v->count] = rig_input(r);
    v->level[v->count] = 1;
    v->clips[v->count++] = make_clip(hz, 0.1, 50);
}

static void run(struct rig *r, struct voices *v, int ticks)
{
    for (int t = 0; t < ticks; t++, v->k++) {
        for (int i = 0; i < v->count; i++) {
            const struct clip *c = &v->clips[i];
            const struct mix_packet p = {.data = c->packets[v->k % c->count].data,
                                         .size = c->packets[v->k % c->count].size,
                                         .sequence = v->k,
                                         .pts_us = r->now_us,
                                         .arrival_us = r->now_us,
                                         .level_dbov = v->level[i]};
            if (v->in[i])
                mix_input_push(v->in[i], &p);
        }
        rig_tick(r);
    }
}

static void close_voices(struct rig *r, struct voices *v)
{
    for (int i = 0; i < v->count; i++)
        free_clip(&v->clips[i]);
    rig_close(r);
}

/* What an ear's output sounds at a frequency in its last 200 ms, of 0.1. */
static double heard(const struct rig *r, const struct ear *ear, double hz)
{
    const struct recording *raw = &r->raw[ear->output];
    return amplitude(raw->pcm + raw->frames - 9600, 9600, hz) / 0.1;
}

static void buses_are_rooms_within_the_room(void **state)
{
    (void)state;
    struct rig r;
    struct voices v = {0};
    rig_open(&r, 0, 0, 0);
    r.records_outputs = true;
    add_voice(&r, &v, 400);  /* the floor */
    add_voice(&r, &v, 1000); /* the interpreter, on bus 1 */
    mix_input_set_buses(v.in[1], 1u << 1);
    struct ear floor, other[2], both;
    rig_listen(&r, &floor, NULL);
    rig_listen(&r, &other[0], NULL);
    rig_listen(&r, &other[1], NULL);
    rig_listen(&r, &both, NULL);
    const float interpreted[MIX_BUSES_MAX] = {0, 1};
    const float mixed[MIX_BUSES_MAX] = {0.25f, 1};
    const float bad[MIX_BUSES_MAX] = {0, 2.1f};
    assert_int_equal(mix_listener_set_buses(r.m, other[0].l, interpreted), 0);
    assert_int_equal(mix_listener_set_buses(r.m, other[1].l, interpreted), 0);
    assert_int_equal(mix_listener_set_buses(r.m, both.l, mixed), 0);
    assert_int_equal(mix_listener_set_buses(r.m, both.l, bad), -EINVAL);
    run(&r, &v, SETTLED);
    assert_int_equal(stats_of(&r).mixes, 3);
    assert_int_equal(other[0].output, other[1].output);
    assert_true(fabs(heard(&r, &floor, 400) - 1) < 0.05 && heard(&r, &floor, 1000) < 0.001);
    assert_true(fabs(heard(&r, &other[0], 1000) - 1) < 0.05 && heard(&r, &other[0], 400) < 0.001);
    assert_true(fabs(heard(&r, &both, 1000) - 1) < 0.05);
    assert_true(fabs(heard(&r, &both, 400) - 0.25) < 0.02);
    mix_input_set_buses(v.in[1], 3); /* on both: at the higher gain, and for the floor too */
    run(&r, &v, SETTLED);
    assert_true(fabs(heard(&r, &floor, 1000) - 1) < 0.05);
    assert_true(fabs(heard(&r, &both, 1000) - 1) < 0.05);
    mix_input_set_buses(v.in[0], 0); /* nobody */
    run(&r, &v, SETTLED);
    assert_true(heard(&r, &floor, 400) < 0.001);
    close_voices(&r, &v);
}

/* A gain of his own costs a mix only while that voice is one of the K. */
static void personal_gains_share_while_they_do_not_matter(void **state)
{
    (void)state;
    struct rig r;
    struct voices v = {0};
    const struct mix_conf conf = {
        .channels = 1, .bitrate_bps = 32000, .complexity = 0, .speakers = 2};
    rig_open_conf(&r, &conf, 0);
    for (int i = 0; i < 4; i++) {
        add_voice(&r, &v, 400 + 300 * i);
        v.level[i] = -127;
    }
    struct ear a, b, c;
    rig_listen(&r, &a, NULL);
    rig_listen(&r, &b, NULL);
    rig_listen(&r, &c, NULL);
    assert_int_equal(mix_listener_set_gain(r.m, a.l, v.in[3], 0.5f), 0);
    assert_int_equal(mix_listener_set_gain(r.m, b.l, v.in[3], -1), -EINVAL);
    assert_int_equal(mix_listener_set_gain(r.m, b.l, v.in[3], (float)NAN), -EINVAL);
    run(&r, &v, SETTLED);
    assert_int_equal(stats_of(&r).outputs, 1);
    v.level[3] = -20;
    run(&r, &v, SETTLED);
    assert_int_equal(stats_of(&r).outputs, 2);
    assert_int_equal(b.output, c.output);
    assert_int_not_equal(a.output, b.output);
    mix_input_remove(r.m, v.in[3]); /* with it goes the gain, also when its slot is used again */
    v.in[3] = NULL;
    run(&r, &v, SETTLED);
    assert_int_equal(stats_of(&r).outputs, 1);
    v.in[3] = rig_input(&r);
    run(&r, &v, SETTLED);
    assert_true(mix_input_is_mixed(v.in[3]));
    assert_int_equal(stats_of(&r).outputs, 1);
    close_voices(&r, &v);
}

static void at_most_64_gains_of_voices_that_are_there(void **state)
{
    (void)state;
    struct rig r;
    struct mix_input *in[66];
    struct ear a;
    rig_open(&r, 0, 0, 0);
    rig_listen(&r, &a, NULL);
    for (int i = 0; i < 66; i++)
        in[i] = rig_input(&r);
    for (int i = 0; i < 64; i++)
        assert_int_equal(mix_listener_set_gain(r.m, a.l, in[i], 0.5f), 0);
    assert_int_equal(mix_listener_set_gain(r.m, a.l, in[64], 0.5f), -ENOSPC);
    assert_int_equal(mix_listener_set_gain(r.m, a.l, in[64], 1), 0);
    assert_int_equal(mix_listener_set_gain(r.m, a.l, in[3], 0.7f), 0);
    mix_input_remove(r.m, in[0]);
    assert_int_equal(mix_listener_set_gain(r.m, a.l, in[64], 0.5f), 0);
    assert_int_equal(mix_listener_set_gain(r.m, a.l, in[1], 1), 0);
    assert_int_equal(mix_listener_set_gain(r.m, a.l, in[65], 0.5f), 0);
    rig_tick(&r);
    rig_close(&r);
}

static uint32_t ended;

static void on_sound_end(void *ctx, void *sound_ctx)
{
    (void)ctx;
    ended += *(uint32_t *)sound_ctx;
}

static struct mix_clip *make_sound(double hz, uint32_t ms)
{
    const uint32_t frames = ms * 48;
    uint8_t *wav = calloc(1, 44 + frames * 2);
    assert_non_null(wav);
    const uint32_t head[] = {0x46464952, 36 + frames * 2, 0x45564157, 0x20746d66,
                             16,         0x00010001,      48000,      96000,
                             0x00100002, 0x61746164,      frames * 2};
    memcpy(wav, head, sizeof(head));
    for (uint32_t i = 0; i < frames; i++) {
        const int16_t x = (int16_t)(3277 * sin(2 * M_PI * hz * i / 48000));
        memcpy(wav + 44 + i * 2, &x, 2);
    }
    struct mix_clip *clip = NULL;
    assert_int_equal(mix_clip_load(&clip, NULL, wav, 44 + frames * 2, 1), 0);
    free(wav);
    return clip;
}

static void sounds_are_heard_by_whom_they_are_for_and_duck(void **state)
{
    (void)state;
    struct rig r;
    struct voices v = {0};
    rig_open(&r, 0, 0, 0);
    mix_destroy(r.m);
    const struct mix_conf conf = {.channels = 1, .bitrate_bps = 64000, .complexity = 5};
    const struct mix_sink sink = {.ctx = &r,
                                  .on_packet = rig_on_packet,
                                  .on_assign = rig_on_assign,
                                  .on_pcm = rig_on_pcm,
                                  .on_sound_end = on_sound_end};
    assert_int_equal(mix_create(&r.m, &conf, &sink), 0);
    mix_want_pcm(r.m, true);
    r.records_outputs = true;
    add_voice(&r, &v, 400);
    struct ear a, b, c;
    rig_listen(&r, &a, NULL);
    rig_listen(&r, &b, NULL);
    rig_listen(&r, &c, NULL);
    run(&r, &v, SETTLED);

    struct mix_clip *clip = make_sound(1000, 600);
    uint32_t one = 1, ten = 10;
    struct mix_sound *all, *mine;
    struct mix_sound_conf sc = {.clip = clip, .gain = 1, .duck_gain = 0.25f, .sound_ctx = &one};
    assert_int_equal(mix_sound_play(r.m, &all, &sc), 0);
    run(&r, &v, 25);
    assert_int_equal(ended, 0);
    assert_int_equal(stats_of(&r).outputs, 1);
    assert_true(fabs(heard(&r, &a, 1000) - 1) < 0.05);
    assert_true(fabs(heard(&r, &a, 400) - 0.25) < 0.05);
    run(&r, &v, 20);
    assert_int_equal(ended, 1);
    mix_sound_stop(r.m, all);
    run(&r, &v, 15);
    assert_true(fabs(heard(&r, &a, 400) - 1) < 0.05 && heard(&r, &a, 1000) < 0.001);

    sc = (struct mix_sound_conf){.clip = clip,
                                 .to = a.l,
                                 .gain = 0.5f,
                                 .duck_gain = 1,
                                 .is_looped = true,
                                 .sound_ctx = &ten};
    assert_int_equal(mix_sound_play(r.m, &mine, &sc), 0);
    run(&r, &v, SETTLED);
    assert_int_not_equal(a.output, b.output);
    assert_int_equal(b.output, c.output);
    assert_true(fabs(heard(&r, &a, 1000) - 0.5) < 0.05 && heard(&r, &b, 1000) < 0.001);
    assert_true(fabs(heard(&r, &a, 400) - 1) < 0.05);
    mix_sound_stop(r.m, mine);
    run(&r, &v, SETTLED);
    assert_int_equal(ended, 11);
    assert_int_equal(a.output, b.output);
    assert_int_equal(mix_sound_play(r.m, &mine, &sc), 0);
    run(&r, &v, 3);
    mix_listener_remove(r.m, a.l); /* its sound ends with it */
    run(&r, &v, 1);
    assert_int_equal(ended, 21);
    mix_sound_stop(r.m, mine);
    /* in the mix of everyone: the first sound, not the others */
    assert_true(amplitude(r.everyone.pcm + 55 * 960, 9600, 1000) > 0.09);
    assert_true(amplitude(r.everyone.pcm + 120 * 960, 9600, 1000) < 0.001);
    assert_true(largest_step(r.everyone.pcm, r.everyone.frames) < 0.1 * (0.053 + 0.131) * 1.3);
    mix_clip_unref(clip);
    close_voices(&r, &v);
}

static void bad_sounds_and_too_many_are_refused(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r, 0, 0, 0);
    struct mix_clip *clip = make_sound(1000, 100);
    struct mix_sound *s[MIX_SOUNDS_MAX + 1];
    struct mix_sound_conf sc = {.clip = clip, .gain = 1, .duck_gain = 1};
    struct mix_sound_conf bad[4] = {sc, sc, sc, sc};
    bad[0].clip = NULL;
    bad[1].gain = 2.5f;
    bad[2].duck_gain = -1;
    bad[3].duck_gain = (float)NAN;
    for (int i = 0; i < 4; i++)
        assert_int_equal(mix_sound_play(r.m, &s[0], &bad[i]), -EINVAL);
    for (int i = 0; i < MIX_SOUNDS_MAX; i++)
        assert_int_equal(mix_sound_play(r.m, &s[i], &sc), 0);
    assert_int_equal(mix_sound_play(r.m, &s[MIX_SOUNDS_MAX], &sc), -ENOSPC);
    rig_tick(&r);
    mix_sound_stop(r.m, s[0]);
    rig_tick(&r);
    rig_tick(&r);
    assert_int_equal(mix_sound_play(r.m, &s[0], &sc), 0);
    mix_clip_unref(clip);
    rig_close(&r); /* those that play are freed */
}

/* --- a long random life ----------------------------------------------------------------------- */

enum { PEOPLE = 12, LIFE_TICKS = 6000 };

static void check(const struct rig *r)
{
    const struct mix *m = r->m;
    uint32_t counts[MIX_OUTPUTS_MAX] = {0};
    for (const struct mix_listener *l = m->listeners; l; l = l->next) {
        const struct ear *ear = l->ctx;
        assert_int_equal((int32_t)ear->output, l->hears ? (int32_t)l->hears->number : MIX_NOTHING);
        if (!l->hears)
            continue;
        assert_true(l->hears->is_used && !l->hears->from);
        counts[l->hears->number]++;
        const struct mix_input *own = l->profile->own;
        if (own && own->speaker.is_in) {
            assert_true(l->hears->blend.now.of[own->core.place] == 0);
            assert_true(l->hears->blend.wanted.of[own->core.place] == 0);
        }
    }
    assert_int_equal(m->pool_count + m->used_count, m->known_output_count);
    for (size_t i = 0; i < m->used_count; i++)
        assert_int_equal(counts[m->used[i]->number], m->used[i]->listeners);
}

static void a_long_random_life(void **state)
{
    (void)state;
    struct rig r;
    struct voices v = {0};
    const struct mix_conf conf = {
        .channels = 1, .bitrate_bps = 32000, .complexity = 0, .speakers = 3};
    rig_open_conf(&r, &conf, 0);
    mix_want_pcm(r.m, false);
    struct ear ears[PEOPLE] = {0};
    uint32_t seed = 5;
    for (int i = 0; i < PEOPLE; i++) {
        add_voice(&r, &v, 300 + 50 * i);
        rig_listen(&r, &ears[i], v.in[i]);
    }
    for (int t = 0; t < LIFE_TICKS; t++) {
        const int i = (int)rig_random(&seed, PEOPLE);
        const int k = (int)rig_random(&seed, PEOPLE);
        switch (rig_random(&seed, 40)) {
        case 0:
        case 1:
            v.level[i] = rig_random(&seed, 2) ? -127 : -(int)rig_random(&seed, 40);
            break;
        case 2:
            if (ears[i].l)
                mix_listener_set_quality(ears[i].l, (enum mix_quality)rig_random(&seed, 3));
            break;
        case 3:
            if (ears[i].l && v.in[k])
                assert_int_equal(
                    mix_listener_set_gain(r.m, ears[i].l, v.in[k], (float)rig_random(&seed, 3) / 2),
                    0);
            break;
        case 4:
            if (ears[i].l)
                assert_int_equal(mix_listener_set_deaf(r.m, ears[i].l, rig_random(&seed, 2) != 0),
                                 0);
            break;
        case 5:
            if (ears[i].l)
                assert_int_equal(mix_listener_set_own(r.m, ears[i].l, v.in[k]), 0);
            break;
        case 6:
            mix_listener_remove(r.m, ears[i].l);
            ears[i].l = NULL;
            break;
        case 7:
            mix_input_remove(r.m, v.in[i]);
            v.in[i] = NULL;
            break;
        case 8:
        case 9:
            if (!v.in[i])
                v.in[i] = rig_input(&r);
            if (!ears[i].l)
                rig_listen(&r, &ears[i], v.in[i]);
            break;
        case 10:
            if (v.in[i])
                mix_input_set_muted(v.in[i], rig_random(&seed, 2) != 0);
            break;
        default:
            break;
        }
        run(&r, &v, 1);
        check(&r);
    }
    assert_int_equal(stats_of(&r).starved, 0);
    assert_true(stats_of(&r).switches > 100);
    run(&r, &v, SETTLED); /* in peace each has what he wished for, and nothing is made twice */
    check(&r);
    for (const struct mix_listener *l = r.m->listeners; l; l = l->next)
        assert_true(l->hears ? l->hears->wish == l->wish : r.m->sw.wishes[l->wish].is_nothing);
    for (size_t i = 0; i < r.m->used_count; i++) {
        assert_null(r.m->used[i]->from);
        assert_null(r.m->used[i]->into);
    }
    close_voices(&r, &v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buses_are_rooms_within_the_room),
        cmocka_unit_test(personal_gains_share_while_they_do_not_matter),
        cmocka_unit_test(at_most_64_gains_of_voices_that_are_there),
        cmocka_unit_test(sounds_are_heard_by_whom_they_are_for_and_duck),
        cmocka_unit_test(bad_sounds_and_too_many_are_refused),
        cmocka_unit_test(a_long_random_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
