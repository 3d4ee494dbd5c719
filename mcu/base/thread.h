/* mcu/base/thread.h - named threads. Every name used here has a line in docs/architecture.md. */
#ifndef MCU_BASE_THREAD_H
#define MCU_BASE_THREAD_H

#include <pthread.h>

/* [any] Starts fn(arg) on a new joinable thread called name (15 bytes at most), with every signal
 * blocked. *out is written only on success. Returns 0 or a negative errno. */
int mcu_thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg);

/* [any] Asks for SCHED_RR at that level for the calling thread, 1..99; 0 asks for nothing. Where it
 * is not granted the thread runs as others do. */
void mcu_thread_ask_priority(int level);

#endif
