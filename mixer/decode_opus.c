/* Opus in, by libopus, which keeps its scratch on the stack and so does not allocate. */
#include "mixer/decode.h"

#include <errno.h>
#include <string.h>

#include <opus/opus.h>

#include "mixer/mix.h"

enum { HEAD_MIN = 19, HEAD_VERSION_MAX = 15 };

/* RFC 7845, section 5.1: "OpusHead", version, channels, pre-skip, rate, gain, mapping family. */
static int read_head(const struct mix_input_conf *conf, int *gain_q8)
{
    const uint8_t *head = conf->extradata;
    *gain_q8 = 0;
    if (!head || conf->extradata_size == 0)
        return 0;
    if (conf->extradata_size < HEAD_MIN || memcmp(head, "OpusHead", 8) != 0 ||
        head[8] > HEAD_VERSION_MAX)
        return -EINVAL;
    const int channels = head[9];
    if (channels < 1 || channels > 2) /* more are several streams in one packet */
        return -EINVAL;
    *gain_q8 = (int16_t)(uint16_t)(head[16] | head[17] << 8);
    return 0;
}

int mix_opus_create(struct OpusDecoder **out, const struct mix_input_conf *conf, uint32_t channels)
{
    int gain_q8;
    if (conf->channels > 2 || read_head(conf, &gain_q8))
        return -EINVAL;
    int err = OPUS_OK;
    OpusDecoder *opus = opus_decoder_create(MIX_RATE_HZ, (int)channels, &err);
    if (!opus)
        return err == OPUS_BAD_ARG ? -EINVAL : -ENOMEM;
    opus_decoder_ctl(opus, OPUS_SET_GAIN(gain_q8));
    *out = opus;
    return 0;
}

void mix_opus_destroy(struct OpusDecoder *opus)
{
    if (opus)
        opus_decoder_destroy(opus);
}

uint32_t mix_opus_frames(const uint8_t *data, size_t size)
{
    const int frames = opus_packet_get_nb_samples(data, (opus_int32)size, MIX_RATE_HZ);
    return frames > 0 ? (uint32_t)frames : 0;
}

int mix_opus_decode(struct OpusDecoder *opus, const uint8_t *data, size_t size, float *pcm,
                    uint32_t frames_max)
{
    const int frames = opus_decode_float(opus, data, (opus_int32)size, pcm, (int)frames_max, 0);
    return frames > 0 ? frames : -EBADMSG;
}

int mix_opus_conceal(struct OpusDecoder *opus, const uint8_t *next, size_t next_size, float *pcm,
                     uint32_t frames)
{
    int made = next ? opus_decode_float(opus, next, (opus_int32)next_size, pcm, (int)frames, 1)
                    : OPUS_INVALID_PACKET;
    if (made <= 0) /* no next packet, or one that is garbage */
        made = opus_decode_float(opus, NULL, 0, pcm, (int)frames, 0);
    return made > 0 ? made : -EBADMSG;
}
