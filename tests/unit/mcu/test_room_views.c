/* Several pictures of one room: who sees what, in which size, and what is encoded for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mcu/room_internal.h"
#include "recorder/rec.h"
#include "tests/unit/mcu/guests.h"

/* Of all tiers, or of one. */
static int streams(struct stage *s, const char *tier)
{
    tell(s, json_pack("{s:s}", "cmd", "stats"));
    const json_t *counts = json_object_get(json_object_get(s->reply, "video"), "streams");
    int sum = 0;
    const char *name;
    json_t *count;
    json_object_foreach((json_t *)counts, name, count)
    {
        if (!tier || strcmp(name, tier) == 0)
            sum += (int)json_integer_value(count);
    }
    return sum;
}

static bool is_watching(const struct stage *s, const struct guest *g, const char *view,
                        const char *tier)
{
    const json_t *event = newest(s, "watching", g);
    return strcmp(text(event, "view"), view) == 0 && strcmp(text(event, "tier"), tier) == 0;
}

/* --- views ------------------------------------------------------------------------------------ */

static void two_views_are_seen_at_once(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    join(s, 1, GREEN, MCU_CODEC_VP8);
    struct guest *a = join(s, 2, NO_COLOUR, MCU_CODEC_VP8);
    struct guest *b = join(s, 3, NO_COLOUR, MCU_CODEC_H264);
    tell(s, json_pack("{s:s,s:s,s:s,s:o,s:i,s:i}", "cmd", "view_add", "view", "stage", "layout",
                      "one", "file", layout_of("guest-1"), "width", 320, "height", 180));
    tell(s, watch(b, "view", "stage"));
    UNTIL(s, sees_colours(a, RED, GREEN) && sees_colours(b, GREEN, GREEN));
    const struct sight of_a = sees(a);
    const struct sight of_b = sees(b);
    assert_int_equal(of_a.width, 704);
    assert_int_equal(of_b.width, 320);
    assert_int_equal(of_b.height, 180);
    UNTIL(s, streams(s, NULL) == 2); /* what b watched first was let go */

    /* The view goes, and who watched it sees what all see. */
    tell(s, json_pack("{s:s,s:s}", "cmd", "view_remove", "view", "stage"));
    UNTIL(s, sees_colours(b, RED, GREEN));
    assert_int_equal(sees(b).width, 704);
    assert_int_equal(views(s), 1);
}

static void a_personal_view_is_without_oneself(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    struct guest *a = join(s, 0, RED, MCU_CODEC_VP8);
    struct guest *b = join(s, 1, GREEN, MCU_CODEC_VP8);
    UNTIL(s, sees_colours(a, RED, GREEN) && sees_colours(b, RED, GREEN));
    tell(s, watch(a, "view", "own"));
    UNTIL(s, sees_colours(a, GREEN, GREEN));
    assert_true(sees_colours(b, RED, GREEN));
    assert_int_equal(views(s), 2);

    /* Others cannot look at it; and it ends some seconds after he has left it. */
    assert_string_equal(ask(s, watch(b, "view", "own:guest-0")), "no_such_view");
    tell(s, watch(a, "view", "main"));
    UNTIL(s, sees_colours(a, RED, GREEN));
    UNTIL(s, views(s) == 1);
}

static void a_layout_of_ones_choice_is_shared_by_who_chose_it(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    join(s, 1, GREEN, MCU_CODEC_VP8);
    struct guest *a = join(s, 2, NO_COLOUR, MCU_CODEC_VP8);
    struct guest *b = join(s, 3, NO_COLOUR, MCU_CODEC_VP8);
    UNTIL(s, sees_colours(a, RED, GREEN) && sees_colours(b, RED, GREEN));
    json_t *file = layout_of("guest-0");
    tell(s, json_pack("{s:s,s:s,s:s,s:O}", "cmd", "peer_watch", "peer", a->id, "layout", "mine",
                      "file", file));
    tell(s, json_pack("{s:s,s:s,s:s,s:o}", "cmd", "peer_watch", "peer", b->id, "layout", "mine",
                      "file", file));
    UNTIL(s, sees_colours(a, RED, RED) && sees_colours(b, RED, RED));
    assert_int_equal(views(s), 2);
    UNTIL(s, streams(s, NULL) == 2); /* of the two cameras' owners, and of these two */
    assert_string_equal(ask(s, watch(a, "layout", "nonsense")), "no_such_layout");
}

static void a_file_that_changes_reaches_every_view_that_has_it(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    join(s, 1, GREEN, MCU_CODEC_VP8);
    struct guest *a = join(s, 2, NO_COLOUR, MCU_CODEC_VP8);
    struct guest *b = join(s, 3, NO_COLOUR, MCU_CODEC_VP8);
    tell(s, json_pack("{s:s,s:s,s:s,s:o}", "cmd", "peer_watch", "peer", a->id, "layout", "mine",
                      "file", layout_of("guest-0")));
    tell(s, json_pack("{s:s,s:s,s:s,s:s,s:o}", "cmd", "peer_watch", "peer", b->id, "view", "own",
                      "layout", "mine", "file", layout_of("guest-0")));
    UNTIL(s, sees_colours(a, RED, RED) && sees_colours(b, RED, RED));
    tell(s, json_pack("{s:s,s:s,s:o}", "cmd", "layout_file", "layout", "mine", "file",
                      layout_of("guest-1")));
    UNTIL(s, sees_colours(a, GREEN, GREEN) && sees_colours(b, GREEN, GREEN));
    assert_string_equal(ask(s, json_pack("{s:s,s:s}", "cmd", "layout_file", "layout", "mine")),
                        "bad_message");
    assert_string_equal(ask(s, json_pack("{s:s,s:s,s:{s:i}}", "cmd", "layout_file", "layout",
                                         "mine", "file", "name", 5)),
                        "bad_message");
}

static void in_a_room_of_two_each_sees_only_the_other(void **state)
{
    struct stage *s = *state;
    open_room(s, "1v1");
    struct guest *a = join(s, 0, RED, MCU_CODEC_VP8);
    struct guest *b = join(s, 1, BLUE, MCU_CODEC_VP8);
    UNTIL(s, sees_colours(a, BLUE, BLUE) && sees_colours(b, RED, RED));
    assert_int_equal(views(s), 3);
}

/* Personal views follow the room's layout unless they have one of their own. */
static void a_change_of_the_rooms_layout_reaches_personal_views(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    join(s, 1, GREEN, MCU_CODEC_VP8);
    struct guest *c = join(s, 2, BLUE, MCU_CODEC_VP8);
    tell(s, watch(c, "view", "own"));
    UNTIL(s, sees_colours(c, RED, GREEN));
    tell(s, json_pack("{s:s,s:s}", "cmd", "layout_set", "layout", "single"));
    UNTIL(s, sees_colours(c, RED, RED));
}

/* Whose network is silent holds a stream of each view that he has left. */
static void a_view_outlives_who_may_still_be_sent_it(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    struct guest *g = come(s, 0, NO_COLOUR, MCU_CODEC_VP8, true);
    tell(s, json_pack("{s:s,s:s}", "cmd", "view_add", "view", "stage"));
    tell(s, watch(g, "view", "stage"));
    tell(s, watch(g, "view", "own"));
    tell(s, json_pack("{s:s,s:s,s:s,s:s}", "cmd", "peer_watch", "peer", g->id, "view", "main",
                      "quality", "180p"));
    assert_int_equal(views(s), 3);
    assert_int_equal(streams(s, NULL), 4);
    tell(s, json_pack("{s:s,s:s}", "cmd", "view_remove", "view", "stage"));
    assert_int_equal(streams(s, NULL), 3);
    run_for(s, 6000); /* nobody has watched `own` for longer than views last */
    assert_int_equal(views(s), 2);
    leave(s, 0);
    UNTIL(s, views(s) == 1);
    assert_int_equal(streams(s, NULL), 0);
}

/* Away and back before the network has looked: it never tells that anything begins. */
static void what_was_wanted_for_a_moment_is_let_go(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    struct guest *g = come(s, 0, NO_COLOUR, MCU_CODEC_VP8, true);
    tell(s, watch(g, "quality", "180p"));
    tell(s, watch(g, "quality", "auto"));
    assert_int_equal(streams(s, NULL), 2);
    UNTIL(s, streams(s, NULL) == 1);
    assert_int_equal(streams(s, "720p"), 1);
}

static int watchers(struct stage *s, const char *name)
{
    tell(s, json_pack("{s:s}", "cmd", "view_list"));
    size_t i;
    const json_t *view;
    json_array_foreach(json_object_get(s->reply, "views"), i, view)
    {
        if (strcmp(text(view, "view"), name) == 0)
            return (int)json_integer_value(json_object_get(view, "watchers"));
    }
    return -1;
}

static void who_watches_is_counted(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    for (int i = 0; i < 3; i++)
        come(s, i, NO_COLOUR, i == 1 ? MCU_CODEC_H264 : MCU_CODEC_VP8, true);
    assert_int_equal(watchers(s, "main"), 3);
    tell(s, watch(s->guests[2], "layout", "single"));
    assert_int_equal(watchers(s, "main"), 2);
    assert_int_equal(watchers(s, "layout:single"), 1);
    for (int i = 0; i < 3; i++)
        leave(s, i);
    assert_int_equal(watchers(s, "main"), 0);
    assert_int_equal(watchers(s, "layout:single"), 0);
}

static void what_cannot_be_is_refused(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    c.video.views_max = 2;
    open_stage(s, &c, "mcu");
    static const char *const names[] = {"main", "own", "a:b", "a b"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_string_equal(ask(s, json_pack("{s:s,s:s}", "cmd", "view_add", "view", names[i])),
                            "bad_message");
    assert_string_equal(
        ask(s, json_pack("{s:s,s:s,s:i}", "cmd", "view_add", "view", "a", "width", 321)),
        "bad_message");
    assert_string_equal(
        ask(s, json_pack("{s:s,s:s,s:i}", "cmd", "view_add", "view", "a", "fps", 61)),
        "bad_message");
    assert_string_equal(
        ask(s, json_pack("{s:s,s:s,s:s}", "cmd", "view_add", "view", "a", "layout", "nonsense")),
        "no_such_layout");
    tell(s, json_pack("{s:s,s:s}", "cmd", "view_add", "view", "a"));
    assert_string_equal(ask(s, json_pack("{s:s,s:s}", "cmd", "view_add", "view", "a")),
                        "view_exists");
    assert_string_equal(ask(s, json_pack("{s:s,s:s}", "cmd", "view_add", "view", "b")),
                        "too_many_views");
    assert_string_equal(ask(s, json_pack("{s:s,s:s}", "cmd", "view_set", "view", "b")),
                        "no_such_view");
    assert_string_equal(ask(s, json_pack("{s:s,s:s}", "cmd", "view_remove", "view", "main")),
                        "no_such_view");
    assert_string_equal(
        ask(s, json_pack("{s:s,s:s,s:i}", "cmd", "view_set", "view", "a", "width", 322)),
        "bad_message");
    struct guest *g = join(s, 0, NO_COLOUR, MCU_CODEC_VP8);
    assert_string_equal(ask(s, watch(g, "quality", "best")), "bad_message");
    assert_string_equal(ask(s, watch(g, "view", "own")), "too_many_views");
    tell(s, json_pack("{s:s,s:s}", "cmd", "view_remove", "view", "a"));
    tell(s, watch(g, "view", "own"));
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void ask_snapshot(struct stage *s, const char *view, const char *file)
{
    unlink(file);
    json_t *command = json_pack("{s:s,s:s,s:s}", "cmd", "snapshot", "view", view, "file", file);
    json_decref(s->reply);
    s->reply = NULL;
    mcu_room_command(s->room, command);
    json_decref(command);
}

static bool is_jpeg(const char *file)
{
    uint8_t head[2] = {0};
    FILE *f = fopen(file, "rb");
    const size_t size = f ? fread(head, 1, sizeof(head), f) : 0;
    if (f)
        fclose(f);
    unlink(file);
    return size == 2 && head[0] == 0xff && head[1] == 0xd8;
}

static const char *refusal(const struct stage *s)
{
    return text(json_object_get(s->reply, "error"), "code");
}

static bool is_any_due(const struct stage *s)
{
    bool is_any = false;
    for (int i = 0; i < ROOM_SNAPSHOTS_MAX; i++)
        is_any = is_any || s->room->snapshots[i].file[0];
    return is_any;
}

/* A view that nobody watches must wake up first: the room does not wait for it. */
static void the_room_goes_on_until_a_snapshot_has_come(void **state)
{
    struct stage *s = *state;
    char files[5][48];
    for (int i = 0; i < 5; i++)
        snprintf(files[i], sizeof(files[i]), "/tmp/mixdown-snap-%d-%d.jpg", (int)getpid(), i);
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    tell(s, json_pack("{s:s,s:s}", "cmd", "view_add", "view", "stage"));
    bool have_come = false; /* a starved tick may be too late: try again */
    for (int tries = 0; tries < 20 && !have_come; tries++) {
        for (int i = 0; i < 4; i++) {
            ask_snapshot(s, "stage", files[i]);
            assert_null(s->reply); /* the room takes commands again at once */
        }
        ask_snapshot(s, "stage", files[4]);
        assert_string_equal(refusal(s), "too_busy"); /* four at once */
        UNTIL(s, !is_any_due(s));
        have_come = true;
        for (int i = 0; i < 4; i++)
            have_come = is_jpeg(files[i]) && have_come;
    }
    assert_true(have_come);
    assert_true(json_is_true(json_object_get(s->reply, "ok")));

    ask_snapshot(s, "nonsense", files[0]);
    assert_string_equal(refusal(s), "no_such_view");
    ask_snapshot(s, "stage", files[0]);
    assert_null(s->reply);
    tell(s, json_pack("{s:s,s:s}", "cmd", "view_remove", "view", "stage"));
    UNTIL(s, strcmp(refusal(s), "no_such_view") == 0);
}

/* --- the ladder ------------------------------------------------------------------------------- */

static void one_who_takes_less_changes_nothing_for_the_others(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    struct guest *a = join(s, 1, NO_COLOUR, MCU_CODEC_VP8);
    struct guest *b = join(s, 2, NO_COLOUR, MCU_CODEC_VP8);
    UNTIL(s, sees_colours(a, RED, RED) && sees_colours(b, RED, RED));
    assert_int_equal(streams(s, NULL), 1);
    run_for(s, 2500); /* a begins with a still, and a key frame makes it live */
    const struct sight before = sees(a);
    for (int i = 0; i < 4; i++) {
        tell(s, watch(b, "quality", i % 2 ? "slides" : "180p"));
        UNTIL(s, sees(b).height == (i % 2 ? 270 : 180));
        run_for(s, 2100);
    }
    tell(s, watch(b, "quality", "180p"));
    UNTIL(s, sees(b).height == 180 && is_watching(s, b, "main", "180p"));
    UNTIL(s, streams(s, "720p") == 1 && streams(s, "180p") == 1 && streams(s, NULL) == 2);
    UNTIL(s, sees(a).frames > before.frames + 10);
    assert_int_equal(sees(a).height, 396);
    assert_in_range(sees(a).keys - before.keys, 0, 1); /* others' moves are no key frames here */

    tell(s, watch(b, "quality", "audio"));
    UNTIL(s, streams(s, NULL) == 1);
    run_for(s, 300);
    const int frames = sees(b).frames;
    run_for(s, 500);
    assert_int_equal(sees(b).frames, frames);
    tell(s, watch(b, "quality", "auto"));
    UNTIL(s, sees(b).frames > frames && sees(b).height == 396);
    assert_int_equal(streams(s, NULL), 1);
}

/* What moves up and down between sizes never stands still for long. */
static void moving_between_tiers_shows_no_gap(void **state)
{
    static const char *const qualities[] = {"180p", "slides", "720p", "180p", "auto"};
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, GREEN, MCU_CODEC_VP8);
    struct guest *g = join(s, 1, NO_COLOUR, MCU_CODEC_H264);
    UNTIL(s, sees_colours(g, GREEN, GREEN));
    for (size_t i = 0; i < sizeof(qualities) / sizeof(qualities[0]); i++) {
        const int height = i % 5 == 1 ? 270 : i % 5 == 0 || i % 5 == 3 ? 180 : 396;
        tell(s, watch(g, "quality", qualities[i]));
        UNTIL(s, sees(g).height == height && sees_colours(g, GREEN, GREEN));
    }
    UNTIL(s, streams(s, NULL) == 2); /* what was left was let go: his, and that of the camera */
}

/* The estimate of one falls: he is sent less, the others the same. */
static void a_poor_network_is_one_viewers_own(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    struct guest *a = join(s, 1, NO_COLOUR, MCU_CODEC_VP8);
    struct guest *b = join(s, 2, NO_COLOUR, MCU_CODEC_VP8);
    UNTIL(s, sees_colours(a, RED, RED) && sees_colours(b, RED, RED));
    struct room_peer *p = room_find_peer(s->room, b->id);
    assert_non_null(p);
    const int64_t end_us = mcu_now_us() + PATIENCE_S * MCU_US_PER_S;
    while (sees(b).height != 180) {
        assert_true(mcu_now_us() < end_us);
        atomic_store(&p->watch.estimate_bps, 150000); /* the loopback says otherwise now and then */
        turn(s);
    }
    assert_int_equal(sees(a).height, 396);
    assert_int_equal(streams(s, "720p"), 1);
    assert_int_equal(streams(s, "180p"), 1);
}

static void under_overload_all_get_less_and_a_recording_stays_whole(void **state)
{
    struct stage *s = *state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/mixdown-views-%d.mp4", (int)getpid());
    unlink(path);
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    struct guest *a = join(s, 1, NO_COLOUR, MCU_CODEC_VP8);
    struct guest *b = join(s, 2, NO_COLOUR, MCU_CODEC_H264);
    UNTIL(s, sees_colours(a, RED, RED) && sees_colours(b, RED, RED));
    tell(s, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "x", "file", path));
    s->room->views.overload.step = MCU_OVERLOAD_PRESET;
    room_streams_set_rates(s->room);
    room_watch_update_all(s->room, mcu_now_us());
    run_for(s, 500);
    s->room->views.overload.step = MCU_OVERLOAD_SMALL;
    room_streams_set_rates(s->room);
    room_watch_update_all(s->room, mcu_now_us());
    UNTIL(s, sees(a).height == 180 && sees(b).height == 180);
    s->room->views.overload.step = MCU_OVERLOAD_NONE;
    room_watch_update_all(s->room, mcu_now_us());
    UNTIL(s, sees(a).height == 396 && sees(b).height == 396);
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", "x"));
    UNTIL(s, s->counts_recording_ready == 1);
    struct rec_result result;
    assert_int_equal(rec_recover(path, &result), 0);
    assert_true(result.duration_ms >= 500);
    static const char *const suffixes[] = {".mp4", ".vtt", ".json", ".jpg", ".marks"};
    for (size_t n = 0; n < sizeof(suffixes) / sizeof(suffixes[0]); n++) {
        char *beside = rec_meta_path(path, suffixes[n]);
        unlink(beside);
        free(beside);
    }
}

/* --- key frames ------------------------------------------------------------------------------- */

enum { STORM = 20 };

/* Twenty come within two seconds. Who was there pays with a key frame in two seconds at most; who
 * comes has a picture soon, and it moves. */
static void a_join_storm_costs_few_key_frames_and_freezes_nobody(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    struct guest *old = join(s, 1, NO_COLOUR, MCU_CODEC_VP8);
    UNTIL(s, sees_colours(old, RED, RED));
    run_for(s, 2500); /* so that the next key frame is allowed at once */
    const struct sight before = sees(old);
    const int64_t start_us = mcu_now_us();
    for (int i = 0; i < STORM; i++) {
        join(s, 2 + i, NO_COLOUR, MCU_CODEC_VP8);
        while (mcu_now_us() < start_us + i * 100 * MCU_US_PER_MS)
            turn(s);
    }
    for (int i = 0; i < STORM; i++)
        UNTIL(s, sees_colours(s->guests[2 + i], RED, RED));
    int frames[STORM];
    for (int i = 0; i < STORM; i++)
        frames[i] = sees(s->guests[2 + i]).frames;
    for (int i = 0; i < STORM; i++)
        UNTIL(s, sees(s->guests[2 + i]).frames >= frames[i] + 5);
    const double seconds = (double)(mcu_now_us() - start_us) / MCU_US_PER_S;
    const int keys = sees(old).keys - before.keys;
    assert_in_range(keys, 0, (int)(seconds / 2.0) + 1);
    assert_true(sees(old).frames > before.frames + 10);
    assert_int_equal(streams(s, NULL), 1);
}

/* They ask at every turn; at most two a second of each go out. */
static bool have_all_sent_plis(const struct stage *s, uint64_t least)
{
    bool have_all = true;
    for (int i = 0; i < STORM; i++) {
        struct rtc_peer_stats stats;
        rtc_peer_request_key(s->guests[1 + i]->rtc, RTC_CAMERA);
        rtc_peer_read_stats(s->guests[1 + i]->rtc, &stats);
        have_all = have_all && stats.in[MCU_VIDEO].plis >= least;
    }
    return have_all;
}

static uint64_t keys_made(const struct stage *s)
{
    struct comp_stream_stats stats;
    comp_stream_read_stats(s->room->views.first->streams->stream, &stats);
    return stats.keys;
}

/* Twenty lose everything again and again, and say so as often as they may. */
static void a_pli_storm_costs_few_key_frames_and_freezes_nobody(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    for (int i = 0; i < STORM; i++)
        join(s, 1 + i, NO_COLOUR, MCU_CODEC_VP8);
    for (int i = 0; i < STORM; i++)
        UNTIL(s, sees_colours(s->guests[1 + i], RED, RED));
    assert_int_equal(streams(s, NULL), 1);
    int frames[STORM];
    for (int i = 0; i < STORM; i++)
        frames[i] = sees(s->guests[1 + i]).frames;
    const uint64_t before = keys_made(s);
    const int64_t start_us = mcu_now_us();
    UNTIL(s, have_all_sent_plis(s, 8));
    const double seconds = (double)(mcu_now_us() - start_us) / MCU_US_PER_S;
    /* One for each two seconds, and one at either end: ticks may be late. */
    assert_in_range(keys_made(s) - before, 1, (int)(seconds / 2.0) + 2);
    for (int i = 0; i < STORM; i++)
        UNTIL(s, sees(s->guests[1 + i]).frames >= frames[i] + 20);
    assert_true(sees_colours(s->guests[1], RED, RED));
}

/* --- what is told ----------------------------------------------------------------------------- */

static bool has_tile(const json_t *event, const char *user, int x, int w)
{
    size_t i;
    const json_t *tile;
    json_array_foreach(json_object_get(event, "tiles"), i, tile)
    {
        if (strcmp(text(tile, "user"), user) == 0 && strcmp(text(tile, "peer"), user) == 0 &&
            json_integer_value(json_object_get(tile, "x")) == x &&
            json_integer_value(json_object_get(tile, "w")) == w)
            return true;
    }
    return false;
}

static void tiles_are_told_where_they_are(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    UNTIL(s, has_tile(newest(s, "tiles", NULL), "guest-0", 0, 704));
    join(s, 1, GREEN, MCU_CODEC_VP8);
    UNTIL(s, has_tile(newest(s, "tiles", NULL), "guest-0", 0, 352) &&
                 has_tile(newest(s, "tiles", NULL), "guest-1", 352, 352));
    assert_string_equal(text(newest(s, "tiles", NULL), "view"), "main");
    leave(s, 0);
    UNTIL(s, has_tile(newest(s, "tiles", NULL), "guest-1", 0, 704));

    /* A front that comes later asks who is there, and then hears where they are. */
    json_object_clear(s->events);
    tell(s, json_pack("{s:s}", "cmd", "adopt"));
    UNTIL(s, has_tile(newest(s, "tiles", NULL), "guest-1", 0, 704));
    tell(s, json_pack("{s:s}", "cmd", "adopt"));
    const json_t *peer = json_array_get(json_object_get(s->reply, "peers"), 0);
    assert_string_equal(text(json_object_get(peer, "watching"), "view"), "main");
}

static int uplink(const struct stage *s, const struct guest *g, const char *key)
{
    const json_t *camera = json_object_get(newest(s, "uplink", g), "camera");
    return camera ? (int)json_integer_value(json_object_get(camera, key)) : -1;
}

static void publishers_are_told_what_their_tile_needs(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    struct guest *a = join(s, 0, RED, MCU_CODEC_VP8);
    struct guest *b = join(s, 1, GREEN, MCU_CODEC_VP8);
    UNTIL(s, uplink(s, a, "bitrate") > 0 && uplink(s, b, "bitrate") > 0);
    UNTIL(s, uplink(s, a, "height") == 360); /* half of a canvas of 704x396 */

    /* Nobody sees b: he need not send, and is not decoded. */
    tell(s, json_pack("{s:s,s:s}", "cmd", "layout_set", "layout", "single"));
    UNTIL(s, uplink(s, b, "bitrate") == 0);
    assert_true(uplink(s, a, "bitrate") > 0);

    /* Both watch small pictures: less of a will do. */
    tell(s, watch(a, "quality", "180p"));
    tell(s, watch(b, "quality", "180p"));
    UNTIL(s, uplink(s, a, "height") == 180);

    tell(s, json_pack("{s:s,s:s}", "cmd", "layout_set", "layout", "grid"));
    UNTIL(s, uplink(s, b, "bitrate") > 0);
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(two_views_are_seen_at_once),
        TEST(a_personal_view_is_without_oneself),
        TEST(a_layout_of_ones_choice_is_shared_by_who_chose_it),
        TEST(a_file_that_changes_reaches_every_view_that_has_it),
        TEST(in_a_room_of_two_each_sees_only_the_other),
        TEST(a_change_of_the_rooms_layout_reaches_personal_views),
        TEST(a_view_outlives_who_may_still_be_sent_it),
        TEST(what_was_wanted_for_a_moment_is_let_go),
        TEST(who_watches_is_counted),
        TEST(what_cannot_be_is_refused),
        TEST(the_room_goes_on_until_a_snapshot_has_come),
        TEST(one_who_takes_less_changes_nothing_for_the_others),
        TEST(moving_between_tiers_shows_no_gap),
        TEST(a_poor_network_is_one_viewers_own),
        TEST(under_overload_all_get_less_and_a_recording_stays_whole),
        TEST(a_join_storm_costs_few_key_frames_and_freezes_nobody),
        TEST(a_pli_storm_costs_few_key_frames_and_freezes_nobody),
        TEST(tiles_are_told_where_they_are),
        TEST(publishers_are_told_what_their_tile_needs),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
