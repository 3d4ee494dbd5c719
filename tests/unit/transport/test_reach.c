/* The ways in beside UDP over IPv4: ICE-TCP, IPv6; and how what goes out is marked. */
#include "pair.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_PORT = 44000, LAST_PORT = 44199, FDS = 1024 };

static const struct rtc_conf plain_conf = {
    .port_min = FIRST_PORT, .port_max = LAST_PORT, .has_loopback = true, .peers_per_thread = 32};

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

static void both_pass_media(struct end *server, struct end *client)
{
    assert_true(pair_wait(has_state, server, RTC_CONNECTED));
    assert_true(pair_wait(has_state, client, RTC_CONNECTED));
    end_feed(server, MCU_CODEC_VP8);
    end_feed(client, MCU_CODEC_VP8);
    media_passes(server, client);
    media_passes(client, server);
}

/* The client offers; of each description only those candidates stay that have the word. */
static size_t agree(struct end *server, struct end *client, const char *word)
{
    struct mcu_desc offer, answer;
    assert_int_equal(
        rtc_peer_offer(client->peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    offer.candidate_count = 0; /* they come as peer-reflexive */
    assert_int_equal(rtc_peer_accept(server->peer, &offer, MCU_CODEC_VP8, &answer), 0);
    size_t kept = 0;
    for (size_t i = 0; i < answer.candidate_count; i++) {
        if (strstr(answer.candidates[i], word))
            memmove(answer.candidates[kept++], answer.candidates[i], sizeof(answer.candidates[i]));
    }
    answer.candidate_count = kept;
    assert_int_equal(rtc_peer_answered(client->peer, &answer), 0);
    return kept;
}

static void media_goes_over_tcp(void **state)
{
    (void)state;
    struct rtc_conf conf = plain_conf;
    struct end server, client;
    conf.has_tcp = true;
    end_open_with(&server, &conf);
    end_open_with(&client, &conf);
    assert_true(agree(&server, &client, " tcptype passive") > 0);
    both_pass_media(&server, &client);
    end_close(&client);
    end_close(&server);
}

static void tcp_is_offered_only_where_it_is_wanted(void **state)
{
    (void)state;
    struct end server;
    struct mcu_desc offer;
    end_open_with(&server, &plain_conf);
    assert_int_equal(
        rtc_peer_offer(server.peer, MCU_SENDRECV, MCU_INACTIVE, MCU_CODEC_NONE, &offer), 0);
    assert_true(offer.candidate_count > 0);
    for (size_t i = 0; i < offer.candidate_count; i++)
        assert_non_null(strstr(offer.candidates[i], " udp "));
    end_close(&server);
}

static bool has_ipv6(void)
{
    const struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    const bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
    if (fd >= 0)
        close(fd);
    if (!has)
        printf("skipped: this machine has no IPv6\n");
    return has;
}

static void media_goes_over_ipv6(bool is_one_port)
{
    struct rtc_conf conf = plain_conf;
    struct end server, client;
    if (!has_ipv6())
        return;
    conf.has_loopback = false;
    conf.listen[0] = "::1";
    conf.listen_count = 1;
    end_open_with(&client, &conf);
    conf.is_one_port = is_one_port;
    end_open_with(&server, &conf);
    assert_true(agree(&server, &client, " ::1 ") > 0);
    both_pass_media(&server, &client);
    end_close(&client);
    end_close(&server);
}

static void full_ice_has_ipv6(void **state)
{
    (void)state;
    media_goes_over_ipv6(false);
}

static void one_port_has_ipv6(void **state)
{
    (void)state;
    media_goes_over_ipv6(true);
}

/* How many of this process's UDP sockets in our ports have the mark, and how many do not. */
static void count_marks(int tos, size_t *marked, size_t *others)
{
    *marked = *others = 0;
    for (int fd = 3; fd < FDS; fd++) {
        struct sockaddr_storage a;
        socklen_t n = sizeof(a);
        int type = 0, value = -1;
        socklen_t size = sizeof(type);
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_DGRAM ||
            getsockname(fd, (struct sockaddr *)&a, &n) ||
            (a.ss_family != AF_INET && a.ss_family != AF_INET6))
            continue;
        const uint16_t port = ntohs(((const struct sockaddr_in *)&a)->sin_port);
        if (port < FIRST_PORT || port > LAST_PORT)
            continue;
        size = sizeof(value);
        const bool is_v6 = a.ss_family == AF_INET6;
        getsockopt(fd, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, is_v6 ? IPV6_TCLASS : IP_TOS, &value,
                   &size);
        *(value == tos ? marked : others) += 1;
    }
}

static void what_goes_out_is_marked(void **state)
{
    (void)state;
    for (int is_one_port = 0; is_one_port < 2; is_one_port++) {
        struct rtc_conf conf = plain_conf;
        struct end server;
        struct mcu_desc offer, answer;
        struct end client;
        size_t marked, others;
        end_open(&client); /* in ports of its own */
        conf.dscp = 34;
        conf.is_one_port = is_one_port;
        end_open_with(&server, &conf);
        assert_int_equal(
            rtc_peer_offer(client.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
        assert_int_equal(rtc_peer_accept(server.peer, &offer, MCU_CODEC_VP8, &answer), 0);
        count_marks(34 << 2, &marked, &others);
        assert_true(marked > 0);
        assert_int_equal(others, 0);
        end_close(&client);
        end_close(&server);
    }
    struct rtc *rtc = NULL;
    struct rtc_conf wrong = plain_conf;
    wrong.dscp = 64;
    assert_int_equal(rtc_create(&rtc, &wrong), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_goes_over_tcp),
        cmocka_unit_test(tcp_is_offered_only_where_it_is_wanted),
        cmocka_unit_test(full_ice_has_ipv6),
        cmocka_unit_test(one_port_has_ipv6),
        cmocka_unit_test(what_goes_out_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
