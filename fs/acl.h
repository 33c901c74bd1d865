/* SPDX-License-Identifier: MIT */
/*
 * acl: POSIX ACLs in the form in which the kernel keeps them in xattrs:
 *
 *     u32 version = 2, then entries of  u16 tag | u16 perm | u32 id        little endian
 *
 * All functions work on that form; lengths are in bytes, 0 means "no ACL".
 */
#ifndef FS_ACL_H
#define FS_ACL_H

#include <stddef.h>
#include <stdint.h>

#define ACL_MAX (4 + 8 * 64)

/*
 * Is it a valid ACL: version, order (user::, users by id, group::, groups by id, mask, other), no
 * double ids, a mask where there are named entries, permissions of three bits? -EINVAL; -ENOSPC:
 * longer than ACL_MAX.
 */
int acl_check(const uint8_t *acl, size_t len);

/* The nine mode bits that the ACL says: user, mask (or group) and other. */
uint32_t acl_mode(const uint8_t *acl, size_t len);

/* Does it say no more than nine mode bits? Then it is dropped. */
int acl_is_mode(const uint8_t *acl, size_t len);

/* chmod: user and other take theirs, the group bits go to the mask (or to group:: where there is
 * none). In place. */
void acl_chmod(uint8_t *acl, size_t len, uint32_t mode);

/*
 * A new node below a folder with a default ACL: writes the inherited ACL to ret_acl (ACL_MAX bytes;
 * user, mask or group, and other ANDed with mode), stores its length (0 if it says no more than a
 * mode) and returns the node's nine mode bits.
 */
uint32_t acl_inherit(const uint8_t *parent_default, size_t len, uint32_t mode, uint8_t *ret_acl,
	uint16_t *ret_len);

/*
 * Takes the write permission out of every entry of acl that has none in the other ACL (of a folder,
 * say; other_mode where there is no other ACL: named entries then lose theirs). In place.
 */
void acl_and_write(
	uint8_t *acl, size_t len, const uint8_t *other, size_t other_len, uint32_t other_mode);

/* The three bits of the owning group's entry. */
uint32_t acl_group_perm(const uint8_t *acl, size_t len);

/*
 * What does it give to a caller? mode: the nine bits of a node without ACL, or its ACL's. groups:
 * his, the primary one first. Returns three bits.
 */
uint32_t acl_permits(uint32_t mode, const uint8_t *acl, size_t len, uint32_t owner, uint32_t group,
	uint32_t uid, const uint32_t *groups, size_t ngroups);

#endif
