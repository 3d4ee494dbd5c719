/* The sources on their way through time; see roster.h. */
#include "compositor/roster.h"

#include <string.h>

#include "compositor/source.h"

enum { FREEZE_GONE = 5 }; /* times as long as until it is dimmed */

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

/* A camera that brings nothing new is dimmed; later its picture is taken away. */
static void watch_freeze(const struct comp_roster *r, struct comp_source *s, int64_t now_us)
{
    const int64_t still_us = now_us - s->fresh_us;
    s->is_dim = still_us >= r->freeze_us;
    if (still_us >= FREEZE_GONE * r->freeze_us)
        comp_source_blank(s);
}

static void advance(const struct comp_roster *r, struct comp_source *s, int64_t now_us)
{
    if (comp_source_is_hidden(s)) {
        atomic_store_explicit(&s->is_wanted, false, memory_order_relaxed);
        comp_source_advance(s, now_us); /* takes what was decoded before it was hidden */
        comp_source_blank(s);
        return;
    }
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
        const bool had_picture = s->shown != NULL;
        advance(r, s, now_us);
        has_news |= has_new_look(s);
        has_news |= had_picture != (s->shown != NULL);
    }
    return has_news;
}
