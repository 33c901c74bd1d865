/* SPDX-License-Identifier: MIT */
/*
 * manifest: bytes <-> struct manifest, and its array of keys. The picture is in manifest.h.
 *
 * What is decoded authenticated before, but may come from a writer that went wrong: every length is
 * checked against its limit and against what is left. The array of keys is ordinary heap: it holds
 * pointers into the caller's secret memory and numbers, no secret.
 */
#include "manifest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "pack.h"

/* Bytes of the fixed fields, the NULs after names included. */
#define HEAD_FIXED    (8 + 8 + 16 + 1 + 4 + 4 + 4 + 2 + 5 * 8 + 4 + 1 + 1 + 2 + 1 + 2 + 2 + 4)
#define HISTORY_FIXED (32 + 4)
#define KEY_FIXED     (4 + 4 + 4 + 2 + 3 * 8 + 8 + SEAL_KEY + 4 + 4 + 4 + 1 + 1 + 2)

/* Empties m but keeps the room for keys. */
static void reset(struct manifest *m)
{
	struct manifest_key *keys = m->keys;
	uint32_t cap = m->keys_cap;

	*m = (struct manifest){.keys = keys, .keys_cap = cap};
}

static int reserve(struct manifest *m, uint32_t n)
{
	uint32_t cap = m->keys_cap ? m->keys_cap : 16;
	struct manifest_key *keys;

	if (n <= m->keys_cap)
		return 0;
	while (cap < n)
		cap *= 2;
	keys = reallocarray(m->keys, cap, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	m->keys = keys;
	m->keys_cap = cap;
	return 0;
}

/* len bytes and a NUL. */
static const char *unpack_text(struct unpack *u, size_t len)
{
	const char *text = (const char *)unpack_bytes(u, len + 1);

	if (text && text[len] != '\0')
		u->bad = true;
	return text;
}

/* A name must not end before its length says so: it is also used as a C string. */
static const char *unpack_name(struct unpack *u, uint8_t *ret_len)
{
	uint8_t len = unpack_u8(u);
	const char *name = unpack_text(u, len);

	if (len == 0 || !name || memchr(name, '\0', len))
		u->bad = true;
	*ret_len = len;
	return name;
}

static const uint8_t *unpack_acl(struct unpack *u, uint16_t *ret_len)
{
	uint16_t len = unpack_u16(u);

	if (len > MANIFEST_ACL_MAX)
		u->bad = true;
	*ret_len = len;
	return unpack_bytes(u, len);
}

static void unpack_head(struct unpack *u, struct manifest *m)
{
	m->version = unpack_u64(u);
	m->oldest = unpack_u64(u);
	unpack_copy(u, m->uuid, sizeof(m->uuid));
	m->ns_kind = unpack_u8(u);
	m->ns_uid = unpack_u32(u);
	m->uid = unpack_u32(u);
	m->gid = unpack_u32(u);
	m->mode = unpack_u16(u);
	m->created = unpack_i64(u);
	m->atime = unpack_i64(u);
	m->mtime = unpack_i64(u);
	m->ctime = unpack_i64(u);
	m->expires = unpack_i64(u);
	m->next_key = unpack_u32(u);
	if (m->next_key == 0 || m->next_key > MANIFEST_KEY_NO_MAX + 1)
		u->bad = true;
	m->name = unpack_name(u, &m->name_len);
	m->description_len = unpack_u16(u);
	if (m->description_len > MANIFEST_DESCRIPTION)
		u->bad = true;
	m->description = unpack_text(u, m->description_len);
	m->acl = unpack_acl(u, &m->acl_len);
	m->default_acl = unpack_acl(u, &m->default_acl_len);
}

static void unpack_key(struct unpack *u, struct manifest_key *key)
{
	key->no = unpack_u32(u);
	key->uid = unpack_u32(u);
	key->gid = unpack_u32(u);
	key->mode = unpack_u16(u);
	key->atime = unpack_i64(u);
	key->mtime = unpack_i64(u);
	key->ctime = unpack_i64(u);
	key->value_id = unpack_u64(u);
	key->value_key = unpack_bytes(u, SEAL_KEY);
	key->len = unpack_u32(u);
	key->json_len = unpack_u32(u);
	key->env_len = unpack_u32(u);
	key->name = unpack_name(u, &key->name_len);
	key->acl = unpack_acl(u, &key->acl_len);
}

static int unpack_keys(struct unpack *u, struct manifest *m)
{
	uint32_t n = unpack_u32(u);
	uint32_t above = 0;
	int r;

	if (u->bad || n > MANIFEST_KEYS_MAX || n > u->left / KEY_FIXED)
		return -EBADMSG;
	r = reserve(m, n);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		struct manifest_key *key = &m->keys[i];

		unpack_key(u, key);
		if (u->bad || key->no <= above || key->no >= m->next_key)
			return -EBADMSG;
		above = key->no;
	}
	m->n = n;
	return 0;
}

static size_t padded(size_t n)
{
	return seal_padme(n > MANIFEST_MIN ? n : MANIFEST_MIN);
}

static void unpack_history(struct unpack *u, struct manifest_history *history)
{
	for (size_t i = 0; i < 4; i++)
		history->sum.lane[i] = unpack_u64(u);
	history->n = unpack_u32(u);
}

int manifest_decode(struct manifest *m, enum manifest_form form, const uint8_t *bytes, size_t len)
{
	struct unpack u = {bytes, len, false};
	int r;

	reset(m);
	unpack_head(&u, m);
	r = unpack_keys(&u, m);
	if (r == 0 && form == MANIFEST_CURRENT)
		unpack_history(&u, &m->history);
	if (r == 0 && (!unpack_zeros(&u) || len != padded(len - u.left)))
		r = -EBADMSG;
	if (r < 0)
		reset(m);
	return r;
}

static size_t encoded_len(const struct manifest *m, enum manifest_form form)
{
	size_t n = HEAD_FIXED + (size_t)m->name_len + m->description_len + m->acl_len +
		   m->default_acl_len;

	for (uint32_t i = 0; i < m->n; i++)
		n += KEY_FIXED + (size_t)m->keys[i].name_len + m->keys[i].acl_len;
	return form == MANIFEST_CURRENT ? n + HISTORY_FIXED : n;
}

size_t manifest_size(const struct manifest *m, enum manifest_form form)
{
	return padded(encoded_len(m, form));
}

static void pack_text(struct pack *p, const char *text, size_t len)
{
	pack_bytes(p, text, len);
	pack_u8(p, 0);
}

static void pack_acl(struct pack *p, const uint8_t *acl, uint16_t len)
{
	pack_u16(p, len);
	pack_bytes(p, acl, len);
}

static void pack_head(struct pack *p, const struct manifest *m)
{
	pack_u64(p, m->version);
	pack_u64(p, m->oldest);
	pack_bytes(p, m->uuid, sizeof(m->uuid));
	pack_u8(p, m->ns_kind);
	pack_u32(p, m->ns_uid);
	pack_u32(p, m->uid);
	pack_u32(p, m->gid);
	pack_u16(p, (uint16_t)m->mode);
	pack_i64(p, m->created);
	pack_i64(p, m->atime);
	pack_i64(p, m->mtime);
	pack_i64(p, m->ctime);
	pack_i64(p, m->expires);
	pack_u32(p, m->next_key);
	pack_u8(p, m->name_len);
	pack_text(p, m->name, m->name_len);
	pack_u16(p, m->description_len);
	pack_text(p, m->description, m->description_len);
	pack_acl(p, m->acl, m->acl_len);
	pack_acl(p, m->default_acl, m->default_acl_len);
}

static void pack_key(struct pack *p, const struct manifest_key *key)
{
	static const uint8_t none[SEAL_KEY];

	pack_u32(p, key->no);
	pack_u32(p, key->uid);
	pack_u32(p, key->gid);
	pack_u16(p, (uint16_t)key->mode);
	pack_i64(p, key->atime);
	pack_i64(p, key->mtime);
	pack_i64(p, key->ctime);
	pack_u64(p, key->value_id);
	/* A key that was never written has no value key yet. */
	pack_bytes(p, key->value_key ? key->value_key : none, SEAL_KEY);
	pack_u32(p, key->len);
	pack_u32(p, key->json_len);
	pack_u32(p, key->env_len);
	pack_u8(p, key->name_len);
	pack_text(p, key->name, key->name_len);
	pack_acl(p, key->acl, key->acl_len);
}

static void pack_history(struct pack *p, const struct manifest_history *history)
{
	for (size_t i = 0; i < 4; i++)
		pack_u64(p, history->sum.lane[i]);
	pack_u32(p, history->n);
}

void manifest_encode(const struct manifest *m, enum manifest_form form, uint8_t *bytes)
{
	struct pack p = {bytes};
	size_t n = encoded_len(m, form);

	pack_head(&p, m);
	pack_u32(&p, m->n);
	for (uint32_t i = 0; i < m->n; i++)
		pack_key(&p, &m->keys[i]);
	if (form == MANIFEST_CURRENT)
		pack_history(&p, &m->history);
	assert(p.at == bytes + n);
	memset(bytes + n, 0, padded(n) - n);
}

struct manifest_key *manifest_key_by_no(const struct manifest *m, uint32_t no)
{
	uint32_t low = 0;
	uint32_t high = m->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (m->keys[mid].no < no)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->n && m->keys[low].no == no ? &m->keys[low] : NULL;
}

struct manifest_key *manifest_key_by_name(const struct manifest *m, const char *name, size_t len)
{
	for (uint32_t i = 0; i < m->n; i++) {
		struct manifest_key *key = &m->keys[i];

		if (key->name_len == len && len > 0 && memcmp(key->name, name, len) == 0 &&
			!manifest_key_taken(key))
			return key;
	}
	return NULL;
}

int manifest_key_add(struct manifest *m, struct manifest_key **ret_key)
{
	struct manifest_key *key;
	int r;

	if (m->n >= MANIFEST_KEYS_MAX)
		return -EDQUOT;
	if (m->next_key > MANIFEST_KEY_NO_MAX)
		return -ENOSPC;
	r = reserve(m, m->n + 1);
	if (r < 0)
		return r;
	key = &m->keys[m->n++];
	*key = (struct manifest_key){.no = m->next_key++};
	*ret_key = key;
	return 0;
}

void manifest_key_remove(struct manifest *m, struct manifest_key *key)
{
	size_t after = (size_t)(&m->keys[m->n] - key) - 1;

	memmove(key, key + 1, after * sizeof(*key));
	m->n--;
}

static const char taken[] = "/";

void manifest_key_take(struct manifest_key *key)
{
	static const uint8_t no_key[SEAL_KEY];

	*key = (struct manifest_key){
		.no = key->no, .value_key = no_key, .name = taken, .name_len = sizeof(taken) - 1};
}

bool manifest_key_taken(const struct manifest_key *key)
{
	return key->name_len == sizeof(taken) - 1 && key->name[0] == taken[0];
}

void manifest_clear(struct manifest *m)
{
	free(m->keys);
	*m = (struct manifest){0};
}
