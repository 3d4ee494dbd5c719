/* The meeting page and its assets, compiled into the program. Front thread.
 *
 * Assets below assets/ carry a hash in their names and never change; pages are asked for anew. */
#include <stdio.h>
#include <string.h>

#include "mcu/base/embed.h"
#include "signaling/http.h"
#include "signaling/http_handlers.h"

/* Everything comes from here, but media and the connection for signalling. */
static const char page_policy[] =
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; "
    "media-src 'self' blob: mediastream:; style-src 'self' 'unsafe-inline'; worker-src 'self' "
    "blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

static const char *content_type(const char *name)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".wasm", "application/wasm"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof(types) / sizeof(*types); i++) {
        if (strcmp(types[i].ending, dot) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static const struct mcu_embedded *find_file(const char *name)
{
    const struct mcu_embedded *f = mcu_web_files;
    while (f->name && strcmp(f->name, name) != 0)
        f++;
    return f->name ? f : NULL;
}

/* FNV-1a of the bytes: files change only with the program. */
static void make_etag(char *out, size_t size, const struct mcu_embedded *f)
{
    uint64_t hash = 14695981039346656037ULL;
    for (const unsigned char *p = f->data; p < f->end; p++)
        hash = (hash ^ *p) * 1099511628211ULL;
    snprintf(out, size, "\"%016llx\"", (unsigned long long)hash);
}

static void serve_file(struct sig_http *req, const char *name)
{
    const struct mcu_embedded *f = find_file(name);
    if (!f) {
        sig_http_error(req, sig_error("not_found"), NULL);
        return;
    }
    char etag[32];
    const bool is_hashed = strncmp(name, "assets/", 7) == 0;
    const char *type = content_type(name);
    make_etag(etag, sizeof(etag), f);
    sig_http_header(req, "ETag", etag);
    sig_http_header(req, "Cache-Control",
                    is_hashed ? "public, max-age=31536000, immutable" : "no-cache");
    if (strncmp(type, "text/html", 9) == 0) {
        sig_http_header(req, "Content-Security-Policy", page_policy);
        sig_http_header(req, "Referrer-Policy", "no-referrer");
        sig_http_header(req, "Permissions-Policy",
                        "camera=(self), microphone=(self), "
                        "display-capture=(self)");
    }
    if (strcmp(req->fields.if_none_match, etag) == 0)
        sig_http_reply(req, 304, NULL, NULL, 0);
    else
        sig_http_reply_static(req, 200, type, f->data, (size_t)(f->end - f->data));
}

void sig_serve_page(struct sig_http *req)
{
    serve_file(req, "index.html");
}

void sig_serve_asset(struct sig_http *req)
{
    serve_file(req, req->path + 1);
}
