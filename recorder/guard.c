/* The second line: getaddrinfo() and connect() of this program, before libc's.
 *
 * The dynamic linker finds a program's own definition first, for libraries' calls, too. On threads
 * without a guard both only pass on. What is not allowed is taken out of getaddrinfo()'s list; and
 * a connect() that goes there anyway fails, which costs nothing and catches an address that no name
 * was asked for. */
#include "recorder/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef int connect_fn(int, __CONST_SOCKADDR_ARG, socklen_t);

static _Thread_local const struct guard_policy *policy; /* NULL: this thread has no guard */
static _Thread_local bool has_refused;

static _Atomic(guard_resolver *) other_resolver; /* NULL: libc's */

/* The next definition behind ours: libc's, or a sanitizer's. */
static void *next(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);
    if (!f)
        abort(); /* there is no libc like that */
    return f;
}

static void free_one(struct addrinfo *a)
{
    a->ai_next = NULL; /* glibc frees them one by one */
    freeaddrinfo(a);
}

/* The list without what is refused; NULL: nothing is left. */
static struct addrinfo *filter(struct addrinfo *list)
{
    char *name = list->ai_canonname; /* the first one has it */
    list->ai_canonname = NULL;
    struct addrinfo *kept = NULL, **end = &kept;
    while (list) {
        struct addrinfo *a = list;
        list = a->ai_next;
        if (guard_policy_allows(policy, a->ai_addr)) {
            *end = a;
            end = &a->ai_next;
        } else {
            has_refused = true;
            free_one(a);
        }
    }
    *end = NULL;
    if (kept)
        kept->ai_canonname = name;
    else
        free(name);
    return kept;
}

/* libsrt asks for "any address, any port" to send from: harmless, for nobody is at port 0. */
static bool is_to_send_from(const char *name, const char *service, const struct addrinfo *hints)
{
    return !name && service && strcmp(service, "0") == 0 && hints && hints->ai_flags & AI_PASSIVE;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    guard_resolver *const other = other_resolver;
    guard_resolver *const real = other ? other : (guard_resolver *)next("getaddrinfo");
    const struct guard_policy *const mine = policy;
    if (!mine || is_to_send_from(name, service, hints))
        return real(name, service, hints, out);
    struct addrinfo *list = NULL;
    policy = NULL; /* asking the name server is not the library's doing */
    const int err = real(name, service, hints, &list);
    policy = mine;
    if (err)
        return err;
    list = filter(list);
    if (!list)
        return EAI_NONAME;
    *out = list;
    return 0;
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    const struct sockaddr *a = address.__sockaddr__;
    const bool is_internet = policy && a && size >= sizeof(a->sa_family) &&
                             (a->sa_family == AF_INET || a->sa_family == AF_INET6);
    const size_t least = !is_internet              ? 0
                         : a->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                   : sizeof(struct sockaddr_in6);
    if (is_internet && (size < least || !guard_policy_allows(policy, a))) {
        has_refused = true;
        errno = EACCES;
        return -1;
    }
    if (is_internet && policy->user_timeout_ms) /* does nothing to UDP */
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &policy->user_timeout_ms,
                   sizeof(policy->user_timeout_ms));
    return ((connect_fn *)next("connect"))(fd, address, size);
}

void guard_set_resolver(guard_resolver *resolver)
{
    other_resolver = resolver;
}

int guard_enter(const struct guard_policy *p)
{
    if (dlsym(RTLD_DEFAULT, "getaddrinfo") != (void *)getaddrinfo ||
        dlsym(RTLD_DEFAULT, "connect") != (void *)connect)
        return -ENOSYS;
    policy = p;
    has_refused = false;
    return 0;
}

bool guard_leave(void)
{
    policy = NULL;
    return has_refused;
}

bool guard_has_refused(void)
{
    return has_refused;
}

void guard_forget_proxies(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy",
                                        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}
