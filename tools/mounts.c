/* SPDX-License-Identifier: MIT */
/*
 * mounts: the secretfs mounts that this process sees, from /proc/self/mountinfo.
 *
 *     36 35     0:52 /    /mnt/my\040secrets rw,nosuid shared:1    - fuse.secretfs STORE
 *     id parent dev  root point              options   optional... - type          source
 *
 * and then the superoptions: rw,user_id=0,group_id=0,default_permissions,allow_other
 */
#include "mounts.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MOUNTS_TYPE "fuse.secretfs"

static bool octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Turns \040 and the like back into bytes, in place. */
static void mounts_unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p != '\0';) {
		if (p[0] == '\\' && octal(p[1]) && octal(p[2]) && octal(p[3])) {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*to++ = *p++;
		}
	}
	*to = '\0';
}

/* The uid behind user_id=, which the kernel writes; false: there is none. */
static bool mounts_owner(const char *options, uid_t *ret_owner)
{
	const char *at = options;
	unsigned long uid;
	char *end;

	while (strncmp(at, "user_id=", 8) != 0) {
		at = strchr(at, ',');
		if (at == NULL)
			return false;
		at++;
	}
	if (at[8] < '0' || at[8] > '9')
		return false;
	uid = strtoul(at + 8, &end, 10);
	if ((*end != ',' && *end != '\0') || uid >= UINT32_MAX)
		return false;
	*ret_owner = (uid_t)uid;
	return true;
}

bool mounts_option(const char *options, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = options; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

/* The strings of the entry lie in its line. False: a line of another file system, or of another
 * form. */
static bool mounts_parse(struct mounts_entry *entry)
{
	char *field[6], *word, *line = entry->line;
	unsigned major, minor;

	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < 6; i++) {
		field[i] = strsep(&line, " ");
		if (field[i] == NULL)
			return false;
	}
	do {
		word = strsep(&line, " ");
		if (word == NULL)
			return false;
	} while (strcmp(word, "-") != 0);
	word = strsep(&line, " ");
	entry->source = strsep(&line, " ");
	entry->options = line;
	if (word == NULL || strcmp(word, MOUNTS_TYPE) != 0 || entry->source == NULL ||
		entry->options == NULL || sscanf(field[2], "%u:%u", &major, &minor) != 2 ||
		!mounts_owner(entry->options, &entry->owner))
		return false;
	entry->dev = makedev(major, minor);
	entry->whole = strcmp(field[3], "/") == 0;
	entry->point = field[4];
	entry->flags = field[5];
	mounts_unescape(entry->point);
	mounts_unescape(entry->source);
	/* Without allow_other only who mounted it may enter, root or not. */
	entry->open = mounts_option(entry->options, "allow_other") || entry->owner == geteuid();
	return true;
}

static int mounts_line(struct mounts *mounts, const char *line)
{
	struct mounts_entry *entries, entry = {.line = strdup(line)};

	if (entry.line == NULL)
		return -ENOMEM;
	if (!mounts_parse(&entry)) {
		free(entry.line);
		return 0;
	}
	entries = realloc(mounts->entries, (mounts->n + 1) * sizeof(*entries));
	if (entries == NULL) {
		free(entry.line);
		return -ENOMEM;
	}
	mounts->entries = entries;
	entries[mounts->n++] = entry;
	return 0;
}

int mounts_read(struct mounts *ret_mounts)
{
	AUTO_MOUNTS mounts = {0};
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (file == NULL)
		return -errno;
	while (r == 0 && getline(&line, &size, file) >= 0)
		r = mounts_line(&mounts, line);
	if (r == 0 && ferror(file))
		r = -EIO;
	free(line);
	fclose(file);
	if (r < 0)
		return r;
	*ret_mounts = mounts;
	mounts = (struct mounts){0};
	return 0;
}

void mounts_free(struct mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++)
		free(mounts->entries[i].line);
	free(mounts->entries);
	*mounts = (struct mounts){0};
}

const struct mounts_entry *mounts_find(const struct mounts *mounts, dev_t dev)
{
	for (size_t i = 0; i < mounts->n; i++) {
		if (mounts->entries[i].dev == dev)
			return &mounts->entries[i];
	}
	return NULL;
}

bool mounts_trusted(const struct mounts_entry *entry)
{
	return entry->owner == 0 || entry->owner == geteuid();
}
