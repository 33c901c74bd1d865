/* SPDX-License-Identifier: MIT */
/* whole: reading everything. */
#include "whole.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 256

static const struct store_ns namespaces[] = {
	{NS_PUBLIC, 0}, {NS_PRIVATE, 0}, {NS_PRIVATE, 7}, {NS_PRIVATE, 8}};

static void print_hex(FILE *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", bytes[i]);
}

/* Long values by a sum: FNV-1a. */
static void print_value(FILE *out, const uint8_t *bytes, size_t len)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3;
	fprintf(out, " %zu:%016llx:", len, (unsigned long long)sum);
	print_hex(out, bytes, len < 16 ? len : 16);
}

static int print_key(
	FILE *out, struct store_reader *reader, uint64_t row, const struct manifest_key *key)
{
	AUTO_SECBUF value = SECBUF_INIT;
	int r = store_value(reader, row, key, SECMEM_SELF, &value);

	if (r < 0)
		return r;
	if (value.len != key->len || key->json_len != store_json_len(value.data, value.len) ||
		key->env_len != store_env_len(key->name, key->name_len, value.data, value.len))
		return -EBADMSG;
	fprintf(out, "  key %u %s %u:%u %o %lld %lld", key->no, key->name, key->uid, key->gid,
		key->mode, (long long)key->mtime, (long long)key->ctime);
	print_value(out, value.data, value.len);
	fprintf(out, " acl %u\n", key->acl_len);
	return 0;
}

static int print_manifest(FILE *out, struct store_reader *reader, const struct store_secret *secret)
{
	const struct manifest *m = &secret->m;
	int r = 0;

	fprintf(out,
		" version %llu (from %llu) %s in %u %u, %u:%u %o %lld %lld expires %lld \"%s\"\n",
		(unsigned long long)m->version, (unsigned long long)m->oldest, m->name, m->ns_kind,
		m->ns_uid, m->uid, m->gid, m->mode, (long long)m->mtime, (long long)m->ctime,
		(long long)m->expires, m->description);
	for (uint32_t i = 0; i < m->n && r == 0; i++)
		r = print_key(out, reader, secret->row, &m->keys[i]);
	return r;
}

/* The current version and all that are kept. */
static int print_secret(FILE *out, struct store_reader *reader, uint64_t row)
{
	const struct store_secret *secret;
	int r = store_secret_by_row(reader, row, &secret);

	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	uint64_t version = secret->m.version, oldest = secret->m.oldest;
	fprintf(out, "row %llu\n", (unsigned long long)row);
	for (uint64_t v = version; v >= oldest && r == 0; v--) {
		r = store_secret_version(reader, row, v, &secret);
		r = r < 0 ? (r == -ENOENT ? -EBADMSG : r) : print_manifest(out, reader, secret);
	}
	return r;
}

struct rows {
	uint64_t row[ROWS];
	size_t n;
};

static int add_row(void *arg, const struct store_secret *secret)
{
	struct rows *rows = arg;

	if (rows->n == ROWS)
		return -E2BIG;
	rows->row[rows->n++] = secret->row;
	return 0;
}

static int print_ns(FILE *out, struct store_reader *reader, struct store_ns ns)
{
	struct rows rows = {.n = 0};
	struct header_ns h;
	int r = store_ns_get(reader, ns, &h);

	if (r == 0)
		r = store_list(reader, ns, 0, add_row, &rows);
	if (r < 0)
		return r;
	fprintf(out, "namespace %u %u: %u:%u %o, secrets %llu, owned %llu, bytes %llu\n", ns.kind,
		ns.uid, h.owner, h.gid, h.mode, (unsigned long long)h.secrets,
		(unsigned long long)h.owned, (unsigned long long)h.bytes);
	for (size_t i = 0; i < rows.n && r == 0; i++)
		r = print_secret(out, reader, rows.row[i]);
	return r;
}

int whole_text(struct store_reader *reader, char **ret_text)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	int r = store_begin(reader);
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]) && r == 0; i++)
		r = print_ns(out, reader, namespaces[i]);
	store_end(reader);
	fclose(out);
	if (r < 0)
		free(text);
	else
		*ret_text = text;
	return r;
}

int whole_secret(struct store_reader *reader, struct store_ns ns, const char *name, char **ret_text)
{
	const struct store_secret *secret;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	int r = store_begin(reader);
	if (r == 0)
		r = store_secret_by_name(reader, ns, name, strlen(name), &secret);
	if (r == 0)
		r = print_secret(out, reader, secret->row);
	store_end(reader);
	fclose(out);
	if (r < 0 && r != -ENOENT) {
		free(text);
		return r;
	}
	*ret_text = text;
	return 0;
}
