/* Fills the tick of one voice, step by step: play what is decoded, else start the packet that is
 * due, else wait or conceal. [tick]; nothing here allocates.
 *
 * Only decoding a packet (or dropping it for good) moves the anchor; waiting and concealing leave
 * it, so a packet that comes in the middle of its own gap is still judged by its own time. */
#include "mixer/voice.h"

#include "mixer/decode.h"
#include "mixer/frames.h"

enum {
    MS = 48,              /* frames */
    CONTIGUOUS = 10 * MS, /* jitter of times between packets in sequence; a pause is longer */
    SNAP = 2 * MS,        /* the same after a loss */
    SLACK = 10 * MS,      /* the delay may run this far past the target before sound is left out */
    FOLD = 32,            /* share of a deviation taken over per packet */
    BACK_MAX = 200 * MS,  /* further back or ahead, times have jumped */
    AHEAD_MAX = 2000 * MS,
    LOSS_MAX = 200 * MS, /* a longer hole is an outage: silence */
    LOST_MAX = 4096,     /* packets; more is a jump of the sequence */
    DTX_BYTES_MAX = 2,   /* a packet of a sender that has fallen silent */
    SILENT_DBOV = -65,
    SILENT_FRAMES = 500 * MS, /* so much in a row is not decoded */
    ROUNDING = 1 * MS,        /* what the resampler may make less than was asked for */
    RESAMPLE_MARGIN = 1 * MS, /* it looks ahead by a third of that */
    AV_MARGIN = 1 * MS, /* containers round times to 1 ms: room for the next to come on time */
};

int mix_voice_init(struct mix_voice *v, const struct mix_voice_conf *conf)
{
    *v = (struct mix_voice){.inbox = conf->inbox,
                            .counters = conf->counters,
                            .level = conf->level,
                            .opus = conf->opus,
                            .is_pinned = conf->min_us == conf->max_us,
                            .target = mix_frames(conf->min_us),
                            .delay = mix_frames(conf->min_us)};
    mix_playout_init(&v->playout, conf->min_us, conf->max_us);
    mix_drift_init(&v->drift);
    const int err = mix_line_init(&v->line, conf->channels);
    return err ? err : mix_resample_init(&v->resample, conf->channels);
}

void mix_voice_finish(struct mix_voice *v)
{
    mix_line_finish(&v->line);
    mix_resample_finish(&v->resample);
}

static int64_t play_position(const struct mix_voice *v)
{
    return v->tick + (int64_t)v->line.filled;
}

/* A packet with no past to go by: its own time, unless that is absurd, in which case now. */
static struct mix_place place_anew(const struct mix_voice *v, const struct mix_slot *p,
                                   enum mix_kind kind)
{
    const int64_t margin = v->opus ? 0 : AV_MARGIN;
    struct mix_place place = {
        .kind = kind, .source = mix_frames(p->pts_us), .delay = v->target + margin};
    if (v->is_pinned)
        return place;
    const int64_t ahead = place.source + place.delay - play_position(v);
    const int64_t back_max = v->late_run >= MIX_LATE_RUN_MAX ? 0 : BACK_MAX;
    if (ahead < -back_max || ahead > AHEAD_MAX)
        place.source -= ahead;
    return place;
}

struct mix_place mix_voice_place(const struct mix_voice *v, const struct mix_slot *p)
{
    if (!v->is_anchored)
        return place_anew(v, p, MIX_FIRST);

    const int64_t source = mix_frames(p->pts_us) + v->shift;
    const int64_t diff = source - v->next_source;
    const uint64_t lost = p->sequence - v->next_sequence;
    if (diff >= -CONTIGUOUS &&
        diff <= CONTIGUOUS) { /* whatever the numbers say, no time is missing */
        const int64_t fold = diff / FOLD;
        return (struct mix_place){MIX_NEXT, v->next_source + fold, v->delay - fold};
    }
    if (diff < 0 || diff > AHEAD_MAX || lost > LOST_MAX)
        return place_anew(v, p, MIX_JUMP);
    if (lost == 0 || diff > LOSS_MAX)
        return (struct mix_place){MIX_PAUSE, source, v->target};
    const int64_t expected = v->next_source + (int64_t)lost * v->last_frames;
    const bool is_near = source - expected <= SNAP && expected - source <= SNAP;
    return (struct mix_place){MIX_LOSS, is_near ? expected : source, v->delay};
}

/* What was made up or left silent since the last packet was heard as a loss, if there was one. */
static void settle_concealed(struct mix_voice *v, enum mix_kind kind, uint64_t missing)
{
    uint64_t most = UINT64_MAX;
    if (kind == MIX_PAUSE && !v->is_dtx) /* an outage */
        most = missing * v->last_frames;
    else if (kind != MIX_LOSS && kind != MIX_NEXT)
        most = 0;
    const uint64_t heard = v->pending < most ? v->pending : most;
    const uint64_t quiet = v->pending_quiet < most - heard ? v->pending_quiet : most - heard;
    mix_count(&v->counters->frames, quiet);
    mix_count(&v->counters->concealed, heard + quiet);
    v->pending = 0;
    v->pending_quiet = 0;
}

static void note_silence(struct mix_voice *v, const struct mix_slot *p)
{
    if (p->level_dbov > 0) /* not said */
        return;
    if (p->level_dbov >= SILENT_DBOV)
        v->silent_frames = 0;
    else if (v->silent_frames < SILENT_FRAMES)
        v->silent_frames += p->frames;
}

/* The last of what was lost came in the packet after it, if that has a copy: as a repair, which is
 * worth waiting for where it happens often. */
static void learn_copy(struct mix_voice *v, const struct mix_slot *p)
{
    if (!mix_opus_has_fec(p->data, p->size))
        return;
    const int64_t capture_us = p->pts_us + mix_frames_to_us(v->shift - p->frames);
    mix_playout_arrived(&v->playout, p->arrival_us - capture_us, p->arrival_us, MIX_ARRIVAL_REPAIR);
}

void mix_voice_settle(struct mix_voice *v, const struct mix_slot *p, const struct mix_place *place,
                      uint32_t frames)
{
    const bool is_gap = place->kind == MIX_LOSS || place->kind == MIX_PAUSE;
    const uint64_t missing = is_gap ? p->sequence - v->next_sequence : 0;
    if (v->opus && missing > v->refused) /* [net] counts for the others */
        mix_count(&v->counters->lost, missing - v->refused);
    if (v->opus && place->kind == MIX_LOSS)
        learn_copy(v, p);
    settle_concealed(v, place->kind, missing);
    note_silence(v, p);
    if (v->opus && !v->is_pinned)
        mix_drift_packet(&v->drift, p->sequence, p->frames, p->pts_us);
    if (place->kind == MIX_FIRST || place->kind == MIX_JUMP)
        v->shift = place->source - mix_frames(p->pts_us);
    v->delay = place->delay;
    v->next_source = place->source + frames;
    v->last_frames = p->frames;
    v->is_dtx = v->opus && p->size <= DTX_BYTES_MAX;
    v->refused = 0;
    mix_voice_pass(v, p->sequence);
}

bool mix_voice_is_silent(const struct mix_voice *v)
{
    if (!v->level->is_told || v->silent_frames < SILENT_FRAMES)
        return false;
    for (size_t i = 0; i < v->waiting_count; i++) {
        const int dbov = v->waiting[i]->level_dbov;
        if (dbov <= 0 && dbov >= SILENT_DBOV)
            return false;
    }
    return true;
}

void mix_voice_refuse(struct mix_voice *v)
{
    mix_count(&v->counters->undecodable, 1);
    v->refused++;
    mix_voice_pop(v);
}

void mix_voice_drop_late(struct mix_voice *v, const struct mix_slot *p,
                         const struct mix_place *place)
{
    mix_count(&v->counters->late, 1);
    mix_voice_settle(v, p, place, p->frames);
    mix_voice_pop(v);
    if (++v->late_run >= MIX_LATE_RUN_MAX && !v->is_pinned)
        v->is_anchored = false; /* they will all be late: the next one starts anew */
}

/* A packet whose time has come, `late` frames ago. In sequence the delay may grow by that, within
 * the target; else the part that is past is left out. */
static void start(struct mix_voice *v, const struct mix_slot *p, struct mix_place place,
                  int64_t late)
{
    const bool goes_on = place.kind == MIX_NEXT || place.kind == MIX_LOSS;
    const bool may_grow = goes_on && !v->is_resuming;
    if (may_grow && place.delay + late <= v->target + SLACK) {
        place.delay += late;
        late = 0;
    }
    if (late > 0 && late >= p->frames) {
        mix_voice_drop_late(v, p, &place);
        return;
    }
    if (late == 0)
        mix_voice_follow_drift(v, may_grow);
    const int frames = mix_voice_decode(v, p);
    if (frames < 0) {
        mix_voice_refuse(v);
        return;
    }
    mix_line_skip(&v->line, (size_t)late);
    if (late > 0 || !may_grow || v->is_cut)
        mix_line_break(&v->line);
    mix_voice_settle(v, p, &place, (uint32_t)frames);
    mix_voice_pop(v);
    v->late_run = 0;
    v->concealed_run = 0;
    v->is_cut = false;
    v->is_noise = false;
    v->is_resuming = false;
}

/* Silence before a packet that plays `gap` frames from now. */
static void quiet_until(struct mix_voice *v, const struct mix_place *place, int64_t gap)
{
    const int64_t left = (int64_t)mix_line_left(&v->line);
    mix_voice_quiet(v, mix_least(gap, left), place->kind == MIX_LOSS);
}

/* The first waiting packet plays only `gap` frames from now. */
static void wait_for(struct mix_voice *v, const struct mix_slot *p, const struct mix_place *place,
                     int64_t gap)
{
    const bool is_filled = place->kind == MIX_LOSS || (place->kind == MIX_PAUSE && v->is_dtx);
    const int64_t budget = is_filled ? mix_voice_conceal_budget(v) : 0;
    const bool is_next_lost = place->kind == MIX_LOSS && gap <= p->frames;
    if (is_next_lost && (gap <= budget || mix_voice_has_copy(v, p)))
        mix_voice_conceal(v, p, gap); /* the packet just before p: p may have a copy of it */
    else if (budget <= 0)
        quiet_until(v, place, gap);
    else if (place->kind == MIX_LOSS && gap > p->frames)
        /* More than one is missing: they may still come, so no more than this tick needs, and up
         * to where the copy in p begins. */
        mix_voice_conceal_tick(v, mix_least(gap - p->frames, budget));
    else
        mix_voice_conceal_tick(v, mix_least(gap, budget));
}

/* No packet is there. Whether that is a loss is known when the next one comes. */
static void run_dry(struct mix_voice *v)
{
    const int64_t budget = mix_voice_conceal_budget(v);
    if (budget > 0)
        mix_voice_conceal_tick(v, budget);
    else
        mix_voice_quiet(v, (int64_t)mix_line_left(&v->line), v->is_anchored);
}

static void step(struct mix_voice *v)
{
    const size_t played = mix_line_play(&v->line);
    if (played > 0) {
        mix_count(&v->counters->frames, played);
        return;
    }
    const struct mix_slot *p = mix_voice_peek(v);
    if (!p) {
        run_dry(v);
        return;
    }
    struct mix_place place = mix_voice_place(v, p);
    int64_t gap = place.source + place.delay - play_position(v);
    if (v->is_resampling && v->concealed_run > 0 && gap > 0 && gap <= ROUNDING) {
        place.delay -= gap; /* the resampler gave a frame less: nothing is missing */
        gap = 0;
    }
    if (gap > 0)
        wait_for(v, p, &place, gap);
    else
        start(v, p, place, -gap);
}

void mix_voice_observe(struct mix_voice *v, int64_t tick, int64_t floor_us)
{
    v->tick = tick;
    mix_voice_collect(v);
    const int64_t margin = v->is_resampling ? RESAMPLE_MARGIN : 0;
    v->target = mix_frames(mix_playout_target_us(&v->playout, floor_us)) + margin;
}

const float *mix_voice_render(struct mix_voice *v)
{
    if (v->is_resting)
        mix_voice_resume(v);
    if (v->waiting_count == 0 && mix_line_is_idle(&v->line)) {
        mix_voice_miss(v, MIX_TICK_FRAMES);
        return NULL;
    }
    mix_line_begin(&v->line);
    mix_voice_stretch(v);
    while (mix_line_left(&v->line) > 0)
        step(v);
    return mix_line_is_idle(&v->line) ? NULL : mix_line_pcm(&v->line);
}
