// SPDX-License-Identifier: MIT
/*
 * cycle: how long a program needs to read a small file: open, fstat, read, read to the end, close.
 *
 *     bench_cycle ROUNDS FILE...
 *
 * Pinned to one core. The files take turns (A B A B ...), so that what else happens on the machine
 * meets all of them alike. A % in a path stands for a number that counts from 0 to 3999 and begins
 * again, so that no file is opened twice within a second. Prints for each file the median and the
 * 99th percentile, and how far its median is from the first file's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 200
#define NUMBERS 4000

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fprintf(stderr, "cycle: not pinned: %s\n", strerror(errno));
}

/* path with the number of this round in place of a %. */
static const char *path_of_round(const char *path, size_t round)
{
	static char text[4096];
	const char *mark = strchr(path, '%');

	if (!mark)
		return path;
	snprintf(text, sizeof(text), "%.*s%zu%s", (int)(mark - path), path, round % NUMBERS,
		mark + 1);
	return text;
}

/* One cycle; returns its length in nanoseconds and stops the program on an error. */
static uint64_t cycle(const char *path)
{
	char bytes[4096];
	struct stat st;
	uint64_t start = now_ns();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0)
		goto failed;
	do
		n = read(fd, bytes, sizeof(bytes));
	while (n > 0);
	if (n < 0 || close(fd) != 0)
		goto failed;
	return now_ns() - start;
failed:
	fprintf(stderr, "cycle: %s: %s\n", path, strerror(errno));
	exit(1);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	size_t files = argc > 2 ? (size_t)argc - 2 : 0;
	uint64_t *times;
	double first = 0;

	if (rounds == 0) {
		fprintf(stderr, "usage: %s ROUNDS FILE...\n", argv[0]);
		return 2;
	}
	times = calloc(files * rounds, sizeof(*times));
	if (!times)
		return 1;
	pin();
	for (size_t i = 0; i < WARM_UP * files; i++)
		cycle(path_of_round(argv[2 + i % files], i / files));
	for (size_t i = 0; i < rounds; i++)
		for (size_t f = 0; f < files; f++)
			times[f * rounds + i] = cycle(path_of_round(argv[2 + f], i));

	printf("%10s %10s %10s  %s\n", "median us", "p99 us", "difference", "file");
	for (size_t f = 0; f < files; f++) {
		uint64_t *t = times + f * rounds;
		double median;

		qsort(t, rounds, sizeof(*t), compare);
		median = (double)t[rounds / 2] / 1000;
		if (f == 0)
			first = median;
		printf("%10.1f %10.1f %+9.1f%%  %s\n", median, (double)t[rounds * 99 / 100] / 1000,
			(median - first) / first * 100, argv[2 + f]);
	}
	free(times);
	return 0;
}
