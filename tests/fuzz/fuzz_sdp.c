/* Fuzzes the SDP parser, and the candidate and fragment parsers with it. Aborts when a description
 * breaks its bounds, holds what could end a line, or changes between being written and read. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/sdp.h"

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_string(const char *text, size_t size)
{
    check(memchr(text, '\0', size) != NULL);
    for (; *text; text++)
        check(*text >= ' ' && *text <= '~');
}

static void check_media(const struct mcu_desc_media *m)
{
    check(m->codec_count <= MCU_DESC_CODECS_MAX && m->direction <= MCU_SENDRECV);
    check(m->is_rejected || m->codec_count > 0);
    check_string(m->type, sizeof(m->type));
    check_string(m->proto, sizeof(m->proto));
    check_string(m->format, sizeof(m->format));
    check_string(m->mid, sizeof(m->mid));
    check_string(m->cname, sizeof(m->cname));
    check_string(m->stream_id, sizeof(m->stream_id));
    check_string(m->track_id, sizeof(m->track_id));
    check(m->ext.mid <= 14 && m->ext.transport_cc <= 14 && m->ext.audio_level <= 14);
    for (size_t i = 0; i < m->codec_count; i++)
        check(m->codecs[i].pt < 128 && m->codecs[i].rtx_pt < 128 && m->codecs[i].red_pt < 128 &&
              m->codecs[i].packetization_mode < 2);
}

static void check_desc(const struct mcu_desc *d)
{
    size_t used = 0;
    check(d->media_count <= MCU_DESC_MEDIA_MAX && d->candidate_count <= MCU_DESC_CANDIDATES_MAX);
    for (size_t i = 0; i < d->media_count; i++) {
        check_media(&d->media[i]);
        used += !d->media[i].is_rejected;
    }
    check(used > 0 && strlen(d->ice_ufrag) >= 4 && strlen(d->ice_pwd) >= 22);
    check_string(d->ice_ufrag, sizeof(d->ice_ufrag));
    check_string(d->ice_pwd, sizeof(d->ice_pwd));
    for (size_t i = 0; i < d->candidate_count; i++) {
        check_string(d->candidates[i], sizeof(d->candidates[i]));
        check(sig_sdp_candidate_is_valid(d->candidates[i], strlen(d->candidates[i])));
    }
}

/* What was written reads back and is written the same. */
static void check_round_trip(const struct mcu_desc *d)
{
    static struct mcu_desc back;
    char error[SIG_SDP_ERROR_MAX];
    size_t size = 0;
    char *text = sig_sdp_write(d, SIG_SDP_OFFER, 1, 1, &size);
    check(text != NULL);
    const int err = sig_sdp_parse(&back, SIG_SDP_OFFER, text, size, error);
    if (err != -EMSGSIZE) { /* feedback for "*" takes a line a codec when written */
        check(err == 0);
        char *again = sig_sdp_write(&back, SIG_SDP_OFFER, 1, 1, NULL);
        check(again && strcmp(text, again) == 0);
        free(again);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mcu_desc d;
    struct sig_sdp_fragment fragment;
    char error[SIG_SDP_ERROR_MAX];
    const char *text = (const char *)data;
    if (sig_sdp_parse(&d, SIG_SDP_OFFER, text, size, error) == 0) {
        check_desc(&d);
        check_round_trip(&d);
    } else {
        check_string(error, sizeof(error));
    }
    if (sig_sdp_parse(&d, SIG_SDP_ANSWER, text, size, error) == 0)
        check(d.setup != MCU_SETUP_ACTPASS);
    if (sig_sdp_parse_fragment(&fragment, text, size, error) == 0)
        check_string(fragment.mid, sizeof(fragment.mid));
    sig_sdp_candidate_is_valid(text, size);
    return 0;
}
