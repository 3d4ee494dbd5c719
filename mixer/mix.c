/* The mix of a room: sum once, subtract each listener's own voice, encode once per distinct result.
 *
 * [ctl] makes and frees everything; [tick] uses it. In between go messages (post.h): the tick takes
 * them when it begins, and what it has let go of goes back to [ctl], which frees it at its next
 * call. A slot of a removed input is free again only then. */
#include "mixer/mix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mixer/dsp.h"
#include "mixer/frames.h"
#include "mixer/mix_priv.h"

enum {
    BITRATE_MIN = 6000,
    BITRATE_MAX = 256000,
    COMPLEXITY_MAX = 10,
    DELAY_MAX_US = 1000000, /* an input queues 1 s */
};

/* --- [ctl] ----------------------------------------------------------------------------------- */

static bool is_valid(const struct mix_conf *c)
{
    return c->channels >= 1 && c->channels <= 2 && c->bitrate_bps >= BITRATE_MIN &&
           c->bitrate_bps <= BITRATE_MAX && c->complexity >= 0 && c->complexity <= COMPLEXITY_MAX &&
           c->min_delay_us >= 0 && c->min_delay_us <= c->max_delay_us &&
           c->max_delay_us <= DELAY_MAX_US;
}

int mix_create(struct mix **out, const struct mix_conf *conf, const struct mix_sink *sink)
{
    if (!is_valid(conf))
        return -EINVAL;
    struct mix *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->conf = *conf;
    m->sink = *sink;
    m->total = calloc((size_t)MIX_TICK_FRAMES * conf->channels, sizeof(float));
    if (!m->total || mix_output_create(&m->outputs[0], 0, conf)) {
        mix_destroy(m);
        return -ENOMEM;
    }
    *out = m;
    return 0;
}

static void free_input(struct mix *m, struct mix_input *in)
{
    m->known_inputs[in->slot] = NULL;
    mix_output_destroy(m->own_outputs[in->slot]);
    m->own_outputs[in->slot] = NULL;
    mix_input_destroy(in);
}

static void free_listener(struct mix *m, struct mix_listener *l)
{
    if (l->prev_known)
        l->prev_known->next_known = l->next_known;
    else
        m->known_listeners = l->next_known;
    if (l->next_known)
        l->next_known->prev_known = l->prev_known;
    free(l);
}

/* Frees what the tick has let go of. */
static void reap(struct mix *m)
{
    struct mix_node *n = mix_post_take(&m->to_ctl);
    while (n) {
        struct mix_node *next = n->next; /* n is inside what is freed */
        if (n->message == MIX_INPUT_RETIRED)
            free_input(m, n->owner);
        else
            free_listener(m, n->owner);
        n = next;
    }
}

void mix_destroy(struct mix *m)
{
    if (!m)
        return;
    for (int i = 0; i < MIX_INPUTS_MAX; i++) {
        mix_output_destroy(m->own_outputs[i]);
        mix_input_destroy(m->known_inputs[i]);
    }
    while (m->known_listeners)
        free_listener(m, m->known_listeners);
    mix_output_destroy(m->outputs[0]);
    free(m->total);
    free(m);
}

int mix_input_add(struct mix *m, struct mix_input **out, const struct mix_input_conf *conf)
{
    reap(m);
    uint32_t slot = 0;
    while (slot < MIX_INPUTS_MAX && m->known_inputs[slot])
        slot++;
    if (slot == MIX_INPUTS_MAX)
        return -ENOSPC;
    struct mix_input *in;
    const int err = mix_input_create(&in, &m->conf, conf);
    if (err)
        return err;
    in->slot = slot;
    m->known_inputs[slot] = in;
    mix_post(&m->to_tick, &in->add, MIX_INPUT_ADD, in);
    *out = in;
    return 0;
}

void mix_input_remove(struct mix *m, struct mix_input *in)
{
    if (in && !in->is_removed) {
        in->is_removed = true;
        mix_post(&m->to_tick, &in->remove, MIX_INPUT_REMOVE, in);
    }
    reap(m);
}

int mix_listener_add(struct mix *m, struct mix_listener **out, struct mix_input *own,
                     void *listener_ctx)
{
    reap(m);
    struct mix_output **own_output = own ? &m->own_outputs[own->slot] : NULL;
    if (own_output && !*own_output && mix_output_create(own_output, own->slot + 1, &m->conf))
        return -ENOMEM;
    struct mix_listener *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->ctx = listener_ctx;
    l->own = own;
    l->output = own_output ? *own_output : NULL;
    l->next_known = m->known_listeners;
    if (l->next_known)
        l->next_known->prev_known = l;
    m->known_listeners = l;
    mix_post(&m->to_tick, &l->add, MIX_LISTENER_ADD, l);
    *out = l;
    return 0;
}

void mix_listener_remove(struct mix *m, struct mix_listener *l)
{
    if (l && !l->is_removed) {
        l->is_removed = true;
        mix_post(&m->to_tick, &l->remove, MIX_LISTENER_REMOVE, l);
    }
    reap(m);
}

void mix_want_pcm(struct mix *m, bool is_wanted)
{
    atomic_fetch_add_explicit(&m->pcm_wanted, is_wanted ? 1 : -1, memory_order_relaxed);
    reap(m);
}

void mix_read_stats(const struct mix *m, struct mix_stats *stats)
{
    *stats = (struct mix_stats){
        .ticks = atomic_load_explicit(&m->ticks, memory_order_relaxed),
        .encodes = atomic_load_explicit(&m->encodes, memory_order_relaxed),
        .outputs = atomic_load_explicit(&m->outputs_used, memory_order_relaxed),
        .pool_misses = atomic_load_explicit(&m->pool_misses, memory_order_relaxed),
    };
}

/* --- [tick] ---------------------------------------------------------------------------------- */

static void add_listener(struct mix *m, struct mix_listener *l)
{
    if (l->output)
        m->outputs[l->output->number] = l->output;
    l->next = m->listeners;
    if (l->next)
        l->next->prev = l;
    m->listeners = l;
    m->must_assign = true;
}

static void stop_hearing(struct mix_listener *l)
{
    if (l->hears && --l->hears->listeners == 0)
        mix_output_rest(l->hears);
    l->hears = NULL;
}

static void remove_listener(struct mix *m, struct mix_listener *l)
{
    stop_hearing(l);
    if (l->prev)
        l->prev->next = l->next;
    else
        m->listeners = l->next;
    if (l->next)
        l->next->prev = l->prev;
    mix_post(&m->to_ctl, &l->retired, MIX_LISTENER_RETIRED, l);
}

static void take_message(struct mix *m, const struct mix_node *n)
{
    struct mix_input *in = n->owner;
    switch (n->message) {
    case MIX_INPUT_ADD:
        m->inputs[in->slot] = in;
        break;
    case MIX_INPUT_REMOVE:
        in->is_leaving = true;
        break;
    case MIX_LISTENER_ADD:
        add_listener(m, n->owner);
        break;
    case MIX_LISTENER_REMOVE:
        remove_listener(m, n->owner);
        break;
    default: /* the others go the other way */
        break;
    }
}

static void take_messages(struct mix *m)
{
    const struct mix_node *n = mix_post_take(&m->to_tick);
    while (n) {
        const struct mix_node *next = n->next; /* [ctl] may free n from here on */
        take_message(m, n);
        n = next;
    }
}

/* Tells every listener its output, if that changed. */
static void assign(struct mix *m)
{
    if (!m->must_assign)
        return;
    m->must_assign = false;
    for (struct mix_listener *l = m->listeners; l; l = l->next) {
        struct mix_output *wanted = l->own ? l->output : m->outputs[0];
        if (l->hears == wanted)
            continue;
        stop_hearing(l);
        l->hears = wanted;
        wanted->listeners++;
        if (m->sink.on_assign)
            m->sink.on_assign(m->sink.ctx, l->ctx, (int32_t)wanted->number);
    }
}

/* A removed input has faded: those who named it as their own hear everyone from the next tick on,
 * and [ctl] may free it with its output. */
static void retire(struct mix *m, struct mix_input *in)
{
    for (struct mix_listener *l = m->listeners; l; l = l->next) {
        if (l->own != in)
            continue;
        stop_hearing(l);
        l->own = NULL;
        l->output = NULL;
        m->must_assign = true;
    }
    m->inputs[in->slot] = NULL;
    m->outputs[in->slot + 1] = NULL;
    mix_post(&m->to_ctl, &in->retired, MIX_INPUT_RETIRED, in);
}

static void retire_gone(struct mix *m)
{
    for (int i = 0; i < MIX_INPUTS_MAX; i++) {
        if (m->inputs[i] && mix_input_is_gone(m->inputs[i]))
            retire(m, m->inputs[i]);
    }
}

static size_t samples_of(const struct mix *m)
{
    return (size_t)MIX_TICK_FRAMES * m->conf.channels;
}

static void sum_inputs(struct mix *m, int64_t now_us)
{
    const int64_t tick = mix_frames(now_us);
    memset(m->total, 0, samples_of(m) * sizeof(float));
    for (int i = 0; i < MIX_INPUTS_MAX; i++) {
        struct mix_input *in = m->inputs[i];
        if (!in)
            continue;
        mix_input_observe(in, tick);
        mix_input_render(in, tick, true);
        if (in->played)
            mix_dsp_add(m->total, in->played, samples_of(m));
    }
}

/* The sound of an output: everyone, less the voice it leaves out. */
static void make_pcm(struct mix *m, struct mix_output *o)
{
    const struct mix_input *own = o->number > 0 ? m->inputs[o->number - 1] : NULL;
    if (own && own->played)
        mix_dsp_subtract(o->pcm, m->total, own->played, samples_of(m));
    else
        memcpy(o->pcm, m->total, samples_of(m) * sizeof(float));
    mix_dsp_protect(o->pcm, samples_of(m));
}

static bool send(struct mix *m, struct mix_output *o, int64_t now_us)
{
    struct mcu_packet *p = mix_output_encode(o, now_us, &m->pool_misses);
    if (!p)
        return false;
    if (m->sink.on_packet)
        m->sink.on_packet(m->sink.ctx, o->number, p);
    mcu_packet_unref(p);
    atomic_fetch_add_explicit(&m->encodes, 1, memory_order_relaxed);
    return true;
}

static void send_outputs(struct mix *m, int64_t now_us)
{
    uint32_t used = 0;
    for (int i = 0; i <= MIX_INPUTS_MAX; i++) {
        struct mix_output *o = m->outputs[i];
        if (!o || o->listeners == 0)
            continue;
        if (i > 0)
            make_pcm(m, o);
        if (send(m, o, now_us))
            used++;
    }
    atomic_store_explicit(&m->outputs_used, used, memory_order_relaxed);
}

void mix_tick(struct mix *m, int64_t now_us)
{
    take_messages(m);
    assign(m);
    sum_inputs(m, now_us);

    const bool wants_pcm = atomic_load_explicit(&m->pcm_wanted, memory_order_relaxed) > 0;
    if (wants_pcm || m->outputs[0]->listeners > 0)
        make_pcm(m, m->outputs[0]);
    send_outputs(m, now_us);
    if (wants_pcm && m->sink.on_pcm)
        m->sink.on_pcm(m->sink.ctx, m->outputs[0]->pcm, MIX_TICK_FRAMES, now_us);
    retire_gone(m);
    atomic_fetch_add_explicit(&m->ticks, 1, memory_order_relaxed);
}
