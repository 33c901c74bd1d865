/* SPDX-License-Identifier: MIT */
/* cmd_history: which versions of a secret are kept, and what each has changed. No values. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "owner.h"
#include "print.h"
#include "secretctl.h"
#include "times.h"
#include "tree.h"
#include "versions.h"

enum { HISTORY_VERSION, HISTORY_TIME, HISTORY_KEYS, HISTORY_CHANGES, HISTORY_COLUMNS };

struct history {
	struct tree_name name;
	bool strict;
	struct versions versions;
	char **cells; /* HISTORY_COLUMNS for each version */
};

static const struct args_option history_options[] = {
	{.name = "strict", .letter = 't', .hidden = true},
	{0},
};

static int history_args(struct history *history, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == 't')
			history->strict = true;
		else if (history->name.name[0] != '\0')
			r = why_set(why, -EINVAL, "one NAME at a time; see --help");
		else
			r = tree_name_parse(&history->name, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0 && history->name.name[0] == '\0')
		r = why_set(why, -EINVAL, "which NAME? see --help");
	return r;
}

/* "+added ~changed -removed". To be freed. */
static char *history_changes(const struct versions_differences *differences)
{
	static const char marks[] = {
		[VERSIONS_ADDED] = '+', [VERSIONS_REMOVED] = '-', [VERSIONS_CHANGED] = '~'};
	size_t len = 1, used = 0;
	char *text;

	for (size_t i = 0; i < differences->n; i++)
		len += strlen(differences->items[i].key) + 2;
	text = calloc(1, len);
	for (size_t i = 0; text != NULL && i < differences->n; i++)
		used += (size_t)snprintf(text + used, len - used, "%s%c%s", i > 0 ? " " : "",
			marks[differences->items[i].what], differences->items[i].key);
	return text;
}

/* The time of the newest thing in it, and how many keys there are. */
static int history_look(int dir, int64_t *ret_time, size_t *ret_keys)
{
	AUTO_TREE_LIST keys = {0};
	struct stat st;
	int r = tree_list(dir, &keys);

	if (r < 0)
		return r;
	if (fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	*ret_time = st.st_mtime;
	for (size_t i = 0; i < keys.n; i++) {
		if (fstatat(dir, keys.names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_mtime > *ret_time)
			*ret_time = st.st_mtime;
	}
	*ret_keys = keys.n;
	return 0;
}

/* before -1: nothing is known of what was there before. */
static int history_row(char **cells, uint64_t number, int before, int dir)
{
	AUTO_DIFFERENCES differences = {0};
	char version[24], when[TIMES_TEXT], keys[24];
	int64_t time;
	size_t n;
	int r = history_look(dir, &time, &n);

	if (r == 0 && before >= 0)
		r = versions_compare(&differences, before, dir, false);
	if (r < 0)
		return r;
	snprintf(version, sizeof(version), "%" PRIu64, number);
	times_print_local(time, when);
	snprintf(keys, sizeof(keys), "%zu", n);
	cells[HISTORY_VERSION] = strdup(version);
	cells[HISTORY_TIME] = strdup(when);
	cells[HISTORY_KEYS] = strdup(keys);
	cells[HISTORY_CHANGES] = before >= 0 ? history_changes(&differences) : strdup("");
	for (size_t i = 0; i < HISTORY_COLUMNS; i++) {
		if (cells[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int history_rows(struct history *history, int dir, struct why *why)
{
	const struct versions *versions = &history->versions;
	AUTO_FD before = -1;

	for (size_t i = 0; i < versions->n; i++) {
		uint64_t number = versions->numbers[i];
		AUTO_FD now = -1;
		int r = versions_open(dir, &history->name, number, &now, why);

		if (r < 0)
			return r;
		/* Only the version just before says what this one has changed. */
		r = history_row(&history->cells[i * HISTORY_COLUMNS], number,
			i > 0 && versions->numbers[i - 1] == number - 1 ? before : -1, now);
		if (r < 0)
			return tree_why(why, r, history->name.text);
		if (before >= 0)
			close(before);
		before = fd_take(&now);
	}
	return 0;
}

static int history_print(struct history *history, const struct tree *tree, struct why *why)
{
	static const char *const headings[] = {"VERSION", "TIME", "KEYS", "CHANGES"};
	AUTO_FD dir = -1;
	int r = tree_find(tree, &history->name, &dir, why);

	if (r == 0)
		r = owner_check_use(&history->name, dir, history->strict, why);
	if (r == 0)
		r = versions_read(&history->versions, dir, &history->name, why);
	if (r < 0)
		return r;
	history->cells = calloc(history->versions.n * HISTORY_COLUMNS, sizeof(*history->cells));
	if (history->cells == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	r = history_rows(history, dir, why);
	if (r < 0)
		return r;
	r = print_table(headings, HISTORY_COLUMNS, history->cells, history->versions.n);
	return r < 0 ? why_set(why, r, "standard output: %s", strerror(-r)) : 0;
}

static int history_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = history_options, .help = cmd_history.help};
	struct history history = {0};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = history_args(&history, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = history_print(&history, &tree, &why);
	for (size_t i = 0; history.cells != NULL && i < history.versions.n * HISTORY_COLUMNS; i++)
		free(history.cells[i]);
	free(history.cells);
	versions_free(&history.versions);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_history = {
	.name = "history",
	.summary = "list the versions of a secret that are kept",
	.help = "usage: secretctl history NAME [--strict]\n"
		"\n"
		"Lists the versions of your secret: when, how many keys, and which keys were "
		"added\n"
		"(+), changed (~) and removed (-). No values.\n"
		"\n"
		"      --strict   fail, not warn, if NAME has led to a public secret of somebody "
		"else\n",
	.secrets = true,
	.run = history_run,
};
