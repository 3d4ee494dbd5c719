/* The room's certificate and the TLS settings shared by its associations; see dtls.h. The SSL_CTX is
 * read-only once made, so that [net] threads share it. */
#include "transport/dtls_internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static const char profiles[] = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";
static const char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA";

enum { DAY_S = 24 * 60 * 60 };

/* No name that could tell rooms apart; a random serial, a day back for clocks that lag. */
static X509 *make_x509(EVP_PKEY *key)
{
    X509 *x = X509_new();
    if (!x)
        return NULL;
    uint64_t serial = 0;
    X509_NAME *name = X509_get_subject_name(x);
    const bool is_made =
        RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
        X509_set_version(x, 2) == 1 &&
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) &&
        X509_gmtime_adj(X509_getm_notAfter(x), 365L * DAY_S) &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"mixdown", -1,
                                   -1, 0) == 1 &&
        X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1 &&
        X509_sign(x, key, EVP_sha256()) > 0;
    if (is_made)
        return x;
    X509_free(x);
    return NULL;
}

static int configure(SSL_CTX *tls, X509 *x509, EVP_PKEY *key)
{
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(tls, rtc_dtls_verify, NULL);
    /* SSL_CTX_set_tlsext_use_srtp() answers 0 on success. */
    const bool is_done = SSL_CTX_set_min_proto_version(tls, DTLS1_2_VERSION) == 1 &&
                         SSL_CTX_set_max_proto_version(tls, DTLS1_2_VERSION) == 1 &&
                         SSL_CTX_set_cipher_list(tls, ciphers) == 1 &&
                         SSL_CTX_set1_groups_list(tls, "X25519:P-256:P-384") == 1 &&
                         SSL_CTX_use_certificate(tls, x509) == 1 &&
                         SSL_CTX_use_PrivateKey(tls, key) == 1 &&
                         SSL_CTX_set_tlsext_use_srtp(tls, profiles) == 0;
    return is_done ? 0 : -EIO;
}

int rtc_certificate_create(struct rtc_certificate **out)
{
    struct rtc_certificate *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    int err = -EIO;
    X509 *x509 = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key)
        goto fail;
    x509 = make_x509(key);
    unsigned int size = 0;
    if (!x509 || X509_digest(x509, EVP_sha256(), c->fingerprint, &size) != 1 ||
        size != RTC_FINGERPRINT_BYTES)
        goto fail;
    c->tls = SSL_CTX_new(DTLS_method());
    if (!c->tls)
        goto fail;
    err = configure(c->tls, x509, key);
    if (err)
        goto fail;
    X509_free(x509); /* the SSL_CTX has references of its own */
    EVP_PKEY_free(key);
    *out = c;
    return 0;

fail:
    X509_free(x509);
    EVP_PKEY_free(key);
    rtc_certificate_destroy(c);
    return err;
}

void rtc_certificate_destroy(struct rtc_certificate *c)
{
    if (!c)
        return;
    SSL_CTX_free(c->tls);
    free(c);
}

const uint8_t *rtc_certificate_fingerprint(const struct rtc_certificate *c)
{
    return c->fingerprint;
}
