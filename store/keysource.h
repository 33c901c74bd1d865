/* SPDX-License-Identifier: MIT */
/*
 * keysource: where the key of a slot comes from, besides a person who types it: a key file, a line
 * from a descriptor, a systemd credential, the output of a command.
 *
 * The command and the paths come from the command line or the settings, never from a store.
 */
#ifndef STORE_KEYSOURCE_H
#define STORE_KEYSOURCE_H

#include "keyslot.h"

struct keysource {
	enum keyslot_kind kind;
	int fd; /* KEYSLOT_PASSPHRASE: the line comes from here; -1: a person is to be asked, which
		   is not done here */
	const char *word;         /* path of the key file, name of the credential, or command */
	const char *folder;       /* KEYSLOT_CREDENTIAL: $CREDENTIALS_DIRECTORY; NULL or "": none */
	char *const *environment; /* KEYSLOT_COMMAND: its environment; NULL: this program's */
};

/*
 * Reads the source once. ret_source must be empty. Of a credential and of a command's output one
 * newline at the end is not counted; both have at most KEYSLOT_SOURCE_MAX bytes, any bytes.
 * -EINVAL: empty, too long, no command; -ENOENT: no such file, credential or program;
 * -EKEYREJECTED: the command failed; -EPERM: others can read or change it; what keyslot_read_file
 * and keyslot_read_line say.
 */
int keysource_read(const struct keysource *source, struct secbuf *ret_source, struct why *why);

/*
 * Splits a command into words as a shell does: white space separates, '...' keeps all, "..." and \
 * keep what they keep there. No shell runs it, so what a shell would act on and is not quoted
 * (| & ; < > ( ) $ `) is refused: -EINVAL. ret_words: nwords entries at most, NULL at the end, that
 * point into text, which is changed. Returns how many.
 */
int keysource_split(char *text, char **ret_words, int nwords, struct why *why);

#endif
