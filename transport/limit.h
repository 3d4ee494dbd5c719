/* transport/limit.h - how much a far side is asked to send, from what is shown of its pictures. Pure;
 * [any]. */
#ifndef TRANSPORT_LIMIT_H
#define TRANSPORT_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/negotiate.h"
#include "transport/rtc.h"

/* What was asked of a picture; is_told false: nothing yet. */
struct rtc_told_limit {
    bool is_told;
    struct rtc_limit limit;
};

/* Everything that the far side may send, for REMB (draft-alvestrand-rmcat-remb): pictures with their
 * headers, the smaller layers of simulcast, and sound. 0: there is nothing to say, since it does not
 * take REMB or some picture is not limited. */
uint64_t rtc_limit_total_bps(const struct rtc_session *session,
                             const struct rtc_told_limit told[RTC_PICTURES]);

/* Does a picture of that size have what the limit asks for? */
bool rtc_limit_is_covered(const struct rtc_limit *limit, uint32_t width, uint32_t height);

#endif
