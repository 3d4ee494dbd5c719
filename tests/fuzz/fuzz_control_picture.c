/* Fuzzes what hosts choose about a room's picture. Aborts when a patch that was taken leads to a
 * state that is none, or does not stay as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_picture.h"

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *patch = NULL;
    char why[MCU_WHY_MAX];
    if (mcu_json_parse(&patch, (const char *)data, size) != 0)
        return 0;
    if (mcu_picture_check(patch, why) != 0) {
        check(why[0] && memchr(why, '\0', sizeof(why)));
        json_decref(patch);
        return 0;
    }
    json_t *state = json_object();
    json_t *again = json_object();
    check(mcu_picture_merge(state, patch) == 0);
    check(mcu_picture_check(state, why) == 0);
    check(mcu_picture_merge(again, state) == 0 && json_equal(state, again));
    const char *layout = mcu_picture_layout(state);
    check(!layout || mcu_layout_name_is_valid(layout));
    check(mcu_picture_place(state, "ann") < MCU_ORDER_MAX);
    json_decref(again);
    json_decref(state);
    json_decref(patch);
    return 0;
}
