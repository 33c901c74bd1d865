/* SPDX-License-Identifier: MIT */
/* ask: keys and values that are typed at a terminal. */
#include "ask.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "log.h"
#include "print.h"
#include "prompt.h"

struct ask {
	struct change *change;
	const struct tree_list *have;
	struct why *why;
};

static bool ask_is(const char *answer, const char *letter, const char *word)
{
	return strcasecmp(answer, letter) == 0 || strcasecmp(answer, word) == 0;
}

static bool ask_has(const struct ask *ask, const char *key)
{
	for (size_t i = 0; ask->have != NULL && i < ask->have->n; i++) {
		if (strcmp(ask->have->names[i], key) == 0)
			return true;
	}
	return false;
}

/* A name of a key; 0: none was given. */
static int ask_key(struct ask *ask, const char *question, char ret_key[NAME_MAX_BYTES + 1])
{
	for (;;) {
		int r = prompt_line(question, ret_key, NAME_MAX_BYTES + 1, ask->why);

		if (r < 0 && r != -EMSGSIZE)
			return r;
		if (r == 0 && ret_key[0] == '\0')
			return 0;
		if (r == 0 && tree_key_check(ret_key, ask->why) == 0)
			return 1;
		log_warn("%s", ask->why->text);
	}
}

static int ask_value(struct ask *ask, const char *key)
{
	AUTO_SECBUF bytes = SECBUF_INIT;
	char shown[PRINT_NAME];
	int r;

	print_escape(key, shown, sizeof(shown));
	r = prompt_value(shown, &bytes, ask->why);
	if (r < 0)
		return r;
	change_keep(ask->change, key);
	r = values_put(&ask->change->set, key, &bytes);
	return r < 0 ? why_set(ask->why, r, "out of memory") : 0;
}

static int ask_remove(struct ask *ask)
{
	char key[NAME_MAX_BYTES + 1];
	int r = ask_key(ask, "Remove which key (empty: none): ", key);

	if (r <= 0)
		return r;
	if (values_drop(&ask->change->set, key)) {
		log_info("%s is forgotten", key);
		return 0;
	}
	if (!ask_has(ask, key)) {
		log_warn("%s: there is no such key", key);
		return 0;
	}
	log_info("%s will be removed", key);
	return change_remove(ask->change, key, ask->why);
}

/* 1: another key, 0: done. */
static int ask_more(struct ask *ask)
{
	for (;;) {
		char answer[16];
		int r = prompt_line(
			"Another key? [y/N, r: remove one] ", answer, sizeof(answer), ask->why);

		if (r == -EMSGSIZE)
			continue;
		if (r < 0)
			return r;
		if (ask_is(answer, "y", "yes"))
			return 1;
		if (answer[0] == '\0' || ask_is(answer, "n", "no"))
			return 0;
		if (ask_is(answer, "r", "remove"))
			r = ask_remove(ask);
		if (r < 0)
			return r;
	}
}

int ask_change(struct change *change, const struct tree_list *have, struct why *why)
{
	struct ask ask = {.change = change, .have = have, .why = why};
	char key[NAME_MAX_BYTES + 1];
	int r;

	do {
		r = ask_key(&ask, "Key (empty: done): ", key);
		if (r == 0)
			return 0;
		if (r > 0)
			r = ask_value(&ask, key);
		if (r == 0)
			r = ask_more(&ask);
	} while (r > 0);
	return r;
}
