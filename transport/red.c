/* RFC 2198 payloads, read and written; see red.h. [any] */
#include "transport/red.h"

#include <errno.h>
#include <stdbool.h>

#include "mcu/base/bytes.h"

/* --- reading -------------------------------------------------------------------------------------
 */

/* The block headers, up to the one that ends them. */
static int read_headers(struct mcu_reader *r, struct rtc_red_block *copies, size_t *count,
                        uint8_t *primary_pt)
{
    for (*count = 0;; (*count)++) {
        const uint8_t first = mcu_take_u8(r);
        *primary_pt = first & 0x7f;
        if (r->failed || !(first & 0x80))
            return r->failed ? -EBADMSG : 0;
        const uint32_t rest = mcu_take_u24(r);
        if (r->failed || *count == RTC_RED_COPIES_PARSED_MAX)
            return -EBADMSG;
        copies[*count] = (struct rtc_red_block){
            .pt = first & 0x7f, .offset_rtp = (uint16_t)(rest >> 10), .size = rest & 0x3ff};
    }
}

int rtc_red_parse(struct rtc_red *out, const uint8_t *payload, size_t size)
{
    struct mcu_reader r = mcu_reader(payload, size);
    struct rtc_red_block listed[RTC_RED_COPIES_PARSED_MAX];
    size_t count;
    uint8_t pt;
    const int err = read_headers(&r, listed, &count, &pt);
    if (err)
        return err;

    struct rtc_red red = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        listed[i].data = mcu_take(&r, listed[i].size);
        if (r.failed)
            return -EBADMSG;
        if (listed[i].size > 0 && listed[i].offset_rtp > 0)
            red.copies[red.count++] = listed[i];
    }
    const size_t left = mcu_left(&r);
    red.primary = (struct rtc_red_block){.pt = pt, .data = mcu_take(&r, left), .size = left};
    *out = red;
    return 0;
}

/* --- writing -------------------------------------------------------------------------------------
 */

static bool may_go(const struct rtc_red_block *copy)
{
    return copy->size > 0 && copy->size <= RTC_RED_COPY_BYTES_MAX && copy->offset_rtp > 0 &&
           copy->offset_rtp <= RTC_RED_OFFSET_MAX_RTP;
}

/* The newest ones first: a copy of what was just lost is worth most. */
static uint32_t choose(const struct rtc_red_block *copies, size_t count, size_t room)
{
    uint32_t chosen = 0;
    for (size_t i = 0; i < count && i < RTC_RED_COPIES_MAX; i++) {
        const size_t wanted = RTC_RED_COPY_HEADER + copies[i].size;
        if (!may_go(&copies[i]))
            continue;
        if (wanted > room)
            break;
        room -= wanted;
        chosen |= 1u << i;
    }
    return chosen;
}

int rtc_red_write(uint8_t *out, size_t capacity, const struct rtc_red_block *primary,
                  const struct rtc_red_block *copies, size_t count, uint32_t *taken)
{
    if (primary->size + RTC_RED_PRIMARY_HEADER > capacity)
        return -ENOSPC;
    const uint32_t chosen =
        choose(copies, count, capacity - primary->size - RTC_RED_PRIMARY_HEADER);
    struct mcu_writer w = mcu_writer(out, capacity);
    for (size_t i = RTC_RED_COPIES_MAX; i-- > 0;) {
        if (!(chosen & 1u << i))
            continue;
        mcu_put_u8(&w, 0x80 | copies[i].pt);
        mcu_put_u24(&w, (uint32_t)copies[i].offset_rtp << 10 | (uint32_t)copies[i].size);
    }
    mcu_put_u8(&w, primary->pt & 0x7f);
    for (size_t i = RTC_RED_COPIES_MAX; i-- > 0;) {
        if (chosen & 1u << i)
            mcu_put(&w, copies[i].data, copies[i].size);
    }
    mcu_put(&w, primary->data, primary->size);
    if (w.failed)
        return -ENOSPC;
    if (taken)
        *taken = chosen;
    return (int)mcu_written(&w);
}
