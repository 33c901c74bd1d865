/* SPDX-License-Identifier: MIT */
/*
 * permit: who may do what with a public secret, and changing that for the secret and all its keys
 * at once.
 *
 * Rights are POSIX ACLs of the secret's folder, of its keys, and the folder's default ACL for keys
 * that come later. What a grant adds it adds to what somebody had, by whatever group or as other;
 * what a revocation takes is gone however somebody had it.
 */
#ifndef TOOLS_PERMIT_H
#define TOOLS_PERMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "aclist.h"
#include "subject.h"
#include "tree.h"
#include "why.h"

struct permit_node {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	struct aclist acl;
};

struct permit {
	int dir; /* O_PATH; the caller's */
	const struct tree_name *name;
	struct permit_node folder;
	struct aclist dflt; /* n 0: new keys get what the umask of their maker leaves */
	struct tree_list names;
	struct permit_node *keys; /* one for each name */
};

/* Reads all of it. -EACCES: the caller cannot see the keys. */
int permit_read(struct permit *ret_permit, int dir, const struct tree_name *name, struct why *why);
void permit_free(struct permit *permit);

#define AUTO_PERMIT __attribute__((cleanup(permit_free))) struct permit
#define PERMIT_INIT ((struct permit){.dir = -1})

/* Its keys anew; those that go meanwhile are left out. */
int permit_read_keys(struct permit *permit, struct why *why);

/* Owner of a key that is not there yet. */
#define PERMIT_NOBODY ((uint32_t)-1)

/* ACLIST_R and so on that an ACL gives to somebody, through the entry that counts for him. */
unsigned permit_effect_of(
	const struct aclist *list, uint32_t owner, uint32_t group, const struct subject *subject);

/* The same of a secret or key. */
unsigned permit_effect(const struct permit_node *node, const struct subject *subject);

/* The same for keys that come later; 0 without a default ACL. */
unsigned permit_effect_later(const struct permit *permit, const struct subject *subject);

/* What somebody may do: with keys, what he may with all of them. */
unsigned permit_rights(const struct permit *permit, const struct subject *subject);

/*
 * Gives or takes the rights of all subjects; a revocation without rights takes all. Whoever gets
 * rights gets the secret's own last, and who loses them that first. -EINVAL: what is asked for
 * would change what others may; -EPERM: keys belong to others, all else is done; else a sentence
 * that says how far it went.
 */
int permit_grant(struct permit *permit, const struct subject *subjects, size_t n, struct why *why);
int permit_revoke(struct permit *permit, const struct subject *subjects, size_t n, struct why *why);

/* Shared by grant and revoke: may the caller change it? -EINVAL: it is private; -EPERM: it is
 * another's; -EINVAL: a subject owns it. */
int permit_check(
	const struct permit *permit, const struct subject *subjects, size_t n, struct why *why);

#endif
