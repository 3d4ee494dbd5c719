/* mcu/studio.h - the media of one room: seats in, mixes, pictures and recordings out.
 *
 * It joins mixer/, compositor/ and recorder/ and knows neither sockets nor JSON. A live room feeds
 * it from the transport and ticks it by the monotonic clock (mcu/room.h); `mixdown mix` feeds it
 * from files and ticks it by a virtual one (mcu/offline.h). Both run this same code.
 *
 * Threads: [ctl] one control thread; [net] pushes, one thread per seat at a time; [tick-a] audio
 * ticks; [tick-v] video ticks; [enc] [aac] [rec] [dec] come from the parts. Offline all are one. */
#ifndef MCU_STUDIO_H
#define MCU_STUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/comp.h"
#include "layouts/layout.h"
#include "mcu/recordings.h"
#include "mixer/mix.h"
#include "recorder/rec.h"

enum {
    MCU_AVATARS_MAX = 64, /* of COMP_SOURCES_MAX: cameras need places, too */
};

struct mcu_studio; /* one per room */
struct mcu_seat;   /* one participant */

struct mcu_studio_conf {
    struct mix_conf mix;
    struct comp_conf comp;
    struct comp_view_conf view;    /* the picture that all see */
    struct comp_stream_conf video; /* how recordings take it, in H264 */
    const struct layout *layout; /* borrowed until mcu_studio_destroy() */
    uint32_t aac_bitrate_bps;
    uint32_t fragment_ms;        /* of recordings */
};

/* What the studio calls. Quick work only. */
struct mcu_studio_sink {
    void *ctx;
    /* [tick-a] An Opus packet of one mix (see mix.h); borrowed. May be NULL: nobody listens. */
    void (*on_audio)(void *ctx, uint32_t output, struct mcu_packet *packet);
    /* [tick-a] The seat hears this output from now on. */
    void (*on_assign)(void *ctx, void *seat_ctx, int32_t output);
    /* [tick-a] A sound is over; as in mix.h. May be NULL. */
    void (*on_sound_end)(void *ctx, void *sound_ctx);
    /* [enc] A frame of the stream with this stream_ctx; NULL: of the one that recordings take.
     * Borrowed. May be NULL. */
    void (*on_video)(void *ctx, void *stream_ctx, struct mcu_packet *packet);
    /* [dec] The decoder of a seat's picture needs a key frame. seat_id, not a pointer: the seat may be
     * gone. */
    void (*on_need_key)(void *ctx, uint32_t seat_id, enum mcu_picture picture);
    /* [tick-a] The mix of everyone, for tests; may be NULL. */
    void (*on_pcm)(void *ctx, const float *pcm, size_t frames, int64_t pts_us);
    /* [rec] A part of a recording has ended and its file is closed. Then call
     * mcu_studio_record_reap(). */
    void (*on_recording)(void *ctx, const char *id, uint32_t part, const struct rec_result *result);
};

/* [ctl] The caller owns *out. Returns 0, -EINVAL, -ENOMEM. */
int mcu_studio_create(struct mcu_studio **out, const struct mcu_studio_conf *conf,
                      const struct mcu_studio_sink *sink);

/* [ctl] Ends recordings cleanly (waits for their files) and frees all. No tick or push may run. NULL
 * is fine. */
void mcu_studio_destroy(struct mcu_studio *s);

/* [tick-a] [tick-v] See mix_tick() and comp_tick(). */
void mcu_studio_tick_audio(struct mcu_studio *s, int64_t now_us);
void mcu_studio_tick_video(struct mcu_studio *s, int64_t now_us);

/* [ctl] A participant, without media yet. user is copied. Returns 0, -ENOSPC or -ENOMEM. */
int mcu_seat_add(struct mcu_studio *s, struct mcu_seat **out, const char *user, void *seat_ctx);

/* [ctl] Ends its media and frees it. No push may run; on return no on_assign() names it. NULL is
 * fine. */
void mcu_seat_remove(struct mcu_seat *seat);

/* [any] A number of its own, never used again in this studio. */
uint32_t mcu_seat_id(const struct mcu_seat *seat);

/* [ctl] Its voice. Returns what mix_input_add() does; -EALREADY when it has one. */
int mcu_seat_open_audio(struct mcu_seat *seat, const struct mix_input_conf *conf);

/* [ctl] Pictures of its camera come in the order of decoding, not of showing, when it is opened next
 * (files and pushes, with B-frames). */
void mcu_seat_set_reordered(struct mcu_seat *seat);

/* [ctl] Its camera or its screen; in place of the one before if there is one. A push may run
 * meanwhile. Returns what comp_source_add() does; -EAGAIN: an avatar has made place for it, which is
 * free after the next tick of the picture. */
int mcu_seat_open_video(struct mcu_seat *seat, enum mcu_picture picture, enum mcu_codec codec,
                        const uint8_t *extradata, size_t extradata_size);
void mcu_seat_close_video(struct mcu_seat *seat, enum mcu_picture picture);
bool mcu_seat_has_video(const struct mcu_seat *seat, enum mcu_picture picture);

/* [ctl] It hears the others: on_assign() follows. Call it again when its audio is opened later: only
 * then its own voice is left out. Returns 0 or -ENOMEM. */
int mcu_seat_listen(struct mcu_seat *seat);

/* [ctl] Its own voice is not left out, from the next mcu_seat_listen() on: an echo. */
void mcu_seat_hear_itself(struct mcu_seat *seat);

/* [ctl] On return no on_assign() names it. */
void mcu_seat_stop_listening(struct mcu_seat *seat);

/* [net] Returns what mix_input_push() and comp_source_push() do. -ENODEV: not open, or (video) open
 * for another codec. */
int mcu_seat_push_audio(struct mcu_seat *seat, const struct mix_packet *packet);
int mcu_seat_push_video(struct mcu_seat *seat, enum mcu_picture picture,
                        struct mcu_packet *packet);

/* [ctl] Offline: no more pictures of the camera come; the decoder gives out what it holds back. */
void mcu_seat_drain_video(struct mcu_seat *seat);

/* [ctl] Muted sound, hidden camera. */
void mcu_seat_set_muted(struct mcu_seat *seat, bool audio, bool video);

/* [ctl] What is written on its tile ("": nothing; before the first call the user) and what layouts know
 * of it; both are copied. */
void mcu_seat_set_name(struct mcu_seat *seat, const char *name, const char *role);

/* Where somebody stands in layouts. */
struct mcu_standing {
    int32_t rank;        /* of his camera, and of his screen: lower ones stand first */
    int32_t screen_rank;
    uint32_t pin;        /* to the layout's "pin:N"; 0: to none */
    bool has_hand_up;
    bool has_no_avatar;  /* without a picture he has no tile */
};

/* [ctl] Copied. */
void mcu_seat_set_standing(struct mcu_seat *seat, const struct mcu_standing *standing);

/* [ctl] Who is present has a tile with his initials while he has no picture, where the compositor
 * has avatars; there are MCU_AVATARS_MAX of them at most. */
void mcu_seat_set_present(struct mcu_seat *seat, bool is_present);

/* [ctl] A sign that his network is poor, 0..2; COMP_BARS_UNKNOWN: none. */
void mcu_seat_set_bars(struct mcu_seat *seat, int bars);

/* [ctl] The ring of who speaks, how loud (0: silent, to 1), and who is in the layout's `speaker`
 * cell. */
void mcu_seat_set_speaking(struct mcu_seat *seat, float level, bool has_floor);

/* [ctl] Its voice for everyone: gain 0..MIX_GAIN_MAX, place -1 left .. 1 right, what is done to it,
 * the submixes it speaks into (bits). All hold for a voice that is opened later, too. */
void mcu_seat_set_volume(struct mcu_seat *seat, float gain);
void mcu_seat_set_pan(struct mcu_seat *seat, float pan);
void mcu_seat_set_treatment(struct mcu_seat *seat, const struct mix_treatment *treatment);
void mcu_seat_set_buses(struct mcu_seat *seat, uint32_t buses);

/* [ctl] What it hears: nothing at all, each submix at a gain, the audio quality that its network needs.
 * All hold for when it listens later, too. */
void mcu_seat_set_deaf(struct mcu_seat *seat, bool is_deaf);
void mcu_seat_set_hears(struct mcu_seat *seat, const float gains[MIX_BUSES_MAX]);
void mcu_seat_set_quality(struct mcu_seat *seat, enum mix_quality quality);

/* [ctl] The gain of another's voice for this one's ears alone. Only while it listens and the other has a
 * voice: returns -ENODEV else, and what mix_listener_set_gain() does. */
int mcu_seat_set_gain_of(struct mcu_seat *seat, struct mcu_seat *other, float gain);

/* [any] Where its camera's tile is: -1 at the left edge of the picture .. 1 at the right; 0 without a tile. */
float mcu_seat_centre(struct mcu_seat *seat);

struct mcu_sound_conf {
    struct mix_clip *clip;
    struct mcu_seat *to; /* the only one who hears it; NULL: all on `buses` */
    uint32_t buses;
    float gain;
    float duck_gain;
    bool is_looped;
    void *sound_ctx;
};

/* [ctl] As mix_sound_play(); -ENODEV when `to` hears nothing. It is given up with
 * mcu_studio_stop_sound(); NULL is fine. */
int mcu_studio_play_sound(struct mcu_studio *s, struct mix_sound **out,
                          const struct mcu_sound_conf *conf);
void mcu_studio_stop_sound(struct mcu_studio *s, struct mix_sound *sound);

/* [ctl] Call it ten times a second in a live room: one playout offset for sound and pictures. */
void mcu_seat_align_lips(struct mcu_seat *seat);

/* [any] From a sound's capture to the time at which it leaves the mix; 0 without a voice. */
int64_t mcu_seat_latency_us(const struct mcu_seat *seat);

/* [ctl] Figures. Zero where the seat has no such medium. */
void mcu_seat_read_audio(const struct mcu_seat *seat, struct mix_input_stats *stats);
void mcu_seat_read_video(const struct mcu_seat *seat, enum mcu_picture picture,
                         struct comp_source_stats *stats);
/* [ctl] As comp_source_read_need(); false where it has no such picture. */
bool mcu_seat_read_need(const struct mcu_seat *seat, enum mcu_picture picture, struct comp_need *need);
/* Whether its voice is one of those that are mixed now. */
bool mcu_seat_is_mixed(const struct mcu_seat *seat);
/* 0..1 while it speaks, else 0. */
float mcu_seat_speaking_level(const struct mcu_seat *seat);

/* [ctl] For who makes views and streams of his own. Streams' contexts are not NULL, and all is
 * destroyed before the studio is. */
struct comp *mcu_studio_comp(struct mcu_studio *s);
struct comp_view *mcu_studio_view(struct mcu_studio *s); /* the picture that all see */

/* [any] Whose tile it is: mcu_seat_id(). */
uint32_t mcu_tile_seat_id(const struct comp_tile *tile);

/* [ctl] Somebody watches what recordings take, or records: the encoder runs while anyone does. Returns
 * 0 or what comp_stream_create() does. */
int mcu_studio_watch(struct mcu_studio *s);
void mcu_studio_unwatch(struct mcu_studio *s);

/* [ctl] Whether a tap (mcu/tap.h) takes that stream. */
bool mcu_studio_is_tapped(const struct mcu_studio *s);

/* [any] The same stream: a viewer needs a key frame; another rate. No more than comp_stream_request_key()
 * and comp_stream_set_rate() do; nothing where it does not run. */
void mcu_studio_request_key(struct mcu_studio *s, bool is_urgent);
void mcu_studio_set_rate(struct mcu_studio *s, uint32_t bitrate_bps, uint32_t fps);

/* [ctl] Offline, at the end: encoders give out what they hold back. */
void mcu_studio_flush(struct mcu_studio *s);

/* [any] */
void mcu_studio_read_stats(const struct mcu_studio *s, struct mix_stats *mix, struct comp_stats *comp);

#endif
