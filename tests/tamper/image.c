/* SPDX-License-Identifier: MIT */
/*
 * image: SQLite on a copy in memory.
 *
 * To change a table behind the back of its indexes, its definition is replaced by one that has
 * none, and put back afterwards: definitions are on the first page, behind the file's header.
 */
#include "image.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE       4096
#define HEADER     100
#define AT_VERSION 18 /* of writing, then of reading: 2 is a write-ahead log */

static const struct {
	const char *name;
	const char *columns[IMAGE_COLUMNS];
	int keys;
	const char *bare; /* the same without an index */
} tables[IMAGE_TABLES] = {
	[ROOT] = {"root", {"id", "box"}, 1, NULL},
	[BUCKET] = {"bucket", {"id", "ver", "box"}, 1, NULL},
	[NS] = {"ns", {"id", "tag", "ver", "box"}, 1,
		"CREATE TABLE ns(id INTEGER PRIMARY KEY, tag, ver, box)"},
	[SECRET] = {"secret", {"id", "ns", "tag", "ver", "box"}, 1,
		"CREATE TABLE secret(id INTEGER PRIMARY KEY, ns, tag, ver, box)"},
	[HISTORY] = {"history", {"secret", "ver", "box"}, 2,
		"CREATE TABLE history(secret, ver, box)"},
	[VALUE] = {"value", {"id", "box"}, 1, NULL},
	[SLOT] = {"slot", {"id", "kind", "salt", "ops", "mem", "label", "box"}, 1, NULL},
	[DONE] = {"done", {"\"unique\"", "generation", "result"}, 1, NULL},
};

struct image_edit {
	sqlite3 *sqlite;
	uint8_t page[PAGE]; /* the first one, as it was */
	enum image_behind behind;
};

const char *image_table_name(enum image_table table)
{
	return tables[table].name;
}

const char *image_column_name(enum image_table table, int column)
{
	return tables[table].columns[column];
}

int image_columns(enum image_table table)
{
	int n = 0;

	while (n < IMAGE_COLUMNS && tables[table].columns[n])
		n++;
	return n;
}

int image_key_columns(enum image_table table)
{
	return tables[table].keys;
}

/* ---- files ---- */

struct image image_read(const char *path)
{
	struct image image = {NULL, 0};
	FILE *in = fopen(path, "rbe");
	size_t n;

	must(in);
	do {
		image.data = realloc(image.data, image.len + 65536);
		must(image.data);
		n = fread(image.data + image.len, 1, 65536, in);
		image.len += n;
	} while (n > 0);
	fclose(in);
	return image;
}

void image_write(const struct image *image, const char *path)
{
	FILE *out = fopen(path, "wbe");

	must(out);
	must(fwrite(image->data, 1, image->len, out) == image->len);
	must(fclose(out) == 0);
}

void image_free(struct image *image)
{
	free(image->data);
	*image = (struct image){NULL, 0};
}

/* ---- SQLite in memory ---- */

/* NULL: SQLite does not take it. */
static sqlite3 *memory_open(const struct image *image)
{
	sqlite3 *sqlite = NULL;
	unsigned char *copy = sqlite3_malloc64(image->len);

	must(copy && sqlite3_open(":memory:", &sqlite) == SQLITE_OK);
	memcpy(copy, image->data, image->len);
	if (image->len > HEADER)
		copy[AT_VERSION] = copy[AT_VERSION + 1] = 1;
	if (sqlite3_deserialize(sqlite, "main", copy, (sqlite3_int64)image->len,
		    (sqlite3_int64)image->len,
		    SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) != SQLITE_OK) {
		sqlite3_close(sqlite);
		return NULL;
	}
	return sqlite;
}

static void memory_run(sqlite3 *sqlite, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(sqlite, sql, NULL, NULL, &error) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, error);
		abort();
	}
}

static struct image memory_take(sqlite3 *sqlite)
{
	struct image image;
	sqlite3_int64 len;
	unsigned char *bytes = sqlite3_serialize(sqlite, "main", &len, 0);

	must(bytes && len > HEADER);
	image.len = (size_t)len;
	image.data = malloc(image.len);
	must(image.data);
	memcpy(image.data, bytes, image.len);
	image.data[AT_VERSION] = image.data[AT_VERSION + 1] = 2;
	sqlite3_free(bytes);
	sqlite3_close(sqlite);
	return image;
}

/* ---- rows ---- */

static void columns_text(enum image_table table, char text[128])
{
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; i < image_columns(table); i++)
		len += (size_t)snprintf(
			text + len, 128 - len, "%s%s", i ? ", " : "", tables[table].columns[i]);
}

static struct cell cell_read(sqlite3_stmt *stmt, int column)
{
	struct cell cell = {0};
	int type = sqlite3_column_type(stmt, column);

	if (type == SQLITE_INTEGER) {
		cell.is_number = true;
		cell.number = sqlite3_column_int64(stmt, column);
		return cell;
	}
	const void *bytes = sqlite3_column_blob(stmt, column);
	cell.is_text = type != SQLITE_BLOB;
	cell.len = (size_t)sqlite3_column_bytes(stmt, column);
	cell.bytes = malloc(cell.len + 1);
	must(cell.bytes);
	if (cell.len)
		memcpy(cell.bytes, bytes, cell.len);
	return cell;
}

bool image_rows_try(const struct image *image, enum image_table table, struct image_rows *rows)
{
	char columns[128], sql[256];
	sqlite3_stmt *stmt = NULL;
	sqlite3 *sqlite = memory_open(image);
	int code = SQLITE_ERROR;
	size_t cap = 0;

	*rows = (struct image_rows){.table = table, .columns = image_columns(table)};
	columns_text(table, columns);
	/* Not by an index, which may say something else; nor in the order of the file, which says
	 * nothing. */
	snprintf(sql, sizeof(sql), "SELECT %s FROM %s NOT INDEXED ORDER BY 1, 2", columns,
		tables[table].name);
	if (sqlite)
		code = sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL);
	while (stmt && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (rows->n == cap) {
			cap = cap ? 2 * cap : 64;
			rows->rows = reallocarray(rows->rows, cap, sizeof(*rows->rows));
			must(rows->rows);
		}
		struct image_row *row = &rows->rows[rows->n++];
		*row = (struct image_row){0};
		for (int i = 0; i < rows->columns; i++)
			row->cells[i] = cell_read(stmt, i);
	}
	sqlite3_finalize(stmt);
	sqlite3_close(sqlite);
	return code == SQLITE_DONE;
}

struct image_rows image_rows(const struct image *image, enum image_table table)
{
	struct image_rows rows;

	must(image_rows_try(image, table, &rows));
	return rows;
}

void image_rows_free(struct image_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		for (int j = 0; j < rows->columns; j++)
			free(rows->rows[i].cells[j].bytes);
	free(rows->rows);
	rows->rows = NULL;
	rows->n = 0;
}

static bool cell_equal(const struct cell *a, const struct cell *b)
{
	return a->is_number == b->is_number && a->is_text == b->is_text && a->number == b->number &&
	       a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

static bool cells_equal(const struct image_row *a, const struct image_row *b, int n)
{
	for (int i = 0; i < n; i++)
		if (!cell_equal(&a->cells[i], &b->cells[i]))
			return false;
	return true;
}

bool image_row_is(enum image_table table, const struct image_row *a, const struct image_row *b)
{
	return cells_equal(a, b, tables[table].keys);
}

bool image_row_equal(enum image_table table, const struct image_row *a, const struct image_row *b)
{
	return cells_equal(a, b, image_columns(table));
}

bool image_same(const struct image *a, const struct image *b, enum image_table table)
{
	struct image_rows x, y;
	bool same = image_rows_try(a, table, &x);

	same &= image_rows_try(b, table, &y);
	same = same && x.n == y.n;
	for (size_t i = 0; same && i < x.n; i++)
		same = image_row_equal(table, &x.rows[i], &y.rows[i]);
	image_rows_free(&x);
	image_rows_free(&y);
	return same;
}

/* ---- editing ---- */

static void schema_writable(sqlite3 *sqlite)
{
	sqlite3_db_config(sqlite, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	memory_run(sqlite, "PRAGMA writable_schema = ON");
}

/* The image without those indexes, opened anew, so that SQLite knows of none. */
static sqlite3 *strip(sqlite3 *sqlite, enum image_behind behind)
{
	char sql[256];

	schema_writable(sqlite);
	for (int i = 0; i < IMAGE_TABLES; i++) {
		if (!tables[i].bare)
			continue;
		snprintf(sql, sizeof(sql),
			"UPDATE sqlite_schema SET sql = '%s' WHERE type = 'table' AND name = '%s'",
			tables[i].bare, tables[i].name);
		memory_run(sqlite, sql);
	}
	memory_run(
		sqlite, behind == BEHIND_ALL
				? "DELETE FROM sqlite_schema WHERE type = 'index'"
				: "DELETE FROM sqlite_schema WHERE type = 'index' AND sql IS NULL");
	struct image bare = memory_take(sqlite);
	sqlite = memory_open(&bare);
	image_free(&bare);
	must(sqlite);
	return sqlite;
}

struct image_edit *image_edit(const struct image *image, enum image_behind behind)
{
	struct image_edit *edit = calloc(1, sizeof(*edit));

	must(edit);
	edit->behind = behind;
	memcpy(edit->page, image->data, PAGE);
	edit->sqlite = memory_open(image);
	must(edit->sqlite);
	if (behind)
		edit->sqlite = strip(edit->sqlite, behind);
	memory_run(edit->sqlite, "BEGIN");
	return edit;
}

static void bind(sqlite3_stmt *stmt, int at, const struct cell *cell)
{
	int code = cell->is_number ? sqlite3_bind_int64(stmt, at, cell->number)
		   : cell->is_text
			   ? sqlite3_bind_text(stmt, at, (const char *)cell->bytes, (int)cell->len,
				     SQLITE_STATIC)
			   : sqlite3_bind_blob(stmt, at, cell->len ? (void *)cell->bytes : "",
				     (int)cell->len, SQLITE_STATIC);

	must(code == SQLITE_OK);
}

static void run_with(
	struct image_edit *edit, const char *sql, const struct image_row *row, int cells)
{
	sqlite3_stmt *stmt;

	must(sqlite3_prepare_v2(edit->sqlite, sql, -1, &stmt, NULL) == SQLITE_OK);
	for (int i = 0; i < cells; i++)
		bind(stmt, i + 1, &row->cells[i]);
	must(sqlite3_step(stmt) == SQLITE_DONE);
	sqlite3_finalize(stmt);
}

void image_delete(struct image_edit *edit, enum image_table table, const struct image_row *row)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE %s = ?1%s", tables[table].name,
		tables[table].columns[0], tables[table].keys == 2 ? " AND ver = ?2" : "");
	run_with(edit, sql, row, tables[table].keys);
}

void image_put(struct image_edit *edit, enum image_table table, const struct image_row *row)
{
	static const char marks[] = "?1,?2,?3,?4,?5,?6,?7";
	char columns[128], sql[256];
	int n = image_columns(table);

	/* Without its index history takes the same version twice. */
	if (edit->behind)
		image_delete(edit, table, row);
	columns_text(table, columns);
	snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO %s(%s) VALUES(%.*s)", tables[table].name,
		columns, 3 * n - 1, marks);
	run_with(edit, sql, row, n);
}

struct image image_edited(struct image_edit *edit)
{
	memory_run(edit->sqlite, "COMMIT");
	struct image image = memory_take(edit->sqlite);
	if (edit->behind)
		memcpy(image.data + HEADER, edit->page + HEADER, PAGE - HEADER);
	free(edit);
	return image;
}

/* An entry of an index of one page: length of its head 3, type of ns (1 byte, or the number 1 with
 * none), type of id (1 byte), ns, id. */
static uint8_t *index_entry(uint8_t *page, int64_t id)
{
	for (uint8_t *at = page + 8; at + 4 <= page + PAGE; at++)
		if (at[0] == 3 && (at[1] == 1 || at[1] == 9) && at[2] == 1 &&
			at + 3 + (at[1] == 1) < page + PAGE && at[3 + (at[1] == 1)] == id)
			return &at[3 + (at[1] == 1)];
	return NULL;
}

struct image image_index_edited(const struct image *image, int64_t id, int64_t other)
{
	sqlite3_stmt *stmt;
	sqlite3 *sqlite = memory_open(image);

	must(sqlite && id > 1 && id < 128 && other > 0 && other < 128);
	must(sqlite3_prepare_v2(sqlite,
		     "SELECT rootpage FROM sqlite_schema WHERE name = 'secret_ns'", -1, &stmt,
		     NULL) == SQLITE_OK);
	must(sqlite3_step(stmt) == SQLITE_ROW);
	size_t page = (size_t)sqlite3_column_int64(stmt, 0) - 1;
	sqlite3_finalize(stmt);
	struct image edited = memory_take(sqlite);
	uint8_t *entry = index_entry(edited.data + page * PAGE, id);
	must(entry);
	*entry = (uint8_t)other;
	return edited;
}
