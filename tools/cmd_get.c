/* SPDX-License-Identifier: MIT */
/* cmd_get: one value as it is, or all keys of a secret as a table. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "io.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"

#define GET_MASK    "********"
#define GET_REFUSED "(not permitted)"

struct get {
	struct tree_name name;
	const char *key; /* NULL: all */
	enum tree_ns ns;
	bool show;
};

static const struct args_option get_options[] = {
	{.name = "private", .letter = 'p', .takes = true},
	{.name = "show", .letter = 's', .hidden = true},
	{0},
};

static int get_word(struct get *get, const char *word, struct why *why)
{
	if (get->name.name[0] == '\0')
		return tree_name_parse(&get->name, word, why);
	if (get->key != NULL)
		return why_set(why, -EINVAL, "one NAME and one KEY at most; see --help");
	get->key = word;
	return tree_key_check(word, why);
}

static int get_args(struct get *get, struct args *args, struct why *why)
{
	bool private = false;
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == ARGS_WORD) {
			r = get_word(get, args->value, why);
		} else if (r == 's') {
			get->show = true;
		} else {
			r = args_bool(args->value, &private, why);
			get->ns = private ? TREE_PRIVATE : TREE_PUBLIC;
		}
		if (r < 0)
			return r;
	}
	if (r == 0 && get->name.name[0] == '\0')
		r = why_set(why, -EINVAL, "which NAME? see --help");
	return r < 0 ? r : tree_name_select(&get->name, get->ns, why);
}

static int get_one(const struct get *get, int dir, struct why *why)
{
	AUTO_SECBUF value = SECBUF_INIT;
	int r = tree_get(dir, get->key, &value);

	if (r == -ENOENT)
		return tree_no_key(dir, &get->name, get->key, why);
	if (r < 0)
		return tree_key_why(why, r, &get->name, get->key);
	r = io_write_all(STDOUT_FILENO, value.data, value.len);
	return r < 0 ? why_set(why, r, "standard output: %s", strerror(-r)) : 0;
}

/* One line of the table. 1: the value is not for this user. */
static int get_line(int dir, const char *key, size_t width, bool masked)
{
	AUTO_SECBUF value = SECBUF_INIT;
	AUTO_SECBUF text = SECBUF_INIT;
	char name[PRINT_NAME];
	int r;

	print_escape(key, name, sizeof(name));
	/* A masked value is not even read. */
	if (masked)
		r = faccessat(dir, key, R_OK, AT_EACCESS) < 0 ? -errno : 0;
	else
		r = tree_get(dir, key, &value);
	if (r == -EACCES) {
		r = print_pair(name, width, GET_REFUSED, strlen(GET_REFUSED));
		return r < 0 ? r : 1;
	}
	if (r < 0)
		return r;
	if (masked)
		return print_pair(name, width, GET_MASK, strlen(GET_MASK));
	r = print_value_text(&value, &text);
	return r < 0 ? r : print_pair(name, width, text.data, text.len);
}

static size_t get_width(const struct tree_list *list)
{
	size_t width = strlen("KEY");

	for (size_t i = 0; i < list->n; i++) {
		char name[PRINT_NAME];
		size_t own;

		print_escape(list->names[i], name, sizeof(name));
		own = print_width(name);
		if (own > width)
			width = own;
	}
	return width;
}

static int get_all(const struct get *get, int dir, struct why *why)
{
	AUTO_TREE_LIST list = {0};
	bool masked = !get->show && isatty(STDOUT_FILENO);
	size_t width, refused = 0;
	int r = tree_list(dir, &list);

	if (r < 0)
		return tree_why(why, r, get->name.text);
	width = get_width(&list);
	r = print_pair("KEY", width, "VALUE", strlen("VALUE"));
	for (size_t i = 0; r >= 0 && i < list.n; i++) {
		r = get_line(dir, list.names[i], width, masked);
		if (r == -ENOENT) /* removed meanwhile */
			r = 0;
		if (r < 0)
			return tree_key_why(why, r, &get->name, list.names[i]);
		refused += (size_t)r;
	}
	if (r < 0)
		return why_set(why, r, "standard output: %s", strerror(-r));
	if (refused > 0)
		return why_set(why, -EACCES,
			"%s: %zu of %zu values are not for this user; ask the owner",
			get->name.text, refused, list.n);
	return 0;
}

static int get_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = get_options, .help = cmd_get.help};
	struct get get = {.ns = TREE_ANY};
	AUTO_TREE tree = TREE_INIT;
	AUTO_FD dir = -1;
	struct why why;
	int r = get_args(&get, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = tree_find(&tree, &get.name, &dir, &why);
	if (r == 0)
		r = get.key != NULL ? get_one(&get, dir, &why) : get_all(&get, dir, &why);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_get = {
	.name = "get",
	.summary = "print one value, or a secret's keys and values",
	.help = "usage: secretctl get NAME [KEY] [-p BOOL] [--show]\n"
		"\n"
		"With KEY: the bytes of its value, nothing added. Without: a table of all keys; on "
		"a\n"
		"terminal the values are hidden. Values that are not one line of text are shown as "
		"base64:...\n"
		"Your private secrets are looked up first, then the public ones.\n"
		"\n"
		"  -p, --private BOOL   true: only private, false: only public\n"
		"      --show           show values on a terminal too\n",
	.secrets = true,
	.run = get_run,
};
