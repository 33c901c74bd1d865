/* SPDX-License-Identifier: MIT */
/*
 * fuzz_session: the stream of requests that the kernel writes to /dev/fuse, served one after
 * another by libfuse and the real callbacks on a real store; replies are caught where they would be
 * written to the device.
 *
 * An input is a sequence of actions (see actions): a byte that chooses one, a byte that says who
 * asks, then the fields of the request. Nodes and handles are named by where they came up in
 * earlier replies, so that most requests mean something; any number can be said too, and so can any
 * bytes ("raw"). Besides requests there are: time passes, the worker dies and another one goes on,
 * a caller is interrupted before he sees his reply.
 *
 * What must hold: every request gets exactly one reply that fits it (some none); no reply but the
 * owner's has what the canary, a private secret of a user who never asks, holds; only one kind of
 * notification is sent; no bucket is damaged; at the end nothing is open, and locked memory is
 * back.
 *
 * FUZZ_TRACE=1 in the environment prints what is asked and answered.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "handle.h"
#include "later.h"
#include "ops.h"
#include "place.h"
#include "request.h"
#include "slots.h"
#include "view.h"

#define BUFFER       SLOTS_BYTES
#define NODES        64
#define OPENS        64
#define PENDING      512
#define LATER        64
#define INPUTS_RESET 2000 /* then the store is made anew: rows of namespaces are never removed */
#define AWAY         4242 /* the canary's owner */

static uint8_t canary[13]; /* letters, another one each time */
static const uint32_t uids[] = {0, 1000, 1001, 1002, 65534, 61184, 1000, 0};

static struct place place;
static struct config config;
static struct boot_state boot = {.generation = 1, .mounted_at = 1700000000, .supervisor_pid = 2};
static struct slots slots;
static uint64_t canary_row;
static size_t baseline; /* locked bytes when nothing is open */
static bool trace;

/* ---- of one input ---- */

struct open_ref {
	uint64_t node;
	uint64_t fh;
	bool forged; /* nobody opened it, but a READ took it for an earlier worker's */
};

struct request_ref {
	uint64_t unique;
	uint64_t node;
	uint64_t fh;
	uint32_t opcode;
	uint32_t uid;
	uint32_t size; /* the longest answer that was asked for */
	unsigned replies;
	bool silent; /* may stay unanswered */
};

static struct {
	uint64_t nodes[NODES];
	unsigned nnodes;
	struct open_ref opens[OPENS];
	unsigned nopens;
	struct request_ref pending[PENDING];
	unsigned npending;
	bool interrupted; /* the next reply finds nobody */
	bool no_memory;   /* for the next later_add */
} now;

static uint64_t unique = 2;

/* ---- later, without its thread ---- */

static struct {
	void (*run)(void *arg);
	void *arg;
} later[LATER];
static unsigned nlater;

int __wrap_later_add(unsigned delay_ms, void (*run)(void *arg), void *arg);

int __wrap_later_add(unsigned delay_ms, void (*run)(void *arg), void *arg)
{
	(void)delay_ms;
	if (now.no_memory || nlater == LATER) {
		now.no_memory = false;
		return -ENOMEM;
	}
	later[nlater].run = run;
	later[nlater++].arg = arg;
	return 0;
}

/* Time passes: all that is waiting by now. */
static void later_run(void)
{
	unsigned n = nlater;

	for (unsigned i = 0; i < n; i++)
		later[i].run(later[i].arg);
	nlater -= n;
	memmove(later, later + n, nlater * sizeof(later[0]));
}

/* ---- replies ---- */

static void know_node(uint64_t node)
{
	for (unsigned i = 0; i < now.nnodes; i++)
		if (now.nodes[i] == node)
			return;
	if (now.nnodes < NODES)
		now.nodes[now.nnodes++] = node;
	else
		now.nodes[16 + node % (NODES - 16)] = node;
}

static bool is_open(uint64_t node, uint64_t fh)
{
	for (unsigned i = 0; i < now.nopens; i++)
		if (now.opens[i].node == node && now.opens[i].fh == fh && !now.opens[i].forged)
			return true;
	return false;
}

/* A worker keeps such a handle until it is released. */
static void note_forged(const struct request_ref *request)
{
	struct handle *handle = handle_find(request->fh, request->node);

	if (!handle)
		return;
	handle_release(handle);
	for (unsigned i = 0; i < now.nopens; i++)
		if (now.opens[i].node == request->node && now.opens[i].fh == request->fh)
			return;
	must(now.nopens < OPENS);
	now.opens[now.nopens++] =
		(struct open_ref){.node = request->node, .fh = request->fh, .forged = true};
}

static struct request_ref *find_request(uint64_t id)
{
	for (unsigned i = now.npending; i > 0; i--)
		if (now.pending[i - 1].unique == id)
			return &now.pending[i - 1];
	return NULL;
}

static void check_attr(const struct fuse_attr *attr)
{
	must(attr->ino != 0);
	must(S_ISREG(attr->mode) || S_ISDIR(attr->mode) || S_ISLNK(attr->mode));
	must(attr->atimensec < 1000000000 && attr->mtimensec < 1000000000 &&
		attr->ctimensec < 1000000000);
	must(!(attr->mode & (S_ISUID | S_ISGID)));
}

static void check_entry(const struct fuse_entry_out *entry)
{
	/* ENOENT is never cached, and no name leads to the root. */
	must(entry->nodeid != 0 && entry->nodeid != FUSE_ROOT_ID);
	check_attr(&entry->attr);
	know_node(entry->nodeid);
}

static void check_dir(const uint8_t *bytes, size_t len, bool plus)
{
	while (len > 0) {
		const struct fuse_direntplus *p = (const void *)bytes;
		const struct fuse_dirent *d = plus ? &p->dirent : (const void *)bytes;
		size_t head = plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
		must(len >= head && d->namelen > 0 && d->namelen <= 255);
		size_t entry = FUSE_DIRENT_ALIGN(head + d->namelen);
		must(entry <= len && !memchr(d->name, '/', d->namelen));
		if (plus && p->entry_out.nodeid)
			check_entry(&p->entry_out);
		bytes += entry;
		len -= entry;
	}
}

static void check_open(const struct request_ref *request, uint64_t node, uint64_t fh)
{
	if (request->opcode == FUSE_OPENDIR)
		return;
	must(now.nopens < OPENS);
	now.opens[now.nopens++] = (struct open_ref){.node = node, .fh = fh};
}

static void check_payload(const struct request_ref *request, const uint8_t *bytes, size_t len)
{
	switch (request->opcode) {
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
		must(len == sizeof(struct fuse_entry_out));
		check_entry((const void *)bytes);
		break;
	case FUSE_CREATE:
		must(len == sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out));
		check_entry((const void *)bytes);
		check_open(request, ((const struct fuse_entry_out *)(const void *)bytes)->nodeid,
			((const struct fuse_open_out *)(const void
					 *)(bytes + sizeof(struct fuse_entry_out)))
				->fh);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		must(len == sizeof(struct fuse_attr_out));
		check_attr(&((const struct fuse_attr_out *)(const void *)bytes)->attr);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		must(len == sizeof(struct fuse_open_out));
		check_open(request, request->node,
			((const struct fuse_open_out *)(const void *)bytes)->fh);
		break;
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		must(len <= request->size);
		check_dir(bytes, len, request->opcode == FUSE_READDIRPLUS);
		break;
	case FUSE_READ:
		must(len <= request->size);
		break;
	case FUSE_WRITE:
		must(len == sizeof(struct fuse_write_out));
		break;
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		if (request->size == 0)
			must(len == sizeof(struct fuse_getxattr_out));
		else
			must(len <= request->size);
		break;
	case FUSE_READLINK:
		must(len > 0 && len < 4096);
		break;
	case FUSE_STATFS:
		must(len == sizeof(struct fuse_statfs_out));
		break;
	case FUSE_LSEEK:
	case FUSE_POLL:
	case FUSE_BMAP:
	case FUSE_IOCTL:
	case FUSE_GETLK:
		must(len <= 4096);
		break;
	default:
		must(len == 0);
	}
}

/* Not by memcmp, which libFuzzer watches: it would learn the canary, and write it itself. */
static bool is_canary(const uint8_t *bytes)
{
	uint8_t differ = 0;

	for (size_t i = 0; i < sizeof(canary); i++)
		differ |= bytes[i] ^ canary[i];
	return differ == 0;
}

/* Nobody but the owner sees the canary, unless he was handed the descriptor, which only the kernel
 * can do: a READ through a handle that nobody opened stands for that. */
static void check_canary(const struct request_ref *request, const uint8_t *bytes, size_t len)
{
	if (request->opcode == FUSE_READ && !is_open(request->node, request->fh))
		return;
	for (size_t at = 0; at + sizeof(canary) <= len; at++)
		must(!is_canary(bytes + at));
}

static void check_error(const struct request_ref *request, int err)
{
	/* What the store says inwardly is not for the kernel. */
	must(err > 0 && err < 512);
	must(err != EBADMSG && err != EPROTO && err != EBUSY && err != EKEYREJECTED);
	must(err != EAGAIN || request->opcode == FUSE_INTERRUPT);
}

static void check_reply(const struct fuse_out_header *out, const uint8_t *bytes, size_t len)
{
	struct request_ref *request = find_request(out->unique);

	must(request);
	request->replies++;
	must(request->replies == 1);
	if (trace)
		fprintf(stderr, "  -> %llu: %d, %zu bytes\n", (unsigned long long)out->unique,
			out->error, len);
	if (out->error) {
		must(len == 0);
		check_error(request, -out->error);
		return;
	}
	check_canary(request, bytes, len);
	if (now.interrupted)
		return;
	check_payload(request, bytes, len);
}

static ssize_t catch_reply(int fd, struct iovec *iov, int count, void *userdata)
{
	static uint8_t whole[BUFFER + 1024];
	size_t len = 0;

	(void)fd;
	(void)userdata;
	for (int i = 0; i < count; i++) {
		must(len + iov[i].iov_len <= sizeof(whole));
		if (iov[i].iov_len)
			memcpy(whole + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	const struct fuse_out_header *out = (const void *)whole;
	must(len >= sizeof(*out) && out->len == len);
	if (out->unique == 0) {
		const struct fuse_notify_inval_inode_out *inval = (const void *)(out + 1);
		must(out->error == FUSE_NOTIFY_INVAL_INODE && inval->off == -1 && inval->len == 0);
	} else {
		check_reply(out, whole + sizeof(*out), len - sizeof(*out));
	}
	if (now.interrupted) {
		now.interrupted = false;
		errno = ENOENT;
		return -1;
	}
	return (ssize_t)len;
}

static ssize_t no_read(int fd, void *buf, size_t len, void *userdata)
{
	(void)fd;
	(void)buf;
	(void)len;
	(void)userdata;
	return 0;
}

/* ---- requests ---- */

struct maker {
	struct fuse_in_header *header;
	uint8_t *bytes;
	size_t len;
	size_t size_at; /* where the length of the data goes; 0: nowhere */
	struct request_ref *ref;
};

static void put(struct maker *m, const void *bytes, size_t n)
{
	if (n > BUFFER - m->len)
		n = BUFFER - m->len;
	if (n)
		memcpy(m->bytes + m->len, bytes, n);
	m->len += n;
}

static void put64(struct maker *m, uint64_t v)
{
	put(m, &v, 8);
}

static void put32(struct maker *m, uint32_t v)
{
	put(m, &v, 4);
}

static uint64_t take_node(struct fuzz_in *in)
{
	uint8_t b = fuzz_u8(in);

	return b < 0xf0 ? now.nodes[b % now.nnodes] : fuzz_uint(in, 8);
}

/* A handle that was given out, and with it its node if that was not chosen otherwise. */
static uint64_t take_fh(struct maker *m, struct fuzz_in *in)
{
	uint8_t b = fuzz_u8(in);

	if (b >= 0xf0 || now.nopens == 0)
		return b >= 0xf0 ? fuzz_uint(in, 8) : 0;
	const struct open_ref *open = &now.opens[b % now.nopens];
	if (b < 0xc0)
		m->header->nodeid = open->node;
	return open->fh;
}

static uint64_t take_number(struct fuzz_in *in)
{
	static const uint64_t some[] = {0, 1, 2, 3, 7, 64, 511, 512, 4096, 8191, 8192, 8193, 65535,
		65536, 131072, 1 << 20, (1 << 20) + 1, INT32_MAX, UINT32_MAX, 1ull << 32,
		1ull << 52, INT64_MAX, 1ull << 63, UINT64_MAX};
	uint8_t b = fuzz_u8(in);

	if (b < 0x80)
		return b;
	if (b < 0xe0)
		return some[b % (sizeof(some) / sizeof(some[0]))];
	return fuzz_uint(in, b & 7u ? (b & 7u) + 1 : 8);
}

static void put_name(struct maker *m, struct fuzz_in *in, const char *const *names, size_t n)
{
	uint8_t b = fuzz_u8(in);
	size_t len;

	if (b < 0xe0) {
		const char *name = names[b % n];
		put(m, name, strlen(name) + 1);
		return;
	}
	const uint8_t *bytes = fuzz_bytes(in, fuzz_u8(in) + (b == 0xff ? 64u : 0), &len);
	for (size_t i = 0; i < len; i++)
		put(m, bytes[i] ? (const char *)&bytes[i] : "x", 1);
	put(m, "", 1);
}

static void put_any_name(struct maker *m, struct fuzz_in *in)
{
	static const char *const names[] = {"a", "b", "c", "k", "user", "password", ".json", ".env",
		".versions", "1", "2", "3", "public", "private", ".private", "by-name", ".by-name",
		".secretfs", "status", "0", "1000", "1001", "4242", "canary", ".", "..", ".hidden",
		"\xc3\xa4", "\xff", "a/b", ""};

	put_name(m, in, names, sizeof(names) / sizeof(names[0]));
}

static void put_xattr_name(struct maker *m, struct fuzz_in *in)
{
	static const char *const names[] = {"system.posix_acl_access", "system.posix_acl_default",
		"user.secretfs.expires", "user.secretfs.description", "user.secretfs.id",
		"user.secretfs.version", "user.secretfs.created", "user.x", "security.selinux", ""};

	put_name(m, in, names, sizeof(names) / sizeof(names[0]));
}

/* Data of a WRITE or SETXATTR. */
static void put_data(struct maker *m, struct fuzz_in *in)
{
	static const struct {
		const char *bytes;
		size_t len;
	} some[] = {
#define DATA(text) {text, sizeof(text) - 1}
		DATA("{\"user\": \"u\", \"password\": \"p\\u0000\"}"),
		DATA("{\"a\": null, \"b\": {\"base64\": \"/w==\"}}"),
		DATA("{\"a\": \"1\"}\n"),
		DATA("{"),
		DATA("A=1\nB=\"x y\"\n# c\nexport C='z'\n"),
		DATA("2030-01-01T00:00:00Z"),
		DATA("1"),
		DATA("1999999999"),
		/* user::rw-, user:1000:rw-, group::r--, mask::rw-, other::--- */
		DATA("\2\0\0\0\1\0\6\0\377\377\377\377\2\0\6\0\350\3\0\0\4\0\4\0\377\377\377\377"
		     "\20\0\6\0\377\377\377\377 \0\0\0\377\377\377\377"),
		DATA("\2\0\0\0\1\0\7\0\377\377\377\377\4\0\5\0\377\377\377\377 "
		     "\0\5\0\377\377\377\377"),
#undef DATA
	};
	uint8_t b = fuzz_u8(in);
	size_t start = m->len, len;

	if (b < 0x40) {
		const uint8_t *bytes = fuzz_bytes(in, b, &len);
		put(m, bytes, len);
	} else if (b < 0xe0) {
		size_t i = b % (sizeof(some) / sizeof(some[0]));
		put(m, some[i].bytes, some[i].len);
	} else {
		uint8_t byte = fuzz_u8(in);
		for (uint64_t n = (uint64_t)fuzz_u8(in) << (b & 15u); n > 0 && m->len < BUFFER; n--)
			put(m, &byte, 1);
	}
	uint32_t size = (uint32_t)(m->len - start);
	if (m->size_at)
		memcpy(m->bytes + m->size_at, &size, sizeof(size));
}

static uint32_t take_flags(struct fuzz_in *in)
{
	static const uint32_t some[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC,
		O_RDWR | O_TRUNC, O_WRONLY | O_APPEND, O_RDWR | O_APPEND | O_TRUNC,
		O_RDONLY | O_TRUNC, O_RDWR | O_APPEND, O_WRONLY | O_EXCL, O_ACCMODE};
	uint8_t b = fuzz_u8(in);

	return b < 0xf0 ? some[b % (sizeof(some) / sizeof(some[0]))] : (uint32_t)fuzz_uint(in, 4);
}

static uint32_t take_mode(struct fuzz_in *in)
{
	static const uint32_t some[] = {0600, 0644, 0755, 0700, 0, 07777, 0666, 01777};
	uint8_t b = fuzz_u8(in);

	return b < 0xf0 ? (b & 0x80 ? 0u : S_IFREG) | some[b % 8] : (uint32_t)fuzz_uint(in, 4);
}

static uint64_t take_time(struct fuzz_in *in)
{
	uint8_t b = fuzz_u8(in);

	return b < 0xe0 ? 1700000000u + b : fuzz_uint(in, 8);
}

/* One field of a request for each letter. */
static void put_field(struct maker *m, struct fuzz_in *in, char field)
{
	uint64_t v;

	switch (field) {
	case 'F': /* handle */
		m->ref->fh = take_fh(m, in);
		put64(m, m->ref->fh);
		break;
	case 'N':
		put64(m, take_node(in));
		break;
	case 'o': /* offset, size of a file, count */
		put64(m, take_number(in));
		break;
	case 'z': /* size of the answer; more than this the kernel has no room for */
		v = take_number(in);
		m->ref->size = (uint32_t)(v < BOOT_MAX_WRITE ? v : BOOT_MAX_WRITE);
		put32(m, m->ref->size);
		break;
	case 'Z': /* the same, of an xattr: any */
		m->ref->size = (uint32_t)take_number(in);
		put32(m, m->ref->size);
		break;
	case 'S': /* length of the data that follow */
		m->size_at = m->len;
		put32(m, 0);
		break;
	case 'L': /* lock owner */
		put64(m, fuzz_u8(in) & 3u);
		break;
	case 'f':
		put32(m, (uint32_t)take_number(in));
		break;
	case 'v': /* what SETATTR sets */
		put32(m, (uint32_t)fuzz_uint(in, 2));
		break;
	case 'O':
		put32(m, take_flags(in));
		break;
	case 'm':
		put32(m, take_mode(in));
		break;
	case 'k': /* umask */
		put32(m, fuzz_u8(in) & 1u ? 022 : 077);
		break;
	case 'u':
		put32(m, uids[fuzz_u8(in) % 8]);
		break;
	case 't':
		put64(m, take_time(in));
		break;
	case 'T': /* the kernel keeps nanoseconds below a second */
		put32(m, (uint32_t)take_number(in) % 1000000000);
		break;
	case 'U':
		put64(m, now.npending ? now.pending[fuzz_u8(in) % now.npending].unique
				      : take_number(in));
		break;
	case 'n':
		put_any_name(m, in);
		break;
	case 'x':
		put_xattr_name(m, in);
		break;
	case 'D':
		put_data(m, in);
		break;
	default: /* padding */
		put32(m, 0);
	}
}

/* The order is that of seeds.py. */
static const struct action {
	const char *name;
	uint32_t opcode; /* 0: not a request */
	const char *fields;
} actions[] = {
	{"lookup", FUSE_LOOKUP, "n"},
	{"getattr", FUSE_GETATTR, "f.F"},
	{"setattr", FUSE_SETATTR, "v.FoLtttTTTm.uu."},
	{"readlink", FUSE_READLINK, ""},
	{"symlink", FUSE_SYMLINK, "nn"},
	{"mknod", FUSE_MKNOD, "mfk.n"},
	{"mkdir", FUSE_MKDIR, "mkn"},
	{"unlink", FUSE_UNLINK, "n"},
	{"rmdir", FUSE_RMDIR, "n"},
	{"rename", FUSE_RENAME, "Nnn"},
	{"rename2", FUSE_RENAME2, "Nf.nn"},
	{"link", FUSE_LINK, "Nn"},
	{"open", FUSE_OPEN, "O."},
	{"read", FUSE_READ, "FozfLO."},
	{"write", FUSE_WRITE, "FoSfLO.D"},
	{"statfs", FUSE_STATFS, ""},
	{"release", FUSE_RELEASE, "FOfL"},
	{"fsync", FUSE_FSYNC, "Ff."},
	{"setxattr", FUSE_SETXATTR, "SfxD"},
	{"getxattr", FUSE_GETXATTR, "Z.x"},
	{"listxattr", FUSE_LISTXATTR, "Z."},
	{"removexattr", FUSE_REMOVEXATTR, "x"},
	{"flush", FUSE_FLUSH, "F..L"},
	{"opendir", FUSE_OPENDIR, "O."},
	{"readdir", FUSE_READDIR, "FozfLO."},
	{"readdirplus", FUSE_READDIRPLUS, "FozfLO."},
	{"releasedir", FUSE_RELEASEDIR, "FOfL"},
	{"fsyncdir", FUSE_FSYNCDIR, "Ff."},
	{"create", FUSE_CREATE, "Omk.n"},
	{"interrupt", FUSE_INTERRUPT, "U"},
	{"forget", FUSE_FORGET, "o"},
	{"batch_forget", FUSE_BATCH_FORGET, "..o"},
	{"access", FUSE_ACCESS, "f."},
	{"lseek", FUSE_LSEEK, "Fof."},
	{"ioctl", FUSE_IOCTL, "Ffff"},
	{"fallocate", FUSE_FALLOCATE, "Foof."},
	{"raw", 0, NULL},
	{"later", 0, NULL},
	{"restart", 0, NULL},
	{"interrupted", 0, NULL},
	{"no_memory", 0, NULL},
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

static struct request_ref *new_request(struct fuse_in_header *header)
{
	static struct request_ref nobody;
	struct request_ref *ref = now.npending < PENDING ? &now.pending[now.npending++] : &nobody;

	unique += 2;
	*ref = (struct request_ref){.unique = unique};
	header->unique = unique;
	return ref;
}

static bool needs_no_reply(uint32_t opcode)
{
	return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_NOTIFY_REPLY;
}

/* The request in the buffer; the worker's loop does the same. */
static void serve(struct maker *m)
{
	struct request_ref *ref = m->ref;

	ref->opcode = m->header->opcode;
	ref->node = m->header->nodeid;
	ref->uid = m->header->uid;
	ref->silent = ref->opcode == FUSE_INTERRUPT || needs_no_reply(ref->opcode);
	if (trace)
		fprintf(stderr, "%llu: opcode %u node %llx uid %u, %zu bytes\n",
			(unsigned long long)ref->unique, ref->opcode, (unsigned long long)ref->node,
			ref->uid, m->len);
	if (request_serve(0, m->len, false) < 0) {
		must(ref->replies == 0);
		ref->silent = true;
		slots_end(&slots, 0, 0);
	}
	if (needs_no_reply(ref->opcode))
		must(ref->replies == 0);
	if (ref->opcode == FUSE_READ)
		note_forged(ref);
}

static void begin(struct maker *m, struct fuzz_in *in)
{
	uint8_t who = fuzz_u8(in);

	*m = (struct maker){.header = slots_buffer(&slots, 0),
		.bytes = slots_buffer(&slots, 0),
		.len = sizeof(struct fuse_in_header)};
	m->ref = new_request(m->header);
	m->header->uid = uids[who & 7];
	m->header->gid = uids[who >> 3 & 7];
	m->header->pid = who & 0x40 ? (uint32_t)getpid() : 0;
	m->header->nodeid = take_node(in);
}

static void act_request(const struct action *action, struct fuzz_in *in)
{
	struct maker m;

	begin(&m, in);
	m.header->opcode = action->opcode;
	for (const char *field = action->fields; *field; field++)
		put_field(&m, in, *field);
	m.header->len = (uint32_t)m.len;
	serve(&m);
}

/* Any operation with any bytes; its length may be a lie. INIT and DESTROY are the supervisor's. */
static void act_raw(struct fuzz_in *in)
{
	struct maker m;
	size_t len;

	begin(&m, in);
	uint8_t b = fuzz_u8(in);
	m.header->opcode = b < 64 ? b : (uint32_t)fuzz_uint(in, 4);
	if (m.header->opcode == FUSE_DESTROY)
		m.header->opcode = FUSE_INIT;
	const uint8_t *bytes = fuzz_bytes(in, fuzz_u8(in), &len);
	put(&m, bytes, len);
	m.header->len = (uint32_t)m.len;
	if (b & 1 && fuzz_u8(in) == 0)
		m.header->len = (uint32_t)take_number(in);
	m.ref->size = UINT32_MAX;
	if (len >= sizeof(m.ref->fh))
		memcpy(&m.ref->fh, bytes, sizeof(m.ref->fh));
	serve(&m);
}

/* The worker dies: what it had open is gone; the next one is asked about the old handles. */
static void act_restart(void)
{
	for (unsigned i = 0; i < now.nopens; i++) {
		struct handle *handle = handle_find(now.opens[i].fh, now.opens[i].node);
		if (!handle)
			continue;
		handle_close(handle);
		handle_release(handle);
	}
	boot.generation++;
	handle_init(boot.generation);
}

static void act(struct fuzz_in *in)
{
	const struct action *action = &actions[fuzz_u8(in) % ACTIONS];

	if (trace)
		fprintf(stderr, "%s\n", action->name);
	if (action->opcode)
		act_request(action, in);
	else if (strcmp(action->name, "raw") == 0)
		act_raw(in);
	else if (strcmp(action->name, "later") == 0)
		later_run();
	else if (strcmp(action->name, "restart") == 0)
		act_restart();
	else if (strcmp(action->name, "interrupted") == 0)
		now.interrupted = true;
	else
		now.no_memory = true;
}

/* ---- the end of an input ---- */

/* A request of the harness's own: the kernel gives back what was opened. */
static void release(const struct open_ref *open)
{
	struct maker m = {.header = slots_buffer(&slots, 0),
		.bytes = slots_buffer(&slots, 0),
		.len = sizeof(struct fuse_in_header)};

	m.ref = new_request(m.header);
	m.header->uid = m.header->gid = m.header->pid = 0;
	m.header->opcode = FUSE_RELEASE;
	m.header->nodeid = open->node;
	put64(&m, open->fh);
	for (int i = 0; i < 4; i++)
		put32(&m, 0);
	m.header->len = (uint32_t)m.len;
	serve(&m);
}

/* libfuse answers an INTERRUPT that nobody knows with the next request. */
static void drain_interrupts(void)
{
	unsigned n = now.npending;

	for (unsigned i = 0; i < n; i++) {
		if (now.pending[i].opcode != FUSE_INTERRUPT || now.pending[i].replies)
			continue;
		struct maker m = {.header = slots_buffer(&slots, 0),
			.bytes = slots_buffer(&slots, 0),
			.len = sizeof(struct fuse_in_header)};
		m.ref = new_request(m.header);
		m.header->opcode = FUSE_STATFS;
		m.header->nodeid = FUSE_ROOT_ID;
		m.header->len = (uint32_t)m.len;
		serve(&m);
	}
}

static void check_replies(void)
{
	for (unsigned i = 0; i < now.npending; i++)
		must(now.pending[i].replies == 1 ||
			(now.pending[i].silent && now.pending[i].replies == 0));
}

struct doomed {
	uint64_t row;
	char name[256];
	bool keys;
};

static int visit(void *arg, const struct store_secret *secret)
{
	struct doomed *doomed = arg;

	if (secret->row == canary_row)
		return 0;
	doomed->row = secret->row;
	doomed->keys = secret->m.n > 0;
	strcpy(doomed->name, doomed->keys ? secret->m.keys[0].name : secret->m.name);
	return 1;
}

/* Takes away one secret, or one of its keys. */
static bool sweep_one(struct store_ns ns)
{
	struct doomed doomed = {0};
	struct store_touched touched;
	uint64_t row;

	must(store_begin(ops_thread.reader) == 0);
	must(store_list(ops_thread.reader, ns, 0, visit, &doomed) == 0);
	store_end(ops_thread.reader);
	if (!doomed.row)
		return false;
	if (doomed.keys)
		must(store_key_remove(ops.store, doomed.row, doomed.name, strlen(doomed.name),
			     ns.uid, &touched) == 0);
	else
		must(store_secret_remove(ops.store, ns, doomed.name, strlen(doomed.name), &row) ==
			0);
	return true;
}

static void sweep(void)
{
	const struct store_attr fresh = {.set = STORE_ATTR_UID | STORE_ATTR_GID | STORE_ATTR_MODE |
						STORE_ATTR_ACL | STORE_ATTR_DEFAULT_ACL,
		.mode = 01755};
	const struct store_ns public_ns = {NS_PUBLIC, 0};

	while (sweep_one(public_ns))
		;
	for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++)
		while (sweep_one((struct store_ns){NS_PRIVATE, uids[i]}))
			;
	must(store_ns_attr_set(ops.store, public_ns, &fresh) == 0);
}

static void check_whole(void)
{
	const struct store_secret *secret;
	AUTO_SECBUF value = SECBUF_INIT;
	const struct store_ns away = {NS_PRIVATE, AWAY};

	must(store_secret_count(ops.store) == 1);
	must(store_begin(ops_thread.reader) == 0);
	must(store_secret_by_name(ops_thread.reader, away, "canary", 6, &secret) == 0);
	must(secret->row == canary_row && secret->m.n == 1 && secret->m.uid == AWAY);
	must(store_value(ops_thread.reader, canary_row, &secret->m.keys[0], SECMEM_SELF, &value) ==
		0);
	must(value.len == sizeof(canary) && is_canary(value.data));
	store_end(ops_thread.reader);
}

static void check_memory(void)
{
	struct secmem_usage usage;

	must(handle_count() == 0);
	const void *left;
	for (unsigned i = 0; i < slots_places(&slots); i++)
		must(slots_request(&slots, i, &left) == 0);
	secmem_usage(&usage);
	/* Scratch of the reader and the writer stays as large as it was needed. */
	must(usage.used <= baseline + (512u << 10));
}

static void end(void)
{
	now.interrupted = now.no_memory = false;
	for (int i = 0; i < 8 && nlater; i++)
		later_run();
	must(nlater == 0);
	for (unsigned i = 0; i < now.nopens; i++)
		release(&now.opens[i]);
	drain_interrupts();
	check_replies();
	sweep();
	check_whole();
	check_memory();
}

/* ---- start ---- */

static void damaged(unsigned bucket)
{
	fprintf(stderr, "bucket %u is damaged\n", bucket);
	abort();
}

static void choose_canary(void)
{
	secmem_random(canary, sizeof(canary));
	for (size_t i = 0; i < sizeof(canary); i++)
		canary[i] = 'a' + canary[i] % 26; /* as it is in a view, too */
}

static void make_canary(void)
{
	const struct store_ns away = {NS_PRIVATE, AWAY};
	const struct store_new mine = {.uid = AWAY, .gid = AWAY, .mode = 0700};
	struct store_touched touched;

	must(store_secret_create(ops.store, away, "canary", 6, &mine, &canary_row) == 0);
	must(store_key_create(ops.store, canary_row, "k", 1, &mine, &touched) == 0);
	const struct store_put put_it = {.row = canary_row,
		.key_no = touched.key_no,
		.uid = AWAY,
		.bytes = canary,
		.len = sizeof(canary),
		.mtime = 1};
	must(store_put(ops.store, &put_it, &touched) == 0);
}

static void open_store(void)
{
	struct why why = {""};
	struct secmem_usage usage;

	ops.limits = (struct store_limits){.history = 2,
		.max_value = 8192,
		.max_keys = 6,
		.max_secrets = 8,
		.max_bytes = 64u << 10,
		.damaged = damaged};
	must(store_open(place.store, place.keys, &ops.limits, &ops.store, &why) == 0);
	store_journal(ops.store, 1, boot.generation);
	must(store_start(ops.store) == 0);
	must(ops_thread_begin() == 0);
	make_canary();
	check_whole();
	secmem_usage(&usage);
	baseline = usage.used;
}

static void close_store(void)
{
	ops_thread_end();
	store_close(ops.store);
	ops.store = NULL;
}

static void open_session(void)
{
	static const struct fuse_custom_io io = {.writev = catch_reply, .read = no_read};
	char *argv[] = {(char[]){"secretfs"}, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct {
		struct fuse_in_header header;
		struct fuse_init_in in;
	} init = {.header = {.len = sizeof(init), .opcode = FUSE_INIT, .unique = 2},
		.in = {.major = 7, .minor = 36, .max_readahead = 131072, .flags = 0x7fffffff}};
	struct fuse_buf request = {.mem = &init, .size = sizeof(init)};

	ops.session = fuse_session_new(&args, &ops_table, sizeof(ops_table), NULL);
	must(ops.session);
	fuse_opt_free_args(&args);
	must(fuse_session_custom_io(ops.session, &io, dup(0)) == 0);
	now.pending[0] = (struct request_ref){.unique = 2, .silent = true, .opcode = FUSE_POLL};
	now.npending = 1;
	fuse_session_process_buf(ops.session, &request);
	must(now.pending[0].replies == 1);
}

static void leave(void)
{
	fuse_session_destroy(ops.session);
	close_store();
	slots_unmap(&slots);
	place_remove(&place);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct why why = {""};

	(void)argc;
	(void)argv;
	trace = getenv("FUZZ_TRACE");
	must(secmem_init(64u << 20) == 0);
	choose_canary();
	must(place_make(&place) == 0);
	config_init(&config);
	strcpy(config.store, place.store);
	view_init();
	handle_init(boot.generation);
	int fd = slots_create(1);
	must(fd >= 0 && slots_map(fd, &slots, &why) == 0);
	close(fd);
	ops.config = &config;
	ops.boot = &boot;
	ops.slots = &slots;
	open_session();
	open_store();
	atexit(leave);
	return 0;
}

static void know_roots(void)
{
	static const struct node roots[] = {{.kind = NODE_ROOT}, {.kind = NODE_PUBLIC},
		{.kind = NODE_PRIVATE, .uid = 1000}, {.kind = NODE_PRIVATE, .uid = 0},
		{.kind = NODE_BY_NAME, .uid = 1000}, {.kind = NODE_DOT_PRIVATE},
		{.kind = NODE_PRIVATE, .uid = AWAY}, {.kind = NODE_DOT_BY_NAME},
		{.kind = NODE_STATUS_DIR}, {.kind = NODE_PRIVATE_LINK},
		{.kind = NODE_BY_NAME_LINK}};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		know_node(node_id(&roots[i]));
	know_node(node_secret(canary_row));
	know_node(node_key(canary_row, 1));
	know_node(node_id(&(struct node){.kind = NODE_JSON, .row = canary_row}));
	know_node(node_id(&(struct node){.kind = NODE_ENV, .row = canary_row}));
	know_node(node_id(&(struct node){.kind = NODE_VERSIONS, .row = canary_row}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned inputs;
	struct fuzz_in in = {data, size};

	if (++inputs % INPUTS_RESET == 0) {
		close_store();
		must(place_reset(&place) == 0);
		open_store();
	}
	memset(&now, 0, sizeof(now));
	know_roots();
	while (in.left > 0 && now.npending < PENDING / 2 - OPENS && now.nopens < OPENS)
		act(&in);
	end();
	return 0;
}
