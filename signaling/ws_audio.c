/* WebSocket requests about sound: who is muted, how loud, who hears whom, what is played. Front
 * thread. docs/protocol.md says who may what. */
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_audio.h"
#include "signaling/sounds.h"
#include "signaling/ws_internal.h"

enum { USER_SIZE = 129 };

/* Whom it is about: data's userId, else the caller; others only for a host. */
static const struct sig_error *find_target(const struct ws_request *q, struct sig_member **out)
{
    struct sig_member *me = q->client->member;
    char user[USER_SIZE] = "";
    if (!me)
        return sig_error("not_joined");
    if (mcu_json_string(q->data, "userId", MCU_JSON_OPTIONAL, 1, user, sizeof(user)))
        return sig_error("bad_request");
    if (!user[0] || strcmp(user, me->user) == 0) {
        *out = me;
        return NULL;
    }
    if (sig_may(me, SIG_MAY_MODERATE))
        return sig_error("forbidden");
    *out = sig_room_find_user(me->room, user);
    return *out ? NULL : sig_error("no_such_member");
}

static void on_changed(void *arg, struct sig_member *m, const struct sig_error *error)
{
    (void)m;
    ws_finish(arg, NULL, error, NULL);
}

/* Asks for a change of target; sound is stolen. */
static const struct sig_error *change(const struct ws_request *q, struct sig_member *target,
                                      const bool *audio, const bool *video, json_t *sound)
{
    char why[MCU_WHY_MAX];
    const struct sig_error *error = NULL;
    if (sound && mcu_audio_check(sound, why) != 0) {
        ws_refuse(q->client, q->action, q->id, sig_error("bad_request"), why);
        json_decref(sound);
        return NULL;
    }
    struct ws_pending *p = ws_pending_create(q, q->client->member);
    const struct sig_change c = {.audio = audio,
                                 .video = video,
                                 .sound = sound,
                                 .by = q->client->member->user,
                                 .done = on_changed,
                                 .arg = p};
    error = p ? sig_member_change(target, &c) : sig_error("too_busy");
    if (error && p)
        ws_pending_free(p);
    json_decref(sound);
    return error;
}

/* --- mute ------------------------------------------------------------------------------------- */

struct mute {
    bool has_audio, has_video, audio, video, all;
};

static const struct sig_error *read_mute(struct mute *m, const json_t *data)
{
    m->has_audio = json_object_get(data, "audio") != NULL;
    m->has_video = json_object_get(data, "video") != NULL;
    if ((!m->has_audio && !m->has_video) ||
        mcu_json_bool(data, "audio", MCU_JSON_OPTIONAL, &m->audio) ||
        mcu_json_bool(data, "video", MCU_JSON_OPTIONAL, &m->video) ||
        mcu_json_bool(data, "all", MCU_JSON_OPTIONAL, &m->all) ||
        (m->all && json_object_get(data, "userId")))
        return sig_error("bad_request");
    return NULL;
}

/* A microphone is opened by whom it belongs to, never by others. */
static bool unmutes(const struct mute *m)
{
    return (m->has_audio && !m->audio) || (m->has_video && !m->video);
}

static const struct sig_error *mute_all(const struct ws_request *q, const struct mute *m)
{
    struct sig_member *me = q->client->member;
    if (!me)
        return sig_error("not_joined");
    if (sig_may(me, SIG_MAY_MODERATE) || unmutes(m))
        return sig_error("forbidden");
    struct ws_pending *p = ws_pending_create(q, me);
    if (!p)
        return sig_error("too_busy");
    const struct sig_change c = {.audio = m->has_audio ? &m->audio : NULL,
                                 .video = m->has_video ? &m->video : NULL,
                                 .by = me->user,
                                 .done = on_changed,
                                 .arg = p};
    const struct sig_error *error = sig_room_mute_all(me->room, &c);
    if (error)
        ws_pending_free(p);
    return error;
}

const struct sig_error *ws_on_mute(const struct ws_request *q)
{
    struct mute m = {0};
    struct sig_member *target = NULL;
    if (!q->client->member)
        return sig_error("not_joined");
    const struct sig_error *error = read_mute(&m, q->data);
    if (error)
        return error;
    if (m.all)
        return mute_all(q, &m);
    error = find_target(q, &target);
    if (error)
        return error;
    if (target != q->client->member && unmutes(&m))
        return sig_error("forbidden");
    return change(q, target, m.has_audio ? &m.audio : NULL, m.has_video ? &m.video : NULL, NULL);
}

/* --- volumes and submixes --------------------------------------------------------------------- */

const struct sig_error *ws_on_volume(const struct ws_request *q)
{
    char user[USER_SIZE];
    int64_t volume = 0;
    bool for_me = false;
    struct sig_member *me = q->client->member;
    if (!me)
        return sig_error("not_joined");
    if (mcu_json_string(q->data, "userId", MCU_JSON_REQUIRED, 1, user, sizeof(user)) ||
        mcu_json_int(q->data, "volume", MCU_JSON_REQUIRED, 0, MCU_VOLUME_MAX, &volume) ||
        mcu_json_bool(q->data, "forMe", MCU_JSON_OPTIONAL, &for_me))
        return sig_error("bad_request");
    if (for_me)
        return change(q, me, NULL, NULL,
                      json_pack("{s:{s:I}}", "volumes", user, (json_int_t)volume));
    if (sig_may(me, SIG_MAY_MODERATE))
        return sig_error("forbidden");
    struct sig_member *target = sig_room_find_user(me->room, user);
    if (!target)
        return sig_error("no_such_member");
    return change(q, target, NULL, NULL, json_pack("{s:I}", "volume", (json_int_t)volume));
}

/* A setting of one's own that is a flag of the same name. */
static const struct sig_error *set_flag(const struct ws_request *q, const char *name)
{
    bool flag = false;
    if (!q->client->member)
        return sig_error("not_joined");
    if (mcu_json_bool(q->data, name, MCU_JSON_REQUIRED, &flag))
        return sig_error("bad_request");
    return change(q, q->client->member, NULL, NULL, json_pack("{s:b}", name, flag));
}

const struct sig_error *ws_on_deaf(const struct ws_request *q)
{
    return set_flag(q, "deaf");
}

const struct sig_error *ws_on_original(const struct ws_request *q)
{
    return set_flag(q, "original");
}

static const struct sig_error *set_submixes(const struct ws_request *q, const char *setting)
{
    struct sig_member *target = NULL;
    const struct sig_error *error = find_target(q, &target);
    if (error)
        return error;
    json_t *submixes = json_object_get(q->data, "submixes");
    if (!submixes)
        return sig_error("bad_request");
    return change(q, target, NULL, NULL, json_pack("{s:O}", setting, submixes));
}

const struct sig_error *ws_on_hear(const struct ws_request *q)
{
    return set_submixes(q, "hears");
}

const struct sig_error *ws_on_speak(const struct ws_request *q)
{
    return set_submixes(q, "speaksTo");
}

/* --- sounds ----------------------------------------------------------------------------------- */

static void on_sound(void *arg, const char *id, const struct sig_error *error)
{
    ws_finish(arg, id ? json_pack("{s:s}", "id", id) : NULL, error, NULL);
}

/* {stop: id}, or what sig_sound_read() takes. */
const struct sig_error *ws_on_sound(const struct ws_request *q)
{
    struct sig_member *me = q->client->member;
    char stop[SIG_ID_SIZE] = "";
    char why[MCU_WHY_MAX] = "";
    json_t *sound = NULL;
    if (!me)
        return sig_error("not_joined");
    if (sig_may(me, SIG_MAY_MODERATE))
        return sig_error("forbidden");
    if (mcu_json_string(q->data, "stop", MCU_JSON_OPTIONAL, 1, stop, sizeof(stop)))
        return sig_error("bad_request");
    if (!stop[0]) {
        const struct sig_error *error = sig_sound_read(&sound, me->room, q->data, why);
        if (error) {
            ws_refuse(q->client, q->action, q->id, error, why[0] ? why : NULL);
            return NULL;
        }
    }
    struct ws_pending *p = ws_pending_create(q, me);
    if (!p) {
        json_decref(sound);
        return sig_error("too_busy");
    }
    const struct sig_error *error = stop[0] ? sig_sound_stop(me->room, stop, on_sound, p)
                                            : sig_sound_start(me->room, sound, on_sound, p);
    if (error)
        ws_pending_free(p);
    return error;
}
