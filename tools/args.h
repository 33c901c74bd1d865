/* SPDX-License-Identifier: MIT */
/*
 * args: the words after a verb: its options, --KEY=VALUE and names.
 *
 * An option that the verb knows wins; any other --KEY=VALUE is a key where the verb takes keys. A
 * key that is called like an option is given as --set KEY=VALUE. After "--" every word is a name.
 */
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include <stdbool.h>

#include "why.h"

struct args_option {
	const char *name; /* without "--" */
	char letter;      /* short form and the number that args_next answers */
	bool hidden;      /* no short form */
	bool takes;       /* a value: --name=V, --name V, -lV or -l V */
};

enum {
	ARGS_END = 0,
	ARGS_WORD = 1,
	ARGS_KEY = 2, /* value is "KEY=VALUE" */
};

struct args {
	int argc;
	char **argv;
	const struct args_option *options; /* ends with a name of NULL */
	bool keys;                         /* takes --KEY=VALUE and --set KEY=VALUE */
	const char *help;
	int at;
	bool words_only;
	char *value; /* of what args_next has just answered */
};

/*
 * The next thing: ARGS_*, or the letter of an option. -EINVAL with a sentence for what the verb
 * does not know.
 * --help and -h print the help and end the program: nothing may have been changed before the last
 * call.
 */
int args_next(struct args *args, struct why *why);

/* true, false, yes, no, on, off, 1, 0. */
int args_bool(const char *text, bool *ret_value, struct why *why);

/* A whole number from 1 to max; option begins the sentence. */
int args_count(
	const char *option, const char *text, unsigned max, unsigned *ret_count, struct why *why);

#endif
