/* SPDX-License-Identifier: MIT */
/* name: UTF-8 and the rules for names of secrets and keys. */
#include "name.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* Reads one character at p < end. Returns its length, 0 if it is not valid UTF-8. */
static size_t utf8_next(const uint8_t *p, const uint8_t *end, uint32_t *ret_char)
{
	/* The smallest character that needs this many bytes: anything below is an overlong form. */
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c = p[0];
	size_t n;

	if (c < 0x80) {
		*ret_char = c;
		return 1;
	}
	if (c >= 0xc0 && c < 0xe0)
		n = 2;
	else if (c >= 0xe0 && c < 0xf0)
		n = 3;
	else if (c >= 0xf0 && c < 0xf8)
		n = 4;
	else
		return 0;
	if ((size_t)(end - p) < n)
		return 0;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret_char = c;
	return n;
}

static bool char_allowed(uint32_t c)
{
	if (c < 0x20 || c == '/' || (c >= 0x7f && c < 0xa0))
		return false;
	if (c >= 0x2028 && c <= 0x202e) /* line and paragraph separator, bidirectional overrides */
		return false;
	return c < 0x2066 || c > 0x2069; /* bidirectional isolates */
}

bool name_utf8(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t at = 0;

	while (at < len) {
		uint32_t c;
		size_t n = utf8_next(p + at, p + len, &c);

		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

int name_check(const char *name, size_t len)
{
	const uint8_t *p = (const uint8_t *)name;
	size_t at = 0;

	if (len == 0)
		return -ENOENT;
	if (len > NAME_MAX_BYTES)
		return -ENAMETOOLONG;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return -EINVAL;
	while (at < len) {
		uint32_t c;
		size_t n = utf8_next(p + at, p + len, &c);

		if (n == 0 || !char_allowed(c))
			return -EINVAL;
		at += n;
	}
	return 0;
}

bool name_is_view(const char *name, size_t len)
{
	static const char *const views[] = {".json", ".env", ".versions"};

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		if (len == strlen(views[i]) && memcmp(name, views[i], len) == 0)
			return true;
	return false;
}

int name_check_key(const char *name, size_t len)
{
	int r = name_check(name, len);

	if (r < 0)
		return r;
	return name_is_view(name, len) ? -EPERM : 0;
}
