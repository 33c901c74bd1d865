/* SPDX-License-Identifier: MIT */
/* filter: conditions on secrets, as "list --FIELD [OPERATOR:]OPERAND" has them. */
#include "filter.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "args.h"
#include "times.h"

enum filter_op {
	OP_EQUALS,
	OP_NOTEQUALS,
	OP_CONTAINS,
	OP_STARTSWITH,
	OP_ENDSWITH,
	OP_ONEOF,
	OP_GT,
	OP_GTE,
	OP_LT,
	OP_LTE,
	OP_IN,
	OP_COUNT,
};

static const char *const op_names[OP_COUNT] = {"equals", "notequals", "contains", "startswith",
	"endswith", "oneof", "gt", "gte", "lt", "lte", "in"};

struct filter {
	enum info_field field;
	enum filter_op op;
	char **texts;   /* the operands: as they are compared */
	int64_t *times; /* the operands as times; NULL: compared as text */
	size_t n;
};

bool filter_has(enum info_field field)
{
	switch (field) {
	case INFO_NAME:
	case INFO_PRIVATE:
	case INFO_OWNER:
	case INFO_KEYS:
	case INFO_CREATED:
	case INFO_UPDATED:
	case INFO_EXPIRES:
	case INFO_ID:
		return true;
	default:
		return false;
	}
}

static bool is_time(enum info_field field)
{
	return field == INFO_CREATED || field == INFO_UPDATED || field == INFO_EXPIRES;
}

/* ---- operands ---- */

static int filter_operand(struct filter *f, const char *text, size_t len)
{
	char **texts = realloc(f->texts, (f->n + 1) * sizeof(*texts));

	if (texts == NULL)
		return -ENOMEM;
	f->texts = texts;
	texts[f->n] = strndup(text, len);
	return texts[f->n] == NULL ? -ENOMEM : (f->n++, 0);
}

/* a,b with or without spaces around. */
static int filter_commas(struct filter *f, const char *text)
{
	int r;

	do {
		size_t len = strcspn(text, ","), from = 0, to = len;

		while (from < to && text[from] == ' ')
			from++;
		while (to > from && text[to - 1] == ' ')
			to--;
		r = filter_operand(f, text + from, to - from);
		text += len;
	} while (r == 0 && *text++ == ',');
	return r;
}

/* ["a", "b"] */
static int filter_array(struct filter *f, const char *text)
{
	json_t *array = json_loads(text, 0, NULL), *one;
	int r = json_is_array(array) ? 0 : -EINVAL;
	size_t i;

	json_array_foreach(array, i, one)
	{
		char number[32];

		if (r < 0)
			break;
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(one));
		if (json_is_string(one))
			r = filter_operand(f, json_string_value(one), json_string_length(one));
		else
			r = json_is_integer(one) ? filter_operand(f, number, strlen(number))
						 : -EINVAL;
	}
	json_decref(array);
	return r;
}

static int filter_operands(struct filter *f, const char *text, struct why *why)
{
	const char *name = info_field_name(f->field);
	int r;

	if (f->op != OP_ONEOF && f->op != OP_IN)
		r = filter_operand(f, text, strlen(text));
	else if (text[strspn(text, " ")] == '[')
		r = filter_array(f, text);
	else
		r = filter_commas(f, text);
	if (r == -EINVAL)
		return why_set(why, r,
			"--%s: several operands are written as a,b or [\"a\", \"b\"]",
			f->field == INFO_KEYS ? "key" : name);
	return r < 0 ? why_set(why, r, "out of memory") : 0;
}

/* ---- what the fields ask for ---- */

static int filter_private(struct filter *f, struct why *why)
{
	bool on;

	if (f->op != OP_EQUALS && f->op != OP_NOTEQUALS)
		return why_set(why, -EINVAL,
			"--private: true or false, or equals: or notequals: before it; no other "
			"operator makes sense");
	if (args_bool(f->texts[0], &on, why) < 0)
		return -EINVAL;
	free(f->texts[0]);
	f->texts[0] = strdup(on ? "true" : "false");
	return f->texts[0] == NULL ? why_set(why, -ENOMEM, "out of memory") : 0;
}

static int filter_times(struct filter *f, struct why *why)
{
	const char *name = info_field_name(f->field);

	if (f->op == OP_CONTAINS || f->op == OP_STARTSWITH || f->op == OP_ENDSWITH)
		return 0;
	f->times = calloc(f->n + 1, sizeof(*f->times));
	if (f->times == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	for (size_t i = 0; i < f->n; i++) {
		if (times_parse(f->texts[i], &f->times[i]) < 0)
			return why_set(why, -EINVAL,
				"--%s: a time is written as 2026-01-31, 2026-01-31T12:00:00Z or "
				"seconds since 1970",
				name);
	}
	if (f->op == OP_IN && f->n != 2)
		return why_set(why, -EINVAL, "--%s: in takes two times, in:FROM,TO", name);
	return 0;
}

static int filter_parse(struct filter *f, const char *text, struct why *why)
{
	const char *colon = strchr(text, ':');
	int r;

	for (enum filter_op op = 0; colon != NULL && op < OP_COUNT; op++) {
		size_t len = strlen(op_names[op]);

		if (len == (size_t)(colon - text) && memcmp(text, op_names[op], len) == 0) {
			f->op = op;
			text = colon + 1;
			break;
		}
	}
	r = filter_operands(f, text, why);
	if (r == 0 && f->field == INFO_PRIVATE)
		r = filter_private(f, why);
	if (r == 0 && is_time(f->field))
		r = filter_times(f, why);
	return r;
}

static void filter_clear(struct filter *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->texts[i]);
	free(f->texts);
	free(f->times);
}

/* How many system calls it takes to know the field. */
static int filter_cost(enum info_field field)
{
	switch (field) {
	case INFO_NAME:
	case INFO_PRIVATE:
		return 0;
	case INFO_KEYS:
		return 4;
	default:
		return 1;
	}
}

int filters_add(struct filters *filters, enum info_field field, const char *text, struct why *why)
{
	struct filter *items = realloc(filters->items, (filters->n + 1) * sizeof(*items));
	struct filter f = {.field = field};
	size_t at = filters->n;
	int r;

	if (items == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	filters->items = items;
	r = filter_parse(&f, text, why);
	if (r < 0) {
		filter_clear(&f);
		return r;
	}
	for (; at > 0 && filter_cost(items[at - 1].field) > filter_cost(field); at--)
		items[at] = items[at - 1];
	items[at] = f;
	filters->n++;
	return 0;
}

void filters_free(struct filters *filters)
{
	for (size_t i = 0; i < filters->n; i++)
		filter_clear(&filters->items[i]);
	free(filters->items);
	*filters = (struct filters){0};
}

/* ---- does it fit? ---- */

static bool fits_order(enum filter_op op, int order)
{
	switch (op) {
	case OP_GT:
		return order > 0;
	case OP_GTE:
		return order >= 0;
	case OP_LT:
		return order < 0;
	case OP_LTE:
		return order <= 0;
	default:
		return order == 0;
	}
}

static bool fits_text(const struct filter *f, const char *text)
{
	const char *operand = f->n > 0 ? f->texts[0] : "";
	size_t len = strlen(text), part = strlen(operand);

	switch (f->op) {
	case OP_CONTAINS:
		return strstr(text, operand) != NULL;
	case OP_STARTSWITH:
		return strncmp(text, operand, part) == 0;
	case OP_ENDSWITH:
		return len >= part && strcmp(text + len - part, operand) == 0;
	case OP_ONEOF:
	case OP_IN:
		for (size_t i = 0; i < f->n; i++) {
			if (strcmp(text, f->texts[i]) == 0)
				return true;
		}
		return false;
	default:
		return fits_order(f->op, strcmp(text, operand));
	}
}

static bool fits_time(const struct filter *f, int64_t when)
{
	char text[TIMES_TEXT];

	if (f->times == NULL) {
		times_print(when, text);
		return fits_text(f, text);
	}
	if (f->op == OP_IN)
		return f->times[0] <= when && when <= f->times[1];
	for (size_t i = 0; i < f->n; i++) {
		if (fits_order(f->op, (when > f->times[i]) - (when < f->times[i])))
			return true;
	}
	return false;
}

static bool fits_owner(const struct filter *f, uid_t uid)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", (unsigned)uid);
	return fits_text(f, info_user(uid)) || fits_text(f, number);
}

static bool fits_keys(const struct filter *f, const struct tree_list *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (fits_text(f, keys->names[i]))
			return true;
	}
	return false;
}

/* What is not seen fits nothing, and so is not equal. */
static bool filter_fits(const struct filter *f, const struct info *info)
{
	if (!info_seen(info, f->field))
		return false;
	switch (f->field) {
	case INFO_NAME:
		return fits_text(f, info->name);
	case INFO_PRIVATE:
		return fits_text(f, info->ns == TREE_PRIVATE ? "true" : "false");
	case INFO_OWNER:
		return fits_owner(f, info->uid);
	case INFO_KEYS:
		return fits_keys(f, &info->keys);
	case INFO_CREATED:
		return fits_time(f, info->created);
	case INFO_UPDATED:
		return fits_time(f, info->updated);
	case INFO_EXPIRES:
		return fits_time(f, info->expires);
	case INFO_ID:
		return fits_text(f, info->id);
	default:
		return false;
	}
}

int filters_match(const struct filters *filters, struct info *info, const struct tree *tree)
{
	for (size_t i = 0; i < filters->n; i++) {
		const struct filter *f = &filters->items[i];
		int r = info_read(info, tree, INFO_BIT(f->field));

		if (r < 0)
			return r;
		/* fits_order takes notequals for equals. */
		if ((f->op == OP_NOTEQUALS) != filter_fits(f, info)) {
			if (filters->any)
				return 1;
		} else if (!filters->any) {
			return 0;
		}
	}
	return filters->n == 0 || !filters->any;
}
