/* How participants' networks do: bars to everybody when they change, figures to whom they are about.
 * Front thread. */
#include <string.h>

#include "mcu/bars.h"
#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "signaling/rooms_internal.h"

enum { THIN_BPS = 150 * 1000, THIN_OFF_BPS = 250 * 1000 };

struct network {
    char state[16];
    int64_t bars, rtt_ms, jitter_ms, loss_in, loss_out, concealed, estimate_bps, freezes;
};

static int read_network(struct network *n, const json_t *event)
{
    return mcu_json_string(event, "state", MCU_JSON_REQUIRED, 1, n->state, sizeof(n->state)) ||
                   mcu_json_int(event, "bars", MCU_JSON_REQUIRED, MCU_BARS_UNKNOWN, MCU_BARS_MAX,
                                &n->bars) ||
                   mcu_json_int(event, "rtt_ms", MCU_JSON_REQUIRED, -1, INT32_MAX, &n->rtt_ms) ||
                   mcu_json_int(event, "jitter_ms", MCU_JSON_REQUIRED, 0, INT32_MAX,
                                &n->jitter_ms) ||
                   mcu_json_int(event, "loss_in", MCU_JSON_REQUIRED, 0, 1000, &n->loss_in) ||
                   mcu_json_int(event, "loss_out", MCU_JSON_REQUIRED, 0, 1000, &n->loss_out) ||
                   mcu_json_int(event, "concealed", MCU_JSON_REQUIRED, 0, 1000, &n->concealed) ||
                   mcu_json_int(event, "estimate_bps", MCU_JSON_OPTIONAL, 0, INT64_MAX,
                                &n->estimate_bps) ||
                   mcu_json_int(event, "freezes", MCU_JSON_OPTIONAL, 0, INT64_MAX, &n->freezes)
               ? -1
               : 0;
}

static void tell_own(struct sig_member *m, const struct network *n)
{
    json_decref(m->network);
    m->network = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:s?}", "userId", m->user, "state", n->state,
        "bars", (json_int_t)n->bars, "rttMs", (json_int_t)n->rtt_ms, "jitterMs",
        (json_int_t)n->jitter_ms, "lossUp", (double)n->loss_in / 1000.0, "lossDown",
        (double)n->loss_out / 1000.0, "concealed", (double)n->concealed / 1000.0, "estimate",
        (json_int_t)n->estimate_bps, "freezesUp", (json_int_t)n->freezes, "tier",
        m->tier[0] ? m->tier : NULL);
    json_t *event =
        json_pack("{s:s, s:s, s:O}", "type", "rtc", "action", "network", "data", m->network);
    if (event && m->client && !m->is_joining)
        m->room->rooms->conf.send(m->client, event);
    json_decref(event);
}

/* 0 bits a second: not known. */
static void note_rate(struct sig_member *m, int64_t bps)
{
    m->is_thin = bps > 0 && bps < (m->is_thin ? THIN_OFF_BPS : THIN_BPS);
}

static void note_suspect(struct sig_member *m, bool is_suspect)
{
    if (is_suspect && !m->is_suspect && m->kind != SIG_KIND_WS)
        m->lost_at_us = mcu_now_us(); /* rtc.grace_s begins */
    m->is_suspect = is_suspect;
}

void event_network(struct sig_room *room, const json_t *event)
{
    char peer[65];
    struct network n = {0};
    if (mcu_json_string(event, "peer", MCU_JSON_REQUIRED, 1, peer, sizeof(peer)))
        return;
    struct sig_member *m = member_find(room, peer);
    if (!m || read_network(&n, event))
        return;
    note_suspect(m, strcmp(n.state, "suspect") == 0);
    note_rate(m, n.estimate_bps);
    tell_own(m, &n);
    if (m->bars == (int)n.bars)
        return;
    m->bars = (int)n.bars;
    if (!m->is_joining)
        sig_room_tell(room, m, "network",
                      json_pack("{s:s, s:i}", "userId", m->user, "bars", m->bars));
}
