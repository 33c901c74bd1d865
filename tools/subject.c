/* SPDX-License-Identifier: MIT */
/* subject: whom rights are given to, and which. */
#include "subject.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aclist.h"
#include "info.h"
#include "near.h"

static const char *const words[] = {"list", "read", "write", "create", "delete"};

#define NWORDS (sizeof(words) / sizeof(words[0]))

/* ---- rights ---- */

const char *rights_word(size_t number)
{
	return number < NWORDS ? words[number] : NULL;
}

static int rights_unknown(const char *word, size_t len, struct why *why)
{
	char text[32];
	struct near near;

	snprintf(text, sizeof(text), "%.*s", (int)(len < 31 ? len : 31), word);
	near_start(&near, text);
	for (size_t i = 0; i < NWORDS; i++)
		near_try(&near, "", words[i]);
	return why_set(why, -EINVAL,
		"\"%s\" is no right%s%s%s; there are list, read, write, create and delete", text,
		near_found(&near) ? ", did you mean " : "", near.best,
		near_found(&near) ? "?" : "");
}

int rights_parse(const char *text, unsigned *ret_rights, struct why *why)
{
	unsigned rights = 0;

	for (;;) {
		size_t len = strcspn(text, ","), i = 0;

		while (i < NWORDS && (strlen(words[i]) != len || memcmp(words[i], text, len) != 0))
			i++;
		if (i == NWORDS)
			return rights_unknown(text, len, why);
		rights |= 1u << i;
		if (text[len] == '\0')
			break;
		text += len + 1;
	}
	*ret_rights = rights;
	return 0;
}

void rights_print(unsigned rights, char ret_text[static RIGHTS_TEXT])
{
	size_t used = 0;

	snprintf(ret_text, RIGHTS_TEXT, "nothing");
	for (size_t i = 0; i < NWORDS; i++) {
		if (rights & 1u << i)
			used += (size_t)snprintf(ret_text + used, RIGHTS_TEXT - used, "%s%s",
				used > 0 ? ", " : "", words[i]);
	}
}

unsigned rights_folder(unsigned rights)
{
	return (rights & (RIGHTS_LIST | RIGHTS_READ) ? ACLIST_R : 0) |
	       (rights & (RIGHTS_CREATE | RIGHTS_DELETE) ? ACLIST_W : 0) | (rights ? ACLIST_X : 0);
}

unsigned rights_key(unsigned rights)
{
	return (rights & RIGHTS_READ ? ACLIST_R : 0) | (rights & RIGHTS_WRITE ? ACLIST_W : 0);
}

/* ---- who ---- */

/* A user's or group's number. */
static bool parse_id(const char *text, uint32_t *ret_id)
{
	char *end;
	unsigned long long n;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end != '\0' || errno != 0 || n >= UINT32_MAX)
		return false;
	*ret_id = (uint32_t)n;
	return true;
}

static int no_such(const char *what, const char *name, const struct near *near, struct why *why)
{
	return why_set(why, -ENOENT, "%s:%s: there is no such %s%s%s%s", what, name, what,
		near_found(near) ? "; did you mean " : "", near_found(near) ? near->best : "",
		near_found(near) ? "?" : "");
}

static int find_user(const char *name, uint32_t *ret_id, struct why *why)
{
	const struct passwd *user = getpwnam(name);
	struct near near;

	if (user != NULL) {
		*ret_id = user->pw_uid;
		return 0;
	}
	if (parse_id(name, ret_id))
		return 0;
	near_start(&near, name);
	setpwent();
	while ((user = getpwent()) != NULL)
		near_try(&near, "user:", user->pw_name);
	endpwent();
	return no_such("user", name, &near, why);
}

static int find_group(const char *name, uint32_t *ret_id, struct why *why)
{
	const struct group *group = getgrnam(name);
	struct near near;

	if (group != NULL) {
		*ret_id = group->gr_gid;
		return 0;
	}
	if (parse_id(name, ret_id))
		return 0;
	near_start(&near, name);
	setgrent();
	while ((group = getgrent()) != NULL)
		near_try(&near, "group:", group->gr_name);
	endgrent();
	return no_such("group", name, &near, why);
}

/* Those that the system's tables name; a process may have others. */
static void find_groups(struct subject *subject)
{
	const struct passwd *user = getpwuid(subject->id);
	int n = SUBJECT_GROUPS;

	if (user == NULL)
		return;
	if (getgrouplist(user->pw_name, user->pw_gid, subject->groups, &n) < 0)
		n = SUBJECT_GROUPS;
	subject->ngroups = (size_t)n;
}

void subject_init(struct subject *ret_subject, enum subject_kind kind, uint32_t id)
{
	*ret_subject = (struct subject){.kind = kind, .id = id};
	if (kind == SUBJECT_OTHER)
		snprintf(ret_subject->text, SUBJECT_TEXT, "other");
	else
		snprintf(ret_subject->text, SUBJECT_TEXT, "%s:%s",
			kind == SUBJECT_USER ? "user" : "group",
			kind == SUBJECT_USER ? info_user(id) : info_group(id));
	if (kind == SUBJECT_USER)
		find_groups(ret_subject);
}

int subject_parse(struct subject *ret_subject, const char *text, struct why *why)
{
	size_t len = strcspn(text, "=");
	char who[SUBJECT_TEXT];
	enum subject_kind kind = SUBJECT_OTHER;
	unsigned rights = 0;
	uint32_t id = 0;
	int r = 0;

	snprintf(who, sizeof(who), "%.*s", (int)(len < sizeof(who) ? len : sizeof(who) - 1), text);
	if (strncmp(who, "user:", 5) == 0 && who[5] != '\0') {
		kind = SUBJECT_USER;
		r = find_user(who + 5, &id, why);
	} else if (strncmp(who, "group:", 6) == 0 && who[6] != '\0') {
		kind = SUBJECT_GROUP;
		r = find_group(who + 6, &id, why);
	} else if (strcmp(who, "other") != 0) {
		return why_set(why, -EINVAL, "%.64s: say user:NAME, group:NAME or other", who);
	}
	if (r == 0 && text[len] == '=')
		r = rights_parse(text + len + 1, &rights, why);
	if (r < 0)
		return r;
	subject_init(ret_subject, kind, id);
	ret_subject->rights = rights;
	return 0;
}

bool subject_in(const struct subject *subject, gid_t group)
{
	if (subject->kind == SUBJECT_GROUP)
		return subject->id == group;
	for (size_t i = 0; i < subject->ngroups; i++) {
		if (subject->groups[i] == group)
			return true;
	}
	return false;
}
