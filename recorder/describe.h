/* recorder/describe.h - a recording's title, date and chapters, put into the MP4 that is written. */
#ifndef RECORDER_DESCRIBE_H
#define RECORDER_DESCRIBE_H

#include <libavformat/avformat.h>

#include "recorder/talk.h"

/* [any] Before the header: title and creation time. t may be NULL here and below: nothing. Returns 0
 * or -ENOMEM. */
int rec_describe(AVFormatContext *out, const struct rec_talk *t);

/* [any] Before the trailer: chapters by who has the floor; the muxer writes them then. Returns 0 or
 * -ENOMEM. */
int rec_describe_chapters(AVFormatContext *out, struct rec_talk *t, int64_t duration_us);

#endif
