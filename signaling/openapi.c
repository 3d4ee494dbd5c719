/* The OpenAPI document; see openapi.h. Everything that can be concluded from a route is: parameters
 * from its path, errors that all like it have, headers that lists, rooms and POSTs take. */
#include "signaling/openapi.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/embed.h"
#include "signaling/errors.h"
#include "signaling/http.h"
#include "signaling/http_handlers.h"

enum { NAME_MAX_BYTES = 96 };

extern const struct mcu_embedded sig_api_files[];

static const struct {
    const char *name;
    const char *words;
    const char *schema; /* JSON */
} arguments[] = {
    {"room", "A room's name.", "{\"$ref\": \"#/components/schemas/RoomId\"}"},
    {"user", "A user's id.", "{\"type\": \"string\", \"maxLength\": 128}"},
    {"id", "As the server gave it.", "{\"type\": \"string\"}"},
    {"view", "The name of a view; main: the room's own.", "{\"type\": \"string\"}"},
    {"name", "A name; of WHIP and WHEP the one to show.", "{\"type\": \"string\"}"},
    {"file", "The name of a file, as the list has it.", "{\"type\": \"string\"}"},
    {"offset", "How many are left out.", "{\"type\": \"integer\", \"minimum\": 0, \"default\": 0}"},
    {"limit", "How many come at most.",
     "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 500}"},
    {"before", "Only ids below.", "{\"type\": \"integer\", \"minimum\": 0}"},
    {"status", "Only those of this status.", "{\"type\": \"string\"}"},
    {"keepOut", "false: he may come back at once.", "{\"type\": \"boolean\", \"default\": true}"},
    {"width", "Of the picture, in pixels.",
     "{\"type\": \"integer\", \"minimum\": 16, \"maximum\": 3840}"},
    {"people", "How many the picture shows.",
     "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 100}"},
    {"size", "WIDTHxHEIGHT of the picture.", "{\"type\": \"string\"}"},
    {"password", "The room's.", "{\"type\": \"string\", \"format\": \"password\"}"},
    {"layout", "A layout's name.", "{\"type\": \"string\"}"},
    {"quality", "The most that is sent.",
     "{\"type\": \"string\", \"enum\": [\"auto\", \"1080p\", \"720p\", \"360p\", \"180p\", "
     "\"slides\", \"audio\"]}"},
    {"app", "Not looked at.", "{\"type\": \"string\"}"},
    {"stream", "The room.", "{\"$ref\": \"#/components/schemas/RoomId\"}"},
    {"type", "What is wanted.", "{\"type\": \"string\", \"enum\": [\"push\", \"play\", \"echo\"]}"},
    {"token", "The token, where a header cannot be set.", "{\"type\": \"string\"}"},
};

static json_t *ref_of(const char *schema)
{
    char path[NAME_MAX_BYTES + 32];
    snprintf(path, sizeof(path), "#/components/schemas/%s", schema);
    return json_pack("{s:s}", "$ref", path);
}

/* --- parameters ------------------------------------------------------------------------------- */

static json_t *parameter(const char *name, const char *where)
{
    const bool is_path = strcmp(where, "path") == 0;
    json_t *p = json_pack("{s:s, s:s, s:b}", "name", name, "in", where, "required", is_path);
    for (size_t i = 0; i < sizeof(arguments) / sizeof(*arguments); i++) {
        if (strcmp(arguments[i].name, name) != 0)
            continue;
        json_object_set_new(p, "description", json_string(arguments[i].words));
        json_object_set_new(p, "schema", json_loads(arguments[i].schema, 0, NULL));
        return p;
    }
    json_object_set_new(p, "schema", json_pack("{s:s}", "type", "string"));
    return p;
}

static void add_path_parameters(json_t *list, const char *pattern)
{
    for (const char *at = strchr(pattern, '{'); at; at = strchr(at + 1, '{')) {
        char name[NAME_MAX_BYTES];
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 1, "}"), at + 1);
        json_array_append_new(list, parameter(name, "path"));
    }
}

/* The next word of *text, without what separates; false: none is left. */
static bool next_word(const char **text, const char *separators, char word[NAME_MAX_BYTES])
{
    *text += strspn(*text, separators);
    const size_t n = strcspn(*text, separators);
    if (!n || n >= NAME_MAX_BYTES)
        return false;
    memcpy(word, *text, n);
    word[n] = '\0';
    *text += n;
    return true;
}

static json_t *header_parameter(const char *name, const char *words)
{
    return json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", name, "in", "header", "description", words,
                     "schema", "type", "string");
}

static json_t *parameters(const struct sig_words *w)
{
    json_t *list = json_array();
    char word[NAME_MAX_BYTES];
    add_path_parameters(list, w->pattern);
    for (const char *at = w->query; next_word(&at, " ", word);)
        json_array_append_new(list, parameter(word, "query"));
    if (strstr(w->errors, "etag_mismatch"))
        json_array_append_new(list,
                              header_parameter("If-Match", "Only if it is still of this ETag."));
    if (w->method == SIG_POST && strncmp(w->pattern, "/api/", 5) == 0)
        json_array_append_new(
            list, header_parameter("Idempotency-Key", "Sent again with it, it is done once."));
    return list;
}

/* --- bodies and answers ----------------------------------------------------------------------- */

/* A schema of ours, or a media type: a file. */
static json_t *content(const char *what)
{
    if (!strchr(what, '/'))
        return json_pack("{s:{s:o}}", "application/json", "schema", ref_of(what));
    const bool is_text = strncmp(what, "text/", 5) == 0 || strstr(what, "sdp");
    const bool is_json = strcmp(what, "application/json") == 0;
    if (is_json)
        return json_pack("{s:{s:{}}}", what, "schema");
    return is_text ? json_pack("{s:{s:{s:s}}}", what, "schema", "type", "string")
                   : json_pack("{s:{s:{s:s, s:s}}}", what, "schema", "type", "string", "format",
                               "binary");
}

static json_t *request_body(const struct sig_words *w, size_t body_max)
{
    char what[NAME_MAX_BYTES];
    char words[64];
    snprintf(what, sizeof(what), "%s", w->body);
    char *optional = strchr(what, '?');
    if (optional)
        *optional = '\0';
    snprintf(words, sizeof(words), "At most %zu bytes.", body_max);
    json_t *types = json_object();
    char one[NAME_MAX_BYTES];
    for (const char *at = what; next_word(&at, ";", one);) {
        json_t *type = content(one);
        json_object_update(types, type);
        json_decref(type);
    }
    return json_pack("{s:s, s:b, s:o}", "description", words, "required", optional == NULL,
                     "content", types);
}

static json_t *header_of_answer(const char *words)
{
    return json_pack("{s:s, s:{s:s}}", "description", words, "schema", "type", "string");
}

static json_t *answer_headers(const struct sig_words *w, const char *status)
{
    json_t *headers = json_object();
    if (strcmp(status, "201") == 0 || strcmp(status, "406") == 0)
        json_object_set_new(headers, "Location", header_of_answer("Where it is."));
    if (strstr(w->answer, " Room") && !strstr(w->answer, "RoomList"))
        json_object_set_new(headers, "ETag", header_of_answer("For If-Match."));
    if (strstr(w->query, "offset"))
        json_object_set_new(headers, "Link", header_of_answer("first, prev, next, last pages."));
    return headers;
}

static void add_answer(json_t *responses, const struct sig_words *w, const char *status,
                       const char *what)
{
    json_t *answer = json_object_get(responses, status);
    if (!answer) {
        answer = json_pack("{s:s}", "description",
                           strcmp(status, "406") == 0 ? "Not done: an offer of the server's own, whose "
                                                        "answer is PATCHed to its Location."
                           : what[0]                  ? "Done."
                                                      : "Done; there is no body.");
        json_object_set_new(responses, status, answer);
    }
    json_t *headers = answer_headers(w, status);
    if (json_object_size(headers))
        json_object_set(answer, "headers", headers);
    json_decref(headers);
    json_t *body = what[0] ? content(what) : NULL;
    json_t *is = json_object_get(answer, "content");
    if (body && is)
        json_object_update(is, body);
    else if (body)
        json_object_set(answer, "content", body);
    json_decref(body);
}

static void add_answers(json_t *responses, const struct sig_words *w)
{
    const char *at = w->answer;
    char one[NAME_MAX_BYTES];
    while (next_word(&at, ";", one)) {
        const char *in = one;
        char status[NAME_MAX_BYTES];
        char what[NAME_MAX_BYTES] = "";
        next_word(&in, " ", status);
        next_word(&in, " ", what);
        add_answer(responses, w, status, what);
    }
}

/* Errors of one status are one answer, whose description has the codes. */
static void add_error(json_t *responses, const char *code)
{
    char status[16];
    char words[512];
    const struct sig_error *e = sig_error(code);
    snprintf(status, sizeof(status), "%d", e->status);
    json_t *answer = json_object_get(responses, status);
    const char *before = json_string_value(json_object_get(answer, "description"));
    if (before && strstr(before, code))
        return;
    snprintf(words, sizeof(words), "%s%s`%s`: %s", before ? before : "", before ? "\n\n" : "", code,
             e->message);
    if (!answer) {
        answer = json_pack("{s:o}", "content", content("Error"));
        json_object_set_new(responses, status, answer);
    }
    json_object_set_new(answer, "description", json_string(words));
}

static void add_errors(json_t *responses, const struct sig_words *w, size_t body_max)
{
    char code[NAME_MAX_BYTES];
    if (w->caller != SIG_ANYBODY) {
        add_error(responses, "unauthorized");
        add_error(responses, "token_invalid");
        add_error(responses, "token_expired");
        add_error(responses, "forbidden");
    }
    if (body_max || w->query[0])
        add_error(responses, "bad_request");
    if (body_max) {
        add_error(responses, "too_large");
        add_error(responses, "length_required");
    }
    if (strncmp(w->pattern, "/api/v1/rooms/{room}", 20) == 0)
        add_error(responses, "no_such_room");
    if (w->method == SIG_POST && strncmp(w->pattern, "/api/", 5) == 0) {
        add_error(responses, "in_progress");
        add_error(responses, "idempotency_mismatch");
    }
    for (const char *at = w->errors; next_word(&at, " ", code);)
        add_error(responses, code);
}

/* --- operations ------------------------------------------------------------------------------- */

static const char *method_name(enum sig_method method)
{
    switch (method) {
    case SIG_GET:
        return "get";
    case SIG_POST:
        return "post";
    case SIG_PUT:
        return "put";
    case SIG_PATCH:
        return "patch";
    case SIG_DELETE:
        return "delete";
    default:
        return "options";
    }
}

/* "get_rooms_room_members": of the method and the path, so that it is one of a kind. */
static json_t *operation_id(const struct sig_words *w)
{
    char id[256];
    size_t n = (size_t)snprintf(id, sizeof(id), "%s", method_name(w->method));
    const char *path = strncmp(w->pattern, "/api/v1/", 8) == 0 ? w->pattern + 7 : w->pattern;
    for (const char *p = path; *p && n < sizeof(id) - 1; p++) {
        if (isalnum((unsigned char)*p))
            id[n++] = *p;
        else if (id[n - 1] != '_' && *p != '}')
            id[n++] = '_';
    }
    id[n] = '\0';
    return json_string(id);
}

static const char *who(enum sig_caller caller)
{
    static const char *const words[] = {
        [SIG_ANYBODY] = "Needs no token.",
        [SIG_GUEST] = "Whoever has a token of the room, and admins.",
        [SIG_SELF] = "Hosts, admins, and the member himself where it concerns nobody else.",
        [SIG_RIGHT] = "Hosts, admins, whoever has the claim, and whom the room's rules say.",
        [SIG_HOST] = "Hosts of the room, and admins.",
        [SIG_ADMIN] = "Admins; with `room`, where that can be said, its own people.",
    };
    return words[caller];
}

static json_t *operation(const struct sig_route *route, const struct sig_words *w)
{
    json_t *responses = json_object();
    add_answers(responses, w);
    add_errors(responses, w, route->body_max);
    json_t *o = json_pack("{s:o, s:[s], s:s, s:s, s:o}", "operationId", operation_id(w), "tags",
                          w->tag, "summary", w->summary, "description", who(w->caller),
                          "parameters", parameters(w));
    if (w->body[0])
        json_object_set_new(o, "requestBody", request_body(w, route->body_max));
    json_object_set_new(o, "responses", responses);
    if (w->caller == SIG_ANYBODY)
        json_object_set_new(o, "security", json_array());
    return o;
}

static json_t *schemas(void)
{
    for (const struct mcu_embedded *f = sig_api_files; f->name; f++) {
        if (strcmp(f->name, "schemas.json") == 0)
            return json_loadb((const char *)f->data, (size_t)(f->end - f->data), 0, NULL);
    }
    return NULL;
}

static json_t *paths(const struct sig_route *routes)
{
    json_t *all = json_object();
    for (const struct sig_route *r = routes; r->pattern; r++) {
        const struct sig_words *w = sig_words_find(r);
        if (!w)
            continue;
        json_t *path = json_object_get(all, r->pattern);
        if (!path) {
            path = json_object();
            json_object_set_new(all, r->pattern, path);
        }
        json_object_set_new(path, method_name(r->method), operation(r, w));
    }
    return all;
}

json_t *sig_openapi_make(const struct sig_route *routes)
{
    json_t *shapes = schemas();
    if (!shapes)
        return NULL;
    return json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:[{s:[]}], s:o, s:{s:o, "
                     "s:{s:{s:s, s:s, "
                     "s:s}}}}",
                     "openapi", "3.1.0", "info", "title", "Mixdown", "version", MIXDOWN_VERSION,
                     "summary", "A conference server that mixes: many streams in, one out.",
                     "license", "name", "GPL-3.0-or-later", "identifier", "GPL-3.0-or-later",
                     "servers", "url", "/", "security", "token", "paths", paths(routes),
                     "components", "schemas", shapes, "securitySchemes", "token", "type", "http",
                     "scheme", "bearer", "bearerFormat", "JWT");
}

/* --- serving ---------------------------------------------------------------------------------- */

void sig_api_openapi(struct sig_http *req)
{
    static char *text; /* it never changes: made once */
    if (!text) {
        json_t *json = sig_openapi_make(sig_routes);
        text = json ? json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
        json_decref(json);
    }
    if (!text) {
        sig_http_error(req, sig_error("too_busy"), NULL);
        return;
    }
    sig_http_header(req, "Cache-Control", "no-cache");
    sig_http_reply_static(req, 200, "application/json", text, strlen(text));
}

static void serve(struct sig_http *req, const char *name, const char *type)
{
    for (const struct mcu_embedded *f = sig_api_files; f->name; f++) {
        if (strcmp(f->name, name) != 0)
            continue;
        sig_http_header(req, "Cache-Control", "no-cache");
        sig_http_header(req, "Content-Security-Policy",
                        "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; "
                        "base-uri 'none'; form-action 'none'");
        sig_http_header(req, "Referrer-Policy", "no-referrer");
        sig_http_reply_static(req, 200, type, f->data, (size_t)(f->end - f->data));
        return;
    }
    sig_http_error(req, sig_error("not_found"), NULL);
}

void sig_api_page(struct sig_http *req)
{
    serve(req, "api.html", "text/html; charset=utf-8");
}

void sig_api_page_css(struct sig_http *req)
{
    serve(req, "api.css", "text/css; charset=utf-8");
}

void sig_api_page_js(struct sig_http *req)
{
    serve(req, "api.js", "text/javascript; charset=utf-8");
}
