/* Sounds that play: [ctl] makes and frees them, [tick] plays them in fixed places. One that is over
 * is told to the sink and leaves its place; it goes back to [ctl] when that has stopped it. */
#include <errno.h>
#include <stdlib.h>

#include "mixer/clip.h"
#include "mixer/mix_priv.h"

/* --- [ctl] ------------------------------------------------------------------------------------ */

static bool is_valid(const struct mix *m, const struct mix_sound_conf *c)
{
    return c->clip && c->gain >= 0.0f && c->gain <= MIX_GAIN_MAX && c->duck_gain >= 0.0f &&
           c->duck_gain <= 1.0f && mix_clip_channels(c->clip) == m->conf.channels &&
           !(c->to && c->to->is_removed);
}

int mix_sound_play(struct mix *m, struct mix_sound **out, const struct mix_sound_conf *conf)
{
    mix_reap(m);
    if (!is_valid(m, conf))
        return -EINVAL;
    size_t i = 0;
    while (i < MIX_SOUNDS_MAX && m->known_sounds[i])
        i++;
    if (i == MIX_SOUNDS_MAX)
        return -ENOSPC;
    struct mix_sound *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    mix_sound_init(s, conf);
    m->known_sounds[i] = s;
    mix_post(&m->to_tick, &s->add, MIX_SOUND_ADD, s);
    *out = s;
    return 0;
}

void mix_sound_stop(struct mix *m, struct mix_sound *s)
{
    if (s)
        mix_post(&m->to_tick, &s->remove, MIX_SOUND_REMOVE, s);
    mix_reap(m);
}

void mix_sound_free(struct mix *m, struct mix_sound *s)
{
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        if (m->known_sounds[i] == s)
            m->known_sounds[i] = NULL;
    }
    mix_sound_finish(s);
    free(s);
}

/* --- [tick] ----------------------------------------------------------------------------------- */

void mix_sounds_enter(struct mix *m, struct mix_sound *s)
{
    size_t i = 0;
    while (m->sounds[i]) /* [ctl] lets no more than MIX_SOUNDS_MAX be */
        i++;
    m->sounds[i] = s;
    m->sw.must_review = true;
}

/* Its place, or MIX_SOUNDS_MAX: it is over already. */
static size_t place_of(const struct mix *m, const struct mix_sound *s)
{
    size_t i = 0;
    while (i < MIX_SOUNDS_MAX && m->sounds[i] != s)
        i++;
    return i;
}

void mix_sounds_stop(struct mix *m, struct mix_sound *s)
{
    s->is_given_up = true;
    if (place_of(m, s) == MIX_SOUNDS_MAX) {
        mix_post(&m->to_ctl, &s->retired, MIX_SOUND_RETIRED, s);
        return;
    }
    mix_sound_fade_out(s);
    m->sw.must_review = true;
}

static void leave(struct mix *m, size_t place)
{
    struct mix_sound *s = m->sounds[place];
    m->sounds[place] = NULL;
    m->sources.pcm[MIX_VOICES_MAX + place] = NULL;
    m->sources.was_there[MIX_VOICES_MAX + place] = false;
    m->sw.must_review = true;
    if (m->sink.on_sound_end)
        m->sink.on_sound_end(m->sink.ctx, s->conf.sound_ctx);
    if (s->is_given_up)
        mix_post(&m->to_ctl, &s->retired, MIX_SOUND_RETIRED, s);
}

void mix_sounds_forget(struct mix *m, const struct mix_listener *to)
{
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        if (m->sounds[i] && m->sounds[i]->conf.to == to)
            leave(m, i); /* nobody hears it: no fade */
    }
}

void mix_sounds_render(struct mix *m)
{
    const size_t samples = MIX_TICK_FRAMES * m->conf.channels;
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        if (!m->sounds[i])
            continue;
        float *pcm = m->sound_pcm + i * samples;
        mix_sound_render(m->sounds[i], pcm);
        m->sources.pcm[MIX_VOICES_MAX + i] = pcm;
    }
}

void mix_sounds_end(struct mix *m)
{
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        if (m->sounds[i] && mix_sound_is_over(m->sounds[i]))
            leave(m, i);
    }
}
