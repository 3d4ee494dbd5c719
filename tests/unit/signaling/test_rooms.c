/* Rooms and their seats: who comes, goes, is lost and found again; and what a room says. */
#include "signaling/rooms.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "tests/unit/signaling/rooms_fixture.h"

/* --- seats ------------------------------------------------------------------------------------ */

static void who_joins_is_announced_to_the_others_alone(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    assert_int_equal(f->open_count, 1);
    const struct sig_member *bob = join(f, 1, "bob");
    assert_int_equal(f->open_count, 1);
    assert_string_equal(heard(f, 0, 1), "joined");
    const json_t *member = heard_data(f, 0, "member");
    assert_string_equal(json_string_value(json_object_get(member, "userId")), "bob");
    assert_int_equal(json_array_size(f->clients[1].events), 0);
    assert_int_equal(strlen(bob->resume), SIG_ID_CHARS);
    json_t *members = sig_room_members_json(bob->room, false);
    assert_int_equal(json_array_size(members), 2);
    const json_t *first = json_array_get(members, 0);
    assert_string_equal(json_string_value(json_object_get(first, "userId")), "ann");
    json_decref(members);
}

static void a_seat_is_not_seen_before_the_room_agrees(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "bob"));
    json_t *members = sig_room_members_json(ann->room, false);
    assert_int_equal(json_array_size(members), 1);
    json_decref(members);
    answer(f, "peer_add", "{\"ok\": false, \"error\": {\"code\": \"room_full\"}}");
    assert_null(f->joined);
    assert_string_equal(f->refused->code, "room_full");
    assert_int_equal(ann->room->member_count, 1);
    assert_int_equal(json_array_size(f->clients[0].events), 0);
}

static void a_room_that_cannot_be_started_is_an_error(void **state)
{
    struct fixture *f = *state;
    f->open_err = -EAGAIN;
    assert_string_equal(ask_to_join(f, 0, SIG_KIND_WS, "ann")->code, "room_failed");
    assert_null(sig_rooms_first(f->rooms));
}

static void the_same_user_again_takes_the_seat_over(void **state)
{
    struct fixture *f = *state;
    char peer[SIG_ID_SIZE];
    memcpy(peer, join(f, 0, "ann")->peer, sizeof(peer));
    join(f, 2, "bob");
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "ann"));
    assert_string_equal(f->clients[0].unseated, "replaced");
    answer(f, "peer_remove", NULL);
    answer(f, "peer_add", NULL);
    assert_string_not_equal(f->joined->peer, peer);
    assert_int_equal(f->joined->room->member_count, 2);
    assert_string_equal(heard(f, 2, 2), "left");
    assert_string_equal(heard(f, 2, 1), "joined");
}

static void a_lost_client_keeps_its_seat_for_the_grace_time(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    const int64_t lost_us = mcu_now_us();
    char resume[SIG_ID_SIZE];
    memcpy(resume, ann->resume, sizeof(resume));
    sig_member_lost(ann, lost_us);
    sig_rooms_tick(f->rooms, lost_us + 19 * MCU_US_PER_S);
    assert_string_equal(heard(f, 1, 1), "");
    struct sig_client *again = (struct sig_client *)&f->clients[2];
    assert_ptr_equal(sig_rooms_resume(f->rooms, resume, again), ann);
    sig_rooms_tick(f->rooms, lost_us + 40 * MCU_US_PER_S);
    assert_int_equal(ann->room->member_count, 2);

    sig_member_lost(ann, lost_us);
    sig_rooms_tick(f->rooms, lost_us + 20 * MCU_US_PER_S);
    answer(f, "peer_remove", NULL);
    assert_string_equal(heard(f, 1, 1), "left");
    assert_string_equal(json_string_value(heard_data(f, 1, "reason")), "lost");
    assert_null(sig_rooms_resume(f->rooms, resume, again));
}

static void a_resume_unseats_the_connection_that_was_not_seen_to_go(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    assert_null(sig_rooms_resume(f->rooms, "nobody-knows-this-one", NULL));
    assert_ptr_equal(sig_rooms_resume(f->rooms, ann->resume, (struct sig_client *)&f->clients[1]),
                     ann);
    assert_string_equal(f->clients[0].unseated, "resumed");
}

static void an_empty_room_ends_after_its_time(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    sig_member_leave(ann, "left");
    answer(f, "peer_remove", NULL);
    sig_rooms_tick(f->rooms, mcu_now_us() + 59 * MCU_US_PER_S);
    assert_int_equal(f->close_count, 0);
    sig_rooms_tick(f->rooms, mcu_now_us() + 61 * MCU_US_PER_S);
    assert_int_equal(f->close_count, 1);
    assert_null(sig_rooms_find(f->rooms, "standup"));
    join(f, 0, "ann"); /* the name is free while the old process finishes */
    assert_int_equal(f->open_count, 2);
    f->events.ended(f->opened[0], false);
    assert_non_null(sig_rooms_find(f->rooms, "standup"));
}

/* --- seats without a client ------------------------------------------------------------------- */

static void a_plain_participant_is_a_member_whose_keys_are_forgotten(void **state)
{
    struct fixture *f = *state;
    json_t *rtp = parse("{\"srtp\": {\"keyIn\": \"secret\"}}");
    const struct sig_join wanted = {.kind = SIG_KIND_RTP,
                                    .room_id = "standup",
                                    .user = "gw",
                                    .name = "Gateway",
                                    .role = "publisher",
                                    .rtp = rtp,
                                    .joined = on_joined,
                                    .arg = f};
    assert_null(sig_rooms_join(f->rooms, &wanted));
    assert_true(json_equal(json_object_get(f->asked[0].command, "rtp"), rtp));
    json_decref(rtp);
    answer(f, "peer_add",
           "{\"ok\": true, \"rtp\": {\"host\": \"127.0.0.1\", \"port\": 4000, \"srtp\": true, "
           "\"keyIn\": \"secret\", \"audio\": {\"ssrc\": 5, \"pt\": 111, \"x\": 1}}}");
    struct sig_member *m = f->joined;
    assert_non_null(m);
    char *text = json_dumps(m->rtp, JSON_COMPACT);
    assert_string_equal(text, "{\"host\":\"127.0.0.1\",\"port\":4000,\"srtp\":true,"
                              "\"audio\":{\"ssrc\":5,\"pt\":111}}");
    free(text);
    /* It may fall silent and come back; after ten minutes nobody waits any more. */
    room_says_of(f, m, "peer_state", "\"state\": \"failed\"");
    assert_ptr_equal(sig_room_find_user(m->room, "gw"), m);
    struct sig_room *room = m->room;
    sig_rooms_tick(f->rooms, mcu_now_us() + 599 * MCU_US_PER_S);
    assert_ptr_equal(sig_room_find_user(room, "gw"), m);
    sig_rooms_tick(f->rooms, mcu_now_us() + 601 * MCU_US_PER_S);
    assert_null(sig_room_find_user(room, "gw"));
    answer(f, "peer_remove", NULL);
}

#define NETWORK(state, bars)                                                                       \
    "\"state\": \"" state "\", \"bars\": " bars ", \"rtt_ms\": 40, \"jitter_ms\": 3, "        \
    "\"loss_in\": 20, \"loss_out\": 0, \"concealed\": 5, \"estimate_bps\": 1500000"

static void a_whip_session_keeps_its_seat_for_the_grace_time(void **state)
{
    struct fixture *f = *state;
    const int64_t grace_us = f->config.rtc.grace_s * MCU_US_PER_S;
    join(f, 0, "ann");
    assert_null(ask_to_join(f, -1, SIG_KIND_WHEP, "tv"));
    answer(f, "peer_add", NULL);
    const struct sig_member *tv = f->joined;
    char peer[SIG_ID_SIZE];
    memcpy(peer, tv->peer, sizeof(peer));
    room_says_of(f, tv, "peer_state", "\"state\": \"connected\"");
    room_says_of(f, tv, "network", NETWORK("suspect", "0"));
    room_says_of(f, tv, "network", NETWORK("connected", "3")); /* it was only a tunnel */
    sig_rooms_tick(f->rooms, mcu_now_us() + 2 * grace_us);
    assert_non_null(sig_rooms_find_peer(f->rooms, peer));

    room_says_of(f, tv, "network", NETWORK("suspect", "0"));
    const int64_t lost_us = tv->lost_at_us;
    room_says_of(f, tv, "peer_state", "\"state\": \"failed\"");
    assert_true(tv->lost_at_us == lost_us);
    sig_rooms_tick(f->rooms, lost_us + grace_us - 1);
    assert_non_null(sig_rooms_find_peer(f->rooms, peer));
    sig_rooms_tick(f->rooms, lost_us + grace_us);
    answer(f, "peer_remove", NULL);
    assert_null(sig_rooms_find_peer(f->rooms, peer));
}

static void a_whip_session_that_says_good_bye_is_removed(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    assert_null(ask_to_join(f, -1, SIG_KIND_WHEP, "tv"));
    answer(f, "peer_add", NULL);
    char peer[SIG_ID_SIZE];
    memcpy(peer, f->joined->peer, sizeof(peer));
    room_says_of(f, f->joined, "peer_state", "\"state\": \"closed\"");
    answer(f, "peer_remove", NULL);
    assert_null(sig_rooms_find_peer(f->rooms, peer));
    room_says_of(f, ann, "peer_state", "\"state\": \"closed\""); /* a WebSocket can offer again */
    assert_non_null(sig_rooms_find_peer(f->rooms, ann->peer));
}

static void a_whip_session_whose_media_never_comes_is_removed(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    assert_null(ask_to_join(f, -1, SIG_KIND_WHIP, "cam"));
    answer(f, "peer_add", NULL);
    assert_null(ask_to_join(f, -1, SIG_KIND_WHIP, "ghost"));
    const struct sig_member *cam = f->joined;
    answer(f, "peer_add", NULL);
    room_says_of(f, cam, "peer_state", "\"state\": \"connected\"");
    sig_rooms_tick(f->rooms, mcu_now_us() + 59 * MCU_US_PER_S);
    assert_int_equal(cam->room->member_count, 3);
    sig_rooms_tick(f->rooms, mcu_now_us() + 61 * MCU_US_PER_S);
    answer(f, "peer_remove", NULL);
    assert_int_equal(cam->room->member_count, 2);
}

/* --- the room's events ------------------------------------------------------------------------ */

static void events_of_the_room_reach_those_they_are_for(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[0].events);
    room_says_of(f, ann, "peer_media", "\"audio\": true, \"video\": false");
    assert_string_equal(heard(f, 0, 1), "media");
    assert_string_equal(heard(f, 1, 1), "media");
    assert_true(ann->sends_audio);
    room_says_of(f, ann, "candidate",
                 "\"candidate\": \"candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\", "
                 "\"mid\": \"0\"");
    assert_string_equal(heard(f, 0, 1), "candidate");
    assert_string_equal(heard(f, 1, 1), "media");
    room_says_of(f, ann, "peer_state", "\"state\": \"connected\"");
    assert_string_equal(heard(f, 0, 1), "network");
    char text[256];
    snprintf(text, sizeof(text),
             "{\"event\": \"speaking\", \"speakers\": [{\"peer\": \"%s\", \"level\": 0.5}, "
             "{\"peer\": \"nobody\", \"level\": 0.4}]}",
             ann->peer);
    room_says(f, text);
    assert_string_equal(heard(f, 1, 1), "speaking");
    assert_int_equal(json_array_size(heard_data(f, 1, "speakers")), 1);
}

static void say_network(struct fixture *f, const struct sig_member *m, int kbps)
{
    char text[256];
    snprintf(text, sizeof(text),
             "\"state\": \"connected\", \"bars\": 2, \"rtt_ms\": 300, \"jitter_ms\": 5, "
             "\"loss_in\": 0, \"loss_out\": 50, \"concealed\": 0, \"freezes\": 4, "
             "\"estimate_bps\": %d",
             kbps * 1000);
    room_says_of(f, m, "network", text);
}

/* Speakers that a client is told of, of ten events and the one that ends them. */
static size_t times_told(struct fixture *f, const struct sig_member *speaker, int client)
{
    char text[256];
    const size_t before = json_array_size(f->clients[client].events);
    snprintf(text, sizeof(text),
             "{\"event\": \"speaking\", \"speakers\": [{\"peer\": \"%s\", \"level\": 0.5}]}",
             speaker->peer);
    for (int i = 0; i < 10; i++)
        room_says(f, text);
    room_says(f, "{\"event\": \"speaking\", \"speakers\": []}");
    assert_string_equal(heard(f, client, 1), "speaking");
    assert_int_equal(json_array_size(heard_data(f, client, "speakers")), 0);
    return json_array_size(f->clients[client].events) - before;
}

static void a_thin_network_is_told_less_of_who_speaks(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "ben");
    say_network(f, ann, 100);
    assert_int_equal(times_told(f, ann, 0), 3); /* two of ten, and the end */
    assert_int_equal(times_told(f, ann, 1), 11);
    say_network(f, ann, 200); /* not yet */
    assert_int_equal(json_integer_value(heard_data(f, 0, "freezesUp")), 4);
    assert_true(json_is_null(heard_data(f, 0, "tier")));
    assert_in_range(times_told(f, ann, 0), 3, 4);
    say_network(f, ann, 0); /* not known */
    assert_int_equal(times_told(f, ann, 0), 11);
    say_network(f, ann, 200);
    assert_int_equal(times_told(f, ann, 0), 11);
}

static void senseless_events_change_nothing(void **state)
{
    static const char *const senseless[] = {
        "{}",
        "{\"event\": 7}",
        "{\"event\": \"candidate\"}",
        "{\"event\": \"peer_state\", \"peer\": \"nobody\", \"state\": \"failed\"}",
        "{\"event\": \"peer_media\", \"peer\": [], \"audio\": 1}",
        "{\"event\": \"speaking\", \"speakers\": {}}",
        "{\"event\": \"speaking\", \"speakers\": 3}",
        "{\"event\": \"recording\", \"id\": \"none\", \"state\": \"ready\"}",
        "{\"event\": \"recording\"}",
        "{\"event\": \"stats\", \"audio\": [], \"peers\": \"many\"}",
        "{\"event\": \"new in a later version\"}",
    };
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    for (size_t i = 0; i < sizeof(senseless) / sizeof(*senseless); i++)
        room_says(f, senseless[i]);
    room_says_of(f, ann, "candidate", "\"candidate\": \"candidate:\\r\\nm=audio\", \"mid\": \"0\"");
    assert_int_equal(json_array_size(f->clients[0].events), 0);
    assert_int_equal(ann->room->member_count, 1);
}

static void counters_of_a_room_stay_in_the_sum_when_it_restarts(void **state)
{
    struct fixture *f = *state;
    struct sig_rooms_stats stats;
    join(f, 0, "ann");
    room_says(
        f, "{\"event\": \"stats\", \"cpu_us\": 1000, \"audio\": {\"ticks\": 50, \"speakers\": 3, "
           "\"max_late_us\": 300}, \"totals\": {\"concealed\": 4, \"max_drift_ppm\": 90, "
           "\"in\": {\"packets\": 10, \"recovered\": 2, \"freezes\": 3}, \"out\": {\"packets\": 9, "
           "\"copies\": 6}}, \"video\": {\"views\": 4, \"streams\": {\"720p\": 3}, "
           "\"overload\": 5, \"overload_steps\": 2}}");
    f->events.restarted(f->opened[0]);
    room_says(f, "{\"event\": \"stats\", \"cpu_us\": 10, \"audio\": {\"ticks\": 5, "
                 "\"speakers\": 1, \"max_late_us\": 100}, \"totals\": {\"concealed\": 1, "
                 "\"max_drift_ppm\": 20}, \"video\": {\"views\": 2, \"streams\": {\"720p\": 1, "
                 "\"180p\": 1}, \"overload\": 1, \"overload_steps\": 1}}");
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.sum.cpu_us, 1010);
    assert_int_equal(stats.sum.audio_ticks, 55);
    assert_int_equal(stats.sum.audio_max_late_us, 300);
    assert_int_equal(stats.sum.concealed, 5);
    assert_int_equal(stats.sum.in_packets, 10);
    assert_int_equal(stats.sum.in_recovered, 2);
    assert_int_equal(stats.sum.in_freezes, 3);
    assert_int_equal(stats.sum.out_packets, 9);
    assert_int_equal(stats.sum.out_copies, 6);
    assert_int_equal(stats.sum.audio_speakers, 1); /* those who speak now */
    assert_int_equal(stats.sum.audio_max_drift_ppm, 20);
    assert_int_equal(stats.sum.views, 2);
    assert_int_equal(stats.sum.streams_720p, 1);
    assert_int_equal(stats.sum.streams_180p, 1);
    assert_int_equal(stats.sum.overload_step, 1);
    assert_int_equal(stats.sum.overload_steps, 3);
    assert_int_equal(stats.members, 1);
}

/* Figures go to whom they are about, bars to the others when they change, nonsense to nobody. */
static void networks_are_told_in_bars(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    room_says_of(f, ann, "network", NETWORK("connected", "4"));
    assert_string_equal(heard(f, 0, 1), "network");
    assert_int_equal(json_integer_value(heard_data(f, 0, "rttMs")), 40);
    assert_true(json_real_value(heard_data(f, 0, "lossUp")) == 0.02);
    assert_int_equal(json_integer_value(heard_data(f, 0, "estimate")), 1500000);
    assert_string_equal(heard(f, 1, 1), "network");
    assert_int_equal(json_integer_value(heard_data(f, 1, "bars")), 4);
    assert_null(heard_data(f, 1, "rttMs"));
    assert_int_equal(ann->bars, 4);
    const size_t before = json_array_size(f->clients[1].events);
    room_says_of(f, ann, "network", NETWORK("connected", "4"));
    room_says_of(f, ann, "network", NETWORK("connected", "6"));
    assert_int_equal(json_array_size(f->clients[1].events), before);
    assert_int_equal(ann->bars, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_joins_is_announced_to_the_others_alone),
        TEST(a_seat_is_not_seen_before_the_room_agrees),
        TEST(a_room_that_cannot_be_started_is_an_error),
        TEST(the_same_user_again_takes_the_seat_over),
        TEST(a_lost_client_keeps_its_seat_for_the_grace_time),
        TEST(a_resume_unseats_the_connection_that_was_not_seen_to_go),
        TEST(an_empty_room_ends_after_its_time),
        TEST(a_plain_participant_is_a_member_whose_keys_are_forgotten),
        TEST(a_whip_session_keeps_its_seat_for_the_grace_time),
        TEST(a_whip_session_that_says_good_bye_is_removed),
        TEST(a_whip_session_whose_media_never_comes_is_removed),
        TEST(events_of_the_room_reach_those_they_are_for),
        TEST(a_thin_network_is_told_less_of_who_speaks),
        TEST(senseless_events_change_nothing),
        TEST(counters_of_a_room_stay_in_the_sum_when_it_restarts),
        TEST(networks_are_told_in_bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
