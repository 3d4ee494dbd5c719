/* mcu/config.h - the settings: one table of name, range, default and a sentence.
 *
 * A YAML file, then environment variables MIXDOWN_SECTION_KEY over it; unknown keys and values out
 * of range are refused with file, line and the nearest valid key. docs/settings.md, `mixdown config
 * show` and the errors are made from the same table (mcu/config_table.c). Read-only once loaded. */
#ifndef MCU_CONFIG_H
#define MCU_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    MCU_CONFIG_TEXT = 512,
    MCU_CONFIG_LIST = 8,
    MCU_CONFIG_ERROR_MAX = 512,
};

struct mcu_config_list {
    char item[MCU_CONFIG_LIST][128];
    uint32_t count;
};

struct mcu_config {
    struct {
        char listen[MCU_CONFIG_TEXT];        /* "0.0.0.0:8080"; "[::]:8080" */
        char tls_cert[MCU_CONFIG_TEXT];      /* PEM file; with tls_key: HTTPS and WSS */
        char tls_key[MCU_CONFIG_TEXT];
        struct mcu_config_list cors_origins; /* "*" for any */
        uint32_t max_connections;
    } http;
    struct {
        char mode[16];                       /* "ice" or "one-port" */
        uint32_t port_min;                   /* UDP ports for media */
        uint32_t port_max;
        struct mcu_config_list listen;       /* local addresses to gather on */
        struct mcu_config_list announced;    /* addresses to put in candidates instead */
        bool tcp;                            /* ICE-TCP candidates too */
        uint32_t dscp;                       /* mark of what is sent */
        bool loopback;                       /* gather on 127.0.0.1 too */
        char stun_server[MCU_CONFIG_TEXT];   /* "host:port" */
        char turn_server[MCU_CONFIG_TEXT];   /* relays for us: "address:port" */
        char turn_transport[16];             /* "udp" or "tcp": how we reach it */
        char turn_user[MCU_CONFIG_TEXT];     /* "" and a turn_secret: made of that */
        char turn_password[MCU_CONFIG_TEXT];
        bool turn_only;                      /* nothing but through it */
        char plain_address[MCU_CONFIG_TEXT]; /* of plain RTP ports; "": 127.0.0.1 */
        struct mcu_config_list ice_servers;  /* urls handed to clients: "stun:host:port" */
        struct mcu_config_list turn_urls;    /* handed to clients with credentials: "turn:host:port" */
        char turn_secret[MCU_CONFIG_TEXT];   /* shared with the TURN server */
        uint32_t turn_ttl_s;                 /* of those credentials */
        uint32_t grace_s;                    /* how long a seat is kept for a client that lost us */
    } rtc;
    struct {
        uint32_t max_rooms;
        uint32_t max_members;                /* of one room */
        uint32_t empty_s;                    /* an empty room ends after this */
        uint32_t ring_s;                     /* of a call */
        uint32_t spare;                      /* warm room processes kept ready */
        uint32_t max_load;                   /* percent of the cores; 0: no limit */
        bool overload;                       /* a late room gives way in its pictures */
        bool lobby;                          /* new rooms: hosts let people in */
        bool handover;                       /* the longest publisher becomes host when the last one leaves */
        char may_record[16];                 /* the lowest role that may */
        char may_live[16];
        char may_layout[16];
    } room;
    struct {
        uint32_t channels;                   /* 1 or 2 */
        uint32_t bitrate_kbps;               /* of each Opus mix */
        uint32_t low_bitrate_kbps;           /* of mixes for poor networks */
        uint32_t complexity;
        uint32_t playout_min_ms;
        uint32_t playout_max_ms;
        uint32_t speakers;                   /* K: voices mixed at once */
        bool levelling;
        bool noise_suppression;
        bool spatial;                        /* voices placed by the place of their tile */
        bool original;                       /* music: no processing, stereo, 128 kbit/s */
        uint32_t red_copies;                 /* at most */
        char sounds_dir[MCU_CONFIG_TEXT];    /* "": built-in sounds only */
        bool join_chime;
    } audio;
    struct {
        uint32_t width;
        uint32_t height;
        uint32_t fps;
        uint32_t bitrate_kbps;
        char preset[32];                     /* of x264 */
        uint32_t vp8_speed;                  /* 1..16: cpu-used -1..-16 */
        char layouts_dir[MCU_CONFIG_TEXT];   /* "": layouts in storage.dir */
        bool avatars;                        /* tiles for those without a picture */
        bool labels;                         /* names and signs on the tiles */
        bool signs;                          /* REC and LIVE on the picture */
        uint32_t transition_ms;              /* tiles move and fade so long; 0: at once */
        uint32_t freeze_ms;                  /* a camera without a new picture is dimmed */
        char background[16];                 /* "#101418" */
        char layout[64];                     /* "grid" */
        uint32_t decoder_threads;            /* 0: as many as cores, at most 4 */
        char engine[16];                     /* of H264: "auto" "x264" "openh264" */
        uint32_t views_max;                  /* pictures composed at once in a room */
    } video;
    struct {
        char dir[MCU_CONFIG_TEXT];           /* "": DATA/recordings */
        uint32_t audio_bitrate_kbps;
        uint32_t fragment_ms;
        char announce[16];                   /* "off" or a language */
        char template[MCU_CONFIG_TEXT];      /* of file names */
        char preset[32];                     /* of x264, of own encoders */
        bool starts_itself;                  /* recording.auto */
        uint32_t quota_mb, keep_days, keep_mb; /* 0: none */
        uint32_t split_minutes;              /* 0: by time not at all */
        uint32_t split_mb;                   /* 0: by size not at all */
        uint32_t min_free_mb;                /* 0: until the disk is full */
    } recording;
    struct {
        struct mcu_config_list allow;        /* networks that pushes may go to beside public ones */
        char ca_file[MCU_CONFIG_TEXT];       /* of rtmps */
        uint32_t connect_ms;
        uint32_t stall_ms;
        uint32_t give_up_s;                  /* 0: never */
        bool constant_rate;
        struct mcu_config_list inputs_allow; /* networks that outside sources may be in */
        char inputs_dir[MCU_CONFIG_TEXT];    /* "": no files */
        uint32_t hls_segments;               /* of a live playlist */
        bool hls_archive;                    /* all of them are kept */
        bool hls_public;                     /* played without a token */
        uint32_t hls_keep_h;
    } live;
    struct {
        bool dev;                            /* no tokens, loopback only; set by --dev, not by file */
        char secret[MCU_CONFIG_TEXT];        /* HS256 key, at least 32 bytes */
        struct mcu_config_list api_keys;     /* "name:role:sha256" */
        uint32_t bad_tokens;                 /* of one address a minute; 0: no limit */
    } auth;
    struct {
        char url[MCU_CONFIG_TEXT];           /* "": none */
        char secret[MCU_CONFIG_TEXT];        /* signs what is sent; "": not signed */
        uint32_t timeout_ms;                 /* of one attempt */
        uint32_t attempts;
        bool ask;                            /* on_publish and on_play may refuse */
        uint32_t ask_timeout_ms;
        char on_error[16];                   /* "allow" or "refuse" where no answer comes */
        uint32_t none_reader_s;              /* until on_stream_none_reader */
    } hooks;
    struct {
        char dir[MCU_CONFIG_TEXT];           /* data directory: "data" */
        char s3_endpoint[MCU_CONFIG_TEXT];   /* "": recordings stay here */
        char s3_bucket[64];
        char s3_region[64];
        char s3_access_key[MCU_CONFIG_TEXT];
        char s3_secret_key[MCU_CONFIG_TEXT];
        char s3_prefix[MCU_CONFIG_TEXT];     /* before the names of files */
        bool s3_keep_local;                  /* also when they are there */
        uint32_t s3_part_mb;
        uint32_t s3_timeout_s;               /* without progress */
    } storage;
    struct {
        char level[16];
    } log;
};

/* Fills in the defaults. */
void mcu_config_init(struct mcu_config *c);

/* Reads the file at path (NULL: none), then the environment. Returns 0, or a negative errno with one
 * line in error (MCU_CONFIG_ERROR_MAX bytes): what, where, what to do. */
int mcu_config_load(struct mcu_config *c, const char *path, char *error);

/* All settings as JSON {section: {key: value}} for a room process, and back. The caller owns the
 * result. Secrets (auth.secret) are left out. from_json checks types and ranges as strictly. */
json_t *mcu_config_to_json(const struct mcu_config *c);
int mcu_config_from_json(struct mcu_config *c, const json_t *json, char *error);

/* `mixdown config show` (YAML with a comment a key; secrets masked) and `config doc` (Markdown). */
void mcu_config_print_yaml(const struct mcu_config *c, FILE *out);
void mcu_config_print_markdown(FILE *out);

#endif
