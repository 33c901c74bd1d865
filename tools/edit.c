/* SPDX-License-Identifier: MIT */
/* edit: what create and update have in common: their options, and what is not a key. */
#include "edit.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "args.h"

int edit_arg(struct edit *edit, int what, char *value, struct why *why)
{
	switch (what) {
	case ARGS_KEY:
		return values_add(&edit->change.set, value, why);
	case EDIT_VALUES:
		return values_add_set(&edit->change.set, value, why);
	case EDIT_INTERACTIVE:
		edit->interactive = true;
		return 0;
	case EDIT_EXPIRES:
		return expiry_parse(&edit->expires, value, time(NULL), why);
	case EDIT_DESCRIPTION:
		edit->description = value;
		return attr_check_description(value, why);
	default:
		return 1;
	}
}

int edit_not_owner(const struct tree_name *name, struct why *why)
{
	return why_set(why, -EPERM,
		"%s: only its owner may set its description and when it expires", name->text);
}

/* Notes what is there; what is not is the empty text, which no attribute has. */
static int edit_save(int dir, const char *attr, char ret_text[static ATTR_TEXT])
{
	int r = attr_get(dir, attr, ret_text);

	if (r == -ENODATA)
		ret_text[0] = '\0';
	return r == -ENODATA ? 0 : r;
}

static const char *edit_or_none(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static int edit_replace(
	int dir, const char *attr, const char *text, bool *ret_done, char ret_old[static ATTR_TEXT])
{
	int r = edit_save(dir, attr, ret_old);

	if (r == 0)
		r = attr_put(dir, attr, text);
	*ret_done = r == 0;
	return r;
}

int edit_attrs(const struct edit *edit, int dir, const struct tree_name *name,
	struct edit_undo *undo, struct why *why)
{
	int r = 0;

	*undo = (struct edit_undo){0};
	if (edit->expires.given)
		r = edit_replace(dir, "expires", edit->expires.never ? NULL : edit->expires.text,
			&undo->expires, undo->old_expires);
	if (r == 0 && edit->description != NULL)
		r = edit_replace(dir, "description", edit_or_none(edit->description),
			&undo->description, undo->old_description);
	if (r == 0)
		return 0;
	if (r == -EPERM)
		edit_not_owner(name, why);
	else
		tree_why(why, r, name->text);
	if (edit_attrs_undo(dir, undo) < 0) {
		struct why first = *why;

		why_set(why, r, "%.600s; when it expires was changed all the same", first.text);
	}
	*undo = (struct edit_undo){0};
	return r;
}

int edit_attrs_undo(int dir, const struct edit_undo *undo)
{
	int r = 0, r2 = 0;

	if (undo->expires)
		r = attr_put(dir, "expires", edit_or_none(undo->old_expires));
	if (undo->description)
		r2 = attr_put(dir, "description", edit_or_none(undo->old_description));
	return r < 0 ? r : r2;
}

void edit_free(struct edit *edit)
{
	change_free(&edit->change);
}
