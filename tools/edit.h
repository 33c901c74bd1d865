/* SPDX-License-Identifier: MIT */
/* edit: what create and update have in common: their options, and what is not a key. */
#ifndef TOOLS_EDIT_H
#define TOOLS_EDIT_H

#include <stdbool.h>

#include "attr.h"
#include "change.h"
#include "expiry.h"
#include "why.h"

/* Letters that args_next answers. */
enum {
	EDIT_VALUES = 'v',
	EDIT_INTERACTIVE = 'i',
	EDIT_EXPIRES = 'x',
	EDIT_DESCRIPTION = 'd',
};

/* For a verb's table of options. */
#define EDIT_OPTIONS                                                                               \
	{.name = "values", .letter = EDIT_VALUES, .takes = true},                                  \
		{.name = "interactive", .letter = EDIT_INTERACTIVE},                               \
		{.name = "expires", .letter = EDIT_EXPIRES, .hidden = true, .takes = true},        \
	{                                                                                          \
		.name = "description", .letter = EDIT_DESCRIPTION, .hidden = true, .takes = true   \
	}

/* For a verb's help. */
#define EDIT_HELP                                                                                  \
	"  -i, --interactive     ask for keys and values on the terminal\n"                        \
	"  -v, --values SET      keys and values as JSON or YAML; @FILE (dotenv too); - is "       \
	"standard\n"                                                                               \
	"                        input. They win over --KEY=VALUE.\n"                              \
	"      --expires WHEN    2030-01-31T12:00:00Z, seconds since 1970, +30d, +12h, now, "      \
	"never\n"                                                                                  \
	"      --description TEXT\n"                                                               \
	"  --KEY=VALUE           a key; given twice, the last one wins\n"                          \
	"  --KEY=@FILE           its value is what the file holds; @- is standard input\n"         \
	"  --KEY=@@TEXT          its value is @TEXT\n"                                             \
	"  --set KEY=VALUE       the same, for a key that is called like an option\n"

struct edit {
	struct change change;
	struct expiry expires;
	const char *description; /* a word of argv; NULL: not given, empty: none */
	bool interactive;
};

/* Takes an option of EDIT_OPTIONS or a key. 1: it was none of these. -EINVAL, or as values_add. */
int edit_arg(struct edit *edit, int what, char *value, struct why *why);

/* Are expiry or description given? */
static inline bool edit_has_attrs(const struct edit *edit)
{
	return edit->expires.given || edit->description != NULL;
}

/* Fills why with who may; returns -EPERM. */
int edit_not_owner(const struct tree_name *name, struct why *why);

/* What edit_attrs has replaced. */
struct edit_undo {
	bool expires, description; /* replaced; by what was not there before if the text is empty */
	char old_expires[ATTR_TEXT];
	char old_description[ATTR_TEXT];
};

/* Sets what is given. After an error nothing is changed. */
int edit_attrs(const struct edit *edit, int dir, const struct tree_name *name,
	struct edit_undo *undo, struct why *why);

/* Puts back what edit_attrs has changed. */
int edit_attrs_undo(int dir, const struct edit_undo *undo);

void edit_free(struct edit *edit);

#endif
