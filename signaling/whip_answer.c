/* The answer to our counter-offer; see whip_answer.h. Front thread.
 *
 * One answer at a time: is_offered is false while the room looks at one, and stays so when it is
 * good. */
#include "signaling/whip_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/control.h"
#include "signaling/sdp.h"
#include "signaling/watch.h"
#include "signaling/whip.h"

struct answering {
    struct sig_http *req;      /* referenced */
    struct sig_member *member; /* referenced */
};

static void free_answering(struct answering *a)
{
    sig_member_unref(a->member);
    sig_http_unref(a->req);
    free(a);
}

static void on_taken(void *arg, const json_t *reply)
{
    struct answering *a = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    if (!a->member->room)
        error = sig_error("no_such_session");
    else if (error)
        a->member->is_offered = true;
    if (!error) {
        sig_member_save(a->member);
        sig_member_watch_again(a->member);
    }
    if (a->req->wsi && error)
        sig_http_error(a->req, error, NULL);
    else if (a->req->wsi)
        sig_http_reply(a->req, 204, NULL, NULL, 0);
    free_answering(a);
}

static const struct sig_error *give(struct sig_http *req, struct sig_member *m,
                                    const struct mcu_desc *desc)
{
    struct answering *a = calloc(1, sizeof(*a));
    if (!a)
        return sig_error("too_busy");
    a->req = sig_http_ref(req);
    a->member = sig_member_ref(m);
    m->is_offered = false;
    if (sig_member_command(
            m, json_pack("{s:s, s:o}", "cmd", "peer_answer", "desc", mcu_desc_to_json(desc)),
            on_taken, a) == 0)
        return NULL;
    m->is_offered = true;
    free_answering(a);
    return sig_error("room_restarted");
}

void whip_answer(struct sig_http *req, struct sig_member *m)
{
    char why[SIG_SDP_ERROR_MAX] = "";
    const char *asked = req->fields.if_match;
    struct mcu_desc *desc = malloc(sizeof(*desc));
    const struct sig_error *error = NULL;
    if (!desc)
        error = sig_error("too_busy");
    else if (asked[0] && strcmp(asked, "*") != 0 && !whip_etag_matches(asked, m->etag))
        error = sig_error("etag_mismatch");
    else if (sig_sdp_parse(desc, SIG_SDP_ANSWER, req->body ? req->body : "", req->body_size, why))
        error = sig_error("bad_offer");
    else
        error = give(req, m, desc);
    free(desc);
    if (error)
        sig_http_error(req, error, why[0] ? why : NULL);
}
