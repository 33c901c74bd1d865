/* SPDX-License-Identifier: MIT */
/*
 * serving: does the daemon behind the tree answer, and what does it say of itself?
 *
 * Who asks a mount that hangs may wait for ever, and not even SIGKILL ends that. So a process of
 * its own asks, and is left alone when the time is up.
 */
#ifndef TOOLS_SERVING_H
#define TOOLS_SERVING_H

#include <jansson.h>
#include <limits.h>
#include <sys/types.h>

#include "why.h"

struct serving {
	char path[PATH_MAX]; /* of the tree; empty: not known */
	dev_t dev;           /* of the tree, once it has answered */
	json_t *status;      /* the object in .secretfs/status, or NULL */
};

/*
 * dir as for place_find. ret_serving is always to be freed; its path is set also if the daemon does
 * not answer. Errors of place_find; -ETIMEDOUT: no answer in so many seconds; -ENOTCONN, ...: there
 * is nobody to answer; -EPROTO: it is no answer that could be understood.
 */
int serving_ask(const char *dir, unsigned seconds, struct serving *ret_serving, struct why *why);

void serving_free(struct serving *serving);

#define AUTO_SERVING __attribute__((cleanup(serving_free))) struct serving

#endif
