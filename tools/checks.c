/* SPDX-License-Identifier: MIT */
/* checks: collects findings. */
#include "checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct checks *checks_new(const char *mount)
{
	struct checks *checks = calloc(1, sizeof(*checks));

	if (checks == NULL)
		return NULL;
	checks->mount = mount;
	config_init(&checks->config);
	return checks;
}

void checks_free(struct checks *checks)
{
	if (checks == NULL)
		return;
	serving_free(&checks->serving);
	free(checks->findings);
	free(checks);
}

void checks_add(struct checks *checks, enum checks_state state, const char *what, const char *help,
	const char *format, ...)
{
	struct checks_finding *findings =
		realloc(checks->findings, (checks->n + 1) * sizeof(*findings));
	struct checks_finding *f;
	va_list args;

	if (findings == NULL) {
		checks->out_of_memory = true;
		return;
	}
	checks->findings = findings;
	f = &findings[checks->n++];
	f->state = state;
	f->what = what;
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
	snprintf(f->help, sizeof(f->help), "%s", help != NULL ? help : "");
}
