/* What OpenAPI says of each route; who adds one to http_routes.c says it here (test_openapi.c asks
 * for it). Shapes are in apidoc/schemas.json. */
#include <string.h>

#include "signaling/openapi.h"

#define R "/api/v1/rooms/{room}"
#define PAGES "offset limit"
#define SDP "application/sdp"
#define FRAG "application/trickle-ice-sdpfrag"

const struct sig_words sig_words[] = {
    {SIG_GET, "/api/v1/rooms", "rooms", "Rooms that run", SIG_ADMIN, PAGES, "", "200 RoomList", ""},
    {SIG_POST, "/api/v1/rooms", "rooms", "Opens a room, with its rules", SIG_HOST, "", "RoomWish?",
     "201 Room", "room_exists not_supported too_many_rooms overloaded room_failed"},
    {SIG_GET, R, "rooms", "One room", SIG_GUEST, "", "", "200 Room", ""},
    {SIG_PATCH, R, "rooms", "Changes the picture (whoever may lay out) and the rules (hosts)",
     SIG_RIGHT, "", "RoomPatch", "200 Room", "no_such_layout etag_mismatch room_restarted"},
    {SIG_DELETE, R, "rooms", "Ends the room for everybody", SIG_HOST, "", "", "204", "etag_mismatch"},
    {SIG_GET, R "/log", "rooms", "The last lines that the room logged", SIG_ADMIN, "", "", "200 Log",
     "room_restarted"},
    {SIG_GET, R "/snapshot.jpg", "rooms", "What is shown now", SIG_GUEST, "view width", "",
     "200 image/jpeg", "no_such_view too_busy room_restarted"},

    {SIG_GET, R "/members", "members", "Who is in the room", SIG_GUEST, PAGES, "", "200 MemberList",
     ""},
    {SIG_GET, R "/members/{user}", "members", "One member", SIG_GUEST, "", "", "200 Member",
     "no_such_member"},
    {SIG_PATCH, R "/members/{user}", "members", "Changes a member: sound, place, hand, role", SIG_SELF,
     "", "MemberPatch", "200 Member",
     "no_such_member last_host too_many_submixes too_many_volumes room_restarted overloaded"},
    {SIG_DELETE, R "/members/{user}", "members", "Sends a member away", SIG_SELF, "keepOut", "", "204",
     "no_such_member"},
    {SIG_GET, R "/lobby", "members", "Who waits to be let in", SIG_HOST, "", "", "200 WaitingList", ""},
    {SIG_PATCH, R "/lobby/{user}", "members", "Lets one in, or refuses", SIG_HOST, "", "Admit", "204",
     "no_such_member"},

    {SIG_GET, R "/views", "views", "Further pictures of the room", SIG_GUEST, "", "", "200 ViewList", ""},
    {SIG_POST, R "/views", "views", "Adds a picture", SIG_RIGHT, "", "ViewWish", "201 View",
     "no_such_layout view_exists too_many_views overloaded room_restarted"},
    {SIG_GET, R "/views/{view}", "views", "One picture", SIG_GUEST, "", "", "200 View", "no_such_view"},
    {SIG_PATCH, R "/views/{view}", "views", "Another layout for it", SIG_RIGHT, "", "ViewPatch",
     "200 View", "no_such_view no_such_layout room_restarted"},
    {SIG_DELETE, R "/views/{view}", "views", "Takes it away", SIG_RIGHT, "", "", "204",
     "no_such_view view_busy room_restarted"},

    {SIG_GET, R "/sounds", "sounds", "What plays", SIG_HOST, "", "", "200 SoundList", "room_restarted"},
    {SIG_POST, R "/sounds", "sounds", "Plays a sound", SIG_HOST, "", "SoundWish", "201 Id",
     "no_such_sound no_such_file no_such_member too_many_sounds too_many_submixes room_restarted"},
    {SIG_DELETE, R "/sounds/{id}", "sounds", "Stops it", SIG_HOST, "", "", "204",
     "no_such_sound room_restarted"},

    {SIG_GET, R "/inputs", "inputs", "Files and streams that play in the room", SIG_HOST, "", "",
     "200 InputList", ""},
    {SIG_POST, R "/inputs", "inputs", "Brings a file, RTMP, RTSP, SRT or HLS in", SIG_HOST, "",
     "InputWish", "201 Input", "no_such_file room_full overloaded room_failed room_restarted"},
    {SIG_GET, R "/inputs/{id}", "inputs", "One of them", SIG_HOST, "", "", "200 Input",
     "no_such_input"},
    {SIG_PATCH, R "/inputs/{id}", "inputs", "Pauses, resumes, seeks, loops; its volume and name", SIG_HOST, "",
     "InputPatch", "200 Input", "no_such_input room_restarted"},
    {SIG_DELETE, R "/inputs/{id}", "inputs", "Takes it away", SIG_HOST, "", "", "204",
     "no_such_input"},

    {SIG_GET, R "/rtp", "gateways", "Participants over plain RTP", SIG_HOST, "", "", "200 RtpList", ""},
    {SIG_POST, R "/rtp", "gateways", "Adds one", SIG_HOST, "", "RtpWish", "201 Rtp",
     "room_full address_in_use no_port overloaded"},
    {SIG_DELETE, R "/rtp/{id}", "gateways", "Ends one", SIG_HOST, "", "", "204", "no_such_session"},

    {SIG_GET, R "/recordings", "recordings", "Recordings of the room, newest first", SIG_GUEST,
     "status " PAGES, "", "200 RecordingList", ""},
    {SIG_POST, R "/recordings", "recordings", "Starts a recording", SIG_RIGHT, "", "RecordingWish?",
     "201 Recording",
     "no_such_view no_such_layout already_recording too_many_views overloaded room_restarted"},
    {SIG_PATCH, R "/recordings/{id}", "recordings", "Pauses it, or goes on", SIG_RIGHT, "",
     "RecordingPatch", "200 Recording", "no_such_recording not_recording"},
    {SIG_DELETE, R "/recordings/{id}", "recordings", "Stops it", SIG_RIGHT, "", "", "202 Recording",
     "no_such_recording"},
    {SIG_GET, R "/live", "live", "Live pushes of the room", SIG_RIGHT, "", "", "200 PushList", ""},
    {SIG_GET, "/hls/{room}/{file}", "live", "HLS: index.m3u8, and what it names", SIG_GUEST, "token",
     "", "200 application/vnd.apple.mpegurl; 206 video/mp4", "no_such_file range_not_satisfiable"},
    {SIG_POST, R "/live", "live", "Starts a push by RTMP, RTMPS or SRT, or HLS", SIG_RIGHT, "", "PushWish",
     "201 Push", "bad_url hls_exists no_such_view no_such_layout too_many_pushes too_many_views room_full "
     "overloaded room_restarted"},
    {SIG_GET, R "/live/{id}", "live", "One push", SIG_RIGHT, "", "", "200 Push", "no_such_push"},
    {SIG_DELETE, R "/live/{id}", "live", "Ends it", SIG_RIGHT, "", "", "202 Push", "no_such_push"},
    {SIG_GET, "/api/v1/recordings", "recordings", "The archive, newest first", SIG_ADMIN,
     "room status " PAGES, "", "200 RecordingList", ""},
    {SIG_GET, "/api/v1/recordings/{id}", "recordings", "One recording", SIG_GUEST, "", "",
     "200 Recording", "no_such_recording"},
    {SIG_GET, "/api/v1/recordings/{id}/file", "recordings", "The MP4 (or M4A, OGG), also in ranges",
     SIG_GUEST, "token", "", "200 video/mp4; 206 video/mp4",
     "no_such_recording no_such_file range_not_satisfiable"},
    {SIG_GET, "/api/v1/recordings/{id}/captions.vtt", "recordings", "Who spoke when, as captions",
     SIG_GUEST, "token", "", "200 text/vtt", "no_such_recording no_such_file"},
    {SIG_GET, "/api/v1/recordings/{id}/speakers.json", "recordings", "Who spoke when", SIG_GUEST,
     "token", "", "200 application/json", "no_such_recording no_such_file"},
    {SIG_GET, "/api/v1/recordings/{id}/thumbnail.jpg", "recordings", "A picture of it", SIG_GUEST,
     "token", "", "200 image/jpeg", "no_such_recording no_such_file"},
    {SIG_GET, "/api/v1/recordings/{id}/files/{name}", "recordings", "A file beside it", SIG_GUEST,
     "token", "", "200 application/octet-stream", "no_such_recording no_such_file"},
    {SIG_POST, "/api/v1/recordings/{id}/upload", "recordings", "Uploads it again", SIG_RIGHT, "", "",
     "202 Upload", "no_such_recording no_storage still_recording"},
    {SIG_DELETE, "/api/v1/recordings/{id}", "recordings", "Deletes file and row", SIG_RIGHT, "", "",
     "204", "no_such_recording still_recording"},

    {SIG_GET, "/api/v1/layouts", "layouts", "The layouts", SIG_ANYBODY, "", "", "200 LayoutList", ""},
    {SIG_GET, "/api/v1/layouts/{name}", "layouts", "A layout's file; NAME.png: what it looks like",
     SIG_ANYBODY, "people size", "", "200 LayoutFile", "no_such_layout"},
    {SIG_PUT, "/api/v1/layouts/{name}", "layouts", "Uploads or changes one", SIG_ADMIN, "",
     "LayoutFile", "201 Layout; 200 Layout", "bad_layout layout_builtin too_many_layouts"},
    {SIG_DELETE, "/api/v1/layouts/{name}", "layouts", "Deletes one", SIG_ADMIN, "", "", "204",
     "no_such_layout layout_in_use layout_builtin"},
    {SIG_GET, "/api/v1/pictures", "layouts", "Pictures that layouts may name", SIG_ADMIN, "", "",
     "200 PictureList", ""},
    {SIG_GET, "/api/v1/pictures/{name}", "layouts", "One picture", SIG_ADMIN, "", "",
     "200 image/png; 200 image/jpeg", "no_such_picture"},
    {SIG_PUT, "/api/v1/pictures/{name}", "layouts", "Uploads or changes one", SIG_ADMIN, "",
     "image/png", "201 Picture; 200 Picture", "bad_picture too_many_pictures"},
    {SIG_DELETE, "/api/v1/pictures/{name}", "layouts", "Deletes one", SIG_ADMIN, "", "", "204",
     "no_such_picture"},

    {SIG_GET, "/api/v1/history/rooms", "history", "Rooms that were", SIG_HOST, "room status " PAGES,
     "", "200 HistoryRooms", ""},
    {SIG_GET, "/api/v1/history/members", "history", "Who was in them", SIG_HOST,
     "room status " PAGES, "", "200 HistoryMembers", ""},
    {SIG_GET, "/api/v1/history/calls", "history", "Calls that were", SIG_HOST,
     "room user before limit", "", "200 HistoryCalls", ""},

    {SIG_POST, "/whip/{room}", "whip", "Puts a publisher into the room (RFC 9725)", SIG_GUEST,
     "name password", SDP, "201 " SDP,
     "bad_offer room_full unsupported_type banned room_locked password_needed bad_password lobby "
     "overloaded"},
    {SIG_PATCH, "/whip/{room}/{id}", "whip", "Trickles candidates, restarts ICE", SIG_GUEST, "", FRAG,
     "204; 200 " FRAG, "no_such_session etag_needed etag_mismatch bad_offer bad_candidate unsupported_type"},
    {SIG_DELETE, "/whip/{room}/{id}", "whip", "Ends the session", SIG_GUEST, "", "", "200",
     "no_such_session"},
    {SIG_POST, "/whep/{room}", "whip",
     "Gives a viewer the room's mix; makes an offer to who has none that can be met", SIG_GUEST,
     "name password view layout quality", SDP "?", "201 " SDP "; 406 " SDP,
     "bad_offer room_full unsupported_type no_such_view no_such_layout banned room_locked "
     "password_needed bad_password lobby overloaded"},
    {SIG_PATCH, "/whep/{room}/{id}", "whip",
     "Trickles candidates, restarts ICE, answers the server's offer", SIG_GUEST, "", FRAG ";" SDP,
     "204; 200 " FRAG,
     "no_such_session etag_needed etag_mismatch answer_needed bad_offer bad_candidate "
     "unsupported_type"},
    {SIG_DELETE, "/whep/{room}/{id}", "whip", "Ends the session", SIG_GUEST, "", "", "200",
     "no_such_session"},

    {SIG_POST, "/index/api/webrtc", "zlmediakit", "ZLMediaKit's call: push, play or echo", SIG_GUEST,
     "app stream type token name view layout quality", "application/sdp", "200 Zlm", ""},
    {SIG_POST, "/index/api/whip", "zlmediakit", "WHIP under ZLMediaKit's path", SIG_GUEST,
     "app stream token name", SDP, "201 " SDP, "bad_offer room_full unsupported_type overloaded"},
    {SIG_POST, "/index/api/whep", "zlmediakit", "WHEP under ZLMediaKit's path", SIG_GUEST,
     "app stream token name view layout quality", SDP, "201 " SDP,
     "bad_offer room_full unsupported_type no_such_view no_such_layout overloaded"},
    {SIG_DELETE, "/index/api/delete_webrtc", "zlmediakit", "Ends a session", SIG_ANYBODY,
     "id token", "", "200", "token_invalid no_such_session"},

    {SIG_GET, "/api/v1/server", "server", "How the server does", SIG_ADMIN, "", "", "200 Server", ""},
    {SIG_GET, "/api/v1/openapi.json", "server", "This document", SIG_ANYBODY, "", "",
     "200 application/json", ""},
    {SIG_GET, "/healthz", "server", "Whether the server is alive", SIG_ANYBODY, "", "",
     "200 application/json", ""},
    {SIG_GET, "/readyz", "server", "Whether it takes new rooms", SIG_ANYBODY, "", "",
     "200 application/json", "too_busy"},
    {SIG_GET, "/metrics", "server", "Figures for Prometheus", SIG_ANYBODY, "", "", "200 text/plain",
     ""},
    {0},
};

bool sig_words_skip(const struct sig_route *route)
{
    static const char *const pages[] = {"/",           "/r/{room}", "/admin", "/api/v1/",
                                        "/api/v1/api.css", "/api/v1/api.js", "/*"};
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        if (strcmp(route->pattern, pages[i]) == 0)
            return true;
    }
    return false;
}

const struct sig_words *sig_words_find(const struct sig_route *route)
{
    const struct sig_words *w = sig_words;
    while (w->pattern && (w->method != route->method || strcmp(w->pattern, route->pattern) != 0))
        w++;
    return w->pattern ? w : NULL;
}
