/* REST: pictures that layouts name, uploaded by admins. Everybody may look, as at layouts. Front
 * thread. */
#include <stdio.h>

#include "signaling/api.h"
#include "signaling/http_handlers.h"
#include "signaling/images.h"

void sig_api_images(struct sig_http *req)
{
    sig_http_json(req, 200, json_pack("{s:o}", "pictures", sig_images_json(req->front->images)));
}

void sig_api_image_get(struct sig_http *req)
{
    char path[SIG_IMAGE_PATH_MAX];
    const char *name = sig_http_param(req, 0);
    const char *type = sig_image_type(req->front->images, name);
    if (!type) {
        sig_http_error(req, sig_error("no_such_picture"), NULL);
        return;
    }
    sig_image_path(req->front->images, name, path);
    sig_http_serve_file(req, path, type);
}

void sig_api_image_put(struct sig_http *req)
{
    struct sig_token token;
    const char *name = sig_http_param(req, 0);
    struct sig_images *images = req->front->images;
    if (!sig_http_authorize(req, NULL, &token))
        return;
    const bool is_new = !sig_image_type(images, name);
    const struct sig_error *error =
        sig_image_put(images, name, req->body ? req->body : "", req->body_size);
    if (error) {
        sig_http_error(req, error, NULL);
        return;
    }
    if (is_new) {
        char where[SIG_ROUTE_PARAM_MAX + 32];
        snprintf(where, sizeof(where), "/api/v1/pictures/%s", name);
        sig_http_header(req, "Location", where);
    }
    sig_http_json(req, is_new ? 201 : 200, sig_image_json(images, name));
}

void sig_api_image_delete(struct sig_http *req)
{
    struct sig_token token;
    if (!sig_http_authorize(req, NULL, &token))
        return;
    const struct sig_error *error = sig_image_delete(req->front->images, sig_http_param(req, 0));
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_http_reply(req, 204, NULL, NULL, 0);
}
