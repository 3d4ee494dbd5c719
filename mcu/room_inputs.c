/* Outside sources in a room: from JSON to a source that feeds a seat (recorder/input.h). [ctl], but
 * for what pushes.
 *
 * Such a participant has a peer of the transport that is never negotiated, so that all else in the
 * room need not know. Ten times a second it is looked whether its source was opened, again perhaps,
 * and what has become of it. A source that is let go may wait for a name server: it is freed when
 * it has ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/audio_conf.h"
#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control_input.h"
#include "mcu/room_internal.h"
#include "recorder/input.h"

#define TELL_EVERY_US (1 * MCU_US_PER_S) /* where a file stands */
#define LEAVE_US      (2 * MCU_US_PER_S) /* so long the end of a room waits for sources */

struct room_input {
    struct rec_input *input;
    struct room_input *next; /* of those that are let go */
    struct mcu_seat *seat;
    json_t *about; /* as it was asked for, and changed since */
    char masked[GUARD_MASKED_MAX];
    uint64_t sequence; /* [feed] of its sound */
    struct rec_input_status told;
    bool was_told;
    int64_t tell_us;
};

/* --- [feed] ----------------------------------------------------------------------------------- */

static void push_audio(void *ctx, struct mcu_packet *piece)
{
    struct room_input *in = ctx;
    const struct mix_packet packet = {
        .data = piece->data,
        .size = piece->size,
        .sequence = in->sequence++,
        .pts_us = piece->pts_us,
        .arrival_us = mcu_now_us(),
        .level_dbov = 1, /* it does not say */
    };
    mcu_seat_push_audio(in->seat, &packet); /* what does not fit is counted there */
}

static void push_video(void *ctx, struct mcu_packet *packet)
{
    struct room_input *in = ctx;
    mcu_seat_push_video(in->seat, MCU_CAMERA, packet);
}

/* Both are looked for by room_inputs_housekeep(). */
static void note_nothing(void *ctx)
{
    (void)ctx;
}

/* --- coming and going ------------------------------------------------------------------------- */

static void free_input(struct room_input *in)
{
    rec_input_destroy(in->input);
    json_decref(in->about);
    free(in);
}

static int fill_policy(struct guard_policy *policy, const struct mcu_config *c)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < c->live.inputs_allow.count; i++)
        err = guard_policy_add(policy, c->live.inputs_allow.item[i]);
    return err;
}

static const char *open_source(struct rec_input_conf *conf, const struct mcu_input *said,
                               const struct mcu_config *c)
{
    if (fill_policy(&conf->policy, c))
        return "internal";
    if (said->url[0]) {
        conf->url = said->url;
        return NULL;
    }
    conf->fd = c->live.inputs_dir[0] ? guard_open_file(c->live.inputs_dir, said->file) : -ENOENT;
    return conf->fd >= 0                                ? NULL
           : conf->fd == -ENOENT || conf->fd == -EACCES ? "no_such_file"
                                                        : "internal";
}

static const char *start(struct room_input *in, const struct mcu_input *said,
                         const struct mcu_config *c)
{
    struct rec_input_conf conf = {
        .is_looped = said->is_looped,
        .is_paused = said->is_paused,
        .position_us = said->position_us,
        .sink = {in, note_nothing, note_nothing, push_audio, push_video},
    };
    const char *code = open_source(&conf, said, c);
    if (code)
        return code;
    return rec_input_start(&in->input, &conf) ? "internal" : NULL;
}

const char *room_make_input(struct room_peer *p, const json_t *json)
{
    char why[MCU_INPUT_WHY_MAX];
    struct mcu_input said;
    if (mcu_input_read(&said, json, why)) {
        log_warn("peer=%s: %s", p->id, why);
        return "bad_message";
    }
    struct room_input *in = calloc(1, sizeof(*in));
    if (!in)
        return "internal";
    in->seat = p->seat;
    in->about = json_deep_copy(json);
    memcpy(in->masked, said.masked, sizeof(in->masked));
    mcu_seat_set_reordered(p->seat);
    const char *code = in->about ? start(in, &said, &p->room->config) : "internal";
    if (code) {
        json_decref(in->about);
        free(in);
        return code;
    }
    p->input = in;
    log_info("peer=%s: plays %s", p->id, in->masked);
    return NULL;
}

void room_input_leave(struct room_peer *p)
{
    struct room_input *in = p->input;
    if (!in)
        return;
    p->input = NULL;
    rec_input_stop(in->input);
    in->next = p->room->leaving_inputs;
    p->room->leaving_inputs = in;
}

static void reap(struct mcu_room *r)
{
    for (struct room_input **at = &r->leaving_inputs; *at;) {
        struct room_input *in = *at;
        if (!rec_input_is_over(in->input)) {
            at = &in->next;
            continue;
        }
        *at = in->next;
        free_input(in);
    }
}

void room_inputs_finish(struct mcu_room *r)
{
    const int64_t until_us = mcu_now_us() + LEAVE_US;
    for (reap(r); r->leaving_inputs && mcu_now_us() < until_us; reap(r))
        mcu_sleep_until_us(mcu_now_us() + 10 * MCU_US_PER_MS);
    if (r->leaving_inputs) /* the process is about to end, and they with it */
        log_warn("a source waits for a name server and is left behind");
}

/* --- what has become of it -------------------------------------------------------------------- */

static const char *state_name(enum rec_input_state state)
{
    static const char *const names[] = {
        [REC_INPUT_CONNECTING] = "connecting", [REC_INPUT_PLAYING] = "playing",
        [REC_INPUT_PAUSED] = "paused",         [REC_INPUT_WAITING] = "waiting",
        [REC_INPUT_ENDED] = "ended",           [REC_INPUT_FAILED] = "failed",
    };
    return names[state];
}

static json_t *status_json(const struct rec_input_status *s)
{
    return json_pack("{s:s,s:s,s:f,s:f,s:I,s:b}", "state", state_name(s->state), "error", s->error,
                     "position", (double)s->position_us / (double)MCU_US_PER_S, "duration",
                     (double)s->duration_us / (double)MCU_US_PER_S, "retries",
                     (json_int_t)s->retries, "loop", s->is_looped);
}

json_t *room_input_json(const struct room_peer *p)
{
    struct rec_input_status s;
    if (!p->input)
        return NULL;
    rec_input_read_status(p->input->input, &s);
    json_t *json = status_json(&s);
    json_object_set(json, "about", p->input->about);
    return json;
}

bool room_input_sends(const struct room_peer *p, enum mcu_kind kind)
{
    struct rec_input_status s;
    rec_input_read_status(p->input->input, &s);
    return s.state == REC_INPUT_PLAYING && (kind == MCU_AUDIO ? s.has_audio : s.has_video);
}

static enum rtc_state peer_state_of(enum rec_input_state state)
{
    switch (state) {
    case REC_INPUT_CONNECTING:
    case REC_INPUT_WAITING:
        return RTC_CONNECTING;
    case REC_INPUT_FAILED:
        return RTC_FAILED;
    default:
        return RTC_CONNECTED;
    }
}

static void tell(struct room_peer *p, const struct rec_input_status *s)
{
    struct room_input *in = p->input;
    const bool is_new =
        !in->was_told || in->told.state != s->state || strcmp(in->told.error, s->error) != 0;
    if (is_new)
        log_info("peer=%s: %s is %s%s%s", p->id, in->masked, state_name(s->state),
                 s->error[0] ? ": " : "", s->error);
    in->told = *s;
    in->was_told = true;
    p->state = peer_state_of(s->state);
    json_t *json = status_json(s);
    json_object_set_new(json, "peer", json_string(p->id));
    room_send_event(p->room, "input", json);
}

static void report(struct room_peer *p, int64_t now_us)
{
    struct room_input *in = p->input;
    struct rec_input_status s;
    rec_input_read_status(in->input, &s);
    const bool has_changed = !in->was_told || s.state != in->told.state ||
                             s.error != in->told.error || s.is_looped != in->told.is_looped;
    const bool has_moved = s.position_us != in->told.position_us && now_us >= in->tell_us;
    if (!has_changed && !has_moved)
        return;
    in->tell_us = now_us + TELL_EVERY_US;
    tell(p, &s);
}

/* --- wiring ----------------------------------------------------------------------------------- */

static int open_sound(struct room_peer *p)
{
    struct mix_input_conf conf = {
        .codec = MCU_CODEC_PCM,
        .channels = 2,
        .rate_hz = MIX_RATE_HZ,
    };
    mcu_audio_treatment(&conf.treatment, &p->room->config);
    const int err = mcu_seat_open_audio(p->seat, &conf);
    return err == -EALREADY ? 0 : err;
}

/* Its streams are known, and wait. Returns -EAGAIN: once more, soon. */
static int wire(struct room_peer *p, const struct rec_source_info *info)
{
    int err = 0;
    mcu_seat_set_present(p->seat, room_is_on_stage(p));
    if (info->audio.codec != MCU_CODEC_NONE)
        err = open_sound(p);
    if (!err && info->video.codec != MCU_CODEC_NONE)
        err = mcu_seat_open_video(p->seat, MCU_CAMERA, info->video.codec, info->video.extradata,
                                  info->video.extradata_size);
    else if (!err)
        mcu_seat_close_video(p->seat, MCU_CAMERA);
    if (!err)
        room_apply_sound(p);
    return err;
}

static void look(struct room_peer *p, int64_t now_us)
{
    struct rec_input *input = p->input->input;
    const struct rec_source_info *info = rec_input_info(input);
    const int err = info ? wire(p, info) : 0;
    if (err && err != -EAGAIN)
        log_error("peer=%s: cannot be decoded: %s", p->id, strerror(-err));
    if (info && err != -EAGAIN)
        rec_input_wired(input);
    report(p, now_us);
}

void room_inputs_housekeep(struct mcu_room *r, int64_t now_us)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i]->input)
            look(r->peers[i], now_us);
    }
    reap(r);
}

/* --- controls --------------------------------------------------------------------------------- */

const char *room_input_set(struct mcu_room *r, const json_t *message, json_t *reply)
{
    char why[MCU_INPUT_WHY_MAX];
    struct mcu_input_change c;
    const char *id = json_string_value(json_object_get(message, "peer"));
    struct room_peer *p = id ? room_find_peer(r, id) : NULL;
    if (!p || !p->input)
        return "no_such_peer";
    struct room_input *in = p->input;
    char name[ROOM_TEXT_MAX] = "";
    const bool is_file = json_object_get(in->about, "file");
    if (mcu_input_change_read(&c, message, why) || (!is_file && (c.has_loop || c.has_position)) ||
        mcu_json_text(message, "name", MCU_JSON_OPTIONAL, 1, 64, name, sizeof(name)))
        return "bad_message";
    if (name[0])
        room_set_name(p, name);
    if (c.has_loop)
        rec_input_set_looped(in->input, c.is_looped);
    if (c.has_position)
        rec_input_seek(in->input, c.position_us);
    if (c.has_paused)
        rec_input_set_paused(in->input, c.is_paused);
    if (c.has_loop)
        json_object_set_new(in->about, "loop", json_boolean(c.is_looped));
    if (c.has_paused)
        json_object_set_new(in->about, "paused", json_boolean(c.is_paused));
    struct rec_input_status s;
    rec_input_read_status(in->input, &s);
    json_object_set_new(reply, "input", status_json(&s));
    return NULL;
}
