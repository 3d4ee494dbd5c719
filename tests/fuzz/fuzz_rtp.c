/* RTP packets: parsing, header extensions, RTX; and that what is parsed lies inside the packet. */
#include <stdlib.h>
#include <string.h>

#include "transport/rtp.h"
#include "transport/rtx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_extensions(const struct rtc_rtp *rtp, const uint8_t *data, size_t size)
{
    char mid[RTC_RTP_MID_MAX + 1];
    int level;
    bool is_voice;
    uint16_t seq;
    uint32_t time;
    for (unsigned id = 0; id < 256; id++) {
        size_t n = 0;
        const uint8_t *value = rtc_rtp_ext_find(rtp, (uint8_t)id, &n);
        check(!value || (value >= data && value + n <= data + size));
        if (rtc_rtp_get_mid(rtp, (uint8_t)id, mid) == 0)
            check(strlen(mid) > 0 && strlen(mid) <= RTC_RTP_MID_MAX);
        if (rtc_rtp_get_audio_level(rtp, (uint8_t)id, &level, &is_voice) == 0)
            check(level <= 0 && level >= -127);
        rtc_rtp_get_transport_seq(rtp, (uint8_t)id, &seq);
        rtc_rtp_get_abs_send_time(rtp, (uint8_t)id, &time);
    }
}

/* A rewritten extension reads as written, and nothing else changes. */
static void check_rewrite(const uint8_t *data, size_t size)
{
    const uint8_t value[2] = {0xa5, 0x5a};
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    for (uint8_t id = 1; id < 15; id++) {
        struct rtc_rtp rtp;
        uint16_t seq = 0;
        if (rtc_rtp_ext_rewrite(copy, size, id, value, sizeof(value)))
            continue;
        check(rtc_rtp_parse(&rtp, copy, size) == 0);
        check(rtc_rtp_get_transport_seq(&rtp, id, &seq) == 0 && seq == 0xa55a);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtc_rtp rtp;
    rtc_datagram_kind(data, size);
    if (rtc_rtp_parse(&rtp, data, size))
        return 0;
    check(rtp.header_size + rtp.payload_size + rtp.padding == size);
    check(rtp.payload == data + rtp.header_size);
    check_extensions(&rtp, data, size);
    check_rewrite(data, size);
    if (rtc_rtx_unwrap(&rtp, 96, 1) == 0)
        check(rtp.payload + rtp.payload_size + rtp.padding == data + size);
    return 0;
}
