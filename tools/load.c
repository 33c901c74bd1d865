/* SPDX-License-Identifier: MIT */
/* load: the keys of a secret with their values, all of one moment. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attr.h"

#define LOAD_TRIES 16

/* The version that is current, as text; nothing where there is none or none can be seen. */
static void load_version(int dir, char ret_text[static ATTR_TEXT])
{
	if (attr_get(dir, "version", ret_text) < 0)
		ret_text[0] = '\0';
}

/* 1: it has changed meanwhile. */
static int load_key(
	struct load *load, int dir, const char *key, const struct tree_name *name, struct why *why)
{
	AUTO_SECBUF bytes = SECBUF_INIT;
	int r = tree_get(dir, key, &bytes);

	if (r == -ENOENT || r == -ESTALE)
		return 1;
	if (r == -EACCES)
		return 0;
	if (r == 0)
		r = values_put(&load->values, key, &bytes);
	return r < 0 ? tree_key_why(why, r, name, key) : 0;
}

/* 1: it has changed meanwhile. */
static int load_try(struct load *load, int dir, const struct tree_name *name, struct why *why)
{
	char before[ATTR_TEXT], after[ATTR_TEXT];
	int r;

	load_version(dir, before);
	r = tree_list(dir, &load->keys);
	if (r < 0)
		return tree_why(why, r, name->text);
	for (size_t i = 0; r == 0 && i < load->keys.n; i++)
		r = load_key(load, dir, load->keys.names[i], name, why);
	load_version(dir, after);
	return r == 0 && strcmp(before, after) != 0 ? 1 : r;
}

int load_secret(struct load *ret_load, int dir, const struct tree_name *name, struct why *why)
{
	for (int i = 0; i < LOAD_TRIES; i++) {
		AUTO_LOAD load = {0};
		int r = load_try(&load, dir, name, why);

		if (r < 0)
			return r;
		if (r == 0) {
			*ret_load = load;
			load = (struct load){0};
			return 0;
		}
	}
	return why_set(why, -EAGAIN, "%s: it changes while it is read; try again", name->text);
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
