/* The table of paths. GET takes HEAD too; OPTIONS, 404 and 405 follow from the table (http.c), and
 * OpenAPI's document with the words of openapi_words.c. */
#include "signaling/http.h"
#include "signaling/http_handlers.h"
#include "signaling/images.h"
#include "signaling/layouts.h"
#include "signaling/live.h"
#include "signaling/sdp.h"

enum { JSON_MAX = 64 * 1024 };

const struct sig_route sig_routes[] = {
    {SIG_GET, "/", sig_serve_page, 0},
    {SIG_GET, "/r/{room}", sig_serve_page, 0},
    {SIG_GET, "/admin", sig_serve_page, 0},
    {SIG_GET, "/healthz", sig_healthz, 0},
    {SIG_GET, "/readyz", sig_readyz, 0},
    {SIG_GET, "/metrics", sig_metrics, 0},
    {SIG_GET, "/api/v1/", sig_api_page, 0},
    {SIG_GET, "/api/v1/api.css", sig_api_page_css, 0},
    {SIG_GET, "/api/v1/api.js", sig_api_page_js, 0},
    {SIG_GET, "/api/v1/openapi.json", sig_api_openapi, 0},

    {SIG_POST, "/whip/{room}", sig_whip_post, SIG_SDP_SIZE_MAX},
    {SIG_PATCH, "/whip/{room}/{id}", sig_whip_patch, SIG_SDP_SIZE_MAX},
    {SIG_DELETE, "/whip/{room}/{id}", sig_whip_delete, 0},
    {SIG_POST, "/whep/{room}", sig_whep_post, SIG_SDP_SIZE_MAX},
    {SIG_PATCH, "/whep/{room}/{id}", sig_whip_patch, SIG_SDP_SIZE_MAX},
    {SIG_DELETE, "/whep/{room}/{id}", sig_whip_delete, 0},

    {SIG_POST, "/index/api/webrtc", sig_zlm_webrtc, SIG_SDP_SIZE_MAX},
    {SIG_POST, "/index/api/whip", sig_zlm_whip, SIG_SDP_SIZE_MAX},
    {SIG_POST, "/index/api/whep", sig_zlm_whep, SIG_SDP_SIZE_MAX},
    {SIG_DELETE, "/index/api/delete_webrtc", sig_zlm_delete, 0},

    {SIG_GET, "/hls/{room}/{file}", sig_hls_get, 0},

    {SIG_GET, "/api/v1/rooms", sig_api_rooms_list, 0},
    {SIG_POST, "/api/v1/rooms", sig_api_rooms_create, JSON_MAX},
    {SIG_GET, "/api/v1/rooms/{room}", sig_api_room_get, 0},
    {SIG_PATCH, "/api/v1/rooms/{room}", sig_api_room_patch, JSON_MAX},
    {SIG_DELETE, "/api/v1/rooms/{room}", sig_api_room_end, 0},
    {SIG_GET, "/api/v1/rooms/{room}/log", sig_api_room_log, 0},
    {SIG_GET, "/api/v1/server", sig_api_server, 0},
    {SIG_GET, "/api/v1/layouts", sig_api_layouts, 0},
    {SIG_GET, "/api/v1/layouts/{name}", sig_api_layout_get, 0},
    {SIG_PUT, "/api/v1/layouts/{name}", sig_api_layout_put, SIG_LAYOUT_BYTES_MAX},
    {SIG_DELETE, "/api/v1/layouts/{name}", sig_api_layout_delete, 0},
    {SIG_GET, "/api/v1/pictures", sig_api_images, 0},
    {SIG_GET, "/api/v1/pictures/{name}", sig_api_image_get, 0},
    {SIG_PUT, "/api/v1/pictures/{name}", sig_api_image_put, SIG_IMAGE_BYTES_MAX},
    {SIG_DELETE, "/api/v1/pictures/{name}", sig_api_image_delete, 0},
    {SIG_GET, "/api/v1/rooms/{room}/snapshot.jpg", sig_api_snapshot, 0},
    {SIG_GET, "/api/v1/rooms/{room}/views", sig_api_views, 0},
    {SIG_POST, "/api/v1/rooms/{room}/views", sig_api_view_add, JSON_MAX},
    {SIG_GET, "/api/v1/rooms/{room}/views/{view}", sig_api_view_get, 0},
    {SIG_PATCH, "/api/v1/rooms/{room}/views/{view}", sig_api_view_patch, JSON_MAX},
    {SIG_DELETE, "/api/v1/rooms/{room}/views/{view}", sig_api_view_delete, 0},
    {SIG_GET, "/api/v1/rooms/{room}/members", sig_api_members, 0},
    {SIG_GET, "/api/v1/rooms/{room}/members/{user}", sig_api_member_get, 0},
    {SIG_PATCH, "/api/v1/rooms/{room}/members/{user}", sig_api_member_patch, JSON_MAX},
    {SIG_DELETE, "/api/v1/rooms/{room}/members/{user}", sig_api_member_remove, 0},
    {SIG_GET, "/api/v1/rooms/{room}/lobby", sig_api_lobby, 0},
    {SIG_PATCH, "/api/v1/rooms/{room}/lobby/{user}", sig_api_lobby_decide, JSON_MAX},
    {SIG_GET, "/api/v1/rooms/{room}/sounds", sig_api_sounds, 0},
    {SIG_POST, "/api/v1/rooms/{room}/sounds", sig_api_sound_start, JSON_MAX},
    {SIG_DELETE, "/api/v1/rooms/{room}/sounds/{id}", sig_api_sound_stop, 0},
    {SIG_GET, "/api/v1/rooms/{room}/inputs", sig_api_inputs, 0},
    {SIG_POST, "/api/v1/rooms/{room}/inputs", sig_api_input_create, JSON_MAX},
    {SIG_GET, "/api/v1/rooms/{room}/inputs/{id}", sig_api_input_get, 0},
    {SIG_PATCH, "/api/v1/rooms/{room}/inputs/{id}", sig_api_input_patch, JSON_MAX},
    {SIG_DELETE, "/api/v1/rooms/{room}/inputs/{id}", sig_api_input_delete, 0},
    {SIG_GET, "/api/v1/rooms/{room}/rtp", sig_api_rtp_list, 0},
    {SIG_POST, "/api/v1/rooms/{room}/rtp", sig_api_rtp_create, JSON_MAX},
    {SIG_DELETE, "/api/v1/rooms/{room}/rtp/{id}", sig_api_rtp_delete, 0},
    {SIG_GET, "/api/v1/rooms/{room}/recordings", sig_api_recordings_of_room, 0},
    {SIG_POST, "/api/v1/rooms/{room}/recordings", sig_api_recording_start, JSON_MAX},
    {SIG_PATCH, "/api/v1/rooms/{room}/recordings/{id}", sig_api_recording_change, JSON_MAX},
    {SIG_DELETE, "/api/v1/rooms/{room}/recordings/{id}", sig_api_recording_stop, 0},
    {SIG_GET, "/api/v1/history/rooms", sig_api_history_rooms, 0},
    {SIG_GET, "/api/v1/history/members", sig_api_history_members, 0},
    {SIG_GET, "/api/v1/history/calls", sig_api_history_calls, 0},
    {SIG_GET, "/api/v1/rooms/{room}/live", sig_api_live_list, 0},
    {SIG_POST, "/api/v1/rooms/{room}/live", sig_api_live_start, JSON_MAX},
    {SIG_GET, "/api/v1/rooms/{room}/live/{id}", sig_api_live_get, 0},
    {SIG_DELETE, "/api/v1/rooms/{room}/live/{id}", sig_api_live_stop, 0},
    {SIG_GET, "/api/v1/recordings", sig_api_recordings, 0},
    {SIG_GET, "/api/v1/recordings/{id}", sig_api_recording_get, 0},
    {SIG_GET, "/api/v1/recordings/{id}/file", sig_api_recording_file, 0},
    {SIG_GET, "/api/v1/recordings/{id}/captions.vtt", sig_api_recording_captions, 0},
    {SIG_GET, "/api/v1/recordings/{id}/speakers.json", sig_api_recording_speakers, 0},
    {SIG_GET, "/api/v1/recordings/{id}/thumbnail.jpg", sig_api_recording_thumbnail, 0},
    {SIG_GET, "/api/v1/recordings/{id}/files/{name}", sig_api_recording_beside, 0},
    {SIG_POST, "/api/v1/recordings/{id}/upload", sig_api_recording_upload, 0},
    {SIG_DELETE, "/api/v1/recordings/{id}", sig_api_recording_delete, 0},

    {SIG_GET, "/*", sig_serve_asset, 0}, /* last */
    {0},
};
