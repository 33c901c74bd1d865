/* SPDX-License-Identifier: MIT */
/* cmd_access: who may do what with a secret, in words. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"
#include "fd.h"
#include "info.h"
#include "log.h"
#include "owner.h"
#include "permit.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"

struct access {
	struct tree_name name;
	bool json;
	bool strict;
	struct subject *subjects; /* all that the secret or a key speaks of */
	size_t n;
};

static const struct args_option access_options[] = {
	{.name = "output", .letter = 'o', .takes = true},
	{.name = "strict", .letter = 't', .hidden = true},
	{0},
};

static int access_args(struct access *access, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == 'o') {
			access->json = strcmp(args->value, "json") == 0;
			r = access->json || strcmp(args->value, "table") == 0
				    ? 0
				    : why_set(why, -EINVAL, "--output: table or json");
		} else if (r == 't') {
			access->strict = true;
			r = 0;
		} else if (access->name.name[0] != '\0') {
			r = why_set(why, -EINVAL, "one NAME at a time; see --help");
		} else {
			r = tree_name_parse(&access->name, args->value, why);
		}
		if (r < 0)
			return r;
	}
	if (r == 0 && access->name.name[0] == '\0')
		r = why_set(why, -EINVAL, "which NAME? see --help");
	return r;
}

/* ---- who there is ---- */

static int access_add(struct access *access, enum subject_kind kind, uint32_t id)
{
	struct subject *subjects;

	for (size_t i = 0; i < access->n; i++) {
		if (access->subjects[i].kind == kind && access->subjects[i].id == id)
			return 0;
	}
	subjects = reallocarray(access->subjects, access->n + 1, sizeof(*subjects));
	if (subjects == NULL)
		return -ENOMEM;
	access->subjects = subjects;
	subject_init(&subjects[access->n++], kind, id);
	return 0;
}

static int access_add_node(struct access *access, const struct permit_node *node)
{
	int r = access_add(access, SUBJECT_USER, node->uid);

	if (r == 0)
		r = access_add(access, SUBJECT_GROUP, node->gid);
	for (size_t i = 0; i < node->acl.n && r == 0; i++) {
		const struct aclist_entry *entry = &node->acl.entries[i];

		if (entry->tag == ACLIST_USER)
			r = access_add(access, SUBJECT_USER, entry->id);
		else if (entry->tag == ACLIST_GROUP)
			r = access_add(access, SUBJECT_GROUP, entry->id);
	}
	return r;
}

/* The owner first, users, groups, other. */
static int access_cmp(const void *a, const void *b)
{
	const struct subject *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->text, y->text);
}

static int access_collect(struct access *access, const struct permit *permit)
{
	int r = access_add_node(access, &permit->folder);

	for (size_t i = 0; i < permit->names.n && r == 0; i++)
		r = access_add_node(access, &permit->keys[i]);
	if (r == 0)
		r = access_add(access, SUBJECT_OTHER, 0);
	if (r == 0)
		qsort(access->subjects + 1, access->n - 1, sizeof(*access->subjects), access_cmp);
	return r;
}

/* ---- keys that differ ---- */

/* What somebody may with a key beyond what he may with all. */
static unsigned access_more(const struct permit *permit, size_t key, const struct subject *subject)
{
	unsigned bits = permit_effect(&permit->keys[key], subject), more = 0;

	if (!(permit_effect(&permit->folder, subject) & ACLIST_X))
		return 0;
	if (bits & ACLIST_R)
		more |= RIGHTS_READ;
	if (bits & ACLIST_W)
		more |= RIGHTS_WRITE;
	return more & ~permit_rights(permit, subject);
}

static void access_warn(const struct access *access, const struct permit *permit)
{
	for (size_t i = 0; i < permit->names.n; i++) {
		for (size_t j = 0; j < access->n; j++) {
			const struct subject *subject = &access->subjects[j];
			unsigned more = access_more(permit, i, subject);
			char text[RIGHTS_TEXT];

			if (!more)
				continue;
			rights_print(more, text);
			log_warn("%s/%s is open to more than its siblings: %s may %s it",
				access->name.text, permit->names.names[i], subject->text, text);
		}
	}
}

/* ---- printing ---- */

static const char *access_who(const struct permit *permit, const struct subject *subject)
{
	if (subject->kind == SUBJECT_USER && subject->id == permit->folder.uid)
		return "owner";
	if (subject->kind == SUBJECT_GROUP && subject->id == permit->folder.gid)
		return "owning group";
	return "";
}

static int access_table(const struct access *access, const struct permit *permit)
{
	static const char *const headings[] = {"WHO", "MAY", "AS"};
	char **cells = calloc(access->n * 3, sizeof(*cells));
	int r = cells == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < access->n && r == 0; i++) {
		const struct subject *subject = &access->subjects[i];
		char text[RIGHTS_TEXT];

		rights_print(permit_rights(permit, subject), text);
		cells[3 * i] = strdup(subject->text);
		cells[3 * i + 1] = strdup(text);
		cells[3 * i + 2] = strdup(access_who(permit, subject));
		if (!cells[3 * i] || !cells[3 * i + 1] || !cells[3 * i + 2])
			r = -ENOMEM;
	}
	if (r == 0)
		r = print_table(headings, 3, cells, access->n);
	for (size_t i = 0; cells != NULL && i < access->n * 3; i++)
		free(cells[i]);
	free(cells);
	return r;
}

static json_t *access_words(unsigned rights)
{
	json_t *list = json_array();
	const char *word;

	for (size_t i = 0; (word = rights_word(i)) != NULL; i++) {
		if (rights & 1u << i)
			json_array_append_new(list, json_string(word));
	}
	return list;
}

static json_t *access_json_subject(const struct permit *permit, const struct subject *subject)
{
	static const char *const kinds[] = {"user", "group", "other"};
	json_t *keys = json_object(),
	       *one = json_pack("{s:s, s:o, s:b}", "kind", kinds[subject->kind], "may",
		       access_words(permit_rights(permit, subject)), "owner",
		       strcmp(access_who(permit, subject), "") != 0);

	if (subject->kind != SUBJECT_OTHER) {
		json_object_set_new(one, "name", json_string(strchr(subject->text, ':') + 1));
		json_object_set_new(one, "id", json_integer(subject->id));
	}
	for (size_t i = 0; i < permit->names.n; i++) {
		unsigned more = access_more(permit, i, subject);

		if (more)
			json_object_set_new(keys, permit->names.names[i], access_words(more));
	}
	json_object_set_new(one, "more", keys);
	return one;
}

static int access_json(const struct access *access, const struct permit *permit)
{
	json_t *who = json_array();

	for (size_t i = 0; i < access->n; i++)
		json_array_append_new(who, access_json_subject(permit, &access->subjects[i]));
	json_t *all = json_pack("{s:s, s:s, s:o}", "name", access->name.name, "namespace",
		tree_ns_text(access->name.ns), "access", who);
	int r = all == NULL || json_dumpf(all, stdout, JSON_ENSURE_ASCII) < 0 ? -ENOMEM : 0;

	json_decref(all);
	if (r == 0)
		puts("");
	return r;
}

static int access_print(struct access *access, const struct tree *tree, struct why *why)
{
	AUTO_FD dir = -1;
	AUTO_PERMIT permit = PERMIT_INIT;
	int r = tree_find(tree, &access->name, &dir, why);

	if (r == 0)
		r = owner_check_use(&access->name, dir, access->strict, why);
	if (r == 0)
		r = permit_read(&permit, dir, &access->name, why);
	if (r < 0)
		return r;
	r = access_collect(access, &permit);
	/* The ACLs of what is private let nobody in. */
	if (access->name.ns == TREE_PRIVATE)
		access->n = 1;
	if (r == 0)
		r = access->json ? access_json(access, &permit) : access_table(access, &permit);
	if (r < 0)
		return why_set(why, r, "%s: %s", access->name.text, strerror(-r));
	access_warn(access, &permit);
	return 0;
}

static int access_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = access_options, .help = cmd_access.help};
	struct access access = {0};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = access_args(&access, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = access_print(&access, &tree, &why);
	free(access.subjects);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_access = {
	.name = "access",
	.summary = "show who may do what with a secret",
	.help = "usage: secretctl access NAME [-o table|json] [--strict]\n"
		"\n"
		"Lists all users and groups that the secret or one of its keys speaks of, and what "
		"each\n"
		"may do with it and all of its keys: list, read, write, create, delete; see "
		"secretctl\n"
		"grant --help. Warns of keys that are open to more than the others. Root may do "
		"everything.\n"
		"\n"
		"  -o, --output table|json   the form\n"
		"      --strict   fail, not warn, if NAME has led to a public secret of somebody "
		"else\n",
	.run = access_run,
};
