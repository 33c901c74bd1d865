/* SPDX-License-Identifier: MIT */
/*
 * image: a store file in memory, its rows, and what somebody with sqlite3 but without a key can do
 * to them. Whatever cannot be done here ends the program: that is the test's mistake.
 */
#ifndef TESTS_IMAGE_H
#define TESTS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #what);      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define IMAGE_COLUMNS 7

enum image_table { ROOT, BUCKET, NS, SECRET, HISTORY, VALUE, SLOT, DONE, IMAGE_TABLES };

struct image {
	uint8_t *data;
	size_t len;
};

struct cell {
	bool is_number;
	bool is_text;
	int64_t number;
	uint8_t *bytes; /* owned by the rows */
	size_t len;
};

struct image_row {
	struct cell cells[IMAGE_COLUMNS];
};

struct image_rows {
	enum image_table table;
	int columns;
	struct image_row *rows;
	size_t n;
};

const char *image_table_name(enum image_table table);
const char *image_column_name(enum image_table table, int column);
int image_columns(enum image_table table);

/* How many columns, from the first one, say which row it is. */
int image_key_columns(enum image_table table);

struct image image_read(const char *path);
void image_write(const struct image *image, const char *path);
void image_free(struct image *image);

struct image_rows image_rows(const struct image *image, enum image_table table);
/* false: they cannot all be read; to be freed all the same. */
bool image_rows_try(const struct image *image, enum image_table table, struct image_rows *ret_rows);
void image_rows_free(struct image_rows *rows);

/* Is this the same row (by its key columns)? Does it have the same content? */
bool image_row_is(enum image_table table, const struct image_row *a, const struct image_row *b);
bool image_row_equal(enum image_table table, const struct image_row *a, const struct image_row *b);

/* Has the table the same rows in both? false also if one cannot be read. */
bool image_same(const struct image *a, const struct image *b, enum image_table table);

/* ---- editing ---- */

struct image_edit;

enum image_behind {
	BEHIND_NOTHING,
	BEHIND_TAGS, /* change the tables, leave the indexes of what is unique as they are */
	BEHIND_ALL,  /* leave all indexes as they are */
};

/* Begins with a copy of the image. */
struct image_edit *image_edit(const struct image *image, enum image_behind behind);
void image_delete(struct image_edit *edit, enum image_table table, const struct image_row *row);
/* In the place of every row that it collides with. */
void image_put(struct image_edit *edit, enum image_table table, const struct image_row *row);
struct image image_edited(struct image_edit *edit);

/* The index of secrets by namespace alone: where it named id it names other. */
struct image image_index_edited(const struct image *image, int64_t id, int64_t other);

#endif
