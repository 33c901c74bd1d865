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

struct history_row {
	uint64_t number;
	int64_t time; /* of the newest thing in it */
	struct tree_list keys;
	bool compared; /* the version just before is kept */
	struct versions_differences differences;
};

struct history {
	struct tree_name name;
	bool json;
	bool strict;
	struct versions versions;
	struct history_row *rows; /* one for each version */
};

static const struct args_option history_options[] = {
	{.name = "output", .letter = 'o', .takes = true},
	{.name = "strict", .letter = 't', .hidden = true},
	{0},
};

static int history_args(struct history *history, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == 't') {
			history->strict = true;
		} else if (r == 'o') {
			history->json = strcmp(args->value, "json") == 0;
			if (!history->json && strcmp(args->value, "table") != 0)
				r = why_set(why, -EINVAL, "--output: table or json");
		} else if (history->name.name[0] != '\0') {
			r = why_set(why, -EINVAL, "one NAME at a time; see --help");
		} else {
			r = tree_name_parse(&history->name, args->value, why);
		}
		if (r < 0)
			return r;
	}
	if (r == 0 && history->name.name[0] == '\0')
		r = why_set(why, -EINVAL, "which NAME? see --help");
	return r;
}

/* ---- reading ---- */

static int history_look(int dir, struct history_row *row)
{
	struct stat st;
	int r = tree_list(dir, &row->keys);

	if (r < 0)
		return r;
	if (fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	row->time = st.st_mtime;
	for (size_t i = 0; i < row->keys.n; i++) {
		if (fstatat(dir, row->keys.names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_mtime > row->time)
			row->time = st.st_mtime;
	}
	return 0;
}

static int history_read(struct history *history, int dir, struct why *why)
{
	const struct versions *versions = &history->versions;
	AUTO_FD before = -1;

	history->rows = calloc(versions->n, sizeof(*history->rows));
	if (history->rows == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	for (size_t i = 0; i < versions->n; i++) {
		struct history_row *row = &history->rows[i];
		AUTO_FD now = -1;
		int r = versions_open(dir, &history->name, versions->numbers[i], &now, why);

		if (r < 0)
			return r;
		row->number = versions->numbers[i];
		/* Only the version just before says what this one has changed. */
		row->compared = i > 0 && versions->numbers[i - 1] == row->number - 1;
		r = history_look(now, row);
		if (r == 0 && row->compared)
			r = versions_compare(&row->differences, before, now, false);
		if (r < 0)
			return tree_why(why, r, history->name.text);
		if (before >= 0)
			close(before);
		before = fd_take(&now);
	}
	return 0;
}

static void history_free(struct history *history)
{
	for (size_t i = 0; history->rows != NULL && i < history->versions.n; i++) {
		tree_list_free(&history->rows[i].keys);
		versions_differences_free(&history->rows[i].differences);
	}
	free(history->rows);
	versions_free(&history->versions);
}

/* ---- printing ---- */

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

static int history_cells(const struct history_row *row, char **cells)
{
	char version[24], when[TIMES_TEXT], keys[24];

	snprintf(version, sizeof(version), "%" PRIu64, row->number);
	times_print_local(row->time, when);
	snprintf(keys, sizeof(keys), "%zu", row->keys.n);
	cells[HISTORY_VERSION] = strdup(version);
	cells[HISTORY_TIME] = strdup(when);
	cells[HISTORY_KEYS] = strdup(keys);
	cells[HISTORY_CHANGES] = history_changes(&row->differences);
	for (size_t i = 0; i < HISTORY_COLUMNS; i++) {
		if (cells[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int history_table(const struct history *history)
{
	static const char *const headings[] = {"VERSION", "TIME", "KEYS", "CHANGES"};
	size_t n = history->versions.n;
	char **cells = calloc(n * HISTORY_COLUMNS, sizeof(*cells));
	int r = cells == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = history_cells(&history->rows[i], &cells[i * HISTORY_COLUMNS]);
	if (r == 0)
		r = print_table(headings, HISTORY_COLUMNS, cells, n);
	for (size_t i = 0; cells != NULL && i < n * HISTORY_COLUMNS; i++)
		free(cells[i]);
	free(cells);
	return r;
}

/* null: it is not known. */
static void history_json_changes(
	const struct history_row *row, const char *name, enum versions_what what)
{
	bool first = true;

	printf(", \"%s\": %s", name, row->compared ? "[" : "null");
	for (size_t i = 0; i < row->differences.n; i++) {
		if (row->differences.items[i].what != what)
			continue;
		fputs(first ? "" : ", ", stdout);
		print_json_string(row->differences.items[i].key);
		first = false;
	}
	fputs(row->compared ? "]" : "", stdout);
}

static void history_json(const struct history *history)
{
	fputs("{\"name\": ", stdout);
	print_json_string(history->name.name);
	printf(", \"namespace\": \"%s\", \"versions\": [", tree_ns_text(history->name.ns));
	for (size_t i = 0; i < history->versions.n; i++) {
		const struct history_row *row = &history->rows[i];
		char when[TIMES_TEXT];

		times_print(row->time, when);
		printf("%s\n  {\"version\": %" PRIu64
		       ", \"current\": %s, \"time\": \"%s\", \"keys\": [",
			i > 0 ? "," : "", row->number,
			i + 1 == history->versions.n ? "true" : "false", when);
		for (size_t j = 0; j < row->keys.n; j++) {
			fputs(j > 0 ? ", " : "", stdout);
			print_json_string(row->keys.names[j]);
		}
		fputs("]", stdout);
		history_json_changes(row, "added", VERSIONS_ADDED);
		history_json_changes(row, "changed", VERSIONS_CHANGED);
		history_json_changes(row, "removed", VERSIONS_REMOVED);
		fputs("}", stdout);
	}
	puts("\n]}");
}

static int history_print(struct history *history, const struct tree *tree, struct why *why)
{
	AUTO_FD dir = -1;
	int r = tree_find(tree, &history->name, &dir, why);

	if (r == 0)
		r = owner_check_use(&history->name, dir, history->strict, why);
	if (r == 0)
		r = versions_read(&history->versions, dir, &history->name, why);
	if (r == 0)
		r = history_read(history, dir, why);
	if (r < 0)
		return r;
	if (history->json) {
		history_json(history);
		return 0;
	}
	r = history_table(history);
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
	history_free(&history);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_history = {
	.name = "history",
	.summary = "list the versions of a secret that are kept",
	.help = "usage: secretctl history NAME [-o table|json] [--strict]\n"
		"\n"
		"Lists the versions of your secret: when, how many keys, and which keys were "
		"added\n"
		"(+), changed (~) and removed (-). No values.\n"
		"\n"
		"  -o, --output table|json   the form\n"
		"      --strict   fail, not warn, if NAME has led to a public secret of somebody "
		"else\n",
	.secrets = true,
	.run = history_run,
};
