/* Participants of a room: adding, negotiating, muting, removing. [ctl]. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/audio_conf.h"
#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control.h"
#include "mcu/control_picture.h"
#include "mcu/room_internal.h"

struct room_peer *room_find_peer(struct mcu_room *r, const char *id)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (strcmp(r->peers[i]->id, id) == 0)
            return r->peers[i];
    }
    return NULL;
}

struct room_peer *room_find_seat(struct mcu_room *r, uint32_t seat_id)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (mcu_seat_id(r->peers[i]->seat) == seat_id)
            return r->peers[i];
    }
    return NULL;
}

static void free_peer(struct room_peer *p)
{
    if (!p)
        return;
    room_watch_stop(p);
    room_input_leave(p);
    /* The transport goes first: it pushes into the seat. The seat's audio tick may still tune the
     * peer while that is destroyed, so the seat stops listening before. */
    if (p->seat)
        mcu_seat_stop_listening(p->seat);
    rtc_peer_destroy(p->rtc);
    mcu_seat_remove(p->seat);
    json_decref(p->session);
    json_decref(p->sound);
    json_decref(p->plain);
    free(p);
}

/* rtp: of a plain RTP participant, input: of an outside source; both NULL: it will send an offer. Returns a code, or NULL and *out. */
static const char *new_peer(struct mcu_room *r, struct room_peer **out, const char *id,
                            const char *user, const json_t *rtp, const json_t *input)
{
    struct room_peer *p = calloc(1, sizeof(*p));
    if (!p)
        return "internal";
    p->room = r;
    p->sound = json_object();
    atomic_init(&p->may_publish, true);
    mcu_bars_init(&p->network.bars);
    snprintf(p->id, sizeof(p->id), "%s", id);
    snprintf(p->user, sizeof(p->user), "%s", user);
    const char *code = mcu_seat_add(r->studio, &p->seat, user, p) < 0 ? "internal" : NULL;
    if (!code && rtp) {
        code = room_make_plain(p, rtp);
    } else if (!code) {
        struct rtc_peer_sink sink;
        room_peer_sink(p, &sink);
        code = rtc_peer_create(r->rtc, &p->rtc, &sink) < 0 ? "internal" : NULL;
    }
    if (!code && input)
        code = room_make_input(p, input);
    if (code)
        free_peer(p);
    else
        *out = p;
    return code;
}

const char *room_add_peer(struct mcu_room *r, const json_t *message, json_t *reply)
{
    const char *id = NULL;
    const char *user = NULL;
    const char *name = "";
    const char *role = "publisher";
    json_t *session = NULL;
    json_t *rtp = NULL;
    json_t *input = NULL;
    int is_echo = 0;
    if (json_unpack((json_t *)message, "{s:s,s:s,s?s,s?s,s?o,s?o,s?o,s?b}", "peer", &id, "user",
                    &user, "name", &name, "role", &role, "session", &session, "rtp", &rtp, "input",
                    &input, "echo", &is_echo) < 0)
        return "bad_message";
    /* A name cut in the middle of a character could not be given back to `adopt`. */
    if (strlen(id) >= ROOM_TEXT_MAX || strlen(user) >= ROOM_TEXT_MAX ||
        strlen(name) >= ROOM_TEXT_MAX || strlen(role) >= sizeof(((struct room_peer *)0)->role))
        return "bad_message";
    if (room_find_peer(r, id))
        return "peer_exists";
    if (r->peer_count == ROOM_PEERS_MAX)
        return "room_full";
    struct room_peer *p = NULL;
    const char *code = new_peer(r, &p, id, user, rtp, input);
    if (code)
        return code;
    snprintf(p->name, sizeof(p->name), "%s", name);
    if (is_echo)
        mcu_seat_hear_itself(p->seat);
    room_set_role(p, role);
    p->session = json_incref(session);
    code = room_set_peer(p, message); /* as it was, when a room is run again */
    if (!code && p->plain && room_wire_peer(p) < 0)
        code = "internal";
    if (code) {
        free_peer(p);
        return code;
    }
    if (p->plain)
        json_object_set(reply, "rtp", p->plain);
    r->peers[r->peer_count++] = p;
    room_tracks_add(p);
    if (p->plain)
        room_apply_sound(p);
    log_info("peer=%s user=%s joined as %s", p->id, p->user, p->role);
    return NULL;
}

void room_remove_peer(struct mcu_room *r, struct room_peer *p)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i] != p)
            continue;
        memmove(&r->peers[i], &r->peers[i + 1], (r->peer_count - i - 1) * sizeof(r->peers[0]));
        r->peer_count--;
        room_layout_shares(p, false);
        mcu_floor_leave(&r->floor, mcu_seat_id(p->seat));
        break;
    }
    room_marks_speaks(p, false, mcu_now_us());
    room_tracks_remove(p);
    log_info("peer=%s user=%s left", p->id, p->user);
    room_count_gone(r, p);
    free_peer(p);
}

bool room_is_on_stage(const struct room_peer *p)
{
    return p->room->config.video.avatars && p->rtc && atomic_load(&p->may_publish) &&
           (p->input || rtc_peer_receives_audio(p->rtc) || rtc_peer_receives_picture(p->rtc, RTC_CAMERA));
}

int room_wire_peer(struct room_peer *p)
{
    const struct mcu_room *r = p->room;
    if (rtc_peer_receives_audio(p->rtc)) {
        struct mix_input_conf conf = {
            .codec = MCU_CODEC_OPUS,
            .channels = r->config.audio.original ? 2 : r->config.audio.channels,
            .rate_hz = MIX_RATE_HZ,
        };
        mcu_audio_treatment(&conf.treatment, &r->config);
        const int err = mcu_seat_open_audio(p->seat, &conf);
        if (err && err != -EALREADY)
            return err;
    }
    mcu_seat_set_present(p->seat, room_is_on_stage(p));
    for (int i = 0; i < MCU_PICTURES; i++) {
        if (!rtc_peer_receives_picture(p->rtc, (enum rtc_picture)i))
            mcu_seat_close_video(p->seat, (enum mcu_picture)i); /* its last picture must not stay */
    }
    if (rtc_peer_send_codec(p->rtc, MCU_AUDIO) != MCU_CODEC_NONE) {
        const int err = mcu_seat_listen(p->seat);
        if (err)
            return err;
    }
    return room_watch_wire(p);
}

void room_mute_peer(struct room_peer *p, bool audio, bool video)
{
    p->is_audio_muted = audio;
    p->is_video_muted = video;
    atomic_store(&p->is_silenced, audio);
    mcu_seat_set_muted(p->seat, audio, video);
}

const char *room_set_peer(struct room_peer *p, const json_t *message)
{
    bool audio = p->is_audio_muted;
    bool video = p->is_video_muted;
    bool hand = p->has_hand_up;
    int64_t pin = p->pin;
    json_t *sound = NULL;
    char role[sizeof(p->role)] = "";
    if (mcu_json_string(message, "role", MCU_JSON_OPTIONAL, 1, role, sizeof(role)) ||
        mcu_json_bool(message, "muted_audio", MCU_JSON_OPTIONAL, &audio) ||
        mcu_json_bool(message, "muted_video", MCU_JSON_OPTIONAL, &video) ||
        mcu_json_int(message, "pin", MCU_JSON_OPTIONAL, 0, MCU_PIN_MAX, &pin) ||
        mcu_json_bool(message, "hand", MCU_JSON_OPTIONAL, &hand) ||
        mcu_json_object(message, "sound", MCU_JSON_OPTIONAL, &sound))
        return "bad_message";
    const char *code = sound ? room_set_sound(p, sound) : NULL;
    if (code)
        return code;
    if (role[0] && strcmp(role, p->role) != 0)
        room_set_role(p, role);
    room_mute_peer(p, audio, video);
    room_layout_pin(p, (uint32_t)pin);
    p->has_hand_up = hand;
    room_layout_place(p);
    return NULL;
}

void room_open_video(struct room_peer *p, enum mcu_picture picture, enum mcu_codec codec)
{
    /* The event may be older than an offer that ended its pictures. */
    const int err = atomic_load(&p->may_publish) &&
                            rtc_peer_receives_picture(p->rtc, (enum rtc_picture)picture)
                        ? mcu_seat_open_video(p->seat, picture, codec, NULL, 0)
                        : 0;
    if (err && err != -EAGAIN) /* its next frame asks again */
        log_error("peer=%s: cannot decode %s: %s", p->id, mcu_codec_name(codec), strerror(-err));
    else if (!err)
        rtc_peer_request_key(p->rtc, (enum rtc_picture)picture);
    atomic_store(&p->asked_codecs[picture], MCU_CODEC_NONE);
}

json_t *room_describe_peer(const struct room_peer *p)
{
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:O?,s:s,s:b,s:b,s:b,s:b,s:b,s:O,s:O*,s:o*,s:i,s:b,s:o}", "peer", p->id, "user",
        p->user, "name", p->name, "role", p->role, "session", p->session, "state",
        room_state_name(p->state), "audio", p->sends_audio, "video", p->sends_video, "screen",
        p->sends_screen, "muted_audio", p->is_audio_muted, "muted_video", p->is_video_muted,
        "sound", p->sound, "rtp", p->plain, "input", room_input_json(p), "pin", (int)p->pin, "hand", p->has_hand_up,
        "watching", room_watch_json(p));
}
