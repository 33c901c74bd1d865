/* SPDX-License-Identifier: MIT */
/*
 * notify: what the supervisor tells a service manager, by the protocol of sd_notify(3): one
 * datagram of NAME=VALUE lines to the socket that $NOTIFY_SOCKET names ("/path", or "@name" for an
 * abstract one). Nothing is sent where there is none.
 *
 * Threads: the supervisor's only one.
 */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

#include <stdint.h>

/* Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID. -EINVAL: a name that cannot be one. */
int notify_init(void);

/* Sends one message. Whether anybody listens is not our business: failures are dropped. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often the service manager wants a sign of life, in ms (half of its limit); 0: never. */
int64_t notify_watchdog_ms(void);

#endif
