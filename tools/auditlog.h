/* SPDX-License-Identifier: MIT */
/*
 * auditlog: the files of an audit log: the log and what rotation has put beside it (LOG.1,
 * LOG-20261231, ...), in the order of their lines, and reading them line by line while they grow.
 */
#ifndef TOOLS_AUDITLOG_H
#define TOOLS_AUDITLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "audit.h"
#include "config.h"
#include "why.h"

struct auditlog_file {
	char *path;
	int fd;
	struct stat st;
	uint64_t first; /* number of its first line; 0: it has none yet */
};

struct auditlog {
	struct auditlog_file *items; /* oldest first */
	size_t n;
	unsigned packed; /* beside it, compressed: not among the items */
};

/* The log of the settings of this user: its path in config->audit_file. -ENOENT: there is none. */
int auditlog_settings(struct config *config, struct why *why);

/* Opens the log at path and what is beside it. -ENOENT: no log at path; -EACCES; -EINVAL: not a
 * regular file. Files beside it that are no audit logs are left out. */
int auditlog_find(const char *path, struct auditlog *ret_log, struct why *why);

/* Opens one more file and puts it where its lines belong. */
int auditlog_add(struct auditlog *log, const char *path, struct why *why);

void auditlog_free(struct auditlog *log);

struct auditlog_reader {
	int fd; /* not its own */
	size_t at, have;
	bool skipping; /* a line that is too long */
	char bytes[2 * AUDIT_LINE];
};

/*
 * The next line, without its newline; it lives until the next call. 1: a line; 0: there is no more
 * now; -errno. What is too long for a line is cut, which makes it none.
 */
int auditlog_next(struct auditlog_reader *reader, const char **ret_line, size_t *ret_len);

/* Is there something behind the last newline? */
bool auditlog_begun(const struct auditlog_reader *reader);

#endif
