/* tests/lib/netrig_conf.h - what one direction of the rig does, and the lines that say so.
 *
 *   [at S | at +S] up|down|both [reset] KEY=VALUE ...
 *   [at S | at +S] nat [addr=A] [addr6=A] [port=+N]  |  nat off
 *   seed N | mark TEXT | quit
 *
 * `at S` is S seconds after the rig began, `at +S` from now on. Units must be said:
 *
 *   rate=150k|2.5M|off  bits a second (of IP packets)    queue=30000b|300ms  drop-tail; ms at the
 * rate delay=50ms          s, ms or us, one way             jitter=10ms         sigma, or half the
 * width dist=constant|normal|uniform|pareto                  order=keep|free     may jitter
 * overtake? peaks=1%:300ms      that share is later by up to that (bounded Pareto from a tenth of
 * it) reorder=2%  hold=20ms   that share is held that long and overtaken, whatever `order` says
 *   loss=5%  burst=5    burst: mean length (Gilbert); 0: each packet for itself
 *   ge=1%:20%           the same by p (good to bad) and r (bad to good)
 *   dup=1%              corrupt=1% bits=3 checksum=right|wrong (UDP's; TCP's is always wrong then)
 *   blackout=on|off     nothing goes in and nothing comes out
 *
 * Pure functions; errors come with a reason in words. */
#ifndef TESTS_LIB_NETRIG_CONF_H
#define TESTS_LIB_NETRIG_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETRIG_LINE_MAX 512

enum netrig_dist { NETRIG_CONSTANT, NETRIG_NORMAL, NETRIG_UNIFORM, NETRIG_PARETO };

struct netrig_conf {
    uint64_t rate_bps;    /* 0: no limit, no queue */
    uint64_t queue_bytes; /* 0: queue_ns says it */
    int64_t queue_ns;     /* at rate_bps */
    int64_t delay_ns, jitter_ns;
    enum netrig_dist dist;
    bool may_overtake;
    double loss, burst; /* share of packets; mean length, below 1: no bursts */
    double reorder;
    int64_t hold_ns;
    double peaks;
    int64_t peak_ns;
    double dup, corrupt;
    uint32_t corrupt_bits;
    bool is_checksum_wrong;
    bool is_black;
};

enum netrig_verb { NETRIG_SET, NETRIG_NAT, NETRIG_SEED, NETRIG_MARK, NETRIG_QUIT };
enum { NETRIG_UP, NETRIG_DOWN, NETRIG_DIRECTIONS }; /* up: from the client to the server */

struct netrig_command {
    enum netrig_verb verb;
    int64_t at_ns; /* 0: at once, without is_relative too */
    bool is_relative;
    unsigned directions; /* bits 1 << NETRIG_UP, 1 << NETRIG_DOWN */
    uint64_t seed;
    char words[NETRIG_LINE_MAX]; /* what follows the verb */
};

struct netrig_nat_conf {
    bool is_on, has_addr, has_addr6;
    uint8_t addr[4], addr6[16];
    uint16_t port_shift;
};

void netrig_conf_init(struct netrig_conf *c);

/* Bytes that the queue holds; 0 without a rate. */
uint64_t netrig_conf_queue_bytes(const struct netrig_conf *c);

/* Applies `words` to *c: all of them, or none and -EINVAL with the reason in *why (static text, or
 * within `words`). */
int netrig_conf_parse(struct netrig_conf *c, const char *words, const char **why);

int netrig_nat_parse(struct netrig_nat_conf *c, const char *words, const char **why);

/* One line, without its line feed. Words after the verb are checked too. -EINVAL with *why; an
 * empty line or a comment (#) gives -ENODATA. */
int netrig_command_parse(struct netrig_command *c, const char *line, const char **why);

#endif
