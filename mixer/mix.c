/* The mix of a room: choose who is heard, sum, encode once for everyone who hears the same.
 *
 * [ctl] makes and frees everything; [tick] uses it. In between go messages (post.h): the tick takes
 * them when it begins, and what it has let go of goes back to [ctl], which frees it at its next
 * call. */
#include "mixer/mix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mixer/frames.h"
#include "mixer/mix_priv.h"

enum {
    BITRATE_MIN = 6000,
    BITRATE_MAX = 256000,
    LOW_BITRATE_MAX = 64000,
    LOW_BITRATE = 24000,
    COMPLEXITY_MAX = 10,
    SPEAKERS = 5,
    DELAY_MAX_US = 1000000, /* an input queues 1 s */
    SEND_TOGETHER = 8,      /* with K = 5 all; more would make the first of many wait */
};

/* --- [ctl] ----------------------------------------------------------------------------------- */

static bool is_valid(const struct mix_conf *c)
{
    return c->channels >= 1 && c->channels <= 2 && c->bitrate_bps >= BITRATE_MIN &&
           c->bitrate_bps <= BITRATE_MAX && c->low_bitrate_bps >= BITRATE_MIN &&
           c->low_bitrate_bps <= LOW_BITRATE_MAX && c->complexity >= 0 &&
           c->complexity <= COMPLEXITY_MAX && c->speakers >= 1 && c->speakers <= MIX_SPEAKERS_MAX &&
           c->min_delay_us >= 0 && c->min_delay_us <= c->max_delay_us &&
           c->max_delay_us <= DELAY_MAX_US;
}

static struct mix_conf with_defaults(const struct mix_conf *conf)
{
    struct mix_conf c = *conf;
    if (c.speakers == 0)
        c.speakers = SPEAKERS;
    if (c.low_bitrate_bps == 0)
        c.low_bitrate_bps = LOW_BITRATE;
    return c;
}

int mix_create(struct mix **out, const struct mix_conf *conf, const struct mix_sink *sink)
{
    const struct mix_conf c = with_defaults(conf);
    if (!is_valid(&c))
        return -EINVAL;
    struct mix *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    const size_t samples = (size_t)MIX_TICK_FRAMES * c.channels;
    m->conf = c;
    m->sink = *sink;
    m->sources.channels = c.channels;
    m->sources.total = calloc(samples, sizeof(float));
    m->sound_pcm = calloc(samples * MIX_SOUNDS_MAX, sizeof(float));
    mix_speakers_init(&m->speakers, c.speakers);
    if (!m->sources.total || !m->sound_pcm || mix_blend_init(&m->everyone, c.channels)) {
        mix_destroy(m);
        return -ENOMEM;
    }
    mix_wish_everyone(m, &m->everyone.wanted);
    *out = m;
    return 0;
}

static void free_input(struct mix *m, struct mix_input *in)
{
    m->known_inputs[in->slot] = NULL;
    mix_input_destroy(in);
}

void mix_reap(struct mix *m)
{
    struct mix_node *n = mix_post_take(&m->to_ctl);
    while (n) {
        struct mix_node *next = n->next; /* n is inside what is freed */
        if (n->message == MIX_INPUT_RETIRED)
            free_input(m, n->owner);
        else if (n->message == MIX_LISTENER_RETIRED)
            mix_listener_free(m, n->owner);
        else if (n->message == MIX_SOUND_RETIRED)
            mix_sound_free(m, n->owner);
        else
            free(n->owner); /* a profile */
        n = next;
    }
}

void mix_destroy(struct mix *m)
{
    if (!m)
        return;
    mix_reap(m);
    for (int i = 0; i < MIX_INPUTS_MAX; i++)
        mix_input_destroy(m->known_inputs[i]);
    while (m->known_listeners)
        mix_listener_free(m, m->known_listeners);
    for (int i = 0; i < MIX_SOUNDS_MAX; i++) {
        if (m->known_sounds[i])
            mix_sound_free(m, m->known_sounds[i]);
    }
    for (uint32_t i = 0; i < m->known_output_count; i++)
        mix_output_destroy(m->known_outputs[i]);
    mix_blend_finish(&m->everyone);
    free(m->sources.total);
    free(m->sound_pcm);
    free(m);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Each listener has one and may have another warming up; those with plain profiles share one mix
 * for each speaker and one for all others, in each quality. */
int mix_make_outputs(struct mix *m, uint32_t listeners, uint32_t special)
{
    const uint32_t plain = least(listeners, MIX_QUALITIES * (m->conf.speakers + 1));
    const uint32_t need = least(2 * (plain + special), MIX_OUTPUTS_MAX);
    while (m->known_output_count < need) {
        struct mix_output *o;
        if (mix_output_create(&o, m->known_output_count, &m->conf))
            return -ENOMEM;
        m->known_outputs[m->known_output_count++] = o;
        mix_post(&m->to_tick, &o->add, MIX_OUTPUT_ADD, o);
    }
    return 0;
}

int mix_input_add(struct mix *m, struct mix_input **out, const struct mix_input_conf *conf)
{
    mix_reap(m);
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
    in->id = m->next_id++;
    in->core.place = MIX_NO_PLACE;
    m->known_inputs[slot] = in;
    mix_post(&m->to_tick, &in->add, MIX_INPUT_ADD, in);
    *out = in;
    return 0;
}

void mix_input_remove(struct mix *m, struct mix_input *in)
{
    if (in && !in->is_removed) {
        in->is_removed = true;
        for (struct mix_listener *l = m->known_listeners; l; l = l->next_known) {
            if (l->own == in)
                l->own = NULL;
        }
        mix_post(&m->to_tick, &in->remove, MIX_INPUT_REMOVE, in);
    }
    mix_reap(m);
}

void mix_want_pcm(struct mix *m, bool is_wanted)
{
    atomic_fetch_add_explicit(&m->pcm_wanted, is_wanted ? 1 : -1, memory_order_relaxed);
    mix_reap(m);
}

static uint64_t read(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void mix_read_stats(const struct mix *m, struct mix_stats *stats)
{
    *stats = (struct mix_stats){
        .ticks = read(&m->ticks),
        .encodes = read(&m->encodes),
        .decodes = read(&m->decodes),
        .switches = read(&m->switches),
        .outputs = atomic_load_explicit(&m->outputs_used, memory_order_relaxed),
        .mixes = atomic_load_explicit(&m->mixes, memory_order_relaxed),
        .speakers = atomic_load_explicit(&m->speakers_in, memory_order_relaxed),
        .pool_misses = read(&m->pool_misses),
        .starved = read(&m->starved),
    };
}

/* --- [tick]: messages ------------------------------------------------------------------------- */

static void enter_input(struct mix *m, struct mix_input *in)
{
    in->core.index = (uint32_t)m->input_count;
    m->inputs[m->input_count] = in;
    m->voices[m->input_count++] = &in->speaker;
}

static void take_message(struct mix *m, const struct mix_node *n)
{
    struct mix_input *in = n->owner;
    struct mix_output *o = n->owner;
    switch (n->message) {
    case MIX_INPUT_ADD:
        enter_input(m, in);
        break;
    case MIX_INPUT_REMOVE:
        in->is_leaving = true;
        break;
    case MIX_LISTENER_ADD:
        mix_listener_enter(m, n->owner);
        break;
    case MIX_LISTENER_REMOVE:
        mix_listener_leave(m, n->owner);
        break;
    case MIX_SOUND_ADD:
        mix_sounds_enter(m, n->owner);
        break;
    case MIX_SOUND_REMOVE:
        mix_sounds_stop(m, n->owner);
        break;
    case MIX_OUTPUT_ADD:
        m->pool[m->pool_count++] = o;
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
    mix_listeners_look(m);
}

/* --- [tick]: voices --------------------------------------------------------------------------- */

static struct mix_input *input_of(struct mix_speaker *v)
{
    return (struct mix_input *)((char *)v - offsetof(struct mix_input, speaker));
}

/* A place among the sources for who was chosen. There is always one: at most MIX_SPEAKERS_MAX are
 * chosen, and at most as many leave in one tick. */
static void give_place(struct mix *m, struct mix_input *in)
{
    uint32_t i = 0;
    while (m->places[i])
        i++;
    m->places[i] = in;
    in->core.place = i;
    m->sw.must_review = true;
}

static void note_buses(struct mix *m, struct mix_input *in)
{
    const uint32_t buses = atomic_load_explicit(&in->buses, memory_order_relaxed);
    m->sw.must_review = m->sw.must_review || buses != in->core.buses;
    in->core.buses = buses;
}

static void choose(struct mix *m, int64_t tick)
{
    for (size_t i = 0; i < m->input_count; i++)
        mix_input_observe(m->inputs[i], tick);
    mix_speakers_choose(&m->speakers, m->voices, m->input_count);
    for (size_t i = 0; i < m->speakers.count; i++) {
        struct mix_input *in = input_of(m->speakers.members[i]);
        if (in->core.place == MIX_NO_PLACE)
            give_place(m, in);
        note_buses(m, in);
    }
}

/* Who is heard, fades out, is about to be heard, or is known only by being decoded. */
static void render(struct mix *m, struct mix_input *in, int64_t tick)
{
    const bool is_in = in->speaker.is_in;
    const uint64_t decoded = read(&in->counters.decodes);
    if (is_in != atomic_load_explicit(&in->is_mixed, memory_order_relaxed))
        atomic_store_explicit(&in->is_mixed, is_in, memory_order_relaxed);
    if (is_in || in->core.place != MIX_NO_PLACE || mix_input_must_decode(in))
        mix_input_render(in, tick, is_in);
    else
        mix_input_skip(in, tick);
    if (in->core.place != MIX_NO_PLACE)
        m->sources.pcm[in->core.place] = in->played;
    if (read(&in->counters.decodes) != decoded)
        atomic_fetch_add_explicit(&m->decodes, read(&in->counters.decodes) - decoded,
                                  memory_order_relaxed);
}

static void forget_place(struct mix *m, struct mix_input *in)
{
    const uint32_t i = in->core.place;
    m->places[i] = NULL;
    m->sources.pcm[i] = NULL;
    m->sources.was_there[i] = false;
    in->core.place = MIX_NO_PLACE;
    m->sw.must_review = true;
}

/* A removed input has faded: those who named it as their own hear everyone from the next tick on,
 * and [ctl] may free it. */
static void retire(struct mix *m, struct mix_input *in)
{
    mix_speakers_forget(&m->speakers, &in->speaker);
    mix_listeners_forget(m, in);
    const uint32_t i = in->core.index;
    m->inputs[i] = m->inputs[--m->input_count];
    m->inputs[i]->core.index = i;
    m->voices[i] = m->voices[m->input_count];
    mix_post(&m->to_ctl, &in->retired, MIX_INPUT_RETIRED, in);
}

/* After the sums: who has lost his place has faded. */
static void let_go(struct mix *m)
{
    for (size_t i = 0; i < MIX_SOURCES_MAX; i++)
        m->sources.was_there[i] = m->sources.pcm[i] != NULL;
    for (size_t i = 0; i < MIX_VOICES_MAX; i++) {
        struct mix_input *in = m->places[i];
        if (in && !in->speaker.is_in && !in->speaker.is_candidate)
            forget_place(m, in);
    }
    for (size_t i = m->input_count; i-- > 0;) {
        struct mix_input *in = m->inputs[i];
        if (in->is_leaving && mix_input_is_gone(in))
            retire(m, in);
    }
}

/* --- [tick]: outputs -------------------------------------------------------------------------- */

/* NULL: nothing to send. */
static struct mcu_packet *encode(struct mix *m, struct mix_output *o, int64_t now_us)
{
    if (o->from)
        mix_blend_copy(&o->blend, &o->from->blend, m->conf.channels);
    struct mcu_packet *p = mix_output_encode(o, now_us, &m->conf, &m->pool_misses);
    if (p)
        atomic_fetch_add_explicit(&m->encodes, 1, memory_order_relaxed);
    return p;
}

/* Sent together, so that who waits for them is woken once and not for each. */
static void send_some(struct mix *m, struct mix_output *const *outputs,
                      struct mcu_packet *const *packets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (m->sink.on_packet && packets[i] && !outputs[i]->from) /* nobody hears a warm-up */
            m->sink.on_packet(m->sink.ctx, outputs[i]->number, packets[i]);
        mcu_packet_unref(packets[i]);
    }
}

static void send_outputs(struct mix *m, int64_t now_us)
{
    struct mcu_packet *packets[SEND_TOGETHER];
    uint32_t used = 0;
    for (size_t i = 0; i < m->used_count; i++) {
        if (!m->used[i]->from)
            mix_blend_run(&m->used[i]->blend, &m->sources);
    }
    for (size_t first = 0; first < m->used_count; first += SEND_TOGETHER) {
        size_t n = 0;
        for (; n < SEND_TOGETHER && first + n < m->used_count; n++) {
            packets[n] = encode(m, m->used[first + n], now_us);
            used += packets[n] != NULL;
        }
        send_some(m, &m->used[first], packets, n);
    }
    atomic_store_explicit(&m->outputs_used, used, memory_order_relaxed);
}

void mix_tick(struct mix *m, int64_t now_us)
{
    const int64_t tick = mix_frames(now_us);
    take_messages(m);
    choose(m, tick);
    mix_switch_review(m);
    mix_switch_admit(m);
    m->sources.has_total = false;
    for (size_t i = 0; i < m->input_count; i++)
        render(m, m->inputs[i], tick);
    mix_sounds_render(m);

    const bool wants_pcm = atomic_load_explicit(&m->pcm_wanted, memory_order_relaxed) > 0;
    if (wants_pcm)
        mix_blend_run(&m->everyone, &m->sources);
    send_outputs(m, now_us);
    if (wants_pcm && m->sink.on_pcm)
        m->sink.on_pcm(m->sink.ctx, m->everyone.pcm, MIX_TICK_FRAMES, now_us);
    mix_switch_count(m);
    let_go(m);
    mix_sounds_end(m);
    atomic_fetch_add_explicit(&m->ticks, 1, memory_order_relaxed);
}
