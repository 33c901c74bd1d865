/* SPDX-License-Identifier: MIT */
/* permit_change: giving and taking rights on a public secret and all its keys. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "info.h"
#include "permit.h"

/* ---- one ACL changed ---- */

static enum aclist_tag own_tag(const struct subject *subject)
{
	switch (subject->kind) {
	case SUBJECT_USER:
		return ACLIST_USER;
	case SUBJECT_GROUP:
		return ACLIST_GROUP;
	default:
		return ACLIST_OTHER;
	}
}

/* An entry of one's own counts instead of what others say, so it says that, too. A group has one by
 * its name even where it owns the node: keys that come later are other groups'. */
static int acl_give(struct aclist *list, uint32_t owner, uint32_t group,
	const struct subject *subject, unsigned bits)
{
	if (bits == 0 || (subject->kind == SUBJECT_USER && subject->id == owner))
		return 0;
	return aclist_set(list, own_tag(subject), subject->id,
		permit_effect_of(list, owner, group, subject) | bits);
}

/* The entry stays, with what is left: what others are given or lose later is another thing. One
 * that is left with nothing stays where without it somebody would have, as other or by a group,
 * what was taken; but not if closed: then the secret itself keeps him out. */
static int acl_take(struct aclist *list, uint32_t owner, uint32_t group,
	const struct subject *subject, unsigned bits, bool closed)
{
	unsigned had = permit_effect_of(list, owner, group, subject);

	if (list->n == 0 || (subject->kind == SUBJECT_USER && subject->id == owner) ||
		(!(had & bits) && !closed))
		return 0;
	if (subject->kind == SUBJECT_OTHER)
		return aclist_set(list, ACLIST_OTHER, 0, had & ~bits);
	if (subject->kind == SUBJECT_GROUP && subject->id == group)
		aclist_set(list, ACLIST_OWNING_GROUP, 0,
			aclist_perm(list, ACLIST_OWNING_GROUP, 0) & ~bits);
	aclist_remove(list, own_tag(subject), subject->id);
	bool rest = (had & ~bits) || permit_effect_of(list, owner, group, subject);
	return closed || !rest ? 0 : aclist_set(list, own_tag(subject), subject->id, had & ~bits);
}

/* ---- what comes later ---- */

/* New keys without a default ACL depend on the umask of whoever makes them. The first default ACL
 * gives what all keys that are there give, or, where there are none, the secret itself. */
static void default_begin(struct permit *permit)
{
	unsigned group = aclist_perm(&permit->folder.acl, ACLIST_OWNING_GROUP, 0) & 6;
	unsigned other = aclist_perm(&permit->folder.acl, ACLIST_OTHER, 0) & 6;

	if (permit->dflt.n > 0)
		return;
	if (permit->names.n > 0)
		group = other = 6;
	for (size_t i = 0; i < permit->names.n; i++) {
		group &= aclist_perm(&permit->keys[i].acl, ACLIST_OWNING_GROUP, 0);
		other &= aclist_perm(&permit->keys[i].acl, ACLIST_OTHER, 0);
	}
	aclist_of_mode(&permit->dflt, 0600 | group << 3 | other);
}

static bool is_entry_of(const struct permit *permit, const struct aclist_entry *entry,
	const struct subject *subject)
{
	if (entry->tag == ACLIST_OWNING_GROUP)
		return subject->kind == SUBJECT_GROUP && subject->id == permit->folder.gid;
	return entry->tag == own_tag(subject) &&
	       (entry->tag == ACLIST_OTHER || entry->id == subject->id);
}

/* An entry besides the owner's that may write, and is none of those; NULL: there is none. */
static const struct aclist_entry *writer(
	const struct permit *permit, const struct subject *subjects, size_t n)
{
	for (size_t i = 0; i < permit->folder.acl.n; i++) {
		const struct aclist_entry *entry = &permit->folder.acl.entries[i];
		bool ours = entry->tag == ACLIST_OWNER ||
			    (entry->tag == ACLIST_USER && entry->id == permit->folder.uid);

		for (size_t j = 0; j < n && !ours; j++)
			ours = subjects[j].rights & (RIGHTS_CREATE | RIGHTS_DELETE) &&
			       is_entry_of(permit, entry, &subjects[j]);
		if (entry->perm & ACLIST_W && !ours)
			return entry;
	}
	return NULL;
}

/* ---- the sticky bit ---- */

static int sticky_refuse(const struct permit *permit, const struct aclist_entry *entry,
	const char *what, struct why *why)
{
	const char *who = entry->tag == ACLIST_USER           ? info_user(entry->id)
			  : entry->tag == ACLIST_GROUP        ? info_group(entry->id)
			  : entry->tag == ACLIST_OWNING_GROUP ? info_group(permit->folder.gid)
							      : "";

	return why_set(why, -EINVAL,
		"%s: %s; nothing was changed: give create,delete to all who have one of them, or "
		"revoke it from %s%s first",
		permit->name->text, what,
		entry->tag == ACLIST_USER    ? "user:"
		: entry->tag == ACLIST_OTHER ? "other"
					     : "group:",
		who);
}

/* Whether the secret needs the sticky bit: *ret_sticky. -EINVAL: others would get or lose what
 * nobody spoke of. */
static int sticky_grant(const struct permit *permit, const struct subject *subjects, size_t n,
	bool *ret_sticky, struct why *why)
{
	bool sticky = permit->folder.mode & S_ISVTX, on = false, off = false;

	for (size_t i = 0; i < n; i++) {
		unsigned had = permit_effect(&permit->folder, &subjects[i]) & ACLIST_W;

		if (subjects[i].rights & RIGHTS_DELETE)
			off = true;
		else if (subjects[i].rights & RIGHTS_CREATE && !had)
			on = true;
	}
	if (on && off)
		return why_set(why, -EINVAL,
			"create with delete for some and without it for others does not go "
			"together: "
			"the sticky bit is the secret's; nothing was changed");
	const struct aclist_entry *other = writer(permit, subjects, n);
	if (on && !sticky && other)
		return sticky_refuse(permit, other,
			"create without delete needs the sticky bit, and others would lose delete",
			why);
	if (off && sticky && other)
		return sticky_refuse(permit, other,
			"delete needs the sticky bit away, and others would get delete, too", why);
	*ret_sticky = on || (sticky && !off);
	return 0;
}

static int sticky_revoke(const struct permit *permit, const struct subject *subjects, size_t n,
	bool *ret_sticky, struct why *why)
{
	bool sticky = permit->folder.mode & S_ISVTX, on = false;

	for (size_t i = 0; i < n; i++) {
		unsigned rights = subjects[i].rights ? subjects[i].rights : RIGHTS_ALL;
		if (rights & RIGHTS_DELETE && !(rights & RIGHTS_CREATE) &&
			permit_effect(&permit->folder, &subjects[i]) & ACLIST_W)
			on = true;
	}
	const struct aclist_entry *other = writer(permit, subjects, n);
	if (on && !sticky && other)
		return sticky_refuse(permit, other,
			"create without delete needs the sticky bit, and others would lose delete",
			why);
	*ret_sticky = on || sticky;
	return 0;
}

static int sticky_put(const struct permit *permit, bool sticky)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", permit->dir);
	if (fstatat(permit->dir, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	if (!(st.st_mode & S_ISVTX) == !sticky)
		return 0;
	return chmod(path, (st.st_mode & 0777) | (sticky ? S_ISVTX : 0)) < 0 ? -errno : 0;
}

/* ---- all of them changed ---- */

struct changing {
	struct permit *permit;
	const struct subject *subjects;
	size_t n;
	bool take;
	bool owner_too; /* others make keys: the secret's owner shall have them, too */
	size_t done;
	size_t foreign; /* keys of others */
	size_t first;   /* of these */
};

/* What a revocation takes besides: read is nothing without list, delete nothing without create. */
static unsigned taken(const struct subject *subject)
{
	unsigned rights = subject->rights ? subject->rights : RIGHTS_ALL;

	if (rights & RIGHTS_LIST)
		rights |= RIGHTS_READ;
	if (rights & RIGHTS_CREATE)
		rights |= RIGHTS_DELETE;
	return rights;
}

/* Is the secret itself closed to somebody? */
static bool is_closed(const struct changing *c, const struct subject *subject)
{
	return !(permit_effect(&c->permit->folder, subject) & ACLIST_X);
}

static int change_key_acl(
	const struct changing *c, struct aclist *list, uint32_t owner, uint32_t group)
{
	int r = 0;

	for (size_t i = 0; i < c->n && r == 0; i++)
		r = c->take ? acl_take(list, owner, group, &c->subjects[i],
				      rights_key(taken(&c->subjects[i])),
				      is_closed(c, &c->subjects[i]))
			    : acl_give(list, owner, group, &c->subjects[i],
				      rights_key(c->subjects[i].rights));
	/* In all of them, so that they stay alike and have views. */
	if (r == 0 && c->owner_too && c->permit->folder.uid != 0)
		r = aclist_set(list, ACLIST_USER, c->permit->folder.uid, ACLIST_R | ACLIST_W);
	return r;
}

/* A revocation that leaves nothing but x takes that, too. */
static unsigned folder_taken(const struct changing *c, const struct subject *subject)
{
	const struct permit *permit = c->permit;
	unsigned rights = taken(subject), keys = permit_effect_later(permit, subject);
	unsigned bits =
		(rights & RIGHTS_LIST ? ACLIST_R : 0) | (rights & RIGHTS_CREATE ? ACLIST_W : 0);

	for (size_t i = 0; i < permit->names.n; i++)
		keys |= permit_effect(&permit->keys[i], subject);
	keys &= ~rights_key(rights);
	bool rest = (permit_effect(&permit->folder, subject) & ~bits & (ACLIST_R | ACLIST_W)) ||
		    keys & (ACLIST_R | ACLIST_W);
	return rest ? bits : bits | ACLIST_X;
}

static int change_folder_acl(const struct changing *c, struct aclist *list)
{
	const struct permit_node *folder = &c->permit->folder;
	int r = 0;

	for (size_t i = 0; i < c->n && r == 0; i++)
		r = c->take ? acl_take(list, folder->uid, folder->gid, &c->subjects[i],
				      folder_taken(c, &c->subjects[i]), false)
			    : acl_give(list, folder->uid, folder->gid, &c->subjects[i],
				      rights_folder(c->subjects[i].rights));
	return r;
}

static int change_default(struct changing *c)
{
	struct permit *permit = c->permit;
	struct aclist before = permit->dflt;
	unsigned bits = 0;
	char path[64];

	for (size_t i = 0; i < c->n; i++) {
		const struct subject *subject = &c->subjects[i];
		if (!c->take)
			bits |= rights_key(subject->rights);
		else if (permit->dflt.n > 0 || !is_closed(c, subject))
			bits |= rights_key(taken(subject));
	}
	if (bits == 0 && !c->owner_too)
		return 0;
	default_begin(permit);
	int r = change_key_acl(c, &permit->dflt, PERMIT_NOBODY, permit->folder.gid);
	if (r < 0 || aclist_same(&before, &permit->dflt))
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", permit->dir);
	return aclist_write_default(path, &permit->dflt);
}

static int change_folder(struct changing *c)
{
	struct aclist list = c->permit->folder.acl;
	char path[64];
	int r = change_folder_acl(c, &list);

	if (r < 0 || aclist_same(&list, &c->permit->folder.acl))
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", c->permit->dir);
	r = aclist_write(path, &list);
	if (r == 0)
		c->permit->folder.acl = list;
	return r;
}

static int change_key(struct changing *c, size_t i)
{
	struct permit_node *key = &c->permit->keys[i];
	struct aclist list = key->acl;
	char path[NAME_MAX_BYTES + 64];
	int r = change_key_acl(c, &list, key->uid, key->gid);

	if (r < 0 || aclist_same(&list, &key->acl))
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", c->permit->dir,
		c->permit->names.names[i]);
	r = aclist_write(path, &list);
	/* Removed meanwhile. */
	if (r == -ENOENT || r == -ESTALE)
		return 0;
	if (r == -EPERM && c->foreign++ == 0)
		c->first = i;
	return r == -EPERM ? 0 : r;
}

static int change_keys(struct changing *c, struct why *why)
{
	const struct permit *permit = c->permit;

	for (size_t i = 0; i < permit->names.n; i++) {
		int r = change_key(c, i);
		if (r < 0)
			return why_set(why, r,
				"%s/%s: %s; changed so far: %skeys that come later, %zu of %zu "
				"keys; "
				"%sdo it again for the rest",
				permit->name->text, permit->names.names[i],
				r == -ENOSPC ? "its ACL has no room for more" : strerror(-r),
				c->take ? "the secret itself, " : "", i, permit->names.n,
				c->take ? "" : "not the secret itself: ");
	}
	return 0;
}

static int change_foreign(const struct changing *c, struct why *why)
{
	const struct permit *permit = c->permit;
	const char *user = info_user(permit->keys[c->first].uid);

	if (c->foreign == 0)
		return 0;
	return why_set(why, -EPERM,
		"%s: %zu of %zu keys belong to others, such as %s to %s, and stay as they are: "
		"only "
		"root or their owner can change who may use them; all else is done",
		permit->name->text, c->foreign, permit->names.n, permit->names.names[c->first],
		user);
}

static int change_why(const struct permit *permit, int err, const char *what, struct why *why)
{
	return why_set(why, err, "%s: %s; %s", permit->name->text,
		err == -ENOSPC ? "its ACL has no room for more" : strerror(-err), what);
}

int permit_grant(struct permit *permit, const struct subject *subjects, size_t n, struct why *why)
{
	struct changing c = {.permit = permit, .subjects = subjects, .n = n};
	struct aclist folder = permit->folder.acl;
	bool sticky;
	int r = sticky_grant(permit, subjects, n, &sticky, why);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		c.owner_too |= subjects[i].rights & RIGHTS_CREATE;
	/* Told before anything is changed. */
	r = change_folder_acl(&c, &folder);
	if (r == 0 && sticky)
		r = sticky_put(permit, true);
	if (r == 0)
		r = change_default(&c);
	if (r < 0)
		return change_why(permit, r, "nothing was given", why);
	r = permit_read_keys(permit, why);
	if (r == 0)
		r = change_keys(&c, why);
	if (r < 0)
		return r;
	r = change_folder(&c);
	if (r < 0)
		return change_why(permit, r,
			"changed so far: its keys and those that come later, not the secret "
			"itself: do "
			"it again",
			why);
	if (!sticky)
		r = sticky_put(permit, false);
	return r < 0 ? change_why(permit, r, "all is given but delete: do it again", why)
		     : change_foreign(&c, why);
}

int permit_revoke(struct permit *permit, const struct subject *subjects, size_t n, struct why *why)
{
	struct changing c = {.permit = permit, .subjects = subjects, .n = n, .take = true};
	bool sticky;
	int r = sticky_revoke(permit, subjects, n, &sticky, why);

	if (r < 0)
		return r;
	if (sticky)
		r = sticky_put(permit, true);
	if (r == 0)
		r = change_folder(&c);
	if (r < 0)
		return change_why(permit, r, "nothing was taken", why);
	r = change_default(&c);
	if (r < 0)
		return change_why(permit, r,
			"changed so far: the secret itself, not its keys: do it again", why);
	r = permit_read_keys(permit, why);
	if (r == 0)
		r = change_keys(&c, why);
	return r < 0 ? r : change_foreign(&c, why);
}

int permit_check(
	const struct permit *permit, const struct subject *subjects, size_t n, struct why *why)
{
	const char *name = permit->name->text;
	uid_t owner = permit->folder.uid;

	if (geteuid() != 0 && geteuid() != owner)
		return why_set(why, -EPERM, "%s belongs to %s: only %s%s may say who may use it",
			name, info_user(owner), info_user(owner), owner != 0 ? " or root" : "");
	for (size_t i = 0; i < n; i++) {
		if (subjects[i].kind == SUBJECT_USER && subjects[i].id == owner)
			return why_set(why, -EINVAL,
				"%s belongs to %s: an owner's own rights are in the mode, see "
				"chmod(1)",
				name, info_user(owner));
		for (size_t j = 0; j < i; j++)
			if (subjects[i].kind == subjects[j].kind &&
				subjects[i].id == subjects[j].id)
				return why_set(why, -EINVAL, "%s: give it once", subjects[i].text);
	}
	return 0;
}
