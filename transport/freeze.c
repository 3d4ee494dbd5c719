/* Pictures that stood still; see freeze.h. [net] */
#include "transport/freeze.h"

enum {
    LATE_US = 150 * 1000,
    SETTLED = 10,               /* frames, before anything is said */
    AWAY_US = 10 * 1000 * 1000, /* no picture was sent, or nothing at all came */
    MEAN_OF = 30,
};

void rtc_freeze_note(struct rtc_freeze *f, int64_t now_us)
{
    const int64_t interval_us = now_us - f->last_us;
    const int64_t last_us = f->last_us;
    f->last_us = now_us;
    if (last_us == 0 || interval_us < 0 || interval_us > AWAY_US) {
        f->frames = 0;
        f->usual_us = 0;
        return;
    }
    const int64_t late_us =
        f->usual_us * 3 > f->usual_us + LATE_US ? f->usual_us * 3 : f->usual_us + LATE_US;
    if (f->frames >= SETTLED && interval_us > late_us)
        f->count++;
    if (f->frames < MEAN_OF)
        f->frames++;
    f->usual_us += (interval_us - f->usual_us) / f->frames;
}
