/* Who may call: origins of pages, and tokens. Front thread. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <errno.h>

#include "signaling/api_key.h"
#include "signaling/front.h"

static bool is_listed(const struct mcu_config_list *list, const char *origin)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->item[i], "*") == 0 || strcmp(list->item[i], origin) == 0)
            return true;
    }
    return false;
}

bool sig_origin_is_allowed(const struct mcu_config *config, const char *origin, const char *host)
{
    if (!origin[0] || config->auth.dev) /* not a page, or nothing to protect */
        return true;
    const char *at = strstr(origin, "://");
    if (at && host[0] && strcmp(at + 3, host) == 0)
        return true;
    return is_listed(&config->http.cors_origins, origin);
}

const struct sig_error *sig_authenticate_why(const struct mcu_config *config, const char *token,
                                             struct sig_token *out, const char **why)
{
    if (config->auth.dev) {
        *out = (struct sig_token){.may_record = true, .may_live = true, .is_admin = true};
        snprintf(out->role, sizeof(out->role), "host");
        return NULL;
    }
    if (!token[0])
        return sig_error("unauthorized");
    if (sig_api_key_is(token)) {
        *why = "there is no such API key";
        return sig_api_key_check(&config->auth.api_keys, token, out) ? NULL
                                                                     : sig_error("token_invalid");
    }
    const int err =
        sig_token_verify(out, token, strlen(token), config->auth.secret, time(NULL), why);
    if (err == -EKEYEXPIRED)
        return sig_error("token_expired");
    return err ? sig_error("token_invalid") : NULL;
}

const struct sig_error *sig_authenticate(const struct mcu_config *config, const char *token,
                                         struct sig_token *out)
{
    const char *why = NULL;
    return sig_authenticate_why(config, token, out, &why);
}

bool sig_token_is_for(const struct sig_token *t, const char *room)
{
    return t->is_admin || (room && strcmp(t->room, room) == 0);
}
