/* SPDX-License-Identifier: MIT */
/* acl: reading and changing the kernel's binary ACLs. */
#include "acl.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ACL_VERSION 2
#define ACL_HEAD    4
#define ACL_ENTRY   8

enum acl_tag {
	ACL_USER_OBJ = 0x01,
	ACL_USER = 0x02,
	ACL_GROUP_OBJ = 0x04,
	ACL_GROUP = 0x08,
	ACL_MASK = 0x10,
	ACL_OTHER = 0x20,
};

struct acl_entry {
	uint16_t tag;
	uint16_t perm;
	uint32_t id;
};

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static size_t acl_count(size_t len)
{
	return len < ACL_HEAD ? 0 : (len - ACL_HEAD) / ACL_ENTRY;
}

static struct acl_entry acl_entry(const uint8_t *acl, size_t i)
{
	const uint8_t *p = acl + ACL_HEAD + i * ACL_ENTRY;

	return (struct acl_entry){.tag = (uint16_t)(p[0] | p[1] << 8),
		.perm = (uint16_t)(p[2] | p[3] << 8),
		.id = load32(p + 4)};
}

static void acl_set_perm(uint8_t *acl, size_t i, uint32_t perm)
{
	acl[ACL_HEAD + i * ACL_ENTRY + 2] = (uint8_t)(perm & 7);
	acl[ACL_HEAD + i * ACL_ENTRY + 3] = 0;
}

/* Index of the first entry with a tag, or -1. */
static int acl_find(const uint8_t *acl, size_t len, enum acl_tag tag)
{
	for (size_t i = 0; i < acl_count(len); i++)
		if (acl_entry(acl, i).tag == tag)
			return (int)i;
	return -1;
}

int acl_check(const uint8_t *acl, size_t len)
{
	unsigned seen = 0;
	struct acl_entry last = {0};

	if (len > ACL_MAX)
		return -ENOSPC;
	if (len < ACL_HEAD + 3 * ACL_ENTRY || (len - ACL_HEAD) % ACL_ENTRY != 0 ||
		load32(acl) != ACL_VERSION)
		return -EINVAL;
	for (size_t i = 0; i < acl_count(len); i++) {
		struct acl_entry entry = acl_entry(acl, i);
		int named = entry.tag == ACL_USER || entry.tag == ACL_GROUP;
		if (entry.perm > 7 || entry.tag < last.tag || entry.tag == 0 ||
			entry.tag > ACL_OTHER || (entry.tag & (entry.tag - 1)) != 0)
			return -EINVAL;
		if (entry.tag == last.tag && (!named || entry.id <= last.id))
			return -EINVAL;
		if (named && entry.id == UINT32_MAX)
			return -EINVAL;
		seen |= entry.tag;
		last = entry;
	}
	if ((seen & (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER)) !=
		(ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER))
		return -EINVAL;
	return seen & (ACL_USER | ACL_GROUP) && !(seen & ACL_MASK) ? -EINVAL : 0;
}

/* Where the group bits of the mode live. */
static int acl_group_class(const uint8_t *acl, size_t len)
{
	int mask = acl_find(acl, len, ACL_MASK);

	return mask >= 0 ? mask : acl_find(acl, len, ACL_GROUP_OBJ);
}

static uint32_t acl_perm(const uint8_t *acl, int i)
{
	return i < 0 ? 0 : acl_entry(acl, (size_t)i).perm & 7u;
}

uint32_t acl_mode(const uint8_t *acl, size_t len)
{
	return acl_perm(acl, acl_find(acl, len, ACL_USER_OBJ)) << 6 |
	       acl_perm(acl, acl_group_class(acl, len)) << 3 |
	       acl_perm(acl, acl_find(acl, len, ACL_OTHER));
}

int acl_is_mode(const uint8_t *acl, size_t len)
{
	return acl_count(len) == 3 && acl_find(acl, len, ACL_MASK) < 0;
}

static void acl_set(uint8_t *acl, int i, uint32_t perm)
{
	if (i >= 0)
		acl_set_perm(acl, (size_t)i, perm);
}

void acl_chmod(uint8_t *acl, size_t len, uint32_t mode)
{
	acl_set(acl, acl_find(acl, len, ACL_USER_OBJ), mode >> 6 & 7);
	acl_set(acl, acl_group_class(acl, len), mode >> 3 & 7);
	acl_set(acl, acl_find(acl, len, ACL_OTHER), mode & 7);
}

uint32_t acl_inherit(const uint8_t *parent_default, size_t len, uint32_t mode, uint8_t *ret_acl,
	uint16_t *ret_len)
{
	memcpy(ret_acl, parent_default, len);
	uint32_t bits = acl_mode(ret_acl, len) & mode & 0777;
	acl_chmod(ret_acl, len, bits);
	*ret_len = acl_is_mode(ret_acl, len) ? 0 : (uint16_t)len;
	return bits;
}

uint32_t acl_group_perm(const uint8_t *acl, size_t len)
{
	return acl_perm(acl, acl_find(acl, len, ACL_GROUP_OBJ));
}

/* The entry of the other ACL that speaks of the same, or -1. */
static int acl_find_same(const uint8_t *acl, size_t len, struct acl_entry wanted)
{
	bool named = wanted.tag == ACL_USER || wanted.tag == ACL_GROUP;

	for (size_t i = 0; i < acl_count(len); i++) {
		struct acl_entry entry = acl_entry(acl, i);
		if (entry.tag == wanted.tag && (!named || entry.id == wanted.id))
			return (int)i;
	}
	return -1;
}

static uint32_t mode_class(uint32_t mode, uint16_t tag)
{
	switch (tag) {
	case ACL_USER_OBJ:
		return mode >> 6 & 7;
	case ACL_GROUP_OBJ:
	case ACL_MASK:
		return mode >> 3 & 7;
	case ACL_OTHER:
		return mode & 7;
	default:
		return 0;
	}
}

void acl_and_write(
	uint8_t *acl, size_t len, const uint8_t *other, size_t other_len, uint32_t other_mode)
{
	for (size_t i = 0; i < acl_count(len); i++) {
		struct acl_entry entry = acl_entry(acl, i);
		uint32_t there = other_len ? acl_perm(other, acl_find_same(other, other_len, entry))
					   : mode_class(other_mode, entry.tag);
		/* A mask that the other does not have takes nothing away there. */
		if (other_len && entry.tag == ACL_MASK && acl_find(other, other_len, ACL_MASK) < 0)
			there = 7;
		acl_set_perm(acl, i, entry.perm & (there | 5));
	}
}

static bool in_groups(uint32_t gid, const uint32_t *groups, size_t ngroups)
{
	for (size_t i = 0; i < ngroups; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

uint32_t acl_permits(uint32_t mode, const uint8_t *acl, size_t len, uint32_t owner, uint32_t group,
	uint32_t uid, const uint32_t *groups, size_t ngroups)
{
	uint32_t mask = acl_perm(acl, acl_find(acl, len, ACL_MASK));
	uint32_t by_group = 0;
	bool matched = false;

	if (uid == owner)
		return mode >> 6 & 7;
	if (len == 0)
		return in_groups(group, groups, ngroups) ? mode >> 3 & 7 : mode & 7;
	if (acl_find(acl, len, ACL_MASK) < 0)
		mask = 7;
	for (size_t i = 0; i < acl_count(len); i++) {
		struct acl_entry entry = acl_entry(acl, i);
		if (entry.tag == ACL_USER && entry.id == uid)
			return entry.perm & mask;
		if ((entry.tag == ACL_GROUP_OBJ && in_groups(group, groups, ngroups)) ||
			(entry.tag == ACL_GROUP && in_groups(entry.id, groups, ngroups))) {
			matched = true;
			by_group |= entry.perm & mask;
		}
	}
	return matched ? by_group : mode & 7;
}
