/* SPDX-License-Identifier: MIT */
/*
 * helptext: what the help of a verb says of its options and arguments, for completion.
 *
 * The help is the one place that tells people what there is, so completion reads it there:
 *
 *     usage: secretctl get NAME [KEY] [-p BOOL]        arguments are in capitals
 *       -p, --private BOOL   true: only private ...    an option, what it takes, what it means
 *           --show           ...                       one that takes nothing
 *           --format yaml|json|env                     one that takes one of these
 *
 * and further options that the text only lists: "one of --new-keyfile and --new-passphrase".
 */
#ifndef TOOLS_HELPTEXT_H
#define TOOLS_HELPTEXT_H

#include <stdbool.h>
#include <stddef.h>

#define HELPTEXT_OPTIONS   32
#define HELPTEXT_ARGUMENTS 8
#define HELPTEXT_WORD      48

struct helptext_option {
	char name[HELPTEXT_WORD];  /* "--private" */
	char letter;               /* 'p', or 0 */
	char takes[HELPTEXT_WORD]; /* "BOOL", "yaml|json|env"; empty: nothing */
	char means[96];
};

struct helptext {
	struct helptext_option options[HELPTEXT_OPTIONS];
	size_t noptions;
	char arguments[HELPTEXT_ARGUMENTS][HELPTEXT_WORD];
	size_t narguments;
	bool repeats; /* the last argument may come again */
	bool keys;    /* takes --KEY=VALUE */
};

void helptext_read(struct helptext *ret_text, const char *help);

/* "--private", or "-p" alone. NULL: there is no such option. */
const struct helptext_option *helptext_find(
	const struct helptext *text, const char *word, size_t len);

#endif
