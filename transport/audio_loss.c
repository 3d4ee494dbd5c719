/* Loss to redundancy; see audio_loss.h. A step up is taken at once, with a step down only when the
 * loss was well below the step for RTC_AUDIO_CALM_US: redundancy too much costs a few kbit/s, too
 * little costs words. */
#include "transport/audio_loss.h"

#include <stddef.h>

static const uint32_t copies_from_ppm[] = {10000, 50000, 150000, 300000};

enum {
    STEPS = sizeof(copies_from_ppm) / sizeof(copies_from_ppm[0]),
    FEC_FROM_PPM = 30000,
    LOW_FROM_PPM = 400000,
    COPIES_CROWDED = 1,
};

/* How many of the steps are at or below the loss; `percent` of each: below 100 to stay up there. */
static uint32_t copies_at(uint32_t loss_ppm, uint32_t percent)
{
    uint32_t n = 0;
    while (n < STEPS && loss_ppm >= copies_from_ppm[n] / 100 * percent)
        n++;
    return n;
}

static bool is_rate_low(const struct rtc_audio_loss *l, int64_t now_us)
{
    const uint64_t from_bps =
        l->need == RTC_AUDIO_LOW ? RTC_AUDIO_REMB_GOOD_BPS : RTC_AUDIO_REMB_LOW_BPS;
    return l->has_remb && now_us - l->remb_us < RTC_AUDIO_REMB_OLD_US && l->remb_bps < from_bps;
}

static enum rtc_audio_need need_at(const struct rtc_audio_loss *l, uint32_t percent, int64_t now_us)
{
    if (l->is_crowded || is_rate_low(l, now_us) || l->loss_ppm >= LOW_FROM_PPM / 100 * percent)
        return RTC_AUDIO_LOW;
    return l->loss_ppm >= FEC_FROM_PPM / 100 * percent ? RTC_AUDIO_FEC : RTC_AUDIO_CLEAN;
}

/* The value after hysteresis: up at once, down after a calm time. */
static uint32_t settle(uint32_t now, uint32_t up, uint32_t down, int64_t *calm_us, int64_t now_us)
{
    if (up > now || down >= now) {
        *calm_us = 0;
        return up > now ? up : now;
    }
    if (*calm_us == 0)
        *calm_us = now_us;
    if (now_us - *calm_us < RTC_AUDIO_CALM_US)
        return now;
    *calm_us = 0;
    return now - 1; /* one step at a time */
}

static void decide(struct rtc_audio_loss *l, int64_t now_us)
{
    l->copies = settle(l->copies, copies_at(l->loss_ppm, 100), copies_at(l->loss_ppm, 60),
                       &l->copies_calm_us, now_us);
    if (l->is_crowded && l->copies > COPIES_CROWDED)
        l->copies = COPIES_CROWDED;
    l->need =
        (enum rtc_audio_need)settle((uint32_t)l->need, (uint32_t)need_at(l, 100, now_us),
                                    (uint32_t)need_at(l, 60, now_us), &l->need_calm_us, now_us);
}

static void note(struct rtc_audio_loss *l, uint32_t loss_ppm, int64_t now_us)
{
    if (!l->is_started)
        l->loss_ppm = loss_ppm;
    else if (loss_ppm > l->loss_ppm)
        l->loss_ppm += (loss_ppm - l->loss_ppm) / 4 * 3;
    else
        l->loss_ppm -= (l->loss_ppm - loss_ppm) / 4;
    l->is_started = true;
    decide(l, now_us);
}

void rtc_audio_loss_report(struct rtc_audio_loss *l, uint8_t fraction, int64_t now_us)
{
    if (l->fates_told_us && now_us - l->fates_told_us < 4 * RTC_AUDIO_FATES_US)
        return;
    note(l, (uint32_t)fraction * 1000000 / 256, now_us);
}

void rtc_audio_loss_fates(struct rtc_audio_loss *l, uint32_t sent, uint32_t lost, int64_t now_us)
{
    if (l->fates == 0)
        l->fates_since_us = now_us;
    l->fates += sent;
    l->fates_lost += lost < sent ? lost : sent;
    if (l->fates < RTC_AUDIO_FATES_MIN || now_us - l->fates_since_us < RTC_AUDIO_FATES_US)
        return;
    const uint32_t loss_ppm = (uint32_t)((uint64_t)l->fates_lost * 1000000 / l->fates);
    l->fates = l->fates_lost = 0;
    l->fates_told_us = now_us;
    note(l, loss_ppm, now_us);
}

void rtc_audio_loss_remb(struct rtc_audio_loss *l, uint64_t bitrate_bps, int64_t now_us)
{
    l->has_remb = true;
    l->remb_bps = bitrate_bps;
    l->remb_us = now_us;
    decide(l, now_us);
}

void rtc_audio_loss_crowded(struct rtc_audio_loss *l, bool is_crowded, int64_t now_us)
{
    if (l->is_crowded == is_crowded)
        return;
    l->is_crowded = is_crowded;
    decide(l, now_us);
}
