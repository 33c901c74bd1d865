/* SPDX-License-Identifier: MIT */
/* prompt: what is asked of a person: hidden passphrases and yes or no. */
#ifndef TOOLS_PROMPT_H
#define TOOLS_PROMPT_H

#include "secmem.h"
#include "why.h"

/*
 * Asks on the terminal for a new passphrase, twice, again if the two differ (three times in all).
 * ret_passphrase must be empty. -ENOTTY: no terminal; -EINVAL: not given.
 */
int prompt_new_passphrase(struct secbuf *ret_passphrase, struct why *why);

/* The most that a terminal hands over as one line, in bytes. */
#define PROMPT_VALUE_MAX 4094

/*
 * Asks on the terminal for a value, hidden, twice, again if the two differ (three times in all);
 * it may be empty. what: whose it is, for the question, safe to be shown. ret_value must be empty.
 * -ENOTTY: no terminal; -EINVAL: longer than PROMPT_VALUE_MAX, or three times not the same twice.
 */
int prompt_value(const char *what, struct secbuf *ret_value, struct why *why);

/*
 * The same for a value that need not be given: 1 given, 0 an empty answer, to which no second one
 * is asked for. question is shown as it is.
 */
int prompt_maybe_value(const char *question, struct secbuf *ret_value, struct why *why);

/* Asks on the terminal for a line that can be seen, of up to size - 1 bytes. -ENOTTY; -EINVAL: no
 * answer; -EMSGSIZE: a longer one. */
int prompt_line(const char *question, char *ret_line, size_t size, struct why *why);

/* Asks once for a passphrase that is in use. ret_passphrase must be empty. -ENOTTY, -EINVAL. */
int prompt_passphrase(struct secbuf *ret_passphrase, struct why *why);

/* Asks on standard error and reads standard input: 1 yes, 0 anything else; -ENOTTY if that is not a
 * terminal. */
int prompt_yes(const char *question);

#endif
