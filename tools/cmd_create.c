/* SPDX-License-Identifier: MIT */
/* cmd_create: a new secret with its keys, all of it or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"
#include "values.h"

struct create {
	bool private;
	bool named;
	struct tree_name name;
	struct values values;
};

static const struct args_option create_options[] = {
	{.name = "private", .letter = 'p'},
	{0},
};

static int create_args(struct create *create, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == 'p')
			create->private = true;
		else if (r == ARGS_KEY)
			r = values_add(&create->values, args->value, why);
		else if (create->named)
			/* May be a value that a space has cut off from its key. */
			r = why_set(why, -EINVAL,
				"one NAME is enough; a key is --KEY=VALUE; see --help");
		else
			r = tree_name_parse(&create->name, args->value, why);
		if (r < 0)
			return r;
		create->named = create->name.name[0] != '\0';
	}
	if (r == 0 && !create->named)
		r = why_set(why, -EINVAL, "which NAME? see --help");
	if (r == 0 && create->private)
		r = tree_name_select(&create->name, TREE_PRIVATE, why);
	if (r == 0 && create->name.ns == TREE_ANY)
		r = tree_name_select(&create->name, TREE_PUBLIC, why);
	return r;
}

/* Writes the keys in order. *ret_made: how many of them are there. */
static int create_keys(const struct create *create, int dir, size_t *ret_made, struct why *why)
{
	const struct values *values = &create->values;

	for (*ret_made = 0; *ret_made < values->n; (*ret_made)++) {
		const struct value *value = &values->items[*ret_made];
		int r = tree_put(dir, value->key, &value->bytes, true);

		if (r < 0)
			return tree_key_why(why, r, &create->name, value->key);
	}
	return 0;
}

static int create_undo(const struct create *create, int ns, int dir, size_t made)
{
	int r = 0;

	for (size_t i = 0; dir >= 0 && i < made; i++) {
		if (unlinkat(dir, create->values.items[i].key, 0) < 0)
			r = -errno;
	}
	if (unlinkat(ns, create->name.name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

static int create_secret(const struct create *create, const struct tree *tree, struct why *why)
{
	const char *name = create->name.name;
	int ns = tree->ns[create->name.ns];
	AUTO_FD dir = -1;
	size_t made = 0;
	int r;

	ctl_begin_change();
	if (mkdirat(ns, name, 0777) < 0) {
		if (errno == EEXIST)
			return why_set(why, -EEXIST,
				"%s: it exists already and was not changed; use \"secretctl "
				"update\"",
				create->name.text);
		return tree_why(why, -errno, create->name.text);
	}
	dir = openat(ns, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = dir < 0 ? tree_why(why, -errno, create->name.text)
		    : create_keys(create, dir, &made, why);
	if (r < 0 && create_undo(create, ns, dir, made) < 0) {
		struct why first = *why;

		why_set(why, r, "%.600s; a part is left: remove it with \"secretctl delete\"",
			first.text);
	}
	return r;
}

static int create_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc,
		.argv = argv,
		.options = create_options,
		.keys = true,
		.help = cmd_create.help,
	};
	struct create create = {0};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = create_args(&create, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = tree_ns_usable(&tree, create.name.ns, &why);
	if (r == 0)
		r = create_secret(&create, &tree, &why);
	values_free(&create.values);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	print_done("created", create.name.text);
	return 0;
}

const struct verb cmd_create = {
	.name = "create",
	.summary = "make a new secret",
	.help = "usage: secretctl create NAME [-p] [--KEY=VALUE]...\n"
		"\n"
		"Makes a secret, public unless -p or private/NAME says otherwise.\n"
		"\n"
		"  -p, --private     in your own namespace\n"
		"  --KEY=VALUE       a key; given twice, the last one wins\n"
		"  --KEY=@FILE       its value is what the file holds; @- is standard input\n"
		"  --KEY=@@TEXT      its value is @TEXT\n"
		"  --set KEY=VALUE   the same, for a key that is called like an option\n",
	.secrets = true,
	.run = create_run,
};
