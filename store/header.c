/* SPDX-License-Identifier: MIT */
/*
 * header: bytes <-> struct of the root, a bucket and a namespace. The pictures are in header.h.
 *
 * The records are authenticated before they come here; the checks are for a writer that went wrong.
 */
#include "header.h"

#include <errno.h>

#include "pack.h"
#include "store.h"

#define ROWS_END   (1ull << 32)
#define VALUES_END (1ull << 48)

static void pack_sum(struct pack *p, const struct index_sum *sum)
{
	for (size_t i = 0; i < 4; i++)
		pack_u64(p, sum->lane[i]);
}

static void unpack_sum(struct unpack *u, struct index_sum *sum)
{
	for (size_t i = 0; i < 4; i++)
		sum->lane[i] = unpack_u64(u);
}

void header_root_encode(const struct header_root *h, uint8_t bytes[HEADER_ROOT])
{
	struct pack p = {bytes};

	memset(bytes, 0, HEADER_ROOT);
	pack_u16(&p, h->format);
	pack_bytes(&p, h->store_id, sizeof(h->store_id));
	pack_u64(&p, h->epoch);
	pack_u64(&p, h->commits);
	pack_u64(&p, h->next_row);
	pack_u64(&p, h->next_value);
	pack_sum(&p, &h->total);
	pack_i64(&p, h->created);
}

int header_root_decode(struct header_root *ret_h, const uint8_t bytes[HEADER_ROOT])
{
	struct unpack u = {bytes, HEADER_ROOT, false};
	struct header_root h = {0};

	h.format = unpack_u16(&u);
	if (h.format < STORE_FORMAT_OLDEST || h.format > STORE_FORMAT)
		return -EPROTO;
	unpack_copy(&u, h.store_id, sizeof(h.store_id));
	h.epoch = unpack_u64(&u);
	h.commits = unpack_u64(&u);
	h.next_row = unpack_u64(&u);
	h.next_value = unpack_u64(&u);
	unpack_sum(&u, &h.total);
	h.created = unpack_i64(&u);
	if (!unpack_zeros(&u) || h.next_row > ROWS_END || h.next_value > VALUES_END)
		return -EBADMSG;
	*ret_h = h;
	return 0;
}

void header_bucket_encode(const struct header_bucket *h, uint8_t bytes[HEADER_BUCKET])
{
	struct pack p = {bytes};

	memset(bytes, 0, HEADER_BUCKET);
	pack_sum(&p, &h->sum);
	pack_u32(&p, h->rows);
}

int header_bucket_decode(struct header_bucket *ret_h, const uint8_t bytes[HEADER_BUCKET])
{
	struct unpack u = {bytes, HEADER_BUCKET, false};
	struct header_bucket h;

	unpack_sum(&u, &h.sum);
	h.rows = unpack_u32(&u);
	if (!unpack_zeros(&u))
		return -EBADMSG;
	*ret_h = h;
	return 0;
}

int header_ns_encode(const struct header_ns *h, uint8_t bytes[HEADER_NS])
{
	struct pack p = {bytes};

	if (h->acl_len + h->default_acl_len > HEADER_NS_ACLS)
		return -ENOSPC;
	memset(bytes, 0, HEADER_NS);
	pack_u8(&p, h->kind);
	pack_u32(&p, h->uid);
	pack_u32(&p, h->owner);
	pack_u32(&p, h->gid);
	pack_u16(&p, (uint16_t)h->mode);
	pack_i64(&p, h->atime);
	pack_i64(&p, h->mtime);
	pack_i64(&p, h->ctime);
	pack_u64(&p, h->secrets);
	pack_u64(&p, h->owned);
	pack_u64(&p, h->bytes);
	pack_u16(&p, h->acl_len);
	pack_bytes(&p, h->acl, h->acl_len);
	pack_u16(&p, h->default_acl_len);
	pack_bytes(&p, h->default_acl, h->default_acl_len);
	return 0;
}

/* An ACL with its length; longer than the room for both is bad. */
static uint16_t unpack_acl(struct unpack *u, uint8_t acl[HEADER_NS_ACLS])
{
	uint16_t len = unpack_u16(u);

	if (len > HEADER_NS_ACLS) {
		u->bad = true;
		return 0;
	}
	unpack_copy(u, acl, len);
	return len;
}

int header_ns_decode(struct header_ns *ret_h, const uint8_t bytes[HEADER_NS])
{
	struct unpack u = {bytes, HEADER_NS, false};
	struct header_ns h = {0};

	h.kind = unpack_u8(&u);
	h.uid = unpack_u32(&u);
	h.owner = unpack_u32(&u);
	h.gid = unpack_u32(&u);
	h.mode = unpack_u16(&u);
	h.atime = unpack_i64(&u);
	h.mtime = unpack_i64(&u);
	h.ctime = unpack_i64(&u);
	h.secrets = unpack_u64(&u);
	h.owned = unpack_u64(&u);
	h.bytes = unpack_u64(&u);
	h.acl_len = unpack_acl(&u, h.acl);
	h.default_acl_len = unpack_acl(&u, h.default_acl);
	if (!unpack_zeros(&u) || h.acl_len + h.default_acl_len > HEADER_NS_ACLS ||
		(h.kind != NS_PUBLIC && h.kind != NS_PRIVATE))
		return -EBADMSG;
	*ret_h = h;
	return 0;
}
