/* Lists by the page; see api_page.h. */
#include "signaling/api_page.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LINK_MAX = 2048 };

bool sig_page_read(struct sig_http *req, struct sig_page *out, uint32_t limit)
{
    const int64_t offset = sig_http_arg_number(req, "offset", INT32_MAX, 0);
    const int64_t most = sig_http_arg_number(req, "limit", SIG_STORE_PAGE_MAX, limit);
    if (offset < 0 || most < 1) {
        sig_http_error(req, sig_error("bad_request"), "offset or limit is out of bounds.");
        return false;
    }
    *out = (struct sig_page){.offset = (uint32_t)offset, .limit = (uint32_t)most};
    return true;
}

/* Appends, percent-encoded; what does not fit makes the link useless, so it is said. */
static bool append(char *out, size_t size, const char *text, bool is_encoded)
{
    size_t n = strlen(out);
    for (const char *p = text; *p; p++) {
        const bool is_plain = !is_encoded || isalnum((unsigned char)*p) || strchr("-_.~/", *p);
        if (n + 4 > size)
            return false;
        n += (size_t)snprintf(out + n, size - n, is_plain ? "%c" : "%%%02X", (unsigned char)*p);
    }
    return true;
}

/* The request's other arguments, but never a token. */
static bool append_args(char *out, size_t size, const struct sig_http *req)
{
    static const char *const not_these[] = {"offset=", "limit=", "token="};
    bool fits = true;
    for (size_t i = 0; i < SIG_HTTP_ARGS && fits; i++) {
        char name[64];
        const char *equals = strchr(req->args[i], '=');
        bool is_ours = !equals || (size_t)(equals - req->args[i]) >= sizeof(name);
        for (size_t k = 0; k < sizeof(not_these) / sizeof(*not_these); k++)
            is_ours |= strncmp(req->args[i], not_these[k], strlen(not_these[k])) == 0;
        if (is_ours)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(equals - req->args[i]), req->args[i]);
        fits = append(out, size, "&", false) && append(out, size, name, true) &&
               append(out, size, "=", false) && append(out, size, equals + 1, true);
    }
    return fits;
}

static void add_link(struct sig_http *req, char *links, const char *rel, uint64_t offset,
                     uint32_t limit)
{
    char one[LINK_MAX] = "";
    char numbers[64];
    snprintf(numbers, sizeof(numbers), "?offset=%llu&limit=%u", (unsigned long long)offset, limit);
    const bool fits =
        append(one, sizeof(one), "<", false) && append(one, sizeof(one), req->path, true) &&
        append(one, sizeof(one), numbers, false) && append_args(one, sizeof(one), req) &&
        append(one, sizeof(one), ">; rel=\"", false) && append(one, sizeof(one), rel, false) &&
        append(one, sizeof(one), "\"", false);
    if (!fits || strlen(links) + strlen(one) + 3 > LINK_MAX)
        return;
    if (links[0])
        strcat(links, ", ");
    strcat(links, one);
}

void sig_page_reply(struct sig_http *req, const struct sig_page *page, uint64_t total, json_t *json)
{
    char links[LINK_MAX] = "";
    const uint64_t before = page->offset > page->limit ? page->offset - page->limit : 0;
    const uint64_t last = total ? (total - 1) / page->limit * page->limit : 0;
    if (page->offset > 0) {
        add_link(req, links, "first", 0, page->limit);
        add_link(req, links, "prev", before, page->limit);
    }
    if (page->offset + (uint64_t)page->limit < total) {
        add_link(req, links, "next", page->offset + (uint64_t)page->limit, page->limit);
        add_link(req, links, "last", last, page->limit);
    }
    if (links[0])
        sig_http_header(req, "Link", links);
    json_object_set_new(json, "total", json_integer((json_int_t)total));
    json_object_set_new(json, "offset", json_integer(page->offset));
    json_object_set_new(json, "limit", json_integer(page->limit));
    sig_http_json(req, 200, json);
}

json_t *sig_page_slice(json_t *list, const struct sig_page *page)
{
    json_t *slice = json_array();
    for (size_t i = 0; i < page->limit; i++) {
        json_t *one = json_array_get(list, page->offset + i);
        if (!one)
            break;
        json_array_append(slice, one);
    }
    json_decref(list);
    return slice;
}
