/* SPDX-License-Identifier: MIT */
/* listing: secrets on standard output: a table for people, and forms for programs. */
#include "listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "print.h"
#include "times.h"

int listing_form_parse(const char *text, enum listing_form *ret_form, struct why *why)
{
	static const char *const forms[] = {"table", "json", "yaml", "csv", "tsv", "name"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(text, forms[i]) == 0) {
			*ret_form = (enum listing_form)i;
			return 0;
		}
	}
	return why_set(why, -EINVAL, "--output: table, json, yaml, csv, tsv or name");
}

int listing_columns_parse(struct listing *listing, const char *text, struct why *why)
{
	listing->ncolumns = 0;
	do {
		size_t len = strcspn(text, ",");
		enum info_field field;

		if (info_field_find(text, len, &field) < 0)
			return why_set(why, -EINVAL, "--columns: there are %s", info_field_names());
		for (size_t i = 0; i < listing->ncolumns; i++) {
			if (listing->columns[i] == field)
				return why_set(why, -EINVAL, "--columns: %s stands there twice",
					info_field_name(field));
		}
		listing->columns[listing->ncolumns++] = field;
		text += len;
	} while (*text++ == ',');
	return 0;
}

void listing_columns_default(struct listing *listing)
{
	static const enum info_field shown[] = {
		INFO_NAME, INFO_PRIVATE, INFO_OWNER, INFO_KEYS, INFO_UPDATED};

	if (listing->ncolumns > 0)
		return;
	if (listing->form == LISTING_NAME) {
		listing->columns[listing->ncolumns++] = INFO_NAME;
	} else if (listing->form == LISTING_JSON || listing->form == LISTING_YAML) {
		/* A program picks what it wants. */
		for (enum info_field i = 0; i < INFO_FIELDS; i++)
			listing->columns[listing->ncolumns++] = i;
	} else {
		listing->ncolumns = sizeof(shown) / sizeof(shown[0]);
		memcpy(listing->columns, shown, sizeof(shown));
	}
}

unsigned listing_fields(const struct listing *listing)
{
	unsigned fields = 0;

	for (size_t i = 0; i < listing->ncolumns; i++)
		fields |= INFO_BIT(listing->columns[i]);
	return fields;
}

/* ---- one field as text ---- */

/* "a,b": a comma in a key, and the mark before it, have a backslash. To be freed. */
static char *listing_keys(const struct tree_list *keys)
{
	size_t len = 1, used = 0;
	char *text;

	for (size_t i = 0; i < keys->n; i++)
		len += 2 * strlen(keys->names[i]) + 1;
	text = malloc(len);
	for (size_t i = 0; text != NULL && i < keys->n; i++) {
		if (i > 0)
			text[used++] = ',';
		for (const char *p = keys->names[i]; *p != '\0'; p++) {
			if (*p == ',' || *p == '\\')
				text[used++] = '\\';
			text[used++] = *p;
		}
	}
	if (text != NULL)
		text[used] = '\0';
	return text;
}

static char *listing_time(int64_t seconds, bool local)
{
	char text[TIMES_TEXT];

	if (local)
		times_print_local(seconds, text);
	else
		times_print(seconds, text);
	return strdup(text);
}

static char *listing_mode(mode_t mode)
{
	char text[16];

	snprintf(text, sizeof(text), "%04o", (unsigned)mode);
	return strdup(text);
}

static char *listing_number(uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return strdup(text);
}

/* What is seen, as it is; to be freed. NULL: out of memory. people: times of here, yes and no. */
static char *listing_text(const struct info *info, enum info_field field, bool people)
{
	switch (field) {
	case INFO_NAME:
		return strdup(info->name);
	case INFO_NAMESPACE:
		return strdup(tree_ns_text(info->ns));
	case INFO_PRIVATE:
		if (people)
			return strdup(info->ns == TREE_PRIVATE ? "yes" : "no");
		return strdup(info->ns == TREE_PRIVATE ? "true" : "false");
	case INFO_OWNER:
		return strdup(info_user(info->uid));
	case INFO_GROUP:
		return strdup(info_group(info->gid));
	case INFO_MODE:
		return listing_mode(info->mode);
	case INFO_KEYS:
		return people && info->keys.n == 0 ? strdup("-") : listing_keys(&info->keys);
	case INFO_CREATED:
		return listing_time(info->created, people);
	case INFO_UPDATED:
		return listing_time(info->updated, people);
	case INFO_EXPIRES:
		return listing_time(info->expires, people);
	case INFO_DESCRIPTION:
		return strdup(info->description);
	case INFO_ID:
		return strdup(info->id);
	case INFO_VERSION:
		return listing_number(info->version);
	case INFO_FIELDS:
		break;
	}
	return strdup("");
}

/* Most secrets have neither; nobody can tell that from not being allowed to see it. */
static bool listing_optional(enum info_field field)
{
	return field == INFO_EXPIRES || field == INFO_DESCRIPTION;
}

/* ---- the table ---- */

static char *listing_cell(const struct info *info, enum info_field field)
{
	char *text, *cell;
	size_t room;

	if (!info_seen(info, field))
		return strdup(listing_optional(field) ? "-" : "?");
	text = listing_text(info, field, true);
	if (text == NULL)
		return NULL;
	room = 4 * strlen(text) + 8;
	cell = malloc(room);
	if (cell != NULL)
		print_escape(text, cell, room);
	free(text);
	return cell;
}

static const char *listing_colour(const struct info *info, enum info_field field)
{
	return field == INFO_EXPIRES && info_seen(info, field) && info->expires <= time(NULL)
		       ? "red"
		       : NULL;
}

static int listing_fill(const struct listing *listing, struct info *const *rows, size_t n,
	char **cells, const char **colours)
{
	for (size_t i = 0; i < n * listing->ncolumns; i++) {
		const struct info *info = rows[i / listing->ncolumns];
		enum info_field field = listing->columns[i % listing->ncolumns];

		cells[i] = listing_cell(info, field);
		if (cells[i] == NULL)
			return -ENOMEM;
		colours[i] = listing_colour(info, field);
	}
	return 0;
}

static int listing_table(const struct listing *listing, struct info *const *rows, size_t n)
{
	char headings[INFO_FIELDS][16];
	const char *heads[INFO_FIELDS];
	char **cells = calloc(n * listing->ncolumns + 1, sizeof(*cells));
	const char **colours = calloc(n * listing->ncolumns + 1, sizeof(*colours));
	int r = cells == NULL || colours == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < listing->ncolumns; i++) {
		const char *name = info_field_name(listing->columns[i]);
		size_t j = 0;

		for (; name[j] != '\0'; j++)
			headings[i][j] = (char)(name[j] - 'a' + 'A');
		headings[i][j] = '\0';
		heads[i] = headings[i];
	}
	if (r == 0)
		r = listing_fill(listing, rows, n, cells, colours);
	/* Nothing is nothing: no headings over it. */
	if (r == 0 && n > 0)
		r = print_table_coloured(heads, listing->ncolumns, cells, colours, n);
	for (size_t i = 0; cells != NULL && i < n * listing->ncolumns; i++)
		free(cells[i]);
	free(cells);
	free(colours);
	return r;
}

/* ---- json and yaml ---- */

static void listing_json_keys(const struct tree_list *keys)
{
	fputc('[', stdout);
	for (size_t i = 0; i < keys->n; i++) {
		if (i > 0)
			fputs(", ", stdout);
		print_json_string(keys->names[i]);
	}
	fputc(']', stdout);
}

static int listing_json_field(const struct info *info, enum info_field field)
{
	char *text;

	if (!info_seen(info, field)) {
		fputs("null", stdout);
		return 0;
	}
	if (field == INFO_KEYS) {
		listing_json_keys(&info->keys);
		return 0;
	}
	text = listing_text(info, field, false);
	if (text == NULL)
		return -ENOMEM;
	if (field == INFO_PRIVATE || field == INFO_VERSION)
		fputs(text, stdout);
	else
		print_json_string(text);
	free(text);
	return 0;
}

size_t listing_pages(const struct listing *listing)
{
	if (listing->size == 0 || listing->total == 0)
		return 1;
	return (listing->total - 1) / listing->size + 1;
}

static void listing_size(const struct listing *listing)
{
	if (listing->size == 0)
		fputs("null", stdout);
	else
		printf("%u", listing->size);
}

static int listing_json(const struct listing *listing, struct info *const *rows, size_t n)
{
	int r = 0;

	fputs("{\"items\": [", stdout);
	for (size_t i = 0; i < n && r == 0; i++) {
		fputs(i > 0 ? ",\n  {" : "\n  {", stdout);
		for (size_t j = 0; j < listing->ncolumns && r == 0; j++) {
			printf("%s\"%s\": ", j > 0 ? ", " : "",
				info_field_name(listing->columns[j]));
			r = listing_json_field(rows[i], listing->columns[j]);
		}
		fputc('}', stdout);
	}
	printf("%s], \"total\": %zu, \"page\": %u, \"size\": ", n > 0 ? "\n" : "", listing->total,
		listing->page);
	listing_size(listing);
	printf(", \"pages\": %zu}\n", listing_pages(listing));
	return r;
}

/* Every JSON scalar, and every list of them, is YAML. */
static int listing_yaml(const struct listing *listing, struct info *const *rows, size_t n)
{
	int r = 0;

	puts(n > 0 ? "items:" : "items: []");
	for (size_t i = 0; i < n && r == 0; i++) {
		for (size_t j = 0; j < listing->ncolumns && r == 0; j++) {
			printf("%s%s: ", j > 0 ? "    " : "  - ",
				info_field_name(listing->columns[j]));
			r = listing_json_field(rows[i], listing->columns[j]);
			fputc('\n', stdout);
		}
	}
	printf("total: %zu\npage: %u\nsize: ", listing->total, listing->page);
	listing_size(listing);
	printf("\npages: %zu\n", listing_pages(listing));
	return r;
}

/* ---- csv and tsv ---- */

static void listing_csv_text(const char *text)
{
	if (strpbrk(text, ",\"\r\n") == NULL && text[0] != ' ') {
		fputs(text, stdout);
		return;
	}
	fputc('"', stdout);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', stdout);
		fputc(*text, stdout);
	}
	fputc('"', stdout);
}

static void listing_tsv_text(const char *text)
{
	static const char special[] = "\t\n\r\\", letters[] = "tnr\\";

	for (; *text != '\0'; text++) {
		const char *found = strchr(special, *text);

		if (found != NULL)
			printf("\\%c", letters[found - special]);
		else
			fputc(*text, stdout);
	}
}

static int listing_separated_field(const struct listing *listing, const struct info *info, size_t j)
{
	char *text = info_seen(info, listing->columns[j])
			     ? listing_text(info, listing->columns[j], false)
			     : strdup("");

	if (text == NULL)
		return -ENOMEM;
	print_for_terminal(&text);
	if (text != NULL && listing->form == LISTING_CSV)
		listing_csv_text(text);
	else if (text != NULL)
		listing_tsv_text(text);
	free(text);
	return text == NULL ? -ENOMEM : 0;
}

static int listing_separated(const struct listing *listing, struct info *const *rows, size_t n)
{
	const char *between = listing->form == LISTING_CSV ? "," : "\t";
	int r = 0;

	for (size_t j = 0; j < listing->ncolumns; j++)
		printf("%s%s", j > 0 ? between : "", info_field_name(listing->columns[j]));
	fputc('\n', stdout);
	for (size_t i = 0; i < n && r == 0; i++) {
		for (size_t j = 0; j < listing->ncolumns && r == 0; j++) {
			if (j > 0)
				fputs(between, stdout);
			r = listing_separated_field(listing, rows[i], j);
		}
		fputc('\n', stdout);
	}
	return r;
}

/* ---- names ---- */

static void listing_names(struct info *const *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[PRINT_NAME];

		print_escape(rows[i]->name, text, sizeof(text));
		printf("%s%s\n", rows[i]->shadowed ? "public/" : "",
			print_terminal() ? text : rows[i]->name);
	}
}

int listing_print(const struct listing *listing, struct info *const *rows, size_t n)
{
	int r = 0;

	switch (listing->form) {
	case LISTING_TABLE:
		r = listing_table(listing, rows, n);
		break;
	case LISTING_JSON:
		r = listing_json(listing, rows, n);
		break;
	case LISTING_YAML:
		r = listing_yaml(listing, rows, n);
		break;
	case LISTING_CSV:
	case LISTING_TSV:
		r = listing_separated(listing, rows, n);
		break;
	case LISTING_NAME:
		listing_names(rows, n);
		break;
	}
	if (r == 0 && fflush(stdout) != 0)
		r = -errno;
	return r;
}
