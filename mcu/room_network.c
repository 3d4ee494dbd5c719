/* What the room tells of its participants' networks, and ICE restarts without an offer. [ctl] */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/room_internal.h"

#define LOOK_US    (1 * MCU_US_PER_S)
#define FIGURES_US (2 * MCU_US_PER_S)

enum { FIGURES_PEERS_MAX = 64 }; /* in larger rooms only changes are told */

/* --- figures ---------------------------------------------------------------------------------- */

static uint32_t permille(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (uint32_t)(part >= whole ? 1000 : part * 1000 / whole);
}

/* A counter's rise since the last look; it may have fallen, by a restart of the stream. */
static uint64_t rise(uint64_t now, uint64_t *before)
{
    const uint64_t by = now > *before ? now - *before : 0;
    *before = now;
    return by;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void look(struct room_network *n, const struct room_peer *p,
                 const struct rtc_peer_stats *stats)
{
    struct mix_input_stats audio;
    mcu_seat_read_audio(p->seat, &audio);
    struct mcu_network *of = &n->figures;
    *of = (struct mcu_network){.rtt_us = stats->rtt_us};
    for (size_t kind = 0; kind < 2; kind++) {
        const struct rtc_stream_stats *in = &stats->in[kind];
        const uint64_t lost = rise(in->lost, &n->lost[kind]);
        const uint64_t came = rise(in->packets, &n->packets[kind]);
        of->loss_in_permille = larger(of->loss_in_permille, permille(lost, lost + came));
        of->loss_out_permille = larger(of->loss_out_permille, stats->out[kind].loss_permille);
        of->jitter_us = larger(of->jitter_us, in->jitter_us);
    }
    const uint64_t concealed = rise(audio.concealed, &n->concealed);
    n->freezes = stats->in[MCU_VIDEO].freezes;
    of->concealed_permille = permille(concealed, rise(audio.frames, &n->frames));
}

static const char *state_of(const struct room_peer *p, bool is_suspect)
{
    return is_suspect && p->state == RTC_CONNECTED ? "suspect" : room_state_name(p->state);
}

static void tell(const struct room_peer *p)
{
    const struct room_network *n = &p->network;
    room_send_event(p->room, "network",
                    json_pack("{s:s,s:s,s:i,s:I,s:i,s:i,s:i,s:i,s:I,s:I}", "peer", p->id, "state",
                              state_of(p, n->is_suspect), "bars", n->bars.shown, "rtt_ms",
                              (json_int_t)(n->figures.rtt_us < 0 ? -1 : n->figures.rtt_us / 1000),
                              "jitter_ms", (int)(n->figures.jitter_us / 1000), "loss_in",
                              (int)n->figures.loss_in_permille, "loss_out",
                              (int)n->figures.loss_out_permille, "concealed",
                              (int)n->figures.concealed_permille, "estimate_bps",
                              (json_int_t)atomic_load(&p->watch.estimate_bps), "freezes",
                              (json_int_t)n->freezes));
}

void room_report_network(struct room_peer *p, const struct rtc_peer_stats *stats, int64_t now_us)
{
    struct room_network *n = &p->network;
    if (!p->was_connected)
        return;
    const bool has_turned = stats->is_suspect != n->is_suspect;
    if (now_us < n->look_us && !has_turned)
        return;
    if (now_us >= n->look_us) {
        look(n, p, stats);
        n->look_us = now_us + LOOK_US;
    }
    n->is_suspect = stats->is_suspect;
    n->figures.is_suspect = stats->is_suspect;
    n->figures.is_connected = p->state == RTC_CONNECTED;
    const int before = n->bars.shown;
    const int bars = mcu_bars_follow(&n->bars, mcu_bars_of(&n->figures), now_us);
    mcu_seat_set_bars(p->seat, mcu_bars_are_poor(&n->bars, now_us) ? bars : COMP_BARS_UNKNOWN);
    const bool is_time = now_us >= n->tell_us && p->room->peer_count <= FIGURES_PEERS_MAX;
    if (!has_turned && bars == before && !is_time)
        return;
    n->tell_us = now_us + FIGURES_US;
    tell(p);
}

/* --- restart ---------------------------------------------------------------------------------- */

static const char *read_theirs(struct mcu_desc *theirs, const json_t *m)
{
    json_t *candidates = NULL;
    size_t i;
    const json_t *one;
    if (mcu_json_string(m, "ufrag", MCU_JSON_REQUIRED, 1, theirs->ice_ufrag,
                        sizeof(theirs->ice_ufrag)) ||
        mcu_json_string(m, "pwd", MCU_JSON_REQUIRED, 1, theirs->ice_pwd,
                        sizeof(theirs->ice_pwd)) ||
        mcu_json_array(m, "candidates", MCU_JSON_OPTIONAL, MCU_DESC_CANDIDATES_MAX, &candidates))
        return "bad_message";
    json_array_foreach(candidates, i, one)
    {
        const char *text = json_string_value(one);
        if (!text || strlen(text) >= sizeof(theirs->candidates[0]))
            return "bad_message";
        memcpy(theirs->candidates[theirs->candidate_count++], text, strlen(text) + 1);
    }
    return NULL;
}

static void put_ours(json_t *reply, const struct mcu_desc *ours)
{
    json_t *candidates = json_array();
    for (size_t i = 0; i < ours->candidate_count; i++)
        json_array_append_new(candidates, json_string(ours->candidates[i]));
    json_object_set_new(reply, "ufrag", json_string(ours->ice_ufrag));
    json_object_set_new(reply, "pwd", json_string(ours->ice_pwd));
    json_object_set_new(reply, "candidates", candidates);
    json_object_set_new(reply, "end_of_candidates", json_boolean(ours->end_of_candidates));
}

const char *room_restart(struct room_peer *p, const json_t *message, json_t *reply)
{
    struct mcu_desc *theirs = calloc(2, sizeof(*theirs));
    if (!theirs)
        return "internal";
    const char *code = read_theirs(theirs, message);
    if (!code) {
        const int err = rtc_peer_restart(p->rtc, theirs, theirs + 1);
        code = err == 0 ? NULL : err == -EINVAL ? "bad_offer" : "internal";
    }
    if (!code)
        put_ours(reply, theirs + 1);
    free(theirs);
    return code;
}
