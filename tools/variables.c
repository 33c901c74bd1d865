/* SPDX-License-Identifier: MIT */
/* variables: the environment of a program that is going to be run. */
#include "variables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int variables_add(struct variables *vars, char *string)
{
	if (vars->n + 1 >= vars->cap) {
		size_t cap = vars->cap > 0 ? 2 * vars->cap : 64;
		char **list = reallocarray(vars->list, cap, sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		vars->list = list;
		vars->cap = cap;
	}
	vars->list[vars->n++] = string;
	vars->list[vars->n] = NULL;
	return 0;
}

int variables_init(struct variables *vars, char *const *from)
{
	*vars = (struct variables){0};
	for (; *from != NULL; from++) {
		if (variables_add(vars, *from) < 0) {
			variables_free(vars);
			return -ENOMEM;
		}
	}
	return 0;
}

bool variables_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool letter = c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return len > 0;
}

static void variables_drop(struct variables *vars, const char *name, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < vars->n; i++) {
		if (strncmp(vars->list[i], name, len) != 0 || vars->list[i][len] != '=')
			vars->list[kept++] = vars->list[i];
	}
	vars->n = kept;
	if (vars->list != NULL)
		vars->list[kept] = NULL;
}

int variables_room(
	struct variables *vars, const char *name, size_t name_len, size_t len, char **ret_value)
{
	void *piece;
	char *string;
	int r;

	if (len >= VARIABLES_MAX || name_len + len + 2 > VARIABLES_MAX)
		return -E2BIG;
	r = pieces_take(&vars->pieces, name_len + len + 2, &piece);
	if (r < 0)
		return r;
	string = piece;
	memcpy(string, name, name_len);
	string[name_len] = '=';
	variables_drop(vars, name, name_len);
	*ret_value = string + name_len + 1;
	return variables_add(vars, string);
}

int variables_set(
	struct variables *vars, const char *name, size_t name_len, const void *bytes, size_t len)
{
	char *value;
	int r;

	if (len > 0 && memchr(bytes, '\0', len) != NULL)
		return -EINVAL;
	r = variables_room(vars, name, name_len, len, &value);
	if (r == 0 && len > 0)
		memcpy(value, bytes, len);
	return r;
}

void variables_free(struct variables *vars)
{
	free(vars->list);
	pieces_free(&vars->pieces);
	*vars = (struct variables){0};
}
