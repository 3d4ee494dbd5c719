/* Fuzzes URLs and names of files from outside. What is taken has one host that reads back alone,
 * tells nothing of its query, and is read the same by libavformat, which gets it next. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <libavformat/avformat.h>
#include <libavutil/avstring.h>

#include "recorder/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libavformat's own, exported but not in a header. */
void av_url_split(char *proto, int proto_size, char *authorization, int authorization_size,
                  char *hostname, int hostname_size, int *port_ptr, char *path, int path_size,
                  const char *url);

static void check(int is_true)
{
    if (!is_true)
        abort();
}

static void check_url(const char *text, enum guard_use use)
{
    struct guard_url url;
    const char *why = NULL;
    if (guard_parse_url(&url, text, use, &why)) {
        check(why && why[0]);
        return;
    }
    char proto[16], auth[GUARD_URL_MAX], host[GUARD_URL_MAX], path[GUARD_URL_MAX];
    int port = -1;
    av_url_split(proto, sizeof(proto), auth, sizeof(auth), host, sizeof(host), &port, path,
                 sizeof(path), text);
    check(strcmp(host, url.host) == 0);
    check(port < 0 ? url.port > 0 : port == url.port);
    check((auth[0] != '\0') == url.has_user);
    check(strlen(url.masked) + 1 < sizeof(url.masked) && strstr(url.masked, url.host));
    const char *query = strchr(url.masked, '?');
    check(!query || strcmp(query, "?***") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_url(text, GUARD_INPUT);
    check_url(text, GUARD_PUSH);
    const char *why = NULL;
    if (guard_check_file(text, &why) == 0)
        check(text[0] != '/' && strstr(text, "/../") == NULL && strcmp(text, "..") != 0);
    struct guard_policy policy = {0};
    if (guard_policy_add(&policy, text) == 0)
        check(policy.net_count == 1 && policy.nets[0].bits <= 128);
    free(text);
    return 0;
}
