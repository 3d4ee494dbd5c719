/* tests/lib/bare_srtp.h - the least SRTP that works: AEAD_AES_128_GCM (RFC 7714) for one SSRC.
 *
 * For load generators and bench floors, written apart from transport/srtp.h so that each checks
 * the other. No replay window, no RTCP, no CSRCs. One thread. */
#ifndef TESTS_LIB_BARE_SRTP_H
#define TESTS_LIB_BARE_SRTP_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

enum { BARE_SRTP_KEY_BYTES = 28, BARE_SRTP_TAG_BYTES = 16 };

struct bare_srtp {
    EVP_CIPHER_CTX *cipher;
    uint8_t salt[12];
    uint64_t newest; /* packet index, RFC 3711 */
};

/* Master key (16 bytes) and salt (12). Returns 0 or -EIO. */
int bare_srtp_init(struct bare_srtp *s, const uint8_t key[BARE_SRTP_KEY_BYTES], int is_sender);

/* NULL-safe inside: a zeroed one is fine. */
void bare_srtp_finish(struct bare_srtp *s);

/* In place; header_bytes are authenticated only, the rest is encrypted. Room for the tag is the
 * caller's. Returns the new size. */
size_t bare_srtp_protect(struct bare_srtp *s, uint8_t *packet, size_t header_bytes, size_t size);

/* In place. Returns the size without the tag, or 0: not authentic. */
size_t bare_srtp_unprotect(struct bare_srtp *s, uint8_t *packet, size_t header_bytes, size_t size);

/* Bytes of an RTP header with its extension, or 0 when it does not fit in size. */
size_t bare_rtp_header_bytes(const uint8_t *packet, size_t size);

#endif
