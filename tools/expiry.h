/* SPDX-License-Identifier: MIT */
/* expiry: when a secret shall expire, as people say it. */
#ifndef TOOLS_EXPIRY_H
#define TOOLS_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "times.h"
#include "why.h"

struct expiry {
	bool given;
	bool never;
	char text[TIMES_TEXT]; /* RFC 3339 in UTC; unless never */
};

/* "30d", "1d12h": seconds. false: something else, or longer than there is time. */
bool expiry_span(const char *text, int64_t *ret_seconds);

/*
 * RFC 3339, a date, seconds since 1970, +30d (also s, m, h, w, and several: +1d12h) from now on,
 * "now", "never". now: seconds since 1970. -EINVAL: anything else, and what is past already, which
 * is more often a slip than a wish.
 */
int expiry_parse(struct expiry *ret_expiry, const char *text, int64_t now, struct why *why);

#endif
