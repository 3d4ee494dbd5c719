/* The address to listen on; see listen.h. */
#include "signaling/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int parse_port(const char *text, int *port)
{
    const size_t n = strlen(text);
    if (n == 0 || n > 5 || text[strspn(text, "0123456789")] != '\0')
        return -EINVAL;
    const long value = strtol(text, NULL, 10);
    if (value < 1 || value > 65535)
        return -EINVAL;
    *port = (int)value;
    return 0;
}

int sig_listen_parse(const char *listen, char host[64], int *port, bool *is_v6)
{
    const bool bracket = listen[0] == '[';
    const char *colon = bracket ? strstr(listen, "]:") : strchr(listen, ':');
    unsigned char address[sizeof(struct in6_addr)];
    if (!colon || parse_port(colon + (bracket ? 2 : 1), port) != 0)
        return -EINVAL;
    const char *start = listen + (bracket ? 1 : 0);
    const size_t n = (size_t)(colon - start);
    if (n == 0 || n >= 64)
        return -EINVAL;
    memcpy(host, start, n);
    host[n] = '\0';
    if (strcmp(host, "localhost") == 0)
        strcpy(host, "127.0.0.1");
    *is_v6 = bracket;
    return inet_pton(bracket ? AF_INET6 : AF_INET, host, address) == 1 ? 0 : -EINVAL;
}

static socklen_t make_address(struct sockaddr_storage *out, const char *host, int port, bool is_v6)
{
    memset(out, 0, sizeof(*out));
    if (is_v6) {
        struct sockaddr_in6 *a = (struct sockaddr_in6 *)out;
        a->sin6_family = AF_INET6;
        a->sin6_port = htons((uint16_t)port);
        inet_pton(AF_INET6, host, &a->sin6_addr);
        return sizeof(*a);
    }
    struct sockaddr_in *a = (struct sockaddr_in *)out;
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)port);
    inet_pton(AF_INET, host, &a->sin_addr);
    return sizeof(*a);
}

int sig_listen_try(const char *host, int port, bool is_v6)
{
    struct sockaddr_storage address;
    const socklen_t size = make_address(&address, host, port, is_v6);
    const int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const bool ok = bind(fd, (const struct sockaddr *)&address, size) == 0 && listen(fd, 1) == 0;
    const int err = ok ? 0 : -errno;
    close(fd);
    return err;
}
