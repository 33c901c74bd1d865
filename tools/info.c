/* SPDX-License-Identifier: MIT */
/* info: what can be told of a secret without reading a value. */
#include "info.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd.h"
#include "times.h"

#define INFO_STAT  (INFO_BIT(INFO_OWNER) | INFO_BIT(INFO_GROUP) | INFO_BIT(INFO_MODE))
#define INFO_FREE  (INFO_BIT(INFO_NAME) | INFO_BIT(INFO_NAMESPACE) | INFO_BIT(INFO_PRIVATE))
#define INFO_XATTR 1100 /* bytes of the longest attribute, a description, and some more */

static const char *const names[] = {"name", "namespace", "private", "owner", "group", "mode",
	"keys", "created", "updated", "expires", "description", "id", "version"};

_Static_assert(sizeof(names) / sizeof(names[0]) == INFO_FIELDS, "each field has a name");

const char *info_field_name(enum info_field field)
{
	return names[field];
}

int info_field_find(const char *name, size_t len, enum info_field *ret_field)
{
	for (enum info_field i = 0; i < INFO_FIELDS; i++) {
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
			*ret_field = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *info_field_names(void)
{
	return "name, namespace, private, owner, group, mode, keys, created, updated, expires, "
	       "description, id, version";
}

/* ---- numbers and names of people ---- */

struct info_id {
	unsigned number;
	char *name;
};

struct info_ids {
	struct info_id *items;
	size_t n;
};

static const char *info_id_found(const struct info_ids *ids, unsigned number)
{
	for (size_t i = 0; i < ids->n; i++) {
		if (ids->items[i].number == number)
			return ids->items[i].name;
	}
	return NULL;
}

/* name NULL: it has none. Out of memory shows as "?". */
static const char *info_id_add(struct info_ids *ids, unsigned number, const char *name)
{
	struct info_id *items = realloc(ids->items, (ids->n + 1) * sizeof(*items));
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	if (items == NULL)
		return "?";
	ids->items = items;
	items[ids->n].number = number;
	items[ids->n].name = strdup(name != NULL ? name : text);
	return items[ids->n].name == NULL ? "?" : items[ids->n++].name;
}

const char *info_user(uid_t uid)
{
	static struct info_ids users;
	const char *name = info_id_found(&users, uid);
	const struct passwd *user = name == NULL ? getpwuid(uid) : NULL;

	return name != NULL ? name : info_id_add(&users, uid, user != NULL ? user->pw_name : NULL);
}

const char *info_group(gid_t gid)
{
	static struct info_ids groups;
	const char *name = info_id_found(&groups, gid);
	const struct group *group = name == NULL ? getgrgid(gid) : NULL;

	return name != NULL ? name
			    : info_id_add(&groups, gid, group != NULL ? group->gr_name : NULL);
}

/* ---- the names of all ---- */

static int infos_add(struct infos *infos, struct tree_list *list, enum tree_ns ns, struct why *why)
{
	struct info *items = realloc(infos->items, (infos->n + list->n + 1) * sizeof(*items));

	if (items == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	infos->items = items;
	for (size_t i = 0; i < list->n; i++) {
		items[infos->n++] = (struct info){
			.ns = ns, .name = list->names[i], .have = INFO_FREE, .seen = INFO_FREE};
		list->names[i] = NULL;
	}
	return 0;
}

/* Both namespaces are sorted, the private one is first. */
static void infos_shadow(struct infos *infos)
{
	size_t other = 0;

	for (size_t i = 0; i < infos->n; i++) {
		struct info *info = &infos->items[i];

		while (info->ns == TREE_PUBLIC && other < infos->n &&
			infos->items[other].ns == TREE_PRIVATE &&
			strcmp(infos->items[other].name, info->name) < 0)
			other++;
		info->shadowed = info->ns == TREE_PUBLIC &&
				 infos->items[other].ns == TREE_PRIVATE &&
				 strcmp(infos->items[other].name, info->name) == 0;
	}
}

int infos_read(struct infos *ret_infos, const struct tree *tree, struct why *why)
{
	AUTO_INFOS infos = {0};

	for (enum tree_ns ns = TREE_PRIVATE; ns <= TREE_PUBLIC; ns++) {
		AUTO_TREE_LIST list = {0};
		int r;

		/* A user who has no private namespace sees what is public. */
		if (tree->ns[ns] < 0 && ns == TREE_PRIVATE && tree->err[ns] == -EACCES)
			continue;
		r = tree_ns_usable(tree, ns, why);
		if (r < 0)
			return r;
		r = tree_list_add_dir(&list, tree->ns[ns]);
		if (r < 0 && r != -EIO)
			return tree_why(why, r, tree_ns_text(ns));
		infos.err[ns] = r;
		r = infos_add(&infos, &list, ns, why);
		if (r < 0)
			return r;
	}
	infos_shadow(&infos);
	*ret_infos = infos;
	infos = (struct infos){0};
	return 0;
}

void info_clear(struct info *info)
{
	free(info->name);
	free(info->description);
	free(info->id);
	tree_list_free(&info->keys);
	*info = (struct info){0};
}

void infos_free(struct infos *infos)
{
	for (size_t i = 0; i < infos->n; i++)
		info_clear(&infos->items[i]);
	free(infos->items);
	*infos = (struct infos){0};
}

/* ---- one secret ---- */

/* Of what was not given: 0, if this user may just not see it. */
static int info_unseen(int err)
{
	switch (-err) {
	case EACCES:
	case ENODATA:
		return 0;
	case ESTALE:
		return -ENOENT;
	default:
		return err;
	}
}

static int info_stat(struct info *info, int ns)
{
	struct stat st;

	if (fstatat(ns, info->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return info_unseen(-errno);
	info->uid = st.st_uid;
	info->gid = st.st_gid;
	info->mode = st.st_mode & 07777;
	info->seen |= INFO_STAT;
	return 0;
}

/* The view is as new as the newest of the secret and its keys. */
static int info_updated(struct info *info, int ns)
{
	char path[NAME_MAX_BYTES + sizeof("/.json")];
	struct stat st;
	int r;

	snprintf(path, sizeof(path), "%s/.json", info->name);
	r = fstatat(ns, path, &st, AT_SYMLINK_NOFOLLOW);
	/* Who may not look into the secret sees when the secret itself has changed. */
	if (r < 0 && errno == EACCES)
		r = fstatat(ns, info->name, &st, AT_SYMLINK_NOFOLLOW);
	if (r < 0)
		return info_unseen(-errno);
	info->updated = st.st_mtim.tv_sec;
	info->seen |= INFO_BIT(INFO_UPDATED);
	return 0;
}

/* Files that begin with a dot are an editor's, not keys. */
static void info_drop_dots(struct tree_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->names[i][0] == '.')
			free(list->names[i]);
		else
			list->names[n++] = list->names[i];
	}
	list->n = n;
}

static int info_keys(struct info *info, int ns)
{
	AUTO_FD dir = openat(ns, info->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = dir < 0 ? -errno : tree_list_add_open(&info->keys, dir);

	if (r < 0)
		return info_unseen(r);
	info_drop_dots(&info->keys);
	info->seen |= INFO_BIT(INFO_KEYS);
	return 0;
}

/* The length, or 0 for none and what may not be seen. */
static int info_xattr(const struct info *info, int ns, enum info_field field, char *text)
{
	char path[64 + NAME_MAX_BYTES], attr[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", ns, info->name);
	snprintf(attr, sizeof(attr), "user.secretfs.%s", names[field]);
	n = lgetxattr(path, attr, text, INFO_XATTR - 1);
	if (n < 0)
		return info_unseen(-errno);
	text[n] = '\0';
	return (int)n;
}

static int info_text(struct info *info, int ns, enum info_field field, char **ret_text)
{
	char text[INFO_XATTR];
	int r = info_xattr(info, ns, field, text);

	if (r <= 0)
		return r;
	*ret_text = strdup(text);
	if (*ret_text == NULL)
		return -ENOMEM;
	info->seen |= INFO_BIT(field);
	return 0;
}

static int info_time(struct info *info, int ns, enum info_field field, int64_t *ret_seconds)
{
	char text[INFO_XATTR];
	int r = info_xattr(info, ns, field, text);

	if (r <= 0)
		return r;
	r = times_parse(text, ret_seconds);
	if (r < 0)
		return -EPROTO;
	info->seen |= INFO_BIT(field);
	return 0;
}

static int info_version(struct info *info, int ns)
{
	char text[INFO_XATTR];
	int r = info_xattr(info, ns, INFO_VERSION, text);

	if (r <= 0)
		return r;
	info->version = strtoull(text, NULL, 10);
	info->seen |= INFO_BIT(INFO_VERSION);
	return 0;
}

static int info_read_one(struct info *info, int ns, enum info_field field)
{
	switch (field) {
	case INFO_OWNER:
	case INFO_GROUP:
	case INFO_MODE:
		return info_stat(info, ns);
	case INFO_KEYS:
		return info_keys(info, ns);
	case INFO_UPDATED:
		return info_updated(info, ns);
	case INFO_CREATED:
		return info_time(info, ns, field, &info->created);
	case INFO_EXPIRES:
		return info_time(info, ns, field, &info->expires);
	case INFO_DESCRIPTION:
		return info_text(info, ns, field, &info->description);
	case INFO_ID:
		return info_text(info, ns, field, &info->id);
	case INFO_VERSION:
		return info_version(info, ns);
	default:
		return 0;
	}
}

int info_read(struct info *info, const struct tree *tree, unsigned fields)
{
	int r = 0;

	for (enum info_field i = 0; i < INFO_FIELDS && r == 0; i++) {
		if (!(fields & ~info->have & INFO_BIT(i)))
			continue;
		r = info_read_one(info, tree->ns[info->ns], i);
		info->have |= INFO_BIT(i) & INFO_STAT ? INFO_STAT : INFO_BIT(i);
	}
	return r;
}

/* ---- order ---- */

#define COMPARE(x, y) (((x) > (y)) - ((x) < (y)))

int info_compare(const struct info *a, const struct info *b, enum info_field field)
{
	if (!info_seen(a, field) || !info_seen(b, field))
		return info_seen(a, field) - info_seen(b, field);
	switch (field) {
	case INFO_NAME:
		return strcmp(a->name, b->name);
	case INFO_NAMESPACE:
		return COMPARE(a->ns, b->ns);
	case INFO_PRIVATE:
		return COMPARE(b->ns, a->ns);
	case INFO_OWNER:
		return strcmp(info_user(a->uid), info_user(b->uid));
	case INFO_GROUP:
		return strcmp(info_group(a->gid), info_group(b->gid));
	case INFO_MODE:
		return COMPARE(a->mode, b->mode);
	case INFO_KEYS:
		return COMPARE(a->keys.n, b->keys.n);
	case INFO_CREATED:
		return COMPARE(a->created, b->created);
	case INFO_UPDATED:
		return COMPARE(a->updated, b->updated);
	case INFO_EXPIRES:
		return COMPARE(a->expires, b->expires);
	case INFO_DESCRIPTION:
		return strcmp(a->description, b->description);
	case INFO_ID:
		return strcmp(a->id, b->id);
	case INFO_VERSION:
		return COMPARE(a->version, b->version);
	case INFO_FIELDS:
		break;
	}
	return 0;
}
