/* SPDX-License-Identifier: MIT */
/*
 * config: the table of all settings, one setter for all who set them, and the two forms of the
 * file.
 *
 * inih parses the lines, but it cuts long ones, cuts values at " ;", takes indented lines for more
 * of the line before and goes on after errors. So it gets its lines from next_line, which lets none
 * of these through and ends the text at the first refusal.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX   (64u << 10) /* bytes of a configuration file */
#define LINE_BYTES 198         /* bytes of a line: newer inih believes that it has cut one of 199 */
#define PIECE      180         /* bytes of a path that config_write_text puts in one line */
#define LABEL      300         /* bytes of a path that a message shows: its end */

enum kind {
	KIND_PATH,
	KIND_COMMAND,
	KIND_CREDENTIAL,
	KIND_USER,
	KIND_SWITCH,
	KIND_AUTO, /* a switch that is CONFIG_AUTO while nobody sets it */
	KIND_NUMBER,
	KIND_SIZE,
	KIND_OCTAL,
	KIND_DENY,
	KIND_CHOICE, /* one of some words */
	KIND_FD,     /* not in files */
	KIND_WORD,   /* stands alone; not in files */
};

struct setting {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct config */
	uint32_t min;
	uint32_t max;
	const char *const *words; /* KIND_CHOICE: up to a NULL; the value is an int that counts
				     them from 0 */
};

static const char *const audit_words[] = {"required", "best-effort", "off", NULL};
static const char *const audit_names_words[] = {"name", "id", NULL};
static const char *const transport_words[] = {"dev", "io_uring", "auto", NULL};

#define AT(member) offsetof(struct config, member)

static const struct setting settings[] = {
	{"store", KIND_PATH, AT(store), 0, 0, NULL},
	{"mountpoint", KIND_PATH, AT(mountpoint), 0, 0, NULL},
	{"keyfile", KIND_PATH, AT(keyfile), 0, 0, NULL},
	{"credential", KIND_CREDENTIAL, AT(credential), 0, 0, NULL},
	{"key_command", KIND_COMMAND, AT(key_command), 0, 0, NULL},
	{"anchor", KIND_PATH, AT(anchor), 0, 0, NULL},
	{"user", KIND_USER, AT(user), 0, 0, NULL},
	{"allow_other", KIND_AUTO, AT(allow_other), 0, 0, NULL},
	{"threads", KIND_NUMBER, AT(threads), 1, 64, NULL},
	{"history", KIND_NUMBER, AT(history), 0, 1000, NULL},
	{"max_value", KIND_SIZE, AT(max_value), 1, 1u << 20, NULL},
	{"max_keys", KIND_NUMBER, AT(max_keys), 1, 1024, NULL},
	{"max_secrets", KIND_NUMBER, AT(max_secrets), 0, UINT32_MAX, NULL},
	{"max_bytes", KIND_SIZE, AT(max_bytes), 0, UINT32_MAX, NULL},
	{"max_open", KIND_SIZE, AT(max_open), 0, UINT32_MAX, NULL},
	{"public_mode", KIND_OCTAL, AT(public_mode), 0, 01777, NULL},
	{"private_root", KIND_SWITCH, AT(private_root), 0, 0, NULL},
	{"private_deny", KIND_DENY, AT(deny), 0, 0, NULL},
	{"stop_timeout", KIND_NUMBER, AT(stop_timeout), 0, 3600, NULL},
	{"hang_timeout", KIND_NUMBER, AT(hang_timeout), 0, 3600, NULL},
	{"resend", KIND_SWITCH, AT(resend), 0, 0, NULL},
	{"kernel_cache", KIND_SWITCH, AT(kernel_cache), 0, 0, NULL},
	{"debug", KIND_SWITCH, AT(debug), 0, 0, NULL},
	{"audit", KIND_CHOICE, AT(audit), 0, 0, audit_words},
	{"audit_file", KIND_PATH, AT(audit_file), 0, 0, NULL},
	{"audit_names", KIND_CHOICE, AT(audit_names), 0, 0, audit_names_words},
	{"audit_rate", KIND_NUMBER, AT(audit_rate), 0, 1000000, NULL},
	{"transport", KIND_CHOICE, AT(transport), 0, 0, transport_words},
	{"passphrase_fd", KIND_FD, AT(passphrase_fd), 0, INT_MAX, NULL},
	{"passphrase", KIND_WORD, AT(passphrase), 0, 0, NULL},
};

#define NSETTINGS (sizeof(settings) / sizeof(settings[0]))

void config_init(struct config *config)
{
	*config = (struct config){
		.user = "secretfs",
		.allow_other = CONFIG_AUTO,
		.threads = 8,
		.history = 10,
		.max_value = 1u << 20,
		.max_keys = 256,
		.max_secrets = 10000,
		.max_bytes = 256u << 20,
		.public_mode = 0755,
		.private_root = true,
		.stop_timeout = 5,
		.hang_timeout = 60,
		.resend = true,
		.audit = CONFIG_AUTO,
		.audit_names = CONFIG_AUDIT_NAME,
		.audit_rate = 200,
		.transport = CONFIG_TRANSPORT_DEV,
		.passphrase_fd = -1,
	};
}

/* ---- one setting ---- */

/* Is the first len bytes of name this setting's name? */
static bool is_named(const struct setting *s, const char *name, size_t len)
{
	if (strlen(s->name) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s->name[i] != (name[i] == '-' ? '_' : name[i]))
			return false;
	}
	return true;
}

static const struct setting *setting_find(const char *name, size_t len)
{
	for (size_t i = 0; i < NSETTINGS; i++) {
		if (is_named(&settings[i], name, len))
			return &settings[i];
	}
	return NULL;
}

static int refuse_unknown(const char *name, struct why *why)
{
	size_t len = strlen(name);

	/* What does not even look like a name may be anything, also a secret in the wrong place. */
	for (size_t i = 0; i < len; i++) {
		if (!isascii(name[i]) ||
			(!isalnum((unsigned char)name[i]) && !strchr("_-+", name[i])))
			len = 0;
	}
	if (len == 0 || len > 32)
		return why_set(why, -EINVAL, "unknown setting; see secretfs.conf(5)");
	return why_set(why, -EINVAL, "unknown setting \"%s\"; see secretfs.conf(5)", name);
}

/* No control character, and nothing that begins a comment. */
static bool is_clean(const char *value)
{
	if (value[0] == ';')
		return false;
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c < 0x20 || c == 0x7f || (c == ' ' && value[1] == ';'))
			return false;
	}
	return true;
}

/* Can the value stand in a line, and come back from it as it is? */
static bool fits_line(const char *value)
{
	size_t len = strlen(value);

	return len > 0 && value[0] != ' ' && value[len - 1] != ' ' && is_clean(value);
}

/* A path or a command: size bytes at text. */
static int set_line(char *text, size_t size, const struct setting *s, const char *value,
	bool append, struct why *why)
{
	char whole[CONFIG_PATH] = "";
	size_t old = append ? strlen(text) : 0;
	size_t len = strlen(value);

	if (append) {
		/* In quotes, so that a piece may begin or end with a space. */
		if (len < 3 || value[0] != '"' || value[len - 1] != '"')
			return why_set(why, -EINVAL,
				"the value of \"%s+\" must stand in double quotes", s->name);
		value++;
		len -= 2;
	}
	if (old + len >= size)
		return why_set(
			why, -EINVAL, "\"%s\" may have at most %zu bytes", s->name, size - 1);
	memcpy(whole, text, old);
	memcpy(whole + old, value, len);
	if (append ? !is_clean(whole) : !fits_line(whole))
		return why_set(why, -EINVAL,
			"\"%s\" must be a %s without control characters, spaces at its ends and "
			"\" ;\"",
			s->name, s->kind == KIND_COMMAND ? "command" : "path");
	memcpy(text, whole, size);
	return 0;
}

static int set_user(
	char *user, size_t size, const struct setting *s, const char *value, struct why *why)
{
	size_t len = strlen(value);
	bool good = len > 0 && len < size && value[0] != '-';

	for (size_t i = 0; i < len; i++)
		good &= isascii(value[i]) &&
			(isalnum((unsigned char)value[i]) || strchr("_.@-", value[i]));
	if (!good)
		return why_set(why, -EINVAL, "\"%s\" must be the name of a user", s->name);
	memset(user, 0, size);
	memcpy(user, value, len);
	return 0;
}

static int set_credential(
	char *name, size_t size, const struct setting *s, const char *value, struct why *why)
{
	size_t len = strlen(value);

	if (len == 0 || len >= size || value[0] == '.' || strchr(value, '/') || !fits_line(value))
		return why_set(why, -EINVAL,
			"\"%s\" must be the name of a credential, without / and a dot in front",
			s->name);
	memset(name, 0, size);
	memcpy(name, value, len);
	return 0;
}

static int set_switch(bool *on, const struct setting *s, const char *value, struct why *why)
{
	if (!value || strcmp(value, "yes") == 0)
		*on = true;
	else if (strcmp(value, "no") == 0)
		*on = false;
	else
		return why_set(why, -EINVAL, "\"%s\" must be yes or no", s->name);
	return 0;
}

static int set_choice(int *choice, const struct setting *s, const char *value, struct why *why)
{
	char allowed[128] = "";

	for (int i = 0; s->words[i]; i++) {
		if (strcmp(value, s->words[i]) == 0) {
			*choice = i;
			return 0;
		}
	}
	for (int i = 0; s->words[i]; i++) {
		size_t n = strlen(allowed);

		snprintf(allowed + n, sizeof(allowed) - n, "%s%s",
			i == 0            ? ""
			: s->words[i + 1] ? ", "
					  : " or ",
			s->words[i]);
	}
	return why_set(why, -EINVAL, "\"%s\" must be %s", s->name, allowed);
}

/* Digits of this base at *s, which moves on behind them. False: none, or more than 32 bits. */
static bool parse_digits(const char **s, unsigned base, uint32_t *ret_n)
{
	const char *at = *s;
	uint64_t n = 0;

	for (; *at >= '0' && *at < (char)('0' + base); at++) {
		n = n * base + (unsigned)(*at - '0');
		if (n > UINT32_MAX)
			return false;
	}
	if (at == *s)
		return false;
	*s = at;
	*ret_n = (uint32_t)n;
	return true;
}

static bool parse_number(const char *value, unsigned base, const struct setting *s, uint32_t *ret_n)
{
	uint32_t n;

	if (!parse_digits(&value, base, &n) || *value || n < s->min || n > s->max)
		return false;
	*ret_n = n;
	return true;
}

static bool parse_size(const char *value, const struct setting *s, uint32_t *ret_n)
{
	unsigned shift = 0;
	uint32_t n;

	if (!parse_digits(&value, 10, &n))
		return false;
	if (*value == 'k' || *value == 'K')
		shift = 10;
	else if (*value == 'm' || *value == 'M')
		shift = 20;
	if (value[shift ? 1 : 0] || n > s->max >> shift || n << shift < s->min)
		return false;
	*ret_n = n << shift;
	return true;
}

/* "UID" or "UID-UID" with spaces around, at *s, which moves on behind it and its comma. */
static bool parse_range(const char **s, struct config_range *ret)
{
	*s += strspn(*s, " \t");
	if (!parse_digits(s, 10, &ret->first))
		return false;
	ret->last = ret->first;
	if (**s == '-') {
		(*s)++;
		if (!parse_digits(s, 10, &ret->last))
			return false;
	}
	*s += strspn(*s, " \t");
	if (**s == ',' && (*s)[1])
		(*s)++;
	else if (**s)
		return false;
	return ret->first <= ret->last;
}

static int set_deny(struct config *config, const struct setting *s, const char *value, bool append,
	struct why *why)
{
	struct config_range deny[CONFIG_DENY] = {0};
	size_t n = append ? config->ndeny : 0;

	memcpy(deny, config->deny, n * sizeof(deny[0]));
	do {
		struct config_range range;

		if (!parse_range(&value, &range))
			return why_set(why, -EINVAL,
				"\"%s\" must be uids and ranges of uids, as in 33, 1000-1010",
				s->name);
		if (n == CONFIG_DENY)
			return why_set(why, -EINVAL, "\"%s\" may have at most %d entries", s->name,
				CONFIG_DENY);
		deny[n++] = range;
	} while (*value);
	memcpy(config->deny, deny, sizeof(deny));
	config->ndeny = n;
	return 0;
}

static int set_number(void *to, const struct setting *s, const char *value, struct why *why)
{
	uint32_t n;

	if (s->kind == KIND_OCTAL && !parse_number(value, 8, s, &n))
		return why_set(
			why, -EINVAL, "\"%s\" must be an octal mode up to %04o", s->name, s->max);
	if (s->kind == KIND_SIZE && !parse_size(value, s, &n))
		return why_set(why, -EINVAL,
			"\"%s\" must be a number of bytes from %u to %u; k or M may follow it",
			s->name, s->min, s->max);
	if (s->kind == KIND_FD && !parse_number(value, 10, s, &n))
		return why_set(why, -EINVAL, "\"%s\" must be the number of a descriptor", s->name);
	if (s->kind == KIND_NUMBER && !parse_number(value, 10, s, &n))
		return why_set(why, -EINVAL, "\"%s\" must be a number from %u to %u", s->name,
			s->min, s->max);
	memcpy(to, &n, sizeof(n));
	return 0;
}

_Static_assert(sizeof(unsigned) == 4 && sizeof(int) == 4, "set_number copies 32 bits");

static int set(struct config *config, const struct setting *s, const char *value, bool append,
	struct why *why)
{
	void *to = (char *)config + s->offset;
	bool on = true;
	int r;

	if (s->kind == KIND_WORD && value)
		return why_set(why, -EINVAL, "\"%s\" takes no value", s->name);
	if (!value && s->kind != KIND_WORD && s->kind != KIND_SWITCH && s->kind != KIND_AUTO)
		return why_set(why, -EINVAL, "\"%s\" needs a value", s->name);

	switch (s->kind) {
	case KIND_PATH:
		return set_line(to, CONFIG_PATH, s, value, append, why);
	case KIND_COMMAND:
		return set_line(to, CONFIG_COMMAND, s, value, append, why);
	case KIND_CREDENTIAL:
		return set_credential(to, sizeof(config->credential), s, value, why);
	case KIND_USER:
		return set_user(to, sizeof(config->user), s, value, why);
	case KIND_DENY:
		return set_deny(config, s, value, append, why);
	case KIND_SWITCH:
		return set_switch(to, s, value, why);
	case KIND_AUTO:
		r = set_switch(&on, s, value, why);
		if (r == 0)
			*(int *)to = on;
		return r;
	case KIND_CHOICE:
		return set_choice(to, s, value, why);
	case KIND_WORD:
		*(bool *)to = true;
		return 0;
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_OCTAL:
	case KIND_FD:
		return set_number(to, s, value, why);
	}
	return -EINVAL;
}

int config_set(struct config *config, const char *name, const char *value, struct why *why)
{
	const struct setting *s = setting_find(name, strlen(name));

	return s ? set(config, s, value, false, why) : refuse_unknown(name, why);
}

/* ---- reading ---- */

struct reading {
	const char *text; /* what is left */
	size_t left;
	const char *label;
	unsigned line; /* number of the one that inih has */
	uint32_t seen; /* bit i: settings[i] was set */
	int err;       /* the first refusal; then nothing more is read */
	struct config config;
	struct why *why;
};

_Static_assert(NSETTINGS <= 32, "reading.seen has a bit for each setting");

__attribute__((format(printf, 2, 3))) static bool refuse_line(
	struct reading *r, const char *fmt, ...)
{
	size_t len = strlen(r->label);
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->err = why_set(r->why, -EINVAL, "%s%s:%u: %s", len > LABEL ? "..." : "",
		r->label + (len > LABEL ? len - LABEL : 0), r->line, text);
	return false;
}

/* A space and then ";": there inih would cut. */
static bool has_inline_comment(const char *line, size_t len)
{
	for (size_t i = 1; i < len; i++) {
		if (line[i] == ';' && isspace((unsigned char)line[i - 1]))
			return true;
	}
	return false;
}

/* Is this a line that inih takes as it is meant? */
static bool check_line(struct reading *r, const char *line, size_t len, size_t room)
{
	size_t indent = 0;
	size_t name = 0;

	if (memchr(line, '\0', len))
		return refuse_line(r, "there is a NUL byte in this line");
	if (len > LINE_BYTES || len >= room)
		return refuse_line(r, "this line has more than %d bytes", LINE_BYTES);
	while (indent < len && isspace((unsigned char)line[indent]))
		indent++;
	if (indent == len)
		return true;
	if (indent > 0)
		return refuse_line(
			r, "this line is indented; a setting has one line, from its beginning");
	if (line[0] == '#' || line[0] == ';')
		return true;
	if (line[0] == '[')
		return refuse_line(r, "there are no sections in this file");
	while (name < len && line[name] != '=' && line[name] != ':')
		name++;
	if (name == 0 || name == len || line[name] != '=')
		return refuse_line(r, "write \"name = value\"");
	if (has_inline_comment(line, len))
		return refuse_line(
			r, "a comment must stand in a line of its own, and no value has \" ;\"");
	return true;
}

/* ini_reader: the next line, without its newline, if it is a good one. */
static char *next_line(char *str, int num, void *stream)
{
	struct reading *r = stream;
	const char *line = r->text;
	const char *end;
	size_t len;

	if (r->err || r->left == 0 || num <= 0)
		return NULL;
	end = memchr(line, '\n', r->left);
	len = end ? (size_t)(end - line) : r->left;
	r->text += len + (end ? 1 : 0);
	r->left -= len + (end ? 1 : 0);
	r->line++;
	if (!check_line(r, line, len, (size_t)num))
		return NULL;
	memcpy(str, line, len);
	str[len] = '\0';
	return str;
}

/* May this setting be set here and now? */
static bool check_setting(
	struct reading *r, const struct setting *s, const char *value, bool append)
{
	uint32_t bit = 1u << (s - settings);

	if (s->kind == KIND_FD || s->kind == KIND_WORD)
		return refuse_line(r, "\"%s\" cannot be set in a file", s->name);
	if (append && s->kind != KIND_PATH && s->kind != KIND_COMMAND && s->kind != KIND_DENY)
		return refuse_line(r, "nothing can be added to \"%s\"", s->name);
	if (append && !(r->seen & bit))
		return refuse_line(r, "\"%s+\" must come after \"%s\"", s->name, s->name);
	if (!append && (r->seen & bit))
		return refuse_line(r, "\"%s\" is set a second time", s->name);
	if (!append && s->kind == KIND_PATH && value[0] != '/')
		return refuse_line(
			r, "\"%s\" must be an absolute path, one that begins with /", s->name);
	r->seen |= bit;
	return true;
}

/* ini_handler: 1 goes on. */
static int take_setting(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	size_t len = strlen(name);
	bool append = len > 0 && name[len - 1] == '+';
	const struct setting *s = setting_find(name, append ? len - 1 : len);
	struct why why = {0};

	(void)section;
	if (r->err)
		return 0;
	if (!s) {
		refuse_unknown(name, &why);
		return refuse_line(r, "%s", why.text);
	}
	if (!check_setting(r, s, value, append))
		return 0;
	if (set(&r->config, s, value, append, &why) < 0)
		return refuse_line(r, "%s", why.text);
	return 1;
}

int config_read_text(
	struct config *config, const char *text, size_t len, const char *label, struct why *why)
{
	struct reading r = {.text = text, .left = len, .label = label, .why = why};
	int bad;

	r.config = *config;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		r.text += 3;
		r.left -= 3;
	}
	bad = ini_parse_stream(next_line, &r, take_setting, &r);
	if (r.err)
		return r.err;
	if (bad)
		return why_set(why, bad == -2 ? -ENOMEM : -EINVAL,
			"%.*s: cannot be read as settings", LABEL, label);
	*config = r.config;
	return 0;
}

static int check_file(int fd, const char *path, struct why *why)
{
	uid_t self = geteuid();
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return why_set(why, -EPERM, "%.*s must be a regular file", LABEL, path);
	if (st.st_uid != 0 && st.st_uid != self)
		return why_set(why, -EPERM,
			"%.*s belongs to uid %u; it must belong to root or to uid %u", LABEL, path,
			st.st_uid, self);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return why_set(
			why, -EPERM, "%.*s can be written by others; chmod go-w it", LABEL, path);
	return 0;
}

/* Up to size bytes; how many there are, or -errno. */
static ssize_t read_whole(int fd, char *bytes, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, bytes + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

static int read_fd(struct config *config, int fd, const char *path, struct why *why)
{
	char *text;
	ssize_t n;
	int r;

	r = check_file(fd, path, why);
	if (r < 0)
		return r;
	text = malloc(FILE_MAX + 1);
	if (!text)
		return -ENOMEM;
	n = read_whole(fd, text, FILE_MAX + 1);
	if (n < 0)
		r = why_set(why, (int)n, "%.*s cannot be read: %s", LABEL, path, strerror((int)-n));
	else if (n > (ssize_t)FILE_MAX)
		r = why_set(why, -EINVAL, "%.*s has more than 64 KiB", LABEL, path);
	else
		r = config_read_text(config, text, (size_t)n, path, why);
	free(text);
	return r;
}

int config_read_file(struct config *config, const char *path, struct why *why)
{
	/* Not to hang where a pipe has that name. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0) {
		r = -errno;
		if (r != -ENOENT)
			why_set(why, r, "%.*s cannot be opened: %s", LABEL, path, strerror(-r));
		return r;
	}
	r = read_fd(config, fd, path, why);
	close(fd);
	return r;
}

/* ---- writing ---- */

struct writing {
	char *text;
	size_t size;
	size_t n; /* bytes it takes, also where size is less */
};

__attribute__((format(printf, 2, 3))) static void put(struct writing *w, const char *fmt, ...)
{
	bool fits = w->n < w->size;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(fits ? w->text + w->n : NULL, fits ? w->size - w->n : 0, fmt, ap);
	va_end(ap);
	w->n += n > 0 ? (size_t)n : 0;
}

static void put_path(struct writing *w, const char *name, const char *path)
{
	size_t len = strlen(path);

	if (len == 0)
		return;
	if (len <= PIECE) {
		put(w, "%s = %s\n", name, path);
		return;
	}
	/* The first byte alone, for it is no space: any other piece may end in one, that inih would
	 * drop. */
	put(w, "%s = %.1s\n", name, path);
	for (size_t at = 1; at < len; at += PIECE)
		put(w, "%s+ = \"%.*s\"\n", name, PIECE, path + at);
}

static void put_deny(struct writing *w, const char *name, const struct config *config)
{
	/* An entry a line: all of them can be longer than a line may be. */
	for (size_t i = 0; i < config->ndeny; i++)
		put(w, "%s%s = %u-%u\n", name, i > 0 ? "+" : "", config->deny[i].first,
			config->deny[i].last);
}

static void put_setting(struct writing *w, const struct setting *s, const struct config *config)
{
	const void *from = (const char *)config + s->offset;

	switch (s->kind) {
	case KIND_PATH:
	case KIND_COMMAND:
		put_path(w, s->name, from);
		break;
	case KIND_CREDENTIAL:
	case KIND_USER:
		if (*(const char *)from)
			put(w, "%s = %s\n", s->name, (const char *)from);
		break;
	case KIND_SWITCH:
		put(w, "%s = %s\n", s->name, *(const bool *)from ? "yes" : "no");
		break;
	case KIND_AUTO:
		if (*(const int *)from != CONFIG_AUTO)
			put(w, "%s = %s\n", s->name, *(const int *)from ? "yes" : "no");
		break;
	case KIND_NUMBER:
	case KIND_SIZE:
		put(w, "%s = %u\n", s->name, *(const uint32_t *)from);
		break;
	case KIND_OCTAL:
		put(w, "%s = %04o\n", s->name, *(const uint32_t *)from);
		break;
	case KIND_DENY:
		put_deny(w, s->name, config);
		break;
	case KIND_CHOICE:
		if (*(const int *)from != CONFIG_AUTO)
			put(w, "%s = %s\n", s->name, s->words[*(const int *)from]);
		break;
	case KIND_FD:
	case KIND_WORD:
		break;
	}
}

/* Would config_read_text take it back? A line end in a folder's name must not become a setting. */
static bool is_writable(const struct setting *s, const struct config *config)
{
	const char *from = (const char *)config + s->offset;

	if (s->kind == KIND_PATH && *from)
		return *from == '/' && fits_line(from);
	if (s->kind == KIND_USER || s->kind == KIND_CREDENTIAL || s->kind == KIND_COMMAND)
		return !*from || fits_line(from);
	return true;
}

int config_write_text(const struct config *config, char *text, size_t size)
{
	struct writing w = {.text = text, .size = size};

	for (size_t i = 0; i < NSETTINGS; i++) {
		if (!is_writable(&settings[i], config))
			return -EINVAL;
		put_setting(&w, &settings[i], config);
	}
	return w.n < size ? (int)w.n : -ENOSPC;
}

/* ---- the rest ---- */

/* root_base or $variable or $HOME/home_base, and rest. */
static int path_for(uint32_t uid, const char *root_base, const char *variable,
	const char *home_base, const char *rest, char *ret_path, size_t size)
{
	const char *base = uid == 0 ? root_base : getenv(variable);
	const char *under = "";
	char path[CONFIG_PATH];
	int n;

	if (!base || base[0] != '/') {
		base = getenv("HOME");
		under = home_base;
	}
	if (!base || base[0] != '/')
		return -ENOENT;
	n = snprintf(path, sizeof(path), "%s%s%s", base, under, rest);
	if (n < 0 || (size_t)n >= sizeof(path) || (size_t)n >= size)
		return -ENAMETOOLONG;
	memcpy(ret_path, path, (size_t)n + 1);
	return 0;
}

int config_path(uint32_t uid, char *ret_path, size_t size)
{
	return path_for(uid, "/etc", "XDG_CONFIG_HOME", "/.config", "/secretfs/secretfs.conf",
		ret_path, size);
}

int config_read_own(struct config *config, uint32_t uid, struct why *why)
{
	char path[CONFIG_PATH];
	int err = config_path(uid, path, sizeof(path));

	if (err == -ENOENT)
		return 0;
	if (err < 0)
		return why_set(why, err, "cannot tell where the configuration file is: %s",
			strerror(-err));
	err = config_read_file(config, path, why);
	if (err == 0)
		strcpy(config->file, path);
	return err == -ENOENT ? 0 : err;
}

int config_anchor_default(uint32_t uid, char *ret_path, size_t size)
{
	return path_for(uid, "/var/lib", "XDG_STATE_HOME", "/.local/state",
		uid == 0 ? "/secretfs-anchor" : "/secretfs/anchor", ret_path, size);
}

int config_audit_resolve(struct config *config, uint32_t uid)
{
	if (config->audit == CONFIG_AUTO)
		config->audit = uid == 0 || config->audit_file[0] ? CONFIG_AUDIT_REQUIRED
								  : CONFIG_AUDIT_OFF;
	if (config->audit == CONFIG_AUDIT_OFF || config->audit_file[0])
		return 0;
	return path_for(uid, "/var/log", "XDG_STATE_HOME", "/.local/state", "/secretfs/audit.log",
		config->audit_file, sizeof(config->audit_file));
}

static bool in_range(const struct config_range *range, uint32_t uid)
{
	return uid >= range->first && uid <= range->last;
}

bool config_private_allowed(const struct config *config, uint32_t uid)
{
	/* Uids that are nobody's in particular: nobody, systemd's dynamic users, "no uid". */
	static const struct config_range nobodys[] = {
		{65534, 65534},
		{61184, 65519},
		{UINT32_MAX, UINT32_MAX},
	};

	for (size_t i = 0; i < sizeof(nobodys) / sizeof(nobodys[0]); i++) {
		if (in_range(&nobodys[i], uid))
			return false;
	}
	for (size_t i = 0; i < config->ndeny; i++) {
		if (in_range(&config->deny[i], uid))
			return false;
	}
	return uid != 0 || config->private_root;
}
