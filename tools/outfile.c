/* SPDX-License-Identifier: MIT */
/* outfile: bytes that may be secret on their way to standard output or to a file. */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "io.h"

#define OUTFILE_BUFFER (64u << 10)

int outfile_why(const struct outfile *out, struct why *why, int err)
{
	return why_set(why, err, "%.600s: %s", out->path != NULL ? out->path : "standard output",
		strerror(-err));
}

static int outfile_dir(struct outfile *out, struct why *why)
{
	char *folder = strndup(out->path, (size_t)(out->name - out->path));

	if (folder == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	out->dir = open(folder[0] != '\0' ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	return out->dir < 0 ? outfile_why(out, why, -errno) : 0;
}

int outfile_plan(struct outfile *out, const char *path, bool replace, struct why *why)
{
	struct stat st;
	const char *slash;
	int r;

	if (path == NULL || strcmp(path, "-") == 0)
		return 0;
	slash = strrchr(path, '/');
	out->path = path;
	out->name = slash != NULL ? slash + 1 : path;
	out->replace = replace;
	if (out->name[0] == '\0')
		return why_set(why, -EINVAL, "%.600s: that is no name of a file", path);
	r = outfile_dir(out, why);
	if (r < 0)
		return r;
	if (fstatat(out->dir, out->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : outfile_why(out, why, -errno);
	if (!S_ISREG(st.st_mode))
		return why_set(why, -EEXIST, "%.600s: it is %s; name a regular file, or none", path,
			S_ISLNK(st.st_mode) ? "a symbolic link" : "not a regular file");
	if (!replace)
		return why_set(why, -EEXIST,
			"%.600s: it exists already and was not changed; --force replaces it", path);
	return 0;
}

int outfile_open(struct outfile *out, struct why *why)
{
	uint64_t random;
	int r = secbuf_alloc(&out->buffer, OUTFILE_BUFFER, SECMEM_SELF);

	if (r < 0)
		return why_set(why, r, "no locked memory is left to write with; raise ulimit -l");
	if (out->path == NULL) {
		out->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return out->fd < 0 ? outfile_why(out, why, -errno) : 0;
	}
	secmem_random(&random, sizeof(random));
	snprintf(out->temp, sizeof(out->temp), ".secretctl.%016llx", (unsigned long long)random);
	out->fd = openat(
		out->dir, out->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out->fd < 0) {
		out->temp[0] = '\0';
		return outfile_why(out, why, -errno);
	}
	/* An umask may have taken away too much. */
	return fchmod(out->fd, 0600) < 0 ? outfile_why(out, why, -errno) : 0;
}

static int outfile_flush(struct outfile *out)
{
	int r = io_write_all(out->fd, out->buffer.data, out->buffer.len);

	out->buffer.len = 0;
	return r;
}

int outfile_put(struct outfile *out, const void *bytes, size_t len)
{
	struct secbuf *buffer = &out->buffer;
	int r = 0;

	if (len > buffer->cap - buffer->len)
		r = outfile_flush(out);
	if (r < 0)
		return r;
	if (len > buffer->cap)
		return io_write_all(out->fd, bytes, len);
	if (len > 0)
		memcpy(buffer->data + buffer->len, bytes, len);
	buffer->len += len;
	return 0;
}

int outfile_byte(struct outfile *out, char c)
{
	struct secbuf *buffer = &out->buffer;
	int r = buffer->len == buffer->cap ? outfile_flush(out) : 0;

	if (r == 0)
		buffer->data[buffer->len++] = (uint8_t)c;
	return r;
}

/* Not every file system has RENAME_NOREPLACE; a hard link replaces nothing either. */
static int outfile_rename(struct outfile *out)
{
	unsigned flags = out->replace ? 0 : RENAME_NOREPLACE;

	if (renameat2(out->dir, out->temp, out->dir, out->name, flags) == 0) {
		out->temp[0] = '\0';
		return 0;
	}
	if (errno != EINVAL || out->replace)
		return -errno;
	return linkat(out->dir, out->temp, out->dir, out->name, 0) < 0 ? -errno : 0;
}

int outfile_commit(struct outfile *out, struct why *why)
{
	int r = outfile_flush(out);

	if (r == 0 && out->path != NULL && fsync(out->fd) < 0)
		r = -errno;
	if (r == 0 && close(fd_take(&out->fd)) < 0)
		r = -errno;
	if (r == 0 && out->path != NULL)
		r = outfile_rename(out);
	return r < 0 ? outfile_why(out, why, r) : 0;
}

void outfile_close(struct outfile *out)
{
	if (out->temp[0] != '\0')
		unlinkat(out->dir, out->temp, 0);
	fd_close(&out->fd);
	fd_close(&out->dir);
	secbuf_free(&out->buffer);
	*out = OUTFILE_INIT;
}
