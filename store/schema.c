/* SPDX-License-Identifier: MIT */
/* schema: the text of the tables and queries, and the check that a file has just these. */
#include "schema.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "db.h"
#include "store.h"

/* In the order in which they are made, which is the order of sqlite_schema. sql NULL: made by
 * SQLite itself. */
static const struct {
	const char *type;
	const char *name;
	const char *table;
	const char *sql;
} objects[] = {
	{"table", "root", "root", "CREATE TABLE root(id INTEGER PRIMARY KEY, box BLOB NOT NULL)"},
	{"table", "bucket", "bucket",
		"CREATE TABLE bucket(id INTEGER PRIMARY KEY, ver INTEGER NOT NULL, box BLOB NOT "
		"NULL)"},
	{"table", "ns", "ns",
		"CREATE TABLE ns(id INTEGER PRIMARY KEY, tag BLOB NOT NULL UNIQUE, ver INTEGER NOT "
		"NULL, "
		"box BLOB NOT NULL)"},
	{"index", "sqlite_autoindex_ns_1", "ns", NULL},
	{"table", "secret", "secret",
		"CREATE TABLE secret(id INTEGER PRIMARY KEY, ns INTEGER NOT NULL, tag BLOB NOT "
		"NULL UNIQUE, "
		"ver INTEGER NOT NULL, box BLOB NOT NULL)"},
	{"index", "sqlite_autoindex_secret_1", "secret", NULL},
	{"index", "secret_ns", "secret", "CREATE INDEX secret_ns ON secret(ns)"},
	{"table", "history", "history",
		"CREATE TABLE history(secret INTEGER NOT NULL, ver INTEGER NOT NULL, box BLOB NOT "
		"NULL, "
		"PRIMARY KEY(secret, ver))"},
	{"index", "sqlite_autoindex_history_1", "history", NULL},
	{"table", "value", "value",
		"CREATE TABLE value(id INTEGER PRIMARY KEY, box BLOB NOT NULL)"},
	{"table", "slot", "slot",
		"CREATE TABLE slot(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, salt BLOB NOT "
		"NULL, "
		"ops INTEGER NOT NULL, mem INTEGER NOT NULL, label TEXT NOT NULL, box BLOB NOT "
		"NULL)"},
	{"table", "done", "done",
		"CREATE TABLE done(\"unique\" INTEGER PRIMARY KEY, generation INTEGER NOT NULL, "
		"result BLOB NOT NULL)"},
};

#define OBJECTS (sizeof(objects) / sizeof(objects[0]))

static const char *const queries[QUERY_MAX] = {
	[QUERY_BEGIN] = "BEGIN",
	[QUERY_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[QUERY_COMMIT] = "COMMIT",
	[QUERY_ROLLBACK] = "ROLLBACK",
	[QUERY_SAVEPOINT] = "SAVEPOINT job",
	[QUERY_RELEASE] = "RELEASE job",
	[QUERY_ROLLBACK_TO] = "ROLLBACK TO job",
	[QUERY_ROOT] = "SELECT box FROM root WHERE id = 1",
	[QUERY_ROOT_INSERT] = "INSERT INTO root(id, box) VALUES(1, ?1)",
	[QUERY_ROOT_UPDATE] = "UPDATE root SET box = ?1 WHERE id = 1",
	[QUERY_ROOTS] = "SELECT count(*) FROM root",
	[QUERY_ROOT_DELETE_FOREIGN] = "DELETE FROM root WHERE id <> 1",
	[QUERY_BUCKETS] = "SELECT id, ver, box FROM bucket ORDER BY id",
	[QUERY_BUCKET] = "SELECT ver, box FROM bucket WHERE id = ?1",
	[QUERY_BUCKET_INSERT] = "INSERT INTO bucket(id, ver, box) VALUES(?1, ?2, ?3)",
	[QUERY_BUCKET_UPDATE] = "UPDATE bucket SET ver = ?2, box = ?3 WHERE id = ?1",
	[QUERY_BUCKET_SECRETS] =
		"SELECT id, ns, tag, ver, box FROM secret WHERE tag >= ?1 AND tag < ?2",
	[QUERY_BUCKET_NS] = "SELECT id, tag, ver, box FROM ns WHERE tag >= ?1 AND tag < ?2",
	[QUERY_NS_BY_TAG] = "SELECT id, ver, box FROM ns WHERE tag = ?1",
	[QUERY_NS_INSERT] = "INSERT INTO ns(id, tag, ver, box) VALUES(?1, ?2, ?3, ?4)",
	[QUERY_NS_UPDATE] = "UPDATE ns SET ver = ?2, box = ?3 WHERE id = ?1",
	[QUERY_NS_COUNT] = "SELECT count(*) FROM ns",
	[QUERY_SECRET_BY_TAG] = "SELECT id, ns, ver, box FROM secret WHERE tag = ?1",
	[QUERY_SECRET_BY_ROW] = "SELECT ns, tag, ver, box FROM secret WHERE id = ?1",
	[QUERY_SECRET_LIST] =
		"SELECT id, tag, ver, box FROM secret WHERE ns = ?1 AND id > ?2 ORDER BY id",
	/* By the index over tags alone, which the sums are made by. */
	[QUERY_SECRET_ID_BY_TAG] = "SELECT id FROM secret WHERE tag = ?1",
	[QUERY_BUCKET_IDS] = "SELECT id FROM secret WHERE tag >= ?1 AND tag < ?2",
	[QUERY_SECRET_IDS_NS] = "SELECT id FROM secret WHERE ns = ?1 ORDER BY id",
	[QUERY_SECRET_COUNT] = "SELECT count(*) FROM secret",
	[QUERY_SECRET_INSERT] =
		"INSERT INTO secret(id, ns, tag, ver, box) VALUES(?1, ?2, ?3, ?4, ?5)",
	[QUERY_SECRET_UPDATE] =
		"UPDATE secret SET ns = ?2, tag = ?3, ver = ?4, box = ?5 WHERE id = ?1",
	[QUERY_SECRET_RESEAL] = "UPDATE secret SET ver = ?2, box = ?3 WHERE id = ?1",
	[QUERY_SECRET_DELETE] = "DELETE FROM secret WHERE id = ?1",
	[QUERY_HISTORY] = "SELECT ver, box FROM history WHERE secret = ?1 AND ver = ?2",
	[QUERY_HISTORY_ABOVE] =
		"SELECT ver, box FROM history WHERE secret = ?1 AND ver > ?2 ORDER BY ver LIMIT 1",
	[QUERY_HISTORY_OTHERS] = "SELECT ver, box FROM history WHERE secret = ?1 AND ver <> ?2",
	[QUERY_HISTORY_INSERT] = "INSERT INTO history(secret, ver, box) VALUES(?1, ?2, ?3)",
	[QUERY_HISTORY_UPDATE] = "UPDATE history SET box = ?3 WHERE secret = ?1 AND ver = ?2",
	[QUERY_HISTORY_DELETE] = "DELETE FROM history WHERE secret = ?1 AND ver = ?2",
	[QUERY_VALUE] = "SELECT box FROM value WHERE id = ?1",
	[QUERY_VALUE_INSERT] = "INSERT INTO value(id, box) VALUES(?1, ?2)",
	[QUERY_VALUE_DELETE] = "DELETE FROM value WHERE id = ?1",
	[QUERY_VALUE_COUNT] = "SELECT count(*) FROM value",
	/* Numbers below 0 in done are values that are kept for open files: no request has such. */
	[QUERY_KEPT] = "SELECT result FROM done WHERE \"unique\" = -?1",
	[QUERY_KEPT_LIST] =
		"SELECT -\"unique\" FROM done WHERE \"unique\" < 0 AND \"unique\" > -?1 "
		"ORDER BY \"unique\" LIMIT ?2",
	[QUERY_KEPT_INSERT] = "REPLACE INTO done(\"unique\", generation, result) VALUES(-?1, "
			      "9223372036854775807, ?2)",
	[QUERY_KEPT_DELETE] = "DELETE FROM done WHERE \"unique\" = -?1",
	[QUERY_BUCKET_DELETE_FOREIGN] = "DELETE FROM bucket WHERE id < 0 OR id > 4095",
	[QUERY_HISTORY_DELETE_ALL] = "DELETE FROM history WHERE secret = ?1",
	[QUERY_HISTORY_ALL] = "SELECT ver, box FROM history WHERE secret = ?1 ORDER BY ver",
	[QUERY_NS_DELETE] = "DELETE FROM ns WHERE id = ?1",
	[QUERY_WALK_NS] = "SELECT id, tag, ver, box FROM ns ORDER BY id",
	[QUERY_WALK_SECRETS] = "SELECT id, ns, tag, ver, box FROM secret ORDER BY id",
	[QUERY_SECRET_ABOVE] =
		"SELECT id, ns, tag, ver, box FROM secret WHERE id > ?1 ORDER BY id LIMIT 1",
	[QUERY_WALK_HISTORY] = "SELECT secret, ver FROM history ORDER BY secret, ver",
	[QUERY_WALK_VALUES] = "SELECT id FROM value ORDER BY id",
	[QUERY_SLOTS] = "SELECT id, kind, salt, ops, mem, label, box FROM slot ORDER BY id",
	[QUERY_SLOT_INSERT] = "INSERT INTO slot(id, kind, salt, ops, mem, label, box) VALUES(?1, "
			      "?2, ?3, ?4, ?5, ?6, ?7)",
	[QUERY_DONE] = "SELECT generation, result FROM done WHERE \"unique\" = ?1",
	[QUERY_DONE_INSERT] =
		"INSERT OR REPLACE INTO done(\"unique\", generation, result) VALUES(?1, ?2, ?3)",
	[QUERY_DONE_DELETE] = "DELETE FROM done WHERE \"unique\" = ?1",
	[QUERY_DONE_PRUNE] = "DELETE FROM done WHERE generation < ?1",
	[QUERY_COPY_HISTORY] = "SELECT secret, ver, box FROM history ORDER BY secret, ver",
	[QUERY_COPY_VALUES] = "SELECT id, box FROM value ORDER BY id",
	[QUERY_COPY_DONE] = "SELECT \"unique\", generation, result FROM done ORDER BY \"unique\"",
	[QUERY_SLOT_DELETE] = "DELETE FROM slot WHERE id = ?1",
};

const char *schema_query_text(enum schema_query query)
{
	return queries[query];
}

int schema_format(struct db *db, unsigned *ret_format)
{
	int64_t version;
	int r = db_number(db, "PRAGMA user_version", &version);

	if (r == 0)
		*ret_format = (unsigned)version;
	return r;
}

int schema_set_format(struct db *db, unsigned format)
{
	char text[40];

	snprintf(text, sizeof(text), "PRAGMA user_version = %u", format);
	return db_exec(db, text);
}

int schema_create(struct db *db, unsigned format)
{
	for (size_t i = 0; i < OBJECTS; i++) {
		if (!objects[i].sql)
			continue;
		int r = db_exec(db, objects[i].sql);
		if (r < 0)
			return r;
	}
	int r = db_exec(db, "PRAGMA application_id = 0x73667331");
	return r < 0 ? r : schema_set_format(db, format);
}

static int object_check(struct db *db, size_t i, struct why *why)
{
	const char *type, *name, *table, *sql;
	int r = db_schema_row(db, &type, &name, &table, &sql);

	if (r < 0)
		return why_set(
			why, r, "cannot read how the store's tables are defined: %s", strerror(-r));
	if (i == OBJECTS)
		return r == 0 ? 0
			      : why_set(why, -EBADMSG,
					"the store has an object \"%s\" that is not ours; it was "
					"tampered with",
					name ? name : "");
	if (r == 0 || !type || !name || !table || strcmp(type, objects[i].type) != 0 ||
		strcmp(name, objects[i].name) != 0 || strcmp(table, objects[i].table) != 0 ||
		!sql != !objects[i].sql || (sql && strcmp(sql, objects[i].sql) != 0))
		return why_set(why, -EBADMSG,
			"the definition of table or index \"%s\" is not what it must be; the store "
			"was tampered with",
			objects[i].name);
	return 0;
}

int schema_check(struct db *db, struct why *why)
{
	int64_t application, version;
	int r = db_number(db, "PRAGMA application_id", &application);

	if (r == 0)
		r = db_number(db, "PRAGMA user_version", &version);
	if (r < 0)
		return why_set(why, r, "this is not a secretfs store (%s)", strerror(-r));
	if (application != SCHEMA_APPLICATION)
		return why_set(why, -EBADMSG, "this is not a secretfs store");
	if (version < STORE_FORMAT_OLDEST || version > STORE_FORMAT)
		return why_set(why, -EPROTO,
			"the store has format %lld, this program knows formats up to %d; use the "
			"secretfs that made it",
			(long long)version, STORE_FORMAT);
	for (size_t i = 0; i <= OBJECTS && r == 0; i++)
		r = object_check(db, i, why);
	db_schema_end(db);
	return r;
}
