/* SPDX-License-Identifier: MIT */
/* suggest: what could stand in place of the last word of a command line. */
#include "suggest.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "helptext.h"
#include "info.h"
#include "secretctl.h"
#include "subject.h"
#include "tree.h"

struct line {
	const char *mount;
	const struct verb *verb;
	struct helptext help;
	const char *name; /* the first argument, if it is a NAME */
	size_t narguments;
	const char *word; /* the one that is asked for */
};

/* ---- candidates ---- */

/* Names that a terminal or the form of the answer would not bear are not offered. */
static bool offerable(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			return false;
	}
	return true;
}

/* before is what the word has in front of the part that is completed, such as "--output=". */
static void offer(const struct line *line, const char *before, const char *text, const char *after,
	const char *means)
{
	size_t skip = strlen(before), typed = strlen(line->word);
	char whole[2 * HELPTEXT_WORD + NAME_MAX_BYTES];

	if (typed < skip || !offerable(text))
		return;
	snprintf(whole, sizeof(whole), "%s%s", text, after);
	if (strncmp(whole, line->word + skip, typed - skip) == 0)
		printf("%s%s\t%s\n", before, whole, means);
}

static void offer_secrets(const struct line *line, const char *before)
{
	AUTO_TREE tree = TREE_INIT;
	AUTO_INFOS infos = {0};
	struct why why;
	bool selector = strchr(line->word + strlen(before), '/') != NULL;

	if (tree_open(&tree, line->mount, &why) < 0 || infos_read(&infos, &tree, &why) < 0)
		return;
	for (size_t i = 0; i < infos.n; i++) {
		const struct info *info = &infos.items[i];
		char text[NAME_MAX_BYTES + 16];

		snprintf(text, sizeof(text), "%s/%s", tree_ns_text(info->ns), info->name);
		offer(line, before, selector || info->shadowed ? text : info->name, "",
			tree_ns_text(info->ns));
	}
	if (!selector) {
		offer(line, before, "private/", "", "a private secret");
		offer(line, before, "public/", "", "a public secret");
	}
}

/* Those of the secret that the line names. mark: "--" before and "=" behind, or nothing. */
static void offer_keys(const struct line *line, const char *before, const char *after)
{
	AUTO_TREE tree = TREE_INIT;
	AUTO_TREE_LIST keys = {0};
	struct tree_name name;
	AUTO_FD dir = -1;
	struct why why;

	if (line->name == NULL || tree_open(&tree, line->mount, &why) < 0 ||
		tree_name_parse(&name, line->name, &why) < 0 ||
		tree_find(&tree, &name, &dir, &why) < 0 || tree_list(dir, &keys) < 0)
		return;
	for (size_t i = 0; i < keys.n; i++) {
		if (keys.names[i][0] != '.')
			offer(line, before, keys.names[i], after, "key");
	}
}

static void offer_versions(const struct line *line)
{
	AUTO_TREE tree = TREE_INIT;
	AUTO_TREE_LIST versions = {0};
	struct tree_name name;
	AUTO_FD dir = -1, view = -1;
	struct why why;

	if (line->name == NULL || tree_open(&tree, line->mount, &why) < 0 ||
		tree_name_parse(&name, line->name, &why) < 0 ||
		tree_find(&tree, &name, &dir, &why) < 0)
		return;
	view = openat(dir, ".versions", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (view < 0 || tree_list(view, &versions) < 0)
		return;
	for (size_t i = 0; i < versions.n; i++)
		offer(line, "", versions.names[i], "", "version");
}

/* "yaml|json|env" */
static void offer_alternatives(const struct line *line, const char *before, const char *all)
{
	while (*all != '\0') {
		char one[HELPTEXT_WORD];
		size_t n = strcspn(all, "|");

		snprintf(one, sizeof(one), "%.*s", (int)n, all);
		offer(line, before, one, "", "");
		all += n + (all[n] != '\0');
	}
}

/* "table, json, yaml, env, or raw: the bytes of ..." */
static void offer_words(const struct line *line, const char *before, const char *means)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	for (;;) {
		char one[HELPTEXT_WORD];
		size_t n;

		means += strspn(means, ", ");
		if (strncmp(means, "or ", 3) == 0)
			means += 3;
		n = strspn(means, letters);
		if (n == 0 || n >= sizeof(one))
			return;
		snprintf(one, sizeof(one), "%.*s", (int)n, means);
		offer(line, before, one, "", "");
		means += n;
		if (strncmp(means, ", ", 2) != 0 && strncmp(means, " or ", 4) != 0)
			return;
		means += *means == ' ';
	}
}

/* "a,b," stays in front of the next one. */
static void offer_columns(const struct line *line, const char *before, bool several)
{
	char front[256];
	const char *comma = strrchr(line->word + strlen(before), ',');

	snprintf(front, sizeof(front), "%s", before);
	if (several && comma != NULL)
		snprintf(front, sizeof(front), "%.*s", (int)(comma + 1 - line->word), line->word);
	for (enum info_field i = 0; i < INFO_FIELDS; i++)
		offer(line, front, info_field_name(i), "", "");
	if (several)
		return;
	offer(line, before, "asc:", "", "");
	offer(line, before, "desc:", "", "");
	for (int down = 0; down < 2; down++) {
		snprintf(front, sizeof(front), "%s%s", before, down ? "desc:" : "asc:");
		if (strncmp(line->word, front, strlen(front)) != 0)
			continue;
		for (enum info_field i = 0; i < INFO_FIELDS; i++)
			offer(line, front, info_field_name(i), "", "");
	}
}

static void offer_operators(const struct line *line, const char *before)
{
	static const char *const operators[] = {"equals", "notequals", "contains", "startswith",
		"endswith", "oneof", "gt", "gte", "lt", "lte", "in"};

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		offer(line, before, operators[i], ":", "");
}

/* ---- whom rights are given to ---- */

/* "user:alice=list,re" */
static void offer_rights(const struct line *line, const char *equals)
{
	char front[SUBJECT_TEXT + 64];
	const char *comma = strrchr(equals, ','), *word;
	int len = (int)((comma != NULL ? comma : equals) + 1 - line->word);

	if ((size_t)len >= sizeof(front))
		return;
	snprintf(front, sizeof(front), "%.*s", len, line->word);
	for (size_t i = 0; (word = rights_word(i)) != NULL; i++)
		offer(line, front, word, "", "");
}

static void offer_users(const struct line *line, const char *after)
{
	const struct passwd *user;

	setpwent();
	while ((user = getpwent()) != NULL)
		offer(line, "user:", user->pw_name, after, "user");
	endpwent();
}

static void offer_groups(const struct line *line, const char *after)
{
	const struct group *group;

	setgrent();
	while ((group = getgrent()) != NULL)
		offer(line, "group:", group->gr_name, after, "group");
	endgrent();
}

/* "user:NAME=RIGHT,..."; what is revoked need not be said. */
static void offer_subjects(const struct line *line)
{
	const char *equals = strchr(line->word, '=');
	const char *after = strcmp(line->verb->name, "grant") == 0 ? "=" : "";

	if (equals != NULL) {
		offer_rights(line, equals);
	} else if (strncmp(line->word, "user:", 5) == 0) {
		offer_users(line, after);
	} else if (strncmp(line->word, "group:", 6) == 0) {
		offer_groups(line, after);
	} else {
		offer(line, "", "user:", "", "a user");
		offer(line, "", "group:", "", "a group");
		offer(line, "", "other", after, "everybody else");
	}
}

/* ---- what an option takes ---- */

/* Is a NAME that this option takes a secret that is there? */
static bool takes_secret(const struct helptext_option *o)
{
	return strcmp(o->name, "--name") != 0 && strcmp(o->name, "--user") != 0 &&
	       strcmp(o->name, "--credential") != 0;
}

static void suggest_value(
	const struct line *line, const struct helptext_option *o, const char *before)
{
	const char *takes = o->takes;

	if (strcmp(takes, "BOOL") == 0 || strcmp(o->name, "--private") == 0)
		offer_alternatives(line, before, "true|false");
	else if (strchr(takes, '|') != NULL)
		offer_alternatives(line, before, takes);
	else if (strcmp(takes, "FILE") == 0)
		puts(":files");
	else if (strcmp(takes, "FOLDER") == 0 || strcmp(takes, "DIR") == 0)
		puts(":folders");
	else if (strcmp(takes, "NAME") == 0 && takes_secret(o))
		offer_secrets(line, before);
	else if (strcmp(takes, "KEY") == 0)
		offer_keys(line, before, "");
	else if (strcmp(takes, "KEY=VALUE") == 0)
		offer_keys(line, before, "=");
	else if (strncmp(takes, "COLUMN", 6) == 0)
		offer_columns(line, before, takes[6] != '\0');
	else if (strcmp(takes, "FILTER") == 0)
		offer_operators(line, before);
	else if (strcmp(takes, "FORM") == 0 || strcmp(takes, "LEVEL") == 0)
		offer_words(line, before, o->means);
}

/* ---- options and arguments ---- */

static void suggest_options(const struct line *line)
{
	const char *equals = strchr(line->word, '=');
	const struct helptext_option *o = NULL;
	char before[HELPTEXT_WORD + 2];

	if (equals != NULL) {
		o = helptext_find(&line->help, line->word, (size_t)(equals - line->word));
		snprintf(
			before, sizeof(before), "%.*s", (int)(equals + 1 - line->word), line->word);
		if (o != NULL)
			suggest_value(line, o, before);
		return;
	}
	for (size_t i = 0; i < line->help.noptions; i++)
		offer(line, "", line->help.options[i].name, "", line->help.options[i].means);
	offer(line, "", "--help", "", "what this verb does");
	if (line->help.keys)
		offer_keys(line, "--", "=");
}

static void suggest_argument(const struct line *line)
{
	const struct helptext *help = &line->help;
	size_t at = line->narguments;
	const char *kind;

	if (at >= help->narguments) {
		if (help->narguments == 0 || !help->repeats)
			return;
		at = help->narguments - 1;
	}
	kind = help->arguments[at];
	if (strcmp(kind, "FILE") == 0 || strcmp(kind, "STORE") == 0)
		puts(":files");
	else if (strcmp(kind, "PROGRAM") == 0 || strcmp(kind, "CMD") == 0)
		puts(":commands");
	else if (line->verb->store)
		return;
	else if (strcmp(kind, "NAME") == 0 && strcmp(line->verb->name, "create") == 0)
		offer_alternatives(line, "", "private/|public/");
	else if (strcmp(kind, "NAME") == 0)
		offer_secrets(line, "");
	else if (strcmp(kind, "KEY") == 0)
		offer_keys(line, "", "");
	else if (strcmp(kind, "N") == 0 || strcmp(kind, "M") == 0)
		offer_versions(line);
	else if (strcmp(kind, "SUBJECT") == 0)
		offer_subjects(line);
}

/* ---- the line ---- */

static const struct verb *find_verb(const char *group, const char *name)
{
	const struct verb *verb;

	for (size_t i = 0; (verb = ctl_verb(i)) != NULL; i++) {
		bool same = group == NULL ? verb->group == NULL
					  : verb->group != NULL && strcmp(verb->group, group) == 0;

		if (same && strcmp(verb->name, name) == 0)
			return verb;
	}
	return NULL;
}

static void suggest_verbs(const struct line *line, const char *group)
{
	const struct verb *verb;

	for (size_t i = 0; (verb = ctl_verb(i)) != NULL; i++) {
		if (verb->hidden)
			continue;
		if (group != NULL) {
			if (verb->group != NULL && strcmp(verb->group, group) == 0)
				offer(line, "", verb->name, "", verb->summary);
		} else if (verb->group == NULL) {
			offer(line, "", verb->name, "", verb->summary);
		} else if (find_verb(NULL, verb->group) == NULL &&
			   (i == 0 || ctl_verb(i - 1)->group == NULL ||
				   strcmp(ctl_verb(i - 1)->group, verb->group) != 0)) {
			offer(line, "", verb->group, "", "store files");
		}
	}
	if (group != NULL)
		return;
	offer(line, "", "-m", "", "where the tree is mounted");
	offer(line, "", "--help", "", "all verbs");
	offer(line, "", "--version", "", "the version");
}

static bool is_group(const char *word)
{
	const struct verb *verb;

	for (size_t i = 0; (verb = ctl_verb(i)) != NULL; i++) {
		if (verb->group != NULL && strcmp(verb->group, word) == 0)
			return true;
	}
	return false;
}

/* A word before the last one. Returns the option whose value comes next, or NULL. */
static const struct helptext_option *line_word(struct line *line, const char *word)
{
	const struct helptext_option *o;

	if (word[0] == '-' && word[1] != '\0') {
		o = helptext_find(&line->help, word, strlen(word));
		return o != NULL && o->takes[0] != '\0' ? o : NULL;
	}
	if (line->narguments == 0 && line->help.narguments > 0 &&
		strcmp(line->help.arguments[0], "NAME") == 0)
		line->name = word;
	line->narguments++;
	return NULL;
}

static void suggest_verb_line(struct line *line, int nwords, char *const *words)
{
	const struct helptext_option *waiting = NULL;
	bool words_only = false;

	helptext_read(&line->help, line->verb->help);
	for (int i = 0; i + 1 < nwords; i++) {
		if (waiting != NULL)
			waiting = NULL;
		else if (!words_only && strcmp(words[i], "--") == 0)
			words_only = true;
		else if (words_only)
			line->narguments++;
		else
			waiting = line_word(line, words[i]);
	}
	if (waiting != NULL)
		suggest_value(line, waiting, "");
	else if (line->word[0] == '-' && !words_only)
		suggest_options(line);
	else
		suggest_argument(line);
}

void suggest(int nwords, char *const *words)
{
	struct line line = {.word = nwords > 0 ? words[nwords - 1] : ""};
	const char *group = NULL;
	int at = 0;

	while (at + 1 < nwords && words[at][0] == '-') {
		if (strcmp(words[at], "-m") != 0) {
			if (strncmp(words[at], "-m", 2) == 0)
				line.mount = words[at] + 2;
			at++;
			continue;
		}
		if (at + 2 == nwords) {
			puts(":folders");
			return;
		}
		line.mount = words[at + 1];
		at += 2;
	}
	if (at + 1 < nwords && is_group(words[at])) {
		bool last = at + 2 == nwords;

		/* "audit" is a verb too: what follows may be its argument. */
		if (find_verb(NULL, words[at]) == NULL ||
			(!last && find_verb(words[at], words[at + 1]) != NULL))
			group = words[at++];
		else if (last)
			suggest_verbs(&line, words[at]);
	}
	if (at + 1 >= nwords) {
		suggest_verbs(&line, group);
		return;
	}
	line.verb = find_verb(group, words[at]);
	if (line.verb != NULL && !line.verb->hidden)
		suggest_verb_line(&line, nwords - at - 1, words + at + 1);
}
