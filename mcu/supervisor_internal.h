/* mcu/supervisor_internal.h - shared by supervisor*.c. */
#ifndef MCU_SUPERVISOR_INTERNAL_H
#define MCU_SUPERVISOR_INTERNAL_H

#include "mcu/process.h"
#include "mcu/supervisor.h"

enum {
    DEATHS_MAX = 5, /* in DEATHS_WINDOW_US; one more and the room is given up */
    SPARES_MAX = 8,
};
#define DEATHS_WINDOW_US (60 * INT64_C(1000000))

struct sig_link {
    struct sig_link *next;
    struct mcu_supervisor *s;
    void *room; /* the model's */
    char name[65];
    char type[16];
    int64_t opened_at_ms;
    struct mcu_process *process;
    bool is_closing;
    bool is_adopting; /* connected, `adopt` not answered yet */
    json_t *adopted;  /* what was answered of it so far */
    uint32_t death_count;
    int64_t deaths_us[DEATHS_MAX]; /* a ring, by death_count */
};

struct recovery;  /* supervisor_recover.c */
/* Runs this program with other words; what it prints goes to out_fd. Returns 0 or a negative errno. */
int supervisor_spawn(pid_t *pid, char *const argv[], int out_fd);
struct rendering; /* supervisor_render.c */

struct mcu_supervisor {
    struct mcu_watch tick; /* first: the epoll set points here */
    int timer_fd;
    int epoll_fd;
    const struct mcu_config *config;
    struct sig_host_events events;
    char rooms_dir[MCU_SOCKET_PATH_MAX];
    int64_t silence_us;
    struct sig_link *links;
    struct mcu_process *spares[SPARES_MAX];
    uint32_t spare_count;
    int64_t spare_not_before_us;
    struct mcu_process **dead; /* to be destroyed when no call is under way */
    size_t dead_count;
    size_t dead_capacity;
    struct recovery *recoveries;
    struct rendering *renderings; /* the first runs */
    struct sig_host_stats stats;
};

/* supervisor.c: a link for the process of an earlier front, not yet told to the model. */
struct sig_link *supervisor_add_link(struct mcu_supervisor *s, struct mcu_process *process);
void supervisor_drop_link(struct sig_link *link);
void supervisor_listen_link(struct sig_link *link);
void supervisor_keep_spares(struct mcu_supervisor *s);

/* supervisor_recover.c */
int supervisor_recover(void *ctx, const char *file, sig_recovered_fn *done, void *arg);
void supervisor_recover_tick(struct mcu_supervisor *s);
void supervisor_recover_finish(struct mcu_supervisor *s);

/* supervisor_render.c */
int supervisor_render(void *ctx, const char *word, uint32_t people, uint32_t width, uint32_t height,
                      sig_rendered_fn *done, void *arg);
void supervisor_render_tick(struct mcu_supervisor *s);
void supervisor_render_finish(struct mcu_supervisor *s);

#endif
