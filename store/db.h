/* SPDX-License-Identifier: MIT */
/*
 * db: a thin layer over SQLite, the only file that includes it. Everything above speaks of
 * connections, prepared queries and -errno; another engine would stand in this place.
 *
 * Connections and their queries belong to one thread at a time.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stddef.h>
#include <stdint.h>

#include "schema.h"
#include "why.h"

struct db;
struct db_query;

enum db_mode {
	DB_READER, /* reads only (query_only) */
	DB_WRITER,
	DB_CREATE, /* the file must not be there, or be empty */
	/* The same, for a file that counts for nothing until it is whole: no journal, no sync. At
	 * the end db_built, and the caller syncs the file. */
	DB_BUILD,
};

/* Does what SQLite does once and needs more of the system for than later: db_open does it too. */
void db_prepare(void);

/*
 * Opens path (the file itself must not be a symbolic link) with all protective settings.
 * -ENOENT, -EACCES, -EBADMSG (not a database), -EIO, -ENOMEM.
 */
int db_open(const char *path, enum db_mode mode, struct db **ret_db, struct why *why);
void db_close(struct db *db);

/*
 * Opens for reading what lies in a descriptor, whatever is beside it; what: its name, for messages.
 * Nobody may change the file meanwhile. The descriptor stays the caller's and must outlive the
 * connection.
 */
int db_open_fd(int fd, const char *what, struct db **ret_db, struct why *why);

typedef void (*db_progress_fn)(void *arg, uint64_t done, uint64_t total);

/*
 * Copies one snapshot, page by page, into an empty file that is open for reading and writing;
 * writers of the source go on meanwhile. Not synced. progress may be NULL.
 */
int db_copy(struct db *from, int fd, db_progress_fn progress, void *arg);

/* A file of DB_BUILD is complete: from now on it has a log, as every store. */
int db_built(struct db *db);

/* One statement without parameters or rows. */
int db_exec(struct db *db, const char *sql);

/* One number that a statement answers (a PRAGMA). */
int db_number(struct db *db, const char *sql, int64_t *ret_number);

/* Is every page, cell and index as SQLite made it? -EBADMSG with the first thing that is not. */
int db_integrity(struct db *db, char *ret_text, size_t size);

/* Walks sqlite_schema: 1 and the next row (NULLs where it has them), 0 after the last.
 * db_schema_end ends the walk. */
int db_schema_row(struct db *db, const char **ret_type, const char **ret_name,
	const char **ret_table, const char **ret_sql);
void db_schema_end(struct db *db);

/* The prepared query, reset and without parameters; stays the connection's. */
int db_query(struct db *db, enum schema_query which, struct db_query **ret_query);

/* Parameters count from 1. Blobs and texts must live until the query is done with. Errors come out
 * of the next step. */
void db_bind_int(struct db_query *query, int at, int64_t value);
void db_bind_blob(struct db_query *query, int at, const void *bytes, size_t len);
void db_bind_text(struct db_query *query, int at, const char *text);

/* A column of the row at hand of another query, as it is. */
void db_bind_column(struct db_query *query, int at, struct db_query *from, int column);

/* 1: a row, 0: no more, -errno. After anything but a row the query is reset. */
int db_step(struct db_query *query);

/* Runs a query to its end. With exactly_one: -EBADMSG unless it changed exactly one row. */
int db_run(struct db_query *query, int exactly_one);

/* Columns count from 0; valid until the next step or db_done. What is of another type than asked
 * for, which only an edited file has, is the least number, or empty: nothing that we ever wrote. */
int64_t db_int(struct db_query *query, int column);
const uint8_t *db_blob(struct db_query *query, int column, size_t *ret_len);
const char *db_text(struct db_query *query, int column);

/* Resets a query early, so that it holds no snapshot. NULL is fine. */
void db_done(struct db_query *query);

/* Is a transaction open? SQLite may have rolled it back by itself after an error. */
int db_in_transaction(struct db *db);

/* Pages in the write-ahead log after the last commit of this connection. */
int db_wal_pages(const struct db *db);

/* Drops the pages that this connection has cached. */
void db_forget(struct db *db);

/* Copies the log into the file; without waiting for readers. truncate: also empty the log, if
 * nobody reads. */
int db_checkpoint(struct db *db, int truncate);

static inline void db_done_cleanup(struct db_query **query)
{
	db_done(*query);
}

static inline void db_close_cleanup(struct db **db)
{
	db_close(*db);
}

#define AUTO_QUERY __attribute__((cleanup(db_done_cleanup))) struct db_query *
#define AUTO_DB    __attribute__((cleanup(db_close_cleanup))) struct db *

#endif
