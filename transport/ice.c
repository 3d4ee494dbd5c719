/* ICE by libnice 0.1.21; see ice.h. [net]
 *
 * libnice is never told that the far side has no more candidates: a browser that offers only mDNS
 * names would be given up at once, though its checks are on their way to us. For the same reason
 * FAILED before the first connection means nothing here; the owner has a timer of its own. */
#include "transport/ice.h"

#include <errno.h>
#include <nice/agent.h>
#include <nice/interfaces.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/desc.h"
#include "transport/candidate.h"
#include "transport/ice_servers.h"

enum {
    COMPONENT = 1,
    LOCAL_ADDRESSES_MAX = 16,
    RECEIVE_BUFFER_BYTES = 1024 * 1024, /* a second of video, should the thread be held up */
};

struct rtc_ice {
    const struct rtc_conf *conf;
    struct rtc_ice_events events;
    NiceAgent *agent;
    guint stream;
    bool is_gathering; /* or has */
    bool is_gathered;
    bool has_remote;
    char local[MCU_DESC_CANDIDATES_MAX][RTC_ICE_CANDIDATE_MAX];
    size_t local_count;
    struct rtc_candidate waiting[RTC_ICE_REMOTE_MAX]; /* till the credentials are known */
    size_t waiting_count;
    size_t remote_count;
    NiceCandidate *newcomer;
};

static void report_candidate(struct rtc_ice *ice, const struct rtc_candidate *c,
                             const struct sockaddr *related)
{
    if (ice->local_count == MCU_DESC_CANDIDATES_MAX)
        return;
    char *text = ice->local[ice->local_count];
    if (rtc_candidate_write(text, RTC_ICE_CANDIDATE_MAX, c, related))
        return;
    ice->local_count++;
    ice->events.on_candidate(ice->events.ctx, text);
}

/* A host candidate goes out once per announced address of its family; where none is announced, as
 * it is. Loopback is only ever for this machine and stays. */
static void announce(struct rtc_ice *ice, struct rtc_candidate *c)
{
    const struct sockaddr *own = (const struct sockaddr *)&c->address;
    const sa_family_t family = own->sa_family;
    const uint16_t port = rtc_address_port(own);
    size_t announced = 0;
    for (size_t i = 0; !rtc_address_is_loopback(own) && i < ice->conf->announced_count; i++) {
        struct rtc_candidate public = *c;
        if (rtc_address_parse(&public.address, ice->conf->announced[i], port) ||
            public.address.ss_family != family)
            continue;
        public.priority -= (uint32_t)announced++; /* candidates must differ in priority */
        report_candidate(ice, &public, NULL);
    }
    if (announced == 0)
        report_candidate(ice, c, NULL);
}

static void on_new_candidate(NiceAgent *agent, NiceCandidate *found, gpointer data)
{
    (void)agent;
    struct rtc_ice *ice = data;
    const bool is_udp = found->transport == NICE_CANDIDATE_TRANSPORT_UDP;
    const bool is_passive = found->transport == NICE_CANDIDATE_TRANSPORT_TCP_PASSIVE;
    if (!is_udp && !is_passive) /* active ones: browsers do not listen */
        return;
    struct rtc_candidate c = {
        .component = COMPONENT,
        .priority = found->priority,
        .type = (enum rtc_candidate_type)found->type, /* in the same order */
        .is_udp = is_udp,
        .is_tcp_passive = is_passive,
        .has_address = true,
    };
    snprintf(c.foundation, sizeof(c.foundation), "%s", found->foundation);
    nice_address_copy_to_sockaddr(&found->addr, (struct sockaddr *)&c.address);
    if (found->type == NICE_CANDIDATE_TYPE_HOST) {
        announce(ice, &c);
        return;
    }
    struct sockaddr_storage base = {0};
    nice_address_copy_to_sockaddr(&found->base_addr, (struct sockaddr *)&base);
    report_candidate(ice, &c, (struct sockaddr *)&base);
}

static void on_gathered(NiceAgent *agent, guint stream, gpointer data)
{
    (void)agent;
    (void)stream;
    struct rtc_ice *ice = data;
    if (ice->is_gathered)
        return;
    ice->is_gathered = true;
    ice->events.on_candidate(ice->events.ctx, NULL);
}

static void on_component_state(NiceAgent *agent, guint stream, guint component, guint state,
                               gpointer data)
{
    (void)agent;
    (void)stream;
    (void)component;
    struct rtc_ice *ice = data;
    if (state == NICE_COMPONENT_STATE_CONNECTED || state == NICE_COMPONENT_STATE_READY)
        ice->events.on_connected(ice->events.ctx);
    else if (state == NICE_COMPONENT_STATE_FAILED)
        ice->events.on_lost(ice->events.ctx);
}

static void on_remote_candidate(NiceAgent *agent, NiceCandidate *found, gpointer data)
{
    (void)agent;
    struct rtc_ice *ice = data;
    if (found->type != NICE_CANDIDATE_TYPE_PEER_REFLEXIVE)
        return;
    rtc_ice_forget_newcomer(ice);
    ice->newcomer = nice_candidate_copy(found);
    ice->events.on_newcomer(ice->events.ctx);
}

static void on_received(NiceAgent *agent, guint stream, guint component, guint size, gchar *data,
                        gpointer ctx)
{
    (void)agent;
    (void)stream;
    (void)component;
    struct rtc_ice *ice = ctx;
    ice->events.on_data(ice->events.ctx, (uint8_t *)data, size);
}

static int add_address(struct rtc_ice *ice, const char *text)
{
    NiceAddress address;
    nice_address_init(&address);
    if (!nice_address_set_from_string(&address, text))
        return -EINVAL;
    struct sockaddr_storage plain = {0};
    nice_address_copy_to_sockaddr(&address, (struct sockaddr *)&plain);
    if (!rtc_address_is_link_local((const struct sockaddr *)&plain))
        nice_agent_add_local_address(ice->agent, &address);
    return 0;
}

/* libnice leaves loopback out unless the addresses are given one by one. */
static int add_local_addresses(struct rtc_ice *ice)
{
    for (size_t i = 0; i < ice->conf->listen_count; i++) {
        const int err = add_address(ice, ice->conf->listen[i]);
        if (err)
            return err;
    }
    if (ice->conf->listen_count == 0) {
        GList *ips = nice_interfaces_get_local_ips(FALSE);
        size_t n = 0;
        for (GList *at = ips; at && n < LOCAL_ADDRESSES_MAX; at = at->next, n++)
            add_address(ice, at->data);
        g_list_free_full(ips, g_free);
    }
    return ice->conf->has_loopback ? add_address(ice, "127.0.0.1") : 0;
}

static void connect_signals(struct rtc_ice *ice)
{
    g_signal_connect(ice->agent, "new-candidate-full", G_CALLBACK(on_new_candidate), ice);
    g_signal_connect(ice->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), ice);
    g_signal_connect(ice->agent, "component-state-changed", G_CALLBACK(on_component_state), ice);
    g_signal_connect(ice->agent, "new-remote-candidate-full", G_CALLBACK(on_remote_candidate), ice);
}

int rtc_ice_create(struct rtc_ice **out, GMainContext *context, const struct rtc_conf *conf,
                   const struct rtc_ice_events *events)
{
    struct rtc_ice *ice = calloc(1, sizeof(*ice));
    if (!ice)
        return -ENOMEM;
    ice->conf = conf;
    ice->events = *events;
    ice->agent = nice_agent_new_full(context, NICE_COMPATIBILITY_RFC5245,
                                     NICE_AGENT_OPTION_ICE_TRICKLE);
    g_object_set(ice->agent, "upnp", FALSE, "ice-tcp", (gboolean)conf->has_tcp,
                 "controlling-mode", FALSE, NULL);
    int err = add_local_addresses(ice);
    if (!err)
        err = rtc_ice_use_stun(ice->agent, conf);
    if (err)
        goto fail;

    ice->stream = nice_agent_add_stream(ice->agent, COMPONENT);
    err = ice->stream == 0 ? -ENOMEM : rtc_ice_use_turn(ice->agent, ice->stream, COMPONENT, conf);
    if (err)
        goto fail;
    if (conf->port_min || conf->port_max)
        nice_agent_set_port_range(ice->agent, ice->stream, COMPONENT, conf->port_min,
                                  conf->port_max);
    nice_agent_set_stream_tos(ice->agent, ice->stream, (gint)conf->dscp << 2);
    connect_signals(ice);
    nice_agent_attach_recv(ice->agent, ice->stream, COMPONENT, context, on_received, ice);
    *out = ice;
    return 0;

fail:
    g_object_unref(ice->agent);
    free(ice);
    return err;
}

struct closing {
    void (*closed)(void *ctx);
    void *ctx;
};

static void on_closed(GObject *agent, GAsyncResult *result, gpointer data)
{
    (void)result;
    struct closing *closing = data;
    g_object_unref(agent);
    closing->closed(closing->ctx);
    g_free(closing);
}

void rtc_ice_destroy(struct rtc_ice *ice, void (*closed)(void *ctx), void *ctx)
{
    if (!ice)
        return;
    g_signal_handlers_disconnect_by_data(ice->agent, ice);
    nice_agent_attach_recv(ice->agent, ice->stream, COMPONENT, NULL, NULL, NULL);
    struct closing *closing = g_new(struct closing, 1);
    *closing = (struct closing){.closed = closed, .ctx = ctx};
    nice_agent_close_async(ice->agent, on_closed, closing);
    rtc_ice_forget_newcomer(ice);
    free(ice);
}

void rtc_ice_set_controlling(struct rtc_ice *ice, bool is_controlling)
{
    g_object_set(ice->agent, "controlling-mode", (gboolean)is_controlling, NULL);
}

static void widen_receive_buffers(struct rtc_ice *ice)
{
    GPtrArray *sockets = nice_agent_get_sockets(ice->agent, ice->stream, COMPONENT);
    for (guint i = 0; sockets && i < sockets->len; i++)
        g_socket_set_option(g_ptr_array_index(sockets, i), SOL_SOCKET, SO_RCVBUF,
                            RECEIVE_BUFFER_BYTES, NULL);
    if (sockets)
        g_ptr_array_unref(sockets);
}

int rtc_ice_gather(struct rtc_ice *ice)
{
    if (ice->is_gathering)
        return 0;
    if (!nice_agent_gather_candidates(ice->agent, ice->stream))
        return -EIO;
    ice->is_gathering = true;
    widen_receive_buffers(ice);
    return 0;
}

bool rtc_ice_is_gathered(const struct rtc_ice *ice)
{
    return ice->is_gathered;
}

int rtc_ice_local(struct rtc_ice *ice, char *ufrag, char *pwd)
{
    gchar *u = NULL;
    gchar *p = NULL;
    if (!nice_agent_get_local_credentials(ice->agent, ice->stream, &u, &p))
        return -EIO;
    snprintf(ufrag, MCU_DESC_TOKEN_MAX + 1, "%s", u);
    snprintf(pwd, MCU_DESC_TOKEN_MAX + 1, "%s", p);
    g_free(u);
    g_free(p);
    return 0;
}

size_t rtc_ice_candidates(const struct rtc_ice *ice, char (*out)[RTC_ICE_CANDIDATE_MAX],
                          size_t capacity)
{
    const size_t n = ice->local_count < capacity ? ice->local_count : capacity;
    memcpy(out, ice->local, n * sizeof(*out));
    return n;
}

int rtc_ice_restart(struct rtc_ice *ice)
{
    if (!nice_agent_restart_stream(ice->agent, ice->stream))
        return -EIO;
    ice->has_remote = false;
    ice->remote_count = 0;
    ice->waiting_count = 0;
    rtc_ice_forget_newcomer(ice);
    return 0;
}

static NiceCandidateType nice_type(enum rtc_candidate_type type)
{
    return (NiceCandidateType)type; /* in the same order */
}

static void hand_over(struct rtc_ice *ice, const struct rtc_candidate *c)
{
    NiceCandidate *n = nice_candidate_new(nice_type(c->type));
    n->component_id = COMPONENT;
    n->stream_id = ice->stream;
    n->transport = c->is_udp ? NICE_CANDIDATE_TRANSPORT_UDP : NICE_CANDIDATE_TRANSPORT_TCP_PASSIVE;
    n->priority = c->priority;
    snprintf(n->foundation, sizeof(n->foundation), "%s", c->foundation);
    nice_address_set_from_sockaddr(&n->addr, (const struct sockaddr *)&c->address);
    GSList *list = g_slist_append(NULL, n);
    nice_agent_set_remote_candidates(ice->agent, ice->stream, COMPONENT, list);
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
}

int rtc_ice_set_remote(struct rtc_ice *ice, const char *ufrag, const char *pwd)
{
    if (!nice_agent_set_remote_credentials(ice->agent, ice->stream, ufrag, pwd))
        return -EINVAL;
    ice->has_remote = true;
    for (size_t i = 0; i < ice->waiting_count; i++)
        hand_over(ice, &ice->waiting[i]);
    ice->waiting_count = 0;
    return 0;
}

int rtc_ice_add_remote(struct rtc_ice *ice, const char *candidate)
{
    struct rtc_candidate c;
    const int err = rtc_candidate_parse(&c, candidate);
    if (err)
        return err;
    const bool is_reachable = c.is_udp || (c.is_tcp_passive && ice->conf->has_tcp);
    if (!is_reachable || !c.has_address || c.component != COMPONENT ||
        ice->remote_count == RTC_ICE_REMOTE_MAX)
        return 0;
    ice->remote_count++;
    if (ice->has_remote)
        hand_over(ice, &c);
    else
        ice->waiting[ice->waiting_count++] = c;
    return 0;
}

void rtc_ice_forget_newcomer(struct rtc_ice *ice)
{
    if (ice->newcomer)
        nice_candidate_free(ice->newcomer);
    ice->newcomer = NULL;
}

/* By foundations the local side stays what it is. They may lead to an older candidate of the same
 * host, though: then by address, and libnice picks our side. */
void rtc_ice_follow(struct rtc_ice *ice)
{
    NiceCandidate *local = NULL;
    NiceCandidate *remote = NULL;
    if (!ice->newcomer ||
        !nice_agent_get_selected_pair(ice->agent, ice->stream, COMPONENT, &local, &remote))
        return;
    NiceCandidate *to = ice->newcomer;
    ice->newcomer = NULL; /* what follows may tell of another */
    char foundation[NICE_CANDIDATE_MAX_FOUNDATION];
    snprintf(foundation, sizeof(foundation), "%s", local->foundation);
    if (!nice_agent_set_selected_pair(ice->agent, ice->stream, COMPONENT, foundation,
                                      to->foundation) ||
        !nice_agent_get_selected_pair(ice->agent, ice->stream, COMPONENT, &local, &remote) ||
        !nice_address_equal(&remote->addr, &to->addr))
        nice_agent_set_selected_remote_candidate(ice->agent, ice->stream, COMPONENT, to);
    nice_candidate_free(to);
}

int rtc_ice_send(struct rtc_ice *ice, const uint8_t *data, size_t size)
{
    const gint sent = nice_agent_send(ice->agent, ice->stream, COMPONENT, (guint)size,
                                      (const gchar *)data);
    return sent == (gint)size ? 0 : -EAGAIN;
}
