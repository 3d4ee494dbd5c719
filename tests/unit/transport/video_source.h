/* A sender of made-up video for the jitter buffer's tests: frames whose bytes are known, cut into
 * RTP packets by the real packetizers, with what each frame needs to be decoded. */
#ifndef TESTS_UNIT_TRANSPORT_VIDEO_SOURCE_H
#define TESTS_UNIT_TRANSPORT_VIDEO_SOURCE_H

#include "tests/unit/transport/pure.h"
#include "transport/payload.h"
#include "transport/payload_vp8.h"
#include "transport/rtp.h"

enum { SOURCE_FRAMES = 600, SOURCE_PACKETS = 8000, FRAME_US = 33333 };

struct source_frame {
    uint8_t *data;
    size_t size;
    bool is_key;
    uint8_t tid;
    bool is_sync;
    int needs[2];        /* frames that this one is predicted from; -1: none */
    size_t first, count; /* packets */
    uint32_t timestamp;
};

struct source_packet {
    uint8_t *payload;
    size_t size;
    uint64_t seq;
    uint32_t timestamp;
    bool marker;
    size_t frame;
};

struct source {
    enum mcu_codec codec;
    uint64_t random;
    size_t frame_count;
    size_t packet_count;
    struct rtc_vp8_counter counter;
    struct source_frame frames[SOURCE_FRAMES];
    struct source_packet packets[SOURCE_PACKETS];
};

static inline struct source *source_create(enum mcu_codec codec, uint64_t seed)
{
    struct source *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->codec = codec;
    s->random = seed;
    s->counter = (struct rtc_vp8_counter){.picture_id = 0x7ff8, .tl0picidx = 250};
    return s;
}

static inline void source_destroy(struct source *s)
{
    for (size_t i = 0; i < s->frame_count; i++)
        free(s->frames[i].data);
    for (size_t i = 0; i < s->packet_count; i++)
        free(s->packets[i].payload);
    free(s);
}

static inline void source_fill_h264(struct source *s, struct source_frame *f)
{
    static const uint8_t sets[] = {0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 1, 0, 0, 0, 1, 0x68, 7, 7};
    size_t at = 0;
    if (f->is_key) {
        memcpy(f->data, sets, sizeof(sets));
        at = sizeof(sets);
    }
    memcpy(f->data + at, (const uint8_t[]){0, 0, 0, 1, f->is_key ? 0x65 : 0x41}, 5);
    for (at += 5; at < f->size; at++)
        f->data[at] = (uint8_t)(1 + rnd_below(&s->random, 255));
}

static inline void source_fill_vp8(struct source *s, struct source_frame *f)
{
    for (size_t i = 0; i < f->size; i++)
        f->data[i] = (uint8_t)rnd(&s->random);
    f->data[0] |= 1;
    if (f->is_key)
        memcpy(f->data, (const uint8_t[]){0x10, 0, 0, 0x9d, 1, 0x2a, 64, 1, 240, 0}, 10);
}

static inline void source_packetize(struct source *s, struct source_frame *f, size_t index)
{
    struct mcu_packet *packet = mcu_packet_copy(f->data, f->size);
    struct rtc_payloads *p = NULL;
    packet->codec = s->codec;
    packet->is_key = f->is_key;
    assert_int_equal(rtc_payloads_create(&p, packet, 1000), 0);
    const size_t before = s->codec == MCU_CODEC_VP8 ? RTC_VP8_DESCRIPTOR_SIZE : 0;
    f->first = s->packet_count;
    f->count = p->count;
    for (size_t i = 0; i < p->count; i++) {
        const struct rtc_slice *slice = &p->slices[i];
        struct source_packet *out = &s->packets[s->packet_count];
        assert_true(s->packet_count < SOURCE_PACKETS);
        out->size = before + slice->prefix_size + slice->size;
        out->payload = malloc(out->size);
        if (before)
            rtc_vp8_put_descriptor(out->payload, &s->counter, slice, f->tid, f->is_sync);
        memcpy(out->payload + before, slice->prefix, slice->prefix_size);
        memcpy(out->payload + before + slice->prefix_size, slice->data, slice->size);
        out->seq = 0x10000 + 65500 + s->packet_count++;
        out->timestamp = f->timestamp;
        out->marker = slice->is_last;
        out->frame = index;
    }
    rtc_payloads_unref(p);
    mcu_packet_unref(packet);
}

/* Appends a frame of size bytes (at least 32) that needs frames a and b (-1: none). */
static inline struct source_frame *source_add(struct source *s, size_t size, bool is_key,
                                              uint8_t tid, bool is_sync, int a, int b)
{
    const size_t index = s->frame_count++;
    struct source_frame *f = &s->frames[index];
    assert_true(s->frame_count <= SOURCE_FRAMES);
    *f = (struct source_frame){.size = size, .is_key = is_key, .tid = tid, .is_sync = is_sync};
    f->needs[0] = a;
    f->needs[1] = b;
    f->timestamp = 0xfffff000 + (uint32_t)index * 3000;
    f->data = malloc(size);
    if (s->codec == MCU_CODEC_VP8) {
        source_fill_vp8(s, f);
        rtc_vp8_next_frame(&s->counter, tid);
    } else {
        source_fill_h264(s, f);
    }
    source_packetize(s, f, index);
    return f;
}

/* count frames of chance, each on the one before; a key frame every key_every. */
static inline void source_add_chain(struct source *s, size_t count, size_t key_every)
{
    for (size_t i = 0; i < count; i++) {
        const bool is_key = s->frame_count % key_every == 0;
        const size_t size = 32 + rnd_below(&s->random, is_key ? 12000 : 4000);
        source_add(s, size, is_key, 0, false, is_key ? -1 : (int)s->frame_count - 1, -1);
    }
}

static inline struct rtc_rtp source_rtp(const struct source_packet *p)
{
    return (struct rtc_rtp){
        .marker = p->marker,
        .pt = 96,
        .seq = (uint16_t)p->seq,
        .timestamp = p->timestamp,
        .payload = p->payload,
        .payload_size = p->size,
    };
}

#endif
