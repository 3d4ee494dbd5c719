/* Fuzzes what REST takes about sound: patches of a member's, plain RTP participants and files to
 * play. Aborts when a patch that was taken leads to a state that is none, or does not stay as it
 * is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_audio.h"
#include "mcu/control_rtp.h"
#include "signaling/sounds.h"

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_patch(const json_t *patch)
{
    char why[MCU_WHY_MAX];
    if (mcu_audio_check(patch, why) != 0) {
        check(why[0] && memchr(why, '\0', sizeof(why)));
        return;
    }
    json_t *state = json_object();
    json_t *again = json_object();
    check(mcu_audio_merge(state, patch) == 0);
    check(mcu_audio_check(state, why) == 0);
    check(mcu_audio_merge(again, state) == 0 && json_equal(state, again));
    json_decref(again);
    json_decref(state);
}

static void check_rtp(const json_t *json)
{
    char why[MCU_RTP_WHY_MAX];
    struct mcu_rtp rtp;
    if (mcu_rtp_read(&rtp, json, why) != 0) {
        check(why[0] && memchr(why, '\0', sizeof(why)));
        return;
    }
    check(memchr(rtp.host, '\0', sizeof(rtp.host)) != NULL);
    check(rtp.media[0].direction || rtp.media[1].direction);
    check(!rtp.is_srtp || rtp.key_bytes == 28 || rtp.key_bytes == 30);
}

static void check_file(const json_t *json)
{
    const char *file = json_string_value(json_object_get(json, "file"));
    if (!file || !sig_sound_file_is_valid(file))
        return;
    check(file[0] != '/' && !strstr(file, "/.") && !strstr(file, "//") && file[0] != '.');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = NULL;
    if (mcu_json_parse(&json, (const char *)data, size) != 0)
        return 0;
    check_patch(json);
    check_rtp(json);
    check_file(json);
    json_decref(json);
    return 0;
}
