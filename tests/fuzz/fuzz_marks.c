/* Fuzzes the marks beside a recording: whatever stands there, turns are in order and within the file, and so
 * are chapters. */
#include <stdint.h>
#include <stdlib.h>

#include "recorder/talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct rec_turn *turns, size_t count, size_t people, int64_t end_us)
{
    for (size_t i = 0; i < count; i++) {
        if (turns[i].who >= people || turns[i].start_us < 0 || turns[i].end_us > end_us ||
            turns[i].end_us < turns[i].start_us || (i && turns[i].start_us < turns[i - 1].start_us))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t durations_us[] = {0, 1, 20000000, INT64_C(1) << 40};
    struct rec_turn chapters[REC_CHAPTERS_MAX];
    const int64_t duration_us = durations_us[size % 4];
    struct rec_talk *t = NULL;
    size_t vtt_size = 0;
    if (rec_talk_parse(&t, (const char *)data, size))
        return 0;
    rec_talk_cut(t, duration_us);
    check(t->turns, t->turns_count, t->people_count, duration_us);
    const size_t count = rec_talk_chapters(t, duration_us, chapters);
    if (count > REC_CHAPTERS_MAX)
        abort();
    check(chapters, count, t->people_count, duration_us);
    free(rec_talk_vtt(t, &vtt_size));
    json_decref(rec_talk_json(t, duration_us));
    rec_talk_free(t);
    return 0;
}
