/* Listeners move between outputs so that nothing clicks and nobody hears himself. Two rules:
 *
 * - What an output sounds may change at any time, by gains that glide: that is one encoder and one
 *   decoder, and no switch. So if all who hear an output wish for something else, it changes.
 * - A listener moves from one output to another only when both have encoded the same sound for
 *   WARM_TICKS, and the first packet that he gets of the other is coded without prediction.
 *
 * Who wishes for something else than the others on his output gets one of his own from the pool,
 * that encodes the same sound until it is warm; he moves; and from the next tick on it glides to
 * what he wished for. Two outputs that have come to sound the same are joined, by the same rule.
 *
 *     shared  ──A──A──A──A──A──A──B── ...     a speaker begins: warm up, move,
 *     own        w  w  w  w  w  A─a── ...  A    and only now his voice enters the others' mix;
 *     shared                     ... B──B──B    he ends, own sounds as shared does: move back
 *
 * Everything is found anew in each review from what listeners wish now, so nothing that changes in
 * between (listeners, voices, profiles) leaves a plan behind that is wrong. */
#include <string.h>

#include "mixer/mix_priv.h"

enum { WARM_TICKS = 5 };

static void add_one(atomic_uint_least64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* --- outputs ---------------------------------------------------------------------------------- */

static struct mix_output *take_output(struct mix *m, enum mix_quality quality)
{
    if (m->pool_count == 0) {
        m->sw.is_moving = true; /* again at the next tick */
        add_one(&m->starved);
        return NULL;
    }
    struct mix_output *o = m->pool[--m->pool_count];
    m->used[m->used_count++] = o;
    o->is_used = true;
    o->is_kept = true;
    o->wish = MIX_NO_WISH;
    mix_output_set_quality(o, quality, &m->conf);
    return o;
}

/* Those that nobody hears or waits for go back. */
static void give_back(struct mix *m)
{
    for (size_t i = m->used_count; i-- > 0;) {
        struct mix_output *o = m->used[i];
        if (o->from ? o->is_kept : o->listeners > 0)
            continue;
        mix_output_rest(o, m->conf.channels);
        m->used[i] = m->used[--m->used_count];
        m->pool[m->pool_count++] = o;
    }
}

/* --- listeners -------------------------------------------------------------------------------- */

/* o: NULL for nothing. */
static void assign(struct mix *m, struct mix_listener *l, struct mix_output *o)
{
    if (l->hears) {
        l->hears->listeners--;
        add_one(&m->switches);
    }
    l->hears = o;
    l->next_output = NULL;
    l->was_told = true;
    if (o) {
        o->listeners++;
        l->has_heard = true;
    }
    if (m->sink.on_assign)
        m->sink.on_assign(m->sink.ctx, l->ctx, o ? (int32_t)o->number : MIX_NOTHING);
}

static void move(struct mix *m, struct mix_listener *l, struct mix_output *to)
{
    to->is_first_after = true;
    assign(m, l, to);
}

static bool is_warm(const struct mix_output *o)
{
    return o->same_ticks >= WARM_TICKS;
}

/* --- groups ----------------------------------------------------------------------------------- */

static struct mix_group *find_group(struct mix_switch *sw, const struct mix_output *o,
                                    uint16_t wish)
{
    for (uint16_t g = o->first_group; g != MIX_NO_WISH; g = sw->groups[g].next) {
        if (sw->groups[g].wish == wish)
            return &sw->groups[g];
    }
    return NULL;
}

static void count_in_group(struct mix_switch *sw, const struct mix_listener *l)
{
    struct mix_output *o = l->hears;
    if (!o || l->wish == MIX_NO_WISH)
        return;
    struct mix_group *g = find_group(sw, o, l->wish);
    if (!g) {
        if (sw->group_count == MIX_GROUPS_MAX)
            return; /* he stays where he is; his voice is not let in */
        g = &sw->groups[sw->group_count];
        *g = (struct mix_group){.output = o, .wish = l->wish, .next = o->first_group};
        o->first_group = (uint16_t)sw->group_count++;
    }
    g->count++;
}

static void make_groups(struct mix *m)
{
    m->sw.group_count = 0;
    for (size_t i = 0; i < m->used_count; i++) {
        m->used[i]->first_group = MIX_NO_WISH;
        m->used[i]->is_kept = false;
    }
    for (const struct mix_listener *l = m->listeners; l; l = l->next)
        count_in_group(&m->sw, l);
}

/* --- what each output shall sound --------------------------------------------------------------
 */

/* The group that keeps the output: those with its quality first, of these the most. */
static const struct mix_group *who_stays(const struct mix_switch *sw, const struct mix_output *o)
{
    const struct mix_group *best = NULL;
    for (uint16_t i = o->first_group; i != MIX_NO_WISH; i = sw->groups[i].next) {
        const struct mix_group *g = &sw->groups[i];
        const bool fits = sw->wishes[g->wish].quality == o->quality;
        const bool best_fits = best && sw->wishes[best->wish].quality == o->quality;
        if (!best || (fits && !best_fits) || (fits == best_fits && g->count > best->count))
            best = g;
    }
    return best;
}

/* In the packet that somebody hears first of this output it sounds as the one before did: only
 * places that are silent change. */
static void want(struct mix *m, struct mix_output *o, const struct mix_gains *gains)
{
    if (!o->is_first_after) {
        o->blend.wanted = *gains;
        return;
    }
    m->sw.is_moving = true;
    for (size_t i = 0; i < MIX_SOURCES_MAX; i++) {
        if (!m->sources.was_there[i])
            o->blend.wanted.of[i] = gains->of[i];
    }
}

static void set_wish(struct mix *m, struct mix_output *o, uint16_t number)
{
    struct mix_wish *wish = &m->sw.wishes[number];
    o->wish = number;
    if (!wish->is_nothing)
        o->silent_ticks = 0; /* counted anew when it shall be silent */
    want(m, o, &wish->gains);
    if (o->quality != wish->quality && !o->is_first_after)
        mix_output_set_quality(o, wish->quality, &m->conf); /* libopus itself glides */
    if (!wish->home || wish->home->listeners < o->listeners)
        wish->home = o;
}

/* Outputs that sound the same join the one with the most listeners. */
static void find_joins(struct mix *m)
{
    for (size_t i = 0; i < m->used_count; i++) {
        struct mix_output *o = m->used[i];
        if (o->from)
            continue;
        struct mix_output *home = o->wish != MIX_NO_WISH ? m->sw.wishes[o->wish].home : NULL;
        struct mix_output *into = home != o ? home : NULL;
        if (o->into != into)
            o->same_ticks = 0;
        o->into = into;
        m->sw.is_moving = m->sw.is_moving || into;
    }
}

static void set_wishes(struct mix *m)
{
    for (size_t i = 0; i < m->used_count; i++) {
        struct mix_output *o = m->used[i];
        if (o->from)
            continue;
        const struct mix_group *stays = who_stays(&m->sw, o);
        o->wish = MIX_NO_WISH;
        if (stays)
            set_wish(m, o, stays->wish);
    }
    find_joins(m);
}

/* --- moves ------------------------------------------------------------------------------------ */

/* An output that warms up for this group, or NULL. */
static struct mix_output *warming_for(struct mix *m, struct mix_group *g)
{
    if (g->warming)
        return g->warming;
    struct mix_output *o = take_output(m, m->sw.wishes[g->wish].quality);
    if (!o)
        return NULL;
    o->from = g->output;
    o->wish = g->wish;
    g->warming = o;
    return o;
}

/* He waited for an output already: it is the group's, unless that has another or he has another
 * wish than those it was found for. */
static void keep_warming(struct mix *m, struct mix_listener *l, struct mix_group *g)
{
    struct mix_output *o = l->next_output;
    const bool fits = o && o->from == l->hears && o->quality == m->sw.wishes[l->wish].quality;
    if (!fits || g->warming || o->is_kept)
        return;
    o->is_kept = true;
    o->wish = l->wish;
    g->warming = o;
}

/* To the output that warmed up for him; it is on its own from here on. */
static void move_to_warm(struct mix *m, struct mix_listener *l, struct mix_output *o)
{
    if (o->from) {
        o->from = NULL;
        o->same_ticks = 0;
        o->is_first_after = true;
        set_wish(m, o, l->wish);
    }
    move(m, l, o);
}

static void step_off(struct mix *m, struct mix_listener *l)
{
    struct mix_group *g = find_group(&m->sw, l->hears, l->wish);
    if (!g)
        return;
    l->next_output = warming_for(m, g);
    if (!l->next_output)
        return;
    m->sw.is_moving = true;
    if (is_warm(l->next_output) || !l->next_output->from)
        move_to_warm(m, l, l->next_output);
}

static void step_on_same(struct mix *m, struct mix_listener *l)
{
    struct mix_output *o = l->hears;
    l->next_output = NULL;
    if (m->sw.wishes[l->wish].is_nothing) {
        m->sw.is_moving = true;
        if (o->silent_ticks >= WARM_TICKS)
            assign(m, l, NULL);
    } else if (o->into && is_warm(o) && mix_blend_is_steady(&o->into->blend)) {
        move(m, l, o->into);
    }
}

/* Nothing is heard by him now. A decoder without a past may begin anywhere; one that has heard
 * something begins with silence, which rises. */
static void step_in(struct mix *m, struct mix_listener *l)
{
    struct mix_wish *wish = &m->sw.wishes[l->wish];
    if (wish->is_nothing) {
        if (!l->was_told)
            assign(m, l, NULL);
        return;
    }
    struct mix_output *o = l->has_heard ? wish->fresh : wish->home;
    if (!o) {
        o = take_output(m, wish->quality);
        if (!o)
            return;
        set_wish(m, o, l->wish);
        if (l->has_heard)
            wish->fresh = o;
        else
            mix_blend_snap(&o->blend);
        m->sw.is_moving = true;
    }
    assign(m, l, o);
}

static void step(struct mix *m, struct mix_listener *l)
{
    if (l->wish == MIX_NO_WISH) {
        m->sw.is_moving = true;
        add_one(&m->starved);
    } else if (!l->hears) {
        step_in(m, l);
    } else if (l->hears->wish == l->wish) {
        step_on_same(m, l);
    } else {
        step_off(m, l);
    }
}

/* --- the review ------------------------------------------------------------------------------- */

static void keep_all_warming(struct mix *m)
{
    for (struct mix_listener *l = m->listeners; l; l = l->next) {
        struct mix_group *g =
            l->next_output && l->hears && l->wish != MIX_NO_WISH && l->hears->wish != l->wish
                ? find_group(&m->sw, l->hears, l->wish)
                : NULL;
        if (g)
            keep_warming(m, l, g);
        else
            l->next_output = NULL;
    }
}

static void count_mixes(struct mix *m)
{
    uint32_t mixes = 0;
    for (uint32_t i = 0; i < m->sw.wish_count; i++) {
        const struct mix_wish *w = &m->sw.wishes[i];
        bool is_new = w->home && w->home->listeners > 0;
        for (uint32_t k = 0; is_new && k < i; k++)
            is_new = !m->sw.wishes[k].home || m->sw.wishes[k].hash != w->hash;
        mixes += is_new;
    }
    atomic_store_explicit(&m->mixes, mixes, memory_order_relaxed);
}

void mix_switch_review(struct mix *m)
{
    if (!m->sw.must_review && !m->sw.is_moving)
        return;
    m->sw.must_review = false;
    m->sw.is_moving = false;
    mix_wish_everyone(m, &m->everyone.wanted);
    mix_wishes_make(m);
    make_groups(m);
    set_wishes(m);
    keep_all_warming(m);
    for (struct mix_listener *l = m->listeners; l; l = l->next)
        step(m, l);
    give_back(m);
    count_mixes(m);
}

/* --- nobody hears himself ----------------------------------------------------------------------
 */

static bool may_be_heard(const struct mix_input *in)
{
    for (const struct mix_listener *l = in->core.ears; l; l = l->next_ear) {
        if (l->hears && l->hears->blend.wanted.of[in->core.place] > 0.0f)
            return false;
    }
    return true;
}

void mix_switch_admit(struct mix *m)
{
    uint32_t in_count = 0;
    for (size_t i = 0; i < MIX_VOICES_MAX; i++) {
        struct mix_input *in = m->places[i];
        if (!in || !(in->speaker.is_in || in->speaker.is_candidate))
            continue;
        if (may_be_heard(in)) {
            mix_speakers_admit(&m->speakers, &in->speaker);
        } else if (in->speaker.is_in) { /* he became somebody's own voice just now */
            in->speaker.is_in = false;
            in->speaker.is_candidate = true;
        }
        in_count += in->speaker.is_in;
    }
    atomic_store_explicit(&m->speakers_in, in_count, memory_order_relaxed);
}

/* --- after the sums ----------------------------------------------------------------------------
 */

static bool is_silent(const float *pcm, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        if (pcm[i] != 0.0f)
            return false;
    }
    return true;
}

void mix_switch_count(struct mix *m)
{
    const size_t channels = m->conf.channels;
    for (size_t i = 0; i < m->used_count; i++) {
        struct mix_output *o = m->used[i];
        if (o->from)
            o->same_ticks++;
        else if (o->into)
            o->same_ticks =
                mix_blend_is_same(&o->blend, &o->into->blend, channels) ? o->same_ticks + 1 : 0;
        if (m->sw.is_moving)
            o->silent_ticks =
                is_silent(o->blend.pcm, MIX_TICK_FRAMES * channels) ? o->silent_ticks + 1 : 0;
    }
}
