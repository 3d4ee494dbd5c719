/* REST: what lies beside a recording. Front thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/http.h"
#include "signaling/http_handlers.h"
#include "signaling/recording_files.h"

/* name is one of the recording's; it holds no slash. */
static void serve(struct sig_http *req, const struct sig_store_recording *row, const char *name,
                  const char *type)
{
    char path[sizeof(row->file) + 256];
    const char *slash = strrchr(row->file, '/');
    const int folder = slash ? (int)(slash - row->file) : 0;
    snprintf(path, sizeof(path), "%.*s/%s", folder, row->file, name);
    sig_http_serve_file(req, path, type);
}

/* STEM and the suffix. */
static void serve_suffix(struct sig_http *req, const char *suffix)
{
    struct sig_token token;
    struct sig_store_recording row;
    struct sig_recording_file f;
    char name[256];
    if (!sig_api_find_recording(req, &row, &token))
        return;
    const char *slash = strrchr(row.file, '/');
    const char *base = slash ? slash + 1 : row.file;
    const char *dot = strrchr(base, '.');
    const int stem = dot && dot > base ? (int)(dot - base) : (int)strlen(base);
    const int n = snprintf(name, sizeof(name), "%.*s%s", stem, base, suffix);
    if (n >= (int)sizeof(name) || !sig_recording_file_is(row.file, name, &f))
        sig_http_error(req, sig_error("no_such_file"), NULL);
    else
        serve(req, &row, name, f.type);
}

void sig_api_recording_captions(struct sig_http *req)
{
    serve_suffix(req, ".vtt");
}

void sig_api_recording_speakers(struct sig_http *req)
{
    serve_suffix(req, ".json");
}

void sig_api_recording_thumbnail(struct sig_http *req)
{
    serve_suffix(req, ".jpg");
}

void sig_api_recording_beside(struct sig_http *req)
{
    struct sig_token token;
    struct sig_store_recording row;
    struct sig_recording_file f;
    const char *name = sig_http_param(req, 1);
    if (!sig_api_find_recording(req, &row, &token))
        return;
    if (strchr(name, '/') || !sig_recording_file_is(row.file, name, &f))
        sig_http_error(req, sig_error("no_such_file"), NULL);
    else
        serve(req, &row, name, f.type);
}
