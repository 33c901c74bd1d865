/* SPDX-License-Identifier: MIT */
/* times: moments as people write them and as they are shown. */
#include "times.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* count digits at *at, which moves on behind them; -1: something else. */
static int times_digits(const char **at, int count, int low, int high)
{
	int n = 0;

	for (int i = 0; i < count; i++) {
		if ((*at)[i] < '0' || (*at)[i] > '9')
			return -1;
		n = n * 10 + (*at)[i] - '0';
	}
	*at += count;
	return n >= low && n <= high ? n : -1;
}

static bool times_char(const char **at, const char *wanted)
{
	if (**at == '\0' || strchr(wanted, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

static bool times_date(const char **at, struct tm *tm)
{
	tm->tm_year = times_digits(at, 4, 1, 9999) - 1900;
	if (tm->tm_year < -1899 || !times_char(at, "-"))
		return false;
	tm->tm_mon = times_digits(at, 2, 1, 12) - 1;
	if (tm->tm_mon < 0 || !times_char(at, "-"))
		return false;
	tm->tm_mday = times_digits(at, 2, 1, 31);
	return tm->tm_mday > 0;
}

/* HH:MM, HH:MM:SS or HH:MM:SS.fff */
static bool times_clock(const char **at, struct tm *tm)
{
	tm->tm_hour = times_digits(at, 2, 0, 23);
	if (tm->tm_hour < 0 || !times_char(at, ":"))
		return false;
	tm->tm_min = times_digits(at, 2, 0, 59);
	if (tm->tm_min < 0)
		return false;
	if (!times_char(at, ":"))
		return true;
	tm->tm_sec = times_digits(at, 2, 0, 59);
	if (tm->tm_sec < 0)
		return false;
	if (times_char(at, ".")) {
		size_t n = strspn(*at, "0123456789");

		*at += n;
		return n > 0;
	}
	return true;
}

/* Nothing, Z, or +HH:MM. */
static bool times_zone(const char **at, int *ret_seconds)
{
	int sign = **at == '-' ? -1 : 1, hours, minutes;

	*ret_seconds = 0;
	if (**at == '\0' || times_char(at, "Zz"))
		return true;
	if (!times_char(at, "+-"))
		return false;
	hours = times_digits(at, 2, 0, 23);
	if (hours < 0 || !times_char(at, ":"))
		return false;
	minutes = times_digits(at, 2, 0, 59);
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return minutes >= 0;
}

static int times_since_1970(const char *text, int64_t *ret_seconds)
{
	char *end;
	long long seconds;

	errno = 0;
	seconds = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || seconds > 253402300799) /* the end of the year 9999 */
		return -EINVAL;
	*ret_seconds = seconds;
	return 0;
}

int times_parse(const char *text, int64_t *ret_seconds)
{
	struct tm tm = {0}, day;
	const char *at = text;
	int64_t seconds;
	int zone = 0;

	if (*text >= '0' && *text <= '9' && strspn(text, "0123456789") == strlen(text))
		return times_since_1970(text, ret_seconds);
	if (!times_date(&at, &tm))
		return -EINVAL;
	if (times_char(&at, "Tt ") && (!times_clock(&at, &tm) || !times_zone(&at, &zone)))
		return -EINVAL;
	if (*at != '\0')
		return -EINVAL;
	day = tm;
	seconds = timegm(&day);
	/* The 31st of a shorter month has become another day. */
	if (day.tm_mday != tm.tm_mday)
		return -EINVAL;
	*ret_seconds = seconds - zone;
	return 0;
}

void times_print(int64_t seconds, char ret_text[static TIMES_TEXT])
{
	time_t when = (time_t)seconds;
	struct tm tm;

	strcpy(ret_text, "?");
	if (gmtime_r(&when, &tm) != NULL)
		strftime(ret_text, TIMES_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void times_print_local(int64_t seconds, char ret_text[static TIMES_TEXT])
{
	time_t when = (time_t)seconds;
	struct tm tm;

	strcpy(ret_text, "?");
	if (localtime_r(&when, &tm) != NULL)
		strftime(ret_text, TIMES_TEXT, "%Y-%m-%dT%H:%M:%S%z", &tm);
}
