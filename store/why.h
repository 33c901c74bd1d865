/* SPDX-License-Identifier: MIT */
/*
 * why: one sentence for a person, beside the errno that a function returns.
 *
 * A function that may refuse for more reasons than an errno can tell takes a
 * struct why *. It is filled only on failure and never holds a value, a key or
 * rejected input that may be one. NULL is allowed and means "nobody will read it".
 */
#ifndef STORE_WHY_H
#define STORE_WHY_H

struct why {
	char text[768];
};

/* Formats the sentence and returns err (negative errno), so that callers write
 * "return why_set(why, -EPERM, ...)". No trailing newline. */
__attribute__((format(printf, 3, 4))) int why_set(struct why *why, int err, const char *fmt, ...);

#endif
