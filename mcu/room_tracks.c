/* Participants' sound beside recordings that want it (recorder/tracks.h). [ctl] opens and closes;
 * [net] pushes under the room's lock for tracks, which is held to copy one packet. */
#include <string.h>

#include "mcu/base/log.h"
#include "mcu/room_internal.h"

static void put(struct mcu_room *r, struct room_recording *one, struct rec_tracks *tracks)
{
    const size_t place = (size_t)(one - r->recordings);
    pthread_mutex_lock(&r->tracks_lock);
    r->tracks[place] = tracks;
    unsigned count = 0;
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        count += r->tracks[i] != NULL;
    atomic_store(&r->track_count, count);
    pthread_mutex_unlock(&r->tracks_lock);
}

void room_tracks_end(struct mcu_room *r, struct room_recording *one, int64_t end_us)
{
    struct rec_tracks *tracks = r->tracks[one - r->recordings];
    if (!tracks)
        return;
    put(r, one, NULL);
    rec_tracks_close(tracks, end_us);
}

void room_tracks_begin(struct mcu_room *r, struct room_recording *one, const char *file,
                       int64_t start_us)
{
    struct rec_tracks *tracks = NULL;
    room_tracks_end(r, one, start_us);
    if (!one->has_tracks)
        return;
    const int err = rec_tracks_open(&tracks, file, start_us);
    if (err) {
        log_warn("recording %s is without tracks: %s", one->id, strerror(-err));
        return;
    }
    put(r, one, tracks);
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct room_peer *p = r->peers[i];
        rec_tracks_add(tracks, mcu_seat_id(p->seat), p->user, p->name);
    }
}

void room_tracks_pause(struct mcu_room *r, struct room_recording *one, bool is_paused,
                       int64_t at_us)
{
    (is_paused ? rec_tracks_pause : rec_tracks_resume)(r->tracks[one - r->recordings], at_us);
}

void room_tracks_add(struct room_peer *p)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        rec_tracks_add(p->room->tracks[i], mcu_seat_id(p->seat), p->user, p->name);
}

void room_tracks_remove(struct room_peer *p)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        rec_tracks_remove(p->room->tracks[i], mcu_seat_id(p->seat));
}

void room_tracks_push(struct room_peer *p, const struct rtc_audio *audio)
{
    struct mcu_room *r = p->room;
    if (atomic_load(&r->track_count) == 0 || atomic_load(&p->is_silenced))
        return;
    const struct rec_tracks_packet packet = {
        .source = mcu_seat_id(p->seat),
        .sequence = audio->sequence,
        .pts_us = audio->pts_us,
        .data = audio->payload,
        .size = audio->size,
    };
    pthread_mutex_lock(&r->tracks_lock);
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        rec_tracks_push(r->tracks[i], &packet);
    pthread_mutex_unlock(&r->tracks_lock);
}
