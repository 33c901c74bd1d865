/* SPDX-License-Identifier: MIT */
/* fuzz_config: settings as a file has them, and as -o has them ("name=value" after a first line
 * "-o"). What is accepted is written as text that is read back as the same; what is refused changes
 * nothing and has a sentence. */
#include "fuzz.h"

#include <errno.h>

#include "config.h"

static void check_same(const struct config *config)
{
	static char text[CONFIG_TEXT], again[CONFIG_TEXT];
	struct config back;
	struct why why = {""};
	int len = config_write_text(config, text, sizeof(text));

	/* -o may set a relative path, which does not go on to a worker. */
	must(len >= 0 ||
		(len == -EINVAL && (config->store[0] != '/' || config->mountpoint[0] != '/' ||
					   config->keyfile[0] != '/')));
	if (len < 0)
		return;
	config_init(&back);
	must(config_read_text(&back, text, (size_t)len, "written", &why) == 0);
	must(config_write_text(&back, again, sizeof(again)) == len);
	must(memcmp(text, again, (size_t)len) == 0);
	must(back.ndeny == config->ndeny && strcmp(back.store, config->store) == 0);
}

static void read_options(char *text)
{
	struct config config, before;

	config_init(&config);
	for (char *word = strtok(text, "\n"); word; word = strtok(NULL, "\n")) {
		struct why why = {""};
		char *value = strchr(word, '=');

		if (value)
			*value++ = '\0';
		before = config;
		int r = config_set(&config, word, value, &why);
		must(r == 0 || (r == -EINVAL && why.text[0]));
		must(r == 0 || memcmp(&before, &config, sizeof(config)) == 0);
	}
	check_same(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config, before;
	struct why why = {""};
	char *text = fuzz_copy(data, size);

	config_init(&config);
	before = config;
	int r = config_read_text(&config, text, size, "fuzz", &why);
	must(r == 0 || (r == -EINVAL && why.text[0]));
	if (r == 0)
		check_same(&config);
	else
		must(memcmp(&before, &config, sizeof(config)) == 0);
	free(text);
	if (size > 3 && memcmp(data, "-o\n", 3) == 0) {
		text = malloc(size - 2);
		must(text);
		memcpy(text, data + 3, size - 3);
		text[size - 3] = '\0';
		read_options(text);
		free(text);
	}
	return 0;
}
