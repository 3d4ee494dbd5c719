/* A voice that nobody would hear is not decoded: packets are passed over when they are due, which
 * costs some tens of nanoseconds each. The newest two are kept. When the voice is wanted again the
 * decoder is reset and decodes those first, unheard, so that what comes then sounds as it would
 * have; the line fades it in. [tick] */
#include "mixer/voice.h"

#include "mixer/decode.h"

static void begin_rest(struct mix_voice *v)
{
    mix_line_rest(&v->line);
    v->is_resting = true;
    v->is_resampling = false;
    v->is_correcting = false;
    v->is_cut = false;
    v->is_noise = false;
    v->concealed_run = 0;
    v->pending = 0;
    v->pending_quiet = 0;
}

static void release(struct mix_voice *v)
{
    for (size_t i = 0; i < v->held_count; i++)
        mix_inbox_give_back(v->inbox, v->held[i]);
    v->held_count = 0;
}

static void hold(struct mix_voice *v, struct mix_slot *p)
{
    if (v->held_count == MIX_HELD) {
        mix_inbox_give_back(v->inbox, v->held[0]);
        for (size_t i = 1; i < MIX_HELD; i++)
            v->held[i - 1] = v->held[i];
        v->held_count--;
    }
    v->held[v->held_count++] = p;
}

/* The first waiting packet would have played within this tick. */
static void leave_out(struct mix_voice *v, const struct mix_slot *p, const struct mix_place *place)
{
    mix_count(&v->counters->gated, p->frames);
    mix_voice_settle(v, p, place, p->frames);
    hold(v, mix_voice_take(v));
    v->late_run = 0;
}

void mix_voice_skip(struct mix_voice *v)
{
    if (!v->is_resting)
        begin_rest(v);
    v->delay = v->target; /* nobody hears it change */
    for (struct mix_slot *p; (p = mix_voice_peek(v)) != NULL;) {
        if (p->frames == 0) {
            mix_voice_refuse(v);
            continue;
        }
        const struct mix_place place = mix_voice_place(v, p);
        const int64_t end = place.source + place.delay + p->frames - v->tick;
        if (end > MIX_TICK_FRAMES)
            break; /* what is heard next may begin within it */
        if (end <= 0)
            mix_voice_drop_late(v, p, &place);
        else
            leave_out(v, p, &place);
    }
}

static void warm_up(struct mix_voice *v)
{
    mix_opus_reset(v->opus);
    for (size_t i = 0; i < v->held_count; i++) {
        const struct mix_slot *p = v->held[i];
        float *to = mix_line_space(&v->line, p->frames);
        if (!to || p->sequence + (v->held_count - i) != v->next_sequence)
            continue;
        mix_count(&v->counters->decodes, 1);
        mix_opus_decode(v->opus, p->data, p->size, to, p->frames);
    }
}

void mix_voice_resume(struct mix_voice *v)
{
    v->is_resting = false;
    v->is_resuming = true;
    v->was_celt = true; /* no copy for what came before */
    if (v->opus)
        warm_up(v);
    release(v);
}
