/* SPDX-License-Identifier: MIT */
/* cmd_tree: namespaces, secrets and keys, drawn as a tree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "info.h"
#include "log.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"

struct drawing {
	struct tree_name *names; /* only these; none: all */
	size_t nnames;
	struct infos infos;
	struct print_nodes nodes;
	int err; /* of the first secret that could not be read; the others are drawn */
};

static const struct args_option drawing_options[] = {{0}};

static int drawing_args(struct drawing *drawing, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		struct tree_name *names =
			realloc(drawing->names, (drawing->nnames + 1) * sizeof(*drawing->names));

		if (names == NULL)
			return why_set(why, -ENOMEM, "out of memory");
		drawing->names = names;
		r = tree_name_parse(&names[drawing->nnames], args->value, why);
		if (r < 0)
			return r;
		drawing->nnames++;
	}
	return r;
}

/* Each name must lead to a secret. */
static int drawing_find(struct drawing *drawing, const struct tree *tree, struct why *why)
{
	for (size_t i = 0; i < drawing->nnames; i++) {
		AUTO_FD dir = -1;
		int r = tree_find(tree, &drawing->names[i], &dir, why);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool drawing_wanted(const struct drawing *drawing, const struct info *info)
{
	for (size_t i = 0; i < drawing->nnames; i++) {
		if (drawing->names[i].ns == info->ns &&
			strcmp(drawing->names[i].name, info->name) == 0)
			return true;
	}
	return drawing->nnames == 0;
}

static int drawing_keys(struct drawing *drawing, size_t parent, const struct info *info)
{
	int r = 0;

	if (!info_seen(info, INFO_KEYS))
		return print_nodes_add(&drawing->nodes, parent, "?", NULL);
	for (size_t i = 0; i < info->keys.n && r == 0; i++)
		r = print_nodes_add(&drawing->nodes, parent, info->keys.names[i], NULL);
	return r;
}

static int drawing_secret(
	struct drawing *drawing, const struct tree *tree, size_t parent, struct info *info)
{
	size_t number = drawing->nodes.n;
	int r = info_read(info, tree, INFO_BIT(INFO_KEYS));

	if (r == -ENOENT) /* removed meanwhile */
		return 0;
	if (r == -EIO) {
		struct why why;
		char name[NAME_MAX_BYTES + 16];

		snprintf(name, sizeof(name), "%s/%s", tree_ns_text(info->ns), info->name);
		tree_why(&why, r, name);
		log_err("tree: %s", why.text);
		drawing->err = r;
		r = 0;
	}
	if (r == 0)
		r = print_nodes_add(&drawing->nodes, parent, info->name, "cyan");
	return r < 0 ? r : drawing_keys(drawing, number, info);
}

static int drawing_ns(
	struct drawing *drawing, const struct tree *tree, enum tree_ns ns, struct why *why)
{
	size_t number = drawing->nodes.n;
	int r = print_nodes_add(&drawing->nodes, 0, tree_ns_text(ns), "blue");

	for (size_t i = 0; i < drawing->infos.n && r == 0; i++) {
		struct info *info = &drawing->infos.items[i];

		if (info->ns == ns && drawing_wanted(drawing, info))
			r = drawing_secret(drawing, tree, number, info);
	}
	if (r < 0)
		return tree_why(why, r, tree_ns_text(ns));
	if (drawing->infos.err[ns] < 0) {
		tree_why(why, drawing->infos.err[ns], tree_ns_text(ns));
		log_err("tree: not complete: %s", why->text);
		drawing->err = drawing->infos.err[ns];
	}
	return 0;
}

static int drawing_draw(struct drawing *drawing, const struct tree *tree, struct why *why)
{
	int r = print_nodes_add(&drawing->nodes, PRINT_TOP, tree->path, "blue");

	if (r < 0)
		return why_set(why, r, "out of memory");
	for (enum tree_ns ns = TREE_PRIVATE; ns <= TREE_PUBLIC && r == 0; ns++) {
		/* A user who has no private namespace sees what is public. */
		if (tree->ns[ns] >= 0)
			r = drawing_ns(drawing, tree, ns, why);
	}
	if (r < 0)
		return r;
	r = print_tree(&drawing->nodes);
	return r < 0 ? why_set(why, r, "standard output: %s", strerror(-r)) : 0;
}

static int drawing_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = drawing_options, .help = cmd_tree.help};
	struct drawing drawing = {0};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = drawing_args(&drawing, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = drawing_find(&drawing, &tree, &why);
	if (r == 0)
		r = infos_read(&drawing.infos, &tree, &why);
	if (r == 0)
		r = drawing_draw(&drawing, &tree, &why);
	free(drawing.names);
	infos_free(&drawing.infos);
	print_nodes_free(&drawing.nodes);
	return r < 0 ? ctl_fail(ctl, r, &why) : drawing.err;
}

const struct verb cmd_tree = {
	.name = "tree",
	.summary = "draw secrets and their keys as a tree",
	.help = "usage: secretctl tree [NAME]...\n"
		"\n"
		"Draws your private secrets and the public ones with the names of their keys, or "
		"only those\n"
		"that are named. \"?\" stands for what you may not see. Values are not read.\n",
	.run = drawing_run,
};
