/* SPDX-License-Identifier: MIT */
/* cmd_list: all secrets that this user can see, without any value. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"

enum { LIST_NAME, LIST_PRIVATE, LIST_OWNER, LIST_KEYS, LIST_UPDATED, LIST_COLUMNS };

struct list_row {
	char *cells[LIST_COLUMNS];
};

struct list {
	struct list_row *rows;
	size_t n;
};

static const struct args_option list_options[] = {{0}};

static void list_free(struct list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		for (size_t j = 0; j < LIST_COLUMNS; j++)
			free(list->rows[i].cells[j]);
	}
	free(list->rows);
}

static char *list_owner(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);
	char number[16];

	snprintf(number, sizeof(number), "%u", (unsigned)uid);
	return strdup(user != NULL ? user->pw_name : number);
}

static char *list_time(time_t when)
{
	char text[32] = "-";
	struct tm tm;

	if (localtime_r(&when, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm);
	return strdup(text);
}

/* "a,b,c", and the time of the newest key in *newest. "-": none, "?": not for this user. */
static char *list_keys(int dir, time_t *newest)
{
	AUTO_TREE_LIST keys = {0};
	size_t len = 1, used = 0;
	char *text;

	if (dir < 0 || tree_list(dir, &keys) < 0)
		return strdup("?");
	if (keys.n == 0)
		return strdup("-");
	for (size_t i = 0; i < keys.n; i++)
		len += strlen(keys.names[i]) + 1;
	text = malloc(len);
	for (size_t i = 0; text != NULL && i < keys.n; i++) {
		struct stat st;

		used += (size_t)snprintf(
			text + used, len - used, "%s%s", i ? "," : "", keys.names[i]);
		if (fstatat(dir, keys.names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_mtime > *newest)
			*newest = st.st_mtime;
	}
	return text;
}

static int list_fill(struct list_row *row, int ns, const char *name, bool private)
{
	AUTO_FD dir = openat(ns, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool known;
	struct stat st;

	known = fstatat(ns, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!known && errno == ENOENT)
		return -ENOENT;
	row->cells[LIST_NAME] = strdup(name);
	row->cells[LIST_PRIVATE] = strdup(private ? "yes" : "no");
	row->cells[LIST_OWNER] = known ? list_owner(st.st_uid) : strdup("?");
	row->cells[LIST_KEYS] = list_keys(dir, known ? &st.st_mtime : &(time_t){0});
	row->cells[LIST_UPDATED] = known ? list_time(st.st_mtime) : strdup("?");
	for (size_t i = 0; i < LIST_COLUMNS; i++) {
		if (row->cells[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int list_ns(struct list *list, const struct tree *tree, enum tree_ns ns, struct why *why)
{
	AUTO_TREE_LIST names = {0};
	struct list_row *rows;
	int r = tree_list(tree->ns[ns], &names);

	if (r < 0)
		return tree_why(why, r, tree_ns_text(ns));
	if (names.n == 0)
		return 0;
	rows = realloc(list->rows, (list->n + names.n) * sizeof(*rows));
	if (rows == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	list->rows = rows;
	for (size_t i = 0; i < names.n; i++) {
		rows[list->n] = (struct list_row){0};
		r = list_fill(&rows[list->n], tree->ns[ns], names.names[i], ns == TREE_PRIVATE);
		if (r == -ENOENT) /* removed meanwhile */
			continue;
		list->n++;
		if (r < 0)
			return why_set(why, r, "out of memory");
	}
	return 0;
}

/* By name; of two with one name the private one, which wins a lookup, stands first. */
static int list_cmp(const void *a, const void *b)
{
	const struct list_row *x = a, *y = b;
	int r = strcmp(x->cells[LIST_NAME], y->cells[LIST_NAME]);

	return r != 0 ? r : strcmp(y->cells[LIST_PRIVATE], x->cells[LIST_PRIVATE]);
}

static int list_collect(struct list *list, const struct tree *tree, struct why *why)
{
	for (enum tree_ns ns = TREE_PRIVATE; ns <= TREE_PUBLIC; ns++) {
		int r;

		if (tree->ns[ns] < 0 && ns == TREE_PRIVATE && tree->err[ns] == -EACCES)
			continue;
		r = tree_ns_usable(tree, ns, why);
		if (r == 0)
			r = list_ns(list, tree, ns, why);
		if (r < 0)
			return r;
	}
	if (list->n > 0)
		qsort(list->rows, list->n, sizeof(*list->rows), list_cmp);
	return 0;
}

static int list_run(struct ctl *ctl, int argc, char **argv)
{
	static const char *const headings[] = {"NAME", "PRIVATE", "OWNER", "KEYS", "UPDATED"};
	struct args args = {
		.argc = argc, .argv = argv, .options = list_options, .help = cmd_list.help};
	AUTO_TREE tree = TREE_INIT;
	struct list list = {0};
	struct why why;
	int r = args_next(&args, &why);

	if (r > 0)
		r = why_set(&why, -EINVAL, "takes no arguments; see --help");
	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = list_collect(&list, &tree, &why);
	if (r == 0 && list.n > 0) {
		r = print_table(headings, LIST_COLUMNS, list.rows[0].cells, list.n);
		if (r < 0)
			why_set(&why, r, "standard output: %s", strerror(-r));
	}
	list_free(&list);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_list = {
	.name = "list",
	.summary = "list all secrets, without their values",
	.help = "usage: secretctl list\n"
		"\n"
		"Lists your private secrets and the public ones: name, owner, names of the keys, "
		"last change.\n"
		"\"?\" stands for what you may not see. Prints nothing if there are no secrets.\n",
	.run = list_run,
};
