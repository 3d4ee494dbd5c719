/* recorder/averr.h - libav's error codes as ours. */
#ifndef RECORDER_AVERR_H
#define RECORDER_AVERR_H

#include <errno.h>

#include <libavutil/error.h>

/* [any] 0 for success, else a negative errno: libav passes errnos through, and has tags of its own. */
static inline int rec_averr(int av)
{
    if (av >= 0)
        return 0;
    switch (av) {
    case AVERROR_EOF:
    case AVERROR_INVALIDDATA:
        return -EBADMSG;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_MUXER_NOT_FOUND:
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
        return -ENOTSUP;
    default:
        return av > -4096 ? av : -EIO;
    }
}

#endif
