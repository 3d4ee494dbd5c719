/* The stretches of a recording. Pictures walk ahead and settle when one begins and ends; sound
 * walks behind and waits where they have not. */
#include "recorder/gate.h"

#include <errno.h>
#include <string.h>

/* Sound that ends before the start is wanted still: one packet holds the first samples, and the one
 * before it is what a decoder needs to get them right. An edit list hides the rest. */
enum { PRIMING_PACKETS = 2 };

static struct rec_gate_span *newest(struct rec_gate *g)
{
    return g->count ? &g->spans[g->count - 1] : NULL;
}

static void end_span(struct rec_gate *g, struct rec_gate_span *s, int64_t at_us)
{
    s->end_us = at_us > s->begin_us ? at_us : s->begin_us;
    s->has_ended = true;
    g->file_end_us = s->base_us + s->end_us - s->begin_us;
}

/* A wish is exact where no reordered pictures have a say. */
static void settle_end(struct rec_gate *g, struct rec_gate_span *s)
{
    const bool is_exact = !g->conf.has_video || !g->conf.cuts_at_key;
    if (is_exact && s->has_begun && !s->has_ended && s->end_us != INT64_MAX)
        end_span(g, s, s->end_us);
}

static void begin_span(struct rec_gate *g, struct rec_gate_span *s, int64_t at_us)
{
    s->begin_us = at_us;
    s->base_us = g->file_end_us;
    s->has_begun = true;
    settle_end(g, s);
}

/* After a wish: what can be said at once. */
static void settle(struct rec_gate *g)
{
    for (size_t i = 0; i < g->count; i++) {
        struct rec_gate_span *s = &g->spans[i];
        if (!g->conf.has_video && !s->has_begun)
            begin_span(g, s, s->begin_us);
        settle_end(g, s);
    }
}

void rec_gate_init(struct rec_gate *g, const struct rec_gate_conf *conf)
{
    *g = (struct rec_gate){.conf = *conf, .count = 1, .is_first = true, .audio_end_us = INT64_MIN};
    g->spans[0] = (struct rec_gate_span){.begin_us = conf->start_us, .end_us = INT64_MAX};
    if (!conf->starts_at_key)
        begin_span(g, &g->spans[0], conf->start_us);
    settle(g);
}

/* Forgets what both kinds are past. */
static void compact(struct rec_gate *g)
{
    size_t past = g->count;
    if (g->conf.has_video && g->at[MCU_VIDEO] < past)
        past = g->at[MCU_VIDEO];
    if (g->conf.has_audio && g->at[MCU_AUDIO] < past)
        past = g->at[MCU_AUDIO];
    if (past == g->count && past > 0)
        past--; /* the newest says where it ended */
    if (past == 0)
        return;
    memmove(g->spans, g->spans + past, (g->count - past) * sizeof(g->spans[0]));
    g->count -= past;
    for (int kind = 0; kind < 2; kind++)
        g->at[kind] = g->at[kind] > past ? g->at[kind] - past : 0;
    g->is_first = false;
}

int rec_gate_open(struct rec_gate *g, int64_t at_us)
{
    if (g->is_final || newest(g)->end_us == INT64_MAX)
        return -EALREADY;
    compact(g);
    if (g->count == REC_GATE_SPANS)
        return -EAGAIN;
    g->spans[g->count++] = (struct rec_gate_span){.begin_us = at_us, .end_us = INT64_MAX};
    settle(g);
    return 0;
}

int rec_gate_close(struct rec_gate *g, int64_t at_us)
{
    if (g->is_final || newest(g)->end_us != INT64_MAX)
        return -EALREADY;
    newest(g)->end_us = at_us;
    settle(g);
    return 0;
}

void rec_gate_end(struct rec_gate *g, int64_t at_us)
{
    rec_gate_close(g, at_us);
    g->is_final = true;
}

void rec_gate_forget_video(struct rec_gate *g)
{
    g->conf.has_video = false;
    settle(g);
}

/* --- verdicts --------------------------------------------------------------------------------- */

static enum rec_verdict take(const struct rec_gate_span *s, int64_t *origin_us)
{
    *origin_us = s->begin_us - s->base_us;
    return REC_TAKE;
}

/* The stretch is over before it could begin. */
static void skip_span(struct rec_gate *g, struct rec_gate_span *s)
{
    begin_span(g, s, s->end_us);
    if (!s->has_ended)
        end_span(g, s, s->end_us);
}

static enum rec_verdict ask_video(struct rec_gate *g, const struct rec_gate_packet *p,
                                  int64_t *origin_us)
{
    for (; g->at[MCU_VIDEO] < g->count; g->at[MCU_VIDEO]++) {
        struct rec_gate_span *s = &g->spans[g->at[MCU_VIDEO]];
        if (!s->has_begun && p->pts_us >= s->end_us) {
            skip_span(g, s);
            continue;
        }
        if (!s->has_begun && p->is_key && p->pts_us >= s->begin_us)
            begin_span(g, s, p->pts_us);
        if (!s->has_begun || p->pts_us < s->begin_us)
            return REC_LEAVE;
        if (p->pts_us < s->end_us || (g->conf.cuts_at_key && !p->is_key))
            return take(s, origin_us);
        if (!s->has_ended)
            end_span(g, s, g->conf.cuts_at_key ? p->pts_us : s->end_us);
    }
    return REC_LEAVE;
}

/* Sound that begins so early is not in the stretch; the first one takes some for the decoder. */
static bool is_before(const struct rec_gate *g, const struct rec_gate_span *s,
                      const struct rec_gate_packet *p)
{
    if (g->is_first && s == g->spans)
        return p->pts_us < s->begin_us - PRIMING_PACKETS * p->duration_us;
    if (!s->has_begun)
        return p->pts_us < s->begin_us - p->duration_us;
    /* It goes on at the packet that is nearest: at most half a packet apart from the pictures. */
    const int64_t file_us = s->base_us + p->pts_us - s->begin_us;
    const int64_t end_us = g->audio_end_us > s->base_us ? g->audio_end_us : s->base_us;
    return file_us < end_us - p->duration_us / 2;
}

static enum rec_verdict ask_audio(struct rec_gate *g, const struct rec_gate_packet *p,
                                  int64_t *origin_us)
{
    for (; g->at[MCU_AUDIO] < g->count; g->at[MCU_AUDIO]++) {
        const struct rec_gate_span *s = &g->spans[g->at[MCU_AUDIO]];
        if (is_before(g, s, p))
            return REC_LEAVE;
        if (!s->has_begun)
            return REC_WAIT;
        if (p->pts_us < s->end_us) {
            g->audio_end_us = s->base_us + p->pts_us - s->begin_us + p->duration_us;
            return take(s, origin_us);
        }
        if (!s->has_ended)
            return REC_WAIT;
    }
    return REC_LEAVE;
}

enum rec_verdict rec_gate_ask(struct rec_gate *g, const struct rec_gate_packet *p,
                              int64_t *origin_us)
{
    if (p->kind == MCU_AUDIO)
        return g->conf.has_audio ? ask_audio(g, p, origin_us) : REC_LEAVE;
    return g->conf.has_video ? ask_video(g, p, origin_us) : REC_LEAVE;
}

bool rec_gate_is_complete(const struct rec_gate *g)
{
    return g->is_final && (!g->conf.has_video || g->at[MCU_VIDEO] == g->count) &&
           (!g->conf.has_audio || g->at[MCU_AUDIO] == g->count);
}

int64_t rec_gate_file_end_us(const struct rec_gate *g)
{
    for (size_t i = g->count; i-- > 0;) {
        const struct rec_gate_span *s = &g->spans[i];
        if (s->has_begun && !s->has_ended)
            return s->end_us == INT64_MAX ? INT64_MAX : s->base_us + s->end_us - s->begin_us;
        if (s->has_ended)
            break;
    }
    return g->file_end_us;
}
