/* SPDX-License-Identifier: MIT */
/* granting: what the verbs grant and revoke share. */
#include "granting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "fd.h"
#include "owner.h"
#include "print.h"
#include "tree.h"

struct asked {
	struct tree_name name;
	struct subject *subjects;
	size_t n;
};

static int asked_subject(
	struct asked *asked, const struct granting *granting, const char *text, struct why *why)
{
	struct subject *subjects = reallocarray(asked->subjects, asked->n + 1, sizeof(*subjects));

	if (subjects == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	asked->subjects = subjects;
	struct subject *subject = &subjects[asked->n];
	int r = subject_parse(subject, text, why);
	if (r < 0)
		return r;
	asked->n++;
	if (!granting->take && subject->rights == 0)
		return why_set(why, -EINVAL, "%s: which rights? such as %s=read; see --help",
			subject->text, subject->text);
	if (!granting->take && subject->rights & RIGHTS_DELETE &&
		!(subject->rights & RIGHTS_CREATE))
		return why_set(why, -EINVAL,
			"%s: who may delete keys may create some, too: say create,delete",
			subject->text);
	return 0;
}

static int asked_args(
	struct asked *asked, const struct granting *granting, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = asked->name.name[0] == '\0' ? tree_name_parse(&asked->name, args->value, why)
						: asked_subject(asked, granting, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0 && asked->n == 0)
		r = why_set(why, -EINVAL, "%s; see --help",
			asked->name.name[0] == '\0' ? "which NAME?"
						    : "to whom? user:, group: or other");
	return r;
}

static int asked_print(const struct asked *asked, int dir, struct why *why)
{
	AUTO_PERMIT permit = PERMIT_INIT;
	char name[PRINT_NAME], who[PRINT_NAME], rights[RIGHTS_TEXT];
	int r = permit_read(&permit, dir, &asked->name, why);

	if (r < 0)
		return r;
	print_escape(asked->name.text, name, sizeof(name));
	for (size_t i = 0; i < asked->n; i++) {
		rights_print(permit_rights(&permit, &asked->subjects[i]), rights);
		print_escape(asked->subjects[i].text, who, sizeof(who));
		printf("%s: %s may %s%s\n", name, who, strcmp(rights, "nothing") == 0 ? "do " : "",
			rights);
	}
	return 0;
}

static int asked_do(struct asked *asked, const struct granting *granting, const struct tree *tree,
	struct why *why)
{
	AUTO_FD dir = -1;
	AUTO_PERMIT permit = PERMIT_INIT;
	int r = tree_find(tree, &asked->name, &dir, why);

	if (r == 0 && asked->name.ns == TREE_PRIVATE)
		return why_set(why, -EINVAL,
			"%s is for you alone; to share it, make it public first: secretctl update "
			"%s --private=false",
			asked->name.text, asked->name.text);
	if (r == 0)
		r = owner_check_change(&asked->name, dir, why);
	if (r == 0)
		r = permit_read(&permit, dir, &asked->name, why);
	if (r == 0)
		r = permit_check(&permit, asked->subjects, asked->n, why);
	if (r < 0)
		return r;
	ctl_begin_change();
	r = granting->change(&permit, asked->subjects, asked->n, why);
	return r < 0 ? r : asked_print(asked, dir, why);
}

int granting_run(struct ctl *ctl, const struct granting *granting, int argc, char **argv)
{
	static const struct args_option options[] = {{0}};
	struct args args = {.argc = argc, .argv = argv, .options = options, .help = granting->help};
	struct asked asked = {0};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = asked_args(&asked, granting, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = asked_do(&asked, granting, &tree, &why);
	free(asked.subjects);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}
