/* The packets of a voice that wait, in the order of their sequence numbers. [tick]. What is older
 * than what was played is late and dropped; a number seen before is a duplicate and only dropped.
 */
#include "mixer/voice.h"

#include <string.h>

#include "mixer/frames.h"

enum { RESTART_DISTANCE = 4096 }; /* so far back it is a sender that started again */

/* Numbers begin again: from here on they continue those that were there. */
static void renumber(struct mix_voice *v, struct mix_slot *slot)
{
    const uint64_t next =
        v->waiting_count > 0 ? v->waiting[v->waiting_count - 1]->sequence + 1 : v->next_sequence;
    v->sequence_shift += next - slot->sequence;
    slot->sequence = next;
}

/* A packet from before what was played. Returns whether to keep it all the same. */
static bool take_old(struct mix_voice *v, struct mix_slot *slot)
{
    const uint64_t age = v->next_sequence - 1 - slot->sequence;
    if (age >= RESTART_DISTANCE) {
        renumber(v, slot);
        return true;
    }
    if (age < 64)
        v->seen |= UINT64_C(1) << age;
    mix_count(&v->counters->late, 1);
    /* It was counted as lost when it was passed over; it was not. Only this thread writes. */
    if (atomic_load_explicit(&v->counters->lost, memory_order_relaxed) > 0)
        atomic_fetch_sub_explicit(&v->counters->lost, 1, memory_order_relaxed);
    if (++v->late_run < MIX_LATE_RUN_MAX || v->is_pinned)
        return false;
    v->is_anchored = false;
    return true;
}

static void insert(struct mix_voice *v, struct mix_slot *slot)
{
    size_t at = v->waiting_count;
    while (at > 0 && v->waiting[at - 1]->sequence > slot->sequence)
        at--;
    memmove(&v->waiting[at + 1], &v->waiting[at], (v->waiting_count - at) * sizeof(v->waiting[0]));
    v->waiting[at] = slot;
    v->waiting_count++;
}

/* Has its sound come before? */
static bool is_double(const struct mix_voice *v, const struct mix_slot *s)
{
    if (v->is_anchored && s->sequence < v->next_sequence) {
        const uint64_t age = v->next_sequence - 1 - s->sequence;
        return age < 64 && v->seen >> age & 1;
    }
    size_t at = v->waiting_count;
    while (at > 0 && v->waiting[at - 1]->sequence > s->sequence)
        at--;
    return at > 0 && v->waiting[at - 1]->sequence == s->sequence;
}

/* What its coming teaches. */
static void learn(struct mix_voice *v, const struct mix_slot *s, bool is_old)
{
    const bool missed =
        is_old || (v->is_anchored && s->sequence == v->next_sequence && v->concealed_run > 0);
    const int64_t capture_us = s->pts_us + mix_frames_to_us(v->shift);
    mix_playout_arrived(&v->playout, s->arrival_us - capture_us, s->arrival_us,
                        s->is_repair ? MIX_ARRIVAL_REPAIR
                        : missed     ? MIX_ARRIVAL_MISSED
                                     : MIX_ARRIVAL_FIRST);
    if (!s->is_repair)
        mix_level_packet(v->level, s->level_dbov, s->frames);
}

void mix_voice_collect(struct mix_voice *v)
{
    for (struct mix_slot *s; (s = mix_inbox_take(v->inbox)) != NULL;) {
        s->sequence += v->sequence_shift;
        if (is_double(v, s)) {
            mix_inbox_give_back(v->inbox, s);
            continue;
        }
        const bool is_old = v->is_anchored && s->sequence < v->next_sequence;
        learn(v, s, is_old);
        if (is_old && !take_old(v, s))
            mix_inbox_give_back(v->inbox, s);
        else
            insert(v, s);
    }
}

struct mix_slot *mix_voice_peek(const struct mix_voice *v)
{
    if (v->waiting_count == 0)
        return NULL;
    struct mix_slot *s = v->waiting[0];
    if (v->is_pinned && mix_frames(s->pts_us) + v->target >= v->tick + MIX_TICK_FRAMES)
        return NULL;
    return s;
}

struct mix_slot *mix_voice_take(struct mix_voice *v)
{
    struct mix_slot *first = v->waiting[0];
    v->waiting_count--;
    memmove(&v->waiting[0], &v->waiting[1], v->waiting_count * sizeof(v->waiting[0]));
    return first;
}

void mix_voice_pop(struct mix_voice *v)
{
    mix_inbox_give_back(v->inbox, mix_voice_take(v));
}

void mix_voice_pass(struct mix_voice *v, uint64_t sequence)
{
    const uint64_t step = v->is_anchored ? sequence + 1 - v->next_sequence : 64;
    v->seen = step < 64 ? v->seen << step | 1 : 1;
    v->next_sequence = sequence + 1;
    v->is_anchored = true;
}
