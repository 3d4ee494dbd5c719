/* Who is heard: properties on random rooms, and the times on plain ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "mixer/speakers.h"

enum { VOICES = 40 };

struct hall {
    struct mix_speakers s;
    struct mix_speaker voices[VOICES];
    struct mix_speaker *list[VOICES];
    size_t count;
};

static void open_hall(struct hall *h, size_t places, size_t count)
{
    *h = (struct hall){.count = count};
    mix_speakers_init(&h->s, places);
    for (size_t i = 0; i < count; i++) {
        h->voices[i] = (struct mix_speaker){.is_eligible = true, .dbov = -127};
        h->list[i] = &h->voices[i];
    }
}

static void tick(struct hall *h, size_t ticks)
{
    for (size_t t = 0; t < ticks; t++) {
        mix_speakers_choose(&h->s, h->list, h->count);
        for (size_t i = 0; i < h->count; i++)
            mix_speakers_admit(&h->s, h->list[i]);
    }
}

static void speak(struct mix_speaker *v, float dbov)
{
    v->is_speaking = dbov > -50;
    v->dbov = dbov;
}

static size_t in_count(const struct hall *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++)
        n += h->voices[i].is_in;
    return n;
}

/* Ticks until the voice is in; -1: not within `most`. */
static int ticks_until_in(struct hall *h, const struct mix_speaker *v, int most)
{
    for (int t = 1; t <= most; t++) {
        tick(h, 1);
        if (v->is_in)
            return t;
    }
    return -1;
}

static uint32_t next(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(*seed >> 8) * n) >> 24);
}

/* Members are exactly those that are in or candidates, never more than places, each once, and all
 * may speak. */
static void check(const struct hall *h)
{
    size_t marked = 0;
    assert_true(h->s.count <= h->s.places);
    for (size_t i = 0; i < h->count; i++) {
        const struct mix_speaker *v = &h->voices[i];
        size_t seen = 0;
        for (size_t k = 0; k < h->s.count; k++)
            seen += h->s.members[k] == v;
        assert_int_equal(seen, v->is_in || v->is_candidate);
        assert_false(v->is_in && v->is_candidate);
        assert_true(seen == 0 || v->is_eligible);
        marked += seen;
    }
    assert_int_equal(marked, h->s.count);
}

static void never_more_than_there_are_places(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (size_t places = 1; places <= 32; places += 3) {
        struct hall h;
        open_hall(&h, places, VOICES);
        for (int t = 0; t < 3000; t++) {
            struct mix_speaker *v = &h.voices[next(&seed, VOICES)];
            v->is_eligible = next(&seed, 20) > 0;
            v->is_original = next(&seed, 10) == 0;
            speak(v, -(float)next(&seed, 127));
            mix_speakers_choose(&h.s, h.list, h.count);
            check(&h);
            mix_speakers_admit(&h.s, &h.voices[next(&seed, VOICES)]);
            check(&h);
            if (next(&seed, 50) == 0) {
                v = &h.voices[next(&seed, VOICES)];
                mix_speakers_forget(&h.s, v);
                *v = (struct mix_speaker){.dbov = -127};
            }
        }
    }
}

static void with_a_place_for_all_nobody_is_ever_cut(void **state)
{
    (void)state;
    struct hall h;
    open_hall(&h, 5, 5);
    tick(&h, 1);
    assert_int_equal(in_count(&h), 5);
    for (int t = 0; t < 3000; t++) {
        speak(&h.voices[t / 100 % 3], t % 2 ? -20 : -70);
        tick(&h, 1);
        assert_int_equal(in_count(&h), 5);
    }
}

static void who_may_not_speak_leaves_at_once(void **state)
{
    (void)state;
    struct hall h;
    open_hall(&h, 5, 3);
    tick(&h, 1);
    h.voices[1].is_eligible = false;
    tick(&h, 1);
    assert_false(h.voices[1].is_in);
    assert_int_equal(in_count(&h), 2);
    h.voices[1].is_eligible = true;
    assert_int_equal(ticks_until_in(&h, &h.voices[1], 10), 1);
}

/* A level that trembles around a threshold of speech takes one place and keeps it. */
static void nobody_flickers(void **state)
{
    (void)state;
    uint32_t seed = 3;
    struct hall h;
    open_hall(&h, 5, 20);
    uint32_t changes = 0;
    bool was_in[20] = {false};
    for (int t = 0; t < 5000; t++) {
        for (int i = 0; i < 8; i++) /* eight who speak all the time, as loud as each other */
            speak(&h.voices[i], -30 + (float)next(&seed, 500) / 100);
        for (int i = 8; i < 12; i++) /* and some around the threshold */
            speak(&h.voices[i], -52 + (float)next(&seed, 400) / 100);
        tick(&h, 1);
        for (int i = 0; i < 20; i++) {
            changes += was_in[i] != h.voices[i].is_in;
            was_in[i] = h.voices[i].is_in;
        }
    }
    assert_int_equal(in_count(&h), 5);
    assert_int_equal(changes, 5); /* each came in once */
}

static void a_speaker_takes_a_free_place_at_once(void **state)
{
    (void)state;
    struct hall h;
    open_hall(&h, 3, 10);
    tick(&h, 5);
    assert_int_equal(in_count(&h), 0); /* many, all silent: nobody is decoded */
    speak(&h.voices[7], -30);
    assert_int_equal(ticks_until_in(&h, &h.voices[7], 5), 1);
}

static void silence_is_displaced_after_the_hold(void **state)
{
    (void)state;
    struct hall h;
    open_hall(&h, 2, 10);
    speak(&h.voices[0], -30);
    speak(&h.voices[1], -20);
    tick(&h, 100);
    speak(&h.voices[0], -90);
    tick(&h, 10);
    speak(&h.voices[1], -90);
    speak(&h.voices[2], -30);
    /* voice 0 is silent for longest, since 10 ticks */
    assert_int_equal(ticks_until_in(&h, &h.voices[2], 100), MIX_SPEAKERS_HOLD_TICKS - 10);
    assert_false(h.voices[0].is_in);
    assert_true(h.voices[1].is_in);
}

static void who_speaks_yields_only_to_the_clearly_louder(void **state)
{
    (void)state;
    struct hall h;
    open_hall(&h, 2, 10);
    speak(&h.voices[0], -30);
    speak(&h.voices[1], -20);
    tick(&h, 100);
    speak(&h.voices[2], -30 + MIX_SPEAKERS_LOUDER_DB - 1);
    assert_int_equal(ticks_until_in(&h, &h.voices[2], 500), -1);
    speak(&h.voices[2], -30 + MIX_SPEAKERS_LOUDER_DB + 1);
    assert_int_equal(ticks_until_in(&h, &h.voices[2], 500), MIX_SPEAKERS_LOUDER_TICKS);
    assert_false(h.voices[0].is_in);
    speak(&h.voices[0], -10); /* and not back before the hold is over */
    assert_in_range(ticks_until_in(&h, &h.voices[0], 500), MIX_SPEAKERS_LOUDER_TICKS,
                    MIX_SPEAKERS_HOLD_TICKS + MIX_SPEAKERS_LOUDER_TICKS);
    assert_true(h.voices[2].in_ticks > 0 || !h.voices[2].is_in);
}

static void who_just_came_in_is_held(void **state)
{
    (void)state;
    struct hall h;
    open_hall(&h, 2, 10);
    speak(&h.voices[0], -40);
    speak(&h.voices[1], -30);
    tick(&h, 1);
    speak(&h.voices[2], -10); /* much louder, at once */
    assert_in_range(ticks_until_in(&h, &h.voices[2], 200), MIX_SPEAKERS_HOLD_TICKS,
                    MIX_SPEAKERS_HOLD_TICKS + MIX_SPEAKERS_LOUDER_TICKS);
    assert_false(h.voices[0].is_in);
}

static void silent_ones_rest_in_large_rooms_music_later(void **state)
{
    (void)state;
    struct hall h;
    open_hall(&h, 3, 10);
    h.voices[0].is_original = true;
    speak(&h.voices[0], -30);
    speak(&h.voices[1], -30);
    tick(&h, 100);
    speak(&h.voices[0], -100);
    speak(&h.voices[1], -100);
    tick(&h, MIX_SPEAKERS_REST_TICKS - 1);
    assert_true(h.voices[1].is_in);
    tick(&h, 1);
    assert_false(h.voices[1].is_in);
    tick(&h, MIX_SPEAKERS_MUSIC_REST_TICKS - MIX_SPEAKERS_REST_TICKS - 1);
    assert_true(h.voices[0].is_in);
    tick(&h, 1);
    assert_false(h.voices[0].is_in);
}

/* Open microphones in original sound are never silent; whoever speaks up gets in all the same. */
static void music_yields_to_the_much_louder_alone(void **state)
{
    (void)state;
    struct hall h;
    open_hall(&h, 3, 10);
    for (int i = 0; i < 3; i++) {
        h.voices[i].is_original = true;
        speak(&h.voices[i], i == 0 ? -55 : -30);
    }
    tick(&h, 100);
    speak(&h.voices[3], -55 + MIX_SPEAKERS_MUSIC_DB + MIX_SPEAKERS_LOUDER_DB - 1);
    tick(&h, 500);
    assert_false(h.voices[3].is_in);
    speak(&h.voices[3], -55 + MIX_SPEAKERS_MUSIC_DB + MIX_SPEAKERS_LOUDER_DB);
    tick(&h, MIX_SPEAKERS_LOUDER_TICKS + 2);
    assert_true(h.voices[3].is_in);
    assert_false(h.voices[0].is_in);
    assert_true(h.voices[1].is_in && h.voices[2].is_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_more_than_there_are_places),
        cmocka_unit_test(with_a_place_for_all_nobody_is_ever_cut),
        cmocka_unit_test(who_may_not_speak_leaves_at_once),
        cmocka_unit_test(nobody_flickers),
        cmocka_unit_test(a_speaker_takes_a_free_place_at_once),
        cmocka_unit_test(silence_is_displaced_after_the_hold),
        cmocka_unit_test(who_speaks_yields_only_to_the_clearly_louder),
        cmocka_unit_test(who_just_came_in_is_held),
        cmocka_unit_test(silent_ones_rest_in_large_rooms_music_later),
        cmocka_unit_test(music_yields_to_the_much_louder_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
