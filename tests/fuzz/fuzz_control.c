/* Fuzzes control lines and descriptions as JSON. The first byte says where the stream is cut in
 * two. Aborts when a cut changes what is read, or a description changes between the two forms. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/control.h"

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_desc(const json_t *json)
{
    static struct mcu_desc desc, back;
    if (mcu_desc_from_json(&desc, json) != 0)
        return;
    json_t *again = mcu_desc_to_json(&desc);
    check(again && mcu_desc_from_json(&back, again) == 0);
    json_t *third = mcu_desc_to_json(&back);
    check(json_equal(again, third));
    json_decref(third);
    json_decref(again);
}

/* A message as a line reads back equal. */
static void check_line(const json_t *message)
{
    struct mcu_control_reader r = {0};
    json_t *back = NULL;
    size_t size = 0;
    char *line = mcu_control_line(message, &size);
    check(line && memchr(line, '\n', size) == line + size - 1);
    if (mcu_control_feed(&r, line, size) == 0) {
        check(mcu_control_next(&r, &back) == 1 && json_equal(message, back));
        json_decref(back);
    }
    free(line);
    mcu_control_reader_finish(&r);
}

/* Reads all there is; returns a sum of what was answered. */
static unsigned read_all(struct mcu_control_reader *r, unsigned sum, bool is_checked)
{
    json_t *message = NULL;
    for (int got; (got = mcu_control_next(r, &message)) != 0;) {
        sum = sum * 31 + (unsigned)got;
        if (got != 1)
            continue;
        if (is_checked) {
            check_line(message);
            check_desc(message);
            check_desc(json_object_get(message, "desc"));
        }
        json_decref(message);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mcu_control_reader whole = {0}, parts = {0};
    if (size == 0)
        return 0;
    const size_t length = size - 1, cut = length * data[0] / 255;
    data++;
    if (mcu_control_feed(&whole, data, length) == 0 && mcu_control_feed(&parts, data, cut) == 0) {
        const unsigned sum = read_all(&parts, 0, true);
        if (mcu_control_feed(&parts, data + cut, length - cut) == 0)
            check(read_all(&parts, sum, true) == read_all(&whole, 0, false));
    }
    mcu_control_reader_finish(&whole);
    mcu_control_reader_finish(&parts);
    return 0;
}
