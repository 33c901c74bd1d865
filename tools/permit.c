/* SPDX-License-Identifier: MIT */
/* permit: who may do what with a public secret. */
#include "permit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "info.h"

/* ---- reading ---- */

static int node_read(int dir, const char *key, struct permit_node *ret_node)
{
	char path[NAME_MAX_BYTES + 64];
	struct permit_node node;
	struct stat st;

	if (fstatat(dir, key, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d%s%s", dir, key[0] != '\0' ? "/" : "", key);
	int r = aclist_read(path, st.st_mode, &node.acl);
	if (r < 0)
		return r;
	node.uid = st.st_uid;
	node.gid = st.st_gid;
	node.mode = st.st_mode;
	*ret_node = node;
	return 0;
}

int permit_read_keys(struct permit *permit, struct why *why)
{
	struct tree_list *names = &permit->names;
	size_t kept = 0;

	tree_list_free(names);
	free(permit->keys);
	permit->keys = NULL;
	int r = tree_list(permit->dir, names);
	if (r < 0)
		return tree_why(why, r, permit->name->text);
	permit->keys = calloc(names->n ? names->n : 1, sizeof(*permit->keys));
	if (permit->keys == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	for (size_t i = 0; i < names->n; i++) {
		r = node_read(permit->dir, names->names[i], &permit->keys[kept]);
		if (r < 0 && r != -ENOENT && r != -ESTALE)
			return tree_key_why(why, r, permit->name, names->names[i]);
		char *name = names->names[i];
		names->names[i] = names->names[kept];
		names->names[kept] = name;
		kept += r == 0;
	}
	for (size_t i = kept; i < names->n; i++)
		free(names->names[i]);
	names->n = kept;
	return 0;
}

int permit_read(struct permit *ret_permit, int dir, const struct tree_name *name, struct why *why)
{
	AUTO_PERMIT permit = {.dir = dir, .name = name};
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	int r = node_read(dir, "", &permit.folder);
	if (r == 0)
		r = aclist_read_default(path, &permit.dflt);
	if (r < 0)
		return tree_why(why, r, name->text);
	r = permit_read_keys(&permit, why);
	if (r < 0)
		return r;
	*ret_permit = permit;
	permit = PERMIT_INIT;
	return 0;
}

void permit_free(struct permit *permit)
{
	tree_list_free(&permit->names);
	free(permit->keys);
	*permit = PERMIT_INIT;
}

/* ---- what an ACL gives ---- */

unsigned permit_effect_of(
	const struct aclist *list, uint32_t owner, uint32_t group, const struct subject *subject)
{
	unsigned by_group = 0;
	bool matched = false;

	if (subject->kind == SUBJECT_OTHER)
		return aclist_perm(list, ACLIST_OTHER, 0);
	if (subject->kind == SUBJECT_USER && subject->id == owner)
		return aclist_perm(list, ACLIST_OWNER, 0);
	for (size_t i = 0; i < list->n; i++) {
		const struct aclist_entry *entry = &list->entries[i];
		if (subject->kind == SUBJECT_USER && entry->tag == ACLIST_USER &&
			entry->id == subject->id)
			return entry->perm;
		if ((entry->tag == ACLIST_OWNING_GROUP && subject_in(subject, group)) ||
			(entry->tag == ACLIST_GROUP && subject_in(subject, entry->id))) {
			matched = true;
			by_group |= entry->perm;
		}
	}
	return matched ? by_group : aclist_perm(list, ACLIST_OTHER, 0);
}

unsigned permit_effect(const struct permit_node *node, const struct subject *subject)
{
	return permit_effect_of(&node->acl, node->uid, node->gid, subject);
}

unsigned permit_effect_later(const struct permit *permit, const struct subject *subject)
{
	return permit_effect_of(&permit->dflt, PERMIT_NOBODY, permit->folder.gid, subject);
}

unsigned permit_rights(const struct permit *permit, const struct subject *subject)
{
	unsigned folder = permit_effect(&permit->folder, subject), rights = 0;
	unsigned keys = permit->names.n > 0 ? 7 : permit_effect_later(permit, subject);
	bool owner = subject->kind == SUBJECT_USER && subject->id == permit->folder.uid;

	/* Without x a folder shows names and nothing else. */
	if (folder & ACLIST_R)
		rights |= RIGHTS_LIST;
	if (!(folder & ACLIST_X))
		return rights;
	for (size_t i = 0; i < permit->names.n; i++)
		keys &= permit_effect(&permit->keys[i], subject);
	if (keys & ACLIST_R)
		rights |= RIGHTS_READ;
	if (keys & ACLIST_W)
		rights |= RIGHTS_WRITE;
	if (folder & ACLIST_W)
		rights |= permit->folder.mode & S_ISVTX && !owner ? RIGHTS_CREATE
								  : RIGHTS_CREATE | RIGHTS_DELETE;
	return rights;
}
