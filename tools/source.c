/* SPDX-License-Identifier: MIT */
/* source: texts in which references stand, and what is said about them. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "print.h"

#define SOURCE_FIRST (64u << 10)

/* ---- reading ---- */

static size_t source_guess(int fd)
{
	struct stat st;

	/* One byte more, so that the end is seen without growing. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		return (size_t)st.st_size + 1;
	return SOURCE_FIRST;
}

static int source_fill(int fd, struct source *source)
{
	size_t cap = source_guess(fd);

	source->owned = malloc(cap);
	if (source->owned == NULL)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, source->owned + source->len, cap - source->len);

		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
		source->len += n > 0 ? (size_t)n : 0;
		if (source->len == cap) {
			char *bigger = realloc(source->owned, cap *= 2);

			if (bigger == NULL)
				return -ENOMEM;
			source->owned = bigger;
		}
	}
	source->text = source->owned;
	return 0;
}

int source_read(struct source *ret_source, const char *path, struct why *why)
{
	bool standard = strcmp(path, "-") == 0;
	struct source source = {.label = standard ? "<stdin>" : path};
	AUTO_FD fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
			      : open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : source_fill(fd, &source);

	if (r < 0) {
		source_free(&source);
		return why_set(why, r, "cannot read %s: %s", standard ? "standard input" : path,
			strerror(-r));
	}
	*ret_source = source;
	return 0;
}

void source_free(struct source *source)
{
	free(source->owned);
	*source = (struct source){0};
}

/* ---- its references ---- */

struct reference_scan source_scan(const struct source *source)
{
	return (struct reference_scan){
		.text = source->text, .len = source->len, .line = 1, .column = 1};
}

int source_key(struct resolve *resolve, const struct reference *part, struct resolve_key **ret_key)
{
	return resolve_want(resolve, part->ns, part->name, part->key, ret_key);
}

int source_want(const struct source *source, struct resolve *resolve, size_t *count)
{
	struct reference_scan scan = source_scan(source);
	struct reference part;
	enum reference_kind kind;

	while ((kind = reference_next(&scan, &part)) != REFERENCE_END) {
		struct resolve_key *key;
		int r = kind == REFERENCE_FOUND ? source_key(resolve, &part, &key) : 0;

		if (r < 0)
			return r;
		*count += kind == REFERENCE_FOUND;
	}
	return 0;
}

/* ---- what is said about them ---- */

int source_say(const struct source *source, size_t line, size_t column, FILE *file,
	const char *mark, const char *text)
{
	char *plain, *safe;
	int n = asprintf(&plain, "%s:%zu:%zu: %s%s", source->label,
		source->line > 0 ? source->line : line, source->line > 0 ? source->column : column,
		mark, text);

	if (n < 0)
		return -ENOMEM;
	safe = malloc(4 * (size_t)n + 8);
	if (safe != NULL) {
		print_escape(plain, safe, 4 * (size_t)n + 8);
		fprintf(file, "%s\n", safe);
	}
	free(safe);
	free(plain);
	return safe == NULL ? -ENOMEM : 0;
}

int source_judge(const struct source *source, const struct reference *part, struct resolve_key *key,
	bool strict, FILE *file)
{
	const char *text;
	int r;

	if (resolve_error(key, &text) < 0) {
		r = source_say(source, part->line, part->column, file, "", text);
		return r < 0 ? r : 1;
	}
	if (key->secret->foreign == NULL || (!strict && key->secret->told))
		return 0;
	key->secret->told = true;
	r = source_say(source, part->line, part->column, file,
		strict ? "" : "warning: ", key->secret->foreign);
	return r < 0 ? r : strict;
}

long source_report(const struct source *source, struct resolve *resolve, bool strict, FILE *file)
{
	struct reference_scan scan = source_scan(source);
	struct reference part;
	enum reference_kind kind;
	long failures = 0;

	while ((kind = reference_next(&scan, &part)) != REFERENCE_END) {
		struct resolve_key *key;
		int r;

		if (kind != REFERENCE_FOUND)
			continue;
		r = source_key(resolve, &part, &key);
		if (r == 0)
			r = source_judge(source, &part, key, strict, file);
		if (r < 0)
			return r;
		failures += r;
	}
	return failures;
}
