/* SPDX-License-Identifier: MIT */
/* fuzz_reference: {{name.key}} in text. The parts, put together again, are the text; each stands
 * where it is said to stand. */
#include "fuzz.h"

#include "reference.h"

/* Counts lines and columns by hand up to a byte. */
static void check_place(const char *text, size_t at, size_t line, size_t column)
{
	size_t l = 1, c = 1;

	for (size_t i = 0; i < at; i++) {
		c++;
		if (text[i] == '\n') {
			l++;
			c = 1;
		}
	}
	must(l == line && c == column);
}

static void check_found(const struct reference *part)
{
	must(name_check(part->name, strlen(part->name)) == 0);
	must(name_check_key(part->key, strlen(part->key)) == 0);
	must(part->ns == TREE_ANY || part->ns == TREE_PRIVATE || part->ns == TREE_PUBLIC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	struct reference_scan scan = {.text = text, .len = size, .line = 1, .column = 1};
	struct reference part;
	enum reference_kind kind;
	size_t at = 0;

	while ((kind = reference_next(&scan, &part)) != REFERENCE_END) {
		must(scan.at > at && scan.at <= size);
		if (size < 4096)
			check_place(text, at, part.line, part.column);
		if (kind == REFERENCE_FOUND) {
			must(memcmp(text + at, "{{", 2) == 0 &&
				memcmp(text + scan.at - 2, "}}", 2) == 0);
			check_found(&part);
		} else {
			/* All of it, or all but the backslash before two braces. */
			bool quoted = part.text != text + at;
			must(part.text == text + at + quoted && part.len == scan.at - at - quoted);
			must(!quoted || memcmp(text + at, "\\{{", 3) == 0);
		}
		at = scan.at;
	}
	must(at == size);
	free(text);
	return 0;
}
