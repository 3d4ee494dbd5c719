/* Listeners. What one asked for is a profile that is never changed: [ctl] posts a new one, [tick]
 * takes the newest and sends back the one it had. One that was posted and not yet taken when the
 * next comes is [ctl]'s again at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mixer/mix_priv.h"

/* --- [ctl] ------------------------------------------------------------------------------------ */

/* The same as the newest, with room for so many gains. */
static struct mix_profile *make_profile(const struct mix_listener *l, size_t gain_count)
{
    const struct mix_profile *like = l->newest;
    struct mix_profile *p = calloc(1, sizeof(*p) + gain_count * sizeof(struct mix_personal));
    if (!p)
        return NULL;
    if (like) {
        p->own = l->own; /* that of the profile is the tick's */
        p->is_deaf = like->is_deaf;
        memcpy(p->buses, like->buses, sizeof(p->buses));
        p->gain_count = like->gain_count < gain_count ? like->gain_count : gain_count;
        memcpy(p->gains, like->gains, p->gain_count * sizeof(p->gains[0]));
    } else {
        p->buses[0] = 1.0f;
    }
    return p;
}

static bool is_plain(const struct mix_profile *p)
{
    for (int i = 1; i < MIX_BUSES_MAX; i++) {
        if (p->buses[i] != 0.0f)
            return false;
    }
    return p->buses[0] == 1.0f && !p->is_deaf && p->gain_count == 0;
}

/* p is the listener's from here on, or freed: -ENOMEM. */
static int post(struct mix *m, struct mix_listener *l, struct mix_profile *p)
{
    if (!p)
        return -ENOMEM;
    p->is_plain = is_plain(p);
    const uint32_t special = m->special_count - !l->newest->is_plain + !p->is_plain;
    if (mix_make_outputs(m, m->known_listener_count, special)) {
        free(p);
        return -ENOMEM;
    }
    m->special_count = special;
    l->newest = p;
    free(atomic_exchange_explicit(&l->posted, p, memory_order_acq_rel));
    atomic_store_explicit(&m->must_look, true, memory_order_release);
    return 0;
}

int mix_listener_add(struct mix *m, struct mix_listener **out, struct mix_input *own,
                     void *listener_ctx)
{
    mix_reap(m);
    struct mix_listener *l = calloc(1, sizeof(*l));
    struct mix_profile *p = l ? make_profile(l, 0) : NULL;
    if (!l || !p || mix_make_outputs(m, m->known_listener_count + 1, m->special_count)) {
        free(l);
        free(p);
        return -ENOMEM;
    }
    l->own = own && !own->is_removed ? own : NULL;
    p->own = l->own;
    p->is_plain = true;
    l->mix = m;
    l->ctx = listener_ctx;
    l->newest = p;
    l->profile = p;
    l->next_known = m->known_listeners;
    if (l->next_known)
        l->next_known->prev_known = l;
    m->known_listeners = l;
    m->known_listener_count++;
    mix_post(&m->to_tick, &l->add, MIX_LISTENER_ADD, l);
    *out = l;
    return 0;
}

void mix_listener_remove(struct mix *m, struct mix_listener *l)
{
    if (l && !l->is_removed) {
        l->is_removed = true;
        m->known_listener_count--;
        m->special_count -= !l->newest->is_plain;
        mix_post(&m->to_tick, &l->remove, MIX_LISTENER_REMOVE, l);
    }
    mix_reap(m);
}

void mix_listener_free(struct mix *m, struct mix_listener *l)
{
    if (l->prev_known)
        l->prev_known->next_known = l->next_known;
    else
        m->known_listeners = l->next_known;
    if (l->next_known)
        l->next_known->prev_known = l->prev_known;
    free(atomic_load_explicit(&l->posted, memory_order_relaxed));
    free(l->profile);
    free(l);
}

void mix_listener_set_quality(struct mix_listener *l, enum mix_quality quality)
{
    if ((unsigned)quality >= MIX_QUALITIES)
        return;
    if (atomic_exchange_explicit(&l->quality, (int)quality, memory_order_relaxed) != (int)quality)
        atomic_store_explicit(&l->mix->must_look, true, memory_order_release);
}

int mix_listener_set_own(struct mix *m, struct mix_listener *l, struct mix_input *own)
{
    mix_reap(m);
    struct mix_profile *p = make_profile(l, l->newest->gain_count);
    struct mix_input *now = own && !own->is_removed ? own : NULL;
    if (p)
        p->own = now;
    const int err = post(m, l, p);
    l->own = err ? l->own : now;
    return err;
}

int mix_listener_set_deaf(struct mix *m, struct mix_listener *l, bool is_deaf)
{
    mix_reap(m);
    if (l->newest->is_deaf == is_deaf)
        return 0;
    struct mix_profile *p = make_profile(l, l->newest->gain_count);
    if (p)
        p->is_deaf = is_deaf;
    return post(m, l, p);
}

static bool is_gain(float gain)
{
    return gain >= 0.0f && gain <= MIX_GAIN_MAX;
}

int mix_listener_set_buses(struct mix *m, struct mix_listener *l, const float gains[MIX_BUSES_MAX])
{
    mix_reap(m);
    for (int i = 0; i < MIX_BUSES_MAX; i++) {
        if (!is_gain(gains[i]))
            return -EINVAL;
    }
    struct mix_profile *p = make_profile(l, l->newest->gain_count);
    for (int i = 0; p && i < MIX_BUSES_MAX; i++)
        p->buses[i] = gains[i] + 0.0f; /* no negative zero */
    return post(m, l, p);
}

static bool is_known(const struct mix *m, uint64_t id)
{
    for (int i = 0; i < MIX_INPUTS_MAX; i++) {
        const struct mix_input *in = m->known_inputs[i];
        if (in && in->id == id && !in->is_removed)
            return true;
    }
    return false;
}

/* Leaves out that of one voice, and those of voices that are gone. */
static void prune(const struct mix *m, struct mix_profile *p, uint64_t id)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->gain_count; i++) {
        if (p->gains[i].input != id && is_known(m, p->gains[i].input))
            p->gains[kept++] = p->gains[i];
    }
    p->gain_count = kept;
}

int mix_listener_set_gain(struct mix *m, struct mix_listener *l, struct mix_input *in, float gain)
{
    mix_reap(m);
    if (!is_gain(gain) || in->is_removed)
        return -EINVAL;
    struct mix_profile *p = make_profile(l, l->newest->gain_count + 1);
    if (!p)
        return -ENOMEM;
    prune(m, p, in->id);
    if (gain != 1.0f && p->gain_count == MIX_PERSONAL_MAX) {
        free(p);
        return -ENOSPC;
    }
    if (gain != 1.0f)
        p->gains[p->gain_count++] = (struct mix_personal){in->id, gain + 0.0f};
    return post(m, l, p);
}

/* --- [tick] ----------------------------------------------------------------------------------- */

static void lend_ear(struct mix_listener *l)
{
    struct mix_input *own = l->profile->own;
    l->prev_ear = NULL;
    l->next_ear = own ? own->core.ears : NULL;
    if (l->next_ear)
        l->next_ear->prev_ear = l;
    if (own)
        own->core.ears = l;
}

static void take_ear(struct mix_listener *l)
{
    if (!l->profile->own)
        return;
    if (l->prev_ear)
        l->prev_ear->next_ear = l->next_ear;
    else
        l->profile->own->core.ears = l->next_ear;
    if (l->next_ear)
        l->next_ear->prev_ear = l->prev_ear;
    l->prev_ear = NULL;
    l->next_ear = NULL;
}

static void take_posted(struct mix *m, struct mix_listener *l)
{
    if (!atomic_load_explicit(&l->posted, memory_order_relaxed))
        return;
    struct mix_profile *p = atomic_exchange_explicit(&l->posted, NULL, memory_order_acq_rel);
    if (!p)
        return;
    take_ear(l);
    mix_post(&m->to_ctl, &l->profile->retired, MIX_PROFILE_RETIRED, l->profile);
    l->profile = p;
    lend_ear(l);
}

void mix_listeners_look(struct mix *m)
{
    if (!atomic_load_explicit(&m->must_look, memory_order_relaxed) ||
        !atomic_exchange_explicit(&m->must_look, false, memory_order_acquire))
        return;
    m->sw.must_review = true;
    for (struct mix_listener *l = m->listeners; l; l = l->next)
        take_posted(m, l);
}

void mix_listener_enter(struct mix *m, struct mix_listener *l)
{
    l->next = m->listeners;
    if (l->next)
        l->next->prev = l;
    m->listeners = l;
    lend_ear(l);
    take_posted(m, l);
    m->sw.must_review = true;
}

void mix_listener_leave(struct mix *m, struct mix_listener *l)
{
    take_posted(m, l);
    take_ear(l);
    if (l->hears)
        l->hears->listeners--;
    if (l->prev)
        l->prev->next = l->next;
    else
        m->listeners = l->next;
    if (l->next)
        l->next->prev = l->prev;
    mix_sounds_forget(m, l);
    m->sw.must_review = true;
    mix_post(&m->to_ctl, &l->retired, MIX_LISTENER_RETIRED, l);
}

/* Of a profile that it has, `own` is the tick's; [ctl] knows that of the listener. */
void mix_listeners_forget(struct mix *m, struct mix_input *in)
{
    while (in->core.ears) {
        struct mix_listener *l = in->core.ears;
        take_ear(l);
        l->profile->own = NULL;
    }
    m->sw.must_review = true;
}
