/* SPDX-License-Identifier: MIT */
/* auditask: compares lines of an audit log with what is asked for. */
#include "auditask.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "expiry.h"
#include "times.h"

#define ASK_PATH 640 /* bytes of .private/UID/NAME */

int auditask_user(struct auditask *ask, const char *text, struct why *why)
{
	const struct passwd *pw = getpwnam(text);
	char *end;

	errno = 0;
	unsigned long uid = pw ? pw->pw_uid : strtoul(text, &end, 10);
	if (!pw &&
		(*end || end == text || *text == '-' || *text == '+' || errno || uid >= UINT32_MAX))
		return why_set(why, -EINVAL, "--user: there is no user \"%s\"", text);
	ask->by_user = true;
	ask->uid = (uint32_t)uid;
	return 0;
}

int auditask_since(struct auditask *ask, const char *text, int64_t now, struct why *why)
{
	int64_t seconds;

	if (expiry_span(text, &seconds))
		ask->since = now - seconds;
	else if (times_parse(text, &ask->since) < 0)
		return why_set(why, -EINVAL,
			"--since: say from when on as 2030-01-31T12:00:00Z or in seconds since "
			"1970, or how long ago as 2h, 90m or 1d12h");
	ask->since_given = true;
	return 0;
}

static const char *behind(const char *text, const char *start)
{
	size_t len = strlen(start);

	return strncmp(text, start, len) == 0 ? text + len : NULL;
}

/* The name in public/NAME, private/NAME, .private/UID/NAME; NULL: there is none. */
static const char *name_in(const char *path)
{
	const char *name = behind(path, "public/");

	if (!name)
		name = behind(path, "private/");
	if (name)
		return name;
	name = behind(path, ".private/");
	name = name ? strchr(name, '/') : NULL;
	return name ? name + 1 : NULL;
}

/* Is the path of a line the secret asked for, or the one that the asked key is in? */
static bool is_path(const char *asked, const char *path, const char *key)
{
	const char *with = name_in(asked) ? path : name_in(path);
	size_t len = with ? strlen(with) : 0;

	if (!with || strncmp(asked, with, len) != 0)
		return false;
	return asked[len] == '\0' || (asked[len] == '/' && strcmp(asked + len + 1, key) == 0);
}

static bool wants_name(const char *asked, const char *line, size_t len)
{
	static const char *const fields[] = {"secret", "to"};
	char key[ASK_PATH] = "", text[ASK_PATH];

	if (audit_field_text(line, len, "id", text, sizeof(text)) > 0 && strcmp(text, asked) == 0)
		return true;
	audit_field_text(line, len, "key", key, sizeof(key));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (audit_field_text(line, len, fields[i], text, sizeof(text)) > 0 &&
			is_path(asked, text, key))
			return true;
	return false;
}

static bool wants_time(int64_t since, const char *line, size_t len)
{
	char text[64];
	int64_t when;

	return audit_field_text(line, len, "time", text, sizeof(text)) > 0 &&
	       times_parse(text, &when) == 0 && when >= since;
}

bool auditask_wants(const struct auditask *ask, const char *line, size_t len)
{
	uint64_t uid;

	if (ask->by_user && (audit_field_number(line, len, "uid", &uid) < 0 || uid != ask->uid))
		return false;
	if (ask->since_given && !wants_time(ask->since, line, len))
		return false;
	return !ask->name || wants_name(ask->name, line, len);
}
