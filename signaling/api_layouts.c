/* REST: which layouts there are, what they look like, and those that people upload. Front thread.
 *
 * Layouts are the server's, not a room's: admins change them. Everybody may look. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/control_picture.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"
#include "signaling/layout_pictures.h"
#include "signaling/layouts.h"
#include "signaling/room_picture.h"

enum { PEOPLE_MAX = 100, SIDE_MIN = 64, SIDE_MAX = 960 };

void sig_api_layouts(struct sig_http *req)
{
    sig_http_json(req, 200, json_pack("{s:o}", "layouts", sig_layouts_json(req->front->layouts)));
}

/* --- pictures --------------------------------------------------------------------------------- */

static void reply_png(struct sig_http *req, const uint8_t *png, size_t size)
{
    sig_http_header(req, "Cache-Control", "public, max-age=5"); /* files change */
    sig_http_reply(req, 200, "image/png", png, size);
}

static void on_drawn(void *arg, const uint8_t *png, size_t size)
{
    struct sig_http *req = arg;
    if (png)
        reply_png(req, png, size);
    else
        sig_http_error(req, sig_error("internal"), NULL);
    sig_http_unref(req);
}

/* "640x360" */
static bool read_size(const char *text, struct sig_picture_wish *wish)
{
    char tail = 0;
    if (!text[0])
        return true;
    return sscanf(text, "%4ux%4u%c", &wish->width, &wish->height, &tail) == 2 &&
           (wish->width | wish->height) % 2 == 0 && wish->width >= SIDE_MIN &&
           wish->width <= SIDE_MAX && wish->height >= SIDE_MIN && wish->height <= SIDE_MAX;
}

static void get_picture(struct sig_http *req, const char *name)
{
    struct sig_picture_wish wish = {
        .name = name, .width = 640, .height = 360, .images = req->front->images};
    const int64_t people = sig_http_arg_number(req, "people", PEOPLE_MAX, 4);
    size_t size = 0;
    if (people < 1 || !read_size(sig_http_arg(req, "size"), &wish)) {
        sig_http_error(req, sig_error("bad_request"),
                       "people must be 1 to 100, size even numbers of 64 to 960, as 640x360.");
        return;
    }
    wish.people = (uint32_t)people;
    struct sig_front *front = req->front;
    const uint8_t *png = sig_picture_find(front->pictures, front->layouts, &wish, &size);
    if (png) {
        reply_png(req, png, size);
        return;
    }
    const int err =
        sig_picture_draw(front->pictures, front->layouts, &wish, on_drawn, sig_http_ref(req));
    if (!err)
        return;
    sig_http_unref(req);
    sig_http_error(req, sig_error(err == -ENOENT ? "no_such_layout" : "too_busy"), NULL);
}

/* NAME is the file, NAME.png its picture: names have no dots. */
void sig_api_layout_get(struct sig_http *req)
{
    const char *word = sig_http_param(req, 0);
    const char *dot = strrchr(word, '.');
    char name[SIG_ROUTE_PARAM_MAX];
    if (dot && strcmp(dot, ".png") == 0) {
        snprintf(name, sizeof(name), "%.*s", (int)(dot - word), word);
        get_picture(req, name);
        return;
    }
    json_t *file = sig_layout_file(req->front->layouts, word);
    if (file)
        sig_http_json(req, 200, file);
    else
        sig_http_error(req, sig_error("no_such_layout"), NULL);
}

/* --- uploads ---------------------------------------------------------------------------------- */

void sig_api_layout_put(struct sig_http *req)
{
    struct sig_token token;
    char why[SIG_LAYOUT_WHY_MAX];
    const char *name = sig_http_param(req, 0);
    struct sig_layouts *layouts = req->front->layouts;
    if (!sig_http_authorize(req, NULL, &token))
        return;
    const bool is_new = !sig_layout_exists(layouts, name);
    const struct sig_error *error = sig_layout_put(layouts, name, req->body, req->body_size, why);
    if (error) {
        sig_http_error(req, error, why[0] ? why : NULL);
        return;
    }
    if (is_new) {
        char where[SIG_ROUTE_PARAM_MAX + 32];
        snprintf(where, sizeof(where), "/api/v1/layouts/%s", name);
        sig_http_header(req, "Location", where);
    }
    sig_http_json(req, is_new ? 201 : 200, sig_layout_json(layouts, name));
}

void sig_api_layout_delete(struct sig_http *req)
{
    struct sig_token token;
    const char *name = sig_http_param(req, 0);
    if (!sig_http_authorize(req, NULL, &token))
        return;
    const struct sig_error *error = sig_rooms_use_layout(req->front->rooms, name)
                                        ? sig_error("layout_in_use")
                                        : sig_layout_delete(req->front->layouts, name);
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_http_reply(req, 204, NULL, NULL, 0);
}
