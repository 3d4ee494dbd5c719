#include "signaling/bearer.h"

#include <string.h>

#include "signaling/token.h"

enum { ARGUMENTS_MAX = 8 };

static void read_argument(struct lws *wsi, char *out, size_t size)
{
    char text[SIG_TOKEN_SIZE_MAX + 16];
    for (int i = 0; i < ARGUMENTS_MAX; i++) {
        const int n = lws_hdr_copy_fragment(wsi, text, sizeof(text), WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n > 6 && strncmp(text, "token=", 6) == 0)
            lws_strncpy(out, text + 6, size);
    }
}

void sig_bearer_read(struct lws *wsi, bool is_taken_from_address, char *out, size_t size)
{
    char text[SIG_TOKEN_SIZE_MAX + 16];
    out[0] = '\0';
    if (is_taken_from_address)
        read_argument(wsi, out, size);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_AUTHORIZATION) > 0 &&
        lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_AUTHORIZATION) > 0 &&
        strncasecmp(text, "Bearer ", 7) == 0)
        lws_strncpy(out, text + 7 + strspn(text + 7, " "), size);
}
