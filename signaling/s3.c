/* One request: a url, signed headers, a body; then the answer's status, ETag, length and XML. */
#include "signaling/s3.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mcu/base/clock.h"
#include "signaling/sigv4.h"

enum {
    REPLY_MAX = 64 * 1024,
    URL_MAX = 8192,
    NAME_MAX_BYTES = 512,
    CONNECT_TIMEOUT_MS = 10000,
    LEAST_BYTES_A_SECOND = 1024,
    COMPLETE_PART_BYTES = 256, /* of XML for one part */
};

struct s3 {
    char base[NAME_MAX_BYTES]; /* "https://host:port" */
    char path[NAME_MAX_BYTES]; /* of the endpoint and the bucket, encoded: "/bucket" */
    char host[NAME_MAX_BYTES]; /* as in the Host header */
    char region[64];
    char access_key[NAME_MAX_BYTES];
    char secret_key[NAME_MAX_BYTES];
    uint32_t timeout_s;
    atomic_bool *stop;
    CURL *curl;
};

struct call {
    const char *method;
    const char *key;
    const char *query; /* encoded and sorted */
    struct s3_body body;
};

struct reply {
    char *text;
    size_t size;
    char etag[S3_ETAG_SIZE];
};

/* --- the endpoint -------------------------------------------------------------------------------- */

static bool take(CURLU *url, CURLUPart part, char *out, size_t size, unsigned flags)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) {
        *out = '\0';
        return true; /* it has none */
    }
    const bool fits = strlen(text) < size;
    if (fits)
        strcpy(out, text);
    curl_free(text);
    return fits;
}

struct endpoint {
    char scheme[16], host[256], port[8], path[256], user[8], query[8], fragment[8];
};

static bool parse_endpoint(const char *text, struct endpoint *e)
{
    CURLU *url = curl_url();
    const bool is_good = url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
                         take(url, CURLUPART_SCHEME, e->scheme, sizeof(e->scheme), 0) &&
                         take(url, CURLUPART_HOST, e->host, sizeof(e->host), 0) &&
                         take(url, CURLUPART_PORT, e->port, sizeof(e->port), 0) &&
                         take(url, CURLUPART_PATH, e->path, sizeof(e->path), 0) &&
                         take(url, CURLUPART_USER, e->user, sizeof(e->user), 0) &&
                         take(url, CURLUPART_QUERY, e->query, sizeof(e->query), 0) &&
                         take(url, CURLUPART_FRAGMENT, e->fragment, sizeof(e->fragment), 0);
    curl_url_cleanup(url);
    return is_good && e->host[0] && !e->user[0] && !e->query[0] && !e->fragment[0] &&
           (strcmp(e->scheme, "https") == 0 || strcmp(e->scheme, "http") == 0);
}

bool s3_endpoint_is_valid(const char *endpoint)
{
    struct endpoint e;
    return parse_endpoint(endpoint, &e);
}

static bool fits(int n, size_t size)
{
    return n >= 0 && (size_t)n < size;
}

static int set_endpoint(struct s3 *s, const struct s3_conf *conf)
{
    struct endpoint e;
    char bucket[NAME_MAX_BYTES];
    if (!parse_endpoint(conf->endpoint, &e) ||
        sigv4_encode(bucket, sizeof(bucket), conf->bucket, 0))
        return -EINVAL;
    size_t path = strlen(e.path);
    while (path && e.path[path - 1] == '/')
        path--;
    const char *colon = e.port[0] ? ":" : "";
    const bool is_good =
        fits(snprintf(s->host, sizeof(s->host), "%s%s%s", e.host, colon, e.port), sizeof(s->host)) &&
        fits(snprintf(s->base, sizeof(s->base), "%s://%s", e.scheme, s->host), sizeof(s->base)) &&
        fits(snprintf(s->path, sizeof(s->path), "%.*s/%s", (int)path, e.path, bucket),
             sizeof(s->path)) &&
        fits(snprintf(s->region, sizeof(s->region), "%s", conf->region), sizeof(s->region)) &&
        fits(snprintf(s->access_key, sizeof(s->access_key), "%s", conf->access_key),
             sizeof(s->access_key)) &&
        fits(snprintf(s->secret_key, sizeof(s->secret_key), "%s", conf->secret_key),
             sizeof(s->secret_key));
    return is_good ? 0 : -EINVAL;
}

int s3_create(struct s3 **out, const struct s3_conf *conf)
{
    struct s3 *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->timeout_s = conf->timeout_s;
    s->stop = conf->stop;
    s->curl = curl_easy_init();
    const int err = s->curl ? set_endpoint(s, conf) : -ENOMEM;
    if (err)
        s3_destroy(s);
    else
        *out = s;
    return err;
}

void s3_destroy(struct s3 *s)
{
    if (!s)
        return;
    curl_easy_cleanup(s->curl);
    OPENSSL_cleanse(s->secret_key, sizeof(s->secret_key));
    free(s);
}

/* --- signing ------------------------------------------------------------------------------------- */

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[SIGV4_SIZE_MAX + 64];
    if (!fits(snprintf(line, sizeof(line), "%s: %s", name, value), sizeof(line)))
        return false;
    struct curl_slist *grown = curl_slist_append(*list, line);
    if (grown)
        *list = grown;
    return grown != NULL;
}

static struct curl_slist *make_headers(const struct s3 *s, const struct call *c, const char *path)
{
    char date[SIGV4_DATE_SIZE], hash[SIGV4_HASH_SIZE], authorization[SIGV4_SIZE_MAX];
    struct curl_slist *list = NULL;
    sigv4_date(date, mcu_wall_ms() / 1000);
    sigv4_hash(hash, c->body.size ? c->body.bytes : "", c->body.size);
    struct sigv4_request r = {.method = c->method, .path = path, .query = c->query, .date = date,
                              .region = s->region, .service = "s3", .payload_hash = hash};
    if (c->body.type)
        r.headers[r.header_count++] = (struct sigv4_header){"content-type", c->body.type};
    r.headers[r.header_count++] = (struct sigv4_header){"host", s->host};
    r.headers[r.header_count++] = (struct sigv4_header){"x-amz-content-sha256", hash};
    r.headers[r.header_count++] = (struct sigv4_header){"x-amz-date", date};
    bool is_good = sigv4_sign(authorization, &r, s->access_key, s->secret_key) == 0 &&
                   add_header(&list, "authorization", authorization) &&
                   add_header(&list, "expect", "") && /* without a value: not sent */
                   (c->body.type || add_header(&list, "content-type", ""));
    for (size_t i = 0; is_good && i < r.header_count; i++)
        is_good = add_header(&list, r.headers[i].name, r.headers[i].value);
    if (is_good)
        return list;
    curl_slist_free_all(list);
    return NULL;
}

/* --- the answer ---------------------------------------------------------------------------------- */

static size_t on_body(char *bytes, size_t one, size_t count, void *arg)
{
    struct reply *r = arg;
    const size_t size = one * count;
    if (size > REPLY_MAX - r->size)
        return 0; /* too long to be an answer */
    memcpy(r->text + r->size, bytes, size);
    r->size += size;
    return size;
}

static size_t on_header(char *bytes, size_t one, size_t count, void *arg)
{
    struct reply *r = arg;
    const size_t size = one * count;
    size_t from = 5, to = size;
    if (size < 5 || strncasecmp(bytes, "etag:", 5) != 0)
        return size;
    while (from < to && (bytes[from] == ' ' || bytes[from] == '\t'))
        from++;
    while (to > from && (bytes[to - 1] == '\r' || bytes[to - 1] == '\n' || bytes[to - 1] == ' '))
        to--;
    if (to - from < sizeof(r->etag)) {
        memcpy(r->etag, bytes + from, to - from);
        r->etag[to - from] = '\0';
    }
    return size;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct s3 *s = arg;
    (void)a, (void)b, (void)c, (void)d;
    return s->stop && atomic_load(s->stop);
}

/* What of 4xx is worth another try: time-outs, too many, and clocks or keys that may be put right. */
static bool is_final(int http)
{
    return http >= 400 && http < 500 && http != 408 && http != 409 && http != 425 && http != 429;
}

static void read_answer(struct s3_answer *a, const struct reply *r)
{
    char code[64] = "";
    const bool is_error = s3_xml_text(r->text, r->size, "Code", code, sizeof(code)) == 0 &&
                          memmem(r->text, r->size, "<Error", 6) != NULL;
    if (a->http >= 200 && a->http < 300 && !is_error)
        return;
    for (char *p = code; *p; p++) /* a stranger's word, for a log */
        *p = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ? *p : '?';
    snprintf(a->error, sizeof(a->error), "HTTP %d%s%s", a->http, code[0] ? " " : "", code);
    a->is_final = is_final(a->http);
    a->is_unknown_upload = strcmp(code, "NoSuchUpload") == 0;
}

/* --- one request --------------------------------------------------------------------------------- */

static void set_method(CURL *c, const struct call *call)
{
    if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
        return;
    }
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, call->method);
    if (strcmp(call->method, "DELETE") == 0)
        return;
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.size);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, call->body.size ? call->body.bytes : "");
}

static void set_options(struct s3 *s, const char *url, struct curl_slist *headers, struct reply *r)
{
    CURL *c = s->curl;
    curl_easy_reset(c); /* the connection stays */
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)LEAST_BYTES_A_SECOND);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)s->timeout_s);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, s);
}

static bool perform(struct s3 *s, const struct call *call, struct reply *r, struct s3_answer *a)
{
    long status = 0;
    curl_off_t length = -1;
    set_method(s->curl, call);
    const CURLcode code = curl_easy_perform(s->curl);
    if (code != CURLE_OK) {
        snprintf(a->error, sizeof(a->error), "%s", curl_easy_strerror(code));
        return false;
    }
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(s->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    a->http = (int)status;
    a->bytes = length;
    read_answer(a, r);
    return !a->error[0];
}

/* r's text is the caller's to free. */
static bool request(struct s3 *s, const struct call *call, struct reply *r, struct s3_answer *a)
{
    char key[URL_MAX / 2], path[URL_MAX / 2 + NAME_MAX_BYTES + 2], url[URL_MAX * 2];
    struct curl_slist *headers = NULL;
    *a = (struct s3_answer){.bytes = -1};
    r->text = malloc(REPLY_MAX);
    if (r->text && sigv4_encode(key, sizeof(key), call->key, 1) == 0 &&
        fits(snprintf(path, sizeof(path), "%s/%s", s->path, key), sizeof(path)) &&
        fits(snprintf(url, sizeof(url), "%s%s%s%s", s->base, path, call->query[0] ? "?" : "",
                      call->query),
             sizeof(url)))
        headers = make_headers(s, call, path);
    if (!headers) {
        snprintf(a->error, sizeof(a->error), "the request is too long");
        a->is_final = true;
        return false;
    }
    set_options(s, url, headers, r);
    const bool is_done = perform(s, call, r, a);
    curl_slist_free_all(headers);
    return is_done;
}

static bool simple(struct s3 *s, const struct call *call, struct s3_answer *a)
{
    struct reply r = {0};
    const bool is_done = request(s, call, &r, a);
    free(r.text);
    return is_done;
}

/* --- the requests -------------------------------------------------------------------------------- */

bool s3_put(struct s3 *s, const char *key, const struct s3_body *body, struct s3_answer *a)
{
    return simple(s, &(struct call){.method = "PUT", .key = key, .query = "", .body = *body}, a);
}

bool s3_head(struct s3 *s, const char *key, struct s3_answer *a)
{
    return simple(s, &(struct call){.method = "HEAD", .key = key, .query = ""}, a);
}

static bool fail(struct s3_answer *a, const char *why)
{
    snprintf(a->error, sizeof(a->error), "%s", why);
    return false;
}

bool s3_begin(struct s3 *s, const char *key, const char *type, char upload_id[S3_UPLOAD_ID_SIZE],
              struct s3_answer *a)
{
    struct reply r = {0};
    const struct call call = {
        .method = "POST", .key = key, .query = "uploads=", .body = {.type = type}};
    bool is_done = request(s, &call, &r, a);
    if (is_done &&
        (s3_xml_text(r.text, r.size, "UploadId", upload_id, S3_UPLOAD_ID_SIZE) || !upload_id[0]))
        is_done = fail(a, "no UploadId in the answer");
    free(r.text);
    return is_done;
}

/* "partNumber=N&uploadId=ID", or the latter alone. */
static bool make_query(char *out, size_t size, uint32_t number, const char *upload_id)
{
    char id[S3_UPLOAD_ID_SIZE * 3 + 1], part[32] = "";
    if (number)
        snprintf(part, sizeof(part), "partNumber=%u&", number);
    return sigv4_encode(id, sizeof(id), upload_id, 0) == 0 &&
           fits(snprintf(out, size, "%suploadId=%s", part, id), size);
}

bool s3_put_part(struct s3 *s, const char *key, const char *upload_id, uint32_t number,
                 const struct s3_body *body, char etag[S3_ETAG_SIZE], struct s3_answer *a)
{
    char query[URL_MAX / 2];
    struct reply r = {0};
    if (!make_query(query, sizeof(query), number, upload_id))
        return fail(a, "the upload id is too long");
    const struct call call = {.method = "PUT", .key = key, .query = query, .body = *body};
    bool is_done = request(s, &call, &r, a);
    if (is_done && (!r.etag[0] || strpbrk(r.etag, "<>&")))
        is_done = fail(a, "no ETag in the answer");
    if (is_done)
        memcpy(etag, r.etag, sizeof(r.etag));
    free(r.text);
    return is_done;
}

static char *complete_xml(const struct s3_part *parts, size_t count, size_t *size)
{
    const size_t room = count * COMPLETE_PART_BYTES + 128;
    char *xml = malloc(room);
    if (!xml)
        return NULL;
    size_t n = (size_t)snprintf(xml, room, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(xml + n, room - n,
                              "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>",
                              parts[i].number, parts[i].etag);
    n += (size_t)snprintf(xml + n, room - n, "</CompleteMultipartUpload>");
    *size = n;
    return xml;
}

bool s3_complete(struct s3 *s, const char *key, const char *upload_id, const struct s3_part *parts,
                 size_t count, struct s3_answer *a)
{
    char query[URL_MAX / 2];
    struct s3_body body = {.type = "application/xml"};
    *a = (struct s3_answer){.bytes = -1};
    if (!make_query(query, sizeof(query), 0, upload_id))
        return fail(a, "the upload id is too long");
    char *xml = complete_xml(parts, count, &body.size);
    if (!xml)
        return fail(a, "no memory");
    body.bytes = xml;
    const struct call call = {.method = "POST", .key = key, .query = query, .body = body};
    const bool is_done = simple(s, &call, a);
    free(xml);
    return is_done;
}

bool s3_abort(struct s3 *s, const char *key, const char *upload_id, struct s3_answer *a)
{
    char query[URL_MAX / 2];
    *a = (struct s3_answer){.bytes = -1};
    if (!make_query(query, sizeof(query), 0, upload_id))
        return fail(a, "the upload id is too long");
    return simple(s, &(struct call){.method = "DELETE", .key = key, .query = query}, a);
}
