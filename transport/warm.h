/* transport/warm.h - bytes asked for before they are needed.
 *
 * A room of a thousand touches some kilobytes of each peer in turn, far more than the nearest
 * cache holds: without this most of a packet's time is waiting for memory. Whoever walks over many
 * peers warms the next ones, in steps: what a step reads through was warmed by the step before. */
#ifndef TRANSPORT_WARM_H
#define TRANSPORT_WARM_H

#include <stddef.h>

enum rtc_warm {
    RTC_WARM_PEER,   /* the peer's own fields */
    RTC_WARM_PARTS,  /* what they point to */
    RTC_WARM_DEPTHS, /* what that points to */
    RTC_WARM_STEPS,
};

enum { RTC_WARM_LINE_BYTES = 64 };

static inline void rtc_warm(const void *at, size_t bytes)
{
    const char *from = at;
    for (size_t i = 0; i < bytes + RTC_WARM_LINE_BYTES; i += RTC_WARM_LINE_BYTES)
        __builtin_prefetch(from + i);
}

/* From one member of *object on to the end of another. */
#define RTC_WARM_SPAN(object, first, last)                                                         \
    rtc_warm(&(object)->first,                                                                     \
             (size_t)((const char *)(&(object)->last + 1) - (const char *)&(object)->first))

#endif
