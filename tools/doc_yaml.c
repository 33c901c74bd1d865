/* SPDX-License-Identifier: MIT */
/*
 * doc_yaml: a reader of YAML on the events of libyaml.
 *
 * libyaml asks yaml_malloc and its sisters for all of its memory; the ones below stand in front of
 * its own, so that what it copies of the text lies in secret memory. Where they do not (another
 * build of the library) nothing is read.
 *
 * Threads: one text at a time in a process.
 */
#include "doc.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <yaml.h>

#include "name.h"
#include "text.h"

/* ---- libyaml's memory ---- */

/* Stands before each piece. */
struct yaml_piece {
	alignas(max_align_t) struct secbuf run;
};

static size_t yaml_pieces; /* handed out since the start */

void *yaml_malloc(size_t size);
void *yaml_realloc(void *piece, size_t size);
void yaml_free(void *piece);
yaml_char_t *yaml_strdup(const yaml_char_t *text);

void *yaml_malloc(size_t size)
{
	struct secbuf run = SECBUF_INIT;
	struct yaml_piece *head;

	if (size > SIZE_MAX - sizeof(*head) ||
		secbuf_alloc(&run, size + sizeof(*head), SECMEM_SELF) < 0)
		return NULL;
	yaml_pieces++;
	head = (void *)run.data;
	head->run = run;
	return head + 1;
}

void yaml_free(void *piece)
{
	struct secbuf run;

	if (piece == NULL)
		return;
	run = ((struct yaml_piece *)piece - 1)->run;
	secbuf_free(&run);
}

void *yaml_realloc(void *piece, size_t size)
{
	struct yaml_piece *head;
	size_t room;
	void *moved;

	if (piece == NULL)
		return yaml_malloc(size);
	head = (struct yaml_piece *)piece - 1;
	room = head->run.cap - sizeof(*head);
	if (size <= room)
		return piece;
	moved = yaml_malloc(size);
	if (moved == NULL)
		return NULL;
	memcpy(moved, piece, room);
	yaml_free(piece);
	return moved;
}

yaml_char_t *yaml_strdup(const yaml_char_t *text)
{
	size_t size = text != NULL ? strlen((const char *)text) + 1 : 0;
	void *copy = size > 0 ? yaml_malloc(size) : NULL;

	if (copy != NULL)
		memcpy(copy, text, size);
	return copy;
}

/* ---- events ---- */

struct yaml {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct doc *doc;
	const char *what;
	struct why *why;
};

static int yaml_node(
	struct yaml *yaml, struct doc_node *node, size_t parent, size_t *last, unsigned depth);

static int yaml_bad(struct yaml *yaml, const yaml_mark_t *mark, const char *problem)
{
	return why_set(yaml->why, -EINVAL, "%s: line %zu, column %zu: %s", yaml->what,
		mark->line + 1, mark->column + 1, problem);
}

/* The library's sentences are fixed: they repeat nothing of the text. */
static int yaml_next(struct yaml *yaml)
{
	yaml_parser_t *parser = &yaml->parser;

	yaml_event_delete(&yaml->event);
	if (yaml_parser_parse(parser, &yaml->event))
		return 0;
	memset(&yaml->event, 0, sizeof(yaml->event));
	if (parser->error == YAML_MEMORY_ERROR)
		return doc_no_memory(yaml->what, yaml->why);
	/* The reader knows only an offset. */
	if (parser->error == YAML_READER_ERROR)
		return why_set(yaml->why, -EINVAL, "%s: byte %zu: %s", yaml->what,
			parser->problem_offset + 1, parser->problem);
	return yaml_bad(yaml, &parser->problem_mark, parser->problem);
}

static bool yaml_is(const struct yaml *yaml, yaml_event_type_t type)
{
	return yaml->event.type == type;
}

/* ---- scalars ---- */

static bool yaml_null(const char *text, size_t len)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
			return true;
	}
	return false;
}

/* The text is broken into lines as its writer liked. In place, in the event. */
static size_t yaml_squeeze(char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n' && text[i] != '\r')
			text[n++] = text[i];
	}
	return n;
}

static int yaml_binary(struct yaml *yaml, struct doc_node *node)
{
	char *text = (char *)yaml->event.data.scalar.value;
	size_t len = yaml_squeeze(text, yaml->event.data.scalar.length);
	AUTO_SECBUF bytes = SECBUF_INIT;
	int n;

	if (secbuf_alloc(&bytes, len / 4 * 3, SECMEM_SELF) < 0)
		return doc_no_memory(yaml->what, yaml->why);
	n = text_base64_decode(text, len, bytes.data);
	if (n < 0)
		return yaml_bad(yaml, &yaml->event.start_mark, "!!binary takes padded base64");
	node->binary = true;
	node->len = (size_t)n;
	return doc_append(yaml->doc, bytes.data, node->len);
}

/* An application's own tag may stand for something to be done (!vault, !env): not for its text. */
static bool yaml_tag_known(const char *tag)
{
	static const char core[] = "tag:yaml.org,2002:";

	return tag == NULL || strcmp(tag, "!") == 0 || strncmp(tag, core, sizeof(core) - 1) == 0;
}

static int yaml_scalar(struct yaml *yaml, struct doc_node *node)
{
	const char *tag = (const char *)yaml->event.data.scalar.tag;
	const char *text = (const char *)yaml->event.data.scalar.value;
	size_t len = yaml->event.data.scalar.length;
	bool plain = yaml->event.data.scalar.plain_implicit;
	int r = 0;

	if (!yaml_tag_known(tag))
		return yaml_bad(yaml, &yaml->event.start_mark, "a tag that is not known here");
	node->kind = DOC_SCALAR;
	node->at = yaml->doc->text.len;
	if (tag != NULL && strcmp(tag, "tag:yaml.org,2002:binary") == 0) {
		r = yaml_binary(yaml, node);
	} else if ((tag != NULL && strcmp(tag, YAML_NULL_TAG) == 0) ||
		   (tag == NULL && plain && yaml_null(text, len))) {
		node->kind = DOC_NULL;
	} else {
		node->len = len;
		r = doc_append(yaml->doc, text, len);
	}
	return r == -ENOMEM ? doc_no_memory(yaml->what, yaml->why) : r;
}

/* ---- what holds others ---- */

static int yaml_list(struct yaml *yaml, size_t list, unsigned depth)
{
	size_t last = 0;
	int r = yaml_next(yaml);

	while (r == 0 && !yaml_is(yaml, YAML_SEQUENCE_END_EVENT)) {
		struct doc_node node = {0};

		r = yaml_node(yaml, &node, list, &last, depth);
	}
	return r;
}

static int yaml_member_name(struct yaml *yaml, struct doc_node *node)
{
	if (!yaml_is(yaml, YAML_SCALAR_EVENT))
		return yaml_bad(yaml, &yaml->event.start_mark, "a name should be here");
	node->name = yaml->doc->text.len;
	node->name_len = yaml->event.data.scalar.length;
	if (doc_append(yaml->doc, yaml->event.data.scalar.value, node->name_len) < 0)
		return doc_no_memory(yaml->what, yaml->why);
	return yaml_next(yaml);
}

static int yaml_map(struct yaml *yaml, size_t map, unsigned depth)
{
	size_t last = 0;
	int r = yaml_next(yaml);

	while (r == 0 && !yaml_is(yaml, YAML_MAPPING_END_EVENT)) {
		struct doc_node node = {0};

		r = yaml_member_name(yaml, &node);
		if (r == 0)
			r = yaml_node(yaml, &node, map, &last, depth);
	}
	return r < 0 ? r : doc_check_names(yaml->doc, map, yaml->what, yaml->why);
}

/* The current event and all that belongs to it; goes on to the one after it. */
static int yaml_node(
	struct yaml *yaml, struct doc_node *node, size_t parent, size_t *last, unsigned depth)
{
	const yaml_mark_t mark = yaml->event.start_mark;
	bool map = yaml_is(yaml, YAML_MAPPING_START_EVENT);
	bool list = yaml_is(yaml, YAML_SEQUENCE_START_EVENT);
	size_t number;
	int r = 0;

	node->line = mark.line + 1;
	if (yaml_is(yaml, YAML_ALIAS_EVENT))
		return yaml_bad(yaml, &mark, "references to anchors are not read; write it out");
	if ((map || list) && depth == DOC_DEPTH)
		return yaml_bad(yaml, &mark, "too many lists and maps in each other");
	if (map || list)
		node->kind = map ? DOC_MAP : DOC_LIST;
	else
		r = yaml_scalar(yaml, node);
	if (r < 0)
		return r;
	if (doc_add(yaml->doc, parent, last, node, &number) < 0)
		return doc_no_memory(yaml->what, yaml->why);
	if (map)
		r = yaml_map(yaml, number, depth + 1);
	else if (list)
		r = yaml_list(yaml, number, depth + 1);
	return r < 0 ? r : yaml_next(yaml);
}

/* From the start of the stream to its end. A text without a document is the same as null. */
static int yaml_stream(struct yaml *yaml)
{
	struct doc_node whole = {.line = 1};
	size_t last = 0;
	int r = yaml_next(yaml);

	if (r == 0)
		r = yaml_next(yaml);
	if (r == 0 && yaml_is(yaml, YAML_STREAM_END_EVENT))
		return doc_add(yaml->doc, 0, &last, &whole, &last) < 0
			       ? doc_no_memory(yaml->what, yaml->why)
			       : 0;
	if (r == 0)
		r = yaml_next(yaml);
	if (r == 0)
		r = yaml_node(yaml, &whole, 0, &last, 0);
	if (r == 0)
		r = yaml_next(yaml);
	if (r == 0 && !yaml_is(yaml, YAML_STREAM_END_EVENT))
		r = yaml_bad(yaml, &yaml->event.start_mark, "only one document is read");
	return r;
}

int doc_read_yaml(struct doc *ret_doc, const struct secbuf *text, const char *what, struct why *why)
{
	AUTO_DOC doc = DOC_INIT;
	struct yaml yaml = {.doc = &doc, .what = what, .why = why};
	size_t before = yaml_pieces;
	int r;

	if (!name_utf8(text->data, text->len))
		return why_set(
			why, -EINVAL, "%s: not UTF-8; a value of other bytes is !!binary", what);
	if (secbuf_alloc(&doc.text, text->len, SECMEM_SELF) < 0 ||
		!yaml_parser_initialize(&yaml.parser))
		return doc_no_memory(what, why);
	if (yaml_pieces == before) {
		yaml_parser_delete(&yaml.parser);
		return why_set(why, -ENOTSUP,
			"%s: this build of libyaml would keep values in memory that is not locked; "
			"use JSON",
			what);
	}
	yaml_parser_set_encoding(&yaml.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&yaml.parser, text->data, text->len);
	r = yaml_stream(&yaml);
	yaml_event_delete(&yaml.event);
	yaml_parser_delete(&yaml.parser);
	if (r == 0) {
		*ret_doc = doc;
		doc = DOC_INIT;
	}
	return r;
}
