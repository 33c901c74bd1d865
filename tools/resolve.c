/* SPDX-License-Identifier: MIT */
/* resolve: what references and names lead to. */
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attr.h"
#include "fd.h"
#include "owner.h"
#include "steady.h"
#include "times.h"

#define RESOLVE_LARGE (32u << 10)

/* ---- what is wanted ---- */

static int resolve_cmp_secret(const void *a, const void *b)
{
	const struct resolve_secret *x = a, *y = b;

	if (x->asked != y->asked)
		return x->asked < y->asked ? -1 : 1;
	return strcmp(x->wanted, y->wanted);
}

static int resolve_cmp_key(const void *a, const void *b)
{
	const struct resolve_key *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void resolve_index_only(void *node)
{
	(void)node; /* the arrays own what the indexes name */
}

/* The array with room for one more pointer; it grows at powers of two. NULL: out of memory. */
static void *resolve_room(void *array, size_t n)
{
	if ((n & (n - 1)) != 0)
		return array;
	return reallocarray(array, n > 0 ? 2 * n : 1, sizeof(void *));
}

static int resolve_secret_add(
	struct resolve *resolve, const struct resolve_secret *wanted, struct resolve_secret **ret)
{
	struct resolve_secret **secrets = resolve_room(resolve->secrets, resolve->n);
	struct resolve_secret *secret;

	if (secrets == NULL)
		return -ENOMEM;
	resolve->secrets = secrets;
	secret = malloc(sizeof(*secret));
	if (secret == NULL)
		return -ENOMEM;
	*secret = *wanted;
	if (tsearch(secret, &resolve->index, resolve_cmp_secret) == NULL) {
		free(secret);
		return -ENOMEM;
	}
	secrets[resolve->n++] = secret;
	*ret = secret;
	return 0;
}

static int resolve_secret_get(struct resolve *resolve, enum tree_ns ns, const char *name,
	struct resolve_secret **ret_secret)
{
	struct resolve_secret wanted = {.asked = ns, .name.bare = ns == TREE_ANY};
	void *found;

	snprintf(wanted.wanted, sizeof(wanted.wanted), "%s", name);
	strcpy(wanted.name.name, wanted.wanted);
	tree_name_set(&wanted.name, ns);
	found = tfind(&wanted, &resolve->index, resolve_cmp_secret);
	if (found == NULL)
		return resolve_secret_add(resolve, &wanted, ret_secret);
	*ret_secret = *(struct resolve_secret **)found;
	return 0;
}

static void resolve_key_free(struct resolve_key *key)
{
	free(key->name);
	free(key->why);
	free(key);
}

static int resolve_key_add(
	struct resolve_secret *secret, const char *name, struct resolve_key **ret_key)
{
	struct resolve_key **keys = resolve_room(secret->keys, secret->n);
	struct resolve_key *key;

	if (keys == NULL)
		return -ENOMEM;
	secret->keys = keys;
	key = calloc(1, sizeof(*key));
	if (key == NULL)
		return -ENOMEM;
	key->secret = secret;
	key->name = strdup(name);
	if (key->name == NULL || tsearch(key, &secret->index, resolve_cmp_key) == NULL) {
		resolve_key_free(key);
		return -ENOMEM;
	}
	keys[secret->n++] = key;
	*ret_key = key;
	return 0;
}

static int resolve_key_get(
	struct resolve_secret *secret, const char *name, struct resolve_key **ret_key)
{
	struct resolve_key *const *found;
	char *copy = strdup(name);
	struct resolve_key wanted = {.name = copy};

	if (copy == NULL)
		return -ENOMEM;
	found = tfind(&wanted, &secret->index, resolve_cmp_key);
	free(copy);
	if (found == NULL)
		return resolve_key_add(secret, name, ret_key);
	*ret_key = *found;
	return 0;
}

int resolve_want(struct resolve *resolve, enum tree_ns ns, const char *name, const char *key,
	struct resolve_key **ret_key)
{
	struct resolve_secret *secret;
	int r = resolve_secret_get(resolve, ns, name, &secret);

	return r < 0 ? r : resolve_key_get(secret, key, ret_key);
}

int resolve_want_all(
	struct resolve *resolve, const struct tree_name *name, struct resolve_secret **ret_secret)
{
	int r = resolve_secret_get(resolve, name->ns, name->name, ret_secret);

	if (r == 0)
		(*ret_secret)->all = true;
	return r;
}

void resolve_free(struct resolve *resolve)
{
	for (size_t i = 0; i < resolve->n; i++) {
		struct resolve_secret *secret = resolve->secrets[i];

		for (size_t j = 0; j < secret->n; j++)
			resolve_key_free(secret->keys[j]);
		tdestroy(secret->index, resolve_index_only);
		free(secret->keys);
		free(secret->why);
		free(secret->foreign);
		free(secret);
	}
	tdestroy(resolve->index, resolve_index_only);
	free(resolve->secrets);
	pieces_free(&resolve->values);
	*resolve = (struct resolve){0};
}

/* ---- what does not resolve ---- */

/* -ENOMEM if even the sentence finds no room, else 0: the failure is recorded. */
static int resolve_fail(int *err, char **text, int failure, const struct why *why)
{
	free(*text);
	*text = strdup(why->text);
	*err = failure;
	return *text == NULL ? -ENOMEM : 0;
}

static int resolve_key_fail(struct resolve_key *key, int err, const struct why *why)
{
	return resolve_fail(&key->err, &key->why, err, why);
}

int resolve_error(const struct resolve_key *key, const char **ret_why)
{
	const struct resolve_secret *secret = key->secret;

	*ret_why = secret->err < 0 ? secret->why : key->why;
	return secret->err < 0 ? secret->err : key->err;
}

/* ---- one key ---- */

static int resolve_key_missing(struct resolve_key *key, int dir, int err)
{
	struct why why;

	if (err == -ENOENT)
		tree_no_key(dir, &key->secret->name, key->name, &why);
	else if (err == -EACCES)
		why_set(&why, err,
			"%s: the key %s exists, but you may not read it; ask its owner for the "
			"permission",
			key->secret->name.text, key->name);
	else
		tree_key_why(&why, err, &key->secret->name, key->name);
	return resolve_key_fail(key, err, &why);
}

/* Without x on the secret nobody can tell whether it has such a key. */
static int resolve_key_stat(struct resolve_key *key, int dir, int *ret_err)
{
	struct stat st;
	struct why why;

	*ret_err = 0;
	if (fstatat(dir, key->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		key->owner = st.st_uid;
		key->there = true;
		return 0;
	}
	*ret_err = -errno;
	if (*ret_err == -ENOENT)
		return resolve_key_missing(key, dir, *ret_err);
	tree_key_why(&why, *ret_err, &key->secret->name, key->name);
	return resolve_key_fail(key, *ret_err, &why);
}

static int resolve_key_check(struct resolve_key *key, int dir)
{
	int err, r = resolve_key_stat(key, dir, &err);

	if (r < 0 || err < 0)
		return r;
	if (faccessat(dir, key->name, R_OK, AT_EACCESS) < 0)
		return resolve_key_missing(key, dir, -errno);
	return 0;
}

/* Small values are packed; to copy a large one would take twice its room. */
static int resolve_keep_value(
	struct resolve *resolve, struct secbuf *value, const uint8_t **ret_bytes)
{
	void *piece;
	int r;

	if (value->len >= RESOLVE_LARGE) {
		*ret_bytes = value->data;
		return pieces_adopt(&resolve->values, value);
	}
	r = pieces_take(&resolve->values, value->len, &piece);
	if (r < 0)
		return r;
	memcpy(piece, value->data, value->len);
	*ret_bytes = piece;
	return 0;
}

static int resolve_key_load(struct resolve *resolve, struct resolve_key *key, int dir)
{
	AUTO_SECBUF value = SECBUF_INIT;
	const uint8_t *bytes = NULL;
	size_t len;
	int err, r = resolve_key_stat(key, dir, &err);

	if (r < 0 || err < 0)
		return r;
	err = tree_get(dir, key->name, &value);
	len = value.len;
	if (err == 0)
		err = resolve_keep_value(resolve, &value, &bytes);
	if (err < 0)
		return resolve_key_missing(key, dir, err);
	key->bytes = bytes;
	key->len = len;
	return 0;
}

/* ---- one secret ---- */

/* Where this user may not ask, reading tells. */
static bool resolve_expired(int dir)
{
	char text[ATTR_TEXT];
	int64_t when;

	return attr_get(dir, "expires", text) == 0 && times_parse(text, &when) == 0 &&
	       when <= time(NULL);
}

static int resolve_secret_fail(struct resolve_secret *secret, int err, const struct why *why)
{
	return resolve_fail(&secret->err, &secret->why, err, why);
}

static int resolve_list(struct resolve_secret *secret, int dir)
{
	AUTO_TREE_LIST list = {0};
	struct why why;
	int r = tree_list(dir, &list);

	if (r < 0) {
		tree_why(&why, r, secret->name.text);
		return resolve_secret_fail(secret, r, &why);
	}
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		struct resolve_key *key;

		if (list.names[i][0] == '.')
			continue;
		r = resolve_key_get(secret, list.names[i], &key);
		if (r == 0)
			key->listed = true;
	}
	return r;
}

static int resolve_secret_check(struct resolve_secret *secret, int dir)
{
	struct why why;
	int r = 0;

	if (resolve_expired(dir)) {
		tree_why(&why, -EKEYEXPIRED, secret->name.text);
		return resolve_secret_fail(secret, -EKEYEXPIRED, &why);
	}
	if (secret->all)
		r = resolve_list(secret, dir);
	for (size_t i = 0; r == 0 && secret->err == 0 && i < secret->n; i++)
		r = resolve_key_check(secret->keys[i], dir);
	return r;
}

/* ---- values that belong together ---- */

struct resolving {
	struct resolve *resolve;
	struct resolve_secret *secret;
	struct pieces_mark mark; /* before the first try */
	int dir;
};

static void resolve_forget(struct resolve_secret *secret)
{
	for (size_t i = 0; i < secret->n; i++) {
		struct resolve_key *key = secret->keys[i];

		free(key->why);
		key->why = NULL;
		key->err = 0;
		key->bytes = NULL;
		key->len = 0;
	}
}

/* -ECANCELED: the secret's failure is recorded. */
static long resolve_begin(void *arg)
{
	struct resolving *resolving = arg;
	struct resolve_secret *secret = resolving->secret;
	int r = 0;

	pieces_rewind(&resolving->resolve->values, resolving->mark);
	resolve_forget(secret);
	for (size_t i = 0; i < secret->n; i++)
		secret->keys[i]->listed = false;
	if (secret->all)
		r = resolve_list(secret, resolving->dir);
	if (r == 0 && secret->err < 0)
		r = -ECANCELED;
	return r < 0 ? r : (long)secret->n;
}

static const char *resolve_key_name(void *arg, size_t i)
{
	const struct resolving *resolving = arg;

	return resolving->secret->keys[i]->name;
}

static int resolve_read(void *arg)
{
	struct resolving *resolving = arg;
	struct resolve_secret *secret = resolving->secret;
	int r = 0;

	for (size_t i = 0; r == 0 && i < secret->n; i++)
		r = resolve_key_load(resolving->resolve, secret->keys[i], resolving->dir);
	return r;
}

static int resolve_secret_load(struct resolve *resolve, struct resolve_secret *secret, int dir)
{
	struct resolving resolving = {.resolve = resolve,
		.secret = secret,
		.mark = pieces_mark(&resolve->values),
		.dir = dir};
	const struct steady steady = {.whole = secret->all,
		.begin = resolve_begin,
		.key = resolve_key_name,
		.read = resolve_read,
		.arg = &resolving};
	struct why why;
	int r = steady_read(&steady, dir);

	if (r != -EAGAIN)
		return r == -ECANCELED ? 0 : r;
	resolve_forget(secret);
	why_set(&why, r, "%s: it is being changed all the time; try again", secret->name.text);
	return resolve_secret_fail(secret, r, &why);
}

/* ---- everything ---- */

static int resolve_secret_look(struct resolve *resolve, const struct tree *tree,
	struct resolve_secret *secret, enum resolve_depth depth)
{
	AUTO_FD dir = -1;
	struct stat st;
	struct why why;
	int r = tree_find(tree, &secret->name, &dir, &why);

	if (r == 0 && fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		r = tree_why(&why, -errno, secret->name.text);
	if (r == 0)
		r = owner_foreign(&secret->name, dir, &why);
	if (r < 0)
		return resolve_secret_fail(secret, r, &why);
	secret->owner = st.st_uid;
	if (r > 0 && (secret->foreign = strdup(why.text)) == NULL)
		return -ENOMEM;
	if (depth == RESOLVE_SECRET)
		return 0;
	return depth == RESOLVE_KEY ? resolve_secret_check(secret, dir)
				    : resolve_secret_load(resolve, secret, dir);
}

int resolve_look(
	struct resolve *resolve, const struct tree *tree, enum resolve_depth depth, struct why *why)
{
	for (size_t i = 0; i < resolve->n; i++) {
		if (resolve_secret_look(resolve, tree, resolve->secrets[i], depth) < 0)
			return why_set(why, -ENOMEM, "out of memory");
	}
	return 0;
}
