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

/* Asks on standard error and reads standard input: 1 yes, 0 anything else; -ENOTTY if that is not a
 * terminal. */
int prompt_yes(const char *question);

#endif
