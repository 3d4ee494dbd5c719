/* transport/clockmap.h - the RTP timestamps of ONE sender, its sound and its pictures, on the room
 * clock. Stream 0 (MCU_AUDIO) is the sound, all others are pictures.
 *
 * Before the first sender report arrival time serves, each stream by itself; with reports the
 * streams of the sender are lined up with each other, slowly: time never steps, save where the
 * sender's timestamps themselves leap. The maths stand in clockmap.c. One [net] thread at a
 * time. */
#ifndef TRANSPORT_CLOCKMAP_H
#define TRANSPORT_CLOCKMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "mcu/base/codec.h"

struct rtc_clockmap; /* opaque: one per sender */

enum { RTC_CLOCKMAP_STREAMS = 5 }; /* sound, three layers of a camera, a screen */

/* Rates of the RTP clocks in Hz (48000 and 90000). The caller owns *out. Returns 0, -EINVAL or
 * -ENOMEM. */
int rtc_clockmap_create(struct rtc_clockmap **out, uint32_t audio_hz, uint32_t video_hz);
void rtc_clockmap_destroy(struct rtc_clockmap *c); /* NULL is fine */

/* A stream starts anew (another SSRC): all that was learned of its timestamps is forgotten. */
void rtc_clockmap_restart(struct rtc_clockmap *c, unsigned stream);

/* Every packet as it arrives, before rtc_clockmap_pts(); not those recovered by RTX, which are late
 * by nature, nor padding-only ones, which repeat an old timestamp. */
void rtc_clockmap_arrived(struct rtc_clockmap *c, unsigned stream, uint32_t timestamp,
                          int64_t arrival_us);

/* A sender report of that stream: at NTP time ntp its RTP clock read timestamp. */
void rtc_clockmap_report(struct rtc_clockmap *c, unsigned stream, uint64_t ntp,
                         uint32_t timestamp);

/* Room-clock time of a timestamp of a stream that has had rtc_clockmap_arrived(). Never goes back
 * while the timestamps do not. Returns 0 for a stream of which nothing arrived yet. */
int64_t rtc_clockmap_pts(struct rtc_clockmap *c, unsigned stream, uint32_t timestamp);

/* Does the stream have a sender report that counts? */
bool rtc_clockmap_has_report(const struct rtc_clockmap *c, unsigned stream);

/* A packet of this stream comes soon. */
void rtc_clockmap_warm(const struct rtc_clockmap *c, unsigned stream);

#endif
