/* a=rid and a=simulcast: the layers in which one picture is sent (RFC 8851, RFC 8853). */
#include <string.h>

#include "signaling/sdp_internal.h"

/* "hi send": RFC 8851, which lets a rid be restricted to payload types and sizes; we take all. */
static bool is_declared(const struct sdp_section *s, struct sdp_span rid, const char *direction)
{
    for (size_t i = 0; i < s->count; i++) {
        struct sdp_span rest = s->line[i].value;
        if (!sdp_is(s->line[i].name, "rid"))
            continue;
        const struct sdp_span name = sdp_word(&rest), way = sdp_word(&rest);
        if (name.size == rid.size && memcmp(name.at, rid.at, rid.size) == 0 &&
            sdp_is(way, direction))
            return true;
    }
    return false;
}

static bool is_rid(struct sdp_span rid)
{
    for (size_t i = 0; i < rid.size; i++) {
        const char c = rid.at[i];
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return rid.size > 0 && rid.size < MCU_DESC_RID_BYTES;
}

static bool is_listed(const struct mcu_desc_media *m, struct sdp_span rid)
{
    for (size_t i = 0; i < m->rid_count; i++) {
        if (sdp_is(rid, m->rids[i]))
            return true;
    }
    return false;
}

/* "hi;mid,alternative;~paused": the first of each layer's alternatives; "~" says that it does not
 * send at first. Layers past the third are not taken. */
static void read_layers(struct mcu_desc_media *m, const struct sdp_section *s,
                        struct sdp_span layers, const char *direction)
{
    while (layers.size > 0 && m->rid_count < MCU_DESC_RIDS_MAX) {
        struct sdp_span layer = sdp_cut(&layers, ';');
        struct sdp_span rid = sdp_cut(&layer, ',');
        if (rid.size > 0 && rid.at[0] == '~') {
            rid.at++;
            rid.size--;
        }
        if (!is_rid(rid) || is_listed(m, rid) || !is_declared(s, rid, direction))
            continue;
        sdp_copy(m->rids[m->rid_count++], MCU_DESC_RID_BYTES, rid);
    }
}

/* "send hi;mid;lo recv a;b" */
void sdp_read_simulcast(struct mcu_desc_media *m, const struct sdp_section *s,
                        enum sig_sdp_type type)
{
    const char *direction = type == SIG_SDP_OFFER ? "send" : "recv";
    for (size_t i = 0; i < s->count && m->rid_count == 0; i++) {
        struct sdp_span rest = s->line[i].value;
        if (!sdp_is(s->line[i].name, "simulcast"))
            continue;
        while (rest.size > 0) {
            const struct sdp_span way = sdp_word(&rest), layers = sdp_word(&rest);
            if (sdp_is(way, direction))
                read_layers(m, s, layers, direction);
        }
    }
}
