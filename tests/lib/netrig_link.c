/* One direction of the rig; see the header. Departures from the bottleneck are computed, not
 * observed: each begins where the one before ended, so that a late wake-up moves no packet but its
 * own. */
#include "tests/lib/netrig_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/netrig_packet.h"

int netrig_link_init(struct netrig_link *l, uint64_t seed, uint64_t stream)
{
    memset(l, 0, sizeof(*l));
    l->heap = calloc(NETRIG_LINK_PACKETS, sizeof(*l->heap));
    if (!l->heap)
        return -ENOMEM;
    netrig_conf_init(&l->conf);
    netrig_link_seed(l, seed, stream);
    return 0;
}

void netrig_link_seed(struct netrig_link *l, uint64_t seed, uint64_t stream)
{
    struct netrig_random *streams[] = {&l->loss, &l->delay, &l->hold, &l->dup, &l->corrupt};
    for (size_t i = 0; i < 5; i++)
        netrig_random_init(streams[i], seed, stream * 16 + i);
    l->is_bad = false;
}

void netrig_link_finish(struct netrig_link *l)
{
    for (size_t i = 0; i < l->heap_size; i++)
        free(l->heap[i]);
    while (l->head) {
        struct netrig_packet *next = l->head->next;
        free(l->head);
        l->head = next;
    }
    free(l->heap);
    memset(l, 0, sizeof(*l));
}

/* --- fate ---------------------------------------------------------------------------------------
 */

static bool draw(struct netrig_random *r, double share)
{
    return netrig_random_unit(r) < share;
}

/* Gilbert: in the bad state everything is lost. One number a packet in either model. */
static bool draw_loss(struct netrig_link *l)
{
    const struct netrig_conf *c = &l->conf;
    const double first = netrig_random_unit(&l->loss);
    if (c->burst < 1) {
        l->is_bad = false;
        return first < c->loss;
    }
    const double leave = 1 / c->burst;
    const double enter = c->loss >= 1 ? 1 : leave * c->loss / (1 - c->loss);
    l->is_bad = l->is_bad ? first >= leave : first < enter;
    return l->is_bad;
}

static double draw_jitter(struct netrig_link *l)
{
    const double width = (double)l->conf.jitter_ns;
    switch (l->conf.dist) {
    case NETRIG_NORMAL:
        return width * netrig_random_normal(&l->delay);
    case NETRIG_UNIFORM:
        return width * (2 * netrig_random_unit(&l->delay) - 1);
    case NETRIG_PARETO:
        /* 1 to 20 times, less the least: from 0, mean about 2.2 widths, long tail */
        return width * (netrig_random_pareto(&l->delay, 1, 20) - 1);
    case NETRIG_CONSTANT:
        break;
    }
    return 0;
}

static int64_t draw_delay(struct netrig_link *l)
{
    double delay = (double)l->conf.delay_ns + draw_jitter(l);
    const bool is_peak = draw(&l->delay, l->conf.peaks);
    if (is_peak && l->conf.peak_ns > 0)
        delay +=
            netrig_random_pareto(&l->delay, (double)l->conf.peak_ns / 10, (double)l->conf.peak_ns);
    return delay > 0 ? (int64_t)delay : 0;
}

static void draw_fate(struct netrig_link *l, struct netrig_packet *p)
{
    p->is_lost = draw_loss(l);
    p->delay_ns = draw_delay(l);
    p->is_held = draw(&l->hold, l->conf.reorder);
    p->is_doubled = draw(&l->dup, l->conf.dup);
    p->is_corrupt = draw(&l->corrupt, l->conf.corrupt);
    p->noise = netrig_random_next(&l->corrupt);
}

/* --- heap ---------------------------------------------------------------------------------------
 */

static bool is_before(const struct netrig_packet *a, const struct netrig_packet *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_push(struct netrig_link *l, struct netrig_packet *p)
{
    size_t i = l->heap_size++;
    for (; i > 0 && is_before(p, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = p;
}

static struct netrig_packet *heap_pop(struct netrig_link *l)
{
    struct netrig_packet *top = l->heap[0];
    struct netrig_packet *p = l->heap[--l->heap_size];
    size_t i = 0;
    for (size_t child = 1; child < l->heap_size; child = 2 * i + 1) {
        if (child + 1 < l->heap_size && is_before(l->heap[child + 1], l->heap[child]))
            child++;
        if (!is_before(l->heap[child], p))
            break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = p;
    return top;
}

/* --- bottleneck ---------------------------------------------------------------------------------
 */

static int64_t sending_ns(const struct netrig_link *l, const struct netrig_packet *p)
{
    return (int64_t)((double)p->size * 8e9 / (double)l->conf.rate_bps);
}

static void drop(struct netrig_link *l, struct netrig_packet *p, uint64_t *count)
{
    (*count)++;
    l->packets--;
    l->bytes -= p->size;
    free(p);
}

/* The packet has left the bottleneck and is on its way, unless it is lost. */
static void depart(struct netrig_link *l, struct netrig_packet *p, int64_t at_ns)
{
    l->queued_ns[l->samples++ % NETRIG_LINK_SAMPLES] = at_ns - p->entered_ns;
    if (p->is_lost) {
        drop(l, p, &l->counts.lost);
        return;
    }
    p->due_ns = at_ns + p->delay_ns;
    if (!l->conf.may_overtake && p->due_ns < l->last_due_ns)
        p->due_ns = l->last_due_ns;
    if (p->is_held) {
        p->due_ns += l->conf.hold_ns;
        l->counts.held++;
    } else if (p->due_ns > l->last_due_ns) {
        l->last_due_ns = p->due_ns;
    }
    heap_push(l, p);
}

static void begin_head(struct netrig_link *l, int64_t from_ns)
{
    if (l->head)
        l->busy_until_ns = from_ns + sending_ns(l, l->head);
}

static void take_head(struct netrig_link *l)
{
    struct netrig_packet *p = l->head;
    const int64_t left_ns = l->busy_until_ns;
    l->head = p->next;
    if (!l->head)
        l->tail = NULL;
    l->queue_bytes -= p->size;
    depart(l, p, left_ns);
    if (l->conf.rate_bps > 0)
        begin_head(l, left_ns);
}

static void advance(struct netrig_link *l, int64_t now_ns)
{
    while (l->head && l->busy_until_ns <= now_ns)
        take_head(l);
}

void netrig_link_set(struct netrig_link *l, const struct netrig_conf *conf, int64_t now_ns)
{
    advance(l, now_ns);
    const uint64_t was_bps = l->conf.rate_bps;
    l->conf = *conf;
    if (!l->head)
        return;
    if (conf->rate_bps > 0) {
        const double left_ns = (double)(l->busy_until_ns - now_ns);
        l->busy_until_ns = now_ns + (int64_t)(left_ns * (double)was_bps / (double)conf->rate_bps);
        return;
    }
    l->busy_until_ns = now_ns;
    while (l->head)
        take_head(l);
}

static void enqueue(struct netrig_link *l, struct netrig_packet *p)
{
    l->queue_bytes += p->size;
    if (l->tail) {
        l->tail->next = p;
        l->tail = p;
        return;
    }
    l->head = l->tail = p;
    begin_head(l, p->entered_ns);
}

/* An empty queue takes any packet, however small the queue. */
static bool is_full(const struct netrig_link *l, size_t size)
{
    return l->conf.rate_bps > 0 && l->head &&
           l->queue_bytes + size > netrig_conf_queue_bytes(&l->conf);
}

static struct netrig_packet *hold(struct netrig_link *l, const uint8_t *data, size_t size)
{
    if (l->packets >= NETRIG_LINK_PACKETS || l->bytes + size > NETRIG_LINK_BYTES)
        return NULL;
    struct netrig_packet *p = malloc(sizeof(*p) + size);
    if (!p)
        return NULL;
    *p = (struct netrig_packet){.size = size, .order = l->order++};
    memcpy(p->data, data, size);
    l->packets++;
    l->bytes += size;
    return p;
}

void netrig_link_push(struct netrig_link *l, const uint8_t *data, size_t size, int64_t now_ns)
{
    advance(l, now_ns);
    l->counts.in_packets++;
    l->counts.in_bytes += size;
    struct netrig_packet fate;
    draw_fate(l, &fate); /* whatever becomes of it, to keep the numbers in step */
    struct netrig_packet *p = hold(l, data, size);
    if (!p) {
        l->counts.overflowed++;
        return;
    }
    p->entered_ns = now_ns;
    p->delay_ns = fate.delay_ns;
    p->noise = fate.noise;
    p->is_lost = fate.is_lost;
    p->is_held = fate.is_held;
    p->is_doubled = fate.is_doubled;
    p->is_corrupt = fate.is_corrupt;
    if (l->conf.is_black)
        drop(l, p, &l->counts.blacked_out);
    else if (is_full(l, size))
        drop(l, p, &l->counts.tail_dropped);
    else if (l->conf.rate_bps > 0)
        enqueue(l, p);
    else
        depart(l, p, now_ns);
}

int64_t netrig_link_next_ns(const struct netrig_link *l)
{
    int64_t next = INT64_MAX;
    if (l->head)
        next = l->busy_until_ns;
    if (l->heap_size > 0 && l->heap[0]->due_ns < next)
        next = l->heap[0]->due_ns;
    return next;
}

static void corrupt(struct netrig_link *l, struct netrig_packet *p)
{
    const bool mend = !l->conf.is_checksum_wrong;
    if (netrig_packet_corrupt(p->data, p->size, p->noise, l->conf.corrupt_bits, mend))
        l->counts.corrupted++;
}

struct netrig_packet *netrig_link_pop(struct netrig_link *l, int64_t now_ns)
{
    advance(l, now_ns);
    while (l->heap_size > 0 && l->heap[0]->due_ns <= now_ns) {
        struct netrig_packet *p = heap_pop(l);
        if (l->conf.is_black) {
            drop(l, p, &l->counts.blacked_out);
            continue;
        }
        l->packets--;
        l->bytes -= p->size;
        const unsigned copies = p->is_doubled ? 2 : 1;
        if (p->is_corrupt)
            corrupt(l, p);
        l->counts.doubled += copies - 1;
        l->counts.out_packets += copies;
        l->counts.out_bytes += copies * p->size;
        return p;
    }
    return NULL;
}
