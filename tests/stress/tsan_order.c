// SPDX-License-Identifier: MIT
/*
 * tsan_order: part of the daemon of preset tsan. Tells ThreadSanitizer what the kernel orders, and
 * how to behave.
 *
 * A request comes after the replies that made the caller send it (a RELEASE after the OPEN).
 * ThreadSanitizer knows that of descriptors that it saw being opened; a worker gets the one of
 * /dev/fuse by exec. So every reply comes before every read that ends later here. That is also what
 * ThreadSanitizer itself assumes of one descriptor.
 *
 * Its options are here because the daemon clears its environment.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

#include <sanitizer/tsan_interface.h>

#include "ring.h"

const char *__tsan_default_options(void);

/* NOLINTNEXTLINE: the name is ThreadSanitizer's. */
const char *__tsan_default_options(void)
{
	return "history_size=4:suppressions=" TSAN_SUPPRESSIONS;
}

static char order;

/* dlsym gives an object pointer where a function's is wanted. */
static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	__tsan_release(&order);
	return ring_writev(fd, iov, n);
}

ssize_t read(int fd, void *buf, size_t len)
{
	static ssize_t (*real)(int, void *, size_t);

	if (!real)
		*(void **)&real = next("read");
	ssize_t n = real(fd, buf, len);
	__tsan_acquire(&order);
	return n;
}
