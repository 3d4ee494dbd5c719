/* signaling/token.h - who may enter: JSON web tokens (RFC 7519), HS256 and nothing else.
 *
 * Claims: sub, name, exp, nbf and mixdown: { room, role, record, live, admin, calls }. The algorithm is
 * never taken from the token: its header must say HS256, and HS256 is what is computed.
 *
 * Threads: pure functions, [any]. */
#ifndef SIGNALING_TOKEN_H
#define SIGNALING_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIG_TOKEN_SIZE_MAX = 4096,  /* of the text */
    SIG_TOKEN_SECRET_MIN = 32,  /* bytes of the key (RFC 7518, section 3.2) */
    SIG_TOKEN_LEEWAY_S = 30,    /* how far two clocks may be apart */
};

struct sig_token {
    char sub[129];  /* the user's id, 1..128 bytes */
    char name[257]; /* "": not said */
    char room[65];  /* 1..64 of A-Z a-z 0-9 - _ . ; "" only when is_admin: every room, or may_call: none */
    char role[16];  /* "host", "publisher", "subscriber"; "publisher" when not said */
    int64_t exp_s;  /* Unix seconds; required */
    int64_t nbf_s;  /* 0: not said */
    bool may_record;
    bool may_live;
    bool is_admin;
    bool is_observer; /* of an API key: all may be read, nothing changed */
    bool may_call; /* a user's own, for calls and text; then room may be "": none */
};

/* Checks the token in text (size bytes, no NUL needed) against secret at now_s (Unix seconds).
 * Returns 0 and fills *out, or
 *   -EBADMSG       not a JWT, or a claim is missing, of the wrong type or out of bounds
 *   -ENOTSUP       its header says another algorithm, or a critical extension
 *   -EKEYREJECTED  the signature does not match
 *   -EKEYEXPIRED   past exp and the leeway
 *   -EAGAIN        before nbf and the leeway
 *   -EINVAL        the secret is too short
 * and *reason (may be NULL) names it in words; static storage. *out is written only on success. */
int sig_token_verify(struct sig_token *out, const char *text, size_t size, const char *secret,
                     int64_t now_s, const char **reason);

/* Makes a token. The caller frees *out. Returns 0, -EINVAL (a claim or the secret is out of bounds:
 * what verify would refuse) or -ENOMEM. */
int sig_token_sign(char **out, const struct sig_token *token, const char *secret);

/* Whether id is 1..64 of A-Z a-z 0-9 - _ . and not "." or "..": the form of a room's id. */
bool sig_room_id_is_valid(const char *id);

/* Whether role is "host", "publisher" or "subscriber". */
bool sig_role_is_valid(const char *role);

#endif
