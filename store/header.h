/* SPDX-License-Identifier: MIT */
/*
 * header: the three small sealed records beside the secrets: root, bucket and namespace.
 *
 * Bytes, little endian, zeros to the full size:
 *
 *     root    128   format u16 | store_id[16] | epoch u64 | commits u64 | next_row u64 | next_value
 * u64 | total sum[32] | created i64 bucket   48   sum[32] | rows u32 ns      512   kind u8 | uid
 * u32 | owner u32 | gid u32 | mode u16 | atime i64 | mtime i64 | ctime i64 secrets u64 | owned u64
 * | bytes u64 | acl_len u16 | acl | default_acl_len u16 | default_acl
 *
 * Secrets and namespaces are numbered by next_row, which must stay below 2^32 to fit a node id;
 * values by next_value (below 2^48), or a busy store would run out of rows. secrets counts the
 * secrets that lie in this namespace. owned and bytes belong to a user, so they are kept in the
 * private namespace of that uid: secrets owned anywhere, and the padded bytes of their current
 * values.
 */
#ifndef STORE_HEADER_H
#define STORE_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "index.h"

#define HEADER_ROOT    128
#define HEADER_BUCKET  48
#define HEADER_NS      512
#define HEADER_NS_ACLS 400 /* bytes of both ACLs together */

enum ns_kind { NS_PUBLIC = 1, NS_PRIVATE = 2 };

struct header_root {
	uint16_t format;
	uint8_t store_id[16];
	uint64_t epoch;
	uint64_t commits;
	uint64_t next_row;
	uint64_t next_value;
	struct index_sum total;
	int64_t created;
};

struct header_bucket {
	struct index_sum sum;
	uint32_t rows;
};

struct header_ns {
	uint8_t kind;
	uint32_t uid; /* whose namespace; 0 for public */
	uint32_t owner;
	uint32_t gid;
	uint32_t mode;
	int64_t atime;
	int64_t mtime;
	int64_t ctime;
	uint64_t secrets;
	uint64_t owned;
	uint64_t bytes;
	uint16_t acl_len;
	uint16_t default_acl_len;
	uint8_t acl[HEADER_NS_ACLS];
	uint8_t default_acl[HEADER_NS_ACLS];
};

void header_root_encode(const struct header_root *h, uint8_t bytes[HEADER_ROOT]);
/* -EPROTO: a format number that is not known. -EBADMSG: not a root. */
int header_root_decode(struct header_root *ret_h, const uint8_t bytes[HEADER_ROOT]);

void header_bucket_encode(const struct header_bucket *h, uint8_t bytes[HEADER_BUCKET]);
int header_bucket_decode(struct header_bucket *ret_h, const uint8_t bytes[HEADER_BUCKET]);

/* -ENOSPC: the ACLs are longer than HEADER_NS_ACLS together. */
int header_ns_encode(const struct header_ns *h, uint8_t bytes[HEADER_NS]);
int header_ns_decode(struct header_ns *ret_h, const uint8_t bytes[HEADER_NS]);

#endif
