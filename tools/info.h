/* SPDX-License-Identifier: MIT */
/*
 * info: what can be told of a secret without reading a value.
 *
 * Each field costs system calls, so only what is asked for is read, and nothing twice:
 *
 *     name namespace private            none
 *     owner group mode                  one for all of them
 *     keys                              four (open, two of reading, close)
 *     updated id created expires description version     one each
 */
#ifndef TOOLS_INFO_H
#define TOOLS_INFO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tree.h"
#include "why.h"

enum info_field {
	INFO_NAME,
	INFO_NAMESPACE,
	INFO_PRIVATE,
	INFO_OWNER,
	INFO_GROUP,
	INFO_MODE,
	INFO_KEYS,
	INFO_CREATED,
	INFO_UPDATED,
	INFO_EXPIRES,
	INFO_DESCRIPTION,
	INFO_ID,
	INFO_VERSION,
	INFO_FIELDS,
};

#define INFO_BIT(field) (1u << (field))

struct info {
	enum tree_ns ns;
	char *name;
	bool shadowed; /* public, and a private one of this name is found first */
	unsigned have; /* INFO_BITs of what was asked for already */
	unsigned seen; /* of these, what there is and this user may see; only that is set below */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	struct tree_list keys; /* without names that begin with a dot, as in the views */
	int64_t created, updated, expires; /* seconds since 1970 */
	char *description;
	char *id;
	uint64_t version;
};

struct infos {
	struct info *items;
	size_t n;
	int err[2]; /* -EIO: this namespace is damaged, and there may be more in it */
};

/* "name", "namespace", ... -EINVAL: there is no such field. */
const char *info_field_name(enum info_field field);
int info_field_find(const char *name, size_t len, enum info_field *ret_field);

/* "name, namespace, ...", for messages. */
const char *info_field_names(void);

/* All secrets of both namespaces that this user can list, with their names alone. */
int infos_read(struct infos *ret_infos, const struct tree *tree, struct why *why);
void infos_free(struct infos *infos);

#define AUTO_INFOS __attribute__((cleanup(infos_free))) struct infos

/* Frees what one holds. */
void info_clear(struct info *info);

/* Reads fields (INFO_BITs) that were not read yet. -ENOENT: the secret is gone. -ENOMEM, -EIO, ...
 */
int info_read(struct info *info, const struct tree *tree, unsigned fields);

static inline bool info_seen(const struct info *info, enum info_field field)
{
	return info->seen & INFO_BIT(field);
}

/* The user's or group's name, or the number of one that has none. Lives until the program ends. */
const char *info_user(uid_t uid);
const char *info_group(gid_t gid);

/* By this field; what is not seen comes first. */
int info_compare(const struct info *a, const struct info *b, enum info_field field);

#endif
