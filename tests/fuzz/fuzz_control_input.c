/* Fuzzes outside sources as REST and the control socket bring them. What is taken names either a
 * URL or a file, has a masked form without its query, and is taken again as it was. */
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_true)
{
    if (!is_true)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = NULL;
    char why[MCU_INPUT_WHY_MAX] = "";
    struct mcu_input in;
    struct mcu_input_change change;
    if (mcu_json_parse(&json, (const char *)data, size))
        return 0;
    if (mcu_input_read(&in, json, why) == 0) {
        const char *wrong;
        struct guard_url url;
        check((in.url[0] != '\0') != (in.file[0] != '\0') && in.masked[0]);
        check(!in.file[0] || guard_check_file(in.file, &wrong) == 0);
        check(!in.url[0] || guard_parse_url(&url, in.url, GUARD_INPUT, &wrong) == 0);
        check(in.position_us >= 0);
    } else {
        check(why[0] && strlen(why) < sizeof(why));
    }
    if (mcu_input_change_read(&change, json, why) == 0)
        check(change.position_us >= 0);
    json_decref(json);
    return 0;
}
