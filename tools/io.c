/* SPDX-License-Identifier: MIT */
/* io: full reads and writes between descriptors and secret memory. */
#include "io.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IO_FIRST (64u << 10)

/* One byte more than a file says it has, so that its end is seen without growing. */
static size_t io_guess(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0)
		return (size_t)st.st_size + 1;
	return IO_FIRST;
}

int io_read_all(int fd, struct secbuf *ret_bytes)
{
	AUTO_SECBUF b = SECBUF_INIT;
	int r = secbuf_alloc(&b, io_guess(fd), SECMEM_SELF);

	while (r == 0) {
		ssize_t n;

		if (b.len == b.cap) {
			r = secbuf_grow(&b, b.cap * 2);
			continue;
		}
		n = read(fd, b.data + b.len, b.cap - b.len);
		if (n == 0)
			break;
		if (n > 0)
			b.len += (size_t)n;
		else if (errno != EINTR)
			r = -errno;
	}
	if (r == 0)
		*ret_bytes = secbuf_take(&b);
	return r;
}

int io_write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int io_append(struct secbuf *b, const void *bytes, size_t len)
{
	if (b->cap - b->len < len) {
		int r = secbuf_grow(b, (b->len + len) * 2);

		if (r < 0)
			return r;
	}
	memcpy(b->data + b->len, bytes, len);
	b->len += len;
	return 0;
}
