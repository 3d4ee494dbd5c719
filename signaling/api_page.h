/* signaling/api_page.h - lists by the page: ?offset= and ?limit=, and a Link to the others (RFC
 * 8288). Front thread. */
#ifndef SIGNALING_API_PAGE_H
#define SIGNALING_API_PAGE_H

#include "signaling/http.h"

struct sig_page {
    uint32_t offset;
    uint32_t limit; /* 1..SIG_STORE_PAGE_MAX */
};

/* What the request asks for; `limit` when it says nothing. Replies bad_request itself. */
bool sig_page_read(struct sig_http *req, struct sig_page *out, uint32_t limit);

/* Adds total, offset and limit to the reply's JSON, and the header Link: first, prev, next, last
 * as there are. Steals json; replies. */
void sig_page_reply(struct sig_http *req, const struct sig_page *page, uint64_t total,
                    json_t *json);

/* An array's part. Steals list; new. */
json_t *sig_page_slice(json_t *list, const struct sig_page *page);

#endif
