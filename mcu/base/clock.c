/* Clocks; see clock.h. */
#include "mcu/base/clock.h"

#include <errno.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * MCU_US_PER_S + ts.tv_nsec / 1000;
}

int64_t mcu_now_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t mcu_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / MCU_US_PER_MS;
}

uint64_t mcu_ntp_now(void)
{
    /* NTP counts from 1900: 70 years with 17 leap days before the Unix epoch. */
    const uint64_t unix_to_ntp_s = UINT64_C(2208988800);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    const uint64_t fraction = ((uint64_t)ts.tv_nsec << 32) / UINT64_C(1000000000);
    return (((uint64_t)ts.tv_sec + unix_to_ntp_s) << 32) | fraction;
}

void mcu_sleep_until_us(int64_t deadline_us)
{
    const struct timespec ts = {
        .tv_sec = (time_t)(deadline_us / MCU_US_PER_S),
        .tv_nsec = (long)(deadline_us % MCU_US_PER_S) * 1000,
    };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}

int64_t mcu_cpu_us(void)
{
    return read_us(CLOCK_PROCESS_CPUTIME_ID);
}
