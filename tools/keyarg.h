/* SPDX-License-Identifier: MIT */
/*
 * keyarg: the options that say where a key comes from: --keyfile, --passphrase, --passphrase-fd,
 * --credential and --command; and the same with --new- in front, for a key that is to be added.
 */
#ifndef TOOLS_KEYARG_H
#define TOOLS_KEYARG_H

#include "args.h"
#include "keysource.h"

struct keyarg {
	struct keysource source;
	unsigned n; /* how many were given */
};

#define KEYARG_INIT ((struct keyarg){.source = {.fd = -1}})

/* For a table of options. In args_next they answer with these letters. */
#define KEYARG_OPTIONS                                                                             \
	{.name = "keyfile", .letter = 'k', .hidden = true, .takes = true},                         \
		{.name = "passphrase", .letter = 'p', .hidden = true},                             \
		{.name = "passphrase-fd", .letter = 'f', .hidden = true, .takes = true},           \
		{.name = "credential", .letter = 'c', .hidden = true, .takes = true},              \
	{                                                                                          \
		.name = "command", .letter = 'x', .hidden = true, .takes = true                    \
	}
#define KEYARG_NEW_OPTIONS                                                                         \
	{.name = "new-keyfile", .letter = 'K', .hidden = true, .takes = true},                     \
		{.name = "new-passphrase", .letter = 'P', .hidden = true},                         \
		{.name = "new-passphrase-fd", .letter = 'F', .hidden = true, .takes = true},       \
		{.name = "new-credential", .letter = 'C', .hidden = true, .takes = true},          \
	{                                                                                          \
		.name = "new-command", .letter = 'X', .hidden = true, .takes = true                \
	}

/* Their lines of a help text. */
#define KEYARG_HELP                                                                                \
	"  --keyfile FILE      a key file\n"                                                       \
	"  --passphrase        ask for a passphrase on the terminal\n"                             \
	"  --passphrase-fd N   read one line from descriptor N\n"                                  \
	"  --credential NAME   a systemd credential: $CREDENTIALS_DIRECTORY/NAME\n"                \
	"  --command CMD       what CMD prints, without a newline at its end; no shell runs it\n"

/* Takes one of these options, by its lower case letter. 1: it was one, 0: it was not. */
int keyarg_take(struct keyarg *arg, int letter, const char *value, struct why *why);

/* Exactly one must have been given. prefix: "" or "new-". */
int keyarg_check(const struct keyarg *arg, const char *prefix, struct why *why);

/* Reads a key that is there already, or (fresh) one that is new: a passphrase is then asked for
 * twice, and a key file made if there is none: *ret_made. ret_made may be NULL. */
int keyarg_read(const struct keyarg *arg, struct secbuf *ret_source, struct why *why);
int keyarg_read_new(
	const struct keyarg *arg, struct secbuf *ret_source, bool *ret_made, struct why *why);

#endif
