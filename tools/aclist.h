/* SPDX-License-Identifier: MIT */
/*
 * aclist: POSIX ACLs of secrets and keys, as lists of what each entry really gives.
 *
 * In an ACL the mask takes away from all entries but user:: and other::. A list has no mask: what
 * it takes away is taken from the entries when it is read, and when it is written it gets one that
 * takes nothing. So an entry that is added never widens another.
 *
 * Paths may be of the form /proc/self/fd/N.
 */
#ifndef TOOLS_ACLIST_H
#define TOOLS_ACLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ACLIST_MAX 64 /* entries that the daemon keeps, a mask included */

#define ACLIST_X 1u
#define ACLIST_W 2u
#define ACLIST_R 4u

/* The kernel's numbers. */
enum aclist_tag {
	ACLIST_OWNER = 0x01,
	ACLIST_USER = 0x02,
	ACLIST_OWNING_GROUP = 0x04,
	ACLIST_GROUP = 0x08,
	ACLIST_MASK = 0x10,
	ACLIST_OTHER = 0x20,
};

struct aclist_entry {
	uint16_t tag;
	uint16_t perm; /* ACLIST_R, ... */
	uint32_t id;   /* of ACLIST_USER and ACLIST_GROUP */
};

struct aclist {
	struct aclist_entry entries[ACLIST_MAX]; /* by tag, then id */
	size_t n;                                /* 0: there is none */
};

/* What a mode says: three entries. */
void aclist_of_mode(struct aclist *ret_list, mode_t mode);

/* mode is what counts if there is no ACL. -errno; -EPROTO: of a form that is not known. */
int aclist_read(const char *path, mode_t mode, struct aclist *ret_list);

/* The default ACL, which may be none. */
int aclist_read_default(const char *path, struct aclist *ret_list);

/* -errno; -ENOSPC: too many entries. */
int aclist_write(const char *path, const struct aclist *list);
int aclist_write_default(const char *path, const struct aclist *list);

/* NULL: there is none. id counts for named entries alone. */
struct aclist_entry *aclist_find(struct aclist *list, enum aclist_tag tag, uint32_t id);

/* What the entry gives; 0 without one. */
unsigned aclist_perm(const struct aclist *list, enum aclist_tag tag, uint32_t id);

/* Makes it if there is none. -ENOSPC. */
int aclist_set(struct aclist *list, enum aclist_tag tag, uint32_t id, unsigned perm);
void aclist_remove(struct aclist *list, enum aclist_tag tag, uint32_t id);

bool aclist_same(const struct aclist *a, const struct aclist *b);

#endif
