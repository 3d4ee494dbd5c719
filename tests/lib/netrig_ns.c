/* Namespaces and TUN devices; see the header. iproute2 does what it does well, by `ip -batch`;
 * devices are opened here, because who opens /dev/net/tun decides in which namespace they appear.
 */
#include "tests/lib/netrig_ns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const netrig_side_names[] = {"client", "server"};
const char *const netrig_addresses[] = {"10.81.1.2", "10.81.2.2"};
const char *const netrig_addresses6[] = {"fd81:1::2", "fd81:2::2"};

static const int QUEUE_PACKETS = 5000; /* of the device: what waits while the rig does not run */

/* Runs `ip` with `words`, and `input` as its standard input; 0 or -errno. Silent: the caller says.
 */
static int run_ip(char *const words[], const char *input)
{
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return -errno;
    const pid_t child = fork();
    if (child == 0) {
        const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(pipe_fd[0], 0);
        dup2(null, 1);
        dup2(null, 2);
        execvp("ip", words);
        _exit(127);
    }
    close(pipe_fd[0]);
    const size_t n = strlen(input);
    const bool is_written = child > 0 && write(pipe_fd[1], input, n) == (ssize_t)n;
    close(pipe_fd[1]);
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -errno;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return -ENOENT;
    return is_written && status == 0 ? 0 : -EPERM;
}

static void side_name(char out[static 48], const char *name, int side)
{
    snprintf(out, 48, "%s-%s", name, netrig_side_names[side]);
}

static int ip_netns(const char *verb, const char *name, int side)
{
    char full[48], word[8];
    side_name(full, name, side);
    snprintf(word, sizeof(word), "%s", verb);
    char *words[] = {"ip", "netns", word, full, NULL};
    return run_ip(words, "");
}

static int configure(const char *name, int side, uint32_t mtu)
{
    char full[48], batch[512];
    side_name(full, name, side);
    snprintf(batch, sizeof(batch),
             "link set lo up\n"
             "link set rig0 mtu %u txqueuelen %d addrgenmode none\n"
             "link set rig0 up\n"
             "addr add %s/24 dev rig0\n"
             "addr add %s/64 dev rig0 nodad\n"
             "route add default dev rig0\n"
             "route add ::/0 dev rig0\n",
             mtu, QUEUE_PACKETS, netrig_addresses[side], netrig_addresses6[side]);
    char *words[] = {"ip", "-n", full, "-batch", "-", NULL};
    return run_ip(words, batch);
}

static int side_path(char out[static 64], const char *name, int side)
{
    return snprintf(out, 64, "/run/netns/%s-%s", name, netrig_side_names[side]);
}

int netrig_ns_enter(const char *name, int side)
{
    char path[64];
    side_path(path, name, side);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int err = setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
    close(fd);
    return err;
}

static int open_tun(void)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    strcpy(request.ifr_name, "rig0");
    if (ioctl(fd, TUNSETIFF, &request) == 0)
        return fd;
    const int err = -errno;
    close(fd);
    return err;
}

/* Opens the device there and comes back. */
static int open_side(struct netrig_ns *ns, int side)
{
    const int err = netrig_ns_enter(ns->name, side);
    if (err)
        return err;
    ns->tun_fd[side] = open_tun();
    ns->dev_fd[side] = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
    if (setns(ns->host_fd, CLONE_NEWNET) < 0)
        abort(); /* in the wrong network: do nothing more */
    return ns->tun_fd[side] < 0 ? ns->tun_fd[side] : 0;
}

static int make_side(struct netrig_ns *ns, int side, uint32_t mtu, const char **why)
{
    *why = "`ip netns add` is not permitted, or iproute2 is not there";
    int err = ip_netns("add", ns->name, side);
    if (err)
        return err;
    *why = "/dev/net/tun cannot be opened";
    err = open_side(ns, side);
    if (err)
        return err;
    *why = "`ip` could not set up the device";
    return configure(ns->name, side, mtu);
}

/* --- names and their locks -----------------------------------------------------------------------
 */

/* The lock of a name, or -EBUSY: somebody has it. */
static int lock_name(const char *name, int flags)
{
    char path[96];
    struct stat held;
    snprintf(path, sizeof(path), NETRIG_FOLDER "/%s", name);
    const int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return -errno;
    /* unlinked between open and lock: it is another's no more */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 && held.st_nlink > 0)
        return fd;
    close(fd);
    return -EBUSY;
}

static void unlock_name(const char *name, int fd)
{
    char path[96];
    snprintf(path, sizeof(path), NETRIG_FOLDER "/%s.sock", name);
    unlink(path);
    path[strlen(path) - strlen(".sock")] = '\0';
    unlink(path);
    close(fd);
}

static int take_name(struct netrig_ns *ns)
{
    if (mkdir(NETRIG_FOLDER, 0700) < 0 && errno != EEXIST)
        return -errno;
    for (int i = 0; i < 100; i++) {
        snprintf(ns->name, sizeof(ns->name), "rig%d-%d", (int)getpid(), i);
        ns->lock_fd = lock_name(ns->name, O_CREAT | O_EXCL);
        if (ns->lock_fd != -EBUSY && ns->lock_fd != -EEXIST)
            break;
    }
    return ns->lock_fd < 0 ? ns->lock_fd : 0;
}

/* --- the end
 * -------------------------------------------------------------------------------------- */

/* Processes whose main thread is in the namespace: nothing but what was started there can be. */
static void kill_inside(const char *name, int side)
{
    char path[300];
    struct stat ours, theirs;
    side_path(path, name, side);
    DIR *proc = stat(path, &ours) == 0 ? opendir("/proc") : NULL;
    for (const struct dirent *d; proc && (d = readdir(proc));) {
        snprintf(path, sizeof(path), "/proc/%s/ns/net", d->d_name);
        if (d->d_name[0] < '1' || d->d_name[0] > '9' || stat(path, &theirs) < 0)
            continue;
        if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev &&
            atoi(d->d_name) != getpid())
            kill(atoi(d->d_name), SIGKILL);
    }
    if (proc)
        closedir(proc);
}

static void remove_sides(const char *name)
{
    for (int side = 0; side < NETRIG_SIDES; side++) {
        char path[64];
        side_path(path, name, side);
        if (access(path, F_OK) < 0)
            continue;
        kill_inside(name, side);
        ip_netns("del", name, side);
    }
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void netrig_ns_destroy(struct netrig_ns *ns)
{
    remove_sides(ns->name);
    for (int side = 0; side < NETRIG_SIDES; side++) {
        close_fd(ns->tun_fd[side]);
        close_fd(ns->dev_fd[side]);
    }
    close_fd(ns->host_fd);
    if (ns->lock_fd >= 0)
        unlock_name(ns->name, ns->lock_fd);
}

int netrig_ns_create(struct netrig_ns *ns, uint32_t mtu, const char **why)
{
    *ns = (struct netrig_ns){.lock_fd = -1, .tun_fd = {-1, -1}, .dev_fd = {-1, -1}, .host_fd = -1};
    *why = "/run cannot be written";
    int err = take_name(ns);
    if (err)
        return err;
    ns->host_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    for (int side = 0; !err && side < NETRIG_SIDES; side++)
        err = make_side(ns, side, mtu, why);
    if (err)
        netrig_ns_destroy(ns);
    return err;
}

int netrig_ns_remove_stale(void)
{
    int removed = 0;
    DIR *folder = opendir(NETRIG_FOLDER);
    for (const struct dirent *d; folder && (d = readdir(folder));) {
        if (strncmp(d->d_name, "rig", 3) != 0 || strchr(d->d_name, '.') || strlen(d->d_name) > 31)
            continue;
        const int fd = lock_name(d->d_name, 0);
        if (fd < 0)
            continue;
        remove_sides(d->d_name);
        unlock_name(d->d_name, fd);
        removed++;
    }
    if (folder)
        closedir(folder);
    return removed;
}

uint64_t netrig_ns_dropped(const struct netrig_ns *ns, int side)
{
    char text[2048];
    const ssize_t n = pread(ns->dev_fd[side], text, sizeof(text) - 1, 0);
    unsigned long long dropped = 0;
    text[n > 0 ? n : 0] = '\0';
    const char *line = strstr(text, "rig0:");
    /* eight figures of reception, then bytes, packets, errors, dropped of transmission */
    if (!line ||
        sscanf(line, "rig0: %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", &dropped) != 1)
        return 0;
    return dropped;
}
