/* One port: full ICE peers (libnice) with a server that is ICE-lite, all on one UDP port of its. */
#include "pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/candidate.h"
#include "transport/stun.h"

enum { PEOPLE = 3 };

static void server_open(struct end *e)
{
    const struct rtc_conf conf = {.port_min = 43000,
                                  .port_max = 43999,
                                  .has_loopback = true,
                                  .peers_per_thread = 1,
                                  .is_one_port = true};
    end_open_with(e, &conf);
}

/* The far side offers, as clients do. */
static void connect_to(struct end *server, struct rtc_peer *to, struct end *client,
                       struct mcu_desc *answer)
{
    struct mcu_desc offer;
    (void)server;
    assert_int_equal(
        rtc_peer_offer(client->peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    assert_int_equal(rtc_peer_accept(to, &offer, MCU_CODEC_VP8, answer), 0);
    assert_int_equal(rtc_peer_answered(client->peer, answer), 0);
}

static uint16_t port_of(const struct mcu_desc *d)
{
    struct rtc_candidate c;
    assert_true(d->candidate_count > 0);
    assert_int_equal(rtc_candidate_parse(&c, d->candidates[0]), 0);
    return rtc_address_port((const struct sockaddr *)&c.address);
}

static void audio_passes(struct end *from, struct end *to, uint32_t first)
{
    const size_t before = end_read(to, audio_count);
    for (uint32_t n = 0; n < 10; n++) {
        end_push_audio(from, first + n);
        mcu_sleep_until_us(mcu_now_us() + 5000);
    }
    assert_true(pair_wait(has_audio, to, before + 10));
}

static void media_goes_both_ways_on_one_port(void **state)
{
    (void)state;
    struct end server, client;
    struct mcu_desc answer;
    server_open(&server);
    end_open(&client);
    connect_to(&server, server.peer, &client, &answer);
    assert_true(answer.ice_lite);
    assert_true(answer.end_of_candidates);
    assert_true(pair_wait(has_state, &server, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &client, RTC_CONNECTED));
    end_feed(&server, MCU_CODEC_VP8);
    end_feed(&client, MCU_CODEC_VP8);
    for (uint32_t round = 0; round < 5; round++) {
        audio_passes(&server, &client, round * 20);
        audio_passes(&client, &server, round * 20);
    }
    end_push_video(&server, MCU_CODEC_VP8, 1, true, 9000);
    assert_true(pair_wait(has_frames, &client, 1));
    assert_true(pair_is_frame(&client, 0, MCU_CODEC_VP8, 1, true, 9000));
    end_close(&client);
    assert_true(pair_wait(has_state, &server, RTC_CLOSED)); /* its close_notify came */
    end_close(&server);
}

static void many_share_the_port(void **state)
{
    (void)state;
    struct end server, clients[PEOPLE];
    struct rtc_peer *peers[PEOPLE];
    struct mcu_desc answers[PEOPLE];
    server_open(&server);
    const struct rtc_peer_sink sink = {.ctx = &server,
                                       .on_state = end_on_state,
                                       .on_candidate = end_on_candidate,
                                       .on_audio = end_on_audio,
                                       .on_video = end_on_video,
                                       .on_need_key = end_on_need_key};
    peers[0] = server.peer;
    for (size_t i = 0; i < PEOPLE; i++) {
        if (i > 0)
            assert_int_equal(rtc_peer_create(server.rtc, &peers[i], &sink), 0);
        end_open(&clients[i]);
        connect_to(&server, peers[i], &clients[i], &answers[i]);
        assert_int_equal(port_of(&answers[i]), port_of(&answers[0]));
        assert_string_not_equal(answers[i].ice_ufrag, answers[(i + 1) % PEOPLE].ice_ufrag);
    }
    for (size_t i = 0; i < PEOPLE; i++)
        assert_true(pair_wait(has_state, &clients[i], RTC_CONNECTED));
    assert_int_equal(rtc_feed_create(server.rtc, &server.audio, MCU_CODEC_OPUS), 0);
    for (size_t i = 0; i < PEOPLE; i++)
        rtc_peer_tune(peers[i], MCU_AUDIO, server.audio);
    for (uint32_t n = 0; n < 20; n++) {
        end_push_audio(&server, n);
        mcu_sleep_until_us(mcu_now_us() + 5000);
    }
    for (size_t i = 0; i < PEOPLE; i++)
        assert_true(pair_wait(has_audio, &clients[i], 15));
    rtc_peer_destroy(peers[1]); /* others stay */
    const size_t before = end_read(&clients[2], audio_count);
    for (uint32_t n = 20; n < 40; n++) {
        end_push_audio(&server, n);
        mcu_sleep_until_us(mcu_now_us() + 5000);
    }
    assert_true(pair_wait(has_audio, &clients[2], before + 15));
    for (size_t i = 0; i < PEOPLE; i++)
        end_close(&clients[i]);
    end_close(&server);
}

static void an_ice_restart_keeps_the_media(void **state)
{
    (void)state;
    struct end server, client;
    struct mcu_desc before, after;
    server_open(&server);
    end_open(&client);
    connect_to(&server, server.peer, &client, &before);
    assert_true(pair_wait(has_state, &client, RTC_CONNECTED));
    end_feed(&server, MCU_CODEC_VP8);
    audio_passes(&server, &client, 0);
    connect_to(&server, server.peer, &client, &after);
    assert_string_not_equal(before.ice_ufrag, after.ice_ufrag);
    for (uint32_t round = 1; round < 20; round++)
        audio_passes(&server, &client, round * 20);
    assert_int_equal(end_read(&client, state_count), 2);
    end_close(&client);
    end_close(&server);
}

/* --- by hand: what strangers may do --- */

struct hand {
    int fd;
    struct sockaddr_in to;
};

static struct hand hand_open(const struct mcu_desc *answer)
{
    struct hand h = {.fd = socket(AF_INET, SOCK_DGRAM, 0)};
    const struct timeval wait = {.tv_usec = 300000};
    assert_true(h.fd >= 0);
    setsockopt(h.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    h.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port_of(answer))};
    h.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return h;
}

/* Sends a check; returns the kind of the answer, or -1: none came. */
static int check(const struct hand *h, const char *username, const char *password,
                 bool is_controlling)
{
    static const uint8_t transaction[RTC_STUN_TRANSACTION_BYTES] = {9, 8, 7};
    uint8_t message[RTC_STUN_MAX_BYTES];
    const struct rtc_stun_check c = {.transaction = transaction,
                                     .username = username,
                                     .password = password,
                                     .priority = 1,
                                     .is_controlling = is_controlling};
    const size_t size = rtc_stun_write_check(message, &c);
    sendto(h->fd, message, size, 0, (const struct sockaddr *)&h->to, sizeof(h->to));
    const ssize_t n = recv(h->fd, message, sizeof(message), 0);
    struct rtc_stun m;
    if (n <= 0 || rtc_stun_read(&m, message, (size_t)n))
        return -1;
    assert_memory_equal(m.transaction, transaction, sizeof(transaction));
    return (int)m.kind;
}

static void only_who_knows_the_password_is_answered(void **state)
{
    (void)state;
    struct end server, client;
    struct mcu_desc answer;
    server_open(&server);
    end_open(&client);
    connect_to(&server, server.peer, &client, &answer);
    assert_true(pair_wait(has_state, &client, RTC_CONNECTED));
    char name[2 * MCU_DESC_TOKEN_MAX + 2];
    const struct hand h = hand_open(&answer);
    snprintf(name, sizeof(name), "%s:%s", answer.ice_ufrag, server.peer->remote_ufrag);
    assert_int_equal(check(&h, name, "not the password, of a fit length", true), -1);
    assert_int_equal(check(&h, "nobody:knows", answer.ice_pwd, true), -1);
    snprintf(name, sizeof(name), "%s:%s", answer.ice_ufrag, "another");
    assert_int_equal(check(&h, name, answer.ice_pwd, true), -1);
    snprintf(name, sizeof(name), "%s:%s", answer.ice_ufrag, server.peer->remote_ufrag);
    /* On a slow machine the answer to be had may take longer than the wait for none. */
    int kind = -1;
    for (int i = 0; i < 100 && kind < 0; i++)
        kind = check(&h, name, answer.ice_pwd, false);
    assert_int_equal(kind, RTC_STUN_ERROR); /* two controlled ones */
    do {
        kind = check(&h, name, answer.ice_pwd, true);
    } while (kind == RTC_STUN_ERROR); /* late answers to the above */
    for (int i = 0; i < 100 && kind < 0; i++)
        kind = check(&h, name, answer.ice_pwd, true);
    assert_int_equal(kind, RTC_STUN_SUCCESS);
    close(h.fd);

    end_feed(&server, MCU_CODEC_VP8); /* it did not say USE-CANDIDATE: media stays where it was */
    audio_passes(&server, &client, 0);
    end_close(&client);
    end_close(&server);
}

static bool has_dtls(const struct hand *h)
{
    uint8_t datagram[2048];
    const ssize_t n = recv(h->fd, datagram, sizeof(datagram), 0);
    return n > 0 && rtc_datagram_kind(datagram, (size_t)n) == RTC_DATAGRAM_DTLS;
}

/* On a machine with several addresses, here two of loopback's: the answer, and what is sent of our own
 * accord, come from the one that was asked, for the socket is connected and takes no others. */
static void who_asks_another_address_is_answered_from_there(void **state)
{
    (void)state;
    struct end server, client;
    struct mcu_desc offer, answer;
    char name[2 * MCU_DESC_TOKEN_MAX + 2];
    server_open(&server);
    end_open(&client); /* it only makes the offer */
    assert_int_equal(
        rtc_peer_offer(client.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    offer.setup = MCU_SETUP_PASSIVE; /* the server says hello */
    assert_int_equal(rtc_peer_accept(server.peer, &offer, MCU_CODEC_VP8, &answer), 0);
    struct hand h = hand_open(&answer);
    h.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    assert_int_equal(connect(h.fd, (const struct sockaddr *)&h.to, sizeof(h.to)), 0);
    snprintf(name, sizeof(name), "%s:%s", answer.ice_ufrag, offer.ice_ufrag);
    int kind = -1;
    for (int i = 0; i < 100 && kind < 0; i++)
        kind = check(&h, name, answer.ice_pwd, true);
    assert_int_equal(kind, RTC_STUN_SUCCESS);
    bool has_hello = false; /* sent again and again */
    for (int i = 0; i < 100 && !has_hello; i++)
        has_hello = has_dtls(&h);
    assert_true(has_hello);
    close(h.fd);
    end_close(&client);
    end_close(&server);
}

/* WHEP's counter-offer of a room on one port: who answers takes the other part of ICE. */
static void the_mix_is_offered_on_one_port(void **state)
{
    (void)state;
    struct end server, client;
    struct mcu_desc offer, answer;
    server_open(&server);
    end_open(&client);
    assert_int_equal(rtc_peer_offer_mix(server.peer, MCU_CODEC_VP8, &offer), 0);
    assert_true(offer.ice_lite);
    assert_int_equal(rtc_peer_accept(client.peer, &offer, MCU_CODEC_VP8, &answer), 0);
    assert_int_equal(rtc_peer_answered(server.peer, &answer), 0);
    assert_true(pair_wait(has_state, &server, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &client, RTC_CONNECTED));
    end_feed(&server, MCU_CODEC_VP8);
    audio_passes(&server, &client, 0);
    end_push_video(&server, MCU_CODEC_VP8, 1, true, 9000);
    assert_true(pair_wait(has_frames, &client, 1));
    end_close(&client);
    end_close(&server);
}

static void who_is_lite_needs_no_candidates(void **state)
{
    (void)state;
    struct end server;
    server_open(&server);
    assert_int_equal(rtc_peer_add_candidate(server.peer,
                                            "candidate:1 1 UDP 1 192.0.2.1 9 typ host"),
                     0);
    end_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_goes_both_ways_on_one_port),
        cmocka_unit_test(many_share_the_port),
        cmocka_unit_test(an_ice_restart_keeps_the_media),
        cmocka_unit_test(only_who_knows_the_password_is_answered),
        cmocka_unit_test(who_asks_another_address_is_answered_from_there),
        cmocka_unit_test(the_mix_is_offered_on_one_port),
        cmocka_unit_test(who_is_lite_needs_no_candidates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
