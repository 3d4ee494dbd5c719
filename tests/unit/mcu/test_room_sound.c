/* A whole room by ear, over plain RTP on loopback: what is set by control messages and what packets
 * report reaches the sound that is sent.
 *
 * Real time, and a machine may be slow: everything waits until it is so, for a minute at most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <math.h>
#include <opus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/config.h"
#include "mcu/room.h"
#include "mixer/mix.h"

enum { LEVELS_MAX = 1024, RTP_HEADER = 12, CELT_FROM = 16, IN_A_ROW = 25 };

#define PI 3.14159265358979

/* A plain RTP participant. */
struct phone {
    const char *name;
    int fd;
    struct sockaddr_in room; /* where to send to */
    uint32_t room_ssrc;
    OpusEncoder *encoder;
    OpusDecoder *decoder;
    float amplitude; /* of what it says */
    uint16_t seq;
    int64_t frames; /* said */
    /* of the newest packet that came */
    uint32_t received;
    uint8_t toc;
    float left, right; /* root mean square */
};

struct fixture {
    struct mcu_room *room;
    json_t *reply;
    struct phone phones[2];
    int64_t next_us, housekeep_us;
    double levels[LEVELS_MAX]; /* of the first phone, from one `speaking` event to the next */
    size_t level_count;
};

static void note_level(struct fixture *f, const json_t *event)
{
    size_t i;
    json_t *one;
    double level = 0;
    json_array_foreach(json_object_get(event, "speakers"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "peer")), f->phones[0].name) == 0)
            level = json_number_value(json_object_get(one, "level"));
    }
    if (f->level_count < LEVELS_MAX)
        f->levels[f->level_count++] = level;
}

static void on_send(void *ctx, const json_t *message)
{
    struct fixture *f = ctx;
    const char *event = json_string_value(json_object_get(message, "event"));
    if (json_object_get(message, "reply")) {
        json_decref(f->reply);
        f->reply = json_deep_copy(message);
    } else if (event && strcmp(event, "speaking") == 0) {
        note_level(f, message);
    }
}

static void tell(struct fixture *f, json_t *command)
{
    json_object_set_new(command, "seq", json_integer(1));
    mcu_room_command(f->room, command);
    json_decref(command);
    if (!json_is_true(json_object_get(f->reply, "ok")))
        fail_msg("refused");
}

static void join(struct fixture *f, struct phone *p, const char *name)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(own);
    int err = 0;
    p->name = name;
    p->fd = socket(AF_INET, SOCK_DGRAM, 0);
    p->encoder = opus_encoder_create(MIX_RATE_HZ, 1, OPUS_APPLICATION_AUDIO, &err);
    p->decoder = opus_decoder_create(MIX_RATE_HZ, 2, &err);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&own, size), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&own, &size), 0);
    tell(f, json_pack("{s:s,s:s,s:s,s:{s:{s:i,s:s},s:{s:s,s:i}}}", "cmd", "peer_add", "peer", name,
                      "user", name, "rtp", "audio", "pt", 111, "codec", "opus", "remote", "host",
                      "127.0.0.1", "port", (int)ntohs(own.sin_port)));
    const json_t *rtp = json_object_get(f->reply, "rtp");
    p->room = own;
    p->room.sin_port = htons((uint16_t)json_integer_value(json_object_get(rtp, "port")));
    p->room_ssrc =
        (uint32_t)json_integer_value(json_object_get(json_object_get(rtp, "audio"), "ssrc"));
}

static int set_up(void **state)
{
    static struct mcu_config c;
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    if (mcu_room_create(&f->room, on_send, f) < 0)
        return -1;
    mcu_config_init(&c);
    c.rtc.loopback = true;
    c.audio.levelling = false;
    c.video.width = 160;
    c.video.height = 90;
    c.video.fps = 5;
    tell(f, json_pack("{s:s,s:s,s:s,s:o,s:i}", "cmd", "open", "room", "r", "type", "mcu", "config",
                      mcu_config_to_json(&c), "opened_at", 7));
    join(f, &f->phones[0], "ann");
    join(f, &f->phones[1], "bob");
    f->phones[0].amplitude = 0.5f;
    f->next_us = f->housekeep_us = mcu_now_us();
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mcu_room_destroy(f->room);
    for (int i = 0; i < 2; i++) {
        close(f->phones[i].fd);
        opus_encoder_destroy(f->phones[i].encoder);
        opus_decoder_destroy(f->phones[i].decoder);
    }
    json_decref(f->reply);
    free(f);
    return 0;
}

static void put_u32(uint8_t *to, uint32_t v)
{
    const uint32_t n = htonl(v);
    memcpy(to, &n, sizeof(n));
}

static void send_to_room(const struct phone *p, const uint8_t *data, size_t size)
{
    /* A socket that has no room now is a lost packet. */
    (void)!sendto(p->fd, data, size, MSG_DONTWAIT, (const struct sockaddr *)&p->room,
                  sizeof(p->room));
}

static void speak(struct phone *p)
{
    float pcm[MIX_TICK_FRAMES];
    uint8_t packet[1500] = {0x80, 111, (uint8_t)(p->seq >> 8), (uint8_t)p->seq};
    for (int i = 0; i < MIX_TICK_FRAMES; i++, p->frames++)
        pcm[i] = p->amplitude * (float)sin(2 * PI * 440 * (double)p->frames / MIX_RATE_HZ);
    put_u32(packet + 4, (uint32_t)p->frames);
    put_u32(packet + 8, 0x1000u + (uint32_t)p->name[0]);
    p->seq++;
    const int size = opus_encode_float(p->encoder, pcm, MIX_TICK_FRAMES, packet + RTP_HEADER,
                                       (opus_int32)sizeof(packet) - RTP_HEADER);
    assert_true(size > 0);
    send_to_room(p, packet, RTP_HEADER + (size_t)size);
}

static void take(struct phone *p, const uint8_t *packet, size_t size)
{
    float pcm[2 * MIX_TICK_FRAMES];
    if (size <= RTP_HEADER || packet[1] % 128 != 111)
        return;
    assert_int_equal(opus_decode_float(p->decoder, packet + RTP_HEADER,
                                       (opus_int32)(size - RTP_HEADER), pcm, MIX_TICK_FRAMES, 0),
                     MIX_TICK_FRAMES);
    float sum[2] = {0, 0};
    for (int i = 0; i < 2 * MIX_TICK_FRAMES; i++)
        sum[i % 2] += pcm[i] * pcm[i];
    p->left = sqrtf(sum[0] / MIX_TICK_FRAMES);
    p->right = sqrtf(sum[1] / MIX_TICK_FRAMES);
    p->toc = packet[RTP_HEADER];
    p->received++;
}

/* 20 ms of everybody's life. Returns whether the second phone got something. */
static bool turn(struct fixture *f)
{
    uint8_t packet[2048];
    const uint32_t before = f->phones[1].received;
    for (int i = 0; i < 2; i++) {
        speak(&f->phones[i]);
        for (ssize_t n; (n = recv(f->phones[i].fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0;)
            take(&f->phones[i], packet, (size_t)n);
    }
    mcu_room_take_events(f->room);
    const int64_t now_us = mcu_now_us();
    if (now_us >= f->housekeep_us) {
        mcu_room_housekeep(f->room, now_us);
        f->housekeep_us += MCU_US_PER_S / 10;
    }
    f->next_us += MIX_TICK_US;
    mcu_sleep_until_us(f->next_us);
    return f->phones[1].received != before;
}

/* Until it is so in each of IN_A_ROW turns that brought a packet. */
static bool becomes(struct fixture *f, bool (*is_so)(const struct phone *p))
{
    const int64_t deadline_us = mcu_now_us() + 60 * MCU_US_PER_S;
    int run = 0;
    while (run < IN_A_ROW && mcu_now_us() < deadline_us) {
        if (turn(f))
            run = is_so(&f->phones[1]) ? run + 1 : 0;
    }
    return run == IN_A_ROW;
}

static bool is_in_the_middle(const struct phone *p)
{
    return p->left > 0.1f && fabsf(p->left - p->right) < 0.1f * p->left;
}

static bool is_left(const struct phone *p)
{
    return p->left > 0.1f && p->right < 0.03f * p->left;
}

static bool is_right(const struct phone *p)
{
    return p->right > 0.1f && p->left < 0.03f * p->right;
}

static void place(struct fixture *f, double pan)
{
    tell(f, json_pack("{s:s,s:s,s:{s:f}}", "cmd", "peer_set", "peer", "ann", "sound", "pan", pan));
}

static void a_voice_is_placed_left_and_right(void **state)
{
    struct fixture *f = *state;
    f->phones[1].amplitude = 0;
    assert_true(becomes(f, is_in_the_middle));
    place(f, -1);
    assert_true(becomes(f, is_left));
    place(f, 1);
    assert_true(becomes(f, is_right));
    place(f, 0);
    assert_true(becomes(f, is_in_the_middle));
    assert_true(f->phones[0].left < 0.01f); /* and she does not hear herself */
}

static bool is_silent(const struct phone *p)
{
    return p->left < 0.01f && p->right < 0.01f;
}

static void set_role(struct fixture *f, const char *role)
{
    tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_set", "peer", "ann", "role", role));
}

static void who_is_made_a_subscriber_is_heard_no_more_though_he_sends_on(void **state)
{
    struct fixture *f = *state;
    f->phones[1].amplitude = 0;
    assert_true(becomes(f, is_in_the_middle));
    set_role(f, "subscriber");
    assert_true(becomes(f, is_silent));
    set_role(f, "publisher");
    assert_true(becomes(f, is_in_the_middle));
}

/* A receiver report (RFC 3550, 6.4.2): so much of what the room sends is lost. */
static void report_loss(const struct phone *p, uint8_t fraction)
{
    uint8_t rr[32] = {0x81, 201, 0, 7};
    put_u32(rr + 4, 0x1000u + (uint32_t)p->name[0]);
    put_u32(rr + 8, p->room_ssrc);
    rr[12] = fraction;
    send_to_room(p, rr, sizeof(rr));
}

static bool is_celt(const struct phone *p)
{
    return p->left > 0.1f && p->toc >> 3 >= CELT_FROM;
}

/* With FEC libopus codes SILK or hybrid. */
static bool has_fec_mode(const struct phone *p)
{
    return p->left > 0.1f && p->toc >> 3 < CELT_FROM;
}

/* Reports of bob's make his sound robust, and his alone: ann's stays as it is. */
static void who_loses_much_is_given_fec(void **state)
{
    struct fixture *f = *state;
    f->phones[1].amplitude = 0.5f;
    assert_true(becomes(f, is_celt));
    const int64_t deadline_us = mcu_now_us() + 60 * MCU_US_PER_S;
    bool is_robust = false;
    while (!is_robust && mcu_now_us() < deadline_us) {
        report_loss(&f->phones[1], 256 / 5);
        for (int i = 0; i < 25; i++)
            is_robust = turn(f) && has_fec_mode(&f->phones[1]);
    }
    assert_true(becomes(f, has_fec_mode));
    assert_true(is_celt(&f->phones[0]));
}

static size_t count_told(const struct fixture *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->level_count; i++)
        n += f->levels[i] > 0;
    return n;
}

/* Loud, then hardly speech: the level falls, but from one event to the next not by more than a ring
 * can follow, and it rises at once. */
static void levels_are_told_smoothly(void **state)
{
    struct fixture *f = *state;
    const int64_t begin_us = mcu_now_us();
    const int64_t deadline_us = begin_us + 60 * MCU_US_PER_S;
    f->phones[1].amplitude = 0;
    for (int i = 0; (count_told(f) < 40 || i % 100) && mcu_now_us() < deadline_us; i++) {
        f->phones[0].amplitude = i % 40 < 20 ? 0.9f : 0.006f; /* -4 and -47 dBov */
        turn(f);
    }
    assert_true(count_told(f) >= 40);
    double least = 1, most = 0;
    for (size_t i = 1; i < f->level_count; i++) {
        const double level = f->levels[i], before = f->levels[i - 1];
        if (level == 0 || before == 0)
            continue; /* began or ended to speak */
        assert_true(level <= 1);
        assert_true(level >= before * 0.6 - 0.02);
        least = fmin(least, level);
        most = fmax(most, level);
    }
    assert_true(most > 0.8 && least < 0.6); /* it did move */
    assert_true((double)f->level_count <=
                10.0 * (double)(mcu_now_us() - begin_us) / MCU_US_PER_S + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_voice_is_placed_left_and_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_made_a_subscriber_is_heard_no_more_though_he_sends_on,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_loses_much_is_given_fec, set_up, tear_down),
        cmocka_unit_test_setup_teardown(levels_are_told_smoothly, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
