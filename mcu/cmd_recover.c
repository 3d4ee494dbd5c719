/* `mixdown recover FILE`: finishes a recording that a dead process left behind, and prints one line
 * of JSON. The front runs it; people may. */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mcu/commands.h"
#include "recorder/rec.h"

static const char usage[] =
    "usage: mixdown recover FILE\n"
    "Finishes a recording whose process died: cuts off the broken tail, makes it a fast-start MP4 in\n"
    "place. Of an OGG, which is whole page by page, it cuts off a last page that is not. Nothing is\n"
    "deleted when that fails. Prints {ok, duration_ms, bytes, error, retry}.\n";

/* The file is fine, and may be finished when there is room. */
static bool is_worth_a_retry(int err)
{
    return err == -ENOSPC || err == -EDQUOT || err == -EROFS || err == -ENOMEM;
}

int mcu_cmd_recover(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc != 2 || argv[1][0] == '-') {
        fputs(usage, stderr);
        return 2;
    }
    struct rec_result result = {0};
    const int err = rec_recover(argv[1], &result);
    json_t *line = json_pack("{s:b,s:I,s:I}", "ok", err == 0, "duration_ms",
                             (json_int_t)result.duration_ms, "bytes", (json_int_t)result.bytes);
    if (err)
        json_object_set_new(line, "error", json_string(strerror(-err)));
    if (is_worth_a_retry(err))
        json_object_set_new(line, "retry", json_true());
    json_dumpf(line, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(line);
    return err ? 1 : 0;
}
