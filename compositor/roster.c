/* The sources on their way through time; see roster.h. */
#include "compositor/roster.h"

#include <string.h>

#include "compositor/source.h"

enum {
    FREEZE_GONE = 5,       /* times as long as until it is dimmed */
    PATIENCE_US = 2000000, /* where nothing freezes */
};

void comp_roster_join(struct comp_roster *r, struct comp_source *s)
{
    size_t i = r->count++;
    for (; i > 0 && r->sources[i - 1]->order > s->order; i--)
        r->sources[i] = r->sources[i - 1];
    r->sources[i] = s;
}

void comp_roster_leave(struct comp_roster *r, struct comp_source *s)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->sources[i] != s)
            continue;
        r->count--;
        memmove(&r->sources[i], &r->sources[i + 1], (r->count - i) * sizeof(struct comp_source *));
        r->has_left = true;
        return;
    }
}

/* A camera that brings nothing new is dimmed; later its picture is taken away, unless nobody looks:
 * then none can come. */
static void watch_freeze(const struct comp_roster *r, struct comp_source *s, int64_t now_us)
{
    const int64_t since_us = s->fresh_us > s->wanted_us ? s->fresh_us : s->wanted_us;
    s->is_dim = now_us - s->fresh_us >= r->freeze_us;
    if (s->was_wanted && now_us - since_us >= FREEZE_GONE * r->freeze_us)
        comp_source_blank(s);
}

static void note_wanted(struct comp_source *s, int64_t now_us)
{
    const bool is_wanted = atomic_load_explicit(&s->is_wanted, memory_order_relaxed);
    if (is_wanted && !s->was_wanted)
        s->wanted_us = now_us;
    s->was_wanted = is_wanted;
}

/* Who sends is taken at his word until he was looked at for long and nothing came. */
static bool has_video(const struct comp_roster *r, const struct comp_source *s, int64_t now_us)
{
    if (s->shown)
        return true;
    if (r->is_offline || comp_source_is_hidden(s) ||
        !atomic_load_explicit(&s->has_pushed, memory_order_relaxed))
        return false;
    const int64_t patience_us = FREEZE_GONE * (r->freeze_us ? r->freeze_us : PATIENCE_US);
    const int64_t since_us = s->fresh_us > s->wanted_us ? s->fresh_us : s->wanted_us;
    return !s->was_wanted || now_us - since_us < patience_us;
}

static void advance(const struct comp_roster *r, struct comp_source *s, int64_t now_us)
{
    if (comp_source_is_hidden(s)) {
        atomic_store_explicit(&s->is_wanted, false, memory_order_relaxed);
        s->was_wanted = false;
        comp_source_advance(s, now_us); /* takes what was decoded before it was hidden */
        comp_source_blank(s);
        return;
    }
    note_wanted(s, now_us);
    const uint64_t before = s->picture;
    comp_source_advance(s, now_us - atomic_load_explicit(&s->delay_us, memory_order_relaxed));
    if (s->picture != before)
        s->fresh_us = now_us;
    if (s->shown && r->freeze_us && !s->is_screen)
        watch_freeze(r, s, now_us);
}

static void read_standing(struct comp_source *s)
{
    pthread_mutex_lock(&s->person.lock);
    s->rank = s->person.look.rank;
    s->is_bare = s->person.look.has_no_avatar;
    pthread_mutex_unlock(&s->person.lock);
}

/* Whether a layout may choose otherwise because of what is known of s. */
static bool has_new_look(struct comp_source *s)
{
    const uint32_t generation = atomic_load_explicit(&s->person.generation, memory_order_acquire);
    const bool has_floor = atomic_load_explicit(&s->has_floor, memory_order_relaxed);
    const bool is_off = comp_source_is_hidden(s);
    const bool is_new =
        generation != s->seen_generation || has_floor != s->had_floor || is_off != s->was_hidden;
    if (generation != s->seen_generation)
        read_standing(s);
    s->seen_generation = generation;
    s->had_floor = has_floor;
    s->was_hidden = is_off;
    return is_new;
}

bool comp_roster_advance(struct comp_roster *r, int64_t now_us)
{
    bool has_news = r->has_left;
    r->has_left = false;
    for (size_t i = 0; i < r->count; i++) {
        struct comp_source *s = r->sources[i];
        const bool had_picture = s->shown != NULL, had_video = s->has_video;
        advance(r, s, now_us);
        s->has_video = has_video(r, s, now_us);
        has_news |= has_new_look(s);
        has_news |= had_picture != (s->shown != NULL) || had_video != s->has_video;
    }
    return has_news;
}
