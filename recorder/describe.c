#include "recorder/describe.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "recorder/averr.h"

int rec_describe(AVFormatContext *out, const struct rec_talk *t)
{
    char when[64];
    struct tm tm;
    if (!t)
        return 0;
    const time_t started = (time_t)(t->started_at_ms / 1000);
    gmtime_r(&started, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    int err = av_dict_set(&out->metadata, "title", t->title, 0);
    if (err >= 0 && t->started_at_ms > 0)
        err = av_dict_set(&out->metadata, "creation_time", when, 0);
    return rec_averr(err);
}

static int add(AVFormatContext *out, const struct rec_turn *turn, const char *title)
{
    AVChapter *chapter = av_mallocz(sizeof(*chapter));
    if (!chapter)
        return -ENOMEM;
    chapter->id = (int64_t)out->nb_chapters;
    chapter->time_base = (AVRational){1, 1000}; /* what the muxer's text track has */
    chapter->start = turn->start_us / 1000;
    chapter->end = turn->end_us / 1000;
    int err = av_dict_set(&chapter->metadata, "title", title, 0);
    if (err >= 0) {
        int count = (int)out->nb_chapters;
        err = av_dynarray_add_nofree(&out->chapters, &count, chapter);
        out->nb_chapters = (unsigned)count;
    }
    if (err < 0) {
        av_dict_free(&chapter->metadata);
        av_free(chapter);
    }
    return rec_averr(err);
}

int rec_describe_chapters(AVFormatContext *out, struct rec_talk *t, int64_t duration_us)
{
    struct rec_turn chapters[REC_CHAPTERS_MAX];
    if (t)
        rec_talk_cut(t, duration_us);
    const size_t count = t ? rec_talk_chapters(t, duration_us, chapters) : 0;
    int err = 0;
    for (size_t i = 0; !err && i < count; i++)
        err = add(out, &chapters[i], t->people[chapters[i].who].name);
    return err;
}
