/* SPDX-License-Identifier: MIT */
/* expiry: when a secret shall expire, as people say it. */
#include "expiry.h"

#include <errno.h>
#include <string.h>

#define EXPIRY_LAST 9223372036 /* what a secret can keep: nanoseconds in 63 bits, the year 2262 */

static int64_t expiry_unit(char letter)
{
	switch (letter) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	default:
		return 0;
	}
}

bool expiry_span(const char *text, int64_t *ret_seconds)
{
	int64_t seconds = 0;

	if (*text == '\0')
		return false;
	while (*text != '\0') {
		int64_t n = 0, unit;
		size_t digits = strspn(text, "0123456789");

		if (digits == 0 || digits > 10)
			return false;
		for (size_t i = 0; i < digits; i++)
			n = n * 10 + (*text++ - '0');
		unit = expiry_unit(*text++);
		if (unit == 0 || n > EXPIRY_LAST / unit)
			return false;
		seconds += n * unit;
		if (seconds > EXPIRY_LAST)
			return false;
	}
	*ret_seconds = seconds;
	return true;
}

static bool expiry_moment(const char *text, int64_t now, int64_t *ret_seconds)
{
	if (text[0] == '+') {
		if (!expiry_span(text + 1, ret_seconds))
			return false;
		*ret_seconds += now;
		return true;
	}
	return times_parse(text, ret_seconds) == 0;
}

int expiry_parse(struct expiry *ret_expiry, const char *text, int64_t now, struct why *why)
{
	struct expiry expiry = {.given = true};
	int64_t seconds = now;

	if (strcmp(text, "never") == 0) {
		expiry.never = true;
		*ret_expiry = expiry;
		return 0;
	}
	if (strcmp(text, "now") != 0) {
		if (!expiry_moment(text, now, &seconds))
			return why_set(why, -EINVAL,
				"--expires: say when as 2030-01-31T12:00:00Z, in seconds since "
				"1970, "
				"or from now on as +30d, +12h or +90m; or now, or never");
		if (seconds <= now)
			return why_set(why, -EINVAL,
				"--expires: that is past already; to let it expire at once say "
				"now");
	}
	if (seconds > EXPIRY_LAST)
		return why_set(why, -EINVAL, "--expires: that is after the year 2262");
	times_print(seconds, expiry.text);
	*ret_expiry = expiry;
	return 0;
}
