/* One peer's incoming audio; see in_audio.h. [net]
 *
 * The window is a ring by wide sequence number; an entry counts only when its own number says so,
 * so nothing has to be cleared when the ring goes round. */
#include "transport/in_audio.h"

#include <errno.h>
#include <stdlib.h>

#include "transport/nack.h"
#include "transport/red.h"
#include "transport/warm.h"

enum {
    PACKET_RTP = 960,      /* 20 ms, until the stream shows its own */
    PACKET_MAX_RTP = 5760, /* 120 ms: a longer step is a pause (DTX) */
    REORDER_US = 10 * 1000,
};

struct known {
    uint64_t seq; /* 0: none yet; wide numbers are never 0 */
    uint32_t timestamp;
    bool has_sound;
};

struct asked {
    uint64_t seq;
    int64_t at_us;
};

struct rtc_in_audio {
    struct rtc_peer_sink sink;
    struct rtc_clockmap *clockmap;
    struct rtc_nack *nack; /* NULL: not negotiated */
    struct known window[RTC_IN_AUDIO_WINDOW];
    struct asked asked[RTC_IN_AUDIO_WINDOW];
    uint64_t first; /* the oldest number of the stream */
    uint64_t newest;
    uint32_t packet_rtp; /* from one packet to the next */
    int64_t rtt_us;      /* when last asked */
    uint64_t shift;      /* modulo 2^64, from seq to rtc_audio.sequence */
    uint64_t last_sequence;
    uint64_t recovered;
};

int rtc_in_audio_create(struct rtc_in_audio **out, const struct rtc_peer_sink *sink,
                        struct rtc_clockmap *clockmap)
{
    struct rtc_in_audio *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->sink = *sink;
    a->clockmap = clockmap;
    a->packet_rtp = PACKET_RTP;
    *out = a;
    return 0;
}

void rtc_in_audio_destroy(struct rtc_in_audio *a)
{
    if (a)
        rtc_nack_destroy(a->nack);
    free(a);
}

int rtc_in_audio_restart(struct rtc_in_audio *a, uint64_t first_seq, bool has_nack, uint64_t gap)
{
    static const struct rtc_nack_conf conf = {.reorder_us = REORDER_US,
                                              .max_age_us = RTC_IN_AUDIO_AGE_MAX_US,
                                              .max_tries = RTC_IN_AUDIO_TRIES};
    struct rtc_nack *nack = NULL;
    const int err = has_nack ? rtc_nack_create(&nack, &conf) : 0;
    if (err)
        return err;
    rtc_nack_destroy(a->nack);
    a->nack = nack;
    if (a->last_sequence) /* consumers see the numbers go on */
        a->shift = a->last_sequence + gap - first_seq;
    for (size_t i = 0; i < RTC_IN_AUDIO_WINDOW; i++) {
        a->window[i] = (struct known){0};
        a->asked[i] = (struct asked){0};
    }
    a->first = a->newest = first_seq;
    a->packet_rtp = PACKET_RTP;
    return 0;
}

/* --- the window ----------------------------------------------------------------------------------
 */

static const struct known *find(const struct rtc_in_audio *a, uint64_t seq)
{
    const struct known *k = &a->window[seq % RTC_IN_AUDIO_WINDOW];
    return k->seq == seq ? k : NULL;
}

static void learn_duration(struct rtc_in_audio *a, uint64_t seq, uint32_t timestamp)
{
    const struct known *before = find(a, seq - 1);
    const uint32_t step_rtp = before && before->has_sound ? timestamp - before->timestamp : 0;
    if (step_rtp > 0 && step_rtp <= PACKET_MAX_RTP)
        a->packet_rtp = step_rtp;
}

/* False: it came before, or too long ago to tell. */
static bool note(struct rtc_in_audio *a, uint64_t seq, uint32_t timestamp, bool has_sound)
{
    if (seq + RTC_IN_AUDIO_WINDOW <= a->newest || find(a, seq))
        return false;
    a->window[seq % RTC_IN_AUDIO_WINDOW] =
        (struct known){.seq = seq, .timestamp = timestamp, .has_sound = has_sound};
    if (seq > a->newest)
        a->newest = seq;
    if (seq < a->first)
        a->first = seq;
    if (has_sound)
        learn_duration(a, seq, timestamp);
    return true;
}

/* Between which numbers a sound of this time lies, both included; false: it came already. */
static bool find_neighbours(const struct rtc_in_audio *a, uint64_t carrier, uint32_t timestamp,
                            uint64_t *low_out, uint64_t *high_out)
{
    const uint64_t reach = RTC_IN_AUDIO_WINDOW / 2;
    uint64_t low = carrier - reach > a->first ? carrier - reach : a->first;
    uint64_t high = carrier - 1;
    for (uint64_t s = carrier - 1; s >= low; s--) {
        const struct known *k = find(a, s);
        if (!k || !k->has_sound)
            continue;
        const int32_t after_rtp = (int32_t)(k->timestamp - timestamp);
        if (after_rtp == 0)
            return false;
        if (after_rtp < 0) {
            low = s + 1;
            break;
        }
        high = s - 1;
    }
    *low_out = low;
    *high_out = high;
    return true;
}

/* The number of a copy in the packet `carrier`; 0: it came already, or there is no place for it.
 * The distance in time decides. Where time leapt (DTX) that leads past a neighbour: then its rank
 * among the packet's copies does, 1 for the newest. */
static uint64_t place(const struct rtc_in_audio *a, uint64_t carrier, uint32_t timestamp,
                      uint32_t offset_rtp, size_t rank)
{
    uint64_t low, high;
    if (!find_neighbours(a, carrier, timestamp, &low, &high) || low > high)
        return 0;
    const uint64_t distance = (offset_rtp + a->packet_rtp / 2) / a->packet_rtp;
    uint64_t seq = carrier - (distance ? distance : 1);
    if (seq < low)
        seq = carrier - rank;
    if (seq < low)
        seq = low;
    if (seq > high)
        seq = high;
    return find(a, seq) ? 0 : seq;
}

/* --- handing on ----------------------------------------------------------------------------------
 */

static void hand_on(struct rtc_in_audio *a, const struct rtc_in_audio_packet *p)
{
    const uint64_t sequence = p->seq + a->shift;
    if (!note(a, p->seq, p->timestamp, p->size > 0))
        return;
    if (sequence > a->last_sequence)
        a->last_sequence = sequence;
    if (p->size == 0)
        return;
    const struct rtc_audio audio = {
        .payload = p->payload,
        .size = p->size,
        .sequence = sequence,
        .pts_us = rtc_clockmap_pts(a->clockmap, MCU_AUDIO, p->timestamp),
        .arrival_us = p->arrival_us,
        .level_dbov = p->level_dbov,
        .is_repair = p->is_repair,
    };
    if (p->is_repair)
        a->recovered++;
    a->sink.on_audio(a->sink.ctx, &audio);
}

static void hand_on_copy(struct rtc_in_audio *a, const struct rtc_in_audio_packet *carrier,
                         const struct rtc_red_block *copy, size_t rank)
{
    const uint32_t timestamp = carrier->timestamp - copy->offset_rtp;
    const uint64_t seq = place(a, carrier->seq, timestamp, copy->offset_rtp, rank);
    if (seq == 0)
        return;
    if (a->nack)
        rtc_nack_received(a->nack, seq, carrier->arrival_us);
    const struct rtc_in_audio_packet p = {
        .payload = copy->data,
        .size = copy->size,
        .seq = seq,
        .timestamp = timestamp,
        .arrival_us = carrier->arrival_us,
        .level_dbov = 1, /* the header extension speaks of the primary */
        .is_repair = true,
    };
    hand_on(a, &p);
}

int rtc_in_audio_take(struct rtc_in_audio *a, const struct rtc_in_audio_packet *packet)
{
    struct rtc_in_audio_packet primary = *packet;
    struct rtc_red red = {.count = 0};
    if (packet->is_red && packet->size > 0) {
        const int err = rtc_red_parse(&red, packet->payload, packet->size);
        if (err || red.primary.pt != packet->media_pt)
            return -EBADMSG;
        primary.payload = red.primary.data;
        primary.size = red.primary.size;
    }
    if (a->nack)
        rtc_nack_received(a->nack, packet->seq, packet->arrival_us);
    for (size_t i = 0; i < red.count; i++) {
        if (red.copies[i].pt == packet->media_pt)
            hand_on_copy(a, packet, &red.copies[i], red.count - i);
    }
    hand_on(a, &primary);
    return 0;
}

/* --- asking again --------------------------------------------------------------------------------
 */

size_t rtc_in_audio_missing(struct rtc_in_audio *a, int64_t now_us, int64_t rtt_us, uint16_t *seqs,
                            size_t capacity)
{
    a->rtt_us = rtt_us;
    if (!a->nack || rtt_us > RTC_IN_AUDIO_RTT_MAX_US)
        return 0;
    const size_t n = rtc_nack_due(a->nack, now_us, rtt_us, seqs, capacity);
    for (size_t i = 0; i < n; i++) {
        const uint64_t seq = a->newest - (uint16_t)((uint16_t)a->newest - seqs[i]);
        a->asked[seq % RTC_IN_AUDIO_WINDOW] = (struct asked){.seq = seq, .at_us = now_us};
    }
    return n;
}

/* What was only reordered may come right after we asked: an answer takes most of a round trip. */
bool rtc_in_audio_is_answer(const struct rtc_in_audio *a, uint64_t seq, int64_t now_us)
{
    if (!a->nack)
        return false; /* most of a big room: its row of questions need not be looked at */
    const struct asked *q = &a->asked[seq % RTC_IN_AUDIO_WINDOW];
    return q->seq == seq && now_us - q->at_us >= (a->rtt_us > 0 ? a->rtt_us * 3 / 4 : 0);
}

void rtc_in_audio_warm(const struct rtc_in_audio *a, uint16_t seq)
{
    rtc_warm(a, sizeof(a->sink) + 2 * sizeof(void *));
    RTC_WARM_SPAN(a, first, recovered);
    rtc_warm(&a->window[seq % RTC_IN_AUDIO_WINDOW], sizeof(a->window[0]));
    rtc_clockmap_warm(a->clockmap, MCU_AUDIO);
}

uint64_t rtc_in_audio_recovered(const struct rtc_in_audio *a)
{
    return a->recovered;
}
