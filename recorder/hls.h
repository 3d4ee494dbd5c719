/* recorder/hls.h - the mix as HLS (RFC 8216): fMP4 segments in a folder, and a playlist of them.
 *
 *     FOLDER/index.m3u8      replaced atomically, as every segment
 *     FOLDER/NAME-init.mp4   NAME-00000.m4s NAME-00001.m4s ...
 *
 * A window has the newest segments, older ones are removed; an archive keeps all (an event playlist
 * that becomes one of video on demand at the end). Segments begin at key frames, so whoever feeds
 * it asks for one as often as segments are long.
 *
 * Threads: [ctl] the room's control thread, [any] pushes from any one thread per kind, [hls] one
 * writer thread. The queue is bounded; a slow disk costs pictures up to the next key frame. */
#ifndef RECORDER_HLS_H
#define RECORDER_HLS_H

#include "recorder/push.h"

struct rec_hls; /* opaque */

enum { REC_HLS_NAME_MAX = 64 };

struct rec_hls_conf {
    const char
        *folder; /* absolute; made if its parent is there; earlier HLS in it is removed; copied */
    const char *name; /* letters, digits, - and _; begins the names of segments; copied */
    uint32_t width;   /* of the H264 video */
    uint32_t height;
    uint32_t fps;                /* nominal */
    uint32_t channels;           /* of the AAC audio, 48 kHz */
    const uint8_t *audio_config; /* AudioSpecificConfig (ISO 14496-3); copied */
    size_t audio_config_size;
    int64_t segment_us; /* at least so long */
    uint32_t segments;  /* of the window; 0: an archive */
    void *ctx;
    void (*on_state)(void *ctx); /* [hls] as in rec_live_conf */
};

/* [ctl] The caller owns *out. Returns 0, -EINVAL, -ENOMEM or the errno of the folder. */
int rec_hls_start(struct rec_hls **out, const struct rec_hls_conf *conf);

/* [any] As a tap's sink (mcu/tap.h). */
int rec_hls_push_video(struct rec_hls *h, struct mcu_packet *packet);
int rec_hls_push_audio(struct rec_hls *h, struct mcu_packet *packet);

/* [any] ON from the first picture on; FAILED with the disk's error. bytes: of media, as written. */
void rec_hls_read(struct rec_hls *h, struct rec_live_status *out);

/* [ctl] Ends the playlist; ENDED follows. Returns at once. */
void rec_hls_stop(struct rec_hls *h);

/* [ctl] Stops it, waits for its thread and frees. NULL is fine. */
void rec_hls_destroy(struct rec_hls *h);

/* [any] Pure: the name of a file that HLS makes (letters, digits, - and _, then .m3u8, .m4s or
 * .mp4): its media type; NULL: it is none. */
const char *rec_hls_type(const char *file);

#endif
