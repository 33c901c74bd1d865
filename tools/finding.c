/* SPDX-License-Identifier: MIT */
/* finding: what verifying a store has found, as lines for a person. */
#include "finding.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "print.h"

/* public/NAME, private/UID/NAME, or the number of the row. */
static void finding_where(const struct store_finding *finding, char *text, size_t size)
{
	char name[PRINT_NAME] = "";
	size_t n = 0;

	if (finding->name)
		print_escape(finding->name, name, sizeof(name));
	if (finding->ns.kind == NS_PUBLIC)
		n = (size_t)snprintf(text, size, "public");
	else if (finding->ns.kind == NS_PRIVATE)
		n = (size_t)snprintf(text, size, "private/%u", finding->ns.uid);
	else if (finding->bucket >= 0)
		n = (size_t)snprintf(text, size, "bucket %d", finding->bucket);
	else if (!finding->row)
		n = (size_t)snprintf(text, size, "store");
	if (finding->name)
		snprintf(text + n, size - n, "/%s", name);
	else if (finding->row)
		snprintf(text + n, size - n, "%srow %" PRIu64, n ? ", " : "", finding->row);
}

static void finding_key(const struct store_finding *finding, char *text, size_t size)
{
	char name[PRINT_NAME];

	text[0] = '\0';
	if (!finding->key)
		return;
	print_escape(finding->key, name, sizeof(name));
	snprintf(text, size, "/%s", name);
}

static void finding_version(const struct store_finding *finding, char *text, size_t size)
{
	text[0] = '\0';
	if (finding->version)
		snprintf(text, size, ", version %" PRIu64, finding->version);
}

void finding_found(void *arg, const struct store_finding *finding)
{
	static const char *const words[] = {"damaged", "doubtful", "waste"};
	struct finding_print *print = arg;
	char where[PRINT_NAME + 64], key[PRINT_NAME + 1], version[48];

	if (finding->kind == STORE_WASTE) {
		print->waste++;
		return;
	}
	meter_end(&print->meter);
	finding_where(finding, where, sizeof(where));
	finding_key(finding, key, sizeof(key));
	finding_version(finding, version, sizeof(version));
	printf("%s: %s%s%s: %s\n", words[finding->kind], where, key, version, finding->what);
}

void finding_progress(void *arg, uint64_t done, uint64_t total)
{
	struct finding_print *print = arg;

	meter_tell(&print->meter, done, total);
}

void finding_summary(const struct store_verify_result *result)
{
	printf("%" PRIu64 " secrets, %" PRIu64 " versions, %" PRIu64 " values were read\n",
		result->secrets, result->versions, result->values);
	if (result->waste)
		printf("%" PRIu64 " rows belong to nothing; store compact drops them\n",
			result->waste);
}
