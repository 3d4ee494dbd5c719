/* What a room spends: overload is answered by less work, and publishers are told to send no more
 * than is shown. [ctl], by time. */
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

#define OVERLOAD_EVERY_US MCU_US_PER_S
#define UPLINK_EVERY_US   (200 * MCU_US_PER_MS)

/* --- overload --------------------------------------------------------------------------------- */

static void read_counts(struct mcu_room *r, struct mcu_overload_counts *counts)
{
    struct mcu_ticker_stats audio;
    struct mcu_ticker_stats video;
    struct mix_stats mix;
    struct comp_stats comp;
    mcu_ticker_read_counts(r->audio_ticker, &audio);
    mcu_ticker_read_counts(r->video_ticker, &video);
    mcu_studio_read_stats(r->studio, &mix, &comp);
    *counts = (struct mcu_overload_counts){
        .audio_ticks = audio.ticks,
        .audio_late = audio.late,
        .video_ticks = video.ticks + video.skipped,
        .video_late = video.late + video.skipped,
        .encoded = comp.encoded,
        .encode_skipped = comp.skipped,
    };
}

static void apply_overload(struct mcu_room *r, enum mcu_overload_step before, int64_t now_us)
{
    const struct mcu_overload *o = &r->views.overload;
    const bool is_down = o->step > before;
    r->views.overload_downs += is_down;
    log_warn("overload: %s, because of %s", mcu_overload_name(o->step),
             is_down ? o->reason : "calm");
    room_streams_set_rates(r);
    room_watch_update_all(r, now_us);
    room_send_event(r, "overload",
                    json_pack("{s:s,s:i,s:s*}", "step", mcu_overload_name(o->step), "level",
                              (int)o->step, "reason", is_down ? o->reason : NULL));
}

static void watch_overload(struct mcu_room *r, int64_t now_us)
{
    if (!r->config.room.overload || now_us < r->views.next_overload_us)
        return;
    r->views.next_overload_us = now_us + OVERLOAD_EVERY_US;
    struct mcu_overload_counts counts;
    read_counts(r, &counts);
    const enum mcu_overload_step before = r->views.overload.step;
    if (mcu_overload_update(&r->views.overload, &counts, now_us))
        apply_overload(r, before, now_us);
}

/* --- what publishers send --------------------------------------------------------------------- */

static json_t *limit_json(const struct mcu_uplink_limit *l)
{
    return json_pack("{s:i,s:i,s:i,s:i}", "width", (int)l->width, "height", (int)l->height, "fps",
                     (int)l->fps, "bitrate", (int)l->bitrate_bps);
}

static bool update_uplink(struct room_peer *p, enum mcu_picture picture, int64_t now_us)
{
    struct mcu_uplink *u = &p->uplinks[picture];
    if (!rtc_peer_receives_picture(p->rtc, (enum rtc_picture)picture)) {
        memset(u, 0, sizeof(*u));
        return false;
    }
    struct comp_need need = {0};
    struct comp_source_stats stats;
    mcu_seat_read_video(p->seat, picture, &stats);
    const bool is_shown = mcu_seat_read_need(p->seat, picture, &need);
    const struct mcu_uplink_need wish = {
        .is_shown = is_shown,
        .is_screen = picture == MCU_SCREEN,
        .width = need.width,
        .height = need.height,
        .fps = need.fps,
        .source_width = stats.width,
        .source_height = stats.height,
    };
    if (!mcu_uplink_update(u, &wish, now_us))
        return false;
    const struct rtc_limit limit = {
        .width = u->limit.width,
        .height = u->limit.height,
        .fps = u->limit.fps,
        .bitrate_bps = u->limit.bitrate_bps,
    };
    rtc_peer_limit(p->rtc, (enum rtc_picture)picture, &limit);
    return true;
}

static void update_peer(struct room_peer *p, int64_t now_us)
{
    const bool has_camera = update_uplink(p, MCU_CAMERA, now_us);
    const bool has_screen = update_uplink(p, MCU_SCREEN, now_us);
    if (!has_camera && !has_screen)
        return;
    const struct mcu_uplink *u = p->uplinks;
    room_send_event(p->room, "uplink",
                    json_pack("{s:s,s:o*,s:o*}", "peer", p->id, "camera",
                              u[MCU_CAMERA].is_told ? limit_json(&u[MCU_CAMERA].limit) : NULL,
                              "screen",
                              u[MCU_SCREEN].is_told ? limit_json(&u[MCU_SCREEN].limit) : NULL));
}

void room_load_housekeep(struct mcu_room *r, int64_t now_us)
{
    watch_overload(r, now_us);
    room_watch_update_all(r, now_us);
    if (now_us < r->views.next_uplink_us)
        return;
    r->views.next_uplink_us = now_us + UPLINK_EVERY_US;
    for (size_t i = 0; i < r->peer_count; i++)
        update_peer(r->peers[i], now_us);
}
