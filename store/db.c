/* SPDX-License-Identifier: MIT */
/* db: connections to SQLite with the settings that a hostile file calls for, and its codes as
 * -errno. */
#include "db.h"

#include "db_fd.h"
#include "path.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A record is at most a value of 1 MiB with padding, or a manifest of 1,024 keys with long names
 * and ACLs. */
#define DB_LENGTH_MAX (2 << 20)
#define DB_BUSY_MS    5000
#define DB_COPY_PAGES 256

struct db_query {
	sqlite3_stmt *stmt;
	struct db *db;
	int bind_error; /* first SQLite code that a bind returned, until the next reset */
};

struct db {
	sqlite3 *sqlite;
	sqlite3_stmt *schema_walk;
	int wal_pages;
	struct db_query queries[QUERY_MAX];
};

static pthread_once_t db_once = PTHREAD_ONCE_INIT;

static void db_library_init(void)
{
	/* The statistics take a global lock on every allocation. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_initialize();
	db_fd_register(); /* without it db_open_fd and db_copy say that there is no such VFS */
	/* Seeds SQLite's generator now, while /dev/urandom can be opened. */
	unsigned char seed[8];
	sqlite3_randomness(sizeof(seed), seed);
}

void db_prepare(void)
{
	pthread_once(&db_once, db_library_init);
}

static int db_io_error(struct db *db)
{
	int e = db && db->sqlite ? sqlite3_system_errno(db->sqlite) : 0;

	return e == ENOSPC || e == EDQUOT || e == EROFS || e == EACCES || e == ENOENT ||
			       e == ENOMEM || e == EMFILE || e == ENFILE || e == EFBIG
		       ? -e
		       : -EIO;
}

static int db_error(struct db *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* our statements are right: a table or column is not */
		return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_TOOBIG:
		return -EFBIG;
	default:
		return db_io_error(db);
	}
}

static int db_config(struct db *db)
{
	static const struct {
		int option;
		int value;
	} options[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},
		{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
		{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int now = -1;
		int code = sqlite3_db_config(db->sqlite, options[i].option, options[i].value, &now);
		if (code != SQLITE_OK || now != options[i].value)
			return -EIO;
	}
	sqlite3_limit(db->sqlite, SQLITE_LIMIT_LENGTH, DB_LENGTH_MAX);
	sqlite3_limit(db->sqlite, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_busy_timeout(db->sqlite, DB_BUSY_MS);
	return 0;
}

static int db_wal_hook(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
	struct db *db = arg;

	(void)sqlite;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

static int db_pragmas(struct db *db, enum db_mode mode)
{
	static const char *const always[] = {
		"PRAGMA cell_size_check = ON",
		"PRAGMA mmap_size = 0",
		"PRAGMA temp_store = MEMORY",
		"PRAGMA wal_autocheckpoint = 0",
		"PRAGMA secure_delete = ON",
	};
	int r = 0;

	if (mode == DB_CREATE || mode == DB_BUILD)
		r = db_exec(db, "PRAGMA page_size = 4096");
	if (r == 0 && mode == DB_CREATE)
		r = db_exec(db, "PRAGMA journal_mode = WAL");
	if (r == 0 && mode == DB_BUILD)
		r = db_exec(db, "PRAGMA journal_mode = OFF");
	for (size_t i = 0; r == 0 && i < sizeof(always) / sizeof(always[0]); i++)
		r = db_exec(db, always[i]);
	if (r == 0)
		r = db_exec(db, mode == DB_BUILD ? "PRAGMA synchronous = OFF"
						 : "PRAGMA synchronous = FULL");
	if (r == 0 && mode == DB_READER)
		r = db_exec(db, "PRAGMA query_only = ON");
	/* Each thread has one: the upper levels of the indexes of a million secrets, and not much
	 * more. The pages below them are as good as never asked for again. */
	if (r == 0 && mode == DB_READER)
		r = db_exec(db, "PRAGMA cache_size = -1536");
	return r;
}

/* name: of a file, or the number of a descriptor for the VFS of db_fd.c; what: for messages. */
static int db_open_with(const char *name, const char *vfs, int flags, enum db_mode mode,
	const char *what, struct db **ret_db, struct why *why)
{
	AUTO_DB db = calloc(1, sizeof(*db));

	if (!db)
		return why_set(why, -ENOMEM, "out of memory");
	int code = sqlite3_open_v2(name, &db->sqlite,
		flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE,
		vfs);
	if (code != SQLITE_OK) {
		int r = db_error(db, code);
		return why_set(why, r, "cannot open the store %s: %s", what, strerror(-r));
	}
	int r = db_config(db);
	if (r == 0)
		r = db_pragmas(db, mode);
	if (r < 0)
		return why_set(why, r,
			r == -EBADMSG ? "%s is not a secretfs store: %s"
				      : "cannot read the store %s: %s",
			what, sqlite3_errmsg(db->sqlite));
	/* Last: PRAGMA wal_autocheckpoint takes the hook away. */
	sqlite3_wal_hook(db->sqlite, db_wal_hook, db);
	*ret_db = db;
	db = NULL;
	return 0;
}

int db_open(const char *path, enum db_mode mode, struct db **ret_db, struct why *why)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW;

	db_prepare();
	if (mode == DB_CREATE || mode == DB_BUILD)
		flags |= SQLITE_OPEN_CREATE;
	/* SQLite follows no link: the folders above may be links, the file itself not. */
	char real[PATH_MAX];
	int r = path_real(path, real, why);
	return r < 0 ? r : db_open_with(real, NULL, flags, mode, path, ret_db, why);
}

int db_open_fd(int fd, const char *what, struct db **ret_db, struct why *why)
{
	char name[16];

	db_prepare();
	snprintf(name, sizeof(name), "%d", fd);
	return db_open_with(name, DB_FD_VFS, SQLITE_OPEN_READONLY, DB_READER, what, ret_db, why);
}

/* In one read transaction, so that no writer makes it begin again. */
static int copy_steps(struct db *from, struct db *to, db_progress_fn progress, void *arg)
{
	sqlite3_backup *backup = sqlite3_backup_init(to->sqlite, "main", from->sqlite, "main");
	int code = SQLITE_OK;

	if (!backup)
		return db_error(to, sqlite3_errcode(to->sqlite));
	while (code == SQLITE_OK) {
		code = sqlite3_backup_step(backup, DB_COPY_PAGES);
		uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup);
		if (progress)
			progress(arg, total - (uint64_t)sqlite3_backup_remaining(backup), total);
	}
	/* The descriptor's file system, if any, is what failed. */
	int r = code == SQLITE_DONE ? 0 : db_error(to, code);
	code = sqlite3_backup_finish(backup);
	return r < 0 ? r : db_error(to, code);
}

int db_copy(struct db *from, int fd, db_progress_fn progress, void *arg)
{
	AUTO_DB to = calloc(1, sizeof(*to));
	char name[16];
	int64_t objects;

	if (!to)
		return -ENOMEM;
	snprintf(name, sizeof(name), "%d", fd);
	int code = sqlite3_open_v2(name, &to->sqlite,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
			SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE,
		DB_FD_VFS);
	int r = db_error(to, code);
	if (r == 0)
		r = db_pragmas(to, DB_BUILD);
	if (r == 0)
		r = db_exec(from, "BEGIN");
	if (r < 0)
		return r;
	/* A first read takes the snapshot. */
	r = db_number(from, "SELECT count(*) FROM sqlite_schema", &objects);
	if (r == 0)
		r = copy_steps(from, to, progress, arg);
	if (db_in_transaction(from))
		db_exec(from, "ROLLBACK");
	return r;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < QUERY_MAX; i++)
		sqlite3_finalize(db->queries[i].stmt);
	db_schema_end(db);
	sqlite3_close(db->sqlite);
	free(db);
}

int db_built(struct db *db)
{
	return db_exec(db, "PRAGMA journal_mode = WAL");
}

int db_exec(struct db *db, const char *sql)
{
	return db_error(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

int db_number(struct db *db, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*ret_number = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return code == SQLITE_DONE ? -EBADMSG : db_error(db, code);
}

int db_integrity(struct db *db, char *ret_text, size_t size)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db->sqlite, "PRAGMA integrity_check(1)", -1, &stmt, NULL);

	snprintf(ret_text, size, "it cannot be read");
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
	bool whole = text && strcmp(text, "ok") == 0;
	if (text)
		snprintf(ret_text, size, "%s", text);
	sqlite3_finalize(stmt);
	if (code == SQLITE_ROW)
		return whole ? 0 : -EBADMSG;
	int r = db_error(db, code);
	return r < 0 ? r : -EBADMSG;
}

int db_schema_row(struct db *db, const char **ret_type, const char **ret_name,
	const char **ret_table, const char **ret_sql)
{
	if (!db->schema_walk) {
		int code = sqlite3_prepare_v2(db->sqlite,
			"SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid", -1,
			&db->schema_walk, NULL);
		if (code != SQLITE_OK)
			return db_error(db, code);
	}
	int code = sqlite3_step(db->schema_walk);
	if (code != SQLITE_ROW)
		return db_error(db, code);
	*ret_type = (const char *)sqlite3_column_text(db->schema_walk, 0);
	*ret_name = (const char *)sqlite3_column_text(db->schema_walk, 1);
	*ret_table = (const char *)sqlite3_column_text(db->schema_walk, 2);
	*ret_sql = (const char *)sqlite3_column_text(db->schema_walk, 3);
	return 1;
}

void db_schema_end(struct db *db)
{
	sqlite3_finalize(db->schema_walk);
	db->schema_walk = NULL;
}

int db_query(struct db *db, enum schema_query which, struct db_query **ret_query)
{
	struct db_query *query = &db->queries[which];

	if (!query->stmt) {
		int code = sqlite3_prepare_v3(db->sqlite, schema_query_text(which), -1,
			SQLITE_PREPARE_PERSISTENT, &query->stmt, NULL);
		if (code != SQLITE_OK)
			return db_error(db, code);
		query->db = db;
	}
	*ret_query = query;
	return 0;
}

static void db_bound(struct db_query *query, int code)
{
	if (code != SQLITE_OK && query->bind_error == 0)
		query->bind_error = code;
}

void db_bind_int(struct db_query *query, int at, int64_t value)
{
	db_bound(query, sqlite3_bind_int64(query->stmt, at, value));
}

void db_bind_blob(struct db_query *query, int at, const void *bytes, size_t len)
{
	db_bound(query, sqlite3_bind_blob64(query->stmt, at, bytes, len, SQLITE_STATIC));
}

void db_bind_text(struct db_query *query, int at, const char *text)
{
	db_bound(query, sqlite3_bind_text(query->stmt, at, text, -1, SQLITE_STATIC));
}

void db_bind_column(struct db_query *query, int at, struct db_query *from, int column)
{
	db_bound(query,
		sqlite3_bind_value(query->stmt, at, sqlite3_column_value(from->stmt, column)));
}

int db_step(struct db_query *query)
{
	int code = query->bind_error ? query->bind_error : sqlite3_step(query->stmt);

	if (code == SQLITE_ROW)
		return 1;
	int r = db_error(query->db, code);
	db_done(query);
	return r;
}

int db_run(struct db_query *query, int exactly_one)
{
	int r;

	do
		r = db_step(query);
	while (r > 0);
	if (r == 0 && exactly_one && sqlite3_changes(query->db->sqlite) != 1)
		return -EBADMSG;
	return r;
}

int64_t db_int(struct db_query *query, int column)
{
	int type = sqlite3_column_type(query->stmt, column);

	/* The number that SQLite would make of it is not in the file. */
	if (type != SQLITE_INTEGER && type != SQLITE_NULL)
		return INT64_MIN;
	return sqlite3_column_int64(query->stmt, column);
}

const uint8_t *db_blob(struct db_query *query, int column, size_t *ret_len)
{
	*ret_len = 0;
	if (sqlite3_column_type(query->stmt, column) != SQLITE_BLOB)
		return NULL;
	const uint8_t *bytes = sqlite3_column_blob(query->stmt, column);
	*ret_len = (size_t)sqlite3_column_bytes(query->stmt, column);
	return bytes;
}

const char *db_text(struct db_query *query, int column)
{
	return (const char *)sqlite3_column_text(query->stmt, column);
}

void db_done(struct db_query *query)
{
	if (!query)
		return;
	sqlite3_reset(query->stmt);
	query->bind_error = 0;
}

int db_in_transaction(struct db *db)
{
	return !sqlite3_get_autocommit(db->sqlite);
}

int db_wal_pages(const struct db *db)
{
	return db->wal_pages;
}

void db_forget(struct db *db)
{
	sqlite3_db_release_memory(db->sqlite);
}

int db_checkpoint(struct db *db, int truncate)
{
	int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;

	/* A busy handler would make TRUNCATE wait for readers; here "later" is as good. */
	sqlite3_busy_timeout(db->sqlite, 0);
	int code = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, mode, NULL, NULL);
	sqlite3_busy_timeout(db->sqlite, DB_BUSY_MS);
	if (code == SQLITE_OK && truncate)
		db->wal_pages = 0;
	return db_error(db, code);
}
