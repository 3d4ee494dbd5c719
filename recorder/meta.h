/* recorder/meta.h - what is known about a recording beside its sound and picture: its title, and who
 * spoke when.
 *
 * While it runs, STEM.marks beside STEM.mp4 takes one line of JSON for each thing that happens, so
 * that a crash loses at most the newest. At the end the MP4 gets its title and chapters of them
 * (recorder/remux.h), and rec_meta_finish() turns them into STEM.vtt, STEM.json and STEM.jpg.
 *
 * Threads: [ctl] marks; [meta] one thread a recording makes the file and writes the lines, and what
 * else is to lie beside it, so that a slow disk holds nobody up; [rec] and `mixdown recover` finish. */
#ifndef RECORDER_META_H
#define RECORDER_META_H

#include <stdbool.h>
#include <stdint.h>

struct rec_meta; /* opaque */

struct rec_meta_conf {
    const char *path;      /* of the recording; absolute; copied */
    const char *title;     /* "" or NULL: the room's name is one */
    const char *room;
    int64_t started_at_ms; /* Unix time of the file's zero */
    int64_t start_us;      /* the same by the room's clock */
};

/* [ctl] STEM.marks is made soon; where that fails (it must not exist) nothing is noted, and a line in
 * the log says so. The caller owns *out. Returns 0, -EINVAL, -ENOMEM or the errno of a thread. */
int rec_meta_open(struct rec_meta **out, const struct rec_meta_conf *conf);

/* [ctl] Writes what waits and gives it up; STEM.marks stays. Waits for that for at most 1 s: on a disk
 * that hangs the rest goes on alone. NULL is fine. */
void rec_meta_close(struct rec_meta *m);

/* [ctl] Somebody begins to speak or falls silent at at_us (room clock). Saying the same twice is
 * fine. NULL is fine for m here and below. What cannot be kept is dropped. */
void rec_meta_speak(struct rec_meta *m, const char *user, const char *name, bool speaks,
                    int64_t at_us);

/* [ctl] From at_us on this one has the floor. */
void rec_meta_floor(struct rec_meta *m, const char *user, const char *name, int64_t at_us);

/* [ctl] Time between these two is not in the file. */
void rec_meta_pause(struct rec_meta *m, int64_t at_us);
void rec_meta_resume(struct rec_meta *m, int64_t at_us);

/* [ctl] [meta] does something else that takes its time with the disk, as a picture beside it:
 * job(arg, true). False: there is too much already (or m is NULL), and job(arg, false) has freed arg. */
bool rec_meta_do(struct rec_meta *m, void (*job)(void *arg, bool is_wanted), void *arg);

/* [any] Writes STEM.vtt, STEM.json and, of a file with video, STEM.jpg, each whole or not at all, and
 * removes STEM.marks when it is used up. May be repeated. A recording is as good without: errors are
 * logged. */
void rec_meta_finish(const char *path, int64_t duration_ms);

/* [any] STEM and a suffix (".vtt") beside that file; the caller frees it. NULL: no memory. */
char *rec_meta_path(const char *path, const char *suffix);

#endif
