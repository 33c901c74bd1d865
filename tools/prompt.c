/* SPDX-License-Identifier: MIT */
/* prompt: what is asked of a person: hidden passphrases and yes or no. */
#include "prompt.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keyslot.h"
#include "log.h"
#include "print.h"

#define PROMPT_TRIES 3

/* What differs between the things that are asked for hidden. */
struct prompt_kind {
	const char *what;
	const char *instead; /* of a terminal */
	size_t max;
};

static const struct prompt_kind prompt_a_passphrase = {
	"a passphrase", "use --passphrase-fd or --keyfile", KEYSLOT_SOURCE_MAX};
static const struct prompt_kind prompt_a_value = {
	"a value that is typed", "give --KEY=@FILE or --values @FILE", PROMPT_VALUE_MAX};

static const struct prompt_kind prompt_missing_value = {
	"a value that is typed", "make the secrets by \"secretctl create\"", PROMPT_VALUE_MAX};

static int prompt_failed(const struct prompt_kind *kind, struct why *why)
{
	if (errno == ENOTTY || errno == ENXIO)
		return why_set(why, -ENOTTY, "there is no terminal to ask on; %s", kind->instead);
	return why_set(why, -EINVAL, "no answer was given");
}

/* readpassphrase cuts what is longer than the room: two bytes more show it. */
static int prompt_hidden(const struct prompt_kind *kind, const char *question,
	struct secbuf *ret_line, struct why *why)
{
	AUTO_SECBUF line = SECBUF_INIT;
	const size_t room = kind->max + 2;

	if (secbuf_alloc(&line, room, SECMEM_SELF) < 0)
		return why_set(
			why, -ENOMEM, "no locked memory for %s; raise ulimit -l", kind->what);
	if (readpassphrase(question, (char *)line.data, room, RPP_REQUIRE_TTY) == NULL)
		return prompt_failed(kind, why);
	line.len = strnlen((const char *)line.data, room);
	if (line.len > kind->max)
		return why_set(why, -EINVAL, "%s has at most %zu bytes", kind->what, kind->max);
	*ret_line = secbuf_take(&line);
	return 0;
}

/* 1: it was repeated, 0: something else was typed. */
static int prompt_again(const struct prompt_kind *kind, const struct secbuf *first, struct why *why)
{
	AUTO_SECBUF second = SECBUF_INIT;
	int r = prompt_hidden(kind, "The same again: ", &second, why);

	if (r < 0)
		return r;
	if (first->len == second.len && secmem_equal(first->data, second.data, first->len))
		return 1;
	log_warn("the two are not the same");
	return 0;
}

/* 1: given and repeated, 0: ask again. */
static int prompt_twice(const struct prompt_kind *kind, const char *question, bool empty,
	struct secbuf *ret_line, struct why *why)
{
	AUTO_SECBUF first = SECBUF_INIT;
	int r = prompt_hidden(kind, question, &first, why);

	if (r < 0)
		return r;
	if (first.len == 0 && !empty) {
		log_warn("the passphrase must have at least one byte");
		return 0;
	}
	r = prompt_again(kind, &first, why);
	if (r > 0)
		*ret_line = secbuf_take(&first);
	return r;
}

int prompt_passphrase(struct secbuf *ret_passphrase, struct why *why)
{
	AUTO_SECBUF line = SECBUF_INIT;
	int r = prompt_hidden(&prompt_a_passphrase, "Passphrase: ", &line, why);

	if (r < 0)
		return r;
	if (line.len == 0)
		return why_set(why, -EINVAL, "no passphrase was given");
	*ret_passphrase = secbuf_take(&line);
	return 0;
}

int prompt_new_passphrase(struct secbuf *ret_passphrase, struct why *why)
{
	for (int i = 0; i < PROMPT_TRIES; i++) {
		int r = prompt_twice(
			&prompt_a_passphrase, "New passphrase: ", false, ret_passphrase, why);

		if (r != 0)
			return r < 0 ? r : 0;
	}
	return why_set(why, -EINVAL, "no passphrase was given in %d tries", PROMPT_TRIES);
}

int prompt_value(const char *what, struct secbuf *ret_value, struct why *why)
{
	char question[PRINT_NAME + 16];

	snprintf(question, sizeof(question), "Value of %s: ", what);
	for (int i = 0; i < PROMPT_TRIES; i++) {
		int r = prompt_twice(&prompt_a_value, question, true, ret_value, why);

		if (r != 0)
			return r < 0 ? r : 0;
	}
	return why_set(why, -EINVAL, "%s: not the same twice in %d tries", what, PROMPT_TRIES);
}

int prompt_maybe_value(const char *question, struct secbuf *ret_value, struct why *why)
{
	for (int i = 0; i < PROMPT_TRIES; i++) {
		AUTO_SECBUF first = SECBUF_INIT;
		int r = prompt_hidden(&prompt_missing_value, question, &first, why);

		if (r < 0 || first.len == 0)
			return r;
		r = prompt_again(&prompt_missing_value, &first, why);
		if (r > 0)
			*ret_value = secbuf_take(&first);
		if (r != 0)
			return r;
	}
	return why_set(why, -EINVAL, "not the same twice in %d tries", PROMPT_TRIES);
}

int prompt_line(const char *question, char *ret_line, size_t size, struct why *why)
{
	char line[1024];

	if (readpassphrase(question, line, sizeof(line), RPP_REQUIRE_TTY | RPP_ECHO_ON) == NULL)
		return prompt_failed(&prompt_a_value, why);
	if (strlen(line) >= size)
		return why_set(why, -EMSGSIZE, "the answer is longer than %zu bytes", size - 1);
	strcpy(ret_line, line);
	return 0;
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
