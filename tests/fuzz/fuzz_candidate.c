/* Fuzzes ICE candidates. Aborts when one that was taken does not come back equal from its own text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/candidate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    struct rtc_candidate c, again;
    char written[256];
    if (rtc_candidate_parse(&c, text) == 0 && c.is_udp && c.has_address) {
        if (rtc_candidate_write(written, sizeof(written), &c, NULL) ||
            rtc_candidate_parse(&again, written))
            abort();
        if (strcmp(c.foundation, again.foundation) != 0 || c.priority != again.priority ||
            c.type != again.type || memcmp(&c.address, &again.address, sizeof(c.address)) != 0)
            abort();
    }
    free(text);
    return 0;
}
