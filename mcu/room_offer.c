/* Offers and answers of a participant: his offer, or ours when he could not make one. [ctl]. */
#include <errno.h>
#include <stdlib.h>

#include "mcu/base/json.h"
#include "mcu/control.h"
#include "mcu/room_internal.h"
#include "transport/negotiate.h"

static const char *code_of(int err)
{
    if (err == 0)
        return NULL;
    return err == -EINVAL || err == -EPROTO ? "bad_offer" : "internal";
}

/* After both have spoken. */
static const char *wire(struct room_peer *p)
{
    if (room_wire_peer(p) < 0)
        return "internal";
    room_mute_peer(p, p->is_audio_muted, p->is_video_muted);
    room_apply_sound(p);
    return NULL;
}

static const char *take_offer(struct room_peer *p, struct mcu_desc *offer, bool must_send,
                              struct mcu_desc *ours)
{
    if (must_send && !rtc_negotiate_can_send(offer))
        return "bad_offer";
    room_limit_offer(p, offer);
    const char *code = code_of(rtc_peer_accept(p->rtc, offer, room_best_codec(p->room), ours));
    return code ? code : wire(p);
}

const char *room_offer(struct room_peer *p, const json_t *message, json_t *reply)
{
    bool must_send = false;
    if (mcu_json_bool(message, "must_send", MCU_JSON_OPTIONAL, &must_send))
        return "bad_message";
    struct mcu_desc *offer = calloc(2, sizeof(*offer));
    if (!offer)
        return "internal";
    const char *code = "bad_message";
    if (mcu_desc_from_json(offer, json_object_get(message, "desc")) == 0)
        code = take_offer(p, offer, must_send, offer + 1);
    if (!code)
        json_object_set_new(reply, "desc", mcu_desc_to_json(offer + 1));
    free(offer);
    return code;
}

const char *room_make_offer(struct room_peer *p, json_t *reply)
{
    struct mcu_desc *ours = calloc(1, sizeof(*ours));
    if (!ours)
        return "internal";
    const char *code = code_of(rtc_peer_offer_mix(p->rtc, room_best_codec(p->room), ours));
    if (!code)
        json_object_set_new(reply, "desc", mcu_desc_to_json(ours));
    free(ours);
    return code;
}

const char *room_take_answer(struct room_peer *p, const json_t *message)
{
    struct mcu_desc *answer = calloc(1, sizeof(*answer));
    if (!answer)
        return "internal";
    const char *code = "bad_message";
    if (mcu_desc_from_json(answer, json_object_get(message, "desc")) == 0)
        code = code_of(rtc_peer_answered(p->rtc, answer));
    if (!code)
        code = wire(p);
    free(answer);
    return code;
}
