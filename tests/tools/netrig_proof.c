/* netrig_proof - shows that netrig does what it says, end to end: real sockets in its namespaces,
 * kernel time stamps, one case after the other; under a minute. Usage: netrig_proof PATH-OF-NETRIG
 *
 * Shares are of seeded draws, so they are the same on every run. Times are judged only where a
 * thread of netrig's own priority was woken within 1 ms (netrig_probe.h); a case without enough of
 * such moments is tried again, and then called not judged. Exit status: 0, 1 a case failed, 77 not
 * permitted here. */
#include <arpa/inet.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/netrig_ns.h"
#include "tests/lib/netrig_probe.h"

static const double MS = 1e6;

enum verdict { PASSED, FAILED, NOT_JUDGED };

static struct netrig_probe probe;
static const char *program;

static bool tell(const char *line)
{
    return netrig_probe_tell(&probe, line);
}

static bool begin(const char *seed)
{
    return tell("both reset") && tell("nat off") && tell(seed);
}

static enum verdict verdict(bool is_right)
{
    return is_right ? PASSED : FAILED;
}

/* --- shares
 * ---------------------------------------------------------------------------------------- */

struct tally {
    uint32_t lost, bursts, doubled, corrupted, overtaken;
};

static struct tally count(const struct netrig_flow *f)
{
    struct tally t = {0};
    uint32_t farthest = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct netrig_sent *s = &f->sent[i];
        t.lost += s->copies == 0;
        t.bursts += s->copies == 0 && (i == 0 || f->sent[i - 1].copies > 0);
        t.doubled += s->copies > 1;
        t.corrupted += s->wrong_bits > 0;
    }
    /* overtaken: one with a higher number was there before; from the end, the least place so far */
    farthest = UINT32_MAX;
    for (uint32_t i = f->count; i-- > 0;) {
        if (f->sent[i].copies == 0)
            continue;
        t.overtaken += f->sent[i].place > farthest;
        farthest = f->sent[i].place < farthest ? f->sent[i].place : farthest;
    }
    return t;
}

static bool is_near(double got, double wanted, double by)
{
    return fabs(got - wanted) <= by;
}

static enum verdict loss_and_bursts(char *note, size_t size)
{
    enum { MANY = 100000 };
    struct netrig_flow f[2];
    if (!begin("seed 3") || !tell("up loss=5%") || !tell("down loss=10% burst=5"))
        return FAILED;
    netrig_flow_init(&f[0], NETRIG_UP, MANY, 100, 40000);
    netrig_flow_init(&f[1], NETRIG_DOWN, MANY, 100, 40000);
    netrig_probe_run(&probe, f, 2, 500);
    const struct tally even = count(&f[0]), burst = count(&f[1]);
    const double mean = burst.bursts ? (double)burst.lost / burst.bursts : 0;
    snprintf(note, size, "of 100000: 5 %%: %.2f %%; 10 %% in bursts of 5: %.2f %%, bursts of %.2f",
             even.lost * 100.0 / MANY, burst.lost * 100.0 / MANY, mean);
    netrig_flow_finish(&f[0]);
    netrig_flow_finish(&f[1]);
    return verdict(is_near(even.lost * 100.0 / MANY, 5, 0.5) && is_near(mean, 5, 0.25) &&
                   is_near(burst.lost * 100.0 / MANY, 10, 0.5));
}

static enum verdict same_seed_same_losses(char *note, size_t size)
{
    enum { MANY = 3000 };
    static const char *const seeds[] = {"seed 7", "seed 7", "seed 8"};
    struct netrig_flow f[3];
    uint32_t differ[3] = {0};
    for (int i = 0; i < 3; i++) {
        if (!begin(seeds[i]) || !tell("down loss=20% burst=2 delay=10ms jitter=2ms dist=normal"))
            return FAILED;
        netrig_flow_init(&f[i], NETRIG_DOWN, MANY, 100, 100000);
        netrig_probe_run(&probe, &f[i], 1, 200);
        for (uint32_t k = 0; k < MANY; k++)
            differ[i] += (f[i].sent[k].copies == 0) != (f[0].sent[k].copies == 0);
    }
    for (int i = 0; i < 3; i++)
        netrig_flow_finish(&f[i]);
    snprintf(note, size, "of 3000 fates %u differ with the same seed, %u with another", differ[1],
             differ[2]);
    return verdict(differ[1] == 0 && differ[2] > 300);
}

static enum verdict doubling_and_corruption(char *note, size_t size)
{
    enum { MANY = 10000 };
    struct netrig_flow f[2];
    if (!begin("seed 4") || !tell("up dup=5%") || !tell("down corrupt=3% bits=4"))
        return FAILED;
    netrig_flow_init(&f[0], NETRIG_UP, MANY, 300, 100000);
    netrig_flow_init(&f[1], NETRIG_DOWN, MANY, 300, 100000);
    netrig_probe_run(&probe, f, 2, 200);
    const struct tally dup = count(&f[0]), bad = count(&f[1]);
    bool is_right = dup.lost == 0 && bad.lost == 0 && dup.corrupted == 0 && bad.doubled == 0;
    for (uint32_t i = 0; i < MANY; i++)
        is_right = is_right && (f[1].sent[i].wrong_bits == 0 || f[1].sent[i].wrong_bits == 4);
    netrig_flow_finish(&f[0]);
    netrig_flow_finish(&f[1]);
    snprintf(note, size, "5 %%: %.2f %% came twice; 3 %%: %.2f %% with four wrong bits",
             dup.doubled * 100.0 / MANY, bad.corrupted * 100.0 / MANY);
    return verdict(is_right && is_near(dup.doubled * 100.0 / MANY, 5, 0.7) &&
                   is_near(bad.corrupted * 100.0 / MANY, 3, 0.6));
}

static enum verdict wrong_checksums_are_not_delivered(char *note, size_t size)
{
    struct netrig_flow f;
    if (!begin("seed 4") || !tell("up corrupt=50% checksum=wrong"))
        return FAILED;
    netrig_flow_init(&f, NETRIG_UP, 2000, 300, 100000);
    netrig_probe_run(&probe, &f, 1, 200);
    const struct tally t = count(&f);
    netrig_flow_finish(&f);
    snprintf(note, size, "50 %%: %.1f %% dropped by the kernel, %u delivered wrong", t.lost / 20.0,
             t.corrupted);
    return verdict(t.corrupted == 0 && is_near(t.lost / 20.0, 50, 4));
}

static enum verdict reordering(char *note, size_t size)
{
    enum { MANY = 3000 };
    struct netrig_flow f[2];
    struct tally kept, held, loose;
    if (!begin("seed 5") || !tell("up delay=40ms jitter=10ms dist=normal") ||
        !tell("down delay=10ms reorder=4% hold=50ms"))
        return FAILED;
    for (int i = 0; i < 2; i++)
        netrig_flow_init(&f[i], i, MANY, 100, 1000000);
    netrig_probe_run(&probe, f, 2, 300);
    kept = count(&f[0]);
    held = count(&f[1]);
    netrig_flow_finish(&f[0]);
    netrig_flow_finish(&f[1]);
    if (!tell("up order=free"))
        return FAILED;
    netrig_flow_init(&f[0], NETRIG_UP, MANY, 100, 300000);
    netrig_probe_run(&probe, f, 1, 300);
    loose = count(&f[0]);
    netrig_flow_finish(&f[0]);
    snprintf(note, size,
             "4 %%: %.2f %% overtaken; jitter alone: %u; jitter with order=free: %.0f %%",
             held.overtaken * 100.0 / MANY, kept.overtaken, loose.overtaken * 100.0 / MANY);
    return verdict(is_near(held.overtaken * 100.0 / MANY, 4, 1) && kept.overtaken == 0 &&
                   loose.overtaken > MANY / 2 && kept.lost + held.lost + loose.lost == 0);
}

/* --- times
 * ----------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Delays in ms, sorted, of packets whose moments of sending and arrival can be trusted. */
static size_t trusted_delays(const struct netrig_flow *f, double *out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct netrig_sent *s = &f->sent[i];
        if (s->copies == 0 || s->after_ns - s->before_ns > 200000 ||
            !netrig_watch_is_punctual(s->before_ns) || !netrig_watch_is_punctual(s->came_ns))
            continue;
        out[n++] = (double)(s->came_ns - (s->before_ns + s->after_ns) / 2) / MS;
    }
    qsort(out, n, sizeof(out[0]), compare);
    return n;
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

static double sigma_of(const double *x, size_t n)
{
    const double mean = mean_of(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (double)n);
}

static enum verdict delay(char *note, size_t size)
{
    enum { MANY = 4000 };
    static double fixed[MANY], normal[MANY];
    struct netrig_flow f[2];
    if (!begin("seed 6") || !tell("up delay=50ms") ||
        !tell("down delay=120ms jitter=15ms dist=normal order=free"))
        return FAILED;
    for (int i = 0; i < 2; i++)
        netrig_flow_init(&f[i], i, MANY, 200, 1000000);
    netrig_probe_run(&probe, f, 2, 500);
    const size_t n = trusted_delays(&f[0], fixed), m = trusted_delays(&f[1], normal);
    const uint32_t lost = count(&f[0]).lost + count(&f[1]).lost;
    netrig_flow_finish(&f[0]);
    netrig_flow_finish(&f[1]);
    if (n < 500 || m < 500) {
        snprintf(note, size, "the scheduler was late: only %zu and %zu moments to judge", n, m);
        return lost ? FAILED : NOT_JUDGED;
    }
    const double mean = mean_of(normal, m), sigma = sigma_of(normal, m);
    snprintf(note, size,
             "50 ms: %.2f to %.2f, 99 %% below %.2f (%zu); 120, sigma 15: %.1f, %.1f (%zu)",
             fixed[0], fixed[n - 1], fixed[n * 99 / 100], n, mean, sigma, m);
    return verdict(lost == 0 && fixed[n / 100] >= 49.9 && fixed[n * 99 / 100] <= 52 &&
                   is_near(mean, 120, 3) && is_near(sigma, 15, 2));
}

/* Bits a second while the bottleneck was busy: between each two arrivals at trusted moments of
 * which the second was sent before the first came. A sender that was not let run leaves the link
 * idle, which is not its rate. 0: less than two seconds of that. */
static double rate_of(const struct netrig_flow *f)
{
    const struct netrig_sent *last = NULL;
    double bytes = 0, time_ns = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct netrig_sent *s = &f->sent[i];
        if (s->copies == 0)
            continue;
        if (last && s->after_ns < last->came_ns && netrig_watch_is_punctual(last->came_ns) &&
            netrig_watch_is_punctual(s->came_ns)) {
            bytes += (double)f->size;
            time_ns += (double)(s->came_ns - last->came_ns);
        }
        last = s;
    }
    return time_ns < 2e9 ? 0 : bytes * 8e9 / time_ns;
}

static enum verdict rate(char *note, size_t size)
{
    struct netrig_flow f[2];
    static double waits[2000];
    if (!begin("seed 6") || !tell("up rate=300k queue=200ms") || !tell("down rate=2M queue=100ms"))
        return FAILED;
    netrig_flow_init(&f[0], NETRIG_UP, 1000, 600, 4000000);    /* 1.2 Mbit/s for 4 s */
    netrig_flow_init(&f[1], NETRIG_DOWN, 2000, 1000, 2000000); /* 4 Mbit/s for 4 s */
    netrig_probe_run(&probe, f, 2, 500);
    const double slow = rate_of(&f[0]) / 1e3, fast = rate_of(&f[1]) / 1e3;
    const size_t n = trusted_delays(&f[1], waits);
    netrig_flow_finish(&f[0]);
    netrig_flow_finish(&f[1]);
    if (slow == 0 || fast == 0 || n < 200) {
        snprintf(note, size, "the scheduler was late: too few moments to judge");
        return NOT_JUDGED;
    }
    snprintf(note, size, "300k: %.1fk; 2M: %.1fk; a queue of 100 ms when full: %.1f ms", slow, fast,
             waits[n * 9 / 10]);
    return verdict(is_near(slow, 300, 6) && is_near(fast, 2000, 40) &&
                   is_near(waits[n * 9 / 10], 98, 6));
}

static enum verdict blackout_by_schedule(char *note, size_t size)
{
    enum { MANY = 2500, MARGIN = 20000000 };
    struct netrig_flow f;
    uint32_t lost = 0, wrong = 0;
    if (!begin("seed 6"))
        return FAILED;
    const int64_t before_ns = netrig_probe_clock_ns();
    if (!tell("at +0.5 both blackout=on") || !tell("at +1.5 both blackout=off"))
        return FAILED;
    const int64_t after_ns = netrig_probe_clock_ns();
    netrig_flow_init(&f, NETRIG_DOWN, MANY, 100, 1000000);
    netrig_probe_run(&probe, &f, 1, 300);
    for (uint32_t i = 0; i < MANY; i++) {
        const struct netrig_sent *s = &f.sent[i];
        const bool is_within = s->before_ns > after_ns + 500000000 + MARGIN &&
                               s->after_ns < before_ns + 1500000000 - MARGIN;
        const bool is_without = s->after_ns < before_ns + 500000000 - MARGIN ||
                                s->before_ns > after_ns + 1500000000 + MARGIN;
        lost += s->copies == 0;
        wrong += netrig_watch_is_punctual(s->before_ns) &&
                 ((is_within && s->copies > 0) || (is_without && s->copies == 0));
    }
    netrig_flow_finish(&f);
    snprintf(note, size, "one second of one packet a ms: %u lost, %u on the wrong side", lost,
             wrong);
    return verdict(lost > 100 && wrong == 0);
}

/* --- the client's address
 * -------------------------------------------------------------------------- */

/* One datagram from `from`, taken at `to` within a second; the sender as text "address port". */
static bool pass(int from, const struct sockaddr_storage *target, int to, char seen[static 64],
                 struct sockaddr_storage *source)
{
    const struct timeval second = {.tv_sec = 1};
    char byte[16] = "hello", text[INET6_ADDRSTRLEN] = "";
    socklen_t n = sizeof(*source);
    setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    seen[0] = '\0';
    if (target ? sendto(from, byte, 5, 0, (const struct sockaddr *)target, sizeof(*target)) < 0
               : send(from, byte, 5, 0) < 0)
        return false;
    if (recvfrom(to, byte, sizeof(byte), 0, (struct sockaddr *)source, &n) != 5)
        return false;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)source;
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    snprintf(seen, 64, "%s %u", text, ntohs(v4->sin_port));
    return true;
}

/* The client sends from port 9001; the server answers to where that came from. */
static enum verdict another_address(char *note, size_t size)
{
    struct sockaddr_storage own, other, server;
    char first[64], second[64], back[64];
    const int client = probe.sender[NETRIG_UP], at_server = probe.receiver[NETRIG_UP];
    if (!begin("seed 6") || !pass(client, NULL, at_server, first, &own))
        return FAILED;
    const bool is_answered = pass(at_server, &own, client, back, &server);
    if (!tell("nat addr=203.0.113.9 port=+500"))
        return FAILED;
    const bool is_early = pass(at_server, &own, client, back, &server); /* to where it was */
    if (!pass(client, NULL, at_server, second, &other))
        return FAILED;
    const bool is_back = pass(at_server, &other, client, back, &server);
    snprintf(note, size, "'%s' became '%s'; answers: %s, to the old address: %s", first, second,
             is_back ? back : "none", is_early ? "taken" : "dropped");
    return verdict(is_answered && is_back && !is_early && strcmp(first, "10.81.1.2 9001") == 0 &&
                   strcmp(second, "203.0.113.9 9501") == 0 && strcmp(back, "10.81.2.2 9000") == 0);
}

/* --- the end
 * --------------------------------------------------------------------------------------- */

static bool is_there(const char *name)
{
    char path[96];
    int there = 0;
    for (int side = 0; side < NETRIG_SIDES; side++) {
        snprintf(path, sizeof(path), "/run/netns/%s-%s", name, netrig_side_names[side]);
        there += access(path, F_OK) == 0;
    }
    return there > 0;
}

/* Killed in its sleep, with a process inside: the next removes both, and leaves what lives. */
static enum verdict a_killed_run_is_removed(char *note, size_t size)
{
    struct netrig_probe doomed;
    int status = 0;
    if (netrig_probe_start(&doomed, program) != 0)
        return FAILED;
    const pid_t inside = fork();
    if (inside == 0) {
        execl(program, program, "exec", doomed.name, "client", "sleep", "600", (char *)NULL);
        _exit(127);
    }
    const bool was_there = is_there(doomed.name);
    usleep(300000); /* for `sleep` to be inside */
    kill(doomed.rig, SIGKILL);
    netrig_probe_stop(&doomed);
    const bool is_left = is_there(doomed.name);
    const int removed = netrig_ns_remove_stale();
    bool is_killed = false;
    for (int i = 0; i < 500 && !is_killed; i++) {
        is_killed = waitpid(inside, &status, WNOHANG) == inside;
        usleep(20000);
    }
    if (!is_killed && kill(inside, SIGKILL) == 0)
        waitpid(inside, &status, 0);
    snprintf(note, size, "%d removed, its process %s, this run stays", removed,
             is_killed ? "ended" : "lives");
    return verdict(was_there && is_left && is_killed && WIFSIGNALED(status) &&
                   !is_there(doomed.name) && is_there(probe.name));
}

/* --- all
 * ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum verdict (*run)(char *note, size_t size);
} cases[] = {
    {"loss and bursts", loss_and_bursts},
    {"same seed, same losses", same_seed_same_losses},
    {"doubling, corruption", doubling_and_corruption},
    {"wrong checksums", wrong_checksums_are_not_delivered},
    {"reordering", reordering},
    {"delay", delay},
    {"rate", rate},
    {"blackout by schedule", blackout_by_schedule},
    {"another address", another_address},
    {"a killed run", a_killed_run_is_removed},
};

static enum verdict run_case(size_t i)
{
    static const char *const words[] = {"ok   ", "FAIL ", "quiet"};
    enum verdict v = NOT_JUDGED;
    char note[256] = "";
    for (int attempt = 0; v == NOT_JUDGED && attempt < 3; attempt++)
        v = cases[i].run(note, sizeof(note));
    printf("%s %s: %s\n", words[v], cases[i].name, note);
    fflush(stdout);
    return v;
}

int main(int argc, char **argv)
{
    unsigned verdicts[3] = {0};
    if (argc != 2)
        return 2;
    program = argv[1];
    signal(SIGPIPE, SIG_IGN);
    const int status = netrig_probe_start(&probe, program);
    if (status)
        return status;
    const char *name = probe.name;
    netrig_watch_start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        verdicts[run_case(i)]++;
    netrig_watch_stop();
    const bool is_gone = netrig_probe_stop(&probe) == 0 && !is_there(name);
    printf("%s everything is removed at the end\n", is_gone ? "ok   " : "FAIL ");
    printf("rig: %u passed, %u failed, %u not judged (busy machine)\n", verdicts[PASSED] + is_gone,
           verdicts[FAILED] + !is_gone, verdicts[NOT_JUDGED]);
    return verdicts[FAILED] == 0 && is_gone ? EXIT_SUCCESS : EXIT_FAILURE;
}
