/* Fuzzes tokens: the input as a whole token, and, so that the claims are reached behind the
 * signature, as the claims of a token that is signed here. Aborts when an unsigned one passes, or
 * one that passed cannot be made again. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/token.h"

static const char secret[] = "0123456789abcdef0123456789abcdef";

enum { NOW_S = 1800000000, CLAIMS_MAX = 2800 };

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void encode(char *out, const void *data, size_t size)
{
    EVP_EncodeBlock((unsigned char *)out, data, (int)size);
    for (char *p = out; *p; p++) {
        if (*p == '+')
            *p = '-';
        if (*p == '/')
            *p = '_';
        if (*p == '=')
            *p = '\0';
    }
}

static void wrap(char *out, const void *claims, size_t size)
{
    static const char header[] = "{\"alg\":\"HS256\"}";
    unsigned char mac[32];
    unsigned int mac_size = sizeof(mac);
    encode(out, header, sizeof(header) - 1);
    strcat(out, ".");
    encode(out + strlen(out), claims, size);
    HMAC(EVP_sha256(), secret, sizeof(secret) - 1, (unsigned char *)out, strlen(out), mac,
         &mac_size);
    strcat(out, ".");
    encode(out + strlen(out), mac, sizeof(mac));
}

static void check_again(const struct sig_token *t)
{
    struct sig_token back;
    char *text = NULL;
    check(t->sub[0] && sig_role_is_valid(t->role));
    check(t->room[0] ? sig_room_id_is_valid(t->room) : t->is_admin || t->may_call);
    check(sig_token_sign(&text, t, secret) == 0);
    check(sig_token_verify(&back, text, strlen(text), secret, NOW_S, NULL) == 0);
    check(strcmp(t->sub, back.sub) == 0 && strcmp(t->name, back.name) == 0);
    check(strcmp(t->room, back.room) == 0 && strcmp(t->role, back.role) == 0);
    check(t->exp_s == back.exp_s && t->nbf_s == back.nbf_s);
    check(t->may_record == back.may_record && t->may_live == back.may_live);
    check(t->is_admin == back.is_admin && t->may_call == back.may_call);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char other[] = "a key that is in no corpus file 123";
    static char text[2 * CLAIMS_MAX];
    struct sig_token t;
    const char *reason = NULL;
    check(sig_token_verify(&t, (const char *)data, size, other, NOW_S, &reason) != 0);
    check(reason && reason[0]);
    if (size > CLAIMS_MAX)
        return 0;
    wrap(text, data, size);
    if (sig_token_verify(&t, text, strlen(text), secret, NOW_S, &reason) == 0)
        check_again(&t);
    return 0;
}
