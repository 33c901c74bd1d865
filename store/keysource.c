/* SPDX-License-Identifier: MIT */
/* keysource: reads the key of a slot from a credential or a command. */
#include "keysource.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WORDS 64

extern char **environ;

/* ---- bytes to their end ---- */

#define READ_MOST (KEYSLOT_SOURCE_MAX + 2) /* a newline, and one that is too many */

/* What fd gives up to its end, or READ_MOST bytes. */
static int read_most(int fd, const char *what, struct secbuf *source, struct why *why)
{
	if (secbuf_alloc(source, READ_MOST, SECMEM_SELF) < 0)
		return why_set(why, -ENOMEM, "no locked memory is left for a key");
	while (source->len < READ_MOST) {
		ssize_t n = read(fd, source->data + source->len, READ_MOST - source->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return why_set(why, -errno, "cannot read %s: %s", what, strerror(errno));
		if (n == 0)
			break;
		source->len += (size_t)n;
	}
	if (source->len && source->data[source->len - 1] == '\n')
		source->data[--source->len] = '\0';
	return 0;
}

static int too_long(const struct secbuf *source, const char *what, struct why *why)
{
	if (source->len <= KEYSLOT_SOURCE_MAX)
		return 0;
	return why_set(why, -EINVAL, "%s has more than %d bytes", what, KEYSLOT_SOURCE_MAX);
}

static int empty(const struct secbuf *source, const char *what, struct why *why)
{
	return source->len ? 0 : why_set(why, -EINVAL, "%s is empty", what);
}

/* ---- credentials ---- */

static int credential_name_check(const char *name, struct why *why)
{
	if (!*name || strchr(name, '/') || name[0] == '.')
		return why_set(why, -EINVAL,
			"the name of a credential is that of a file, without / and a dot in front");
	return 0;
}

/* systemd gives the file to its reader by mode or by an ACL, which shows as group bits. */
static int credential_check(int fd, const char *name, struct why *why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return why_set(
			why, -errno, "cannot look at the credential %s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return why_set(why, -EINVAL, "the credential %s is not a regular file", name);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & 027)
		return why_set(why, -EPERM,
			"the credential %s can be read or changed by others (uid %u, mode %04o)",
			name, st.st_uid, st.st_mode & 07777u);
	return 0;
}

static int credential_read(
	const struct keysource *source, struct secbuf *ret_source, struct why *why)
{
	int r = credential_name_check(source->word, why);

	if (r < 0)
		return r;
	if (!source->folder || !source->folder[0])
		return why_set(why, -ENOENT,
			"there are no credentials here (CREDENTIALS_DIRECTORY is not set); they "
			"are "
			"for services that systemd starts with LoadCredential= or "
			"LoadCredentialEncrypted=");
	AUTO_FD dir = open(source->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = dir < 0 ? -1
			     : openat(dir, source->word,
				       O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return why_set(why, -errno, "cannot open the credential %s: %s", source->word,
			strerror(errno));
	AUTO_SECBUF bytes = SECBUF_INIT;
	r = credential_check(fd, source->word, why);
	if (r == 0)
		r = read_most(fd, "the credential", &bytes, why);
	if (r == 0)
		r = too_long(&bytes, "the credential", why);
	if (r == 0)
		r = empty(&bytes, "the credential", why);
	if (r == 0)
		*ret_source = secbuf_take(&bytes);
	return r;
}

/* ---- commands ---- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Takes one word off *at. *out is where its bytes go, at or before *at. */
static int split_word(char **at, char **out, struct why *why)
{
	char quote = '\0';

	for (; **at && (quote || !is_space(**at)); (*at)++) {
		char c = **at;
		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? '\0' : c;
			continue;
		}
		if (quote != '\'' && c == '\\' && (*at)[1] &&
			(!quote || strchr("\\\"$`", (*at)[1])))
			c = *++*at;
		else if (quote != '\'' && strchr(quote ? "$`" : "|&;<>()$`", c))
			return why_set(why, -EINVAL,
				"no shell runs the key command, so %c must be quoted; for pipes, "
				"variables and the like write: sh -c '...'",
				c);
		*(*out)++ = c;
	}
	if (quote)
		return why_set(why, -EINVAL, "a %c in the key command is not closed", quote);
	return 0;
}

int keysource_split(char *text, char **ret_words, int nwords, struct why *why)
{
	char *at = text, *out = text;
	int n = 0;

	for (;;) {
		while (is_space(*at))
			at++;
		if (!*at)
			break;
		if (n + 1 >= nwords)
			return why_set(
				why, -EINVAL, "the key command has more than %d words", nwords - 1);
		ret_words[n++] = out;
		int r = split_word(&at, &out, why);
		if (r < 0)
			return r;
		bool more = *at != '\0'; /* out may be right here */
		*out++ = '\0';
		at += more;
	}
	ret_words[n] = NULL;
	return n ? n : why_set(why, -EINVAL, "the key command is empty");
}

/* Starts it with its output in a pipe and nothing else of ours open. */
static int command_start(
	char **words, char *const *environment, int out, pid_t *ret_pid, struct why *why)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int err = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (!err)
		err = posix_spawnp(ret_pid, words[0], &actions, &attributes, words,
			environment ? environment : environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return err ? why_set(why, -err, "cannot run the key command %s: %s", words[0],
			     strerror(err))
		   : 0;
}

static int command_wait(pid_t pid, const char *name, struct why *why)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return why_set(why, -errno, "cannot wait for the key command %s: %s", name,
				strerror(errno));
	if (WIFSIGNALED(status))
		return why_set(why, -EKEYREJECTED, "the key command %s was killed by signal %d",
			name, WTERMSIG(status));
	if (WEXITSTATUS(status))
		return why_set(why, -EKEYREJECTED, "the key command %s failed with exit code %d",
			name, WEXITSTATUS(status));
	return 0;
}

static int command_run(
	char **words, char *const *environment, struct secbuf *ret_source, struct why *why)
{
	static const char what[] = "the output of the key command";
	AUTO_SECBUF output = SECBUF_INIT;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return why_set(why, -errno, "cannot make a pipe: %s", strerror(errno));
	AUTO_FD in = ends[0];
	AUTO_FD out = ends[1];
	int r = command_start(words, environment, out, &pid, why);
	fd_close(&out);
	if (r < 0)
		return r;
	r = read_most(in, what, &output, why);
	if (r == 0)
		r = too_long(&output, what, why);
	fd_close(&in); /* one that has more to say is not waited for */
	/* Why it failed says more than that it said nothing. */
	int ended = command_wait(pid, words[0], r < 0 ? NULL : why);
	if (r == 0)
		r = ended;
	if (r == 0)
		r = empty(&output, what, why);
	if (r == 0)
		*ret_source = secbuf_take(&output);
	return r;
}

static int command_read(const struct keysource *source, struct secbuf *ret_source, struct why *why)
{
	char *words[WORDS];
	char *text = strdup(source->word);

	if (!text)
		return why_set(why, -ENOMEM, "out of memory");
	int r = keysource_split(text, words, WORDS, why);
	if (r > 0)
		r = command_run(words, source->environment, ret_source, why);
	free(text);
	return r;
}

int keysource_read(const struct keysource *source, struct secbuf *ret_source, struct why *why)
{
	switch (source->kind) {
	case KEYSLOT_KEYFILE:
		return keyslot_read_file(source->word, ret_source, why);
	case KEYSLOT_PASSPHRASE:
		return keyslot_read_line(source->fd, ret_source, why);
	case KEYSLOT_CREDENTIAL:
		return credential_read(source, ret_source, why);
	case KEYSLOT_COMMAND:
		return command_read(source, ret_source, why);
	}
	return why_set(why, -EINVAL, "there is no such source of a key");
}
