/* VP9 payload descriptors. What is read stays within bounds and leaves something behind it. */
#include <stdlib.h>

#include "transport/payload_vp9.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtc_vp9_descriptor d;
    if (rtc_vp9_parse(&d, data, size) == 0 &&
        (d.size == 0 || d.size >= size || d.tid > 7 || d.sid > 7 || d.picture_id > 0x7fff))
        abort();
    return 0;
}
