/* SPDX-License-Identifier: MIT */
/* keyarg: the options that say where a key comes from. */
#include "keyarg.h"

#include <errno.h>
#include <stdlib.h>

#include "prompt.h"

static int keyarg_fd(const char *text, int *ret_fd, struct why *why)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < 0 || n > 1 << 20)
		return why_set(
			why, -EINVAL, "--passphrase-fd: say the number of an open descriptor");
	*ret_fd = (int)n;
	return 0;
}

int keyarg_take(struct keyarg *arg, int letter, const char *value, struct why *why)
{
	int r = 0;

	switch (letter) {
	case 'k':
		arg->source.kind = KEYSLOT_KEYFILE;
		break;
	case 'p':
		arg->source.kind = KEYSLOT_PASSPHRASE;
		break;
	case 'f':
		arg->source.kind = KEYSLOT_PASSPHRASE;
		r = keyarg_fd(value, &arg->source.fd, why);
		break;
	case 'c':
		arg->source.kind = KEYSLOT_CREDENTIAL;
		arg->source.folder = getenv("CREDENTIALS_DIRECTORY");
		break;
	case 'x':
		arg->source.kind = KEYSLOT_COMMAND;
		break;
	default:
		return 0;
	}
	arg->source.word = value;
	arg->n++;
	return r < 0 ? r : 1;
}

int keyarg_check(const struct keyarg *arg, const char *prefix, struct why *why)
{
	if (arg->n == 1)
		return 0;
	return why_set(why, -EINVAL,
		"say one of --%skeyfile FILE, --%spassphrase, --%spassphrase-fd N, --%scredential "
		"NAME and --%scommand CMD",
		prefix, prefix, prefix, prefix, prefix);
}

static bool keyarg_asks(const struct keyarg *arg)
{
	return arg->source.kind == KEYSLOT_PASSPHRASE && arg->source.fd < 0;
}

int keyarg_read(const struct keyarg *arg, struct secbuf *ret_source, struct why *why)
{
	return keyarg_asks(arg) ? prompt_passphrase(ret_source, why)
				: keysource_read(&arg->source, ret_source, why);
}

int keyarg_read_new(
	const struct keyarg *arg, struct secbuf *ret_source, bool *ret_made, struct why *why)
{
	if (keyarg_asks(arg))
		return prompt_new_passphrase(ret_source, why);
	if (arg->source.kind == KEYSLOT_KEYFILE) {
		int r = keyslot_make_file(arg->source.word, ret_source, why);
		if (r == 0 && ret_made)
			*ret_made = true;
		if (r != -EEXIST)
			return r;
	}
	return keysource_read(&arg->source, ret_source, why);
}
