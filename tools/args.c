/* SPDX-License-Identifier: MIT */
/* args: the words after a verb: its options, --KEY=VALUE and names. */
#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exitcode.h"

static const struct args_option *args_long(const struct args *args, const char *name, size_t len)
{
	for (const struct args_option *o = args->options; o->name != NULL; o++) {
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static const struct args_option *args_short(const struct args *args, char letter)
{
	for (const struct args_option *o = args->options; o->name != NULL; o++) {
		if (o->letter == letter && !o->hidden)
			return o;
	}
	return NULL;
}

/* The value of an option that may be the next word. */
static int args_value(struct args *args, const char *name, char *joined, struct why *why)
{
	args->value = joined;
	if (joined == NULL && args->at < args->argc)
		args->value = args->argv[args->at++];
	if (args->value == NULL)
		return why_set(why, -EINVAL, "--%s: a value is missing; see --help", name);
	return 0;
}

static int args_take(
	struct args *args, const struct args_option *option, char *joined, struct why *why)
{
	int r = 0;

	if (option->takes)
		r = args_value(args, option->name, joined, why);
	else if (joined != NULL)
		r = why_set(why, -EINVAL, "--%s: takes no value%s", option->name,
			args->keys ? "; a key of this name is --set KEY=VALUE" : "");
	return r < 0 ? r : option->letter;
}

static _Noreturn void args_help(const struct args *args)
{
	fputs(args->help, stdout);
	exit(fflush(stdout) == 0 ? EXITCODE_OK : EXITCODE_FAILURE);
}

static int args_long_next(struct args *args, char *word, struct why *why)
{
	char *equals = strchr(word, '=');
	size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
	const struct args_option *option = args_long(args, word, len);

	if (strcmp(word, "help") == 0)
		args_help(args);
	if (option != NULL)
		return args_take(args, option, equals != NULL ? equals + 1 : NULL, why);
	if (args->keys && len == 3 && memcmp(word, "set", 3) == 0) {
		int r = args_value(args, "set", equals != NULL ? equals + 1 : NULL, why);

		return r < 0 ? r : ARGS_KEY;
	}
	if (args->keys && equals != NULL) {
		args->value = word;
		return ARGS_KEY;
	}
	/* What stands after an unknown option's name may be a value: it is not repeated. */
	return why_set(why, -EINVAL, "--%.*s: no such option%s; see --help",
		(int)(len < 64 ? len : 64), word, args->keys ? " (a key is --KEY=VALUE)" : "");
}

int args_next(struct args *args, struct why *why)
{
	const struct args_option *option;
	char *word;

	if (args->at >= args->argc)
		return ARGS_END;
	word = args->argv[args->at++];
	if (args->words_only || word[0] != '-' || word[1] == '\0') {
		args->value = word;
		return ARGS_WORD;
	}
	if (strcmp(word, "--") == 0) {
		args->words_only = true;
		return args_next(args, why);
	}
	if (word[1] == '-')
		return args_long_next(args, word + 2, why);
	if (strcmp(word, "-h") == 0)
		args_help(args);
	option = args_short(args, word[1]);
	if (option == NULL || (!option->takes && word[2] != '\0'))
		return why_set(why, -EINVAL, "-%c: no such option; see --help", word[1]);
	return args_take(args, option, word[2] != '\0' ? word + 2 : NULL, why);
}

int args_bool(const char *text, bool *ret_value, struct why *why)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret_value = i % 2 == 1;
			return 0;
		}
	}
	return why_set(why, -EINVAL, "--private: say true or false");
}

int args_count(
	const char *option, const char *text, unsigned max, unsigned *ret_count, struct why *why)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n == 0 || n > max)
		return why_set(why, -EINVAL, "%s: a whole number from 1 to %u", option, max);
	*ret_count = (unsigned)n;
	return 0;
}
