/* transport/audio_loss.h - what one receiver's network does to the audio that it is sent, and what
 * is done about it: how many copies each packet carries (RFC 2198), and which encoding is asked
 * for.
 *
 *     loss above      1 %   3 %   5 %   15 %   30 %   40 %
 *     copies           1           2      3      4
 *     encoding              FEC                        LOW
 *
 * Quick to rise, slow to fall. LOW also where the receiver's estimate (REMB) is low. A plain
 * struct, no allocation. One [net] thread at a time. */
#ifndef TRANSPORT_AUDIO_LOSS_H
#define TRANSPORT_AUDIO_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/rtc.h"

enum {
    RTC_AUDIO_CALM_US =
        3 * 1000 * 1000,             /* so long a lower step must have done before it is taken */
    RTC_AUDIO_FATES_US = 500 * 1000, /* transport-wide feedback is summed up for so long */
    RTC_AUDIO_FATES_MIN = 20,        /* packets, and longer if they are fewer */
    RTC_AUDIO_REMB_LOW_BPS = 60 * 1000,
    RTC_AUDIO_REMB_GOOD_BPS = 80 * 1000,
    RTC_AUDIO_REMB_OLD_US = 10 * 1000 * 1000,
};

struct rtc_audio_loss { /* all zero: a fresh one */
    bool is_started;
    uint32_t loss_ppm; /* smoothed */
    uint32_t copies;
    int64_t copies_calm_us; /* fewer would have done since; 0: they would not */
    enum rtc_audio_need need;
    int64_t need_calm_us;
    bool has_remb;
    uint64_t remb_bps;
    bool is_crowded;
    int64_t remb_us;
    uint32_t fates;
    uint32_t fates_lost;
    int64_t fates_since_us;
    int64_t fates_told_us; /* 0: never */
};

/* A receiver report: fraction lost, of 256. Left aside while transport-wide feedback tells more and
 * sooner. */
void rtc_audio_loss_report(struct rtc_audio_loss *l, uint8_t fraction, int64_t now_us);

/* Transport-wide feedback: of `sent` packets `lost` did not come. */
void rtc_audio_loss_fates(struct rtc_audio_loss *l, uint32_t sent, uint32_t lost, int64_t now_us);

void rtc_audio_loss_remb(struct rtc_audio_loss *l, uint64_t bitrate_bps, int64_t now_us);

/* A queue on the way is full, or no more: then losses are of too much, and copies would make more of
 * them. At most one is sent, and the least good sound. */
void rtc_audio_loss_crowded(struct rtc_audio_loss *l, bool is_crowded, int64_t now_us);

#endif
