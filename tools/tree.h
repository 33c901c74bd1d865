/* SPDX-License-Identifier: MIT */
/*
 * tree: the mounted tree as secretctl sees it: where it is, its two namespaces, the secrets and
 * keys in them.
 *
 * Everything here is plain file operations, so the kernel decides who may do what. Functions return
 * -errno and say in *why what could not be done and what helps.
 */
#ifndef TOOLS_TREE_H
#define TOOLS_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "name.h"
#include "near.h"
#include "secmem.h"
#include "why.h"

enum tree_ns { TREE_PRIVATE = 0, TREE_PUBLIC = 1, TREE_ANY = 2 };

struct tree {
	char path[PATH_MAX];
	int ns[2];  /* O_PATH descriptors of private and public; -1: not for this user */
	int err[2]; /* then why not */
};

/* A secret as somebody names it: NAME, private/NAME or public/NAME. */
struct tree_name {
	enum tree_ns ns; /* TREE_ANY: private first, then public */
	bool bare;       /* neither the name nor an option said which namespace */
	char name[NAME_MAX_BYTES + 1];
	char text[NAME_MAX_BYTES + 16]; /* for messages; with the namespace once it is known */
};

/* Sorted names of a directory, without "." and "..". */
struct tree_list {
	char **names;
	size_t n;
};

/* Finds (place.h) and opens the tree. -ENOENT: none, or not the top of one. */
int tree_open(struct tree *ret_tree, const char *dir, struct why *why);
void tree_close(struct tree *tree);

#define AUTO_TREE __attribute__((cleanup(tree_close))) struct tree
#define TREE_INIT ((struct tree){.ns = {-1, -1}})

/* "private" or "public". */
const char *tree_ns_text(enum tree_ns ns);

/* -EINVAL: no secret can have this name. A name may be the id of a secret. */
int tree_name_parse(struct tree_name *ret_name, const char *text, struct why *why);

/* The same secret in that namespace. */
void tree_name_set(struct tree_name *name, enum tree_ns ns);

/* Makes the namespace definite. -EINVAL: the name says another one. */
int tree_name_select(struct tree_name *name, enum tree_ns ns, struct why *why);

/* -EINVAL: no key can have this name. */
int tree_key_check(const char *key, struct why *why);

/* 0 if the namespace can be used by this user. */
int tree_ns_usable(const struct tree *tree, enum tree_ns ns, struct why *why);

/*
 * Opens the directory of a secret (O_PATH), private before public where the name leaves it open,
 * and sets name->ns. A name of the form of an id is the secret's with that id, if there is one,
 * and then becomes the name of that. -ENOENT: there is none of exactly this name; the sentence has
 * a near miss.
 */
int tree_find(const struct tree *tree, struct tree_name *name, int *ret_dir, struct why *why);

/* dir may be an O_PATH descriptor. */
int tree_list(int dir, struct tree_list *ret_list);
/*
 * Add what is in a directory, for open an own descriptor of it that is open for reading. -EIO and
 * other failures on the way: list has what was read before.
 */
int tree_list_add_dir(struct tree_list *list, int dir);
int tree_list_add_open(struct tree_list *list, int dir);

/* Adds a name at the end. -ENOMEM. */
int tree_list_add(struct tree_list *list, const char *name);
void tree_list_free(struct tree_list *list);

#define AUTO_TREE_LIST __attribute__((cleanup(tree_list_free))) struct tree_list

/* Fills why with "name/key: there is no such key" and a near miss; returns -ENOENT. */
int tree_no_key(int dir, const struct tree_name *name, const char *key, struct why *why);

/* Reads a value. ret_value must be empty. */
int tree_get(int dir, const char *key, struct secbuf *ret_value);

/* Writes a value in one step; a new key is taken away again if that fails. only_new: -EEXIST if the
 * key is there. */
int tree_put(int dir, const char *key, const struct secbuf *value, bool only_new);

/* "what: reason; what to do" for an errno of an operation in the tree. Returns err. */
int tree_why(struct why *why, int err, const char *what);

/* The same for a key of a secret. */
int tree_key_why(struct why *why, int err, const struct tree_name *name, const char *key);

#endif
