/* signaling/hooks_internal.h - shared by the files of hooks; only signaling/hooks*.c include it. */
#ifndef SIGNALING_HOOKS_INTERNAL_H
#define SIGNALING_HOOKS_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>

#include "signaling/hooks.h"

enum { HOOK_ANSWER_MAX = 4096 };

/* One event or question. */
struct hook_job {
    struct hook_job *next;
    char event[40];
    char room_id[65];
    char *body;
    size_t size;
    char signature[SIG_HOOK_SIGNATURE_SIZE];
    uint32_t attempts;
    sig_hook_fn *done; /* of a question; NULL: an event */
    void *arg;
    int64_t deadline_us; /* of a question */
    struct sig_hook_answer answer;

    /* [hooks] while it is sent */
    CURL *easy;
    struct curl_slist *headers;
    size_t reply_size;
    char reply[]; /* to a question: HOOK_ANSWER_MAX, what is more is no answer; else 0 */
};

struct hook_list {
    struct hook_job *first, *last;
};

/* The events of one room: only the first is sent. */
struct hook_lane {
    struct hook_lane *next;
    char room_id[65];
    struct hook_list jobs;
    bool is_sending;
    int64_t due_us;
};

struct sig_hooks {
    /* set before the thread starts, then constant */
    char url[MCU_CONFIG_TEXT];
    char secret[MCU_CONFIG_TEXT];
    uint32_t attempts;
    uint32_t timeout_ms, ask_timeout_ms;
    bool is_asking, allows_on_error;
    int fd; /* eventfd: answers are there */
    pthread_t thread;
    bool has_thread;
    CURLM *multi; /* [hooks], but for curl_multi_wakeup() */

    /* [hooks] */
    struct hook_lane *lanes;
    struct hook_list asks;  /* wait for their turn */
    struct hook_job *asked; /* are on their way */
    uint32_t sending, asking;

    pthread_mutex_t lock; /* protects all below */
    struct hook_list incoming;
    struct hook_list answered;
    bool is_closing;
    int64_t close_deadline_us;
    uint32_t asks_open;
    struct sig_hooks_stats stats;
};

void hook_list_push(struct hook_list *l, struct hook_job *job);
struct hook_job *hook_list_pop(struct hook_list *l);
void hook_job_free(struct hook_job *job);

/* hooks_thread.c: the thread's function. */
void *hooks_run(void *arg);

#endif
