/* The nonce is salt XOR (0, SSRC, ROC, SEQ), RFC 7714 section 8.1; the keys come out of AES-CM run
 * on the salt with a label, RFC 3711 section 4.3. */
#include "tests/lib/bare_srtp.h"

#include <errno.h>
#include <string.h>

/* n bytes of key stream for a label; the salt of 12 bytes is taken as one of 14 with zeros. */
static int derive(uint8_t *out, size_t n, const uint8_t *key, uint8_t label)
{
    uint8_t counter[16] = {0};
    const uint8_t zeros[16] = {0};
    uint8_t stream[32];
    memcpy(counter, key + 16, 12);
    counter[7] ^= label;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int length = 0;
    const int ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, key, counter) == 1 &&
                   EVP_EncryptUpdate(c, stream, &length, zeros, 16) == 1;
    EVP_CIPHER_CTX_free(c);
    if (!ok)
        return -EIO;
    memcpy(out, stream, n);
    return 0;
}

int bare_srtp_init(struct bare_srtp *s, const uint8_t key[BARE_SRTP_KEY_BYTES], int is_sender)
{
    uint8_t session_key[16];
    memset(s, 0, sizeof(*s));
    if (derive(session_key, 16, key, 0) || derive(s->salt, 12, key, 2))
        return -EIO;
    s->cipher = EVP_CIPHER_CTX_new();
    if (!s->cipher ||
        EVP_CipherInit_ex(s->cipher, EVP_aes_128_gcm(), NULL, session_key, NULL, is_sender) != 1)
        return -EIO;
    return 0;
}

void bare_srtp_finish(struct bare_srtp *s)
{
    EVP_CIPHER_CTX_free(s->cipher);
    s->cipher = NULL;
}

/* The index nearest to the newest one with this sequence number, RFC 3711 section 3.3.1. */
static uint64_t index_of(const struct bare_srtp *s, uint16_t seq)
{
    const int16_t ahead = (int16_t)(seq - (uint16_t)s->newest);
    return ahead < 0 && s->newest < (uint64_t)-ahead ? seq : s->newest + (uint64_t)(int64_t)ahead;
}

static void make_nonce(const struct bare_srtp *s, uint8_t nonce[12], const uint8_t *packet,
                       uint64_t index)
{
    memcpy(nonce, s->salt, 12);
    for (int i = 0; i < 4; i++)
        nonce[2 + i] ^= packet[8 + i];
    for (int i = 0; i < 6; i++)
        nonce[6 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

static uint64_t begin(struct bare_srtp *s, const uint8_t *packet, size_t header_bytes)
{
    uint8_t nonce[12];
    int length;
    const uint64_t index = index_of(s, (uint16_t)(packet[2] << 8 | packet[3]));
    make_nonce(s, nonce, packet, index);
    EVP_CipherInit_ex(s->cipher, NULL, NULL, NULL, nonce, -1);
    EVP_CipherUpdate(s->cipher, NULL, &length, packet, (int)header_bytes);
    return index;
}

size_t bare_srtp_protect(struct bare_srtp *s, uint8_t *packet, size_t header_bytes, size_t size)
{
    int length;
    s->newest = begin(s, packet, header_bytes);
    uint8_t *const payload = packet + header_bytes;
    EVP_CipherUpdate(s->cipher, payload, &length, payload, (int)(size - header_bytes));
    EVP_CipherFinal_ex(s->cipher, packet + size, &length);
    EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG, BARE_SRTP_TAG_BYTES, packet + size);
    return size + BARE_SRTP_TAG_BYTES;
}

size_t bare_srtp_unprotect(struct bare_srtp *s, uint8_t *packet, size_t header_bytes, size_t size)
{
    int length;
    if (size < header_bytes + BARE_SRTP_TAG_BYTES)
        return 0;
    size -= BARE_SRTP_TAG_BYTES;
    const uint64_t index = begin(s, packet, header_bytes);
    uint8_t *const payload = packet + header_bytes;
    EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_SET_TAG, BARE_SRTP_TAG_BYTES, packet + size);
    EVP_CipherUpdate(s->cipher, payload, &length, payload, (int)(size - header_bytes));
    if (EVP_CipherFinal_ex(s->cipher, payload + length, &length) != 1)
        return 0;
    s->newest = index > s->newest ? index : s->newest;
    return size;
}

size_t bare_rtp_header_bytes(const uint8_t *packet, size_t size)
{
    if (size < 12 || packet[0] >> 6 != 2)
        return 0;
    size_t bytes = 12 + 4u * (packet[0] & 15);
    if (packet[0] & 0x10) {
        if (bytes + 4 > size)
            return 0;
        bytes += 4 + 4 * (size_t)(packet[bytes + 2] << 8 | packet[bytes + 3]);
    }
    return bytes <= size ? bytes : 0;
}
