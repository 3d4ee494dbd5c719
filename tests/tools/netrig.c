/* netrig - a bad network between two namespaces, for tests.
 *
 *   netrig run [--seed N] [--mtu N] [--schedule FILE] [--log FILE] [--no-stdin] [-- COMMAND ...]
 *   netrig exec NAME client|server [--] COMMAND ...    run something in a namespace of a run
 *   netrig tell NAME LINE                              change settings of a run; prints the answer
 *   netrig down [--stale]                              remove what killed runs have left
 *
 * `run` makes two network namespaces, NAME-client and NAME-server, joined by nothing but this
 * program: what one sends over its TUN device is read here, treated (tests/lib/netrig_link.h), and
 * written to the other's. Addresses stay real: 10.81.1.2 and fd81:1::2 for the client, 10.81.2.2
 * and fd81:2::2 for the server; each has a default route to the other. When all is up it prints a
 * line of JSON
 * ("event":"ready", "name":NAME). Then it takes lines (tests/lib/netrig_conf.h), each answered by a
 * line, from standard input, whose end ends the run, from `tell`, and from FILE (as `at 5 down
 * rate=150k`). With COMMAND that runs instead, outside of the namespaces, with NETRIG_NAME set, and
 * its end ends the run with its status. SIGTERM ends it too. Whatever still runs in the namespaces
 * then is killed, and they are removed; after SIGKILL the next run (or `down`) does that.
 *
 * Exit status: 0, 1 failed, 2 wrong words, 77 not permitted here (no namespaces, no TUN).
 *
 *   c -> tun -> read -> nat -> link[UP]  -> write -> tun -> s      one thread, one ppoll, one
 * timerfd c <- tun <- write <- nat <- link[DOWN] <- read <- tun <- s     at the earliest absolute
 * deadline
 *
 * It runs at real-time priority where it may: it works little, and lateness is all it can do wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/netrig_control.h"
#include "tests/lib/netrig_link.h"
#include "tests/lib/netrig_log.h"
#include "tests/lib/netrig_ns.h"
#include "tests/lib/netrig_packet.h"

enum { EXIT_USAGE = 2, EXIT_SKIP = 77 };
enum { SCHEDULE_MAX = 1024, BATCH = 64 };
enum {
    FD_TUN,
    FD_TIMER = NETRIG_SIDES,
    FD_SIGNAL,
    FD_CONTROL,
    FD_COUNT = FD_CONTROL + NETRIG_CONTROL_FDS
};

static const int64_t LOG_PERIOD_NS = 100000000;

struct options {
    uint64_t seed;
    uint32_t mtu;
    const char *schedule, *log;
    bool is_without_input;
    char **command;
};

struct rig {
    struct netrig_ns ns;
    struct netrig_link links[NETRIG_DIRECTIONS];
    struct netrig_nat nat;
    struct netrig_control control;
    struct netrig_log log;
    struct netrig_command *schedule; /* SCHEDULE_MAX, by time; at_ns of the clock */
    size_t scheduled;
    int64_t began_ns, next_log_ns;
    int64_t late_ns[NETRIG_DIRECTIONS]; /* most, since the last log line */
    int timer_fd, signal_fd;
    pid_t child;
    bool is_over;
    int status;
};

static struct rig rig = {.timer_fd = -1, .signal_fd = -1};

static int64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double since_s(const struct rig *r, int64_t now_ns)
{
    return (double)(now_ns - r->began_ns) / 1e9;
}

/* --- packets
 * --------------------------------------------------------------------------------------- */

static void take_packet(struct rig *r, int direction, uint8_t *data, size_t size)
{
    struct netrig_link *l = &r->links[direction];
    if (netrig_packet_is_noise(data, size))
        return;
    if (direction == NETRIG_UP && !netrig_nat_leave(&r->nat, data, size)) {
        l->counts.nat_dropped++;
        return;
    }
    netrig_link_push(l, data, size, clock_ns());
}

/* The client's device feeds UP, the server's DOWN: side and direction have the same number. */
static void read_side(struct rig *r, int side)
{
    static uint8_t data[65536];
    for (int i = 0; i < BATCH; i++) {
        const ssize_t n = read(r->ns.tun_fd[side], data, sizeof(data));
        if (n <= 0)
            return;
        take_packet(r, side, data, (size_t)n);
    }
}

static void send_packet(struct rig *r, int direction, struct netrig_packet *p)
{
    struct netrig_counts *counts = &r->links[direction].counts;
    if (direction == NETRIG_DOWN && !netrig_nat_enter(&r->nat, p->data, p->size)) {
        counts->nat_dropped++;
        return;
    }
    for (int copies = p->is_doubled ? 2 : 1; copies > 0; copies--) {
        if (write(r->ns.tun_fd[!direction], p->data, p->size) < 0)
            counts->unsent++;
    }
}

static void deliver(struct rig *r, int direction, int64_t now_ns)
{
    struct netrig_packet *p;
    while ((p = netrig_link_pop(&r->links[direction], now_ns))) {
        const int64_t late_ns = clock_ns() - p->due_ns;
        if (late_ns > r->late_ns[direction])
            r->late_ns[direction] = late_ns;
        send_packet(r, direction, p);
        free(p);
    }
}

/* --- commands
 * -------------------------------------------------------------------------------------- */

static void apply_set(struct rig *r, const struct netrig_command *c, int64_t now_ns)
{
    const char *why;
    for (int d = 0; d < NETRIG_DIRECTIONS; d++) {
        struct netrig_conf conf = r->links[d].conf;
        if (!(c->directions & 1u << d))
            continue;
        if (netrig_conf_parse(&conf, c->words, &why) == 0)
            netrig_link_set(&r->links[d], &conf, now_ns);
        else
            fprintf(stderr, "netrig: '%s' does not go with what is set: %s\n", c->words, why);
    }
}

static void apply(struct rig *r, const struct netrig_command *c, int64_t now_ns)
{
    static const char *const verbs[] = {"", "nat ", "seed ", "mark ", "quit"};
    static const char *const who[] = {"", "up ", "down ", "both "};
    struct netrig_nat_conf nat;
    const char *why;
    char text[NETRIG_LINE_MAX + 16];
    snprintf(text, sizeof(text), "%s%s%s", verbs[c->verb], who[c->directions], c->words);
    netrig_log_command(&r->log, since_s(r, now_ns), text);
    if (c->verb == NETRIG_SET)
        apply_set(r, c, now_ns);
    if (c->verb == NETRIG_NAT && netrig_nat_parse(&nat, c->words, &why) == 0)
        netrig_nat_set(&r->nat, &nat);
    for (int d = 0; c->verb == NETRIG_SEED && d < NETRIG_DIRECTIONS; d++)
        netrig_link_seed(&r->links[d], c->seed, (uint64_t)d);
    if (c->verb == NETRIG_QUIT)
        r->is_over = true;
}

/* Keeps the order of those at the same time. */
static int schedule(struct rig *r, const struct netrig_command *c)
{
    if (r->scheduled == SCHEDULE_MAX)
        return -ENOSPC;
    size_t i = r->scheduled++;
    for (; i > 0 && r->schedule[i - 1].at_ns > c->at_ns; i--)
        r->schedule[i] = r->schedule[i - 1];
    r->schedule[i] = *c;
    return 0;
}

static void run_schedule(struct rig *r, int64_t now_ns)
{
    size_t done = 0;
    while (done < r->scheduled && r->schedule[done].at_ns <= now_ns)
        apply(r, &r->schedule[done++], now_ns);
    r->scheduled -= done;
    if (done > 0)
        memmove(r->schedule, r->schedule + done, r->scheduled * sizeof(*r->schedule));
}

static int take_command(struct rig *r, const char *line, const char **why)
{
    struct netrig_command c;
    const int err = netrig_command_parse(&c, line, why);
    const int64_t now_ns = clock_ns();
    if (err)
        return err;
    if (c.at_ns == 0) {
        apply(r, &c, now_ns);
        return 0;
    }
    c.at_ns += c.is_relative ? now_ns : r->began_ns;
    *why = "the schedule is full";
    return schedule(r, &c);
}

static void take_line(void *ctx, const char *line, char answer[static NETRIG_ANSWER_MAX])
{
    const char *why = "an empty line";
    if (take_command(ctx, line, &why) == 0)
        snprintf(answer, NETRIG_ANSWER_MAX, "{\"event\":\"ok\",\"t\":%.3f}",
                 since_s(ctx, clock_ns()));
    else
        snprintf(answer, NETRIG_ANSWER_MAX, "{\"event\":\"error\",\"why\":\"%s\"}", why);
}

static int load_schedule(struct rig *r, const char *path)
{
    char line[NETRIG_LINE_MAX];
    FILE *f = fopen(path, "re");
    int err = f ? 0 : -errno;
    for (int number = 1; !err && fgets(line, sizeof(line), f); number++) {
        const char *why = "";
        line[strcspn(line, "\r\n")] = '\0';
        err = take_command(r, line, &why);
        if (err == -ENODATA)
            err = 0;
        if (err)
            fprintf(stderr, "netrig: %s, line %d: %s\n", path, number, why);
    }
    if (f)
        fclose(f);
    else
        fprintf(stderr, "netrig: %s: %s\n", path, strerror(-err));
    return err;
}

/* --- the loop
 * -------------------------------------------------------------------------------------- */

static void write_log(struct rig *r, int64_t now_ns)
{
    while (r->next_log_ns <= now_ns) {
        for (int d = 0; d < NETRIG_DIRECTIONS; d++) {
            netrig_log_interval(&r->log, since_s(r, r->next_log_ns), d, &r->links[d],
                                r->late_ns[d]);
            r->late_ns[d] = 0;
        }
        r->next_log_ns += LOG_PERIOD_NS;
    }
}

static int64_t next_deadline(const struct rig *r)
{
    int64_t next = r->next_log_ns;
    for (int d = 0; d < NETRIG_DIRECTIONS; d++) {
        const int64_t link = netrig_link_next_ns(&r->links[d]);
        next = link < next ? link : next;
    }
    if (r->scheduled > 0 && r->schedule[0].at_ns < next)
        next = r->schedule[0].at_ns;
    return next;
}

static void arm(const struct rig *r)
{
    const int64_t at_ns = next_deadline(r);
    const struct itimerspec when = {
        .it_value = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000}};
    timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void take_signal(struct rig *r)
{
    struct signalfd_siginfo info;
    int status;
    if (read(r->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo != SIGCHLD) {
        r->is_over = true;
        return;
    }
    if (r->child > 0 && waitpid(r->child, &status, WNOHANG) == r->child) {
        r->child = 0;
        r->is_over = true;
        r->status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    }
}

static void serve(struct rig *r, const struct pollfd *fds)
{
    uint64_t expired;
    for (int side = 0; side < NETRIG_SIDES; side++) {
        if (fds[FD_TUN + side].revents)
            read_side(r, side);
    }
    if (fds[FD_TIMER].revents && read(r->timer_fd, &expired, sizeof(expired)) < 0)
        return; /* it was armed again meanwhile */
    if (fds[FD_SIGNAL].revents)
        take_signal(r);
    netrig_control_serve(&r->control, fds + FD_CONTROL);
    if (r->control.is_input_over)
        r->is_over = true;
}

static void loop(struct rig *r)
{
    while (!r->is_over) {
        const int64_t now_ns = clock_ns();
        run_schedule(r, now_ns);
        for (int d = 0; d < NETRIG_DIRECTIONS; d++)
            deliver(r, d, now_ns);
        write_log(r, now_ns);
        arm(r);
        struct pollfd fds[FD_COUNT] = {
            {.fd = r->ns.tun_fd[NETRIG_CLIENT], .events = POLLIN},
            {.fd = r->ns.tun_fd[NETRIG_SERVER], .events = POLLIN},
            {.fd = r->timer_fd, .events = POLLIN},
            {.fd = r->signal_fd, .events = POLLIN},
        };
        netrig_control_fill(&r->control, fds + FD_CONTROL);
        if (ppoll(fds, FD_COUNT, NULL, NULL) > 0)
            serve(r, fds);
    }
}

/* --- beginning and end
 * ----------------------------------------------------------------------------- */

static int open_log(struct rig *r, const char *path)
{
    if (!path)
        return 0;
    r->log.file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (r->log.file)
        return 0;
    fprintf(stderr, "netrig: %s: %s\n", path, strerror(errno));
    return -errno;
}

static int open_clock_and_signals(struct rig *r)
{
    sigset_t set;
    sigemptyset(&set);
    const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&set, taken[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return r->signal_fd < 0 || r->timer_fd < 0 ? -errno : 0;
}

static void socket_path(char out[static 96], const char *name)
{
    snprintf(out, 96, NETRIG_FOLDER "/%s.sock", name);
}

static void prefer_punctuality(void)
{
    const struct sched_param priority = {.sched_priority = 10};
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority); /* if it may */
}

static int start_command(struct rig *r, char **words)
{
    const pid_t rig_pid = getpid();
    r->child = fork();
    if (r->child != 0)
        return r->child < 0 ? -errno : 0;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != rig_pid)
        _exit(EXIT_FAILURE);
    setenv("NETRIG_NAME", r->ns.name, 1);
    execvp(words[0], words);
    fprintf(stderr, "netrig: %s: %s\n", words[0], strerror(errno));
    _exit(127);
}

static void say_ready(const struct rig *r)
{
    printf("{\"event\":\"ready\",\"name\":\"%s\",\"pid\":%d", r->ns.name, (int)getpid());
    for (int side = 0; side < NETRIG_SIDES; side++)
        printf(",\"%s\":{\"ns\":\"/run/netns/%s-%s\",\"address\":\"%s\",\"address6\":\"%s\"}",
               netrig_side_names[side], r->ns.name, netrig_side_names[side], netrig_addresses[side],
               netrig_addresses6[side]);
    printf(",\"control\":\"" NETRIG_FOLDER "/%s.sock\"}\n", r->ns.name);
    fflush(stdout);
}

static int init(struct rig *r, const struct options *o)
{
    r->schedule = calloc(SCHEDULE_MAX, sizeof(*r->schedule));
    int err = r->schedule ? open_clock_and_signals(r) : -ENOMEM;
    for (int d = 0; !err && d < NETRIG_DIRECTIONS; d++)
        err = netrig_link_init(&r->links[d], o->seed, (uint64_t)d);
    inet_pton(AF_INET, netrig_addresses[NETRIG_CLIENT], r->nat.inside);
    inet_pton(AF_INET6, netrig_addresses6[NETRIG_CLIENT], r->nat.inside6);
    r->began_ns = clock_ns();
    r->next_log_ns = r->began_ns + LOG_PERIOD_NS;
    if (!err)
        err = open_log(r, o->log);
    if (!err && o->schedule)
        err = load_schedule(r, o->schedule);
    return err;
}

static int start(struct rig *r, const struct options *o)
{
    char path[96];
    socket_path(path, r->ns.name);
    int err =
        netrig_control_open(&r->control, path, !o->is_without_input && !o->command, take_line, r);
    if (err)
        return err;
    if (o->command)
        err = start_command(r, o->command);
    else
        say_ready(r);
    prefer_punctuality();
    return err;
}

static void finish(struct rig *r)
{
    static const int sides[] = {NETRIG_CLIENT, NETRIG_SERVER};
    for (int d = 0; d < NETRIG_DIRECTIONS; d++) {
        netrig_log_total(&r->log, since_s(r, clock_ns()), d, &r->links[d],
                         netrig_ns_dropped(&r->ns, sides[d]));
        netrig_link_finish(&r->links[d]);
    }
    if (r->child > 0)
        kill(r->child, SIGKILL);
    netrig_control_close(&r->control);
    netrig_ns_destroy(&r->ns);
    free(r->schedule);
}

static int run(const struct options *o)
{
    const char *why;
    struct rig *r = &rig;
    netrig_ns_remove_stale();
    if (init(r, o) < 0)
        return EXIT_FAILURE;
    const int err = netrig_ns_create(&r->ns, o->mtu, &why);
    if (err) {
        fprintf(stderr, "netrig: %s: %s\n", why, strerror(-err));
        return EXIT_SKIP;
    }
    /* the schedule counts from now, when all is up */
    const int64_t setup_ns = clock_ns() - r->began_ns;
    for (size_t i = 0; i < r->scheduled; i++)
        r->schedule[i].at_ns += setup_ns;
    r->began_ns += setup_ns;
    r->next_log_ns += setup_ns;
    if (start(r, o) == 0)
        loop(r);
    else
        r->status = EXIT_FAILURE;
    finish(r);
    return r->status;
}

/* --- words
 * ----------------------------------------------------------------------------------------- */

static int usage(void)
{
    fprintf(stderr,
            "usage: netrig run [--seed N] [--mtu N] [--schedule FILE] [--log FILE] [--no-stdin]"
            " [-- COMMAND ...]\n"
            "       netrig exec NAME client|server [--] COMMAND ...\n"
            "       netrig tell NAME LINE\n"
            "       netrig down [--stale]\n");
    return EXIT_USAGE;
}

static bool read_whole(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || n < least || n > most)
        return false;
    *out = n;
    return true;
}

static bool read_options(struct options *o, char **words)
{
    uint64_t mtu = o->mtu;
    for (; *words && strcmp(*words, "--") != 0; words++) {
        if (strcmp(*words, "--no-stdin") == 0) {
            o->is_without_input = true;
            continue;
        }
        const char *name = *words;
        const char *value = *++words;
        if (!value)
            return false;
        if (strcmp(name, "--schedule") == 0)
            o->schedule = value;
        else if (strcmp(name, "--log") == 0)
            o->log = value;
        else if (!(strcmp(name, "--seed") == 0 && read_whole(value, 0, UINT64_MAX, &o->seed)) &&
                 !(strcmp(name, "--mtu") == 0 && read_whole(value, 1280, 65000, &mtu)))
            return false;
    }
    o->mtu = (uint32_t)mtu;
    o->command = *words && words[1] ? words + 1 : NULL;
    return !*words || o->command;
}

static int exec_inside(char **words)
{
    if (!words[0] || !words[1] || !words[2])
        return usage();
    const int side = strcmp(words[1], "server") == 0;
    char **command = strcmp(words[2], "--") == 0 ? words + 3 : words + 2;
    if (!*command || strcmp(words[1], netrig_side_names[side]) != 0)
        return usage();
    const int err = netrig_ns_enter(words[0], side);
    if (err) {
        fprintf(stderr, "netrig: %s: %s\n", words[0], strerror(-err));
        return EXIT_FAILURE;
    }
    execvp(command[0], command);
    fprintf(stderr, "netrig: %s: %s\n", command[0], strerror(errno));
    return 127;
}

static int tell(char **words)
{
    char path[96], answer[NETRIG_ANSWER_MAX];
    if (!words[0] || !words[1] || words[2])
        return usage();
    socket_path(path, words[0]);
    const int err = netrig_control_tell(path, words[1], answer);
    if (err)
        fprintf(stderr, "netrig: %s: %s\n", words[0], strerror(-err));
    else
        puts(answer);
    return err || strstr(answer, "\"ok\"") == NULL ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options o = {.seed = 1, .mtu = 1500};
    if (argc < 2)
        return usage();
    if (strcmp(argv[1], "exec") == 0)
        return exec_inside(argv + 2);
    if (strcmp(argv[1], "tell") == 0)
        return tell(argv + 2);
    if (strcmp(argv[1], "down") == 0 &&
        (argc == 2 || (argc == 3 && strcmp(argv[2], "--stale") == 0))) {
        printf("%d removed\n", netrig_ns_remove_stale());
        return EXIT_SUCCESS;
    }
    if (strcmp(argv[1], "run") != 0 || !read_options(&o, argv + 2))
        return usage();
    return run(&o);
}
