/* tests/lib/netrig_ns.h - two network namespaces with a TUN device each, and their removal.
 *
 * A run has a name; its namespaces are NAME-client and NAME-server below /run/netns, where `ip
 * netns` finds them. The file /run/mixdown-netrig/NAME is locked while the run lives: whoever gets
 * the lock of a name may remove what has it, so a run that was killed is cleaned up by the next.
 * The host's own interfaces and routes are never touched. Main thread only (a namespace belongs to
 * a thread). */
#ifndef TESTS_LIB_NETRIG_NS_H
#define TESTS_LIB_NETRIG_NS_H

#include <stddef.h>
#include <stdint.h>

#define NETRIG_FOLDER "/run/mixdown-netrig"

enum { NETRIG_CLIENT, NETRIG_SERVER, NETRIG_SIDES };

/* What is fixed: the client is 10.81.1.2 and fd81:1::2, the server 10.81.2.2 and fd81:2::2. */
extern const char *const netrig_side_names[NETRIG_SIDES];
extern const char *const netrig_addresses[NETRIG_SIDES];
extern const char *const netrig_addresses6[NETRIG_SIDES];

struct netrig_ns {
    char name[32];
    int lock_fd;
    int host_fd;              /* the namespace to come back to */
    int tun_fd[NETRIG_SIDES]; /* non-blocking */
    int dev_fd[NETRIG_SIDES]; /* /proc/net/dev there */
};

/* Makes all of it: both up, addresses, default routes over the device, loopback. On error nothing
 * is left and *why says what failed: -EPERM, -EACCES, -ENOENT and -ENODEV mean that this is not
 * allowed here. */
int netrig_ns_create(struct netrig_ns *ns, uint32_t mtu, const char **why);

/* Kills what still runs in the two namespaces, and removes them. */
void netrig_ns_destroy(struct netrig_ns *ns);

/* Removes what runs that are no more have left; how many. */
int netrig_ns_remove_stale(void);

/* Moves the calling thread into a namespace of the run called `name`. -errno. */
int netrig_ns_enter(const char *name, int side);

/* Packets that the device dropped because its queue was full, before the rig saw them. */
uint64_t netrig_ns_dropped(const struct netrig_ns *ns, int side);

#endif
