/* SPDX-License-Identifier: MIT */
/* auditlog: finding, ordering and reading the files of an audit log. */
#include "auditlog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"

/* ---- where it is ---- */

int auditlog_settings(struct config *config, struct why *why)
{
	config_init(config);
	int r = config_read_own(config, getuid(), why);
	if (r < 0)
		return r;
	if (config_audit_resolve(config, getuid()) < 0 || !config->audit_file[0])
		return why_set(why, -ENOENT,
			"there is no audit log in the settings of this user; name one with --log");
	return 0;
}

/* ---- files ---- */

static int reader_fill(struct auditlog_reader *reader)
{
	ssize_t n;

	memmove(reader->bytes, reader->bytes + reader->at, reader->have - reader->at);
	reader->have -= reader->at;
	reader->at = 0;
	do
		n = read(reader->fd, reader->bytes + reader->have,
			sizeof(reader->bytes) - reader->have);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	reader->have += (size_t)n;
	return n > 0;
}

/* The line at the front, with its newline; NULL: not there yet. */
static char *reader_line(struct auditlog_reader *reader, size_t *ret_len)
{
	char *line = reader->bytes + reader->at;
	char *end = memchr(line, '\n', reader->have - reader->at);

	if (!end)
		return NULL;
	*ret_len = (size_t)(end - line);
	reader->at += *ret_len + 1;
	return line;
}

int auditlog_next(struct auditlog_reader *reader, const char **ret_line, size_t *ret_len)
{
	size_t len;

	for (;;) {
		const char *line = reader_line(reader, &len);
		if (line && reader->skipping) {
			reader->skipping = false;
			continue;
		}
		if (line) {
			*ret_line = line;
			*ret_len = len;
			return 1;
		}
		if (reader->have - reader->at >= AUDIT_LINE) {
			bool told = reader->skipping;

			*ret_line = reader->bytes + reader->at;
			*ret_len = reader->have - reader->at;
			reader->at = reader->have;
			reader->skipping = true;
			if (!told)
				return 1;
		}
		int r = reader_fill(reader);
		if (r <= 0)
			return r;
	}
}

bool auditlog_begun(const struct auditlog_reader *reader)
{
	return reader->have > reader->at || reader->skipping;
}

static int file_open(const char *path, struct auditlog_file *ret_file, struct why *why)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return why_set(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return why_set(why, -EINVAL, "%s is not a regular file", path);
	char *copy = strdup(path);
	if (!copy)
		return why_set(why, -ENOMEM, "out of memory");
	*ret_file = (struct auditlog_file){.path = copy, .fd = fd_take(&fd), .st = st};
	return 0;
}

/* The number of its first line. 1: it has one; 0: nothing is in it yet; -1: not an audit log. */
static int file_first(struct auditlog_file *file)
{
	struct audit_head head;
	char line[AUDIT_LINE];
	ssize_t n = pread(file->fd, line, sizeof(line), 0);
	const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;

	if (n == 0)
		return 0;
	if (!end || !audit_head_parse(line, (size_t)(end - line), &head))
		return -1;
	file->first = head.n;
	return 1;
}

/* Behind those with smaller numbers; one without lines is the newest. */
static int log_insert(struct auditlog *log, const struct auditlog_file *file)
{
	struct auditlog_file *items = reallocarray(log->items, log->n + 1, sizeof(log->items[0]));
	size_t at = log->n;

	if (!items)
		return -ENOMEM;
	log->items = items;
	while (at > 0 && file->first && (!items[at - 1].first || items[at - 1].first > file->first))
		at--;
	memmove(items + at + 1, items + at, (log->n - at) * sizeof(items[0]));
	items[at] = *file;
	log->n++;
	return 0;
}

static void file_close(struct auditlog_file *file)
{
	fd_close(&file->fd);
	free(file->path);
}

int auditlog_add(struct auditlog *log, const char *path, struct why *why)
{
	struct auditlog_file file = {.fd = -1};
	int r = file_open(path, &file, why);

	if (r < 0)
		return r;
	/* What is wrong in it is for its reader to say. */
	file_first(&file);
	r = log_insert(log, &file);
	if (r < 0) {
		file_close(&file);
		return why_set(why, r, "out of memory");
	}
	return 0;
}

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return len > n && strcmp(name + len - n, end) == 0;
}

static bool is_packed(const char *name)
{
	return ends_in(name, ".gz") || ends_in(name, ".xz") || ends_in(name, ".zst") ||
	       ends_in(name, ".bz2");
}

/* LOG.1, LOG-20261231 */
static bool is_beside(const char *name, const char *log)
{
	size_t len = strlen(log);

	return strncmp(name, log, len) == 0 && (name[len] == '.' || name[len] == '-');
}

static int find_one(struct auditlog *log, const char *folder, const char *name, struct why *why)
{
	struct auditlog_file file = {.fd = -1};
	char path[CONFIG_PATH + 256];

	if (is_packed(name)) {
		log->packed++;
		return 0;
	}
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int r = file_open(path, &file, why);
	/* Rotation may just have renamed or removed it. */
	if (r == -ENOENT || r == -EINVAL)
		return 0;
	if (r == 0 && file_first(&file) > 0) {
		r = log_insert(log, &file);
		if (r == 0)
			return 0;
		why_set(why, r, "out of memory");
	}
	file_close(&file);
	return r;
}

int auditlog_find(const char *path, struct auditlog *ret_log, struct why *why)
{
	struct auditlog log = {0};
	char folder[CONFIG_PATH], base[CONFIG_PATH];
	const struct dirent *entry;

	if (strlen(path) >= CONFIG_PATH)
		return why_set(why, -ENAMETOOLONG, "%.32s...: too long", path);
	strcpy(folder, path);
	strcpy(base, path);
	const char *in = dirname(folder), *name = basename(base);
	int r = auditlog_add(&log, path, why);
	DIR *dir = r < 0 ? NULL : opendir(in);
	/* Who may only read the log reads the log. */
	if (r == 0 && !dir && errno != EACCES)
		r = why_set(why, -errno, "%s: %s", in, strerror(errno));
	while (r == 0 && dir && (entry = readdir(dir)))
		if (is_beside(entry->d_name, name))
			r = find_one(&log, in, entry->d_name, why);
	if (dir)
		closedir(dir);
	if (r < 0) {
		auditlog_free(&log);
		return r;
	}
	*ret_log = log;
	return 0;
}

void auditlog_free(struct auditlog *log)
{
	for (size_t i = 0; i < log->n; i++)
		file_close(&log->items[i]);
	free(log->items);
	*log = (struct auditlog){0};
}
