/* transport/freeze.h - how often a camera's picture stood still: a frame came later than three times
 * the usual interval, and 150 ms more than it (as browsers count freezeCount, W3C webrtc-stats).
 *
 * Pure; a plain struct. One [net] thread at a time. */
#ifndef TRANSPORT_FREEZE_H
#define TRANSPORT_FREEZE_H

#include <stdint.h>

struct rtc_freeze { /* all zero: a fresh one */
    int64_t last_us;  /* the frame before; 0: none */
    int64_t usual_us; /* mean interval, of the newest 30 or so; 0: not known */
    uint32_t frames;
    uint64_t count;
};

/* A frame may be shown now. */
void rtc_freeze_note(struct rtc_freeze *f, int64_t now_us);

#endif
