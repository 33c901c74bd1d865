/* SPDX-License-Identifier: MIT */
/* ident: secrets by their id. The tree has no index of them: all secrets are asked. */
#include "ident.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "attr.h"
#include "fd.h"

bool ident_is_id(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i] != '\0'; i++) {
		bool hex = (text[i] >= '0' && text[i] <= '9') ||
			   (text[i] >= 'a' && text[i] <= 'f') || (text[i] >= 'A' && text[i] <= 'F');

		if (form[i] == 'x' ? !hex : text[i] != '-')
			return false;
	}
	return true;
}

/* 1: this one, 0: another. What others keep to themselves, or has just gone, is another. */
static int ident_try(int ns, const char *name, const char *id, int *ret_dir)
{
	AUTO_FD dir = openat(ns, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char text[ATTR_TEXT];
	int r = dir < 0 ? -errno : attr_get(dir, "id", text);

	if (r == -EACCES || r == -ENOENT || r == -ESTALE)
		return 0;
	if (r < 0)
		return r;
	if (strcasecmp(text, id) != 0)
		return 0;
	*ret_dir = fd_take(&dir);
	return 1;
}

/* As ident_find, in one namespace; *ret_name is then found->names[that]. */
static int ident_search(
	int ns, const char *id, const struct tree_list *list, int *ret_dir, const char **ret_name)
{
	int failed = 0;

	for (size_t i = 0; i < list->n; i++) {
		int r = ident_try(ns, list->names[i], id, ret_dir);

		*ret_name = list->names[i];
		if (r > 0)
			return r;
		if (r < 0)
			failed = r;
	}
	return failed;
}

int ident_find(const struct tree *tree, struct tree_name *name, int *ret_dir, struct why *why)
{
	int failed = 0;

	for (enum tree_ns ns = TREE_PRIVATE; ns <= TREE_PUBLIC; ns++) {
		AUTO_TREE_LIST list = {0};
		const char *found = NULL;
		int r;

		if ((name->ns != TREE_ANY && name->ns != ns) || tree->ns[ns] < 0)
			continue;
		r = tree_list(tree->ns[ns], &list);
		if (r == 0)
			r = ident_search(tree->ns[ns], name->name, &list, ret_dir, &found);
		if (r > 0) {
			strcpy(name->name, found);
			tree_name_set(name, ns);
			/* An id is nobody else's. */
			name->bare = false;
			return r;
		}
		if (r < 0 && r != -EACCES)
			failed = r;
	}
	return failed < 0 ? tree_why(why, failed, name->text) : 0;
}
