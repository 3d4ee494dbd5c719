/* How much a far side is asked to send; see limit.h. */
#include "transport/limit.h"

enum {
    SOUND_BPS = 128 * 1000,  /* Opus in stereo with copies */
    PAUSED_BPS = 30 * 1000,  /* browsers do not go lower */
    HEADERS_PERCENT = 10,
    LAYERS_PERCENT = 50, /* the layers below the one that is wanted, beside it */
    SPARE_PERCENT = 10,  /* so much smaller than needed is not seen */
};

static bool takes_remb(const struct rtc_line *line)
{
    for (size_t i = 0; i < line->codec_count; i++) {
        if (line->codecs[i].has_remb)
            return true;
    }
    return false;
}

static uint64_t picture_bps(const struct rtc_line *line, const struct rtc_limit *limit)
{
    const uint64_t bps = limit->bitrate_bps > PAUSED_BPS ? limit->bitrate_bps : PAUSED_BPS;
    const uint64_t percent = 100 + HEADERS_PERCENT + (line->rid_count > 1 ? LAYERS_PERCENT : 0);
    return bps * percent / 100;
}

static bool is_receiving(const struct rtc_line *line)
{
    return line->is_used && (line->direction & MCU_RECVONLY);
}

uint64_t rtc_limit_total_bps(const struct rtc_session *session,
                             const struct rtc_told_limit told[RTC_PICTURES])
{
    uint64_t total_bps = 0;
    for (size_t i = 0; i < RTC_PICTURES; i++) {
        const struct rtc_line *line = &session->lines[MCU_VIDEO + i];
        if (!is_receiving(line))
            continue;
        if (!told[i].is_told || !takes_remb(line))
            return 0;
        total_bps += picture_bps(line, &told[i].limit);
    }
    return total_bps && is_receiving(&session->lines[MCU_AUDIO]) ? total_bps + SOUND_BPS
                                                                 : total_bps;
}

static uint32_t short_side(uint32_t width, uint32_t height)
{
    return width < height ? width : height;
}

bool rtc_limit_is_covered(const struct rtc_limit *limit, uint32_t width, uint32_t height)
{
    return (uint64_t)short_side(width, height) * 100 >=
           (uint64_t)short_side(limit->width, limit->height) * (100 - SPARE_PERCENT);
}
