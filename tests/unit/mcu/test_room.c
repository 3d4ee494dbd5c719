/* A room by its control messages: every command, right and wrong, without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/config.h"
#include "mcu/room.h"
#include "mixer/mix.h"
#include "recorder/rec.h"

struct fixture {
    struct mcu_room *room;
    json_t *reply;
    json_t *recording; /* the newest `recording` event */
    json_t *sound;     /* the newest `sound` event */
    int events;
};

static void on_send(void *ctx, const json_t *message)
{
    struct fixture *f = ctx;
    if (json_object_get(message, "reply")) {
        json_decref(f->reply);
        f->reply = json_deep_copy(message);
        return;
    }
    f->events++;
    const char *event = json_string_value(json_object_get(message, "event"));
    assert_non_null(event);
    if (strcmp(event, "sound") == 0) {
        json_decref(f->sound);
        f->sound = json_deep_copy(message);
    }
    if (strcmp(event, "recording") == 0) {
        json_decref(f->recording);
        f->recording = json_deep_copy(message);
    }
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    return mcu_room_create(&f->room, on_send, f);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mcu_room_destroy(f->room);
    json_decref(f->reply);
    json_decref(f->recording);
    json_decref(f->sound);
    free(f);
    return 0;
}

/* Sends a command and answers the error's code, "" when there is none. */
static const char *tell(struct fixture *f, json_t *command)
{
    static int seq;
    json_object_set_new(command, "seq", json_integer(++seq));
    mcu_room_command(f->room, command);
    json_decref(command);
    assert_int_equal(json_integer_value(json_object_get(f->reply, "reply")), seq);
    if (json_is_true(json_object_get(f->reply, "ok")))
        return "";
    return json_string_value(json_object_get(json_object_get(f->reply, "error"), "code"));
}

static json_t *small_config(void)
{
    static struct mcu_config c;
    mcu_config_init(&c);
    c.rtc.loopback = true;
    c.video.width = 160;
    c.video.height = 90;
    c.video.fps = 10;
    return mcu_config_to_json(&c);
}

static void open_room(struct fixture *f)
{
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s,s:o,s:i}", "cmd", "open", "room", "r1", "type",
                                          "mcu", "config", small_config(), "opened_at", 7)),
                        "");
}

static void wait_for_recording(struct fixture *f)
{
    for (int i = 0; i < 600 && !f->recording; i++) {
        struct pollfd fd = {.fd = mcu_room_events_fd(f->room), .events = POLLIN};
        poll(&fd, 1, 100);
        mcu_room_take_events(f->room);
    }
    assert_non_null(f->recording);
}

static void commands_wait_for_open(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "dance")), "unknown_command");
    assert_string_equal(tell(f, json_pack("{s:n}", "cmd")), "unknown_command");
    static const char *const names[] = {"peer_add",     "peer_session", "peer_offer",   "peer_candidate",
                                        "peer_set",     "peer_remove",  "record_start", "record_stop",
                                        "stats"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_string_equal(tell(f, json_pack("{s:s}", "cmd", names[i])), "not_open");
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "adopt")), "");
    assert_true(json_is_null(json_object_get(f->reply, "room")));
}

static void bad_opens_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "open")), "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:{s:{s:i}}}", "cmd", "open", "room", "r",
                                          "config", "video", "width", -5)),
                        "bad_message");
    open_room(f);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:o}", "cmd", "open", "room", "r", "config",
                                          small_config())),
                        "already_open");
}

static const char *layout_of(struct fixture *f)
{
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "adopt")), "");
    return json_string_value(json_object_get(f->reply, "layout"));
}

static void the_layout_can_be_changed_and_is_told_to_a_new_front(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    assert_string_equal(layout_of(f), "grid");
    static const char *const names[] = {"speaker", "portrait", "speaker", "lecture"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "layout_set", "layout", names[i])), "");
        assert_string_equal(layout_of(f), names[i]);
        usleep(120000); /* a picture with it */
    }
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "layout_set", "layout", "../grid")), "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "layout_set", "layout", "none")), "no_such_layout");
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "layout_set")), ""); /* it names nothing */
    assert_string_equal(layout_of(f), "lecture");
    assert_string_equal(tell(f, json_pack("{s:s,s:n}", "cmd", "layout_set", "layout")), "");
    assert_string_equal(layout_of(f), "grid"); /* the configured one again */
}

static json_t *described_peer(struct fixture *f, size_t i)
{
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "adopt")), "");
    return json_array_get(json_object_get(f->reply, "peers"), i);
}

static int64_t pin_of(struct fixture *f, size_t i)
{
    return json_integer_value(json_object_get(described_peer(f, i), "pin"));
}

static void hosts_choices_add_up_and_are_told_to_a_new_front(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    assert_string_equal(tell(f, json_pack("{s:s,s:[s,s],s:s}", "cmd", "layout_set", "order", "bob", "ann",
                                          "spotlight", "cyd")),
                        "");
    assert_string_equal(json_string_value(json_object_get(f->reply, "layout")), "grid");
    assert_string_equal(tell(f, json_pack("{s:s,s:b,s:n}", "cmd", "layout_set", "hideWithoutVideo", 1,
                                          "spotlight")),
                        "");
    static const char *const refused[] = {"{\"order\": [\"a\", \"a\"]}", "{\"spotlight\": 1}",
                                          "{\"hideWithoutVideo\": \"yes\"}",
                                          "{\"layout\": \"duo\", \"file\": \"x\"}",
                                          "{\"layout\": \"x\", \"file\": {\"name\": \"x\"}}"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        json_t *command = json_loads(refused[i], 0, NULL);
        json_object_set_new(command, "cmd", json_string("layout_set"));
        assert_string_equal(tell(f, command), "bad_message");
    }
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "adopt")), "");
    json_t *picture = json_loads("{\"order\": [\"bob\", \"ann\"], \"hideWithoutVideo\": true}", 0, NULL);
    assert_true(json_equal(json_object_get(f->reply, "picture"), picture));
    assert_true(json_is_null(json_object_get(f->reply, "sharing")));
    json_decref(picture);
}

static void a_layout_may_come_as_a_file(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    json_t *file = json_loads("{\"name\": \"mine\", \"variants\": [{\"people\": \"1-\", \"cells\": "
                              "[{\"x\": 0, \"y\": 0, \"w\": 1, \"h\": 1, \"source\": \"auto\"}]}]}",
                              0, NULL);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:o}", "cmd", "layout_set", "layout", "mine", "file", file)), "");
    assert_string_equal(layout_of(f), "mine");
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "layout_set", "layout", "mine")), "no_such_layout");
    assert_string_equal(layout_of(f), "mine");
}

static void one_person_a_seat_and_hands_are_kept(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    for (int i = 0; i < 2; i++) {
        const char *id = i ? "b" : "a";
        assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_add", "peer", id, "user", id)), "");
    }
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:i,s:b}", "cmd", "peer_set", "peer", "a", "pin", 1, "hand", 1)), "");
    assert_int_equal(pin_of(f, 0), 1);
    assert_true(json_is_true(json_object_get(described_peer(f, 0), "hand")));
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:i}", "cmd", "peer_set", "peer", "b", "pin", 1)), "");
    assert_int_equal(pin_of(f, 0), 0);
    assert_int_equal(pin_of(f, 1), 1);
    assert_true(json_is_true(json_object_get(described_peer(f, 0), "hand")));
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:i}", "cmd", "peer_set", "peer", "b", "pin", 101)), "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_set", "peer", "b", "hand", "up")), "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:i}", "cmd", "peer_set", "peer", "b", "pin", 0)), "");
    assert_int_equal(pin_of(f, 1), 0);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s,s:i,s:b}", "cmd", "peer_add", "peer", "c", "user", "cyd",
                                          "pin", 7, "hand", 1)), ""); /* as it was, in another process */
    assert_int_equal(pin_of(f, 2), 7);
}

static void peers_come_and_go(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "peer_add", "peer", "a")), "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s,s:s,s:s,s:{s:i}}", "cmd", "peer_add", "peer",
                                          "a", "user", "ann", "name", "Ann", "role", "host",
                                          "session", "n", 5)),
                        "");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_add", "peer", "a", "user",
                                          "ann")),
                        "peer_exists");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:b}", "cmd", "peer_set", "peer", "a",
                                          "muted_video", 1)),
                        "");
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "adopt")), "");
    const json_t *peer = json_array_get(json_object_get(f->reply, "peers"), 0);
    assert_string_equal(json_string_value(json_object_get(peer, "user")), "ann");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(peer, "session"), "n")), 5);
    assert_true(json_is_true(json_object_get(peer, "muted_video")));
    assert_true(json_is_false(json_object_get(peer, "muted_audio")));

    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_session", "peer", "a",
                                          "session", "new")),
                        "");
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "peer_remove", "peer", "a")), "");
    static const char *const names[] = {"peer_session", "peer_offer", "peer_make_offer", "peer_answer",
                                        "peer_candidate", "peer_set", "peer_remove"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", names[i], "peer", "a")),
                            "no_such_peer");
}

/* 64 characters, which is what the front allows, of four bytes each. */
static void the_longest_name_comes_back_whole(void **state)
{
    struct fixture *f = *state;
    char name[64 * 4 + 1] = "";
    for (int i = 0; i < 64; i++)
        memcpy(name + 4 * i, "\xf0\x9f\x8e\xa5", 5);
    open_room(f);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s,s:s}", "cmd", "peer_add", "peer", "a", "user",
                                          "ann", "name", name)),
                        "");
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "adopt")), "");
    const json_t *peer = json_array_get(json_object_get(f->reply, "peers"), 0);
    assert_non_null(peer);
    assert_string_equal(json_string_value(json_object_get(peer, "name")), name);
}

static void bad_offers_are_refused(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_add", "peer", "a", "user", "u")),
                        "");
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "peer_offer", "peer", "a")),
                        "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:{}}", "cmd", "peer_offer", "peer", "a", "desc")),
                        "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:{}}", "cmd", "peer_answer", "peer", "a", "desc")),
                        "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:{},s:i}", "cmd", "peer_offer", "peer", "a", "desc",
                                          "must_send", 1)),
                        "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_candidate", "peer", "a",
                                          "candidate", "candidate:rubbish")),
                        "bad_message");
}

/* As many as there may be; then what is told of all of them comes in slices that fit a line. */
static void a_full_room_tells_of_itself_in_slices(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    int added = 0;
    for (; added < 2000; added++) {
        char id[16];
        snprintf(id, sizeof(id), "p%d", added);
        const char *code =
            tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_add", "peer", id, "user", id));
        if (*code) {
            assert_string_equal(code, "room_full");
            break;
        }
    }
    assert_int_equal(added, 1280);
    json_int_t next = 0;
    size_t told = 0;
    do {
        assert_string_equal(tell(f, json_pack("{s:s,s:I}", "cmd", "adopt", "from", next)), "");
        char *text = json_dumps(f->reply, 0);
        assert_true(strlen(text) < 100 * 1024);
        free(text);
        const json_t *peers = json_object_get(f->reply, "peers");
        told += json_array_size(peers);
        next = json_integer_value(json_object_get(f->reply, "next"));
        assert_true(next == 0 || (size_t)next == told);
    } while (next);
    assert_int_equal(told, 1280);
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "stats")), "");
    assert_int_equal(json_array_size(json_object_get(f->reply, "peers")), 64);
    assert_string_equal(tell(f, json_pack("{s:s,s:i}", "cmd", "stats", "from", 1250)), "");
    assert_int_equal(json_array_size(json_object_get(f->reply, "peers")), 30);
    assert_int_equal(json_integer_value(json_object_get(f->reply, "total")), 1280);
    assert_string_equal(tell(f, json_pack("{s:s,s:i}", "cmd", "stats", "from", -1)), "");
    assert_int_equal(json_array_size(json_object_get(f->reply, "peers")), 0);
}

/* What is set about a member's sound comes back to a front that adopts, and only what is right. */
static void the_sound_of_a_member_is_kept(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s,s:b,s:{s:i}}", "cmd", "peer_add", "peer", "a",
                                          "user", "ann", "muted_audio", 1, "sound", "volume", 50)),
                        "");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:{s:b,s:{s:i}}}", "cmd", "peer_set", "peer", "a",
                                          "sound", "deaf", 1, "volumes", "bob", 0)),
                        "");
    static const char *const wrong[] = {
        "{\"volume\": 201}", "{\"volume\": -1}", "{\"volume\": 1.5}", "{\"loud\": 1}", "[]", "7",
        "{\"hears\": {\"\": 1}}", "{\"speaksTo\": [\"a\", \"a\"]}", "{\"pan\": 1.01}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_string_equal(tell(f, json_pack("{s:s,s:s,s:o}", "cmd", "peer_set", "peer", "a", "sound",
                                              json_loads(wrong[i], JSON_DECODE_ANY, NULL))),
                            "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "adopt")), "");
    const json_t *peer = json_array_get(json_object_get(f->reply, "peers"), 0);
    json_t *wanted = json_pack("{s:i,s:b,s:{s:i}}", "volume", 50, "deaf", 1, "volumes", "bob", 0);
    assert_true(json_equal(json_object_get(peer, "sound"), wanted));
    assert_true(json_is_true(json_object_get(peer, "muted_audio")));
    json_decref(wanted);
}

static json_t *plain(const char *user, const char *rtp)
{
    return json_pack("{s:s,s:s,s:s,s:o}", "cmd", "peer_add", "peer", user, "user", user, "rtp",
                     json_loads(rtp, JSON_DECODE_ANY, NULL));
}

#define OPUS   "\"audio\": {\"pt\": 111, \"codec\": \"opus\"}"
#define REMOTE "\"remote\": {\"host\": \"127.0.0.1\", \"port\": 9}"
#define KEYS                                                                                       \
    "\"srtp\": {\"suite\": \"AEAD_AES_128_GCM\", \"keyIn\": "                                      \
    "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==\", \"keyOut\": "                                   \
    "\"/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==\"}"

static void plain_participants_are_told_where_to_send(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    assert_string_equal(tell(f, plain("a", "{" OPUS ", " REMOTE ", " KEYS "}")), "");
    const json_t *rtp = json_object_get(f->reply, "rtp");
    assert_string_equal(json_string_value(json_object_get(rtp, "host")), "127.0.0.1");
    const json_int_t port = json_integer_value(json_object_get(rtp, "port"));
    assert_in_range(port, 1, 65535);
    assert_true(json_is_true(json_object_get(rtp, "srtp")));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(rtp, "audio"), "pt")), 111);
    assert_null(json_object_get(rtp, "video"));

    assert_string_equal(tell(f, plain("b", "{" OPUS ", " REMOTE "}")), "address_in_use");
    assert_string_equal(tell(f, plain("b", "{" OPUS "}")), "");
    assert_int_not_equal(
        json_integer_value(json_object_get(json_object_get(f->reply, "rtp"), "port")), port);
    assert_string_equal(tell(f, plain("c", "{}")), "bad_message");
    assert_string_equal(tell(f, plain("c", "7")), "bad_message");

    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "adopt")), "");
    const json_t *peers = json_object_get(f->reply, "peers");
    assert_int_equal(json_array_size(peers), 2);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json_array_get(peers, 0), "rtp"), "port")),
                     port);
    char *text = json_dumps(f->reply, 0); /* keys are told to nobody */
    assert_null(strstr(text, "AAECAwQFBgcI"));
    free(text);
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "peer_remove", "peer", "a")), "");
    assert_string_equal(tell(f, plain("d", "{" OPUS ", " REMOTE "}")), "");
}

/* Directions are the participant's own: who only receives is sent the mix. */
static void who_only_receives_is_sent_the_mix(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    char rtp[256];
    snprintf(rtp, sizeof(rtp),
             "{\"audio\": {\"pt\": 111, \"codec\": \"opus\", \"direction\": \"recvonly\"}, "
             "\"remote\": {\"host\": \"127.0.0.1\", \"port\": %d}}",
             ntohs(address.sin_port));
    open_room(f);
    assert_string_equal(tell(f, plain("a", rtp)), "");
    const uint32_t ssrc = (uint32_t)json_integer_value(
        json_object_get(json_object_get(json_object_get(f->reply, "rtp"), "audio"), "ssrc"));
    uint8_t packet[1500] = {0};
    const int64_t deadline_us = mcu_now_us() + 60 * MCU_US_PER_S;
    while (packet[1] % 128 != 111 && mcu_now_us() < deadline_us) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (poll(&readable, 1, 100) > 0)
            assert_true(recv(fd, packet, sizeof(packet), 0) >= 12);
    }
    assert_int_equal(packet[1] % 128, 111);
    assert_int_equal((uint32_t)packet[8] << 24 | packet[9] << 16 | packet[10] << 8 | packet[11], ssrc);
    close(fd);
}

/* --- sounds --- */

static void wait_for_sound(struct fixture *f, const char *id, const char *state)
{
    const int64_t deadline_us = mcu_now_us() + 60 * MCU_US_PER_S;
    while (mcu_now_us() < deadline_us &&
           (!f->sound || strcmp(json_string_value(json_object_get(f->sound, "id")), id) != 0)) {
        struct pollfd fd = {.fd = mcu_room_events_fd(f->room), .events = POLLIN};
        poll(&fd, 1, 50);
        mcu_room_take_events(f->room);
        mcu_room_housekeep(f->room, mcu_now_us());
    }
    assert_non_null(f->sound);
    assert_string_equal(json_string_value(json_object_get(f->sound, "id")), id);
    assert_string_equal(json_string_value(json_object_get(f->sound, "state")), state);
}

static size_t count_sounds(struct fixture *f)
{
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "sound_list")), "");
    return json_array_size(json_object_get(f->reply, "sounds"));
}

static json_t *sound(const char *id, const char *key, const char *value)
{
    return json_pack("{s:s,s:s,s:s}", "cmd", "sound_start", "id", id, key, value);
}

static void built_in_sounds_play_to_their_end(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    assert_string_equal(tell(f, sound("a", "name", "join")), "");
    assert_int_equal(count_sounds(f), 1);
    assert_string_equal(tell(f, sound("a", "name", "join")), "bad_message"); /* one of that id */
    wait_for_sound(f, "a", "ended");
    assert_int_equal(count_sounds(f), 0);
    assert_string_equal(tell(f, sound("b", "name", "trumpets")), "no_such_sound");
    assert_string_equal(tell(f, sound("b", "file", "x.wav")), "no_such_file"); /* no folder is set */
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "sound_start", "id", "b")), "bad_message");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s,s:s}", "cmd", "sound_start", "id", "b", "name",
                                          "join", "to", "nobody")),
                        "no_such_peer");
    assert_int_equal(count_sounds(f), 0);
}

static void sounds_are_looped_until_stopped_and_only_so_many(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    for (int i = 0; i < MIX_SOUNDS_MAX; i++) {
        char id[8];
        snprintf(id, sizeof(id), "s%d", i);
        assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s,s:b,s:i}", "cmd", "sound_start", "id", id,
                                              "name", "join", "loop", 1, "duck", 20)),
                            "");
    }
    assert_string_equal(tell(f, sound("more", "name", "join")), "too_many_sounds");
    const int64_t until_us = mcu_now_us() + MCU_US_PER_S; /* longer than the chime */
    while (mcu_now_us() < until_us) {
        mcu_sleep_until_us(mcu_now_us() + 50 * MCU_US_PER_MS);
        mcu_room_take_events(f->room);
        mcu_room_housekeep(f->room, mcu_now_us());
    }
    assert_int_equal(count_sounds(f), MIX_SOUNDS_MAX);
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "sound_stop", "id", "s3")), "");
    wait_for_sound(f, "s3", "ended");
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "sound_stop", "id", "s3")),
                        "no_such_sound");
    assert_string_equal(tell(f, sound("more", "name", "join")), "");
}

static void files_are_found_below_their_folder_alone(void **state)
{
    struct fixture *f = *state;
    char dir[64], path[128];
    snprintf(dir, sizeof(dir), "/tmp/mixdown-sounds-%d", (int)getpid());
    assert_int_equal(mkdir(dir, 0700), 0);
    snprintf(path, sizeof(path), "%s/text.wav", dir);
    FILE *file = fopen(path, "w");
    fputs("no sound at all", file);
    fclose(file);
    char link[128], fifo[128];
    snprintf(link, sizeof(link), "%s/out.wav", dir);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    snprintf(fifo, sizeof(fifo), "%s/fifo.wav", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);

    struct mcu_config c;
    mcu_config_init(&c);
    c.video.width = 160;
    c.video.height = 90;
    snprintf(c.audio.sounds_dir, sizeof(c.audio.sounds_dir), "%s", dir);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s,s:o,s:i}", "cmd", "open", "room", "r1", "type",
                                          "mcu", "config", mcu_config_to_json(&c), "opened_at", 7)),
                        "");
    static const char *const wrong[] = {"absent.wav", "out.wav", "../../etc/passwd", "/etc/passwd",
                                        "fifo.wav",   ".",       "text.wav/x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_string_equal(tell(f, sound("a", "file", wrong[i])), "no_such_file");
    assert_string_equal(tell(f, sound("a", "file", "text.wav")), "");
    wait_for_sound(f, "a", "failed");
    assert_int_equal(count_sounds(f), 0);
    unlink(fifo);
    unlink(link);
    unlink(path);
    rmdir(dir);
}

static void a_recording_is_announced(void **state)
{
    struct fixture *f = *state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/mixdown-room-%d-said.mp4", (int)getpid());
    struct mcu_config c;
    mcu_config_init(&c);
    c.video.width = 160;
    c.video.height = 90;
    strcpy(c.recording.announce, "zh");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s,s:o,s:i}", "cmd", "open", "room", "r1", "type",
                                          "mcu", "config", mcu_config_to_json(&c), "opened_at", 7)),
                        "");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "rec1", "file",
                                          path)),
                        "");
    assert_int_equal(count_sounds(f), 1);
    const json_t *said = json_array_get(json_object_get(f->reply, "sounds"), 0);
    assert_string_equal(json_string_value(json_object_get(said, "name")), "recording-zh");
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", "rec1")), "");
    wait_for_recording(f);
    unlink(path);
}

/* --- submixes --- */

static const char *speak(struct fixture *f, const char *peer, const char *name)
{
    return tell(f, json_pack("{s:s,s:s,s:{s:[s]}}", "cmd", "peer_set", "peer", peer, "sound",
                             "speaksTo", name));
}

static void there_are_fifteen_submixes_and_unused_ones_give_way(void **state)
{
    struct fixture *f = *state;
    char id[16];
    open_room(f);
    for (int i = 0; i < 17; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_add", "peer", id, "user", id)),
                            "");
    }
    for (int i = 0; i < 15; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        assert_string_equal(speak(f, id, id), "");
    }
    assert_string_equal(speak(f, "p15", "one too many"), "too_many_submixes");
    assert_string_equal(speak(f, "p15", "p3"), "");    /* it is there */
    assert_string_equal(speak(f, "p16", "floor"), ""); /* and so is the floor */
    assert_string_equal(speak(f, "p0", "renamed"), ""); /* in place of p0's own, which nobody hears */
    assert_string_equal(speak(f, "p3", "floor"), "");
    assert_string_equal(speak(f, "p4", "another"), "");
    assert_string_equal(speak(f, "p16", "one too many"), "too_many_submixes"); /* p15 is on p3 still */
}

/* What is asked for and refused must leave him on the submix that he was on. */
static void a_refused_change_takes_no_submix_away(void **state)
{
    struct fixture *f = *state;
    char id[16];
    open_room(f);
    for (int i = 0; i < 16; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_add", "peer", id, "user", id)),
                            "");
        if (i < 15)
            assert_string_equal(speak(f, id, id), "");
    }
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:{s:[s,s]}}", "cmd", "peer_set", "peer", "p0",
                                          "sound", "speaksTo", "a", "b")),
                        "too_many_submixes");
    assert_string_equal(speak(f, "p15", "a"), "too_many_submixes"); /* else p0 would speak to it */
    assert_string_equal(speak(f, "p15", "p0"), "");
}

static void an_empty_room_can_be_recorded(void **state)
{
    struct fixture *f = *state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/mixdown-room-%d.mp4", (int)getpid());
    open_room(f);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "x", "file",
                                          "/nowhere/at/all.mp4")),
                        "file_error");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "rec1", "file",
                                          path)),
                        "");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "rec1", "file",
                                          path)),
                        "recording_exists");
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "rec2", "file",
                                          path)),
                        "file_error");
    assert_false(mcu_room_is_idle(f->room));
    mcu_sleep_until_us(mcu_now_us() + 1200 * MCU_US_PER_MS);
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", "other")),
                        "no_such_recording");
    assert_string_equal(tell(f, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", "rec1")), "");
    wait_for_recording(f);
    assert_string_equal(json_string_value(json_object_get(f->recording, "state")), "ready");
    const json_int_t wall_ms = json_integer_value(json_object_get(f->recording, "ended_at")) -
                               json_integer_value(json_object_get(f->recording, "started_at"));
    const json_int_t file_ms = json_integer_value(json_object_get(f->recording, "duration_ms"));
    assert_true(llabs(wall_ms - file_ms) <= 100);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, json_integer_value(json_object_get(f->recording, "bytes")));
    assert_true(mcu_room_is_idle(f->room));
    unlink(path);
}

static void closing_finishes_recordings(void **state)
{
    struct fixture *f = *state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/mixdown-room-%d-close.mp4", (int)getpid());
    open_room(f);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "rec1", "file",
                                          path)),
                        "");
    mcu_sleep_until_us(mcu_now_us() + 700 * MCU_US_PER_MS);
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "close")), "");
    assert_false(mcu_room_is_closed(f->room));
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "rec2", "file",
                                          "/tmp/mixdown-room-never.mp4")),
                        "not_open");
    wait_for_recording(f);
    assert_true(mcu_room_is_closed(f->room));
    struct rec_result result;
    assert_int_equal(rec_recover(path, &result), 0); /* whole already: says what is in it */
    assert_true(result.duration_ms >= 500);
    unlink(path);
}

static void figures_are_reported(void **state)
{
    struct fixture *f = *state;
    open_room(f);
    assert_string_equal(tell(f, json_pack("{s:s,s:s,s:s}", "cmd", "peer_add", "peer", "a", "user", "u")),
                        "");
    mcu_sleep_until_us(mcu_now_us() + 200 * MCU_US_PER_MS);
    assert_string_equal(tell(f, json_pack("{s:s}", "cmd", "stats")), "");
    assert_true(json_integer_value(json_object_get(f->reply, "cpu_us")) > 0);
    const json_t *audio = json_object_get(f->reply, "audio");
    assert_true(json_integer_value(json_object_get(audio, "ticks")) >= 5);
    assert_int_equal(json_array_size(json_object_get(f->reply, "peers")), 1);
    const int before = f->events;
    mcu_room_housekeep(f->room, mcu_now_us());
    assert_int_equal(f->events, before + 1); /* stats at once, and nobody speaks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commands_wait_for_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_opens_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_layout_can_be_changed_and_is_told_to_a_new_front, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hosts_choices_add_up_and_are_told_to_a_new_front, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_layout_may_come_as_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_person_a_seat_and_hands_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(peers_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_name_comes_back_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_offers_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_room_tells_of_itself_in_slices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_sound_of_a_member_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plain_participants_are_told_where_to_send, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_only_receives_is_sent_the_mix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(built_in_sounds_play_to_their_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sounds_are_looped_until_stopped_and_only_so_many, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(files_are_found_below_their_folder_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_recording_is_announced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_are_fifteen_submixes_and_unused_ones_give_way, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_refused_change_takes_no_submix_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_room_can_be_recorded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_finishes_recordings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(figures_are_reported, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
