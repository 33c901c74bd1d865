/* SPDX-License-Identifier: MIT */
/*
 * log: one line to stderr or syslog, from fs and tools (store itself stays silent but for
 * LOG_DEBUG). Never a value, a key, or rejected input that may be one. Control characters in
 * arguments come out as \xNN, so that a name cannot forge a line. Threads: any.
 */
#ifndef STORE_LOG_H
#define STORE_LOG_H

#include <stdbool.h>
#include <syslog.h>

/* name: the program's, a string that lives for ever. to_syslog: else stderr as "name: text".
 * debug: LOG_DEBUG lines come out too. May be called again (going to the background). */
void log_init(const char *name, bool to_syslog, bool debug);

/* Into a pipe instead, as "<N>text" with the priority N: one write a line, so that lines of several
 * threads do not mix. fd must not block: lines that find no room are counted, and the next one that
 * does is preceded by one that says how many are missing. */
void log_init_pipe(int fd, bool debug);

__attribute__((format(printf, 2, 3))) void log_line(int priority, const char *fmt, ...);

#define log_err(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
