/* signaling/http_handlers.h - the handlers that http_routes.c names. Each replies to its request,
 * at once or later. Front thread. */
#ifndef SIGNALING_HTTP_HANDLERS_H
#define SIGNALING_HTTP_HANDLERS_H

struct sig_http;

/* http_static.c */
void sig_serve_page(struct sig_http *req);
void sig_serve_asset(struct sig_http *req);

/* api_rooms.c */
void sig_api_rooms_list(struct sig_http *req);
void sig_api_rooms_create(struct sig_http *req);
void sig_api_room_get(struct sig_http *req);
void sig_api_room_end(struct sig_http *req);
void sig_api_members(struct sig_http *req);

/* api_layouts.c */
void sig_api_layouts(struct sig_http *req);
void sig_api_layout_get(struct sig_http *req);
void sig_api_layout_put(struct sig_http *req);
void sig_api_layout_delete(struct sig_http *req);

/* api_images.c */
void sig_api_images(struct sig_http *req);
void sig_api_image_get(struct sig_http *req);
void sig_api_image_put(struct sig_http *req);
void sig_api_image_delete(struct sig_http *req);

/* api_room_patch.c */
void sig_api_room_patch(struct sig_http *req);

/* openapi.c */
void sig_api_openapi(struct sig_http *req);
void sig_api_page(struct sig_http *req);
void sig_api_page_css(struct sig_http *req);
void sig_api_page_js(struct sig_http *req);

/* api_history.c */
void sig_api_history_rooms(struct sig_http *req);
void sig_api_history_members(struct sig_http *req);
void sig_api_history_calls(struct sig_http *req);

/* api_lobby.c */
void sig_api_lobby(struct sig_http *req);
void sig_api_lobby_decide(struct sig_http *req);

/* api_picture.c */
void sig_api_snapshot(struct sig_http *req);
void sig_api_server(struct sig_http *req);
void sig_api_room_log(struct sig_http *req);

/* api_views.c */
void sig_api_views(struct sig_http *req);
void sig_api_view_get(struct sig_http *req);
void sig_api_view_add(struct sig_http *req);
void sig_api_view_patch(struct sig_http *req);
void sig_api_view_delete(struct sig_http *req);

/* api_members.c */
void sig_api_member_get(struct sig_http *req);
void sig_api_member_patch(struct sig_http *req);
void sig_api_member_remove(struct sig_http *req);

/* api_sounds.c */
void sig_api_sounds(struct sig_http *req);
void sig_api_sound_start(struct sig_http *req);
void sig_api_sound_stop(struct sig_http *req);

/* api_rtp.c */
void sig_api_rtp_list(struct sig_http *req);
void sig_api_inputs(struct sig_http *req);
void sig_api_input_create(struct sig_http *req);
void sig_api_input_get(struct sig_http *req);
void sig_api_input_patch(struct sig_http *req);
void sig_api_input_delete(struct sig_http *req);
void sig_api_rtp_create(struct sig_http *req);
void sig_api_rtp_delete(struct sig_http *req);

/* api_recordings.c */
void sig_api_live_list(struct sig_http *req);
void sig_api_live_start(struct sig_http *req);
void sig_api_live_get(struct sig_http *req);
void sig_api_live_stop(struct sig_http *req);
void sig_api_recording_start(struct sig_http *req);
void sig_api_recordings_of_room(struct sig_http *req);
void sig_api_recording_stop(struct sig_http *req);
void sig_api_recording_change(struct sig_http *req);
void sig_api_recordings(struct sig_http *req);
void sig_api_recording_get(struct sig_http *req);
void sig_api_recording_file(struct sig_http *req);
void sig_api_recording_delete(struct sig_http *req);
void sig_api_recording_upload(struct sig_http *req);
/* The row of the path's id, for whoever may see its room; replies itself when there is none. */
bool sig_api_find_recording(struct sig_http *req, struct sig_store_recording *row,
                            struct sig_token *token);

/* api_recording_files.c */
void sig_api_recording_captions(struct sig_http *req);
void sig_api_recording_speakers(struct sig_http *req);
void sig_api_recording_thumbnail(struct sig_http *req);
void sig_api_recording_beside(struct sig_http *req);

/* whip.c */
/* zlm.c */
void sig_zlm_webrtc(struct sig_http *req);
void sig_zlm_whip(struct sig_http *req);
void sig_zlm_whep(struct sig_http *req);
void sig_zlm_delete(struct sig_http *req);

void sig_whip_post(struct sig_http *req);
void sig_whep_post(struct sig_http *req);
void sig_whip_patch(struct sig_http *req);
void sig_whip_delete(struct sig_http *req);

/* metrics.c */
void sig_healthz(struct sig_http *req);
void sig_readyz(struct sig_http *req);
void sig_metrics(struct sig_http *req);

#endif
