/* transport/dtls_internal.h - what certificate.c and dtls.c share, and their test. */
#ifndef TRANSPORT_DTLS_INTERNAL_H
#define TRANSPORT_DTLS_INTERNAL_H

#include "transport/dtls.h"

#include <openssl/ssl.h>

struct rtc_certificate {
    SSL_CTX *tls;
    uint8_t fingerprint[RTC_FINGERPRINT_BYTES];
};

/* Compares the far side's certificate with the fingerprint of its association. */
int rtc_dtls_verify(X509_STORE_CTX *store, void *arg);

/* Exported keying material is client's key, server's key, client's salt, server's salt (RFC 5764,
 * section 4.2); client and server get key and salt together. */
void rtc_dtls_split(const uint8_t *material, size_t key, size_t salt, uint8_t *client,
                    uint8_t *server);

#endif
