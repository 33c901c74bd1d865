/* SPDX-License-Identifier: MIT */
/* cmd_list: the secrets that this user can see and that fit, without any value. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "filter.h"
#include "info.h"
#include "listing.h"
#include "log.h"
#include "secretctl.h"
#include "tree.h"

#define LIST_SIZE 20 /* secrets on a page, if only --page is given */

enum {
	LIST_SORT = 'S',
	LIST_OPERATOR = 'L',
	LIST_PAGE = 'P',
	LIST_SIZE_OF_PAGE = 'Z',
	LIST_COLUMNS = 'C',
	LIST_FILTER = 'a', /* and on: LIST_FILTER plus the field */
};

struct list {
	struct listing listing;
	struct filters filters;
	enum info_field sort;
	bool down;
	struct infos infos;
	struct info **rows; /* of infos, those that fit */
	size_t nrows;
	int err; /* of the first one that could not be read; the others are listed */
};

#define LIST_BY(word, field)                                                                       \
	{                                                                                          \
		.name = (word), .letter = LIST_FILTER + (field), .hidden = true, .takes = true     \
	}

static const struct args_option list_options[] = {
	{.name = "output", .letter = 'o', .takes = true},
	{.name = "columns", .letter = LIST_COLUMNS, .hidden = true, .takes = true},
	{.name = "sort-by", .letter = LIST_SORT, .hidden = true, .takes = true},
	{.name = "logical-operator", .letter = LIST_OPERATOR, .hidden = true, .takes = true},
	{.name = "page", .letter = LIST_PAGE, .hidden = true, .takes = true},
	{.name = "size", .letter = LIST_SIZE_OF_PAGE, .hidden = true, .takes = true},
	LIST_BY("name", INFO_NAME),
	LIST_BY("owner", INFO_OWNER),
	LIST_BY("private", INFO_PRIVATE),
	LIST_BY("created", INFO_CREATED),
	LIST_BY("updated", INFO_UPDATED),
	LIST_BY("expires", INFO_EXPIRES),
	LIST_BY("key", INFO_KEYS),
	LIST_BY("id", INFO_ID),
	{0},
};

_Static_assert(LIST_FILTER + INFO_FIELDS <= 'o', "-o is no filter");

/* ---- arguments ---- */

static int list_sort(struct list *list, const char *text, struct why *why)
{
	list->down = strncmp(text, "desc:", 5) == 0;
	if (list->down || strncmp(text, "asc:", 4) == 0)
		text = strchr(text, ':') + 1;
	if (info_field_find(text, strlen(text), &list->sort) < 0)
		return why_set(why, -EINVAL, "--sort-by: asc:FIELD or desc:FIELD; fields are %s",
			info_field_names());
	return 0;
}

static int list_operator(struct list *list, const char *text, struct why *why)
{
	list->filters.any = strcmp(text, "or") == 0;
	if (!list->filters.any && strcmp(text, "and") != 0)
		return why_set(why, -EINVAL, "--logical-operator: and, or");
	return 0;
}

static int list_option(struct list *list, int option, const char *value, struct why *why)
{
	switch (option) {
	case 'o':
		return listing_form_parse(value, &list->listing.form, why);
	case LIST_COLUMNS:
		return listing_columns_parse(&list->listing, value, why);
	case LIST_SORT:
		return list_sort(list, value, why);
	case LIST_OPERATOR:
		return list_operator(list, value, why);
	case LIST_PAGE:
		return args_count("--page", value, INT_MAX, &list->listing.page, why);
	case LIST_SIZE_OF_PAGE:
		return args_count("--size", value, INT_MAX, &list->listing.size, why);
	default:
		return filters_add(
			&list->filters, (enum info_field)(option - LIST_FILTER), value, why);
	}
}

static int list_args(struct list *list, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == ARGS_WORD)
			r = why_set(why, -EINVAL,
				"takes no NAME; --name NAME lists those of a name; see --help");
		else
			r = list_option(list, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (list->listing.page > 0 && list->listing.size == 0)
		list->listing.size = LIST_SIZE;
	if (list->listing.page == 0)
		list->listing.page = 1;
	listing_columns_default(&list->listing);
	return r;
}

/* ---- reading ---- */

/* A secret that cannot be read is said once and listed with what is known; the others go on.
 * 1: it is gone. */
static int list_failed(struct list *list, struct info *info, int err, struct why *why)
{
	char name[NAME_MAX_BYTES + 16];

	if (err == -ENOENT)
		return 1;
	if (err == -ENOMEM)
		return why_set(why, err, "out of memory");
	snprintf(name, sizeof(name), "%s/%s", tree_ns_text(info->ns), info->name);
	tree_why(why, err, name);
	/* These are of the mount, not of the secret. */
	if (err == -ENOTCONN || err == -ECONNABORTED)
		return err;
	log_err("list: %s", why->text);
	if (list->err == 0)
		list->err = err;
	info->have = (1u << INFO_FIELDS) - 1;
	return 0;
}

/* A namespace that could not be listed to its end. */
static void list_damaged(struct list *list, struct why *why)
{
	for (enum tree_ns ns = TREE_PRIVATE; ns <= TREE_PUBLIC; ns++) {
		if (list->infos.err[ns] == 0)
			continue;
		tree_why(why, list->infos.err[ns], tree_ns_text(ns));
		log_err("list: not complete: %s", why->text);
		list->err = list->infos.err[ns];
	}
}

/* 1: read. 0: gone. */
static int list_read(struct list *list, const struct tree *tree, struct info *info, unsigned fields,
	struct why *why)
{
	int r = info_read(info, tree, fields);

	if (r < 0)
		r = list_failed(list, info, r, why);
	return r < 0 ? r : r == 0;
}

/* 1: it fits, 0: it does not. */
static int list_match(
	struct list *list, const struct tree *tree, struct info *info, struct why *why)
{
	int r = filters_match(&list->filters, info, tree);

	if (r >= 0)
		return r;
	r = list_failed(list, info, r, why);
	if (r != 0)
		return r < 0 ? r : 0;
	return filters_match(&list->filters, info, tree);
}

static int list_filter(struct list *list, const struct tree *tree, struct why *why)
{
	list->rows = calloc(list->infos.n + 1, sizeof(struct info *));
	if (list->rows == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	for (size_t i = 0; i < list->infos.n; i++) {
		struct info *info = &list->infos.items[i];
		int r = list_match(list, tree, info, why);

		if (r > 0)
			r = list_read(list, tree, info, INFO_BIT(list->sort), why);
		if (r < 0)
			return r;
		if (r > 0)
			list->rows[list->nrows++] = info;
	}
	list->listing.total = list->nrows;
	return 0;
}

/* By the field; then by name, and of two with one name the private one, which wins a lookup, first.
 */
static int list_compare(const void *a, const void *b, void *arg)
{
	const struct info *x = *(const struct info *const *)a, *y = *(const struct info *const *)b;
	const struct list *list = arg;
	int r = info_compare(x, y, list->sort);

	if (r != 0)
		return list->down ? -r : r;
	r = info_compare(x, y, INFO_NAME);
	return r != 0 ? r : info_compare(x, y, INFO_NAMESPACE);
}

/* Leaves the rows of the page, with all that is shown. */
static int list_page(struct list *list, const struct tree *tree, struct why *why)
{
	size_t size = list->listing.size > 0 ? list->listing.size : list->nrows;
	size_t first = size * (list->listing.page - 1), n = 0;

	for (size_t i = first; i < list->nrows && i - first < size; i++) {
		struct info *info = list->rows[i];
		int r = list_read(list, tree, info, listing_fields(&list->listing), why);

		if (r < 0)
			return r;
		if (r > 0)
			list->rows[n++] = info;
	}
	list->nrows = n;
	return 0;
}

static int list_show(struct list *list, struct why *why)
{
	const struct listing *listing = &list->listing;
	int r = listing_print(listing, list->rows, list->nrows);

	if (r < 0)
		return why_set(why, r, "standard output: %s", strerror(-r));
	/* Beside the data, so that it is no part of it. */
	if (listing->size > 0 && listing->form != LISTING_JSON && listing->form != LISTING_YAML)
		fprintf(stderr, "page %u of %zu, %zu of %zu secrets\n", listing->page,
			listing_pages(listing), list->nrows, listing->total);
	return 0;
}

static int list_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = list_options, .help = cmd_list.help};
	AUTO_TREE tree = TREE_INIT;
	struct list list = {.sort = INFO_NAME};
	struct why why;
	int r = list_args(&list, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = infos_read(&list.infos, &tree, &why);
	if (r == 0) {
		list_damaged(&list, &why);
		r = list_filter(&list, &tree, &why);
	}
	if (r == 0) {
		qsort_r(list.rows, list.nrows, sizeof(*list.rows), list_compare, &list);
		r = list_page(&list, &tree, &why);
	}
	if (r == 0)
		r = list_show(&list, &why);
	free(list.rows);
	infos_free(&list.infos);
	filters_free(&list.filters);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	return list.err;
}

const struct verb cmd_list = {
	.name = "list",
	.summary = "list secrets, without their values",
	.help = "usage: secretctl list [--FIELD FILTER]... [--sort-by asc:|desc:COLUMN] [-o FORM]\n"
		"\n"
		"Lists your private secrets and the public ones, never their values.\n"
		"\"?\" stands for what you may not see. Prints nothing if there are no secrets.\n"
		"\n"
		"      --name FILTER      each of these may be given several times\n"
		"      --owner FILTER     a name or a number\n"
		"      --private FILTER   true or false\n"
		"      --created FILTER\n"
		"      --updated FILTER\n"
		"      --expires FILTER\n"
		"      --key FILTER       one of the keys\n"
		"      --id FILTER\n"
		"      --logical-operator and|or\n"
		"                         must all filters fit (and), or is one enough?\n"
		"      --sort-by COLUMN   by this column: asc:COLUMN (the default) or desc:COLUMN\n"
		"      --page N           this page alone\n"
		"      --size N           secrets on a page; 20 if only --page is given\n"
		"  -o, --output table|json|yaml|csv|tsv|name\n"
		"      --columns COLUMN,...\n"
		"                         name, namespace, private, owner, group, mode, keys, "
		"created,\n"
		"                         updated, expires, description, id, version\n"
		"\n"
		"A FILTER is a value, or one of these and a value: equals: notequals: contains:\n"
		"startswith: endswith: oneof: gt: gte: lt: lte: in:\n"
		"--name contains:open, --private true, --expires lt:2030-01-31, --key oneof:a,b,\n"
		"--updated in:2026-01-01,2026-02-01\n",
	.run = list_run,
};
