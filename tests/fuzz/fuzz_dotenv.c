/* SPDX-License-Identifier: MIT */
/* fuzz_dotenv: lines of KEY=VALUE. What is read, written as .env writes it, is read back as the
 * same; and no beginning of a text that is right is called wrong, because a write(2) may end
 * anywhere. */
#include "fuzz.h"

#include <errno.h>

#include "dotenv.h"
#include "name.h"
#include "text.h"

struct reading {
	const char *text;
	size_t size;
	char *lines; /* NULL: only read */
	size_t n;
	size_t room;
};

static int visit(void *arg, const struct dotenv_pair *pair)
{
	struct reading *reading = arg;

	must(pair->name >= reading->text &&
		pair->name + pair->name_len <= reading->text + reading->size);
	must(name_check_key(pair->name, pair->name_len) == 0 || pair->name_len > NAME_MAX_BYTES);
	size_t need = text_env_line(pair->name, pair->name_len, pair->bytes, pair->len, NULL);
	if (!need || !reading->lines)
		return 0;
	must(reading->n + need <= reading->room);
	reading->n += text_env_line(
		pair->name, pair->name_len, pair->bytes, pair->len, reading->lines + reading->n);
	return 0;
}

static int read_text(const char *text, size_t size, char *lines, size_t room, size_t *ret_n)
{
	struct reading reading = {.text = text, .size = size, .lines = lines, .room = room};
	uint8_t *scratch = malloc(size ? size : 1);
	size_t line = 0;

	must(scratch);
	int r = dotenv_read(text, size, scratch, visit, &reading, &line);
	must(r == 0 || ((r == -EINVAL || r == -ENODATA) && line > 0));
	free(scratch);
	*ret_n = reading.n;
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	/* Each byte may need a backslash, each pair quotes and an equals sign. */
	size_t room = 4 * size + 16, n, m;
	char *lines = malloc(room), *again = malloc(room);

	must(lines && again);
	if (read_text(text, size, lines, room, &n) == 0) {
		char *copy = fuzz_copy((const uint8_t *)lines, n);
		must(read_text(copy, n, again, room, &m) == 0);
		must(n == m && memcmp(lines, again, n) == 0);
		free(copy);
		for (size_t cut = size > 64 ? size - 64 : 0; cut < size; cut++) {
			copy = fuzz_copy(data, cut);
			must(read_text(copy, cut, NULL, 0, &m) != -EINVAL);
			free(copy);
		}
	}
	free(lines);
	free(again);
	free(text);
	return 0;
}
