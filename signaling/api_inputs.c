/* REST: outside sources as participants: files, RTMP, RTSP, SRT, HLS. Who may bring them in
 * (rights.h). Front thread.
 *
 * A URL may have a password or a key in it: it goes to the room's process, and only its masked form
 * is answered, told or logged. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_audio.h"
#include "mcu/control_input.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"
#include "signaling/inputs.h"
#include "signaling/token.h"

enum { WHY_MAX = 256 };

_Static_assert((int)WHY_MAX >= (int)MCU_WHY_MAX && (int)WHY_MAX >= (int)MCU_INPUT_WHY_MAX, "room");

static void reply_json(struct sig_http *req, int status, const struct sig_member *m)
{
    sig_http_header(req, "Cache-Control", "no-store");
    sig_http_json(req, status, sig_input_json(m));
}

/* --- POST ------------------------------------------------------------------------------------- */

struct fields {
    char user[257];
    char name[257];
    json_t *sound; /* owned; NULL: nothing was said */
};

static void on_joined(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct sig_http *req = arg;
    char where[256];
    if (error) {
        sig_http_error(req, error, NULL);
    } else if (!req->wsi) { /* nobody is there to get its id */
        sig_member_leave(m, "lost");
    } else {
        snprintf(where, sizeof(where), "/api/v1/rooms/%s/inputs/%s", m->room->id, m->peer);
        sig_http_header(req, "Location", where);
        reply_json(req, 201, m);
    }
    sig_http_unref(req);
}

/* {"volume": ...} out of a body, as a patch of sound; *out NULL: it was not said. */
static bool take_volume(json_t **out, json_t *body, char *why)
{
    json_t *volume = json_object_get(body, "volume");
    *out = volume ? json_pack("{s:O}", "volume", volume) : NULL;
    json_object_del(body, "volume");
    if (!*out || mcu_audio_check(*out, why) == 0)
        return true;
    json_decref(*out);
    *out = NULL;
    return false;
}

/* A file is called by its name, a URL by its host, if nobody says better. */
static void name_it(struct fields *f, const struct mcu_input *input)
{
    const char *slash = strrchr(input->file, '/');
    struct guard_url url;
    const char *why;
    const char *name = slash ? slash + 1 : input->file;
    if (input->url[0] && guard_parse_url(&url, input->url, GUARD_INPUT, &why) == 0)
        name = url.host;
    if (!mcu_text_is_fit(name, strlen(name), 1, 1024))
        name = "input";
    snprintf(f->name, sizeof(f->name), "%.*s", mcu_text_head(name, 63), name);
}

/* Takes who it is out of the body; what is left is the source. */
static const struct sig_error *read_body(struct fields *f, json_t *body, char *why)
{
    struct mcu_input input;
    if (mcu_json_text(body, "name", MCU_JSON_OPTIONAL, 1, 64, f->name, sizeof(f->name)))
        snprintf(why, WHY_MAX, "name: must be a text of 1 to 64 characters");
    else if (mcu_json_text(body, "userId", MCU_JSON_OPTIONAL, 1, 64, f->user, sizeof(f->user)) ||
             strlen(f->user) > 128)
        snprintf(why, WHY_MAX, "userId: must be a text of 1 to 64 characters");
    else if (take_volume(&f->sound, body, why)) {
        json_object_del(body, "name");
        json_object_del(body, "userId");
        if (mcu_input_read(&input, body, why) == 0) {
            if (!f->name[0])
                name_it(f, &input);
            OPENSSL_cleanse(&input, sizeof(input));
            return NULL;
        }
    }
    return sig_error("bad_request");
}

static const struct sig_error *join(struct sig_http *req, const struct fields *f, json_t *input)
{
    struct sig_join seat = {
        .kind = SIG_KIND_INPUT,
        .user = f->user,
        .name = f->name,
        .role = "publisher",
        .input = input,
        .sound = f->sound,
        .joined = on_joined,
    };
    return sig_api_take_seat(req, &seat);
}

void sig_api_input_create(struct sig_http *req)
{
    struct fields f = {.sound = NULL};
    char why[WHY_MAX] = "";
    json_t *body = sig_api_seat_body(req);
    if (!body)
        return;
    const struct sig_error *error = read_body(&f, body, why);
    if (!error)
        error = join(req, &f, body);
    if (error)
        sig_http_error(req, error, why[0] ? why : NULL);
    json_decref(f.sound);
    json_decref(body);
}

/* --- GET, DELETE ------------------------------------------------------------------------------ */

void sig_api_inputs(struct sig_http *req)
{
    struct sig_token token;
    const struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_INPUTS);
    if (!room)
        return;
    json_t *list = json_array();
    for (const struct sig_member *m = room->members; m; m = m->next) {
        if (m->kind == SIG_KIND_INPUT && !m->is_joining)
            json_array_append_new(list, sig_input_json(m));
    }
    sig_http_header(req, "Cache-Control", "no-store");
    sig_http_json(req, 200, json_pack("{s:o}", "inputs", list));
}

void sig_api_input_get(struct sig_http *req)
{
    const struct sig_member *m = sig_api_seat(req, SIG_KIND_INPUT, "no_such_input");
    if (m)
        reply_json(req, 200, m);
}

void sig_api_input_delete(struct sig_http *req)
{
    struct sig_member *m = sig_api_seat(req, SIG_KIND_INPUT, "no_such_input");
    if (!m)
        return;
    sig_member_leave(m, "left");
    sig_http_reply(req, 204, NULL, NULL, 0);
}

/* --- PATCH ------------------------------------------------------------------------------------ */

/* First the playback, then the volume; the answer comes after both. */
struct change {
    struct sig_http *req;
    struct sig_member *member; /* referenced */
    json_t *play;              /* what the room is asked for; NULL: nothing */
    json_t *sound;
    char by[129];
};

static void end_change(struct change *c, const struct sig_error *error)
{
    if (!error && !c->member->room)
        error = sig_error("no_such_input");
    if (error)
        sig_http_error(c->req, error, NULL);
    else
        reply_json(c->req, 200, c->member);
    sig_http_unref(c->req);
    sig_member_unref(c->member);
    json_decref(c->play);
    json_decref(c->sound);
    free(c);
}

static void on_volume(void *arg, struct sig_member *m, const struct sig_error *error)
{
    (void)m;
    end_change(arg, error);
}

static void set_volume(struct change *c)
{
    const struct sig_change change = {.sound = c->sound, .by = c->by, .done = on_volume, .arg = c};
    const struct sig_error *error =
        c->sound && c->member->room ? sig_member_change(c->member, &change) : NULL;
    if (error || !c->sound || !c->member->room)
        end_change(c, error);
}

static void on_played(void *arg, const json_t *reply)
{
    struct change *c = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    if (error) {
        end_change(c, error);
        return;
    }
    sig_input_note(c->member, c->play);
    sig_input_set_status(c->member, json_object_get(reply, "input"));
    set_volume(c);
}

static const struct sig_error *play(struct change *c)
{
    json_t *command = json_copy(c->play);
    json_object_set_new(command, "cmd", json_string("input_set"));
    return sig_member_command(c->member, command, on_played, c) ? sig_error("room_restarted")
                                                                : NULL;
}

/* {"paused", "position", "loop", "name"} are left in body. */
static const struct sig_error *read_change(struct sig_member *m, json_t *body, char *why)
{
    struct mcu_input_change c;
    char name[257];
    static const char *const names[] = {"paused", "position", "loop", "name"};
    size_t known = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        known += json_object_get(body, names[i]) ? 1 : 0;
    if (known != json_object_size(body))
        snprintf(why, WHY_MAX, "paused, position, loop, name and volume may be changed");
    else if (mcu_json_text(body, "name", MCU_JSON_OPTIONAL, 1, 64, name, sizeof(name)))
        snprintf(why, WHY_MAX, "name: must be a text of 1 to 64 characters");
    else if (mcu_input_change_read(&c, body, why) == 0) {
        if (json_object_get(m->input, "file") || !(c.has_position || c.has_loop))
            return NULL;
        snprintf(why, WHY_MAX, "loop, position: only of files");
    }
    return sig_error("bad_request");
}

static void begin_change(struct sig_http *req, struct sig_member *m, const struct sig_token *token,
                         json_t *body, json_t *sound)
{
    struct change *c = calloc(1, sizeof(*c));
    if (!c) {
        json_decref(sound);
        sig_http_error(req, sig_error("internal"), NULL);
        return;
    }
    c->req = sig_http_ref(req);
    c->member = sig_member_ref(m);
    c->sound = sound;
    snprintf(c->by, sizeof(c->by), "%s", token->sub);
    if (json_object_size(body) == 0) {
        set_volume(c);
        return;
    }
    c->play = json_incref(body);
    const struct sig_error *error = play(c);
    if (error)
        end_change(c, error);
}

void sig_api_input_patch(struct sig_http *req)
{
    struct sig_token token;
    char why[WHY_MAX] = "";
    json_t *sound = NULL;
    struct sig_member *m = sig_api_seat(req, SIG_KIND_INPUT, "no_such_input");
    json_t *body = m ? sig_api_body(req) : NULL;
    if (!body)
        return;
    const struct sig_error *error =
        take_volume(&sound, body, why) ? read_change(m, body, why) : sig_error("bad_request");
    if (error) {
        json_decref(sound);
        sig_http_error(req, error, why);
    } else {
        begin_change(req, m, &token, body, sound);
    }
    json_decref(body);
}
