/* The thread "hooks": everything that waits for the application's server; see hooks.h.
 *
 *   incoming -> lanes (one a room, events in order) -> at most SENDING_MAX transfers
 *            -> asks (in order of coming)           -> at most ASKING_MAX  transfers -> answered
 *
 * A lane whose first event failed is due again after a pause; the others go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/hooks_internal.h"

enum { SENDING_MAX = 16, ASKING_MAX = 32, CONNECTIONS_KEPT = 32, POLL_MOST_MS = 1000 };

/* --- one transfer ----------------------------------------------------------------------------- */

static size_t keep_reply(char *data, size_t one, size_t size, void *arg)
{
    struct hook_job *job = arg;
    if (!job->done)
        return one * size; /* of an event only the status counts */
    if (size > HOOK_ANSWER_MAX - job->reply_size)
        return 0;
    memcpy(job->reply + job->reply_size, data, size);
    job->reply_size += size;
    return size;
}

static bool add_header(struct hook_job *job, const char *line)
{
    struct curl_slist *more = curl_slist_append(job->headers, line);
    if (more)
        job->headers = more;
    return more;
}

static bool add_headers(struct hook_job *job)
{
    char line[128];
    snprintf(line, sizeof(line), "X-Mixdown-Event: %s", job->event);
    bool is_fine = add_header(job, "Content-Type: application/json") && add_header(job, line) &&
                   add_header(job, "Expect:"); /* no round trip for a 100 */
    snprintf(line, sizeof(line), "X-Mixdown-Signature: %s", job->signature);
    if (is_fine && job->signature[0])
        is_fine = add_header(job, line);
    return is_fine;
}

static void end_transfer(struct sig_hooks *h, struct hook_job *job)
{
    if (job->easy) {
        curl_multi_remove_handle(h->multi, job->easy);
        curl_easy_cleanup(job->easy);
        *(job->done ? &h->asking : &h->sending) -= 1;
    }
    curl_slist_free_all(job->headers);
    job->easy = NULL;
    job->headers = NULL;
}

static void set_options(const struct sig_hooks *h, struct hook_job *job, int64_t timeout_ms)
{
    CURL *e = job->easy;
    curl_easy_setopt(e, CURLOPT_URL, h->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_PROXY, ""); /* none, whatever the environment says */
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "mixdown/" MIXDOWN_VERSION);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, job->headers);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)job->size);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, job->body);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, keep_reply);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, job);
    curl_easy_setopt(e, CURLOPT_PRIVATE, job);
}

/* Returns whether it is on its way. */
static bool begin_transfer(struct sig_hooks *h, struct hook_job *job, int64_t timeout_ms)
{
    job->reply_size = 0;
    if (!add_headers(job) || !(job->easy = curl_easy_init())) {
        end_transfer(h, job);
        return false;
    }
    *(job->done ? &h->asking : &h->sending) += 1;
    set_options(h, job, timeout_ms > 0 ? timeout_ms : 1);
    if (curl_multi_add_handle(h->multi, job->easy) == CURLM_OK)
        return true;
    end_transfer(h, job);
    return false;
}

/* --- events ----------------------------------------------------------------------------------- */

static struct hook_lane *lane_of(struct sig_hooks *h, const char *room_id)
{
    struct hook_lane **at = &h->lanes;
    while (*at && strcmp((*at)->room_id, room_id) != 0)
        at = &(*at)->next;
    if (*at)
        return *at;
    struct hook_lane *lane = calloc(1, sizeof(*lane));
    if (!lane)
        return NULL;
    snprintf(lane->room_id, sizeof(lane->room_id), "%s", room_id);
    *at = lane;
    return lane;
}

static void count_end(struct sig_hooks *h, uint64_t *counter)
{
    pthread_mutex_lock(&h->lock);
    (*counter)++;
    h->stats.waiting--;
    pthread_mutex_unlock(&h->lock);
}

/* The first of the lane is over, delivered or not. */
static void finish_first(struct sig_hooks *h, struct hook_lane *lane, uint64_t *counter)
{
    hook_job_free(hook_list_pop(&lane->jobs));
    lane->due_us = 0;
    count_end(h, counter);
}

/* Said at the first failure of an event and when it is given up. */
static void attempt_failed(struct sig_hooks *h, struct hook_lane *lane, const char *why)
{
    struct hook_job *job = lane->jobs.first;
    job->attempts++;
    if (job->attempts == 1)
        log_warn("room=%s hooks: %s: %s; it is tried again", job->room_id, job->event, why);
    if (job->attempts >= h->attempts) {
        log_error("room=%s hooks: %s is given up after %u attempts: %s", job->room_id, job->event,
                  job->attempts, why);
        finish_first(h, lane, &h->stats.failed);
        return;
    }
    lane->due_us = mcu_now_us() + sig_hook_pause_us(job->attempts);
    pthread_mutex_lock(&h->lock);
    h->stats.retries++;
    pthread_mutex_unlock(&h->lock);
}

static void event_done(struct sig_hooks *h, struct hook_job *job, CURLcode code, long status)
{
    char why[64];
    struct hook_lane *lane = lane_of(h, job->room_id);
    lane->is_sending = false;
    if (code == CURLE_OK && status >= 200 && status <= 299) {
        finish_first(h, lane, &h->stats.delivered);
        return;
    }
    snprintf(why, sizeof(why), "HTTP %ld", status);
    attempt_failed(h, lane, code == CURLE_OK ? why : curl_easy_strerror(code));
}

static void start_lanes(struct sig_hooks *h, int64_t now_us)
{
    for (struct hook_lane **at = &h->lanes; *at;) {
        struct hook_lane *lane = *at;
        if (!lane->jobs.first) {
            *at = lane->next;
            free(lane);
            continue;
        }
        at = &lane->next;
        if (lane->is_sending || lane->due_us > now_us || h->sending >= SENDING_MAX)
            continue;
        lane->is_sending = begin_transfer(h, lane->jobs.first, h->timeout_ms);
        if (!lane->is_sending)
            attempt_failed(h, lane, "out of memory");
    }
}

/* --- questions -------------------------------------------------------------------------------- */

static void give_answer(struct sig_hooks *h, struct hook_job *job)
{
    pthread_mutex_lock(&h->lock);
    if (!job->answer.is_answered)
        h->stats.unanswered++;
    else if (!job->answer.is_allowed)
        h->stats.refused++;
    hook_list_push(&h->answered, job);
    pthread_mutex_unlock(&h->lock);
    eventfd_write(h->fd, 1);
}

static void no_answer(struct sig_hooks *h, struct hook_job *job, const char *why)
{
    log_warn("room=%s hooks: %s: %s; it is %s", job->room_id, job->event, why,
             h->allows_on_error ? "allowed" : "refused");
    job->answer = (struct sig_hook_answer){.is_allowed = h->allows_on_error};
    give_answer(h, job);
}

static void list_asked(struct sig_hooks *h, struct hook_job *job)
{
    job->next = h->asked;
    h->asked = job;
}

static void unlist_asked(struct sig_hooks *h, const struct hook_job *job)
{
    struct hook_job **at = &h->asked;
    while (*at && *at != job)
        at = &(*at)->next;
    if (*at)
        *at = job->next;
}

static void question_done(struct sig_hooks *h, struct hook_job *job, CURLcode code, long status)
{
    char why[64];
    unlist_asked(h, job);
    snprintf(why, sizeof(why), "no answer in HTTP %ld", status);
    if (code != CURLE_OK)
        no_answer(h, job, curl_easy_strerror(code));
    else if (!sig_hook_answer_read(&job->answer, status, job->reply, job->reply_size))
        no_answer(h, job, why);
    else
        give_answer(h, job);
}

static void start_asks(struct sig_hooks *h, int64_t now_us)
{
    while (h->asks.first && h->asking < ASKING_MAX) {
        struct hook_job *job = hook_list_pop(&h->asks);
        const int64_t left_ms = (job->deadline_us - now_us) / MCU_US_PER_MS;
        if (left_ms <= 0)
            no_answer(h, job, "too many questions are open");
        else if (!begin_transfer(h, job, left_ms))
            no_answer(h, job, "out of memory");
        else
            list_asked(h, job);
    }
}

/* --- the thread ------------------------------------------------------------------------------- */

static void take_incoming(struct sig_hooks *h)
{
    pthread_mutex_lock(&h->lock);
    struct hook_list incoming = h->incoming;
    h->incoming = (struct hook_list){0};
    pthread_mutex_unlock(&h->lock);
    for (struct hook_job *job; (job = hook_list_pop(&incoming));) {
        struct hook_lane *lane = job->done ? NULL : lane_of(h, job->room_id);
        if (job->done) {
            hook_list_push(&h->asks, job);
        } else if (lane) {
            hook_list_push(&lane->jobs, job);
        } else {
            hook_job_free(job);
            count_end(h, &h->stats.dropped);
        }
    }
}

static void take_done(struct sig_hooks *h)
{
    int left = 0;
    for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        struct hook_job *job = NULL;
        long status = 0;
        const CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&job);
        curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        end_transfer(h, job);
        if (job->done)
            question_done(h, job, code, status);
        else
            event_done(h, job, code, status);
    }
}

static int wait_ms(const struct sig_hooks *h, int64_t now_us)
{
    int64_t until_us = now_us + POLL_MOST_MS * MCU_US_PER_MS;
    if (h->sending >= SENDING_MAX)
        return POLL_MOST_MS; /* the end of one wakes us */
    for (const struct hook_lane *lane = h->lanes; lane; lane = lane->next) {
        if (!lane->is_sending && lane->jobs.first && lane->due_us < until_us)
            until_us = lane->due_us > now_us ? lane->due_us : now_us;
    }
    return (int)((until_us - now_us + MCU_US_PER_MS - 1) / MCU_US_PER_MS);
}

/* At the end: whether there is something that was not tried yet, and time. */
static bool is_over(struct sig_hooks *h, int64_t now_us)
{
    pthread_mutex_lock(&h->lock);
    const bool is_closing = h->is_closing;
    const bool is_late = h->is_closing && now_us >= h->close_deadline_us;
    const bool has_more = h->incoming.first;
    pthread_mutex_unlock(&h->lock);
    if (!is_closing || is_late)
        return is_late;
    bool is_idle = !has_more && h->sending == 0;
    for (const struct hook_lane *lane = h->lanes; lane && is_idle; lane = lane->next)
        is_idle = !lane->jobs.first || lane->jobs.first->attempts > 0;
    return is_idle;
}

static void drop_lane(struct sig_hooks *h, struct hook_lane *lane)
{
    for (struct hook_job *job; (job = hook_list_pop(&lane->jobs));) {
        end_transfer(h, job);
        hook_job_free(job);
        count_end(h, &h->stats.dropped);
    }
    free(lane);
}

static void refuse(struct sig_hooks *h, struct hook_job *job)
{
    end_transfer(h, job);
    job->answer = (struct sig_hook_answer){0};
    give_answer(h, job);
}

static void end_all(struct sig_hooks *h)
{
    take_incoming(h);
    while (h->lanes) {
        struct hook_lane *lane = h->lanes;
        h->lanes = lane->next;
        drop_lane(h, lane);
    }
    for (struct hook_job *job; (job = hook_list_pop(&h->asks));)
        refuse(h, job);
    while (h->asked) {
        struct hook_job *job = h->asked;
        h->asked = job->next;
        refuse(h, job);
    }
}

void *hooks_run(void *arg)
{
    struct sig_hooks *h = arg;
    int running = 0;
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    while (!is_over(h, mcu_now_us())) {
        take_incoming(h);
        start_lanes(h, mcu_now_us());
        start_asks(h, mcu_now_us());
        curl_multi_perform(h->multi, &running);
        take_done(h);
        curl_multi_poll(h->multi, NULL, 0, wait_ms(h, mcu_now_us()), NULL);
    }
    end_all(h);
    return NULL;
}
