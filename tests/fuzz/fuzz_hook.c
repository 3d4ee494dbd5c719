/* Fuzzes the answers of the application's server: the first two bytes are the HTTP status. Aborts
 * when a status that is no answer counts as one, a refusal allows, or words are not fit to be sent
 * on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "signaling/hooks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sig_hook_answer a = {.msg = ""};
    if (size < 2)
        return 0;
    const long status = 100 + (data[0] << 8 | data[1]) % 500;
    if (!sig_hook_answer_read(&a, status, (const char *)data + 2, size - 2))
        return 0;
    const size_t n = strnlen(a.msg, sizeof(a.msg));
    if (n == sizeof(a.msg) || (n && !mcu_text_is_fit(a.msg, n, 1, 199)) || !a.is_answered)
        abort();
    if ((status < 200 || status > 299) && (a.is_allowed || a.wants_close))
        abort();
    return 0;
}
