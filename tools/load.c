/* SPDX-License-Identifier: MIT */
/* load: the keys of a secret with their values, all of one moment. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "steady.h"

struct loading {
	struct load load;
	int dir;
	const struct tree_name *name;
	struct why *why;
};

static long load_begin(void *arg)
{
	struct loading *loading = arg;

	load_free(&loading->load);
	loading->load = (struct load){0};
	int r = tree_list(loading->dir, &loading->load.keys);
	return r < 0 ? tree_why(loading->why, r, loading->name->text) : (long)loading->load.keys.n;
}

static const char *load_name(void *arg, size_t i)
{
	const struct loading *loading = arg;

	return loading->load.keys.names[i];
}

/* 1: it has changed meanwhile. */
static int load_key(struct loading *loading, const char *key)
{
	AUTO_SECBUF bytes = SECBUF_INIT;
	int r = tree_get(loading->dir, key, &bytes);

	if (r == -ENOENT || r == -ESTALE)
		return 1;
	if (r == -EACCES)
		return 0;
	if (r == 0)
		r = values_put(&loading->load.values, key, &bytes);
	return r < 0 ? tree_key_why(loading->why, r, loading->name, key) : 0;
}

static int load_keys(void *arg)
{
	struct loading *loading = arg;
	int r = 0;

	for (size_t i = 0; r == 0 && i < loading->load.keys.n; i++)
		r = load_key(loading, loading->load.keys.names[i]);
	return r;
}

int load_secret(struct load *ret_load, int dir, const struct tree_name *name, struct why *why)
{
	struct loading loading = {.dir = dir, .name = name, .why = why};
	const struct steady steady = {.whole = true,
		.begin = load_begin,
		.key = load_name,
		.read = load_keys,
		.arg = &loading};

	/* What begin and read have not said. */
	why_set(why, -ENOMEM, "out of memory");
	int r = steady_read(&steady, dir);
	if (r == 0) {
		*ret_load = loading.load;
		return 0;
	}
	load_free(&loading.load);
	return r == -EAGAIN ? why_set(why, r, "%s: it is being changed all the time; try again",
				      name->text)
			    : r;
}

void load_drop_dotted(struct load *load)
{
	size_t n = 0;

	for (size_t i = 0; i < load->keys.n; i++) {
		char *key = load->keys.names[i];

		if (key[0] != '.') {
			load->keys.names[n++] = key;
			continue;
		}
		values_drop(&load->values, key);
		free(key);
	}
	load->keys.n = n;
}

void load_free(struct load *load)
{
	tree_list_free(&load->keys);
	values_free(&load->values);
}
