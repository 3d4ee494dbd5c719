/* The front's side of hooks; see hooks.h. Jobs go to the thread by a list under a lock that is held
 * for moves of pointers only, and answers come back the same way. */
#include "signaling/hooks.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/base/thread.h"
#include "signaling/hooks_internal.h"
#include "signaling/ids.h"

#define CLOSE_WAIT_US (3 * MCU_US_PER_S)
#define PAUSE_FIRST_US (MCU_US_PER_S / 2)
#define PAUSE_MOST_US (60 * MCU_US_PER_S)

/* --- pure ------------------------------------------------------------------------------------- */

static void copy_msg(char out[SIG_HOOKS_MSG_MAX], const json_t *json)
{
    const char *msg = json_string_value(json_object_get(json, "msg"));
    if (msg && strlen(msg) < SIG_HOOKS_MSG_MAX && mcu_text_is_fit(msg, strlen(msg), 1, 199))
        snprintf(out, SIG_HOOKS_MSG_MAX, "%s", msg);
}

bool sig_hook_answer_read(struct sig_hook_answer *out, long status, const char *body, size_t size)
{
    const bool is_no = status == 401 || status == 403;
    if (!is_no && (status < 200 || status > 299))
        return false;
    json_t *json = json_loadb(body, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *code = json_object_get(json, "code");
    if (!is_no && !json_is_integer(code)) {
        json_decref(json);
        return false;
    }
    *out = (struct sig_hook_answer){
        .is_answered = true,
        .is_allowed = !is_no && json_integer_value(code) == 0,
        .wants_close = !is_no && json_is_true(json_object_get(json, "close")),
    };
    copy_msg(out->msg, json);
    json_decref(json);
    return true;
}

int sig_hook_sign(char *out, const char *secret, const void *body, size_t size)
{
    unsigned char mac[32];
    unsigned int n = 0;
    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), body, size, mac, &n) || n != sizeof(mac))
        return -ENOMEM;
    memcpy(out, "sha256=", 7);
    for (size_t i = 0; i < sizeof(mac); i++)
        snprintf(out + 7 + 2 * i, 3, "%02x", mac[i]);
    return 0;
}

int64_t sig_hook_pause_us(uint32_t attempts)
{
    int64_t pause_us = PAUSE_FIRST_US;
    for (uint32_t i = 1; i < attempts && pause_us < PAUSE_MOST_US; i++)
        pause_us *= 2;
    return pause_us < PAUSE_MOST_US ? pause_us : PAUSE_MOST_US;
}

/* --- jobs ------------------------------------------------------------------------------------- */

void hook_list_push(struct hook_list *l, struct hook_job *job)
{
    job->next = NULL;
    if (l->last)
        l->last->next = job;
    else
        l->first = job;
    l->last = job;
}

struct hook_job *hook_list_pop(struct hook_list *l)
{
    struct hook_job *job = l->first;
    if (!job)
        return NULL;
    l->first = job->next;
    if (!l->first)
        l->last = NULL;
    job->next = NULL;
    return job;
}

void hook_job_free(struct hook_job *job)
{
    if (!job)
        return;
    free(job->body);
    free(job);
}

/* Steals data. NULL: no memory, or it is larger than it may be. */
static struct hook_job *make_job(const struct sig_hooks *h, const char *event, const char *room_id,
                                 json_t *data, size_t reply_max)
{
    char id[SIG_ID_SIZE];
    sig_id_make(id, sizeof(id));
    json_t *json = json_pack("{s:s, s:s, s:I, s:s, s:o*}", "event", event, "id", id, "at",
                             (json_int_t)mcu_wall_ms(), "roomId", room_id, "data", data);
    struct hook_job *job = json ? calloc(1, sizeof(*job) + reply_max) : NULL;
    if (job)
        job->body = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(json);
    if (!job || !job->body || strlen(job->body) > SIG_HOOKS_BODY_MAX)
        goto fail;
    job->size = strlen(job->body);
    snprintf(job->event, sizeof(job->event), "%s", event);
    snprintf(job->room_id, sizeof(job->room_id), "%s", room_id);
    if (h->secret[0] && sig_hook_sign(job->signature, h->secret, job->body, job->size))
        goto fail;
    return job;

fail:
    hook_job_free(job);
    return NULL;
}

static void count_dropped(struct sig_hooks *h, const char *event, const char *room_id)
{
    pthread_mutex_lock(&h->lock);
    const uint64_t dropped = ++h->stats.dropped;
    pthread_mutex_unlock(&h->lock);
    if ((dropped & (dropped - 1)) == 0) /* the 1st, 2nd, 4th, 8th: a flood may not fill the log */
        log_error("room=%s hooks: %s is lost, %llu so far", room_id, event,
                  (unsigned long long)dropped);
}

void sig_hooks_post(struct sig_hooks *h, const char *event, const char *room_id, json_t *data)
{
    if (!h) {
        json_decref(data);
        return;
    }
    struct hook_job *job = make_job(h, event, room_id, data, 0);
    pthread_mutex_lock(&h->lock);
    h->stats.posted++;
    const bool is_taken = job && h->stats.waiting < SIG_HOOKS_WAITING_MAX;
    if (is_taken) {
        h->stats.waiting++;
        hook_list_push(&h->incoming, job);
    }
    pthread_mutex_unlock(&h->lock);
    if (is_taken) {
        curl_multi_wakeup(h->multi);
        return;
    }
    hook_job_free(job);
    count_dropped(h, event, room_id);
}

/* Answered when the front is back in its loop. */
static void answer_by_default(struct sig_hooks *h, struct hook_job *job)
{
    job->answer = (struct sig_hook_answer){.is_allowed = h->allows_on_error};
    pthread_mutex_lock(&h->lock);
    h->stats.unanswered++;
    hook_list_push(&h->answered, job);
    pthread_mutex_unlock(&h->lock);
    eventfd_write(h->fd, 1);
}

int sig_hooks_ask(struct sig_hooks *h, const char *event, const char *room_id, json_t *data,
                  sig_hook_fn *done, void *arg)
{
    if (!h || !h->is_asking) {
        json_decref(data);
        return 0;
    }
    struct hook_job *job = make_job(h, event, room_id, data, HOOK_ANSWER_MAX);
    if (!job)
        return -ENOMEM;
    job->done = done;
    job->arg = arg;
    job->deadline_us = mcu_now_us() + h->ask_timeout_ms * MCU_US_PER_MS;
    pthread_mutex_lock(&h->lock);
    h->stats.asked++;
    const bool is_taken = h->asks_open++ < SIG_HOOKS_ASKS_MAX;
    if (is_taken)
        hook_list_push(&h->incoming, job);
    pthread_mutex_unlock(&h->lock);
    if (is_taken)
        curl_multi_wakeup(h->multi);
    else
        answer_by_default(h, job);
    return 1;
}

/* --- answers ---------------------------------------------------------------------------------- */

int sig_hooks_fd(const struct sig_hooks *h)
{
    return h ? h->fd : -1;
}

void sig_hooks_service(struct sig_hooks *h)
{
    eventfd_t unused;
    if (!h)
        return;
    eventfd_read(h->fd, &unused);
    pthread_mutex_lock(&h->lock);
    struct hook_list answered = h->answered;
    h->answered = (struct hook_list){0};
    for (const struct hook_job *job = answered.first; job; job = job->next)
        h->asks_open--;
    pthread_mutex_unlock(&h->lock);
    for (struct hook_job *job; (job = hook_list_pop(&answered));) {
        if (job->answer.is_answered && !job->answer.is_allowed)
            log_info("room=%s hooks: %s: no, %s", job->room_id, job->event, job->answer.msg);
        job->done(job->arg, &job->answer);
        hook_job_free(job);
    }
}

void sig_hooks_stats(struct sig_hooks *h, struct sig_hooks_stats *out)
{
    *out = (struct sig_hooks_stats){0};
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    *out = h->stats;
    pthread_mutex_unlock(&h->lock);
}

/* --- start and end ---------------------------------------------------------------------------- */

static void read_settings(struct sig_hooks *h, const struct mcu_config *config)
{
    snprintf(h->url, sizeof(h->url), "%s", config->hooks.url);
    snprintf(h->secret, sizeof(h->secret), "%s", config->hooks.secret);
    h->attempts = config->hooks.attempts;
    h->timeout_ms = config->hooks.timeout_ms;
    h->ask_timeout_ms = config->hooks.ask_timeout_ms;
    h->is_asking = config->hooks.ask;
    h->allows_on_error = strcmp(config->hooks.on_error, "allow") == 0;
}

int sig_hooks_create(struct sig_hooks **out, const struct mcu_config *config)
{
    if (!config->hooks.url[0]) {
        *out = NULL;
        return 0;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    struct sig_hooks *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    read_settings(h, config);
    pthread_mutex_init(&h->lock, NULL);
    h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int err = h->fd < 0 ? -errno : 0;
    if (err)
        goto fail;
    h->multi = curl_multi_init();
    if (!h->multi) {
        err = -ENOMEM;
        goto fail;
    }
    err = mcu_thread_start(&h->thread, "hooks", hooks_run, h);
    if (err)
        goto fail;
    h->has_thread = true;
    *out = h;
    return 0;

fail:
    sig_hooks_destroy(h);
    return err;
}

/* What came after the thread's last look: of the answers' own doing. */
static void end_leftovers(struct sig_hooks *h)
{
    static const struct sig_hook_answer no;
    for (struct hook_job *job; (job = hook_list_pop(&h->incoming));) {
        if (job->done)
            job->done(job->arg, &no);
        else
            h->stats.dropped++;
        hook_job_free(job);
    }
}

void sig_hooks_destroy(struct sig_hooks *h)
{
    if (!h)
        return;
    if (h->has_thread) {
        pthread_mutex_lock(&h->lock);
        h->is_closing = true;
        h->close_deadline_us = mcu_now_us() + CLOSE_WAIT_US;
        pthread_mutex_unlock(&h->lock);
        curl_multi_wakeup(h->multi);
        pthread_join(h->thread, NULL);
        sig_hooks_service(h); /* the thread has answered what it had */
        end_leftovers(h);
        if (h->stats.dropped || h->stats.failed)
            log_warn("hooks: %llu events were lost",
                     (unsigned long long)(h->stats.dropped + h->stats.failed));
    }
    if (h->multi)
        curl_multi_cleanup(h->multi);
    if (h->fd >= 0)
        close(h->fd);
    pthread_mutex_destroy(&h->lock);
    free(h);
    curl_global_cleanup();
}
