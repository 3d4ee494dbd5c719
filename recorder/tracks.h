/* recorder/tracks.h - each participant's sound as it came in, in a file of its own beside the
 * recording: STEM.track-NN-USER.ogg.
 *
 * Packets come in the order of the network; they wait up to half a second for those before them. All
 * files share the recording's zero, so that they can be laid over each other; who comes later has
 * silence before.
 *
 * Threads: [net] pushes, any number of threads; [ctl] opens and closes; [tracks] one thread writes.
 * Pushing never waits for a disk: what does not fit into the queue is dropped and counted. */
#ifndef RECORDER_TRACKS_H
#define RECORDER_TRACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rec_tracks; /* opaque */

enum { REC_TRACKS_MAX = 99 }; /* files of one recording; who comes after that has none */

struct rec_tracks_packet {
    uint32_t source;   /* whose: a number that is never used again */
    uint64_t sequence; /* extended RTP sequence number */
    int64_t pts_us;    /* capture time, room clock */
    const uint8_t *data;
    size_t size;
};

/* [ctl] path: of the recording; start_us: room clock of its zero. The caller owns *out. Returns 0 or
 * -ENOMEM. */
int rec_tracks_open(struct rec_tracks **out, const char *path, int64_t start_us);

/* [ctl] A source by name; before its packets mean anything. Nothing is written until they come. NULL is
 * fine for t here and below. */
void rec_tracks_add(struct rec_tracks *t, uint32_t source, const char *user, const char *name);

/* [ctl] It is gone: its file is whole soon. */
void rec_tracks_remove(struct rec_tracks *t, uint32_t source);

/* [ctl] Time between these two is not in the files. */
void rec_tracks_pause(struct rec_tracks *t, int64_t at_us);
void rec_tracks_resume(struct rec_tracks *t, int64_t at_us);

/* [any] One Opus packet; copied. */
void rec_tracks_push(struct rec_tracks *t, const struct rec_tracks_packet *packet);

/* [ctl] Ends all files at end_us, waits for that at most 1 s (on a disk that hangs the rest goes on
 * alone), and gives it up. No push may run or come. */
void rec_tracks_close(struct rec_tracks *t, int64_t end_us);

/* [any] How many packets were dropped. */
uint64_t rec_tracks_dropped(const struct rec_tracks *t);

/* Pure: the name of a file beside `path` for the n-th of them, user with all but A-Z a-z 0-9 - _ as
 * '_'; the caller frees it. */
char *rec_tracks_path(const char *path, unsigned n, const char *user);

#endif
