/* Fills the tick of one voice, step by step: play what is decoded, else start the packet that is
 * due, else wait or conceal. [tick]; nothing here allocates.
 *
 * Only decoding a packet (or dropping it for good) moves the anchor; waiting and concealing leave
 * it, so a packet that comes in the middle of its own gap is still judged by its own time. */
#include "mixer/voice.h"

#include <errno.h>
#include <string.h>

#include "mixer/decode.h"
#include "mixer/dsp.h"
#include "mixer/frames.h"

enum {
    MS = 48,              /* frames */
    CONTIGUOUS = 10 * MS, /* jitter of times between packets in sequence; a pause is longer */
    SNAP = 2 * MS,        /* the same after a loss */
    SLACK = 10 * MS,      /* the delay may run this far past the target before sound is left out */
    FOLD = 32,            /* share of a deviation taken over per packet */
    BACK_MAX = 200 * MS,  /* further back or ahead, times have jumped */
    AHEAD_MAX = 2000 * MS,
    LOSS_MAX = 200 * MS,   /* a longer hole is an outage: silence */
    LOST_MAX = 4096,       /* packets; more is a jump of the sequence */
    CONCEAL_MAX = 80 * MS, /* made up in a row, then silence */
    PLC_STEP = 480,        /* libopus 1.3.1 takes 2.5 ms, but clicks in steps shorter than 10 */
    AV_MARGIN = 1 * MS,    /* containers round times to 1 ms: room for the next to come on time */
    GROW_BEGIN = 5 * MS,   /* deviation of the delay that starts a correction, */
    SHRINK_BEGIN = 10 * MS,
    SHRINK_BEGIN_PINNED = 20 * MS,
    STRETCH_END = 120, /* and that ends it */
    STRETCH_WINDOW = 240,
    STRETCH_MIN = 120,
    STRETCH_MAX = 480,
    STRETCH_FORCE = 50 * MS, /* from here on it need not sound good */
    STRETCH_EVERY_TICKS = 5,
    STRETCH_PATIENCE_TICKS = 50, /* nor after a second without a good place */
};

static const float quiet_mean_square = 1e-5f; /* -50 dBov */
static const float alike = 0.7f;

enum kind { KIND_FIRST, KIND_NEXT, KIND_LOSS, KIND_PAUSE, KIND_JUMP };

/* Where a packet goes. */
struct place {
    enum kind kind;
    int64_t source;
    int64_t delay;
};

int mix_voice_init(struct mix_voice *v, struct mix_inbox *inbox, struct mix_counters *counters,
                   struct OpusDecoder *opus, uint32_t channels, int64_t min_us, int64_t max_us)
{
    *v = (struct mix_voice){.inbox = inbox,
                            .counters = counters,
                            .opus = opus,
                            .is_pinned = min_us == max_us,
                            .target = mix_frames(min_us),
                            .delay = mix_frames(min_us)};
    mix_playout_init(&v->playout, min_us, max_us);
    return mix_line_init(&v->line, channels);
}

void mix_voice_finish(struct mix_voice *v)
{
    mix_line_finish(&v->line);
}

static int64_t play_position(const struct mix_voice *v)
{
    return v->tick + (int64_t)v->line.filled;
}

/* A packet with no past to go by: its own time, unless that is absurd, in which case now. */
static struct place place_anew(const struct mix_voice *v, const struct mix_slot *p, enum kind kind)
{
    const int64_t margin = v->opus ? 0 : AV_MARGIN;
    struct place place = {
        .kind = kind, .source = mix_frames(p->pts_us), .delay = v->target + margin};
    if (v->is_pinned)
        return place;
    const int64_t ahead = place.source + place.delay - play_position(v);
    const int64_t back_max = v->late_run >= MIX_LATE_RUN_MAX ? 0 : BACK_MAX;
    if (ahead < -back_max || ahead > AHEAD_MAX)
        place.source -= ahead;
    return place;
}

static struct place place_packet(const struct mix_voice *v, const struct mix_slot *p)
{
    if (!v->is_anchored)
        return place_anew(v, p, KIND_FIRST);

    const int64_t source = mix_frames(p->pts_us) + v->shift;
    const int64_t diff = source - v->next_source;
    const uint64_t lost = p->sequence - v->next_sequence;
    if (diff >= -CONTIGUOUS &&
        diff <= CONTIGUOUS) { /* whatever the numbers say, no time is missing */
        const int64_t fold = diff / FOLD;
        return (struct place){KIND_NEXT, v->next_source + fold, v->delay - fold};
    }
    if (diff < 0 || diff > AHEAD_MAX || lost > LOST_MAX)
        return place_anew(v, p, KIND_JUMP);
    if (lost == 0 || diff > LOSS_MAX)
        return (struct place){KIND_PAUSE, source, v->target};
    const int64_t expected = v->next_source + (int64_t)lost * v->last_frames;
    const bool is_near = source - expected <= SNAP && expected - source <= SNAP;
    return (struct place){KIND_LOSS, is_near ? expected : source, v->delay};
}

/* The anchor moves past this packet: what was missing before it is settled. */
static void settle(struct mix_voice *v, const struct mix_slot *p, const struct place *place,
                   uint32_t frames)
{
    const bool is_gap = place->kind == KIND_LOSS || place->kind == KIND_PAUSE;
    const uint64_t missing = is_gap ? p->sequence - v->next_sequence : 0;
    if (v->opus && missing > v->refused) /* [net] counts for the others */
        mix_count(&v->counters->lost, missing - v->refused);
    if (place->kind == KIND_LOSS || place->kind == KIND_NEXT)
        mix_count(&v->counters->concealed, v->pending);
    if (place->kind == KIND_FIRST || place->kind == KIND_JUMP)
        v->shift = place->source - mix_frames(p->pts_us);
    v->delay = place->delay;
    v->next_source = place->source + frames;
    v->last_frames = frames;
    v->refused = 0;
    v->pending = 0;
    mix_voice_pass(v, p->sequence);
}

/* Decodes into the fifo; returns frames, or a negative errno. */
static int decode(struct mix_voice *v, const struct mix_slot *p)
{
    float *to = mix_line_space(&v->line, p->frames);
    if (!to || p->frames == 0)
        return -EBADMSG;
    int frames = (int)p->frames;
    if (v->opus)
        frames = mix_opus_decode(v->opus, p->data, p->size, to, p->frames);
    else
        memcpy(to, p->data, p->size);
    if (frames > 0)
        mix_line_added(&v->line, (size_t)frames);
    return frames;
}

static void refuse(struct mix_voice *v)
{
    mix_count(&v->counters->undecodable, 1);
    v->refused++;
    mix_voice_pop(v);
}

static void drop_late(struct mix_voice *v, const struct mix_slot *p, const struct place *place)
{
    mix_count(&v->counters->late, 1);
    settle(v, p, place, p->frames);
    mix_voice_pop(v);
    if (++v->late_run >= MIX_LATE_RUN_MAX && !v->is_pinned)
        v->is_anchored = false; /* they will all be late: the next one starts anew */
}

/* A packet whose time has come, `late` frames ago. In sequence the delay may grow by that, within
 * the target; else the part that is past is left out. */
static void start(struct mix_voice *v, const struct mix_slot *p, struct place place, int64_t late)
{
    const bool may_grow = place.kind == KIND_NEXT || place.kind == KIND_LOSS;
    if (may_grow && place.delay + late <= v->target + SLACK) {
        place.delay += late;
        late = 0;
    }
    if (late > 0 && late >= p->frames) {
        drop_late(v, p, &place);
        return;
    }
    const int frames = decode(v, p);
    if (frames <= 0) {
        refuse(v);
        return;
    }
    mix_line_skip(&v->line, (size_t)late);
    if (late > 0 || !may_grow || v->is_cut)
        mix_line_break(&v->line);
    settle(v, p, &place, (uint32_t)frames);
    mix_voice_pop(v);
    v->late_run = 0;
    v->concealed_run = 0;
    v->is_cut = false;
}

/* How much may still be made up: only in continuation of sound, and not for long. */
static int64_t conceal_budget(const struct mix_voice *v)
{
    if (!v->opus || !v->is_anchored || !v->line.is_smooth)
        return 0;
    return CONCEAL_MAX - (int64_t)v->concealed_run;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t round_up(int64_t frames, int64_t step)
{
    return (frames + step - 1) / step * step;
}

/* Makes up `frames`. The decoder works in steps: what it made too much is left out, and the sound
 * after it cross-faded. `next` is the packet right after, or NULL. */
static void conceal(struct mix_voice *v, const struct mix_slot *next, int64_t frames)
{
    const int64_t made = round_up(frames, PLC_STEP);
    float *to = mix_line_space(&v->line, (size_t)made);
    if (!to || mix_opus_conceal(v->opus, next ? next->data : NULL, next ? next->size : 0, to,
                                (uint32_t)made) != (int)made) {
        mix_line_silence(&v->line, mix_line_left(&v->line));
        return;
    }
    mix_line_added(&v->line, (size_t)frames);
    if (v->is_cut)
        mix_line_break(&v->line);
    v->is_cut = frames < made;
    v->concealed_run += (uint32_t)frames;
    v->pending += (uint32_t)frames;
}

/* The same for what this tick lacks, in whole steps, at most `most`. */
static void conceal_tick(struct mix_voice *v, int64_t most)
{
    const int64_t left = (int64_t)mix_line_left(&v->line);
    conceal(v, NULL, least(round_up(left, PLC_STEP), most));
}

/* The first waiting packet plays only `gap` frames from now. */
static void wait_for(struct mix_voice *v, const struct mix_slot *p, const struct place *place,
                     int64_t gap)
{
    const int64_t left = (int64_t)mix_line_left(&v->line);
    const int64_t budget = place->kind == KIND_LOSS ? conceal_budget(v) : 0;
    if (budget <= 0)
        mix_line_silence(&v->line, (size_t)least(gap, left));
    else if (gap <= p->frames && gap <= budget)
        conceal(v, p, gap); /* the packet just before p: p may have a copy of it */
    else /* more than one is missing: they may still come, so no more than this tick needs */
        conceal_tick(v, least(gap, budget));
}

/* No packet is there. Whether that is a loss is known when the next one comes. */
static void run_dry(struct mix_voice *v)
{
    const int64_t budget = conceal_budget(v);
    if (budget > 0)
        conceal_tick(v, budget);
    else
        mix_line_silence(&v->line, mix_line_left(&v->line));
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
    const struct place place = place_packet(v, p);
    const int64_t gap = place.source + place.delay - play_position(v);
    if (gap > 0)
        wait_for(v, p, &place, gap);
    else
        start(v, p, place, -gap);
}

/* Decodes ahead while packets follow each other, until the fifo holds `frames`. */
static bool fill_ahead(struct mix_voice *v, size_t frames)
{
    while (v->line.length < frames) {
        const struct mix_slot *p = mix_voice_peek(v);
        if (!p || !v->is_anchored || v->concealed_run > 0)
            return false;
        const struct place place = place_packet(v, p);
        if (place.kind != KIND_NEXT || !mix_line_space(&v->line, p->frames))
            return false;
        if (decode(v, p) <= 0) {
            refuse(v);
            return false;
        }
        settle(v, p, &place, p->frames);
        mix_voice_pop(v);
    }
    return true;
}

/* The piece to leave out or repeat; 0: not here. */
static size_t choose_lag(const struct mix_voice *v, size_t most, bool is_forced)
{
    const float *x = v->line.fifo + v->line.at * v->line.channels;
    const size_t samples = (most + STRETCH_WINDOW) * v->line.channels;
    if (mix_dsp_energy(x, samples) < quiet_mean_square * (float)samples)
        return most;
    if (v->ticks_since_stretch < STRETCH_EVERY_TICKS)
        return 0;
    float similarity;
    const size_t lag =
        mix_dsp_best_lag(x, v->line.channels, STRETCH_WINDOW, STRETCH_MIN, most, &similarity);
    return similarity >= alike || is_forced ? lag : 0;
}

/* Moves the delay in force towards the target by at most one small piece. */
static void stretch(struct mix_voice *v)
{
    const int64_t off = v->delay - v->target;
    const int64_t size = off < 0 ? -off : off;
    v->ticks_since_stretch++;
    const int64_t shrink_begin = v->is_pinned ? SHRINK_BEGIN_PINNED : SHRINK_BEGIN;
    if (size > (off < 0 ? GROW_BEGIN : shrink_begin))
        v->is_correcting = true;
    else if (size <= STRETCH_END)
        v->is_correcting = false;
    if (!v->is_correcting || size < STRETCH_MIN || !v->line.is_smooth)
        return;
    const size_t most = (size_t)least(size, STRETCH_MAX);
    const size_t need = most + STRETCH_WINDOW + (off > 0 ? MIX_TICK_FRAMES : 0);
    if (!fill_ahead(v, need))
        return;
    const bool is_forced = size > STRETCH_FORCE || v->ticks_since_stretch > STRETCH_PATIENCE_TICKS;
    const size_t lag = choose_lag(v, most, is_forced);
    if (lag == 0 || !mix_line_space(&v->line, lag))
        return;
    float *x = v->line.fifo;
    v->line.length = off > 0
                         ? mix_dsp_shrink(x, v->line.length, v->line.channels, lag, STRETCH_WINDOW)
                         : mix_dsp_grow(x, v->line.length, v->line.channels, lag, STRETCH_WINDOW);
    v->delay += off > 0 ? -(int64_t)lag : (int64_t)lag;
    v->ticks_since_stretch = 0;
    mix_count(&v->counters->stretched, 1);
}

const float *mix_voice_render(struct mix_voice *v, int64_t tick, int64_t floor_us)
{
    v->tick = tick;
    mix_voice_collect(v);
    v->target = mix_frames(mix_playout_target_us(&v->playout, floor_us));
    if (v->waiting_count == 0 && mix_line_is_idle(&v->line))
        return NULL;
    mix_line_begin(&v->line);
    stretch(v);
    while (mix_line_left(&v->line) > 0)
        step(v);
    return mix_line_is_idle(&v->line) ? NULL : mix_line_pcm(&v->line);
}
