/* SPDX-License-Identifier: MIT */
/* finding: what verifying a store has found, as lines for a person. */
#ifndef TOOLS_FINDING_H
#define TOOLS_FINDING_H

#include "meter.h"
#include "store.h"

struct finding_print {
	struct meter meter;
	uint64_t waste; /* what is waste is counted, not told one by one */
};

/* store_verify's found and progress; arg is a struct finding_print. */
void finding_found(void *arg, const struct store_finding *finding);
void finding_progress(void *arg, uint64_t done, uint64_t total);

/* One line: what was read. */
void finding_summary(const struct store_verify_result *result);

#endif
