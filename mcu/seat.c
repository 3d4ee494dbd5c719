/* A seat: one participant's voice, camera and screen in the studio, and the offset that keeps lips
 * and voice together. */
#include "mcu/studio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/studio_internal.h"

/* The picture may hold the sound back by at most this much, so that talking stays easy. */
#define LIPS_MAX_US (120 * MCU_US_PER_MS)

struct seat_picture {
    struct comp_source *source; /* NULL: not open */
    enum mcu_codec codec;
};

struct mcu_seat {
    struct mcu_studio *studio;
    uint32_t id;
    uint32_t slot;
    char user[128];
    void *ctx;

    /* [ctl] */
    struct mix_listener *listener;
    struct mix_input *listener_own; /* the voice it does not hear */
    char name[COMP_NAME_BYTES];     /* "": no label */
    char role[32];
    struct mcu_standing standing;
    bool is_present; /* has an avatar while he has no picture */
    float level; /* of his voice; 0: he is silent */
    bool has_floor;
    bool is_video_hidden;
    bool is_reordered;
    bool is_audio_muted;
    int bars; /* as shown; COMP_BARS_UNKNOWN: not */
    float volume;
    float pan;
    struct mix_treatment treatment;
    bool has_treatment; /* else that of mcu_seat_open_audio() */
    uint32_t buses;     /* 0: it is heard nowhere */
    bool is_deaf;
    bool hears_itself;
    float hears[MIX_BUSES_MAX];
    enum mix_quality quality;

    /* Set once by [ctl]; a later offer may open the voice while [net] pushes already. */
    struct mix_input *_Atomic input;

    /* Pictures may come and go while [net] pushes: the lock is held to put one packet. */
    pthread_mutex_t video_lock;
    struct seat_picture pictures[MCU_PICTURES];
};

static int find_slot(const struct mcu_studio *s, uint32_t *slot)
{
    for (uint32_t i = 0; i < MIX_INPUTS_MAX; i++) {
        if (!s->seats[i]) {
            *slot = i;
            return 0;
        }
    }
    return -ENOSPC;
}

int mcu_seat_add(struct mcu_studio *s, struct mcu_seat **out, const char *user, void *seat_ctx)
{
    uint32_t slot = 0;
    const int err = find_slot(s, &slot);
    if (err)
        return err;
    struct mcu_seat *seat = calloc(1, sizeof(*seat));
    if (!seat)
        return -ENOMEM;
    seat->studio = s;
    seat->id = ++s->last_seat_id;
    seat->slot = slot;
    seat->ctx = seat_ctx;
    seat->volume = 1.0f;
    seat->bars = COMP_BARS_UNKNOWN;
    seat->buses = 1;
    seat->hears[0] = 1.0f;
    snprintf(seat->user, sizeof(seat->user), "%s", user);
    snprintf(seat->name, sizeof(seat->name), "%s", user);
    pthread_mutex_init(&seat->video_lock, NULL);
    s->seats[slot] = seat;
    *out = seat;
    return 0;
}

void mcu_seat_remove(struct mcu_seat *seat)
{
    if (!seat)
        return;
    struct mcu_studio *s = seat->studio;
    mcu_seat_stop_listening(seat);
    mix_input_remove(s->mix, seat->input);
    seat->is_present = false;
    mcu_seat_close_video(seat, MCU_CAMERA);
    mcu_seat_close_video(seat, MCU_SCREEN);
    s->seats[seat->slot] = NULL;
    pthread_mutex_destroy(&seat->video_lock);
    free(seat);
}

uint32_t mcu_seat_id(const struct mcu_seat *seat)
{
    return seat->id;
}

int mcu_seat_open_audio(struct mcu_seat *seat, const struct mix_input_conf *conf)
{
    if (seat->input)
        return -EALREADY;
    struct mix_input *input = NULL;
    struct mix_input_conf own = *conf;
    if (seat->has_treatment)
        own.treatment = seat->treatment;
    const int err = mix_input_add(seat->studio->mix, &input, &own);
    if (err)
        return err;
    mix_input_set_muted(input, seat->is_audio_muted);
    mix_input_set_gain(input, seat->volume);
    mix_input_set_pan(input, seat->pan);
    mix_input_set_buses(input, seat->buses);
    seat->input = input;
    return 0;
}

static struct comp_source *swap_source(struct mcu_seat *seat, enum mcu_picture picture,
                                       struct comp_source *source, enum mcu_codec codec)
{
    struct seat_picture *p = &seat->pictures[picture];
    pthread_mutex_lock(&seat->video_lock);
    struct comp_source *old = p->source;
    p->source = source;
    p->codec = codec;
    pthread_mutex_unlock(&seat->video_lock);
    return old;
}

static void show_look(struct mcu_seat *seat)
{
    struct comp_look look = {
        .name = seat->name,
        .role = seat->role[0] ? seat->role : NULL,
        .has_no_avatar = seat->standing.has_no_avatar,
        .has_hand_up = seat->standing.has_hand_up,
        .is_muted = seat->is_audio_muted,
        .bars = seat->bars,
    };
    for (size_t i = 0; i < MCU_PICTURES; i++) {
        look.seat = i == MCU_SCREEN ? 0 : seat->standing.pin; /* people are pinned, not screens */
        look.rank = i == MCU_SCREEN ? seat->standing.screen_rank : seat->standing.rank;
        if (seat->pictures[i].source)
            comp_source_set_look(seat->pictures[i].source, &look);
    }
}

/* The ring and the layout's `speaker` cell are the camera's. */
static void show_speaking(struct mcu_seat *seat)
{
    struct comp_source *camera = seat->pictures[MCU_CAMERA].source;
    if (!camera)
        return;
    comp_source_set_speaking(camera, seat->level > 0.0f);
    comp_source_set_level(camera, seat->level);
    comp_source_set_floor(camera, seat->has_floor);
}

/* A camera without a codec is an avatar. */
static int open_source(struct mcu_seat *seat, enum mcu_picture picture, enum mcu_codec codec,
                       const uint8_t *extradata, size_t extradata_size)
{
    const struct comp_source_conf conf = {
        .codec = codec,
        .extradata = extradata,
        .extradata_size = extradata_size,
        .user = seat->user,
        .order = seat->id, /* joining decides who is where, not whose first picture came first */
        .is_screen = picture == MCU_SCREEN,
        .is_reordered = seat->is_reordered,
        .source_ctx = mcu_source_ctx(seat->id, picture),
    };
    struct comp_source *source = NULL;
    const int err = comp_source_add(seat->studio->comp, &source, &conf);
    if (err)
        return err;
    if (picture == MCU_CAMERA)
        comp_source_set_hidden(source, seat->is_video_hidden);
    comp_source_remove(seat->studio->comp, swap_source(seat, picture, source, codec));
    show_look(seat);
    show_speaking(seat);
    return 0;
}

void mcu_seat_set_reordered(struct mcu_seat *seat)
{
    seat->is_reordered = true;
}

static bool is_avatar(const struct mcu_seat *seat)
{
    const struct seat_picture *camera = seat ? &seat->pictures[MCU_CAMERA] : NULL;
    return camera && camera->source && camera->codec == MCU_CODEC_NONE;
}

static size_t count_avatars(const struct mcu_studio *s)
{
    size_t count = 0;
    for (size_t i = 0; i < MIX_INPUTS_MAX; i++)
        count += is_avatar(s->seats[i]) ? 1 : 0;
    return count;
}

static void close_source(struct mcu_seat *seat, enum mcu_picture picture)
{
    comp_source_remove(seat->studio->comp, swap_source(seat, picture, NULL, MCU_CODEC_NONE));
}

bool mcu_seat_has_video(const struct mcu_seat *seat, enum mcu_picture picture)
{
    return seat->pictures[picture].codec != MCU_CODEC_NONE;
}

/* A camera goes before an avatar. True: there is a place after the next tick. */
static bool take_place_of_avatar(struct mcu_studio *s)
{
    for (size_t i = MIX_INPUTS_MAX; i-- > 0;) {
        if (!is_avatar(s->seats[i]))
            continue;
        close_source(s->seats[i], MCU_CAMERA);
        return true;
    }
    return false;
}

int mcu_seat_open_video(struct mcu_seat *seat, enum mcu_picture picture, enum mcu_codec codec,
                        const uint8_t *extradata, size_t extradata_size)
{
    const int err = open_source(seat, picture, codec, extradata, extradata_size);
    return err == -ENOSPC && take_place_of_avatar(seat->studio) ? -EAGAIN : err;
}

/* Without memory or a place he has no tile, as before he came. */
static void show_avatar(struct mcu_seat *seat)
{
    if (count_avatars(seat->studio) >= MCU_AVATARS_MAX ||
        open_source(seat, MCU_CAMERA, MCU_CODEC_NONE, NULL, 0) != 0)
        close_source(seat, MCU_CAMERA);
}

void mcu_seat_close_video(struct mcu_seat *seat, enum mcu_picture picture)
{
    if (picture != MCU_CAMERA || !seat->is_present)
        close_source(seat, picture);
    else if (!is_avatar(seat))
        show_avatar(seat);
}

void mcu_seat_set_present(struct mcu_seat *seat, bool is_present)
{
    seat->is_present = is_present;
    if (seat->pictures[MCU_CAMERA].codec == MCU_CODEC_NONE)
        mcu_seat_close_video(seat, MCU_CAMERA);
}

/* A new listener hears the floor; what is else is told it. */
static int tell_listener(struct mcu_seat *seat, struct mix_listener *listener)
{
    mix_listener_set_quality(listener, seat->quality);
    const int err = mix_listener_set_buses(seat->studio->mix, listener, seat->hears);
    return err ? err : mix_listener_set_deaf(seat->studio->mix, listener, seat->is_deaf);
}

void mcu_seat_hear_itself(struct mcu_seat *seat)
{
    seat->hears_itself = true;
}

int mcu_seat_listen(struct mcu_seat *seat)
{
    struct mix *mix = seat->studio->mix;
    struct mix_input *own = seat->hears_itself ? NULL : seat->input;
    if (seat->listener && seat->listener_own == own)
        return 0;
    if (seat->listener) { /* who only listened so far and now has a voice must not hear it */
        const int err = mix_listener_set_own(mix, seat->listener, own);
        if (!err)
            seat->listener_own = own;
        return err;
    }
    struct mix_listener *listener = NULL;
    int err = mix_listener_add(mix, &listener, own, seat->ctx);
    if (!err)
        err = tell_listener(seat, listener);
    if (err) {
        mix_listener_remove(mix, listener);
        mcu_studio_wait_for_tick(seat->studio);
        return err;
    }
    seat->listener = listener;
    seat->listener_own = own;
    return 0;
}

void mcu_seat_stop_listening(struct mcu_seat *seat)
{
    if (!seat->listener)
        return;
    mix_listener_remove(seat->studio->mix, seat->listener);
    seat->listener = NULL;
    mcu_studio_wait_for_tick(seat->studio);
}

int mcu_seat_push_audio(struct mcu_seat *seat, const struct mix_packet *packet)
{
    struct mix_input *input = seat->input;
    return input ? mix_input_push(input, packet) : -ENODEV;
}

int mcu_seat_push_video(struct mcu_seat *seat, enum mcu_picture picture, struct mcu_packet *packet)
{
    const struct seat_picture *p = &seat->pictures[picture];
    pthread_mutex_lock(&seat->video_lock);
    const bool is_open = p->source && p->codec == packet->codec;
    const int err = is_open ? comp_source_push(p->source, packet) : -ENODEV;
    pthread_mutex_unlock(&seat->video_lock);
    return err;
}

void mcu_seat_drain_video(struct mcu_seat *seat)
{
    if (seat->pictures[MCU_CAMERA].source)
        comp_source_drain(seat->pictures[MCU_CAMERA].source);
}

void mcu_seat_set_muted(struct mcu_seat *seat, bool audio, bool video)
{
    const bool has_new_look = seat->is_audio_muted != audio;
    seat->is_audio_muted = audio;
    if (has_new_look)
        show_look(seat);
    if (seat->input)
        mix_input_set_muted(seat->input, audio);
    seat->is_video_hidden = video;
    if (seat->pictures[MCU_CAMERA].source)
        comp_source_set_hidden(seat->pictures[MCU_CAMERA].source, video);
}

void mcu_seat_set_name(struct mcu_seat *seat, const char *name, const char *role)
{
    snprintf(seat->name, sizeof(seat->name), "%s", name);
    snprintf(seat->role, sizeof(seat->role), "%s", role);
    show_look(seat);
}

void mcu_seat_set_standing(struct mcu_seat *seat, const struct mcu_standing *standing)
{
    const struct mcu_standing *is = &seat->standing;
    /* A new look is drawn anew, so one that is the same is not told. */
    const bool is_same = is->rank == standing->rank && is->screen_rank == standing->screen_rank &&
                         is->pin == standing->pin && is->has_hand_up == standing->has_hand_up &&
                         is->has_no_avatar == standing->has_no_avatar;
    seat->standing = *standing;
    if (!is_same)
        show_look(seat);
}

void mcu_seat_set_bars(struct mcu_seat *seat, int bars)
{
    if (seat->bars == bars)
        return;
    seat->bars = bars;
    show_look(seat);
}

void mcu_seat_set_speaking(struct mcu_seat *seat, float level, bool has_floor)
{
    seat->level = level;
    seat->has_floor = has_floor;
    show_speaking(seat);
}

void mcu_seat_set_volume(struct mcu_seat *seat, float gain)
{
    seat->volume = gain;
    if (seat->input)
        mix_input_set_gain(seat->input, gain);
}

void mcu_seat_set_pan(struct mcu_seat *seat, float pan)
{
    seat->pan = pan;
    if (seat->input)
        mix_input_set_pan(seat->input, pan);
}

void mcu_seat_set_treatment(struct mcu_seat *seat, const struct mix_treatment *treatment)
{
    seat->treatment = *treatment;
    seat->has_treatment = true;
    if (seat->input)
        mix_input_set_treatment(seat->input, treatment);
}

void mcu_seat_set_buses(struct mcu_seat *seat, uint32_t buses)
{
    seat->buses = buses;
    if (seat->input)
        mix_input_set_buses(seat->input, buses);
}

void mcu_seat_set_deaf(struct mcu_seat *seat, bool is_deaf)
{
    seat->is_deaf = is_deaf;
    if (seat->listener && mix_listener_set_deaf(seat->studio->mix, seat->listener, is_deaf))
        log_error("user=%s: not told whether he is deaf: no memory", seat->user);
}

void mcu_seat_set_hears(struct mcu_seat *seat, const float gains[MIX_BUSES_MAX])
{
    memcpy(seat->hears, gains, sizeof(seat->hears));
    if (seat->listener && mix_listener_set_buses(seat->studio->mix, seat->listener, gains))
        log_error("user=%s: not told what he hears: no memory", seat->user);
}

void mcu_seat_set_quality(struct mcu_seat *seat, enum mix_quality quality)
{
    seat->quality = quality;
    if (seat->listener)
        mix_listener_set_quality(seat->listener, quality);
}

int mcu_seat_set_gain_of(struct mcu_seat *seat, struct mcu_seat *other, float gain)
{
    if (!seat->listener || !other->input)
        return -ENODEV;
    return mix_listener_set_gain(seat->studio->mix, seat->listener, other->input, gain);
}

int mcu_studio_play_sound(struct mcu_studio *s, struct mix_sound **out,
                          const struct mcu_sound_conf *conf)
{
    if (conf->to && !conf->to->listener)
        return -ENODEV;
    const struct mix_sound_conf c = {
        .clip = conf->clip,
        .to = conf->to ? conf->to->listener : NULL,
        .buses = conf->buses,
        .gain = conf->gain,
        .duck_gain = conf->duck_gain,
        .is_looped = conf->is_looped,
        .sound_ctx = conf->sound_ctx,
    };
    return mix_sound_play(s->mix, out, &c);
}

float mcu_seat_centre(struct mcu_seat *seat)
{
    pthread_mutex_lock(&seat->video_lock);
    const struct comp_source *camera = seat->pictures[MCU_CAMERA].source;
    const float centre = camera ? comp_source_centre(camera) : 0.0f;
    pthread_mutex_unlock(&seat->video_lock);
    return centre;
}

/* By how much pictures come later than sound. */
static int64_t lateness_us(const struct mcu_seat *seat)
{
    int64_t most_us = 0;
    for (size_t i = 0; i < MCU_PICTURES; i++) {
        struct comp_source_stats stats;
        if (!seat->pictures[i].source)
            continue;
        comp_source_read_stats(seat->pictures[i].source, &stats);
        most_us = stats.lateness_us > most_us ? stats.lateness_us : most_us;
    }
    return most_us;
}

void mcu_seat_align_lips(struct mcu_seat *seat)
{
    if (!seat->input || !(seat->pictures[MCU_CAMERA].source || seat->pictures[MCU_SCREEN].source))
        return;
    const int64_t wanted_us = lateness_us(seat);
    mix_input_set_min_delay_us(seat->input, wanted_us < LIPS_MAX_US ? wanted_us : LIPS_MAX_US);
    /* A picture stays on the canvas until the next tick: the one due nearest to the middle of that
     * time is right, not the one due at its start. */
    const int64_t half_tick_us = MCU_US_PER_S / seat->studio->conf.comp.fps / 2;
    const int64_t delay_us = mix_input_latency_us(seat->input) - half_tick_us;
    for (size_t i = 0; i < MCU_PICTURES; i++) {
        if (seat->pictures[i].source)
            comp_source_set_delay_us(seat->pictures[i].source, delay_us > 0 ? delay_us : 0);
    }
}

int64_t mcu_seat_latency_us(const struct mcu_seat *seat)
{
    return seat->input ? mix_input_latency_us(seat->input) : 0;
}

void mcu_seat_read_audio(const struct mcu_seat *seat, struct mix_input_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    if (seat->input)
        mix_input_read_stats(seat->input, stats);
}

void mcu_seat_read_video(const struct mcu_seat *seat, enum mcu_picture picture,
                         struct comp_source_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    if (seat->pictures[picture].source)
        comp_source_read_stats(seat->pictures[picture].source, stats);
}

bool mcu_seat_read_need(const struct mcu_seat *seat, enum mcu_picture picture, struct comp_need *need)
{
    const struct comp_source *source = seat->pictures[picture].source;
    return source && comp_source_read_need(source, need);
}

bool mcu_seat_is_mixed(const struct mcu_seat *seat)
{
    return seat->input && mix_input_is_mixed(seat->input);
}

float mcu_seat_speaking_level(const struct mcu_seat *seat)
{
    if (!seat->input || !mix_input_is_speaking(seat->input))
        return 0.0f;
    /* -60 dBov is as good as silent, 0 dBov is the loudest. */
    const float level = 1.0f + mix_input_level_dbov(seat->input) / 60.0f;
    return level < 0.01f ? 0.01f : level;
}
