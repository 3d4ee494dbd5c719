/* The settings: one row each of name, range, default and a sentence. Everything else about settings
 * (reading, checking, errors, docs/settings.md, docs/mixdown.yaml) is made from this table. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/config_internal.h"
#include "mcu/file_name.h"
#include "recorder/guard.h"

/* --- forms of texts -------------------------------------------------------------------------- */

static bool is_address(const char *text)
{
    struct in6_addr any;
    return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

static bool is_port(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 5 && !text[digits] && strtoul(text, NULL, 10) <= 65535;
}

static bool is_host(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '.')
            return false;
    }
    return size > 0 && size < 254;
}

static bool is_host_port(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (!colon || !is_port(colon + 1))
        return false;
    const size_t host = (size_t)(colon - text);
    if (text[0] != '[')
        return is_host(text, host);
    char address[INET6_ADDRSTRLEN] = "";
    if (host < 4 || text[host - 1] != ']' || host - 2 >= sizeof(address))
        return false;
    memcpy(address, text + 1, host - 2);
    struct in6_addr any;
    return inet_pton(AF_INET6, address, &any) == 1;
}

/* By address: rooms never wait for a name server. */
static bool is_address_port(const char *text)
{
    char host[INET6_ADDRSTRLEN] = "";
    const char *colon = strrchr(text, ':');
    const bool has_brackets = text[0] == '[';
    if (!colon || !is_host_port(text) || strcmp(colon, ":0") == 0)
        return false;
    const size_t size = (size_t)(colon - text) - (has_brackets ? 2 : 0);
    if (size >= sizeof(host))
        return false;
    memcpy(host, text + (has_brackets ? 1 : 0), size);
    return is_address(host);
}

static bool is_origin(const char *text)
{
    if (strcmp(text, "*") == 0)
        return true;
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : NULL;
    return host && *host && !strpbrk(host, "/ ?#@");
}

static bool is_api_key(const char *text)
{
    const char *role = strchr(text, ':');
    const char *hash = role ? strchr(role + 1, ':') : NULL;
    const bool is_role = hash && (strncmp(role, ":admin:", 7) == 0 || strncmp(role, ":observer:", 10) == 0);
    return is_role && role > text && role - text <= 32 && strlen(hash + 1) == 64 &&
           strspn(hash + 1, "0123456789abcdef") == 64 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == (size_t)(role - text);
}

static bool is_http_url(const char *text)
{
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : NULL;
    return host && *host && !strchr("/?#", *host) && !strpbrk(text, " #\r\n\t");
}

static bool is_ice_url(const char *text)
{
    static const char *const schemes[] = {"stun:", "stuns:", "turn:", "turns:"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const size_t n = strlen(schemes[i]);
        if (strncmp(text, schemes[i], n) == 0)
            return text[n] && text[n] != '/' && !strchr(text, ' ');
    }
    return false;
}

static bool is_colour(const char *text)
{
    return text[0] == '#' && strlen(text) == 7 && strspn(text + 1, "0123456789abcdefABCDEF") == 6;
}

static bool is_name(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
            return false;
    }
    return true;
}

static bool is_storage_url(const char *text)
{
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : NULL;
    return host && *host && *host != '/' && !strpbrk(host, " ?#@");
}

static bool is_bucket(const char *text)
{
    const size_t size = strlen(text);
    return size >= 3 && size <= 63 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == size;
}

/* Nothing that a url or a path could take for something else. */
static bool is_prefix(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("-_./", *p))
            return false;
    }
    return text[0] != '/' && !strstr(text, "..") && !strstr(text, "//");
}

static bool is_long_secret(const char *text)
{
    return strlen(text) >= 32;
}

static bool is_network(const char *text)
{
    struct guard_policy policy = {0};
    return guard_policy_add(&policy, text) == 0;
}

/* --- the table ------------------------------------------------------------------------------- */

#define AT(s, k)                                                                                   \
    .section = #s, .key = #k, .offset = offsetof(struct mcu_config, s.k),                          \
    .size = sizeof(((struct mcu_config *)0)->s.k)
#define INT(s, k, low, high, value, words)                                                         \
    {AT(s, k), .type = CONFIG_INT, .min = (low), .max = (high), .default_value = #value,           \
     .sentence = (words)}
#define BOOL(s, k, value, words)                                                                   \
    {AT(s, k), .type = CONFIG_BOOL, .default_value = #value, .sentence = (words)}
#define TEXT(s, k, value, valid, shape, words)                                                     \
    {AT(s, k), .type = CONFIG_TEXT, .default_value = (value), .is_valid = (valid),                 \
     .form = (shape), .sentence = (words)}
#define NEEDED(s, k, value, valid, shape, words)                                                   \
    {AT(s, k), .type = CONFIG_TEXT, .default_value = (value), .is_valid = (valid),                 \
     .form = (shape), .sentence = (words), .is_required = true}
#define CHOICE(s, k, value, list, words)                                                           \
    {AT(s, k), .type = CONFIG_TEXT, .default_value = (value), .choices = (list),                   \
     .sentence = (words), .is_required = true}
#define LIST(s, k, valid, shape, words)                                                            \
    {AT(s, k), .type = CONFIG_LIST, .default_value = "", .is_valid = (valid), .form = (shape),     \
     .sentence = (words)}
#define SECRET(s, k, valid, shape, words)                                                          \
    {AT(s, k), .type = CONFIG_TEXT, .default_value = "", .is_valid = (valid), .form = (shape),     \
     .sentence = (words), .is_secret = true}
#define ROOM_SECRET(s, k, valid, shape, words)                                                     \
    {AT(s, k), .type = CONFIG_TEXT, .default_value = "", .is_valid = (valid), .form = (shape),     \
     .sentence = (words), .is_secret = true, .is_for_rooms = true}

const struct config_row config_rows[] = {
    NEEDED(http, listen, "0.0.0.0:8080", is_host_port, "HOST:PORT or [ADDRESS]:PORT",
           "Where HTTP and WebSocket are served; port 0 takes any that is free."),
    TEXT(http, tls_cert, "", NULL, "a path",
         "PEM file with the certificate chain; with http.tls_key it makes HTTPS and WSS."),
    TEXT(http, tls_key, "", NULL, "a path", "PEM file with the private key of http.tls_cert."),
    LIST(http, cors_origins, is_origin, "http(s)://HOST[:PORT] or *",
         "Web origins other than our own that may call the API; * is any."),
    INT(http, max_connections, 10, 100000, 1000,
        "Connections served at once; more are turned away."),

    CHOICE(rtc, mode, "ice", "ice one-port",
           "ice: a port a client, for every kind of network; one-port: one UDP port a room (ICE-lite), for servers "
           "that clients reach directly. Rooms of type broadcast always have one port."),
    INT(rtc, port_min, 1024, 65535, 40000, "First UDP port for media."),
    INT(rtc, port_max, 1024, 65535, 49999, "Last UDP port for media."),
    LIST(rtc, listen, is_address, "an IP address",
         "Local addresses to use for media; none: all of the machine's."),
    LIST(rtc, announced, is_address, "an IP address",
         "Public addresses to tell clients instead of the local ones, behind a 1:1 NAT."),
    BOOL(rtc, tcp, false,
         "Offer TCP as well, in the same ports, to clients whose network lets no UDP out; not with one-port."),
    INT(rtc, dscp, 0, 63, 0, "DSCP mark of all media that is sent: 34 (AF41) where the network honours it."),
    BOOL(rtc, loopback, false, "Offer 127.0.0.1 as well, for clients on this machine."),
    TEXT(rtc, stun_server, "", is_address_port, "ADDRESS:PORT",
         "STUN server that tells us our public address."),
    TEXT(rtc, turn_server, "", is_address_port, "ADDRESS:PORT",
         "TURN server that relays for this server where clients cannot reach it; not with one-port."),
    CHOICE(rtc, turn_transport, "udp", "udp tcp", "How this server reaches rtc.turn_server."),
    TEXT(rtc, turn_user, "", NULL, "the TURN server's",
         "User at rtc.turn_server; empty: credentials are made by rtc.turn_secret."),
    ROOM_SECRET(rtc, turn_password, NULL, "the TURN server's", "Password of rtc.turn_user."),
    BOOL(rtc, turn_only, false, "All media by rtc.turn_server, nothing from the machine's own addresses."),
    LIST(rtc, ice_servers, is_ice_url, "stun:HOST:PORT or turn:HOST:PORT",
         "STUN and TURN servers that clients are told to use."),
    LIST(rtc, turn_urls, is_ice_url, "turn:HOST:PORT or turns:HOST:PORT",
         "TURN servers that clients are given with credentials made by rtc.turn_secret."),
    SECRET(rtc, turn_secret, NULL, "the TURN server's",
           "The TURN server's shared secret (coturn: static-auth-secret)."),
    INT(rtc, turn_ttl_s, 60, 604800, 86400, "Seconds for which TURN credentials hold."),
    TEXT(rtc, plain_address, "", is_address, "an IP address",
         "Local address for plain RTP participants; empty: 127.0.0.1."),
    INT(rtc, grace_s, 0, 3600, 30, "Seconds that a seat is kept for a client that lost us."),

    INT(room, max_rooms, 1, 10000, 100, "Rooms open at once."),
    INT(room, max_members, 1, 1280, 50, "People in one room."),
    INT(room, empty_s, 0, 86400, 30, "Seconds after which an empty room ends."),
    INT(room, ring_s, 5, 300, 45, "Seconds that a call rings before nobody has answered."),
    INT(room, spare, 0, 8, 1, "Room processes kept warm, so that a new room opens at once."),
    INT(room, max_load, 0, 100, 85,
        "Percent of the machine's cores that rooms may use before new ones and people are refused; 0: no "
        "limit."),
    BOOL(room, overload, true,
         "A room that is late gives way in its pictures: rate, effort, sizes; sound goes on."),
    BOOL(room, lobby, false, "Rooms begin with a lobby: who is no host waits until one lets him in."),
    BOOL(room, handover, true,
         "When the last host leaves, the publisher who is there longest becomes one."),
    CHOICE(room, may_record, "host", "host publisher subscriber",
           "The lowest role that may record, where a room says nothing else; tokens with the claim may always."),
    CHOICE(room, may_live, "host", "host publisher subscriber",
           "The lowest role that may go live, where a room says nothing else; tokens with the claim may always."),
    CHOICE(room, may_layout, "host", "host publisher subscriber",
           "The lowest role that may choose the layout and pin people, where a room says nothing else."),

    INT(audio, channels, 1, 2, 2, "Channels of the mix: 1 mono, 2 stereo."),
    INT(audio, bitrate_kbps, 16, 256, 64, "Bit rate of each Opus mix."),
    INT(audio, low_bitrate_kbps, 6, 64, 16,
        "Bit rate of the mono mix for receivers whose network carries no more."),
    INT(audio, complexity, 0, 10, 5, "Effort of the Opus encoder: 0 least, 10 best."),
    INT(audio, playout_min_ms, 0, 500, 20, "Least delay of the jitter buffer."),
    INT(audio, playout_max_ms, 40, 2000, 300, "Most delay of the jitter buffer."),
    INT(audio, speakers, 1, 32, 5, "Voices mixed at once: the loudest."),
    BOOL(audio, levelling, true, "Bring every speaker to the same loudness."),
    BOOL(audio, noise_suppression, false, "Take steady noise out of every voice."),
    BOOL(audio, spatial, false, "Place voices left and right by the place of their tile."),
    BOOL(audio, original, false,
         "For music: stereo at 128 kbit/s or more, voices neither levelled nor cleaned."),
    INT(audio, red_copies, 0, 4, 4,
        "Most RED copies of audio (RFC 2198) for a receiver that loses packets."),
    TEXT(audio, sounds_dir, "", NULL, "a path",
         "Folder of sound files that may be played into rooms; empty: the built-in sounds only."),
    BOOL(audio, join_chime, false, "Play a chime when somebody comes in."),

    INT(video, width, 160, 3840, 1280, "Width of the mixed picture in pixels; even."),
    INT(video, height, 90, 2160, 720, "Height of the mixed picture in pixels; even."),
    INT(video, fps, 5, 60, 30, "Pictures a second."),
    INT(video, bitrate_kbps, 100, 20000, 1500, "Bit rate of the mixed picture as it is sent."),
    CHOICE(video, preset, "superfast",
           "ultrafast superfast veryfast faster fast medium slow slower veryslow",
           "x264's trade of CPU for quality."),
    INT(video, vp8_speed, 1, 16, 8, "Speed of the VP8 encoder: 16 is fastest (cpu-used -16)."),
    NEEDED(video, background, "#101418", is_colour, "#rrggbb",
           "Colour where the picture has no tile."),
    NEEDED(video, layout, "grid", is_name, "letters, digits, - and _",
           "Layout that a room starts with; `mixdown layout list` names them."),
    TEXT(video, layouts_dir, "", NULL, "a path",
         "Folder of layout files; empty: layouts in storage.dir."),
    BOOL(video, labels, true, "Names, signs and the ring of who speaks on the tiles."),
    BOOL(video, avatars, true, "Who has no picture has a tile with his initials."),
    BOOL(video, signs, false,
         "REC and LIVE stand on the picture while it is recorded or pushed, and so in the recording."),
    INT(video, transition_ms, 0, 2000, 200,
        "How long tiles move and fade to new places; 0: they are there at once."),
    INT(video, freeze_ms, 0, 60000, 2000,
        "A camera that brings no new picture for so long is dimmed, after five times that it has none; "
        "0: never."),
    INT(video, decoder_threads, 0, 16, 0,
        "Threads that decode video in a room; 0: as many as cores, at most 4."),
    CHOICE(video, engine, "auto", "auto x264 openh264",
           "H264 encoder: x264's picture is better, OpenH264 takes half the time and can leave out "
           "frames; auto: x264 for the picture that most see, OpenH264 for smaller and personal ones."),
    INT(video, views_max, 1, 64, 16,
        "Pictures composed at once in a room: the common one, named and personal ones."),

    TEXT(recording, dir, "", NULL, "a path",
         "Folder for recordings; empty: recordings in storage.dir."),
    INT(recording, audio_bitrate_kbps, 32, 320, 128, "Bit rate of AAC in recordings."),
    INT(recording, fragment_ms, 100, 1000, 500,
        "Length of a fragment of a running recording: what a crash may cost."),
    NEEDED(recording, template, "{room}-{date}-{time}-{ms}", mcu_file_template_is_valid,
           "letters, digits, - and _ with {room} {id} {date} {time} {ms}",
           "Names of recordings, without .mp4."),
    CHOICE(recording, preset, "veryfast",
           "ultrafast superfast veryfast faster fast medium slow slower veryslow",
           "x264 preset of recordings that are not what is sent to viewers: slower is better and costs "
           "more CPU."),
    {.section = "recording", /* its field cannot have that name in C */
     .key = "auto",
     .offset = offsetof(struct mcu_config, recording.starts_itself),
     .size = sizeof(((struct mcu_config *)0)->recording.starts_itself),
     .type = CONFIG_BOOL,
     .default_value = "false",
     .sentence = "Rooms are recorded from the first member on."},
    INT(recording, quota_mb, 0, 100000000, 0,
        "Recordings end, and none begin, while all of them have so many megabytes; 0: no limit."),
    INT(recording, keep_days, 0, 36500, 0,
        "Finished recordings are deleted after so many days; 0: never."),
    INT(recording, keep_mb, 0, 100000000, 0,
        "The oldest finished recordings are deleted where all have more megabytes; 0: never."),
    CHOICE(recording, announce, "off", "off en zh",
           "Language in which a room is told that it is being recorded, or off."),
    INT(recording, split_minutes, 0, 1440, 0,
        "A recording goes on in another file after so many minutes; 0: never because of its length."),
    INT(recording, split_mb, 0, 1000000, 0,
        "A recording goes on in another file after so many megabytes; 0: never because of its size."),
    INT(recording, min_free_mb, 0, 1000000, 200,
        "Recordings stop for as long as the disk has fewer free megabytes; 0: until it is full."),

    LIST(live, allow, is_network, "an address or a network such as 10.1.0.0/16",
         "Networks that pushes may go to beside the public internet."),
    TEXT(live, ca_file, "", NULL, "a path",
         "PEM file of certificates that rtmps servers may have beside the system's."),
    INT(live, connect_ms, 500, 30000, 3000, "Most time for a connection of a push to stand."),
    INT(live, stall_ms, 1000, 30000, 3000,
        "A server of a push that takes nothing or is silent for so long is lost."),
    INT(live, give_up_s, 0, 604800, 3600,
        "A push that cannot connect for so long is given up; 0: never."),
    INT(live, hls_segments, 3, 1000, 6, "Segments of 2 s that a live HLS playlist has."),
    BOOL(live, hls_archive, false,
         "HLS keeps all segments, and can be played from the beginning, also after its end."),
    BOOL(live, hls_public, false, "Anybody may play the HLS of a room, without a token."),
    INT(live, hls_keep_h, 1, 8760, 24, "Hours after its end that the HLS of a room is kept."),
    BOOL(live, constant_rate, true,
         "Fill pushes up to a constant rate, as platforms of live video ask for."),
    LIST(live, inputs_allow, is_network, "an address or a network such as 10.1.0.0/16",
         "Networks of this machine or its neighbours that outside sources may be in; the public internet always is."),
    TEXT(live, inputs_dir, "", NULL, "a path",
         "Folder of the files that may be played into rooms as participants; empty: none."),

    SECRET(auth, secret, is_long_secret, "at least 32 bytes",
           "Key that tokens are signed with (HS256); make one with `openssl rand -hex 32`."),
    LIST(auth, api_keys, is_api_key, "NAME:admin|observer:SHA256",
         "Keys of servers for REST; `mixdown token --api-key NAME` makes one."),
    INT(auth, bad_tokens, 0, 100000, 10,
        "Bad tokens that an address may send in a minute before it gets 429; 0: no limit."),

    TEXT(hooks, url, "", is_http_url, "http(s)://HOST[:PORT]/PATH",
         "The application's address that is told what happens (docs/protocol.md); empty: nobody."),
    SECRET(hooks, secret, NULL, "a text",
           "Key of X-Mixdown-Signature (HMAC-SHA256 of the body); empty: not signed."),
    INT(hooks, timeout_ms, 100, 60000, 10000, "Longest wait for the answer to one event."),
    INT(hooks, attempts, 1, 100, 10,
        "Times that an event is sent until it is answered with 2xx, the pauses growing to a minute."),
    BOOL(hooks, ask, true, "Ask hooks.url before somebody publishes or plays; it may refuse."),
    INT(hooks, ask_timeout_ms, 100, 60000, 5000, "Longest wait for the answer to such a question."),
    CHOICE(hooks, on_error, "allow", "allow refuse", "What a question without an answer means."),
    INT(hooks, none_reader_s, 0, 86400, 20,
        "Seconds without anybody who watches, until on_stream_none_reader."),

    NEEDED(storage, dir, "data", NULL, "a path",
           "Folder for the database, the recordings and the sockets of rooms."),

    TEXT(storage, s3_endpoint, "", is_storage_url, "http(s)://HOST[:PORT]",
         "S3-compatible storage that recordings are uploaded to when they are finished; empty: they stay here."),
    TEXT(storage, s3_bucket, "", is_bucket, "a bucket's name", "Bucket at storage.s3_endpoint."),
    TEXT(storage, s3_region, "us-east-1", is_name, "letters, digits and -",
         "Region of the bucket; storage that is not Amazon's takes any."),
    SECRET(storage, s3_access_key, NULL, "the storage's", "Access key of storage.s3_endpoint."),
    SECRET(storage, s3_secret_key, NULL, "the storage's", "Secret key of storage.s3_access_key."),
    TEXT(storage, s3_prefix, "", is_prefix, "letters, digits, - _ . and /",
         "What stands before the names of files in the bucket, say recordings/."),
    BOOL(storage, s3_keep_local, true, "Keep recordings here after they are uploaded."),
    INT(storage, s3_part_mb, 5, 512, 8, "MiB of one part of an upload; smaller files go in one piece."),
    INT(storage, s3_timeout_s, 5, 600, 30,
        "Seconds without progress after which an upload is tried again."),

    CHOICE(log, level, "info", "debug info warn error", "Least important lines that are logged."),
};

const size_t config_row_count = sizeof(config_rows) / sizeof(config_rows[0]);
_Static_assert(sizeof(config_rows) / sizeof(config_rows[0]) <= CONFIG_ROWS_MAX,
               "raise CONFIG_ROWS_MAX");
