/* recorder/hls_mux.h - libavformat's HLS muxer over a folder; inside this folder only. [hls] alone.
 */
#ifndef RECORDER_HLS_MUX_H
#define RECORDER_HLS_MUX_H

#include "recorder/frag.h"
#include "recorder/hls.h"

struct hls_mux; /* opaque */

/* key: the first picture. Returns 0 or a negative errno. */
int hls_mux_open(struct hls_mux **out, const struct rec_hls_conf *conf,
                 const struct mcu_packet *key);

/* Takes the sample's reference over. Returns 0 or a negative errno. */
int hls_mux_write(struct hls_mux *m, enum mcu_kind kind, const struct rec_sample *sample);

/* Writes what is left; the playlist ends. Returns 0 or a negative errno. NULL is fine. */
int hls_mux_close(struct hls_mux *m);

#endif
