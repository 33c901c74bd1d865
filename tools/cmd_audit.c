/* SPDX-License-Identifier: MIT */
/* cmd_audit: shows the audit log, or part of it, and goes on showing what is added. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "auditask.h"
#include "auditlog.h"
#include "fd.h"
#include "info.h"
#include "log.h"
#include "print.h"
#include "secretctl.h"

#define FOLLOW_MS 200
#define SHOW_TEXT 1024

struct show {
	const char *path;
	bool follow;
	bool json;
	struct auditask ask;
	struct config config;
	uint64_t last; /* number of the last line that was met */
	unsigned bad;  /* lines that are none */
};

static const struct args_option audit_options[] = {
	{.name = "follow", .letter = 'f'},
	{.name = "since", .letter = 's', .hidden = true, .takes = true},
	{.name = "user", .letter = 'u', .hidden = true, .takes = true},
	{.name = "log", .letter = 'l', .hidden = true, .takes = true},
	{.name = "output", .letter = 'o', .takes = true},
	{0},
};

static int show_arg(struct show *show, int what, const char *value, struct why *why)
{
	switch (what) {
	case 'f':
		show->follow = true;
		return 0;
	case 's':
		return auditask_since(&show->ask, value, time(NULL), why);
	case 'u':
		return auditask_user(&show->ask, value, why);
	case 'l':
		show->path = value;
		return 0;
	case 'o':
		show->json = strcmp(value, "json") == 0;
		return show->json || strcmp(value, "table") == 0
			       ? 0
			       : why_set(why, -EINVAL, "--output: json or table");
	default:
		if (show->ask.name)
			return why_set(why, -EINVAL, "one NAME at a time; see --help");
		show->ask.name = value;
		return 0;
	}
}

static int show_args(struct show *show, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = show_arg(show, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0 && !show->path) {
		r = auditlog_settings(&show->config, why);
		show->path = show->config.audit_file;
	}
	return r;
}

/* ---- lines ---- */

/* A field's text, such that it can do nothing to a terminal; "-": there is none. */
static void show_text(
	const char *line, size_t len, const char *field, char ret_text[static SHOW_TEXT])
{
	char text[SHOW_TEXT / 2];

	if (audit_field_text(line, len, field, text, sizeof(text)) > 0)
		print_escape(text, ret_text, SHOW_TEXT);
	else
		strcpy(ret_text, "-");
}

static void show_user(const char *line, size_t len, char ret_text[static SHOW_TEXT])
{
	uint64_t uid;

	if (audit_field_number(line, len, "uid", &uid) < 0)
		strcpy(ret_text, "-");
	else
		print_escape(info_user((uid_t)uid), ret_text, SHOW_TEXT);
}

/* " field=value", if the line has the field. */
static void show_more(const char *line, size_t len, const char *field)
{
	char text[SHOW_TEXT];
	uint64_t number;

	if (audit_field_number(line, len, field, &number) == 0) {
		printf(" %s=%" PRIu64, field, number);
		return;
	}
	show_text(line, len, field, text);
	if (strcmp(text, "-") != 0)
		printf(" %s=%s", field, text);
}

/* The secret, its key or view, and what else there is to say. */
static void show_what(const char *line, size_t len)
{
	static const char *const more[] = {
		"to", "mode", "owner", "group", "acl", "count", "version", "cut", "container"};
	static const char *const parts[] = {"key", "view"};
	char text[SHOW_TEXT];

	show_text(line, len, "secret", text);
	if (strcmp(text, "-") == 0) /* audit_names = id */
		show_text(line, len, "id", text);
	fputs(text, stdout);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		show_text(line, len, parts[i], text);
		if (strcmp(text, "-") != 0)
			printf("/%s", text);
	}
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		show_more(line, len, more[i]);
}

/* Row by row, since rows may be many and more may come. */
static void show_row(const char *line, size_t len)
{
	static const struct {
		const char *field;
		int width;
	} columns[] = {{"command", 15}, {"operation", 10}, {"result", 11}};
	char text[SHOW_TEXT];

	show_text(line, len, "time", text);
	printf("%-27s ", text);
	show_user(line, len, text);
	printf("%-10s ", text);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		show_text(line, len, columns[i].field, text);
		printf("%-*s ", columns[i].width, text);
	}
	show_what(line, len);
	putchar('\n');
}

static void show_line(struct show *show, const char *line, size_t len)
{
	struct audit_head head;

	if (!audit_head_parse(line, len, &head)) {
		show->bad++;
		return;
	}
	show->last = head.n;
	if (!auditask_wants(&show->ask, line, len))
		return;
	if (show->json)
		printf("%.*s\n", (int)len, line); /* all of it is printable ASCII */
	else
		show_row(line, len);
}

/* All that is there now. from: lines up to this number were shown already. */
static int show_rest(
	struct show *show, struct auditlog_reader *reader, uint64_t from, struct why *why)
{
	struct audit_head head;
	const char *line;
	size_t len;
	int r;

	while ((r = auditlog_next(reader, &line, &len)) > 0)
		if (!from || !audit_head_parse(line, len, &head) || head.n > from)
			show_line(show, line, len);
	if (r < 0)
		return why_set(why, r, "%s: %s", show->path, strerror(-r));
	if (fflush(stdout) != 0)
		return why_set(why, -errno, "cannot write: %s", strerror(errno));
	return 0;
}

/* The files in turn, from one whose lines are not all known; *reader goes on in the last one. */
static int show_files(struct show *show, const struct auditlog *log, uint64_t from,
	struct auditlog_reader *reader, struct why *why)
{
	int r = 0;

	for (size_t i = 0; i < log->n && r == 0; i++) {
		bool known = i + 1 < log->n && log->items[i + 1].first &&
			     log->items[i + 1].first <= from + 1;
		if (known && from)
			continue;
		*reader = (struct auditlog_reader){.fd = log->items[i].fd};
		r = show_rest(show, reader, from, why);
	}
	return r;
}

/* ---- following ---- */

/* 1: there is another file at the path; 0: the same; it was cut: read from its beginning. */
static int follow_look(const struct show *show, struct auditlog_reader *reader, struct why *why)
{
	struct stat now, ours;

	if (fstat(reader->fd, &ours) < 0)
		return why_set(why, -errno, "%s: %s", show->path, strerror(errno));
	off_t at = lseek(reader->fd, 0, SEEK_CUR);
	if (at > ours.st_size) {
		*reader = (struct auditlog_reader){.fd = reader->fd};
		lseek(reader->fd, 0, SEEK_SET);
	}
	/* Between two files there may be none for a moment. */
	if (stat(show->path, &now) < 0)
		return 0;
	return now.st_dev != ours.st_dev || now.st_ino != ours.st_ino;
}

static int follow_next(
	struct show *show, struct auditlog *log, struct auditlog_reader *reader, struct why *why)
{
	struct auditlog next = {0};
	/* What was written to the old one before it was left. */
	int r = show_rest(show, reader, 0, why);

	if (r == 0)
		r = auditlog_find(show->path, &next, why);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	auditlog_free(log);
	*log = next;
	return show_files(show, log, show->last, reader, why);
}

static int follow(
	struct show *show, struct auditlog *log, struct auditlog_reader *reader, struct why *why)
{
	const struct timespec pause = {.tv_nsec = FOLLOW_MS * 1000000};
	int r = 0;

	while (r == 0) {
		nanosleep(&pause, NULL);
		r = follow_look(show, reader, why);
		if (r > 0)
			r = follow_next(show, log, reader, why);
		else if (r == 0)
			r = show_rest(show, reader, 0, why);
	}
	return r;
}

static int show_all(struct show *show, struct why *why)
{
	struct auditlog_reader reader;
	struct auditlog log = {0};
	int r = auditlog_find(show->path, &log, why);

	if (r < 0)
		return r;
	if (log.packed)
		log_warn("%u compressed files beside %s are not read", log.packed, show->path);
	if (!show->json)
		printf("%-27s %-10s %-15s %-10s %-11s %s\n", "TIME", "USER", "COMMAND", "OPERATION",
			"RESULT", "WHAT");
	r = show_files(show, &log, 0, &reader, why);
	if (r == 0 && show->follow)
		r = follow(show, &log, &reader, why);
	auditlog_free(&log);
	if (r == 0 && show->bad)
		r = why_set(why, -EBADMSG,
			"%u lines are none of an audit log; see secretctl audit verify", show->bad);
	return r;
}

static int audit_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = audit_options, .help = cmd_audit.help};
	struct show show = {.path = NULL};
	struct why why = {0};
	int r = show_args(&show, &args, &why);

	if (r == 0)
		r = show_all(&show, &why);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_audit = {
	.name = "audit",
	.summary = "who read, wrote or changed what",
	.help = "usage: secretctl audit [NAME] [-f] [--since WHEN] [--user USER] [-o FORM]\n"
		"\n"
		"Shows the audit log, with what rotation has put beside it, oldest line first. "
		"NAME may\n"
		"also be NAME/KEY, or the id of a secret, which stays when it is renamed.\n"
		"\n"
		"  -f, --follow             go on with what is added\n"
		"      --since WHEN         from 2030-01-31T12:00:00Z on, or so long ago: 2h, "
		"1d12h\n"
		"      --user USER          what this user has done, by name or number\n"
		"      --log FILE           the log; default: audit_file of secretfs.conf\n"
		"  -o, --output table|json  json: the lines as they are\n",
	.run = audit_run,
};
