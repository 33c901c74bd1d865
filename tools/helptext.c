/* SPDX-License-Identifier: MIT */
/* helptext: what the help of a verb says of its options and arguments. */
#include "helptext.h"

#include <stdio.h>
#include <string.h>

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_capital(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '-';
}

/* ---- options ---- */

/* "--private" at p: how long. 0: something else, such as --KEY. */
static size_t option_length(const char *p)
{
	size_t n = 2;

	if (strncmp(p, "--", 2) != 0 || !is_lower(p[2]))
		return 0;
	while (is_lower(p[n]) || p[n] == '-')
		n++;
	return n;
}

static struct helptext_option *option_add(struct helptext *text, const char *name, size_t len)
{
	struct helptext_option *o;

	if (text->noptions == HELPTEXT_OPTIONS || len >= HELPTEXT_WORD)
		return NULL;
	if (helptext_find(text, name, len) != NULL)
		return NULL;
	o = &text->options[text->noptions++];
	*o = (struct helptext_option){0};
	memcpy(o->name, name, len);
	return o;
}

/* What stands behind the name: one space and what it takes, then at least two and what it means. */
static void option_rest(struct helptext_option *o, const char *p, const char *end)
{
	size_t n = 0;

	if (p + 1 < end && p[0] == ' ' && p[1] != ' ') {
		p++;
		while (p + n < end && p[n] != ' ')
			n++;
		snprintf(o->takes, sizeof(o->takes), "%.*s", (int)n, p);
		p += n;
	}
	while (p < end && *p == ' ')
		p++;
	snprintf(o->means, sizeof(o->means), "%.*s", (int)(end - p), p);
}

/* "  -p, --private BOOL   true: ..." */
static bool option_line(struct helptext *text, const char *line, const char *end)
{
	const char *p = line + strspn(line, " ");
	struct helptext_option *o;
	char letter = 0;
	size_t n;

	if (p == line)
		return false;
	if (p[0] == '-' && p[1] != '-' && strncmp(p + 2, ", ", 2) == 0) {
		letter = p[1];
		p += 4;
	}
	n = option_length(p);
	o = n > 0 ? option_add(text, p, n) : NULL;
	if (o == NULL)
		return false;
	o->letter = letter;
	option_rest(o, p + n, end);
	return true;
}

/* "one of --x, --y and --z", but not "docker --x". */
static bool option_is_listed(const char *help, const char *p)
{
	static const char *const before[] = {",", " of", " and", " or"};

	while (p > help && (p[-1] == ' ' || p[-1] == '\n'))
		p--;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		size_t n = strlen(before[i]);

		if ((size_t)(p - help) >= n && memcmp(p - n, before[i], n) == 0)
			return true;
	}
	return false;
}

/* Those that a text only names. */
static void options_in_text(struct helptext *text, const char *help)
{
	for (const char *p = strstr(help, "--"); p != NULL; p = strstr(p, "--")) {
		size_t n = option_length(p);

		if (n > 0 && option_is_listed(help, p))
			option_add(text, p, n);
		p += n > 0 ? n : 2;
	}
}

/* ---- arguments ---- */

/* Past an option in brackets, or past a word. */
static const char *usage_skip(const char *p, const char *end)
{
	size_t depth = 0;

	for (; p < end; p++) {
		if (*p == '[')
			depth++;
		else if (*p == ']' && depth > 0)
			depth--;
		else if (depth == 0 && (*p == ' ' || *p == '\n'))
			break;
	}
	return p;
}

static void usage_argument(struct helptext *text, const char *word, size_t len, bool repeats)
{
	if (text->narguments == HELPTEXT_ARGUMENTS || len >= HELPTEXT_WORD)
		return;
	snprintf(text->arguments[text->narguments++], HELPTEXT_WORD, "%.*s", (int)len, word);
	text->repeats = repeats;
}

/* One word of the usage that is no option: NAME, [KEY], NAME..., [FILE]... */
static void usage_word(struct helptext *text, const char *p, const char *end)
{
	const char *word = p + (*p == '[');
	size_t n = 0;

	while (word + n < end && is_capital(word[n]))
		n++;
	if (n == 0 || word[0] == '-')
		return;
	usage_argument(text, word, n, memchr(word + n, '.', (size_t)(end - word) - n) != NULL);
}

/* From behind the verb to the first empty line, or to the next form of the verb. */
static void usage_read(struct helptext *text, const char *p, const char *end)
{
	while (p < end) {
		const char *next;

		p += strspn(p, " \n");
		if (p >= end)
			break;
		next = usage_skip(p, end);
		if (p[0] == '-' && p[1] != '\0' && p[1] != '-' && is_capital(next[1])) {
			/* An option and what it takes. */
			next = usage_skip(next + 1, end);
		} else if (p[0] != '-' && !(p[0] == '[' && p[1] == '-') && p[0] != '|') {
			usage_word(text, p, next);
		}
		p = next;
	}
}

void helptext_read(struct helptext *ret_text, const char *help)
{
	const char *usage = strstr(help, "usage: secretctl "), *end = strstr(help, "\n\n");

	*ret_text = (struct helptext){0};
	ret_text->keys = strstr(help, "--KEY=VALUE") != NULL;
	if (usage != NULL && end != NULL) {
		const char *again = strstr(usage + 1, "\n       secretctl ");

		usage_read(ret_text, usage + strlen("usage: secretctl "),
			again != NULL && again < end ? again : end);
	}
	for (const char *line = end != NULL ? end : help; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		option_line(ret_text, line, line + len);
		line += len + (line[len] != '\0');
	}
	options_in_text(ret_text, help);
}

const struct helptext_option *helptext_find(
	const struct helptext *text, const char *word, size_t len)
{
	for (size_t i = 0; i < text->noptions; i++) {
		const struct helptext_option *o = &text->options[i];

		if (len == 2 && word[0] == '-' && o->letter == word[1])
			return o;
		if (strlen(o->name) == len && memcmp(o->name, word, len) == 0)
			return o;
	}
	return NULL;
}
