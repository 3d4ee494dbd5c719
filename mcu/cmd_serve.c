/* `mixdown serve`: the front process. Puts together the store, the supervisor of room processes and
 * the server, in this order:
 *
 *   lock the data directory -> store -> supervisor -> bind the port -> adopt living rooms -> serve
 *
 * Its main thread is "front". On SIGTERM or SIGINT rooms are left running for the next front to
 * adopt; with --dev they are closed. A second signal ends it at once. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/commands.h"
#include "mcu/config.h"
#include "mcu/supervisor.h"
#include "signaling/server.h"
#include "signaling/store.h"
#include "signaling/token.h"
#include "signaling/turn.h"

enum { ADOPT_TIMEOUT_MS = 3000, DRAIN_TIMEOUT_MS = 30000, PATH_BYTES = 4096 };
#define SILENCE_US (15 * MCU_US_PER_S)

static const char usage[] =
    "Usage: mixdown serve [options]\n"
    "  --config FILE       settings in YAML; `mixdown config show` prints all of them\n"
    "  --dev               no tokens, on this machine only (127.0.0.1)\n"
    "  --listen HOST:PORT  where to listen; [V6]:PORT for IPv6\n"
    "  --data DIR          where recordings, the database and sockets are kept\n"
    "Serves until SIGTERM or Ctrl-C. Rooms go on without it and are taken over by the next start;\n"
    "with --dev they are closed.\n";

struct words {
    const char *config;
    const char *listen;
    const char *data;
    bool is_dev;
    bool is_help;
};

struct front {
    struct mcu_config config;
    char data[PATH_BYTES];
    char recordings[PATH_BYTES];
    char layouts[PATH_BYTES];
    char pictures[PATH_BYTES]; /* that layouts name */
    char snapshots[PATH_BYTES];
    int lock_fd;
    struct sig_store *store;
    struct mcu_supervisor *supervisor;
    struct sig_server *server;
};

static struct sig_server *volatile stoppable; /* for the signal's handler */

static int complain(int status, const char *what)
{
    fprintf(stderr, "mixdown serve: %s\n", what);
    return status;
}

static int read_words(struct words *w, int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"dev", no_argument, NULL, 'd'},
        {"listen", required_argument, NULL, 'l'}, {"data", required_argument, NULL, 'D'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    int option;
    optind = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'c')
            w->config = optarg;
        else if (option == 'd')
            w->is_dev = true;
        else if (option == 'l')
            w->listen = optarg;
        else if (option == 'D')
            w->data = optarg;
        else if (option == 'h')
            w->is_help = true;
        else
            return complain(2, "see `mixdown serve --help`"); /* getopt has said the rest */
    }
    return optind < argc ? complain(2, "takes no words but options; see --help") : 0;
}

/* Without --listen, --dev keeps to this machine on the port of the settings. */
static void listen_locally(struct mcu_config *c)
{
    const char *colon = strrchr(c->http.listen, ':');
    char port[16];
    snprintf(port, sizeof(port), "%.8s", colon ? colon + 1 : "8080");
    snprintf(c->http.listen, sizeof(c->http.listen), "127.0.0.1:%s", port);
}

static int read_settings(struct mcu_config *c, const struct words *w)
{
    char error[MCU_CONFIG_ERROR_MAX];
    mcu_config_init(c);
    if (mcu_config_load(c, w->config, error) != 0)
        return complain(2, error);
    if ((w->listen && strlen(w->listen) >= sizeof(c->http.listen)) ||
        (w->data && strlen(w->data) >= sizeof(c->storage.dir)))
        return complain(2, "--listen or --data is too long");
    if (w->data)
        snprintf(c->storage.dir, sizeof(c->storage.dir), "%s", w->data);
    c->auth.dev = w->is_dev;
    if (w->is_dev) {
        c->rtc.loopback = true;
        listen_locally(c);
    }
    if (w->listen)
        snprintf(c->http.listen, sizeof(c->http.listen), "%s", w->listen);
    if (!w->is_dev && strlen(c->auth.secret) < SIG_TOKEN_SECRET_MIN)
        return complain(2, "auth.secret is not set: give it at least 32 bytes, in the file or as "
                           "MIXDOWN_AUTH_SECRET; or try it with --dev");
    if (!c->http.tls_cert[0] != !c->http.tls_key[0])
        return complain(2, "http.tls_cert and http.tls_key belong together: set both or none");
    sig_turn_for_rooms(c, mcu_wall_ms() / 1000);
    mcu_log_set_level_name(c->log.level);
    return 0;
}

/* --- the data directory ----------------------------------------------------------------------- */

static int make_dirs(const char *path)
{
    char part[PATH_BYTES];
    snprintf(part, sizeof(part), "%s", path);
    for (char *at = part + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -errno;
        *at = '/';
    }
    return mkdir(part, 0750) < 0 && errno != EEXIST ? -errno : 0;
}

/* Makes the directory and gives its absolute path. */
static int open_dir(char out[PATH_BYTES], const char *path)
{
    const int err = make_dirs(path);
    if (err || !realpath(path, out)) {
        fprintf(stderr, "mixdown serve: the directory %s cannot be used: %s\n", path,
                strerror(err ? -err : errno));
        return err ? err : -errno;
    }
    return 0;
}

/* One front a data directory: a second one would take the rooms away from the first. */
static int lock_data(struct front *f)
{
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/front.lock", f->data);
    f->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (f->lock_fd >= 0 && flock(f->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    const int err = -errno;
    fprintf(stderr,
            err == -EWOULDBLOCK
                ? "mixdown serve: another one runs in %s; stop it or use --data DIR\n"
                : "mixdown serve: the directory %s cannot be locked\n",
            f->data);
    return err;
}

static int open_data(struct front *f)
{
    char path[PATH_BYTES + 16];
    int err = open_dir(f->data, f->config.storage.dir);
    if (err)
        return err;
    snprintf(path, sizeof(path), "%s/recordings", f->data);
    err = open_dir(f->recordings, f->config.recording.dir[0] ? f->config.recording.dir : path);
    snprintf(path, sizeof(path), "%s/layouts", f->data);
    if (!err)
        err = open_dir(f->layouts, f->config.video.layouts_dir[0] ? f->config.video.layouts_dir : path);
    snprintf(path, sizeof(path), "%s/pictures", f->data);
    if (!err)
        err = open_dir(f->pictures, path);
    snprintf(path, sizeof(path), "%s/snapshots", f->data);
    if (!err)
        err = open_dir(f->snapshots, path);
    if (!err)
        err = lock_data(f);
    if (err)
        return err;
    snprintf(path, sizeof(path), "%s/mixdown.db", f->data);
    err = sig_store_open(&f->store, path);
    if (err)
        fprintf(stderr, "mixdown serve: the database %s cannot be opened: %s\n", path,
                err == -ENOTSUP ? "it was made by a newer Mixdown" : strerror(-err));
    return err;
}

/* --- starting and stopping -------------------------------------------------------------------- */

static void serve_supervisor(void *ctx)
{
    mcu_supervisor_service(ctx);
}

static int start_server(struct front *f)
{
    char error[SIG_SERVER_ERROR_MAX];
    struct sig_server_conf conf = {
        .config = &f->config,
        .store = f->store,
        .recordings_dir = f->recordings,
        .layouts_dir = f->layouts,
        .images_dir = f->pictures,
        .snapshots_dir = f->snapshots,
        .host_fd = mcu_supervisor_fd(f->supervisor),
        .serve_host = serve_supervisor,
        .host_ctx = f->supervisor,
    };
    mcu_supervisor_host(f->supervisor, &conf.host);
    const int err = sig_server_create(&f->server, &conf, error);
    if (err)
        complain(1, error);
    return err;
}

static int start(struct front *f)
{
    int err = open_data(f);
    if (err)
        return err;
    err = mcu_supervisor_create(&f->supervisor, &f->config, f->data, SILENCE_US);
    if (err) {
        fprintf(stderr, "mixdown serve: %s\n",
                err == -ENAMETOOLONG ? "the data directory's path is too long for sockets in it "
                                       "(about 80 bytes); use --data with a shorter one"
                                     : strerror(-err));
        return err;
    }
    err = start_server(f);
    if (err)
        return err;
    struct sig_host_events events;
    sig_server_host_events(f->server, &events);
    mcu_supervisor_listen(f->supervisor, &events);
    const int adopted = mcu_supervisor_adopt(f->supervisor, ADOPT_TIMEOUT_MS);
    if (adopted < 0)
        log_error("living rooms cannot be looked for: %s", strerror(-adopted));
    err = sig_server_ready(f->server);
    if (err)
        log_error("recordings that were cut off cannot be recovered: %s", strerror(-err));
    return 0;
}

static void on_signal(int number)
{
    (void)number;
    if (stoppable)
        sig_server_stop(stoppable);
}

static void on_hangup(int number)
{
    (void)number;
    if (stoppable)
        sig_server_reload(stoppable);
}

static void catch_signals(struct sig_server *server, bool is_dev)
{
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
    struct sigaction reload = {.sa_handler = on_hangup, .sa_flags = SA_RESTART};
    stoppable = server;
    if (!is_dev) /* there the end of the terminal ends it */
        sigaction(SIGHUP, &reload, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
}

static void finish(struct front *f)
{
    stoppable = NULL;
    if (f->server)
        sig_server_detach_host(f->server);
    mcu_supervisor_destroy(f->supervisor); /* gives due answers, to the server */
    sig_server_destroy(f->server);
    sig_store_close(f->store);
    if (f->lock_fd >= 0)
        close(f->lock_fd);
}

int mcu_cmd_serve(int argc, char **argv)
{
    static struct front f = {.lock_fd = -1}; /* large, and one a process */
    struct words w = {0};
    const int wrong = read_words(&w, argc, argv);
    if (wrong)
        return wrong;
    if (w.is_help) {
        fputs(usage, stdout);
        return 0;
    }
    const int unset = read_settings(&f.config, &w);
    if (unset)
        return unset;
    signal(SIGPIPE, SIG_IGN);
    const int err = start(&f);
    if (!err) {
        catch_signals(f.server, w.is_dev);
        printf("%s\n", sig_server_url(f.server));
        fflush(stdout);
        sig_server_run(f.server);
        log_info("stopping; rooms are %s", w.is_dev ? "closed" : "left to the next start");
        if (w.is_dev)
            sig_server_drain(f.server, DRAIN_TIMEOUT_MS);
    }
    finish(&f);
    return err == -EINVAL ? 2 : err ? 1 : 0; /* the settings are wrong, or it failed */
}
