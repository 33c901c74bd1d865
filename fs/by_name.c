/* SPDX-License-Identifier: MIT */
/* by_name: private before public, for the caller alone. */
#include "by_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "acl.h"
#include "config.h"
#include "ops.h"

#define GROUPS_MAX 1024

/* Offsets: private rows as they are, public ones above all of them. */
#define OFFSET_PUBLIC (1ll << 40)

static const struct store_ns public_ns = {NS_PUBLIC, 0};

/* What the caller may do in public/: its links must not tell names that the directory itself does
 * not. The kernel is not asked here, so owner, groups and ACL are looked at as it would. */
static int public_permits(fuse_req_t req, uint32_t wanted, bool *ret_permitted)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct header_ns h;
	gid_t groups[GROUPS_MAX + 1];
	int r = store_ns_get(ops_thread.reader, public_ns, &h);

	if (r < 0)
		return r;
	*ret_permitted =
		ctx->uid == 0 || (h.acl_len == 0 && (h.mode & wanted * 0111) == wanted * 0111);
	if (*ret_permitted)
		return 0;
	groups[0] = ctx->gid;
	int n = fuse_req_getgroups(req, GROUPS_MAX, groups + 1);
	if (n < 0 || n > GROUPS_MAX)
		n = 0; /* a caller that is gone, or in more groups than can be: he has his own */
	uint32_t bits = acl_permits(
		h.mode, h.acl, h.acl_len, h.owner, h.gid, ctx->uid, groups, (size_t)n + 1);
	*ret_permitted = (bits & wanted) == wanted;
	return 0;
}

static bool has_private(uint32_t uid)
{
	return config_private_allowed(ops.config, uid);
}

static int find(fuse_req_t req, uint32_t uid, const char *name, size_t len,
	const struct store_secret **ret_secret)
{
	bool permitted;

	if (has_private(uid)) {
		int r = store_secret_by_name(ops_thread.reader, (struct store_ns){NS_PRIVATE, uid},
			name, len, ret_secret);
		if (r != -ENOENT)
			return r;
	}
	int r = public_permits(req, 1, &permitted);
	if (r == 0 && !permitted)
		return -EACCES;
	return r < 0 ? r
		     : store_secret_by_name(ops_thread.reader, public_ns, name, len, ret_secret);
}

int by_name_lookup(fuse_req_t req, uint32_t uid, const char *name, struct node *ret_node)
{
	const struct store_secret *secret;

	if (fuse_req_ctx(req)->uid != uid)
		return -EACCES;
	int r = find(req, uid, name, strlen(name), &secret);
	if (r == 0)
		*ret_node = (struct node){.kind = NODE_BY_NAME_ENTRY, .row = secret->row};
	return r;
}

struct listing {
	uint32_t uid;
	by_name_visit visit;
	void *arg;
	bool full;
	/* Names in public that were found private: looked up with a reader of their own, while the
	 * list goes on. */
	struct store_reader *other;
};

static int visit_private(void *arg, const struct store_secret *secret)
{
	struct listing *list = arg;

	int r = list->visit(list->arg, secret, (off_t)secret->row);
	list->full = r == 1;
	return r;
}

static int visit_public(void *arg, const struct store_secret *secret)
{
	struct listing *list = arg;
	const struct store_secret *own;

	if (has_private(list->uid)) {
		int r = store_secret_by_name(list->other, (struct store_ns){NS_PRIVATE, list->uid},
			secret->m.name, secret->m.name_len, &own);
		if (r != -ENOENT)
			return r == 0 || r == -EBADMSG ? 0 : r;
	}
	return list->visit(list->arg, secret, OFFSET_PUBLIC + (off_t)secret->row);
}

int by_name_list(fuse_req_t req, uint32_t uid, off_t off, by_name_visit visit, void *arg)
{
	struct listing list = {.uid = uid, .visit = visit, .arg = arg};
	bool permitted;
	int r = 0;

	if (fuse_req_ctx(req)->uid != uid)
		return -EACCES;
	if (off < OFFSET_PUBLIC && has_private(uid)) {
		r = store_list(ops_thread.reader, (struct store_ns){NS_PRIVATE, uid}, (uint64_t)off,
			visit_private, &list);
		off = 0;
	}
	if (r < 0 || list.full)
		return r;
	r = public_permits(req, 4, &permitted);
	if (r < 0 || !permitted)
		return r;
	r = ops_other_reader(&list.other);
	if (r < 0)
		return r;
	r = store_begin(list.other);
	if (r == 0)
		r = store_list(ops_thread.reader, public_ns,
			off > OFFSET_PUBLIC ? (uint64_t)(off - OFFSET_PUBLIC) : 0, visit_public,
			&list);
	store_end(list.other);
	return r;
}

int by_name_target(const struct store_secret *secret, char *ret_target, size_t size)
{
	int n = snprintf(ret_target, size, "../../%s/%s",
		secret->m.ns_kind == NS_PRIVATE ? "private" : "public", secret->m.name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
