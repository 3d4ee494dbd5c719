/* mcu/base/log.h - one line per thing worth knowing, on standard error.
 *
 * `2026-11-21T01:41:57.123Z info  room=standup peer=ann dtls connected`. Any thread may log; no
 * tick does. Log once, where an error is handled. Never log tokens, keys or SDP. */
#ifndef MCU_BASE_LOG_H
#define MCU_BASE_LOG_H

#include <stddef.h>

enum { MCU_LOG_KEPT = 512 }; /* newest lines that a process remembers */

enum mcu_log_level {
    MCU_LOG_DEBUG,
    MCU_LOG_INFO,
    MCU_LOG_WARN,
    MCU_LOG_ERROR,
};

/* [ctl] Lines below this level are dropped; INFO at the start. */
void mcu_log_set_level(enum mcu_log_level level);

/* [ctl] "debug" "info" "warn" "error"; returns 0 or -EINVAL. */
int mcu_log_set_level_name(const char *name);

/* [ctl] Words put before every message of this process, such as "room=standup"; copied. */
void mcu_log_set_context(const char *context);

/* [any] printf-like; control characters in the result are replaced, a line is cut at 1000 bytes. */
void mcu_log(enum mcu_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* [any] The newest of the kept lines that have these words in them ("": all), as far as they fit, oldest
 * first, each with its line end; size is at least 1. Returns the bytes put before the final 0. */
size_t mcu_log_recent(const char *words, char *out, size_t size);

#define log_debug(...) mcu_log(MCU_LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  mcu_log(MCU_LOG_INFO, __VA_ARGS__)
#define log_warn(...)  mcu_log(MCU_LOG_WARN, __VA_ARGS__)
#define log_error(...) mcu_log(MCU_LOG_ERROR, __VA_ARGS__)

#endif
