/* SPDX-License-Identifier: MIT */
/* notify: the service manager's socket. */
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"

static struct {
	struct sockaddr_un address;
	socklen_t len; /* 0: nobody listens */
	int64_t watchdog_ms;
} manager;

static int64_t read_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	char *end;

	/* systemd names the process it started; in the background that was the launcher. */
	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	errno = 0;
	unsigned long long limit = strtoull(usec, &end, 10);

	return errno || *end || end == usec || limit > INT64_MAX ? 0 : (int64_t)(limit / 2000);
}

int notify_init(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name ? strlen(name) : 0;

	manager.len = 0;
	manager.watchdog_ms = 0;
	if (!name)
		return 0;
	if (len < 2 || len >= sizeof(manager.address.sun_path) ||
		(name[0] != '/' && name[0] != '@'))
		return -EINVAL;
	manager.address.sun_family = AF_UNIX;
	memcpy(manager.address.sun_path, name, len + 1);
	if (name[0] == '@')
		manager.address.sun_path[0] = '\0';
	manager.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
	manager.watchdog_ms = read_watchdog();
	return 0;
}

void notify_send(const char *format, ...)
{
	char text[512];
	va_list args;

	if (!manager.len)
		return;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || n < 0)
		return;
	size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

	if (sendto(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT,
		    (const struct sockaddr *)&manager.address, manager.len) < 0)
		return;
}

int64_t notify_watchdog_ms(void)
{
	return manager.watchdog_ms;
}
