/* Who is heard. Each tick: who may not speak leaves; then, in a room with a place for everyone, all
 * come in; else who speaks takes a free place, or that of who has been silent longest, or, having
 * been clearly louder for a while, that of the quietest who speaks. At most one place changes hands
 * by force in a tick. */
#include "mixer/speakers.h"

static const float music_dbov = -60.0f; /* original sound below this is silence, not music */

void mix_speakers_init(struct mix_speakers *s, size_t places)
{
    *s = (struct mix_speakers){.places = places < MIX_SPEAKERS_MAX ? places : MIX_SPEAKERS_MAX};
}

static bool is_member(const struct mix_speaker *v)
{
    return v->is_in || v->is_candidate;
}

/* It asks for a place in a room that has not one for everybody. */
static bool is_asking(const struct mix_speaker *v)
{
    return v->is_speaking || (v->is_original && v->dbov > music_dbov);
}

static void take_place(struct mix_speakers *s, struct mix_speaker *v)
{
    v->is_candidate = true;
    v->is_in = false;
    v->in_ticks = 0;
    v->louder_ticks = 0;
    s->members[s->count++] = v;
}

static void give_up(struct mix_speakers *s, size_t i)
{
    struct mix_speaker *v = s->members[i];
    v->is_candidate = false;
    v->is_in = false;
    v->louder_ticks = 0;
    s->members[i] = s->members[--s->count];
}

static void age(struct mix_speaker *v)
{
    if (is_asking(v))
        v->silent_ticks = 0;
    else if (v->silent_ticks < UINT32_MAX)
        v->silent_ticks++;
    if (is_member(v) && v->in_ticks < UINT32_MAX)
        v->in_ticks++;
}

static void drop_ineligible(struct mix_speakers *s)
{
    for (size_t i = s->count; i-- > 0;) {
        if (!s->members[i]->is_eligible)
            give_up(s, i);
    }
}

/* More voices than places: silence is no reason to keep one for ever. A candidate that fell silent
 * before it was heard has nothing to lose. */
static void drop_resting(struct mix_speakers *s)
{
    for (size_t i = s->count; i-- > 0;) {
        const struct mix_speaker *v = s->members[i];
        const uint32_t rest =
            v->is_original ? MIX_SPEAKERS_MUSIC_REST_TICKS : MIX_SPEAKERS_REST_TICKS;
        if (v->silent_ticks >= (v->is_in ? rest : MIX_SPEAKERS_HOLD_TICKS))
            give_up(s, i);
    }
}

/* The loudest that asks and has no place, or NULL. */
static struct mix_speaker *loudest_outside(struct mix_speaker *const *voices, size_t count)
{
    struct mix_speaker *best = NULL;
    for (size_t i = 0; i < count; i++) {
        struct mix_speaker *v = voices[i];
        if (v->is_eligible && !is_member(v) && is_asking(v) && (!best || v->dbov > best->dbov))
            best = v;
    }
    return best;
}

static bool may_be_displaced(const struct mix_speaker *v)
{
    return v->in_ticks >= MIX_SPEAKERS_HOLD_TICKS;
}

/* How loud it counts for keeping its place. */
static float standing_dbov(const struct mix_speaker *v)
{
    return v->dbov + (v->is_original ? MIX_SPEAKERS_MUSIC_DB : 0);
}

/* Who has been silent longest, long enough; its index, or -1. */
static int longest_silent(const struct mix_speakers *s)
{
    int found = -1;
    for (size_t i = 0; i < s->count; i++) {
        const struct mix_speaker *v = s->members[i];
        if (may_be_displaced(v) && !v->is_original && v->silent_ticks >= MIX_SPEAKERS_HOLD_TICKS &&
            (found < 0 || v->silent_ticks > s->members[found]->silent_ticks))
            found = (int)i;
    }
    return found;
}

static int quietest_speaking(const struct mix_speakers *s)
{
    int found = -1;
    for (size_t i = 0; i < s->count; i++) {
        if (may_be_displaced(s->members[i]) && is_asking(s->members[i]) &&
            (found < 0 || standing_dbov(s->members[i]) < standing_dbov(s->members[found])))
            found = (int)i;
    }
    return found;
}

/* Counts for how long each outside has been clearly louder than the quietest who is heard. */
static void count_louder(struct mix_speaker *const *voices, size_t count, float quietest_dbov)
{
    for (size_t i = 0; i < count; i++) {
        struct mix_speaker *v = voices[i];
        const bool is_louder = v->is_eligible && !is_member(v) && is_asking(v) &&
                               v->dbov >= quietest_dbov + MIX_SPEAKERS_LOUDER_DB;
        v->louder_ticks = is_louder ? v->louder_ticks + 1 : 0;
    }
}

static void displace(struct mix_speakers *s, struct mix_speaker *const *voices, size_t count)
{
    const int quietest = quietest_speaking(s);
    if (quietest >= 0)
        count_louder(voices, count, standing_dbov(s->members[quietest]));
    struct mix_speaker *v = loudest_outside(voices, count);
    if (!v)
        return;
    int loser = longest_silent(s);
    if (loser < 0 && quietest >= 0 && v->louder_ticks >= MIX_SPEAKERS_LOUDER_TICKS)
        loser = quietest;
    if (loser < 0)
        return;
    give_up(s, (size_t)loser);
    take_place(s, v);
}

void mix_speakers_choose(struct mix_speakers *s, struct mix_speaker *const *voices, size_t count)
{
    size_t eligible = 0;
    for (size_t i = 0; i < count; i++) {
        age(voices[i]);
        eligible += voices[i]->is_eligible;
    }
    drop_ineligible(s);
    if (eligible <= s->places) {
        for (size_t i = 0; i < count; i++) {
            if (voices[i]->is_eligible && !is_member(voices[i]))
                take_place(s, voices[i]);
        }
        return;
    }
    drop_resting(s);
    while (s->count < s->places) {
        struct mix_speaker *v = loudest_outside(voices, count);
        if (!v)
            return;
        take_place(s, v);
    }
    displace(s, voices, count);
}

void mix_speakers_admit(struct mix_speakers *s, struct mix_speaker *v)
{
    (void)s;
    if (!v->is_candidate)
        return;
    v->is_candidate = false;
    v->is_in = true;
    v->in_ticks = 0;
}

void mix_speakers_forget(struct mix_speakers *s, struct mix_speaker *v)
{
    for (size_t i = s->count; i-- > 0;) {
        if (s->members[i] == v)
            give_up(s, i);
    }
}
