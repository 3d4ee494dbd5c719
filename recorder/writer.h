/* recorder/writer.h - what a recording's thread does with its packets: choose those between start and
 * end, put them on the tracks' time lines, cut fragments.
 *
 * One thread at a time ([rec]). No clock of its own: the caller passes now_us. The file begins when
 * every stream has brought something (the video a key frame), or without those that did not in
 * time. */
#ifndef RECORDER_WRITER_H
#define RECORDER_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "mcu/base/packet.h"
#include "recorder/rec.h"

struct rec_writer; /* opaque */

/* fd is an empty file open for writing and stays the caller's; conf is copied. The caller owns *out.
 * Returns 0 or -ENOMEM. */
int rec_writer_create(struct rec_writer **out, int fd, const struct rec_conf *conf);

/* NULL is fine. */
void rec_writer_destroy(struct rec_writer *w);

/* Takes the caller's reference over in every case. Returns 0 or the errno that ends the file. */
int rec_writer_put(struct rec_writer *w, struct mcu_packet *packet, enum mcu_kind kind,
                   int64_t now_us);

/* The pause, and its end; see rec_pause(). Returns 0, -EALREADY or -EAGAIN. */
int rec_writer_pause(struct rec_writer *w, int64_t at_us);
int rec_writer_resume(struct rec_writer *w, int64_t at_us);

/* Packets at or past end_us are left out from now on. */
void rec_writer_set_end(struct rec_writer *w, int64_t end_us);

/* Every stream has come to the end that was set. */
bool rec_writer_is_complete(const struct rec_writer *w);

/* Flushes a fragment that has been open for long enough. Returns as put. */
int rec_writer_poll(struct rec_writer *w, int64_t now_us);

/* When rec_writer_poll() wants to be called, or -1. */
int64_t rec_writer_due_us(const struct rec_writer *w);

/* Writes all that is held; the last picture lasts to the end. Returns 0, -ENODATA (no packet came) or
 * as put. */
int rec_writer_finish(struct rec_writer *w);

/* After finish: until when on the file's time line the last picture lasts; -1 without video. */
int64_t rec_writer_video_end_us(const struct rec_writer *w);

/* What the file holds so far: bytes and duration up to the last flush, frames, and packets that were
 * left out because their stream came too late. */
void rec_writer_result(const struct rec_writer *w, struct rec_result *result);

#endif
