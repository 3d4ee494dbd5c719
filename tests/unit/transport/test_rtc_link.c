/* Two peers over loopback: how connections begin, go on and end, and who is refused. */
#include "pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/candidate.h"

static void audio_passes(struct end *from, struct end *to, uint32_t first)
{
    const size_t before = end_read(to, audio_count);
    for (uint32_t n = 0; n < 10; n++) {
        end_push_audio(from, first + n);
        mcu_sleep_until_us(mcu_now_us() + 5000);
    }
    assert_true(pair_wait(has_audio, to, before + 10));
    assert_int_equal(to->audio_in[before].number, first);
}

static void an_ice_restart_keeps_the_media(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    end_feed(&b, MCU_CODEC_VP8);
    audio_passes(&a, &b, 0);
    const uint64_t sequence = b.audio_in[0].sequence;

    struct mcu_desc before, offer, answer;
    before = *a.peer->offer;
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    assert_string_not_equal(offer.ice_ufrag, before.ice_ufrag);
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_VP8, &answer), 0);
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    for (int round = 0; round < 20; round++) { /* before, while and after checks run */
        audio_passes(&a, &b, 100 + (uint32_t)round * 20);
        audio_passes(&b, &a, 100 + (uint32_t)round * 20);
    }
    assert_int_equal(b.audio_in[209].sequence, sequence + 209); /* the same RTP stream */
    assert_int_equal(end_read(&a, state_count), 2); /* connecting, connected: nothing since */
    assert_int_equal(end_read(&b, state_count), 2);
    end_close(&a);
    end_close(&b);
}

/* Holds up a peer's [net] thread: it answers nothing, consent checks included. */
struct stall {
    struct end *end;
    atomic_bool is_over;
};

static int stay(void *arg)
{
    struct stall *s = arg;
    while (!atomic_load(&s->is_over))
        mcu_sleep_until_us(mcu_now_us() + 10000);
    return 0;
}

static void *run_stall(void *arg)
{
    struct stall *s = arg;
    rtc_shard_call(s->end->peer->group->shard, stay, s, -1);
    return NULL;
}

static bool counts_unwanted(void *ctx, const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    atomic_fetch_add((atomic_uint *)ctx, 1);
    return false;
}

static void lost_consent_ends_sending_and_a_restart_revives(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    audio_passes(&a, &b, 0);
    struct stall stall = {.end = &b};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_stall, &stall), 0);
    rtc_alive_age(a.peer, 5 * MCU_US_PER_S);
    const bool is_suspect = pair_wait(has_suspicion, &a, 1);
    rtc_alive_age(a.peer, 30 * MCU_US_PER_S);
    const bool is_failed = pair_wait(has_state, &a, RTC_FAILED);
    atomic_uint sent = 0;
    rtc_peer_filter(a.peer, counts_unwanted, &sent);
    for (uint32_t n = 0; n < 20; n++)
        end_push_audio(&a, 900 + n);
    mcu_sleep_until_us(mcu_now_us() + 300000);
    rtc_peer_filter(a.peer, NULL, NULL);
    atomic_store(&stall.is_over, true);
    pthread_join(thread, NULL);
    assert_true(is_suspect);
    assert_true(is_failed);
    assert_non_null(strstr(a.reason, "consent"));
    assert_int_equal(atomic_load(&sent), 0);

    pair_negotiate(&a, &b, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    audio_passes(&a, &b, 2000);
    end_close(&a);
    end_close(&b);
}

/* As WHIP does it: credentials and candidates are all that goes to and fro. */
static void ice_restarts_without_an_offer(void **state)
{
    (void)state;
    struct end a, b;
    end_open(&a);
    end_open(&b);
    struct mcu_desc offer, answer, theirs = {0}, ours;
    assert_int_equal(rtc_peer_restart(b.peer, &theirs, &ours), -EINVAL); /* nothing to restart */
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_VP8, &answer), 0);
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    end_feed(&a, MCU_CODEC_VP8);
    audio_passes(&a, &b, 0);
    assert_int_equal(rtc_peer_restart(b.peer, &offer, &ours), -EINVAL); /* the same credentials */

    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    memcpy(theirs.ice_ufrag, offer.ice_ufrag, sizeof(offer.ice_ufrag));
    memcpy(theirs.ice_pwd, offer.ice_pwd, sizeof(offer.ice_pwd));
    memcpy(theirs.candidates, offer.candidates, sizeof(offer.candidates));
    theirs.candidate_count = offer.candidate_count;
    assert_int_equal(rtc_peer_restart(b.peer, &theirs, &ours), 0);
    assert_string_not_equal(ours.ice_ufrag, answer.ice_ufrag);
    memcpy(answer.ice_ufrag, ours.ice_ufrag, sizeof(answer.ice_ufrag));
    memcpy(answer.ice_pwd, ours.ice_pwd, sizeof(answer.ice_pwd));
    memcpy(answer.candidates, ours.candidates, sizeof(answer.candidates));
    answer.candidate_count = ours.candidate_count;
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    for (uint32_t round = 0; round < 20; round++)
        audio_passes(&a, &b, 100 + round * 20);
    assert_int_equal(end_read(&a, state_count), 2); /* connecting, connected: nothing since */
    end_close(&a);
    end_close(&b);
}

static void reports_are_a_sign_of_life(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_VP8);
    rtc_alive_age(a.peer, 20 * MCU_US_PER_S); /* until the next report, a second at most */
    assert_true(pair_wait(has_trust, &a, 0));
    assert_int_equal(end_read(&a, state_count), 2); /* connecting, connected: nothing since */
    end_close(&a);
    end_close(&b);
}

static void a_repeated_offer_changes_nothing(void **state)
{
    (void)state;
    struct end a, b;
    end_open(&a);
    end_open(&b);
    struct mcu_desc offer, answer, again;
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_H264, &offer), 0);
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_H264, &answer), 0);
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_H264, &again), 0);
    assert_string_equal(answer.ice_ufrag, again.ice_ufrag);
    assert_int_equal(answer.media[1].ssrc, again.media[1].ssrc);
    assert_int_equal(again.setup, MCU_SETUP_PASSIVE);

    offer.fingerprint[0] ^= 1; /* another certificate is another person */
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_H264, &again), -EPROTO);
    end_feed(&a, MCU_CODEC_H264);
    audio_passes(&a, &b, 0);
    end_close(&a);
    end_close(&b);
}

static void both_fail(struct end *a, struct end *b)
{
    assert_true(pair_wait(has_state, a, RTC_FAILED));
    assert_true(pair_wait(has_state, b, RTC_FAILED));
    for (size_t i = 0; i < a->state_count; i++)
        assert_int_not_equal(a->states[i], RTC_CONNECTED);
    for (size_t i = 0; i < b->state_count; i++)
        assert_int_not_equal(b->states[i], RTC_CONNECTED);
}

static void a_wrong_certificate_of_the_server_is_refused(void **state)
{
    (void)state;
    struct end a, b;
    end_open(&a);
    end_open(&b);
    struct mcu_desc offer, answer;
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_VP8, &answer), 0);
    answer.fingerprint[31] ^= 1;
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    both_fail(&a, &b);
    assert_non_null(strstr(a.reason, "certificate"));
    end_close(&a);
    end_close(&b);
}

static void a_wrong_certificate_of_the_client_is_refused(void **state)
{
    (void)state;
    struct end a, b;
    end_open(&a);
    end_open(&b);
    struct mcu_desc offer, answer;
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    offer.fingerprint[0] ^= 0x80;
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_VP8, &answer), 0);
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    assert_true(pair_wait(has_state, &b, RTC_FAILED));
    assert_non_null(strstr(b.reason, "certificate"));
    for (size_t i = 0; i < b.state_count; i++)
        assert_int_not_equal(b.states[i], RTC_CONNECTED);
    end_close(&a);
    end_close(&b);
}

static void a_peer_that_ends_says_good_bye(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_VP8);
    rtc_peer_destroy(a.peer);
    a.peer = NULL;
    assert_true(pair_wait(has_state, &b, RTC_CLOSED));
    end_close(&a);
    end_close(&b);
}

static void the_answerer_may_be_the_dtls_client(void **state)
{
    (void)state;
    struct end a, b;
    end_open(&a);
    end_open(&b);
    struct mcu_desc offer, answer;
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_INACTIVE, MCU_CODEC_NONE, &offer), 0);
    offer.setup = MCU_SETUP_PASSIVE;
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_VP8, &answer), 0);
    assert_int_equal(answer.setup, MCU_SETUP_ACTIVE);
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    end_close(&a);
    end_close(&b);
}

/* Headless Chromium tells nothing but names: its checks have to find us. */
static void names_instead_of_addresses_still_connect(void **state)
{
    (void)state;
    struct end a, b;
    end_open(&a);
    end_open(&b);
    struct mcu_desc offer, answer;
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    offer.candidate_count = 0;
    offer.end_of_candidates = true;
    assert_int_equal(rtc_peer_accept(b.peer, &offer, MCU_CODEC_VP8, &answer), 0);
    assert_int_equal(
        rtc_peer_add_candidate(b.peer, "candidate:1 1 udp 2113937151 "
                                       "c2fa6adc-7b6d-4a5c-8fcd-5f0d8f0a8a51.local 50000 typ host "
                                       "generation 0 ufrag abcd network-cost 999"),
        0);
    assert_int_equal(rtc_peer_add_candidate(b.peer, ""), 0);
    mcu_sleep_until_us(mcu_now_us() + 300000); /* nobody gives up in the meantime */
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    end_close(&a);
    end_close(&b);
}

static void candidates_may_trickle_before_and_after(void **state)
{
    (void)state;
    struct end a, b;
    end_open(&a);
    end_open(&b);
    struct mcu_desc offer, answer, bare;
    assert_int_equal(rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer), 0);
    assert_true(offer.candidate_count > 0);
    bare = offer;
    bare.candidate_count = 0;
    assert_int_equal(rtc_peer_accept(b.peer, &bare, MCU_CODEC_VP8, &answer), 0);
    for (size_t i = 0; i < answer.candidate_count; i++) /* before the answer */
        assert_int_equal(rtc_peer_add_candidate(a.peer, answer.candidates[i]), 0);
    for (size_t i = 0; i < offer.candidate_count; i++)
        assert_int_equal(rtc_peer_add_candidate(b.peer, offer.candidates[i]), 0);
    answer.candidate_count = 0;
    assert_int_equal(rtc_peer_answered(a.peer, &answer), 0);
    assert_true(pair_wait(has_state, &a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    assert_int_equal(rtc_peer_add_candidate(b.peer, "candidate:nonsense"), -EINVAL);
    end_close(&a);
    end_close(&b);
}

static void announced_addresses_stand_in_candidates(void **state)
{
    (void)state;
    const struct rtc_conf conf = {.port_min = 43000, .port_max = 43099, .has_loopback = true,
                                  .listen = {"127.0.0.2"}, .listen_count = 1,
                                  .announced = {"203.0.113.7", "2001:db8::7"},
                                  .announced_count = 2};
    const struct rtc_conf plain = {.port_min = 43000, .port_max = 43099, .has_loopback = true};
    struct end e;
    struct mcu_desc offer;
    end_open_with(&e, &plain);
    assert_int_equal(rtc_peer_offer(e.peer, MCU_SENDRECV, MCU_INACTIVE, MCU_CODEC_NONE, &offer), 0);
    bool has_other = false;
    for (size_t i = 0; i < offer.candidate_count; i++)
        has_other |= !strstr(offer.candidates[i], " 127.0.0.1 ");
    end_close(&e);
    if (!has_other) /* a machine with loopback only has nothing that could be announced */
        print_message("only loopback here\n");

    struct rtc_conf announcing = plain;
    announcing.announced[0] = "203.0.113.7";
    announcing.announced_count = 1;
    end_open_with(&e, &announcing);
    assert_int_equal(rtc_peer_offer(e.peer, MCU_SENDRECV, MCU_INACTIVE, MCU_CODEC_NONE, &offer), 0);
    size_t public = 0;
    for (size_t i = 0; i < offer.candidate_count; i++) {
        struct rtc_candidate c;
        assert_int_equal(rtc_candidate_parse(&c, offer.candidates[i]), 0);
        const uint16_t port = rtc_address_port((struct sockaddr *)&c.address);
        assert_in_range(port, 43000, 43099);
        if (strstr(offer.candidates[i], " 203.0.113.7 "))
            public++;
        else /* IPv4 that is not loopback never shows */
            assert_true(strstr(offer.candidates[i], " 127.0.0.1 ") || strchr(strstr(offer.candidates[i], "udp"), ':'));
    }
    assert_true(public > 0 || !has_other);
    assert_true(offer.end_of_candidates);
    end_close(&e);

    end_open_with(&e, &conf); /* loopback is never announced as anything else */
    assert_int_equal(rtc_peer_offer(e.peer, MCU_SENDRECV, MCU_INACTIVE, MCU_CODEC_NONE, &offer), 0);
    assert_int_equal(offer.candidate_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_non_null(strstr(offer.candidates[i], " 127.0.0."));
    end_close(&e);
}

static bool has_rejected(struct end *e, size_t n)
{
    struct rtc_peer_stats s;
    rtc_peer_read_stats(e->peer, &s);
    return s.rejected >= n;
}

static void garbage_does_no_harm(void **state)
{
    (void)state;
    struct end a, b;
    pair_open(&a, &b, MCU_CODEC_VP8);
    end_feed(&a, MCU_CODEC_VP8);
    end_feed(&b, MCU_CODEC_VP8);

    /* from strangers, to every port that b has */
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    uint8_t junk[1400];
    pair_fill(junk, sizeof(junk), 7);
    for (uint16_t port = 42000; port < 43000; port++) {
        const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        for (size_t i = 0; i < 6; i++) {
            junk[0] = (const uint8_t[]){0, 1, 22, 128, 144, 255}[i];
            sendto(fd, junk, i * 220 + 1, 0, (const struct sockaddr *)&to, sizeof(to));
        }
    }
    close(fd);

    /* on the pair itself: what looks like DTLS, RTP, RTCP, and like nothing */
    for (size_t i = 0; i < 300; i++) {
        pair_fill(junk, sizeof(junk), (uint32_t)i);
        junk[0] = (const uint8_t[]){22, 23, 128, 144, 129, 255, 70, 3}[i % 8];
        if (i % 8 == 4)
            junk[1] = 201;
        rtc_peer_inject(a.peer, junk, 1 + i * 4);
    }
    assert_true(pair_wait(has_rejected, &b, 50));
    audio_passes(&a, &b, 0);
    audio_passes(&b, &a, 0);
    assert_true(pair_wait(has_state, &b, RTC_CONNECTED));
    end_close(&a);
    end_close(&b);
}

struct pusher {
    struct end *end;
    atomic_bool is_stopping;
};

static void *push_on(void *arg)
{
    struct pusher *p = arg;
    for (uint32_t n = 0; !atomic_load(&p->is_stopping); n++) {
        end_push_audio(p->end, n);
        end_push_video(p->end, MCU_CODEC_VP8, n, n % 30 == 0, 5000);
        mcu_sleep_until_us(mcu_now_us() + 500);
    }
    return NULL;
}

static void peers_may_end_in_the_middle_of_traffic(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct end a, b;
        pair_open(&a, &b, MCU_CODEC_VP8);
        end_feed(&a, MCU_CODEC_VP8);
        end_feed(&b, MCU_CODEC_VP8);
        struct pusher from_a = {.end = &a}, from_b = {.end = &b};
        pthread_t threads[2];
        assert_int_equal(pthread_create(&threads[0], NULL, push_on, &from_a), 0);
        assert_int_equal(pthread_create(&threads[1], NULL, push_on, &from_b), 0);
        assert_true(pair_wait(has_audio, &b, 20));
        struct end *first = round % 2 ? &a : &b;
        rtc_peer_destroy(first->peer);
        first->peer = NULL;
        pthread_mutex_lock(&first->lock);
        const size_t heard = first->audio_count;
        pthread_mutex_unlock(&first->lock);
        assert_true(pair_wait(has_state, round % 2 ? &b : &a, RTC_CLOSED));
        assert_int_equal(first->audio_count, heard); /* no callback after destroy */
        atomic_store(&from_a.is_stopping, true);
        atomic_store(&from_b.is_stopping, true);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        end_close(&a);
        end_close(&b);
    }
}

static void peers_may_end_at_every_stage(void **state)
{
    (void)state;
    for (int stage = 0; stage < 6; stage++) {
        struct end a, b;
        struct mcu_desc offer, answer;
        end_open(&a);
        end_open(&b);
        if (stage > 0)
            rtc_peer_offer(a.peer, MCU_SENDRECV, MCU_SENDRECV, MCU_CODEC_VP8, &offer);
        if (stage > 1)
            rtc_peer_accept(b.peer, &offer, MCU_CODEC_VP8, &answer);
        if (stage > 2)
            rtc_peer_answered(a.peer, &answer);
        mcu_sleep_until_us(mcu_now_us() + (stage > 3 ? (stage - 3) * 20000 : 0));
        end_close(&b);
        end_close(&a);
    }
    struct rtc *rtc; /* and all at once */
    const struct rtc_conf conf = {.has_loopback = true};
    struct end e = {.rtc = NULL};
    pthread_mutex_init(&e.lock, NULL);
    const struct rtc_peer_sink sink = {
        .ctx = &e, .on_state = end_on_state, .on_candidate = end_on_candidate,
        .on_audio = end_on_audio, .on_video = end_on_video, .on_need_key = end_on_need_key};
    assert_int_equal(rtc_create(&rtc, &conf), 0);
    for (int i = 0; i < 5; i++) {
        struct rtc_peer *p;
        assert_int_equal(rtc_peer_create(rtc, &p, &sink), 0);
    }
    rtc_destroy(rtc);
    rtc_destroy(NULL);
    rtc_peer_destroy(NULL);
    rtc_feed_destroy(NULL);
    pthread_mutex_destroy(&e.lock);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct rtc *rtc;
    const struct rtc_conf backwards = {.port_min = 2000, .port_max = 1000};
    assert_int_equal(rtc_create(&rtc, &backwards), -EINVAL);
    struct end e;
    end_open(&e);
    struct mcu_desc offer = {.media_count = 0}, answer;
    assert_int_equal(rtc_peer_accept(e.peer, &offer, MCU_CODEC_VP8, &answer), -EINVAL);
    assert_int_equal(rtc_peer_answered(e.peer, &offer), -EINVAL);
    struct rtc_feed *feed;
    assert_int_equal(rtc_feed_create(e.rtc, &feed, MCU_CODEC_AAC), -EINVAL);
    end_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ice_restart_keeps_the_media),
        cmocka_unit_test(lost_consent_ends_sending_and_a_restart_revives),
        cmocka_unit_test(ice_restarts_without_an_offer),
        cmocka_unit_test(reports_are_a_sign_of_life),
        cmocka_unit_test(a_repeated_offer_changes_nothing),
        cmocka_unit_test(a_wrong_certificate_of_the_server_is_refused),
        cmocka_unit_test(a_wrong_certificate_of_the_client_is_refused),
        cmocka_unit_test(a_peer_that_ends_says_good_bye),
        cmocka_unit_test(the_answerer_may_be_the_dtls_client),
        cmocka_unit_test(names_instead_of_addresses_still_connect),
        cmocka_unit_test(candidates_may_trickle_before_and_after),
        cmocka_unit_test(announced_addresses_stand_in_candidates),
        cmocka_unit_test(garbage_does_no_harm),
        cmocka_unit_test(peers_may_end_in_the_middle_of_traffic),
        cmocka_unit_test(peers_may_end_at_every_stage),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
