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

/* RFC 6716, section 3.1: configurations 16 to 31. */
bool mix_opus_is_celt(const uint8_t *data, size_t size)
{
    return size > 0 && data[0] & 0x80;
}

/* RFC 6716, section 4.2.3 and 4.2.4: the first SILK frame begins with a VAD bit for each 20 ms and
 * then the LBRR flag, for each channel in turn. */
bool mix_opus_has_fec(const uint8_t *data, size_t size)
{
    const unsigned char *frames[48];
    opus_int16 sizes[48];
    if (size == 0 || mix_opus_is_celt(data, size) ||
        opus_packet_parse(data, (opus_int32)size, NULL, frames, sizes, NULL) <= 0 || sizes[0] < 1)
        return false;
    const int samples = opus_packet_get_samples_per_frame(data, MIX_RATE_HZ);
    const int parts = samples > MIX_TICK_FRAMES ? samples / MIX_TICK_FRAMES : 1;
    const unsigned flags = frames[0][0];
    const bool has_mid = flags >> (7 - parts) & 1;
    const bool is_stereo = opus_packet_get_nb_channels(data) == 2;
    return has_mid || (is_stereo && flags >> (6 - 2 * parts) & 1);
}

void mix_opus_reset(struct OpusDecoder *opus)
{
    opus_decoder_ctl(opus, OPUS_RESET_STATE);
}
