/* SPDX-License-Identifier: MIT */
/* cmd_diff: which keys differ between two versions of a secret; with --show their values too. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "owner.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"
#include "versions.h"

struct diff {
	struct tree_name name;
	uint64_t from, to; /* 0: not given */
	bool show;
	bool strict;
};

static const struct args_option diff_options[] = {
	{.name = "show", .letter = 's', .hidden = true},
	{.name = "strict", .letter = 't', .hidden = true},
	{0},
};

static int diff_word(struct diff *diff, const char *word, struct why *why)
{
	if (diff->name.name[0] == '\0')
		return tree_name_parse(&diff->name, word, why);
	if (diff->to != 0)
		return why_set(why, -EINVAL, "one NAME and two versions; see --help");
	return versions_parse(word, diff->from == 0 ? &diff->from : &diff->to, why);
}

static int diff_args(struct diff *diff, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == 's')
			diff->show = true;
		else if (r == 't')
			diff->strict = true;
		else
			r = diff_word(diff, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0 && diff->to == 0)
		r = why_set(why, -EINVAL, "which NAME and which two versions? see --help");
	return r;
}

/* "- key   value" or "+ key   value" of one side. */
static int diff_side(int dir, char mark, const char *key)
{
	AUTO_SECBUF value = SECBUF_INIT;
	AUTO_SECBUF text = SECBUF_INIT;
	char line[PRINT_NAME + 2];
	int r = tree_get(dir, key, &value);

	line[0] = mark;
	line[1] = ' ';
	print_escape(key, line + 2, sizeof(line) - 2);
	if (r == 0)
		r = print_value_text(&value, &text);
	return r < 0 ? r : print_pair(line, print_width(line), text.data, text.len);
}

static int diff_show(const struct versions_difference *d, int from, int to)
{
	int r = 0;

	if (d->what != VERSIONS_ADDED)
		r = diff_side(from, '-', d->key);
	if (r == 0 && d->what != VERSIONS_REMOVED)
		r = diff_side(to, '+', d->key);
	return r;
}

static int diff_name(const struct versions_difference *d)
{
	static const char marks[] = {
		[VERSIONS_ADDED] = '+', [VERSIONS_REMOVED] = '-', [VERSIONS_CHANGED] = '~'};
	char key[PRINT_NAME];

	print_escape(d->key, key, sizeof(key));
	return printf("%c %s\n", marks[d->what], key) < 0 ? -EIO : 0;
}

static int diff_print(struct diff *diff, const struct tree *tree, struct why *why)
{
	AUTO_DIFFERENCES differences = {0};
	AUTO_FD dir = -1;
	AUTO_FD from = -1;
	AUTO_FD to = -1;
	int r = tree_find(tree, &diff->name, &dir, why);

	if (r == 0)
		r = owner_check_use(&diff->name, dir, diff->strict, why);
	if (r == 0)
		r = versions_open(dir, &diff->name, diff->from, &from, why);
	if (r == 0)
		r = versions_open(dir, &diff->name, diff->to, &to, why);
	if (r < 0)
		return r;
	r = versions_compare(&differences, from, to, true);
	for (size_t i = 0; r == 0 && i < differences.n; i++)
		r = diff->show ? diff_show(&differences.items[i], from, to)
			       : diff_name(&differences.items[i]);
	return r < 0 ? tree_why(why, r, diff->name.text) : 0;
}

static int diff_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = diff_options, .help = cmd_diff.help};
	struct diff diff = {0};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = diff_args(&diff, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = diff_print(&diff, &tree, &why);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_diff = {
	.name = "diff",
	.summary = "tell which keys differ between two versions",
	.help = "usage: secretctl diff NAME N M [--show] [--strict]\n"
		"\n"
		"Prints the keys that version M has added (+), changed (~) and removed (-) since "
		"version\n"
		"N. The values are compared, and not shown.\n"
		"\n"
		"      --show     show old (-) and new (+) values\n"
		"      --strict   fail, not warn, if NAME has led to a public secret of somebody "
		"else\n",
	.secrets = true,
	.run = diff_run,
};
