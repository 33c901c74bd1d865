/* SPDX-License-Identifier: MIT */
/* ops: the callback table, the thread's reader, errors, and who may touch private nodes. */
#include "ops.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "trail.h"
#include "log.h"
#include "status.h"

#define REPORTS 64

struct ops ops;
_Thread_local struct ops_thread ops_thread;

/* What the supervisor has agreed on with the kernel. */
static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want = conn->capable &
		     (FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_ASYNC_READ | FUSE_CAP_AUTO_INVAL_DATA |
			     FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
			     FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_DONT_MASK | FUSE_CAP_POSIX_ACL);
	conn->max_write = BOOT_MAX_WRITE;
}

const struct fuse_lowlevel_ops ops_table = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.fsyncdir = op_fsyncdir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.create = op_create,
};

int ops_thread_begin(void)
{
	return store_reader_open(ops.store, &ops_thread.reader);
}

void ops_thread_end(void)
{
	store_reader_close(ops_thread.reader);
	store_reader_close(ops_thread.other);
	ops_thread.reader = ops_thread.other = NULL;
}

int ops_other_reader(struct store_reader **ret_reader)
{
	int r = ops_thread.other ? 0 : store_reader_open(ops.store, &ops_thread.other);

	if (r == 0)
		*ret_reader = ops_thread.other;
	return r;
}

int ops_errno(int err)
{
	switch (-err) {
	case EBADMSG:
	case EPROTO:
	case EAGAIN:
	case EBUSY:
	case EKEYREJECTED:
		return EIO;
	case 0:
		return 0;
	default:
		return -err;
	}
}

/* One line for each uid and kind of failure in a second: who runs into a limit in a loop must not
 * fill the log. */
static bool report_due(uint32_t uid, int err)
{
	static struct {
		pthread_mutex_t lock; /* all */
		uint32_t uid[REPORTS];
		int err[REPORTS];
		time_t last[REPORTS];
	} reports = {.lock = PTHREAD_MUTEX_INITIALIZER};
	size_t slot = (uid * 31u + (unsigned)-err) % REPORTS;
	time_t now = time(NULL);

	pthread_mutex_lock(&reports.lock);
	bool due =
		reports.uid[slot] != uid || reports.err[slot] != err || reports.last[slot] != now;
	if (due) {
		reports.uid[slot] = uid;
		reports.err[slot] = err;
		reports.last[slot] = now;
	}
	pthread_mutex_unlock(&reports.lock);
	return due;
}

static const char *report_text(int err)
{
	switch (-err) {
	case EBADMSG:
		return "a record of the store does not authenticate: it was changed outside of "
		       "secretfs or is damaged";
	case ENOSPC:
		return "the file system of the store is full, or a number or an ACL has no room "
		       "left";
	case EDQUOT:
		return "is at a limit of secrets, bytes or keys (max_secrets, max_bytes, max_keys)";
	case EFBIG:
		return "tried to write a value longer than max_value";
	case ENOMEM:
		return "has too many values open (max_open), or locked memory is used up";
	case EIO:
		return "the database failed, or data died with an earlier worker";
	case EBUSY:
		return "the database is locked";
	case EPROTO:
	case EAGAIN:
		return "the store cannot be used now";
	default:
		return NULL;
	}
}

static void report(fuse_req_t req, int err)
{
	const char *text = report_text(err);
	uint32_t uid = fuse_req_ctx(req)->uid;

	if (!text)
		return;
	status_error();
	if (report_due(uid, err))
		log_warn("uid %u: %s: %s", uid, strerror(ops_errno(err)), text);
}

void ops_fail(fuse_req_t req, int err)
{
	report(req, err);
	trail_failed(req, err);
	fuse_reply_err(req, ops_errno(err));
}

int ops_private_check(uint32_t caller, uint32_t owner)
{
	return caller == owner && config_private_allowed(ops.config, caller) ? 0 : -EACCES;
}

int ops_secret_check(fuse_req_t req, const struct manifest *m)
{
	int r = m->ns_kind == NS_PRIVATE ? ops_private_check(fuse_req_ctx(req)->uid, m->ns_uid) : 0;

	if (r < 0)
		trail_note_private(m->ns_uid);
	return r;
}

int ops_begin(void)
{
	return store_begin(ops_thread.reader);
}

int ops_begin_fresh(bool fresh)
{
	int r = ops_begin();

	if (r == 0 && fresh)
		store_fresh(ops_thread.reader);
	return r;
}

int64_t ops_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int ops_secret(fuse_req_t req, uint64_t row, const struct store_secret **ret_secret)
{
	int r = store_secret_by_row(ops_thread.reader, row, ret_secret);

	if (r < 0)
		return ops_stale(r);
	return ops_secret_check(req, &(*ret_secret)->m);
}
