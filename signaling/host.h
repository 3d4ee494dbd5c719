/* signaling/host.h - what the front's model needs from whoever runs room processes.
 *
 * The model (signaling/rooms.h) asks through struct sig_host, mcu/supervisor.c answers; it tells
 * the model what happened through struct sig_host_events. So signalling knows no process, and a
 * test needs none. All of it is on the front's one thread; no call blocks, and no call here calls
 * back before it returns. */
#ifndef SIGNALING_HOST_H
#define SIGNALING_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sig_link; /* opaque; a room as its host sees it: outlives the processes that run it */

/* The answer to a command: the room's JSON ("ok" true or false). When the room died before it
 * answered this is {"ok": false, "error": {"code": "room_restarted", ...}}. Borrowed. */
typedef void sig_reply_fn(void *arg, const json_t *reply);

/* What `mixdown recover FILE` said, {"ok", "duration_ms", "bytes", "error"}; ok is false too when
 * it could not be run. Borrowed. */
typedef void sig_recovered_fn(void *arg, const json_t *result);

/* The PNG that `mixdown layout render` drew; NULL: it could not. Borrowed. */
typedef void sig_rendered_fn(void *arg, const uint8_t *png, size_t size);

struct sig_host_stats {
    uint64_t started; /* room processes, spares included */
    uint64_t deaths;  /* not asked for */
    uint64_t adopted;
    uint32_t links;
    uint32_t spares;
};

struct sig_host {
    void *ctx;

    /* Runs a room. `room` comes back in every event. On success *out is the host's and is good
     * until events.ended. Returns 0 or a negative errno (-EAGAIN: the machine refuses processes).
     */
    int (*open)(void *ctx, const char *name, const char *type, int64_t opened_at_ms, void *room,
                struct sig_link **out);

    /* Sends a command (docs/control.md) and adds its seq. Takes over the reference to command, also
     * on error. done may be NULL. Returns 0, -EPIPE (the room is ending; done is not called) or
     * -ENOMEM. */
    int (*send)(struct sig_link *link, json_t *command, sig_reply_fn *done, void *arg);

    /* Asks the room to finish its recordings and end; events.ended follows. */
    void (*close)(struct sig_link *link);

    /* Finishes a recording whose room died, in a child process. Returns 0, or a negative errno and
     * done is not called. */
    int (*recover)(void *ctx, const char *file, sig_recovered_fn *done, void *arg);

    /* Draws a layout (a name, or a file's path) in a child process. Returns 0, -EBUSY (too many
     * wait) or -ENOMEM, and done is not called. */
    int (*render)(void *ctx, const char *word, uint32_t people, uint32_t width, uint32_t height,
                  sig_rendered_fn *done, void *arg);

    void (*stats)(void *ctx, struct sig_host_stats *out);
};

struct sig_host_events {
    void *ctx;

    /* An event of the room's process; borrowed. */
    void (*event)(void *room, const json_t *event);

    /* The process died and another runs and is open, empty: members must be added again. Replies
     * that were due have been given. */
    void (*restarted)(void *room);

    /* The room is over, as asked (died false) or because it died too often; the link is gone. */
    void (*ended)(void *room, bool died);

    /* At the start: a room of an earlier front lives. `answer` is its reply to `adopt`, borrowed.
     * Returns the `room` for its events, or NULL: it will be closed. */
    void *(*adopted)(void *ctx, struct sig_link *link, const json_t *answer);
};

#endif
