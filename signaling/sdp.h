/* signaling/sdp.h - session descriptions: SDP text to struct mcu_desc and back.
 *
 * Reads what browsers, WHIP encoders (OBS, FFmpeg, GStreamer) and WHEP players send: RFC 8866, JSEP
 * (8829), ICE (8839, 8840), DTLS (8842), BUNDLE (8843), feedback (4585), header extensions (8285),
 * RTX (4588). The text is hostile: at most SIG_SDP_SIZE_MAX bytes and SIG_SDP_LINES_MAX lines,
 * every kept string is bounded printable ASCII. Unknown attributes and codecs are skipped.
 *
 * Threads: pure functions, [any]. */
#ifndef SIGNALING_SDP_H
#define SIGNALING_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/desc.h"

enum {
    SIG_SDP_SIZE_MAX = 64 * 1024,
    SIG_SDP_LINES_MAX = 2000,
    SIG_SDP_ERROR_MAX = 160,
};

enum sig_sdp_type {
    SIG_SDP_OFFER,
    SIG_SDP_ANSWER,
};

/* Parses an offer or an answer; lines end in CRLF or LF. One transport is kept: that of the first
 * m-line of the BUNDLE group. m-lines that are not RTP audio or video, are outside the group, have
 * port 0 (without a=bundle-only) or no codec that we know are kept with is_rejected.
 * Returns 0, -EMSGSIZE (too large) or -EBADMSG, with error (SIG_SDP_ERROR_MAX bytes) as
 * "line 12: ice-pwd is shorter than 22 characters"; *out is written only on success. -ENOTSUP: it is
 * well-formed as far as that was looked at, but no codec in it is known. -ENOMEM. */
int sig_sdp_parse(struct mcu_desc *out, enum sig_sdp_type type, const char *text, size_t size,
                  char *error);

/* Writes a description as SDP with CRLF lines. An offer and an answer differ in what they say of
 * simulcast: the one sends its layers, the other receives them. session_id and
 * version go into the o= line (JSEP: the id stays, the version rises by one with each description
 * of a session). Returns a string that the caller frees, its length in *size (may be NULL); NULL: no
 * memory. */
char *sig_sdp_write(const struct mcu_desc *desc, enum sig_sdp_type type, uint64_t session_id,
                    uint32_t version, size_t *size);

/* Whether text is one well-formed "candidate:..." attribute (RFC 8839, section 5.1) that fits
 * mcu_desc.candidates. Browsers' candidate events are checked with this before they go to a room;
 * an empty string (no more candidates) is the caller's case. */
bool sig_sdp_candidate_is_valid(const char *text, size_t size);

/* The body of a WHIP or WHEP PATCH (application/trickle-ice-sdpfrag, RFC 8840). */
struct sig_sdp_fragment {
    char ice_ufrag[MCU_DESC_TOKEN_MAX + 1]; /* "": not said */
    char ice_pwd[MCU_DESC_TOKEN_MAX + 1];
    char mid[32];                           /* of the m-line that the candidates stood under */
    char candidates[MCU_DESC_CANDIDATES_MAX][256];
    size_t candidate_count;
    bool end_of_candidates;
};

/* Errors as sig_sdp_parse. */
int sig_sdp_parse_fragment(struct sig_sdp_fragment *out, const char *text, size_t size,
                           char *error);

#endif
