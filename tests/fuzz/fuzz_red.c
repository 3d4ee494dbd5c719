/* RED payloads: what is parsed lies inside the payload, and is written and read back the same. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "transport/red.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_inside(const struct rtc_red_block *b, const uint8_t *data, size_t size)
{
    check(b->size == 0 || (b->data >= data && b->data + b->size <= data + size));
}

/* The newest of them, as a sender would put them. */
static void check_again(const struct rtc_red *red)
{
    static uint8_t out[70000];
    struct rtc_red_block newest[RTC_RED_COPIES_MAX];
    struct rtc_red again;
    size_t n = 0;
    while (n < RTC_RED_COPIES_MAX && n < red->count) {
        newest[n] = red->copies[red->count - 1 - n];
        n++;
    }
    if (red->primary.size > sizeof(out) - 5000)
        return; /* longer than any packet: copies may have no room */
    const int size = rtc_red_write(out, sizeof(out), &red->primary, newest, n, NULL);
    check(size > 0);
    check(rtc_red_parse(&again, out, (size_t)size) == 0);
    check(again.count == n && again.primary.size == red->primary.size);
    for (size_t i = 0; i < n; i++) {
        const struct rtc_red_block *a = &again.copies[n - 1 - i];
        check(a->pt == newest[i].pt && a->offset_rtp == newest[i].offset_rtp);
        check(a->size == newest[i].size && memcmp(a->data, newest[i].data, a->size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtc_red red;
    if (rtc_red_parse(&red, data, size))
        return 0;
    check(red.count <= RTC_RED_COPIES_PARSED_MAX);
    check_inside(&red.primary, data, size);
    for (size_t i = 0; i < red.count; i++) {
        check(red.copies[i].size > 0 && red.copies[i].offset_rtp > 0);
        check_inside(&red.copies[i], data, size);
    }
    check_again(&red);
    return 0;
}
