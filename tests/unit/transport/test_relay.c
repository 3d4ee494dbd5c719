/* A server that is reached through TURN only, and a client that knows nothing of it: with a real
 * coturn. */
#include "pair.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "transport/ice_servers.h"
#include "turn_server.h"

/* As coturn computes it, of the secret "north". */
static const char *password_of(const char *user)
{
    static char text[64];
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha1(), "north", 5, (const uint8_t *)user, strlen(user), mac, &size);
    EVP_EncodeBlock((uint8_t *)text, mac, (int)size);
    return text;
}

static void relayed_open(struct end *e, const struct turn_server *t, bool is_tcp,
                         const char *password)
{
    static char user[64];
    snprintf(user, sizeof(user), "%lld:mixdown", (long long)(mcu_wall_ms() / 1000 + 3600));
    const struct rtc_conf conf = {
        .port_min = 43000,
        .port_max = 43999,
        .has_loopback = true,
        .turn = {.server = t->address,
                 .user = user,
                 .password = password ? password : password_of(user),
                 .is_tcp = is_tcp,
                 .is_only = true},
    };
    end_open_with(e, &conf);
}

static bool has_all_candidates(struct end *e, size_t n)
{
    (void)n;
    return e->has_all_candidates;
}

/* What the server trickles is told to the client, as the front does it. */
static void agree(struct end *server, struct end *client)
{
    struct mcu_desc offer, answer;
    assert_int_equal(
        rtc_peer_offer(client->peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    assert_int_equal(rtc_peer_accept(server->peer, &offer, MCU_CODEC_VP8, &answer), 0);
    assert_int_equal(rtc_peer_answered(client->peer, &answer), 0);
    assert_int_equal(answer.candidate_count, 0);
    assert_true(pair_wait(has_all_candidates, server, 0));
    for (size_t i = 0; i < end_read(server, candidate_count); i++) {
        assert_non_null(strstr(server->candidates[i], " typ relay "));
        assert_int_equal(rtc_peer_add_candidate(client->peer, server->candidates[i]), 0);
    }
}

static void media_passes(struct end *from, struct end *to)
{
    for (uint32_t n = 0; n < 20; n++) {
        end_push_audio(from, n);
        mcu_sleep_until_us(mcu_now_us() + 5000);
    }
    assert_true(pair_wait(has_audio, to, 15));
    end_push_video(from, MCU_CODEC_VP8, 1, true, 9000);
    assert_true(pair_wait(has_frames, to, 1));
    assert_true(pair_is_frame(to, 0, MCU_CODEC_VP8, 1, true, 9000));
}

static void relay(bool is_tcp)
{
    struct turn_server t;
    struct end server, client;
    turn_start_with(&t, is_tcp ? "--no-udp" : NULL); /* it is not reached but by TCP then */
    relayed_open(&server, &t, is_tcp, NULL);
    end_open(&client);
    agree(&server, &client);
    assert_true(end_read(&server, candidate_count) > 0);
    assert_true(pair_wait(has_state, &server, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &client, RTC_CONNECTED));
    end_feed(&server, MCU_CODEC_VP8);
    end_feed(&client, MCU_CODEC_VP8);
    media_passes(&server, &client);
    media_passes(&client, &server);
    end_close(&client);
    end_close(&server);
    turn_stop(&t);
}

static void media_goes_through_a_relay_over_udp(void **state)
{
    (void)state;
    relay(false);
}

static void media_goes_through_a_relay_over_tcp(void **state)
{
    (void)state;
    relay(true);
}

static void a_wrong_password_gets_no_relay(void **state)
{
    (void)state;
    struct turn_server t;
    struct end server, client;
    turn_start(&t);
    relayed_open(&server, &t, false, "wrong");
    end_open(&client);
    agree(&server, &client);
    assert_int_equal(end_read(&server, candidate_count), 0);
    end_close(&client);
    end_close(&server);
    turn_stop(&t);
}

static void servers_are_addresses_with_a_port(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        uint16_t port;
    } rows[] = {
        {"192.0.2.1:3478", "192.0.2.1", 3478},
        {"[2001:db8::1]:443", "2001:db8::1", 443},
        {"192.0.2.1", NULL, 0},
        {"192.0.2.1:0", NULL, 0},
        {"192.0.2.1:65536", NULL, 0},
        {"turn.example.org:3478", NULL, 0},
        {":3478", NULL, 0},
        {"[]:3478", NULL, 0},
        {"]:3478", NULL, 0},
        {"", NULL, 0},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:3478", NULL, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char host[INET6_ADDRSTRLEN] = "";
        uint16_t port = 0;
        const int err = rtc_ice_server_read(rows[i].text, host, &port);
        assert_int_equal(err, rows[i].host ? 0 : -EINVAL);
        assert_string_equal(host, rows[i].host ? rows[i].host : "");
        assert_int_equal(port, rows[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_goes_through_a_relay_over_udp),
        cmocka_unit_test(media_goes_through_a_relay_over_tcp),
        cmocka_unit_test(a_wrong_password_gets_no_relay),
        cmocka_unit_test(servers_are_addresses_with_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
