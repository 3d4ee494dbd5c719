/* Transport-wide feedback as it comes, between packets that are sent: the estimate stays within its
 * bounds, and nothing is told of packets that were not sent.
 *
 *     input: (op, argument)*; op even: argument packets leave; odd: argument bytes of feedback
 * follow */
#include <stdbool.h>
#include <stdlib.h>

#include "transport/estimate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

struct run {
    struct rtc_estimator *e;
    uint16_t seq;
    uint64_t sent, told;
    int64_t now_us;
};

static void send(struct run *r, unsigned count)
{
    size_t packet_bytes;
    for (unsigned i = 0; i < count; i++) {
        r->now_us += 2500;
        rtc_estimator_sent(r->e, r->seq++, 100 + i * 5, r->now_us);
        r->sent++;
    }
    for (int i = 0; i < 64 && rtc_estimator_probe_bytes(r->e, r->now_us, &packet_bytes) > 0; i++) {
        check(packet_bytes > 0 && packet_bytes <= 1200);
        rtc_estimator_sent(r->e, r->seq++, packet_bytes, r->now_us);
        r->sent++;
    }
}

static void take(struct run *r, const uint8_t *fci, size_t size)
{
    struct rtc_fates fates = {0, 0};
    r->now_us += 20000;
    rtc_estimator_feedback(r->e, fci, size, r->now_us, 40000, &fates);
    check(fates.lost <= fates.sent);
    r->told += fates.sent;
    check(r->told <= r->sent); /* each but once */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run r = {.seq = 65500, .now_us = 1000000};
    if (rtc_estimator_create(&r.e))
        return 0;
    for (size_t at = 0; at + 2 <= size;) {
        const uint8_t op = data[at], argument = data[at + 1];
        at += 2;
        if (op % 2 == 0) {
            send(&r, argument);
        } else {
            const size_t n = argument < size - at ? argument : size - at;
            take(&r, data + at, n);
            at += n;
        }
        rtc_estimator_tick(r.e, r.now_us);
        struct rtc_estimator_state s;
        rtc_estimator_read(r.e, &s);
        check(s.bitrate_bps >= RTC_ESTIMATE_MIN_BPS && s.bitrate_bps <= RTC_ESTIMATE_MAX_BPS);
    }
    rtc_estimator_destroy(r.e);
    return 0;
}
