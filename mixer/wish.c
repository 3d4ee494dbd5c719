/* What each listener should hear: a list of gains, one for each source. Equal lists at an equal
 * quality are one wish, whatever the reasons: so profiles whose difference concerns nobody who
 * speaks now share. */
#include <string.h>

#include "mixer/mix_priv.h"

static float bus_gain(const float gains[MIX_BUSES_MAX], uint32_t buses)
{
    float most = 0.0f;
    for (int i = 0; i < MIX_BUSES_MAX; i++) {
        if ((buses >> i & 1) && gains[i] > most)
            most = gains[i];
    }
    return most;
}

static float personal_gain(const struct mix_profile *p, const struct mix_input *in)
{
    for (size_t i = 0; i < p->gain_count; i++) {
        if (p->gains[i].input == in->id)
            return p->gains[i].gain;
    }
    return 1.0f;
}

static void want_voices(const struct mix *m, const struct mix_profile *p, struct mix_gains *g)
{
    for (size_t i = 0; i < MIX_VOICES_MAX; i++) {
        const struct mix_input *in = m->places[i];
        if (!in || in == p->own)
            continue;
        g->of[i] = bus_gain(p->buses, in->core.buses) * personal_gain(p, in);
    }
}

static uint32_t buses_of(const struct mix_sound *s)
{
    return s->conf.buses ? s->conf.buses : 1;
}

/* l: NULL for the mix of everyone. */
static void want_sounds(const struct mix *m, const float buses[MIX_BUSES_MAX],
                        const struct mix_listener *l, struct mix_gains *g)
{
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        const struct mix_sound *s = m->sounds[i];
        if (!s)
            continue;
        const float own = s->conf.to == l ? 1.0f : 0.0f;
        const float gain = s->conf.to ? own : bus_gain(buses, buses_of(s));
        g->of[MIX_VOICES_MAX + i] = gain;
        if (gain > 0.0f && !s->is_stopping && s->conf.duck_gain < g->duck)
            g->duck = s->conf.duck_gain;
    }
}

void mix_wish_everyone(const struct mix *m, struct mix_gains *gains)
{
    const struct mix_profile p = {.is_plain = true, .buses = {1.0f}};
    *gains = (struct mix_gains){.duck = 1.0f};
    want_voices(m, &p, gains);
    want_sounds(m, p.buses, NULL, gains);
}

/* FNV-1a over the bit patterns. */
static uint64_t hash_of(const struct mix_gains *g)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof(*g) / sizeof(uint32_t); i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)g + i * sizeof(bits), sizeof(bits));
        h = (h ^ bits) * UINT64_C(0x100000001b3);
    }
    return h;
}

static bool is_equal(const struct mix_wish *a, const struct mix_wish *b)
{
    return a->hash == b->hash && a->quality == b->quality && a->is_nothing == b->is_nothing &&
           memcmp(&a->gains, &b->gains, sizeof(a->gains)) == 0;
}

/* The number of this wish, or MIX_NO_WISH when there are too many. */
static uint16_t intern(struct mix_switch *sw, struct mix_wish *wish)
{
    wish->hash = hash_of(&wish->gains);
    for (uint32_t i = 0; i < sw->wish_count; i++) {
        if (is_equal(&sw->wishes[i], wish))
            return (uint16_t)i;
    }
    if (sw->wish_count == MIX_WISHES_MAX)
        return MIX_NO_WISH;
    sw->wishes[sw->wish_count] = *wish;
    return (uint16_t)sw->wish_count++;
}

static uint16_t make(struct mix *m, const struct mix_listener *l, enum mix_quality quality)
{
    const struct mix_profile *p = l->profile;
    struct mix_wish wish = {.gains = {.duck = 1.0f}, .quality = quality};
    if (p->is_deaf) {
        wish.is_nothing = true;
        wish.quality = MIX_CLEAN; /* silence is silence: they share */
    } else {
        want_voices(m, p, &wish.gains);
        want_sounds(m, p->buses, l, &wish.gains);
    }
    return intern(&m->sw, &wish);
}

static bool has_own_sound(const struct mix *m, const struct mix_listener *l)
{
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        if (m->sounds[i] && m->sounds[i]->conf.to == l)
            return true;
    }
    return false;
}

static uint16_t wish_of(struct mix *m, const struct mix_listener *l, bool any_own_sound)
{
    const enum mix_quality quality =
        (enum mix_quality)atomic_load_explicit(&l->quality, memory_order_relaxed);
    if (!l->profile->is_plain || (any_own_sound && has_own_sound(m, l)))
        return make(m, l, quality);
    const struct mix_input *own = l->profile->own;
    const uint32_t place = own ? own->core.place : MIX_NO_PLACE;
    uint16_t *known = &m->sw.plain[quality][place == MIX_NO_PLACE ? 0 : place + 1];
    if (*known == MIX_NO_WISH)
        *known = make(m, l, quality);
    return *known;
}

void mix_wishes_make(struct mix *m)
{
    m->sw.wish_count = 0;
    memset(m->sw.plain, 0xff, sizeof(m->sw.plain));
    bool any_own_sound = false;
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++)
        any_own_sound = any_own_sound || (m->sounds[i] && m->sounds[i]->conf.to);
    for (struct mix_listener *l = m->listeners; l; l = l->next)
        l->wish = wish_of(m, l, any_own_sound);
}
