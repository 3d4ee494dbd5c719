/* mcu/base/clock.h - the two clocks of a process.
 *
 * Room-clock time is CLOCK_MONOTONIC in microseconds. Media modules never read a clock: the
 * caller passes now_us, so that a test or `mixdown mix` can run them on a virtual one. */
#ifndef MCU_BASE_CLOCK_H
#define MCU_BASE_CLOCK_H

#include <stdint.h>

#define MCU_US_PER_S  INT64_C(1000000)
#define MCU_US_PER_MS INT64_C(1000)

/* [any] Monotonic microseconds: the room clock when a room runs live. */
int64_t mcu_now_us(void);

/* [any] Wall-clock Unix milliseconds, for rows and replies; may step. */
int64_t mcu_wall_ms(void);

/* [any] Wall-clock time as a 64-bit NTP timestamp (RFC 3550, section 4), for RTCP sender reports. */
uint64_t mcu_ntp_now(void);

/* [any] Sleeps until the monotonic clock reads deadline_us; returns at once when it is past. */
void mcu_sleep_until_us(int64_t deadline_us);

/* [any] CPU time this process has used, user and system, in microseconds. */
int64_t mcu_cpu_us(void);

#endif
