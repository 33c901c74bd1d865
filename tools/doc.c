/* SPDX-License-Identifier: MIT */
/* doc: the tree that the readers of JSON and YAML build. */
#include "doc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "name.h"

int doc_no_memory(const char *what, struct why *why)
{
	struct secmem_usage usage;

	secmem_usage(&usage);
	return why_set(why, -ENOMEM,
		"%s: it does not fit into locked memory (%zu bytes); raise the limit with ulimit "
		"-l",
		what, usage.size);
}

int doc_add(struct doc *doc, size_t parent, size_t *last, const struct doc_node *node,
	size_t *ret_number)
{
	if (doc->n == doc->cap) {
		size_t cap = doc->cap ? doc->cap * 2 : 64;
		struct doc_node *nodes = reallocarray(doc->nodes, cap, sizeof(*nodes));

		if (nodes == NULL)
			return -ENOMEM;
		doc->nodes = nodes;
		doc->cap = cap;
	}
	if (doc->n > 0) {
		if (*last != 0)
			doc->nodes[*last].next = doc->n;
		else
			doc->nodes[parent].first = doc->n;
		*last = doc->n;
	}
	doc->nodes[doc->n] = *node;
	*ret_number = doc->n++;
	return 0;
}

int doc_append(struct doc *doc, const void *bytes, size_t len)
{
	return io_append(&doc->text, bytes, len);
}

const struct doc_node *doc_first(const struct doc *doc, const struct doc_node *node)
{
	return node->first != 0 ? &doc->nodes[node->first] : NULL;
}

const struct doc_node *doc_next(const struct doc *doc, const struct doc_node *node)
{
	return node->next != 0 ? &doc->nodes[node->next] : NULL;
}

const char *doc_name(const struct doc *doc, const struct doc_node *node)
{
	return (const char *)doc->text.data + node->name;
}

const unsigned char *doc_bytes(const struct doc *doc, const struct doc_node *node)
{
	return doc->text.data + node->at;
}

const struct doc_node *doc_member(
	const struct doc *doc, const struct doc_node *map, const char *name)
{
	size_t len = strlen(name);

	if (map->kind != DOC_MAP)
		return NULL;
	for (const struct doc_node *n = doc_first(doc, map); n != NULL; n = doc_next(doc, n)) {
		if (n->name_len == len && memcmp(doc_name(doc, n), name, len) == 0)
			return n;
	}
	return NULL;
}

static int doc_name_cmp(const void *a, const void *b, void *arg)
{
	const struct doc_node *x = *(const struct doc_node *const *)a;
	const struct doc_node *y = *(const struct doc_node *const *)b;
	size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
	int r = memcmp(doc_name(arg, x), doc_name(arg, y), len);

	if (r != 0)
		return r;
	return x->name_len < y->name_len ? -1 : x->name_len > y->name_len;
}

static int doc_twice(
	const struct doc *doc, const struct doc_node *node, const char *what, struct why *why)
{
	const char *name = doc_name(doc, node);

	if (name_check(name, node->name_len) < 0)
		return why_set(
			why, -EINVAL, "%s: line %zu: a name is given twice", what, node->line);
	return why_set(why, -EINVAL, "%s: line %zu: %.*s is given twice", what, node->line,
		(int)node->name_len, name);
}

int doc_check_names(const struct doc *doc, size_t map, const char *what, struct why *why)
{
	const struct doc_node **nodes;
	size_t n = 0, i = 0;
	int r = 0;

	for (const struct doc_node *m = doc_first(doc, &doc->nodes[map]); m; m = doc_next(doc, m))
		n++;
	if (n < 2)
		return 0;
	nodes = calloc(n, sizeof(const struct doc_node *));
	if (nodes == NULL)
		return doc_no_memory(what, why);
	for (const struct doc_node *m = doc_first(doc, &doc->nodes[map]); m; m = doc_next(doc, m))
		nodes[i++] = m;
	/* The comparison only reads it. */
	qsort_r(nodes, n, sizeof(const struct doc_node *), doc_name_cmp, (void *)(uintptr_t)doc);
	for (i = 1; r == 0 && i < n; i++) {
		if (doc_name_cmp(&nodes[i - 1], &nodes[i], (void *)(uintptr_t)doc) == 0)
			r = doc_twice(doc,
				nodes[i]->line > nodes[i - 1]->line ? nodes[i] : nodes[i - 1], what,
				why);
	}
	free(nodes);
	return r;
}

void doc_free(struct doc *doc)
{
	free(doc->nodes);
	secbuf_free(&doc->text);
	*doc = DOC_INIT;
}
