/* SPDX-License-Identifier: MIT */
/* trail: notes of what a request is about, refusals, and the lines made of them. */
#include "trail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "audit_log.h"
#include "audit_repeat.h"
#include "caller.h"
#include "flood.h"
#include "log.h"
#include "name.h"
#include "openings.h"
#include "ops.h"
#include "page.h"
#include "request.h"
#include "slots.h"
#include "stack.h"
#include "status.h"

#define NSEC      1000000000ll
#define SECOND_MS 1000

_Static_assert(SLOTS_MAX + SLOTS_PARKED <= AUDIT_PLACES, "each request has a place");

static struct {
	bool on;
	struct trail_settings settings;
	struct audit_page *page;
	/* The thread that does what can wait. */
	bool started;
	struct stack thread;
	int wake[2];                  /* a pipe */
	_Atomic int64_t asleep_until; /* ns of CLOCK_MONOTONIC */
	_Atomic bool rotated;
	_Atomic bool stopping;
	pthread_mutex_t serving; /* what was put aside */
	bool paused;             /* of the thread that pauses and stops */
	int (*begin)(void);
	void (*end)(void);
} audit = {.wake = {-1, -1}, .serving = PTHREAD_MUTEX_INITIALIZER};

struct note {
	bool any;
	bool has_id;
	uint8_t id[16];
	uint64_t value;  /* struct snapshot's id */
	uint64_t node;   /* or anything that tells it from others, for repeats */
	uint8_t ns_kind; /* 0: none */
	uint32_t ns_uid;
	uint32_t key_no;
	uint32_t version;
	const char *view;
	char name[NAME_MAX_BYTES + 1]; /* of the secret; empty: only its namespace is known */
	char key[NAME_MAX_BYTES + 1];
	bool has_to;
	bool exchange;
	uint8_t to_kind; /* 0: it is a key's name */
	uint32_t to_uid;
	char to[NAME_MAX_BYTES + 1];
	bool has_other;
	uint8_t other[16]; /* what stood at the target */
	int permission;    /* FUSE_SET_ATTR_* */
	uint32_t mode, owner, group;
	const char *acl;
};

static _Thread_local struct note note;
static _Thread_local struct told_again {
	uint64_t unique;
	unsigned left; /* lines that an earlier worker has written for it, and we have not met */
} replay;
static _Thread_local bool told; /* what ops_fail is about to say is in the log already */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NSEC + now.tv_nsec;
}

/* ---- notes ---- */

static void note_clear(void)
{
	/* The names are strings: their first byte is enough. */
	note.any = note.has_id = note.has_to = note.has_other = note.exchange = false;
	note.node = 0;
	note.ns_kind = note.to_kind = 0;
	note.key_no = note.version = 0;
	note.view = note.acl = NULL;
	note.name[0] = note.key[0] = note.to[0] = '\0';
	note.permission = 0;
}

static void note_text(char to[NAME_MAX_BYTES + 1], const char *name, size_t len)
{
	len = len < NAME_MAX_BYTES ? len : NAME_MAX_BYTES;
	memcpy(to, name, len);
	to[len] = '\0';
}

static void note_secret(const struct manifest *m)
{
	note.any = note.has_id = true;
	memcpy(note.id, m->uuid, sizeof(note.id));
	note.ns_kind = m->ns_kind;
	note.ns_uid = m->ns_uid;
	note_text(note.name, m->name, m->name_len);
}

static void note_key(const struct manifest_key *key)
{
	if (!key)
		return;
	note.key_no = key->no;
	note_text(note.key, key->name, key->name_len);
}

/* Views and versions; a key says itself. */
static void note_kind(const struct node *node)
{
	bool json = node->kind == NODE_JSON ||
		    (node->kind == NODE_VERSION && node->which == NODE_WHICH_JSON);
	bool env = node->kind == NODE_ENV ||
		   (node->kind == NODE_VERSION && node->which == NODE_WHICH_ENV);

	note.view = json ? ".json" : env ? ".env" : NULL;
	if (node->kind == NODE_VERSION)
		note.version = node->version;
}

void trail_note_snapshot(const struct snapshot *snapshot)
{
	if (!audit.on || !snapshot->secret)
		return;
	note_clear();
	note_secret(&snapshot->secret->m);
	note_key(snapshot->key);
	note_kind(&snapshot->node);
	note.node = node_id(&snapshot->node);
	note.value = snapshot->id;
}

static int other_begin(struct store_reader **ret_reader)
{
	int r = ops_other_reader(ret_reader);

	return r < 0 ? r : store_begin(*ret_reader);
}

static void note_row(const struct node *node)
{
	const struct store_secret *secret;
	struct store_reader *reader;

	if (other_begin(&reader) < 0)
		return;
	if (store_secret_by_row(reader, node->row, &secret) == 0) {
		note_secret(&secret->m);
		if (node->kind == NODE_KEY)
			note_key(manifest_key_by_no(&secret->m, node->key_no));
	}
	store_end(reader);
}

static void note_ns(uint8_t kind, uint32_t uid)
{
	note.any = true;
	note.ns_kind = kind;
	note.ns_uid = uid;
}

static void note_of_node(uint64_t id)
{
	struct node node;

	note.node = id;
	if (!node_parse(id, &node))
		return;
	note_kind(&node);
	if (node.row)
		note_row(&node);
	else if (node.kind == NODE_PUBLIC)
		note_ns(NS_PUBLIC, 0);
	else if (node.kind == NODE_PRIVATE)
		note_ns(NS_PRIVATE, node.uid);
}

void trail_note_node(uint64_t node)
{
	if (!audit.on)
		return;
	note_clear();
	note_of_node(node);
}

static uint64_t node_of_name(const struct node *dir, const char *name)
{
	uint64_t h = node_id(dir) ^ 0xcbf29ce484222325ull;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ull;
	return h;
}

static bool is_namespace(const struct node *node)
{
	return node->kind == NODE_PUBLIC || node->kind == NODE_PRIVATE;
}

static void note_secret_named(const struct node *dir, const char *name)
{
	const struct store_secret *secret;
	struct store_reader *reader;
	struct store_ns ns = ops_ns(dir);

	note_ns((uint8_t)ns.kind, ns.uid);
	note_text(note.name, name, strlen(name));
	if (other_begin(&reader) < 0)
		return;
	if (store_secret_by_name(reader, ns, name, strlen(name), &secret) == 0)
		note_secret(&secret->m);
	store_end(reader);
}

static void note_key_named(const struct node *dir, const char *name)
{
	const struct store_secret *secret;
	struct store_reader *reader;

	note_text(note.key, name, strlen(name));
	if (other_begin(&reader) < 0)
		return;
	if (store_secret_by_row(reader, dir->row, &secret) == 0) {
		note_secret(&secret->m);
		note_key(manifest_key_by_name(&secret->m, name, strlen(name)));
	}
	store_end(reader);
}

void trail_note_child(const struct node *dir, const char *name)
{
	if (!audit.on)
		return;
	note_clear();
	note.any = true;
	note.node = node_of_name(dir, name);
	if (is_namespace(dir))
		note_secret_named(dir, name);
	else if (dir->kind == NODE_SECRET)
		note_key_named(dir, name);
	else
		note_of_node(node_id(dir));
}

void trail_note_target(const struct node *dir, const char *name, bool exchange)
{
	const struct store_secret *secret;
	struct store_reader *reader;
	struct store_ns ns = ops_ns(dir);

	if (!audit.on)
		return;
	note.has_to = true;
	note.exchange = exchange;
	note_text(note.to, name, strlen(name));
	if (!is_namespace(dir))
		return;
	note.to_kind = (uint8_t)ns.kind;
	note.to_uid = ns.uid;
	if (other_begin(&reader) < 0)
		return;
	note.has_other = store_secret_by_name(reader, ns, name, strlen(name), &secret) == 0 &&
			 memcmp(secret->m.uuid, note.id, sizeof(note.id)) != 0;
	if (note.has_other)
		memcpy(note.other, secret->m.uuid, sizeof(note.other));
	store_end(reader);
}

void trail_note_permission(int to_set, const struct stat *st, const char *acl)
{
	if (!audit.on)
		return;
	note.any = true;
	note.permission = to_set;
	note.acl = acl;
	if (!st)
		return;
	note.mode = st->st_mode & 07777;
	note.owner = st->st_uid;
	note.group = st->st_gid;
}

void trail_note_private(uint32_t owner)
{
	if (!audit.on || note.any)
		return;
	note_ns(NS_PRIVATE, owner);
}

/* ---- lines ---- */

static void body_caller(struct audit_body *body, uint32_t uid, uint32_t gid, int32_t pid)
{
	struct caller caller;

	if (uid == UINT32_MAX)
		return;
	caller_find(pid, &caller);
	audit_body_number(body, "uid", uid);
	audit_body_number(body, "gid", gid);
	audit_body_number(body, "pid", (uint64_t)(pid > 0 ? pid : 0));
	if (caller.comm_len)
		audit_body_string(
			body, "command", caller.comm, caller.comm_len, sizeof(caller.comm));
	if (caller.cgroup_len)
		audit_body_string(
			body, "container", caller.cgroup, caller.cgroup_len, sizeof(caller.cgroup));
}

/* As the caller would name it: only his own is private/. Returns the length. */
static size_t path_of(
	char *path, size_t size, uint8_t kind, uint32_t owner, uint32_t uid, const char *name)
{
	const char *slash = *name ? "/" : "";
	int n;

	if (kind == NS_PUBLIC)
		n = snprintf(path, size, "public%s%s", slash, name);
	else if (owner == uid)
		n = snprintf(path, size, "private%s%s", slash, name);
	else
		n = snprintf(path, size, ".private/%u%s%s", owner, slash, name);
	return (size_t)n;
}

static void body_path(struct audit_body *body, const char *field, uint8_t kind, uint32_t owner,
	uint32_t uid, const char *name)
{
	char path[NAME_MAX_BYTES + 32];
	size_t len = path_of(path, sizeof(path), kind, owner, uid, name);

	audit_body_string(body, field, path, len, len);
}

/* As everywhere: 8-4-4-4-12 digits. By hand, since it is in every line. */
static void body_id(struct audit_body *body, const char *field, const uint8_t id[16])
{
	static const char digits[] = "0123456789abcdef";
	char text[36], *at = text;

	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[id[i] >> 4];
		*at++ = digits[id[i] & 15];
	}
	audit_body_string(body, field, text, sizeof(text), sizeof(text));
}

static void body_names(struct audit_body *body, uint32_t uid)
{
	if (note.ns_kind)
		body_path(body, "secret", note.ns_kind, note.ns_uid, uid, note.name);
	if (note.key[0])
		audit_body_text(body, "key", note.key);
	if (note.has_to && note.to_kind)
		body_path(body, "to", note.to_kind, note.to_uid, uid, note.to);
	else if (note.has_to)
		audit_body_text(body, "to", note.to);
}

/* audit_names = id: what can be told without a name. */
static void body_numbers(struct audit_body *body, uint32_t uid)
{
	if (note.ns_kind)
		body_path(body, "namespace", note.ns_kind, note.ns_uid, uid, "");
	if (note.key_no)
		audit_body_number(body, "key_no", note.key_no);
	if (note.has_to && note.to_kind)
		body_path(body, "to_namespace", note.to_kind, note.to_uid, uid, "");
}

static void body_permission(struct audit_body *body)
{
	char mode[8];

	if (note.permission & FUSE_SET_ATTR_MODE) {
		snprintf(mode, sizeof(mode), "%04o", note.mode);
		audit_body_text(body, "mode", mode);
	}
	if (note.permission & FUSE_SET_ATTR_UID)
		audit_body_number(body, "owner", note.owner);
	if (note.permission & FUSE_SET_ATTR_GID)
		audit_body_number(body, "group", note.group);
	if (note.acl)
		audit_body_text(body, "acl", note.acl);
}

static void body_what(struct audit_body *body, uint32_t uid)
{
	if (note.has_id)
		body_id(body, "id", note.id);
	if (audit.settings.config->audit_names == CONFIG_AUDIT_NAME)
		body_names(body, uid);
	else
		body_numbers(body, uid);
	if (note.view)
		audit_body_text(body, "view", note.view);
	if (note.version)
		audit_body_number(body, "version", note.version);
	body_permission(body);
	if (note.exchange)
		audit_body_number(body, "exchange", 1);
	if (note.has_other)
		body_id(body, "other", note.other);
}

/* The thread must not sleep any longer than until then. */
static void wake_by(int64_t when)
{
	if (atomic_load(&audit.asleep_until) <= when)
		return;
	atomic_store(&audit.asleep_until, 0);
	if (write(audit.wake[1], "w", 1) < 0 && errno != EAGAIN)
		log_debug("cannot wake the audit log's thread: %s", strerror(errno));
}

/* What went well in an earlier worker, as that worker has written: as many lines as it did. */
static bool is_told(const struct audit_asker *asker, int result)
{
	if (!asker->again || result < 0)
		return false;
	if (replay.unique != asker->unique)
		replay = (struct told_again){asker->unique, audit_log_told(asker)};
	return replay.left > 0 && replay.left--;
}

static int line(uint32_t uid, uint32_t gid, int32_t pid, const char *operation, int result)
{
	const struct openings_request request = openings_now();
	const struct audit_asker asker = {
		.place = request.place, .unique = request.unique, .again = request.again};
	const struct audit_repeat_key key = {.operation = operation,
		.node = note.node,
		.uid = uid,
		.pid = pid,
		.result = result};
	struct audit_body body;

	if (is_told(&asker, result))
		return 0;
	if (audit_repeat_seen(&key)) {
		wake_by(now_ns() + NSEC);
		return 0;
	}
	const char *name = result < 0 ? strerrorname_np(ops_errno(result)) : "ok";
	audit_body_begin(&body, operation, name ? name : "error");
	body_caller(&body, uid, gid, pid);
	body_what(&body, uid);
	/* Of a refusal nothing is remembered: served again it may go well, and then has its line.
	 */
	int r = audit_log_write(&body, result < 0 ? NULL : &asker);
	if (r == 0)
		audit_repeat_written(&key, &body);
	flood_line(uid);
	wake_by(now_ns() + (AUDIT_RATCHET_SECONDS + 1) * NSEC);
	return r;
}

/* Who may not: private, a limit, expired. What is merely not there, or not so, is no refusal. */
static bool is_refusal(int r)
{
	switch (-r) {
	case EACCES:
	case EPERM:
	case EKEYEXPIRED:
	case EDQUOT:
	case EFBIG:
	case ENOMEM:
		return true;
	default:
		return false;
	}
}

int trail_done_as(uint32_t uid, uint32_t gid, int32_t pid, const char *operation, int r)
{
	int written = 0;

	if (!audit.on)
		return r;
	/* Nothing was noted: no secret is concerned. */
	if (r >= 0 ? note.any : is_refusal(r))
		written = line(uid, gid, pid, operation, r < 0 ? r : 0);
	note_clear();
	told = r < 0;
	return r < 0 ? r : written < 0 ? written : r;
}

int trail_reread(fuse_req_t req, uint64_t seen, int r)
{
	if (!audit.on || (r >= 0 && note.any && note.value == seen))
		return r;
	return trail_done(req, "read", r);
}

int trail_done(fuse_req_t req, const char *operation, int r)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return trail_done_as(ctx->uid, ctx->gid, ctx->pid, operation, r);
}

/* ---- refusals that nobody told ---- */

static const struct fuse_in_header *request_now(void)
{
	return ops_thread.request;
}

static const char *word_of(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_READLINK:
	case FUSE_GETATTR:
		return "lookup";
	case FUSE_OPENDIR:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		return "list";
	case FUSE_OPEN:
	case FUSE_READ:
		return "read";
	case FUSE_WRITE:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
		return "write";
	case FUSE_CREATE:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		return "create";
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
	case FUSE_SETATTR:
		return "attributes";
	default:
		return "other";
	}
}

static void note_of_request(const struct fuse_in_header *header)
{
	const char *name = (const char *)(header + 1);
	struct node dir;

	/* The kernel ends names with a NUL. */
	if (header->opcode == FUSE_LOOKUP && node_parse(header->nodeid, &dir) &&
		memchr(name, '\0', ops_thread.request_len - sizeof(*header)))
		trail_note_child(&dir, name);
	else
		trail_note_node(header->nodeid);
}

void trail_failed(fuse_req_t req, int err)
{
	const struct fuse_in_header *header = request_now();
	bool was_told = told;

	told = false;
	if (!audit.on)
		return;
	if (!was_told && is_refusal(err) && header) {
		if (!note.has_id)
			note_of_request(header);
		trail_done(req, word_of(header->opcode), err);
		told = false;
	}
	note_clear();
}

/* ---- before a request is served ---- */

/* Does the kernel hold nothing that others wait for while we are asked this? */
static bool holds_nothing(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_READLINK:
	case FUSE_OPEN:
	case FUSE_OPENDIR:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_FLUSH:
		return true;
	default:
		return false;
	}
}

/* Meanwhile the kernel holds the lock of the directory, or of the file. (Of a rename it holds one
 * for the whole tree.) */
static bool holds_one(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_CREATE:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_SETATTR:
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
	case FUSE_FSYNC:
		return true;
	default:
		return false;
	}
}

/* Is it in a private namespace, so that only its owner can wait for it? */
static bool is_private(uint64_t id)
{
	const struct store_secret *secret;
	struct store_reader *reader;
	struct node node;

	if (!node_parse(id, &node))
		return false;
	if (node.kind == NODE_PRIVATE)
		return true;
	if (!node.row || other_begin(&reader) < 0)
		return false;
	bool private = store_secret_by_row(reader, node.row, &secret) == 0 &&
		       secret->m.ns_kind == NS_PRIVATE;
	store_end(reader);
	return private;
}

bool trail_waits(const void *request)
{
	const struct fuse_in_header *header = request;
	bool free = holds_nothing(header->opcode);

	return audit.on && (free || holds_one(header->opcode)) && flood_wait(header->uid) > 0 &&
	       (free || is_private(header->nodeid));
}

bool trail_delay(const void *request, size_t len,
	void (*again)(void *request, size_t len, uintptr_t arg), uintptr_t arg)
{
	const struct fuse_in_header *header = request;
	unsigned wait = flood_wait(header->uid);

	if (!flood_park(header->uid, request, len, again, arg))
		return false;
	wake_by(now_ns() + (int64_t)wait * 1000000);
	return true;
}

static bool is_removal(uint32_t opcode)
{
	return opcode == FUSE_UNLINK || opcode == FUSE_RMDIR;
}

/* What will have to write a line if it succeeds. (Commits ask for themselves: trail_room.) */
static bool writes_line(const struct fuse_in_header *header, size_t len)
{
	const struct fuse_setattr_in *in = (const struct fuse_setattr_in *)(header + 1);
	struct node node;

	switch (header->opcode) {
	case FUSE_OPEN:
		return node_parse(header->nodeid, &node) && node.kind != NODE_STATUS;
	case FUSE_SETATTR:
		return len >= sizeof(*header) + sizeof(*in) &&
		       (in->valid & (FATTR_MODE | FATTR_UID | FATTR_GID) ||
			       (in->valid & FATTR_SIZE && !(in->valid & FATTR_FH)));
	case FUSE_CREATE:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
		return true;
	default:
		return is_removal(header->opcode);
	}
}

bool trail_refuse(const void *request, size_t len, bool was_begun)
{
	const struct fuse_in_header *header = request;

	if (!audit.on)
		return false;
	note_clear();
	told = false;
	if (was_begun || !writes_line(header, len) || audit_log_room(is_removal(header->opcode)))
		return false;
	status_error();
	int r = request_refuse(header, -ENOSPC);
	if (r < 0)
		log_err("cannot refuse a request: %s", strerror(-r));
	return true;
}

int trail_room(void)
{
	return !audit.on || audit_log_room(false) ? 0 : -ENOSPC;
}

/* ---- the thread ---- */

void trail_rotated(void)
{
	int saved = errno;

	atomic_store(&audit.rotated, true);
	if (write(audit.wake[1], "r", 1) < 0)
		atomic_store(&audit.asleep_until, 0); /* full of others that wake it as well */
	errno = saved;
}

static void on_rotated(int signal)
{
	(void)signal;
	trail_rotated();
}

/* ms; -1: none. */
static int sooner(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

static void thread_wait(int timeout)
{
	struct pollfd p = {.fd = audit.wake[0], .events = POLLIN};
	char scrap[64];

	atomic_store(&audit.asleep_until,
		timeout < 0 ? INT64_MAX : now_ns() + (int64_t)timeout * 1000000);
	/* What was asked for before that was published, nobody else tells. */
	if (!atomic_load(&audit.rotated) && !atomic_load(&audit.stopping))
		poll(&p, 1, timeout);
	atomic_store(&audit.asleep_until, 0);
	while (read(audit.wake[0], scrap, sizeof(scrap)) > 0)
		;
}

/* In how many ms there is more to do, or -1. */
static int serve_aside(void)
{
	pthread_mutex_lock(&audit.serving);
	/* What is left then is the next worker's, as it lies in the slots. */
	int wait = atomic_load(&audit.stopping) ? -1 : flood_serve();
	pthread_mutex_unlock(&audit.serving);
	return wait;
}

static void *thread_main(void *unused)
{
	(void)unused;
	if (audit.begin && audit.begin() < 0)
		return NULL;
	while (!atomic_load(&audit.stopping)) {
		if (atomic_exchange(&audit.rotated, false))
			audit_log_reopen();
		int wait = serve_aside();
		if (audit_repeat_flush(false))
			wait = sooner(wait, SECOND_MS);
		thread_wait(sooner(wait, audit_log_tick()));
	}
	if (audit.end)
		audit.end();
	return NULL;
}

/* ---- from start to end ---- */

int trail_map(const struct trail_settings *settings, struct why *why)
{
	audit.settings = *settings;
	audit.on = settings->config->audit != CONFIG_AUDIT_OFF;
	if (!audit.on)
		return 0;
	audit.page = page_map_locked(settings->page_fd, PROT_READ | PROT_WRITE);
	if (!audit.page)
		return why_set(why, -errno, "cannot map the audit log's key: %s", strerror(errno));
	flood_init(settings->config->audit_rate);
	return 0;
}

int trail_open(struct why *why)
{
	struct audit_log_settings log = {
		.path = audit.settings.config->audit_file,
		.required = audit.settings.config->audit == CONFIG_AUDIT_REQUIRED,
		.owner = geteuid(),
		.page = audit.page,
		.known_n = audit.settings.known_n,
		.synced = audit.settings.synced,
	};

	memcpy(log.known_hash, audit.settings.known_hash, AUDIT_HASH);
	return audit.on ? audit_log_open(&log, why) : 0;
}

int trail_begin(struct why *why)
{
	return audit.on ? audit_log_begin(why) : 0;
}

int trail_start(int (*begin)(void), void (*end)(void))
{
	struct sigaction action = {.sa_handler = on_rotated, .sa_flags = SA_RESTART};

	if (!audit.on)
		return 0;
	if (pipe2(audit.wake, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	audit.begin = begin;
	audit.end = end;
	int r = stack_start(&audit.thread, thread_main, NULL);
	audit.started = r == 0;
	if (r == 0 && sigaction(SIGUSR1, &action, NULL) < 0)
		r = -errno;
	return r;
}

void trail_pause(void)
{
	pthread_mutex_lock(&audit.serving);
	audit.paused = true;
}

void trail_go_on(void)
{
	if (audit.paused)
		pthread_mutex_unlock(&audit.serving);
	audit.paused = false;
}

void trail_stop(bool goodbye)
{
	if (!audit.on)
		return;
	if (audit.started) {
		signal(SIGUSR1, SIG_IGN);
		atomic_store(&audit.stopping, true);
		trail_go_on();
		if (write(audit.wake[1], "s", 1) < 0)
			log_debug("the audit log's thread is woken already");
		stack_join(&audit.thread);
		audit.started = false;
		audit_repeat_flush(true);
	}
	audit_log_end(goodbye);
}

size_t trail_status(char *text, size_t size)
{
	static const char *const words[] = {"required", "best-effort", "off"};
	struct audit_log_state state = {0};
	int n;

	if (audit.on)
		audit_log_state(&state);
	n = snprintf(text, size, ", \"audit\": \"%s\", \"audit_lines\": %llu, \"audit_lost\": %llu",
		words[audit.on ? audit.settings.config->audit : CONFIG_AUDIT_OFF],
		(unsigned long long)state.n, (unsigned long long)state.lost);
	return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}
