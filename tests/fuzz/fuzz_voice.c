/* One voice as hostile senders feed it: Opus bytes, sequence numbers, times, levels and repairs,
 * with ticks that play or skip in between. The input is a list of commands:
 *
 *   tick      0xxxxxxx                    low bits: how many (to 16), and played, skipped or faded
 *   packet    1xxxxxxx flags, numbers, size, bytes
 *
 * Whatever comes, the sound stays within full scale's reach, the delay within its bounds, and the
 * counters make sense. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mixer/frames.h"
#include "mixer/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reader {
    const uint8_t *data;
    size_t size, at;
};

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static uint8_t take(struct reader *r)
{
    return r->at < r->size ? r->data[r->at++] : 0;
}

static int64_t take_time(struct reader *r, int64_t now_us)
{
    const uint8_t how = take(r);
    const int64_t fine = take(r) * 2500 - 160000;
    if (how < 200)
        return now_us + fine;
    if (how < 240)
        return now_us + fine * 100;
    return how & 1 ? INT64_MAX - (fine + 160000) : INT64_MIN + (fine + 160000);
}

static void check_sound(const struct mix_input *in)
{
    for (size_t i = 0; in->played && i < (size_t)MIX_TICK_FRAMES * in->channels; i++)
        check(isfinite(in->played[i]));
}

static void tick(struct mix_input *in, uint8_t command, int64_t *now_us)
{
    for (int n = command & 15; n >= 0; n--) {
        const int64_t at = mix_frames(*now_us);
        mix_input_observe(in, at);
        if (command >> 4 & 1 && !mix_input_must_decode(in))
            mix_input_skip(in, at);
        else
            mix_input_render(in, at, !(command >> 5 & 1));
        check_sound(in);
        *now_us += MIX_TICK_US;
    }
    struct mix_input_stats s;
    mix_input_read_stats(in, &s);
    check(s.concealed <= s.frames);
    check(mix_input_level_dbov(in) <= 0 && mix_input_level_dbov(in) >= -127);
}

static void push(struct mix_input *in, struct reader *r, uint8_t command, int64_t now_us,
                 uint64_t *sequence)
{
    const uint8_t step = take(r);
    *sequence += step < 250 ? step % 8 : (uint64_t)step << (step & 63);
    const size_t wanted = command & 1 ? take(r) : (size_t)take(r) * 8;
    const size_t n = wanted < r->size - r->at ? wanted : r->size - r->at;
    const struct mix_packet p = {.data = r->data + r->at,
                                 .size = n,
                                 .sequence = *sequence - (command >> 1 & 3),
                                 .pts_us = take_time(r, now_us),
                                 .arrival_us = take_time(r, now_us),
                                 .level_dbov = command & 8 ? 1 : -(int)(take(r) % 128),
                                 .is_repair = command & 16};
    mix_input_push(in, &p);
    r->at += n < r->size - r->at ? n : r->size - r->at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = {.data = data, .size = size};
    const uint8_t kind = take(&r);
    const struct mix_conf mix = {.channels = 1 + (kind & 1),
                                 .min_delay_us = 20000,
                                 .max_delay_us = kind & 2 ? 20000 : 300000};
    const struct mix_input_conf conf = {
        .codec = MCU_CODEC_OPUS,
        .channels = 2,
        .rate_hz = MIX_RATE_HZ,
        .treatment = {.is_levelled = kind & 4, .is_original = kind & 8}};
    struct mix_input *in;
    if (mix_input_create(&in, &mix, &conf))
        return 0;
    int64_t now_us = 1000000;
    uint64_t sequence = kind & 16 ? UINT64_MAX - 20 : 100;
    for (int ticks = 0; r.at < r.size && ticks < 300;) {
        const uint8_t command = take(&r);
        if (command & 128) {
            push(in, &r, command, now_us, &sequence);
            continue;
        }
        tick(in, command, &now_us);
        ticks += (command & 15) + 1;
    }
    mix_input_destroy(in);
    return 0;
}
