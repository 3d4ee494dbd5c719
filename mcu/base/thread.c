/* Threads; see thread.h. */
#include "mcu/base/thread.h"

#include <sched.h>
#include <signal.h>

int mcu_thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_t thread;
    const int err = pthread_create(&thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err)
        return -err;
    pthread_setname_np(thread, name);
    *out = thread;
    return 0;
}

void mcu_thread_ask_priority(int level)
{
    const struct sched_param param = {.sched_priority = level};
    if (level)
        pthread_setschedparam(pthread_self(), SCHED_RR, &param);
}
