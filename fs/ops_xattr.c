/* SPDX-License-Identifier: MIT */
/*
 * ops_xattr: extended attributes. POSIX ACLs, and what a secret says of itself:
 *
 *     user.secretfs.id           a UUID for life                     user.secretfs.version   counts
 * commits user.secretfs.created      RFC 3339 user.secretfs.expires      RFC 3339, or seconds since
 * 1970; settable by the owner and root, as is user.secretfs.description  UTF-8, up to 1,024 bytes
 *
 * Only what can be set is listed, so that programs that copy attributes do not try to set the
 * others.
 */
#include "ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>

#include "acl.h"
#include "gone.h"
#include "name.h"
#include "trail.h"
#include "view.h"

#define XATTR_ACCESS  "system.posix_acl_access"
#define XATTR_DEFAULT "system.posix_acl_default"
#define XATTR_PREFIX  "user.secretfs."
#define NSEC          1000000000ll

/* ---- the ACLs of a node ---- */

static void acls_copy(struct ops_acls *acls, uint32_t mode, const uint8_t *access,
	uint16_t access_len, const uint8_t *dflt, uint16_t dflt_len)
{
	acls->mode = mode;
	acls->access_len = access_len;
	acls->dflt_len = dflt_len;
	if (access_len)
		memcpy(acls->access, access, access_len);
	if (dflt_len)
		memcpy(acls->dflt, dflt, dflt_len);
}

static int acls_of_secret(const struct node *node, const struct manifest *m, struct ops_acls *acls)
{
	if (node->kind == NODE_SECRET) {
		acls_copy(acls, m->mode, m->acl, m->acl_len, m->default_acl, m->default_acl_len);
		return 0;
	}
	if (node->kind == NODE_JSON || node->kind == NODE_ENV) {
		acls->mode = view_mode(m, acls->access, &acls->access_len);
		return 0;
	}
	/* What is below .versions has modes of its own. */
	if (node->kind != NODE_KEY)
		return 0;
	const struct manifest_key *key = manifest_key_by_no(m, node->key_no);
	if (!key)
		return -ESTALE;
	acls_copy(acls, key->mode, key->acl, key->acl_len, NULL, 0);
	return 0;
}

static int acls_of_gone(fuse_req_t req, const struct node *node, struct ops_acls *acls)
{
	const struct store_secret *secret;
	const struct manifest_key *key;
	int r = gone_find(node, false, &secret, &key);

	if (r == 0)
		r = ops_secret_check(req, &secret->m);
	if (r == 0)
		acls_copy(acls, key->mode, key->acl, key->acl_len, NULL, 0);
	return r;
}

/* Reads the ACLs and checks that this caller may touch the node at all. */
int ops_acls_read(fuse_req_t req, const struct node *node, struct ops_acls *acls)
{
	const struct store_secret *secret;
	struct header_ns h;
	AUTO_SNAPSHOT begun = ops_begin();

	if (begun < 0)
		return begun;
	memset(acls, 0, sizeof(*acls));
	if (node->kind == NODE_PUBLIC) {
		int r = store_ns_get(ops_thread.reader, (struct store_ns){NS_PUBLIC, 0}, &h);
		if (r == 0)
			acls_copy(acls, h.mode, h.acl, h.acl_len, h.default_acl, h.default_acl_len);
		return r;
	}
	if (node->kind == NODE_PRIVATE)
		return ops_private_check(fuse_req_ctx(req)->uid, node->uid);
	if (!node->row)
		return 0;
	int r = ops_secret(req, node->row, &secret);
	if (r == 0)
		r = acls_of_secret(node, &secret->m, acls);
	return r == -ESTALE ? acls_of_gone(req, node, acls) : r;
}

/* Stores attributes of whatever the node is. */
int ops_attr_store(fuse_req_t req, const struct node *node, const struct store_attr *attr)
{
	struct store_touched touched;

	switch (node->kind) {
	case NODE_PUBLIC:
		return store_ns_attr_set(ops.store, (struct store_ns){NS_PUBLIC, 0}, attr);
	case NODE_PRIVATE:
		if (attr->set & ~(unsigned)(STORE_ATTR_ATIME | STORE_ATTR_MTIME))
			return -EPERM;
		return store_ns_attr_set(ops.store, (struct store_ns){NS_PRIVATE, node->uid}, attr);
	case NODE_SECRET:
	case NODE_KEY:
		return ops_stale(store_attr_set(ops.store, node->row, node->key_no,
			fuse_req_ctx(req)->uid, attr, &touched));
	default:
		return -EPERM;
	}
}

/* ---- xattrs ---- */

static int xattr_reply(fuse_req_t req, const void *value, size_t len, size_t size)
{
	if (size == 0)
		return fuse_reply_xattr(req, len);
	if (size < len)
		return fuse_reply_err(req, ERANGE);
	return fuse_reply_buf(req, value, len);
}

static bool xattr_is_acl(const char *name)
{
	return strcmp(name, XATTR_ACCESS) == 0 || strcmp(name, XATTR_DEFAULT) == 0;
}

/* ---- what a secret says of itself ---- */

enum own_xattr { OWN_ID, OWN_VERSION, OWN_CREATED, OWN_EXPIRES, OWN_DESCRIPTION, OWN_NONE };

static enum own_xattr own_xattr(const char *name)
{
	static const char *const names[] = {"id", "version", "created", "expires", "description"};

	if (strncmp(name, XATTR_PREFIX, sizeof(XATTR_PREFIX) - 1) != 0)
		return OWN_NONE;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name + sizeof(XATTR_PREFIX) - 1, names[i]) == 0)
			return (enum own_xattr)i;
	return OWN_NONE;
}

/* Room for the longest: a description. */
struct own_text {
	char text[MANIFEST_DESCRIPTION + 1];
	size_t len;
};

static void print_time(struct own_text *out, int64_t ns)
{
	time_t seconds = (time_t)(ns / NSEC);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	out->len = strftime(out->text, sizeof(out->text), "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void print_uuid(struct own_text *out, const uint8_t u[16])
{
	out->len = (size_t)snprintf(out->text, sizeof(out->text),
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		u[15]);
}

static int own_print(const struct manifest *m, enum own_xattr which, struct own_text *out)
{
	switch (which) {
	case OWN_ID:
		print_uuid(out, m->uuid);
		return 0;
	case OWN_VERSION:
		out->len = (size_t)snprintf(
			out->text, sizeof(out->text), "%llu", (unsigned long long)m->version);
		return 0;
	case OWN_CREATED:
		print_time(out, m->created);
		return 0;
	case OWN_EXPIRES:
		if (m->expires == 0)
			return -ENODATA;
		print_time(out, m->expires);
		return 0;
	case OWN_DESCRIPTION:
		if (m->description_len == 0)
			return -ENODATA;
		memcpy(out->text, m->description, m->description_len);
		out->len = m->description_len;
		return 0;
	default:
		return -ENODATA;
	}
}

static int own_get(
	fuse_req_t req, const struct node *node, enum own_xattr which, struct own_text *out)
{
	const struct store_secret *secret;
	AUTO_SNAPSHOT begun = ops_begin();

	if (begun < 0)
		return begun;
	if (node->kind != NODE_SECRET)
		return -ENODATA;
	int r = ops_secret(req, node->row, &secret);
	return r < 0 ? r : own_print(&secret->m, which, out);
}

/* Two digits at text, within limits; -1: not so. */
static int two_digits(const char *text, int low, int high)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return -1;
	int n = (text[0] - '0') * 10 + text[1] - '0';
	return n >= low && n <= high ? n : -1;
}

/* What is behind the seconds: Z, or the distance from UTC. */
static int parse_zone(const char *text, int *ret_seconds)
{
	if ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0') {
		*ret_seconds = 0;
		return 0;
	}
	if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 || text[3] != ':')
		return -EINVAL;
	int hours = two_digits(text + 1, 0, 23), minutes = two_digits(text + 4, 0, 59);
	if (hours < 0 || minutes < 0)
		return -EINVAL;
	*ret_seconds = (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
	return 0;
}

/* RFC 3339; a fraction of a second is read over. */
static int parse_rfc3339(const char *text, int64_t *ret_seconds)
{
	struct tm tm = {0}, check;
	int zone;

	if (strlen(text) < 20 || text[4] != '-' || text[7] != '-' || !strchr("Tt ", text[10]) ||
		text[13] != ':' || text[16] != ':')
		return -EINVAL;
	int century = two_digits(text, 19, 99), year = two_digits(text + 2, 0, 99);
	tm.tm_mon = two_digits(text + 5, 1, 12) - 1;
	tm.tm_mday = two_digits(text + 8, 1, 31);
	tm.tm_hour = two_digits(text + 11, 0, 23);
	tm.tm_min = two_digits(text + 14, 0, 59);
	tm.tm_sec = two_digits(text + 17, 0, 60);
	if (century < 0 || year < 0 || tm.tm_mon < 0 || tm.tm_mday < 0 || tm.tm_hour < 0 ||
		tm.tm_min < 0 || tm.tm_sec < 0)
		return -EINVAL;
	tm.tm_year = century * 100 + year - 1900;
	const char *rest = text + 19;
	if (*rest == '.') {
		size_t digits = strspn(rest + 1, "0123456789");
		if (digits == 0)
			return -EINVAL;
		rest += 1 + digits;
	}
	if (parse_zone(rest, &zone) < 0)
		return -EINVAL;
	check = tm;
	int64_t seconds = timegm(&check);
	/* The 31st of a shorter month has become another day. */
	if (check.tm_mday != tm.tm_mday && tm.tm_sec != 60)
		return -EINVAL;
	*ret_seconds = seconds - zone;
	return 0;
}

static int parse_expires(const char *value, size_t size, int64_t *ret_ns)
{
	char text[64], *end;
	int64_t seconds;

	if (size == 0 || size >= sizeof(text) || memchr(value, 0, size))
		return -EINVAL;
	memcpy(text, value, size);
	text[size] = '\0';
	if (strspn(text, "0123456789") == size) {
		errno = 0;
		seconds = strtoll(text, &end, 10);
		if (errno)
			return -EINVAL;
	} else if (parse_rfc3339(text, &seconds) < 0) {
		return -EINVAL;
	}
	/* 0 would mean never, and nanoseconds end in the year 2262. */
	if (seconds <= 0 || seconds > INT64_MAX / NSEC - 1)
		return -EINVAL;
	*ret_ns = seconds * NSEC;
	return 0;
}

/* size 0 and value NULL: it is removed. */
static int own_set(fuse_req_t req, const struct node *node, enum own_xattr which, const char *value,
	size_t size)
{
	struct store_attr attr = {0};
	int r = 0;

	if (which != OWN_EXPIRES && which != OWN_DESCRIPTION)
		return -EPERM;
	if (node->kind != NODE_SECRET)
		return -EOPNOTSUPP;
	{
		const struct store_secret *secret;
		AUTO_SNAPSHOT begun = ops_begin();
		r = begun < 0 ? begun : ops_secret(req, node->row, &secret);
		uint32_t uid = fuse_req_ctx(req)->uid;
		if (r == 0 && uid != 0 && uid != secret->m.uid)
			r = -EPERM;
	}
	if (r < 0)
		return r;
	if (which == OWN_EXPIRES) {
		attr.set = STORE_ATTR_EXPIRES;
		r = value ? parse_expires(value, size, &attr.expires) : 0;
	} else {
		attr.set = STORE_ATTR_DESCRIPTION;
		attr.description = value;
		attr.description_len = (uint16_t)size;
		if (size > MANIFEST_DESCRIPTION)
			r = -E2BIG;
		else if (size && (!name_utf8(value, size) || memchr(value, 0, size)))
			r = -EINVAL;
	}
	return r < 0 ? r : ops_attr_store(req, node, &attr);
}

/* setxattr's flags, which the kernel leaves to us. */
static int own_check_flags(fuse_req_t req, const struct node *node, enum own_xattr which, int flags)
{
	struct own_text text;

	if (!flags)
		return 0;
	int r = own_get(req, node, which, &text);
	if (r < 0 && r != -ENODATA)
		return r;
	if (r == 0 && flags & XATTR_CREATE)
		return -EEXIST;
	return r < 0 && flags & XATTR_REPLACE ? -ENODATA : 0;
}

/* ---- callbacks ---- */

static void getxattr_own(fuse_req_t req, const struct node *node, const char *name, size_t size)
{
	struct own_text text;
	int r = own_get(req, node, own_xattr(name), &text);

	if (r < 0)
		return ops_fail(req, r);
	xattr_reply(req, text.text, text.len, size);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct node node;
	struct ops_acls acls;

	if (!node_parse(ino, &node))
		return ops_fail(req, -ESTALE);
	if (!xattr_is_acl(name))
		return getxattr_own(req, &node, name, size);
	int r = ops_acls_read(req, &node, &acls);
	if (r < 0)
		return ops_fail(req, r);
	bool dflt = strcmp(name, XATTR_DEFAULT) == 0;
	uint16_t len = dflt ? acls.dflt_len : acls.access_len;
	if (len == 0)
		return ops_fail(req, -ENODATA);
	xattr_reply(req, dflt ? acls.dflt : acls.access, len, size);
}

struct xattr_names {
	char text[256];
	size_t len;
};

static void names_add(struct xattr_names *names, const char *name)
{
	size_t len = strlen(name) + 1;

	memcpy(names->text + names->len, name, len);
	names->len += len;
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct node node;
	struct ops_acls acls;
	struct own_text text;
	struct xattr_names names = {.len = 0};
	int r = node_parse(ino, &node) ? ops_acls_read(req, &node, &acls) : -ESTALE;

	if (r < 0)
		return ops_fail(req, r);
	if (acls.access_len)
		names_add(&names, XATTR_ACCESS);
	if (acls.dflt_len)
		names_add(&names, XATTR_DEFAULT);
	if (own_get(req, &node, OWN_EXPIRES, &text) == 0)
		names_add(&names, XATTR_PREFIX "expires");
	if (own_get(req, &node, OWN_DESCRIPTION, &text) == 0)
		names_add(&names, XATTR_PREFIX "description");
	xattr_reply(req, names.text, names.len, size);
}

static int acl_set_access(
	struct store_attr *attr, const struct ops_acls *acls, const uint8_t *acl, size_t len)
{
	attr->set = STORE_ATTR_ACL;
	if (len == 0)
		return 0;
	int r = acl_check(acl, len);
	if (r < 0)
		return r;
	attr->set |= STORE_ATTR_MODE;
	attr->mode = (acls->mode & ~0777u) | acl_mode(acl, len);
	if (!acl_is_mode(acl, len)) {
		attr->acl = acl;
		attr->acl_len = (uint16_t)len;
	}
	return 0;
}

static int acl_set_default(
	struct store_attr *attr, const struct node *node, const uint8_t *acl, size_t len)
{
	attr->set = STORE_ATTR_DEFAULT_ACL;
	if (node->kind == NODE_KEY)
		return len ? -EACCES : 0;
	if (len == 0)
		return 0;
	attr->default_acl = acl;
	attr->default_acl_len = (uint16_t)len;
	return acl_check(acl, len);
}

/* len 0 removes it. */
static int xattr_set_acl(
	fuse_req_t req, const struct node *node, const char *name, const uint8_t *acl, size_t len)
{
	struct ops_acls acls;
	struct store_attr attr = {0};
	int r = ops_acls_read(req, node, &acls);

	if (r < 0)
		return r;
	if (node->kind != NODE_PUBLIC && node->kind != NODE_SECRET && node->kind != NODE_KEY)
		return -EOPNOTSUPP;
	if (strcmp(name, XATTR_DEFAULT) == 0)
		r = acl_set_default(&attr, node, acl, len);
	else
		r = acl_set_access(&attr, &acls, acl, len);
	return r < 0 ? r : ops_attr_store(req, node, &attr);
}

/* value NULL: removexattr. */
static int xattr_change(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct node node;
	enum own_xattr which = own_xattr(name);

	if (!node_parse(ino, &node))
		return -ESTALE;
	/* An ACL is always there, if only as the mode, so flags say nothing of it. */
	if (xattr_is_acl(name))
		return xattr_set_acl(req, &node, name, (const uint8_t *)value, size);
	if (which == OWN_NONE)
		return value ? -EOPNOTSUPP : -ENODATA;
	int r = own_check_flags(req, &node, which, value ? flags : XATTR_REPLACE);
	return r < 0 ? r : own_set(req, &node, which, value, size);
}

/* The words of the audit log for what is changed. */
static const char *xattr_operation(const char *name)
{
	return own_xattr(name) == OWN_EXPIRES       ? "expiry"
	       : own_xattr(name) == OWN_DESCRIPTION ? "description"
						    : "permission";
}

static void xattr_end(fuse_req_t req, fuse_ino_t ino, const char *name, int r)
{
	if (r == 0)
		ops_changed(ino);
	trail_note_node(ino);
	if (xattr_is_acl(name))
		trail_note_permission(
			0, NULL, strcmp(name, XATTR_DEFAULT) == 0 ? "default" : "access");
	ops_fail(req, trail_done(req, xattr_operation(name), r));
}

void op_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	xattr_end(req, ino, name, xattr_change(req, ino, name, value, size, flags));
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	xattr_end(req, ino, name, xattr_change(req, ino, name, NULL, 0, 0));
}
