/* SPDX-License-Identifier: MIT */
/* prompt: what is asked of a person: hidden passphrases and yes or no. */
#include "prompt.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keyslot.h"
#include "log.h"

#define PROMPT_TRIES 3

/* readpassphrase cuts what is longer than the room: two bytes more show it. */
static int prompt_hidden(const char *question, struct secbuf *ret_line, struct why *why)
{
	AUTO_SECBUF line = SECBUF_INIT;
	const size_t room = KEYSLOT_SOURCE_MAX + 2;

	if (secbuf_alloc(&line, room, SECMEM_SELF) < 0)
		return why_set(
			why, -ENOMEM, "no locked memory for the passphrase; raise ulimit -l");
	if (readpassphrase(question, (char *)line.data, room, RPP_REQUIRE_TTY) == NULL) {
		if (errno == ENOTTY || errno == ENXIO)
			return why_set(why, -ENOTTY,
				"there is no terminal to ask on; use --passphrase-fd or --keyfile");
		return why_set(why, -EINVAL, "no passphrase was given");
	}
	line.len = strnlen((const char *)line.data, room);
	if (line.len > KEYSLOT_SOURCE_MAX)
		return why_set(
			why, -EINVAL, "a passphrase has at most %d bytes", KEYSLOT_SOURCE_MAX);
	*ret_line = secbuf_take(&line);
	return 0;
}

/* 1: given and repeated, 0: ask again. */
static int prompt_twice(struct secbuf *ret_passphrase, struct why *why)
{
	AUTO_SECBUF first = SECBUF_INIT;
	AUTO_SECBUF second = SECBUF_INIT;
	int r = prompt_hidden("New passphrase: ", &first, why);

	if (r < 0)
		return r;
	if (first.len == 0) {
		log_warn("the passphrase must have at least one byte");
		return 0;
	}
	r = prompt_hidden("The same again: ", &second, why);
	if (r < 0)
		return r;
	if (first.len != second.len || !secmem_equal(first.data, second.data, first.len)) {
		log_warn("the two are not the same");
		return 0;
	}
	*ret_passphrase = secbuf_take(&first);
	return 1;
}

int prompt_new_passphrase(struct secbuf *ret_passphrase, struct why *why)
{
	for (int i = 0; i < PROMPT_TRIES; i++) {
		int r = prompt_twice(ret_passphrase, why);

		if (r != 0)
			return r < 0 ? r : 0;
	}
	return why_set(why, -EINVAL, "no passphrase was given in %d tries", PROMPT_TRIES);
}

int prompt_yes(const char *question)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return -ENOTTY;
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	if (fgets(answer, sizeof(answer), stdin) == NULL)
		return 0;
	answer[strcspn(answer, "\n")] = '\0';
	return strcmp(answer, "y") == 0 || strcmp(answer, "Y") == 0 || strcmp(answer, "yes") == 0 ||
	       strcmp(answer, "Yes") == 0;
}
