/* SPDX-License-Identifier: MIT */
/* restore: the content of a secret as it was in an earlier version, in one transaction. */
#include "restore.h"

#include <errno.h>
#include <string.h>

#include "fd.h"
#include "load.h"
#include "versions.h"

/* What is other in the version is set to what it was; what the version has not is removed. */
static int restore_key(struct change *change, const struct versions_difference *difference,
	struct load *then, struct why *why)
{
	const char *key = difference->key;
	struct value *value;

	if (key[0] == '.')
		return 0;
	if (difference->what == VERSIONS_REMOVED)
		return change_remove(change, key, why);
	for (size_t i = 0; i < then->values.n; i++) {
		value = &then->values.items[i];
		if (strcmp(value->key, key) == 0)
			return values_put(&change->set, key, &value->bytes) < 0
				       ? why_set(why, -ENOMEM, "out of memory")
				       : 0;
	}
	return why_set(why, -EACCES, "%s: the earlier value cannot be read", key);
}

int restore_plan(struct change *ret_change, int dir, const struct tree_name *name, uint64_t version,
	struct why *why)
{
	AUTO_DIFFERENCES differences = {0};
	AUTO_CHANGE change = CHANGE_INIT;
	AUTO_LOAD then = {0};
	AUTO_FD from = -1;
	int r = versions_open(dir, name, version, &from, why);

	if (r == 0)
		r = load_secret(&then, from, name, why);
	if (r < 0)
		return r;
	r = versions_compare(&differences, dir, from, true);
	if (r < 0)
		return tree_why(why, r, name->text);
	for (size_t i = 0; r == 0 && i < differences.n; i++)
		r = restore_key(&change, &differences.items[i], &then, why);
	if (r < 0)
		return r;
	*ret_change = change;
	change = CHANGE_INIT;
	return 0;
}

int restore_version(int dir, const struct tree_name *name, uint64_t version, struct why *why)
{
	AUTO_CHANGE change = CHANGE_INIT;
	int r = restore_plan(&change, dir, name, version, why);

	if (r == 0)
		r = change_check(&change, dir, name, why);
	return r < 0 ? r : change_apply(&change, dir, name, why);
}
