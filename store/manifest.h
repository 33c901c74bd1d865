/* SPDX-License-Identifier: MIT */
/*
 * manifest: the one sealed record of a secret: its header and all its keys.
 *
 * Bytes, little endian, then zeros to Padme(max(n, 512)):
 *
 *     version u64 | oldest u64 | uuid[16] | ns_kind u8 | ns_uid u32 | uid u32 | gid u32 | mode u16
 *     created i64 | atime i64 | mtime i64 | ctime i64 | expires i64           nanoseconds since
 * 1970; expires 0: never next_key u32 | name_len u8 | name | 0 | description_len u16 | description
 * | 0 acl_len u16 | acl | default_acl_len u16 | default_acl | n u32 n x { key_no u32 | uid u32 |
 * gid u32 | mode u16 | atime i64 | mtime i64 | ctime i64 value_id u64 | value_key[32] | len u32 |
 * json_len u32 | env_len u32 name_len u8 | name | 0 | acl_len u16 | acl }                      in
 * rising order of key_no
 *
 * The current manifest of a secret goes on, before the zeros, with what its rows of table history
 * add up to; in an earlier version, in a kept note and in a store of format 1 it does not:
 *
 *     history sum[32] | history n u32
 *
 * ACLs are kept as the kernel's xattr form (u32 2, then tag u16, perm u16, id u32 each), empty:
 * none. json_len is the length of the value as it stands in .json (a JSON string or {"base64":
 * "..."}, quotes included), env_len that of its line in .env with the newline, 0 if it is left out
 * there.
 */
#ifndef STORE_MANIFEST_H
#define STORE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index.h"
#include "seal.h"

#define MANIFEST_MIN         512
#define MANIFEST_KEYS_MAX    1024
#define MANIFEST_KEY_NO_MAX  0xffffffu
#define MANIFEST_DESCRIPTION 1024
#define MANIFEST_ACL_MAX     (4 + 8 * 64)

/* Pointers go into the plaintext that was decoded, or to whatever the maker of a new manifest
 * says; a manifest never owns what they point to. Names are NUL-terminated besides their length. */
struct manifest_key {
	uint32_t no;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode; /* permission bits and sticky */
	int64_t atime;
	int64_t mtime;
	int64_t ctime;
	uint64_t value_id;        /* 0: never written, the value is empty */
	const uint8_t *value_key; /* SEAL_KEY bytes */
	uint32_t len;             /* bytes of the value */
	uint32_t json_len;
	uint32_t env_len;
	uint8_t name_len;
	const char *name;
	uint16_t acl_len;
	const uint8_t *acl;
};

/* The rows of table history that belong to a secret: from version oldest on, below the current. */
struct manifest_history {
	struct index_sum sum;
	uint32_t n;
};

enum manifest_form {
	MANIFEST_EARLIER, /* history is not in it: reads as zeros */
	MANIFEST_CURRENT,
};

struct manifest {
	uint64_t version;
	uint64_t oldest;
	uint8_t uuid[16];
	uint8_t ns_kind;
	uint32_t ns_uid;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	int64_t created;
	int64_t atime;
	int64_t mtime;
	int64_t ctime;
	int64_t expires;
	uint32_t next_key;
	uint8_t name_len;
	const char *name;
	uint16_t description_len;
	const char *description;
	uint16_t acl_len;
	const uint8_t *acl;
	uint16_t default_acl_len;
	const uint8_t *default_acl;
	uint32_t n;
	struct manifest_key *keys; /* owned: room for keys_cap, see manifest_clear */
	uint32_t keys_cap;
	struct manifest_history history;
};

/*
 * Reads a manifest out of bytes, which must outlive m. m is zeroed or was used before (its keys'
 * room is used again). -EBADMSG: not a manifest (lengths, order, counts, a missing NUL, a
 * byte that is not zero in the padding); m is then empty. -ENOMEM.
 */
int manifest_decode(struct manifest *m, enum manifest_form form, const uint8_t *bytes, size_t len);

/* Length of the encoded manifest with its padding. */
size_t manifest_size(const struct manifest *m, enum manifest_form form);

/* Writes as many bytes, padding included. */
void manifest_encode(const struct manifest *m, enum manifest_form form, uint8_t *bytes);

/* By number (binary search) or by name; NULL if there is none. */
struct manifest_key *manifest_key_by_no(const struct manifest *m, uint32_t no);
struct manifest_key *manifest_key_by_name(const struct manifest *m, const char *name, size_t len);

/* Appends a zeroed key with number next_key and raises next_key. -EDQUOT: MANIFEST_KEYS_MAX keys,
 * -ENOSPC: no key number is left, -ENOMEM. */
int manifest_key_add(struct manifest *m, struct manifest_key **ret_key);

/* Takes a key of m out of it. */
void manifest_key_remove(struct manifest *m, struct manifest_key *key);

/*
 * A key that was taken out of an earlier version leaves its number behind, so that the places of
 * the others stay what they are: with a name that none can have, no value and no rights.
 */
void manifest_key_take(struct manifest_key *key);
bool manifest_key_taken(const struct manifest_key *key);

/* Frees the keys' room and empties m. */
void manifest_clear(struct manifest *m);

#define AUTO_MANIFEST __attribute__((cleanup(manifest_clear))) struct manifest

#endif
