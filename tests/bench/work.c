// SPDX-License-Identifier: MIT
/*
 * work: the same file operation on several file systems in turns (A B A B ...), so that what else
 * happens on the machine meets all of them alike.
 *
 *     bench_work WORK [-r ROUNDS] [-t THREADS] [-n NAMES] [-s SEED] PLACE...
 *     bench_work fill [-n NAMES] [-l RICH] [-t THREADS] FOLDER
 *     bench_work spawn [-r ROUNDS] [-e STATUS] -- COMMAND... [-- COMMAND...]...
 *
 * A % in a place stands for a number that counts from 0 to NAMES - 1 and begins again, with -s in
 * an order that depends on SEED. Works, each timed from its first call to its last:
 *
 *     read      open, fstat, read, read to the end, close
 *     keys      the same of the 100 files that fill put into a folder, one after the other
 *     open      open alone
 *     stat      lstat
 *     list      all entries of a folder
 *     attrs     all entries of a folder, lstat of each
 *     create    open a new file, write 64 bytes, close
 *     replace   the same with a file that is there and is truncated
 *     mkdir     a new folder with a new file k
 *     spawn     a program, from its start to its end, with exit status STATUS (0); what it says is
 *               thrown away
 *
 * "sync:" before a place that is written to: close alone does not make it durable there, so file
 * and folders are synced. With one thread the work is pinned to a core; with more each place in its
 * turn has all of them.
 *
 * For each place a line: nanoseconds of wall time of all its turns, then those of each operation.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SMALL     64
#define MIDDLE    4096
#define LARGE     (1u << 20)
#define TURN      25  /* operations of each thread in a turn */
#define KEYS      100 /* files in the folder of many */
#define MAX_PLACE 64

extern char **environ;

struct place {
	const char *path;
	bool sync;
	char **command; /* spawn */
	uint64_t wall;
	uint64_t *times;
};

static struct {
	size_t rounds, threads, names, nplaces;
	int status;    /* -e */
	size_t *order; /* -s */
	void (*work)(const struct place *place, const char *path);
	struct place places[MAX_PLACE];
} job = {.rounds = 1, .threads = 1, .names = SIZE_MAX};

static _Thread_local char *buffer;    /* LARGE + MIDDLE bytes */
static _Thread_local int opened = -1; /* to be closed once the time is taken */

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("work: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	_exit(1);
}

__attribute__((noreturn)) static void die_of(const char *path)
{
	die("%s: %s", path, strerror(errno));
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		die("out of memory");
	return p;
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		die("cannot be pinned: %s", strerror(errno));
}

/* ---- works ---- */

/* As programs do it that ask for the size first: one read for all of it, one that finds the end. */
static void work_read(const struct place *place, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t want;
	ssize_t n;

	(void)place;
	if (fd < 0 || fstat(fd, &st) != 0)
		die_of(path);
	want = st.st_size < MIDDLE ? MIDDLE : LARGE + MIDDLE;
	do
		n = read(fd, buffer, want);
	while (n > 0);
	if (n < 0 || close(fd) != 0)
		die_of(path);
}

static const char *key_name(size_t i, char text[16])
{
	snprintf(text, 16, i == 0 ? "k" : "h%zu", i);
	return text;
}

static void work_keys(const struct place *place, const char *path)
{
	char file[PATH_MAX], name[16];

	for (size_t i = 0; i < KEYS; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, key_name(i, name));
		work_read(place, file);
	}
}

static void work_open(const struct place *place, const char *path)
{
	(void)place;
	opened = open(path, O_RDONLY | O_CLOEXEC);
	if (opened < 0)
		die_of(path);
}

static void work_stat(const struct place *place, const char *path)
{
	struct stat st;

	(void)place;
	if (lstat(path, &st) != 0)
		die_of(path);
}

static void list(const char *path, bool attrs)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;

	if (!dir)
		die_of(path);
	errno = 0;
	while ((entry = readdir(dir)))
		if (attrs && fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			die_of(path);
	if (errno != 0)
		die_of(path);
	closedir(dir);
}

static void work_list(const struct place *place, const char *path)
{
	(void)place;
	list(path, false);
}

static void work_attrs(const struct place *place, const char *path)
{
	(void)place;
	list(path, true);
}

static void sync_folder(const char *path, size_t len)
{
	char folder[PATH_MAX];
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", (int)len, path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0 || close(fd) != 0)
		die_of(folder);
}

static size_t folder_len(const char *path, size_t len)
{
	while (len > 1 && path[len - 1] != '/')
		len--;
	return len - 1;
}

static void put(const char *path, int flags, size_t size, bool sync)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);

	if (fd < 0 || write(fd, buffer, size) != (ssize_t)size || (sync && fsync(fd) != 0) ||
		close(fd) != 0)
		die_of(path);
}

static void work_create(const struct place *place, const char *path)
{
	put(path, O_CREAT | O_EXCL, SMALL, place->sync);
	if (place->sync)
		sync_folder(path, folder_len(path, strlen(path)));
}

static void work_replace(const struct place *place, const char *path)
{
	put(path, O_TRUNC, SMALL, place->sync);
}

static void work_mkdir(const struct place *place, const char *path)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "%s/k", path);
	if (mkdir(path, 0755) != 0)
		die_of(path);
	work_create(place, file);
	if (place->sync)
		sync_folder(path, folder_len(path, strlen(path)));
}

static void work_spawn(const struct place *place, const char *path)
{
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, path, &actions, NULL, place->command, environ) != 0)
		die_of(path);
	if (waitpid(pid, &status, 0) != pid)
		die_of(path);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != job.status)
		die("%s ended with status 0x%x", path, (unsigned)status);
	posix_spawn_file_actions_destroy(&actions);
}

static const struct {
	const char *name;
	void (*work)(const struct place *place, const char *path);
} works[] = {
	{"read", work_read},
	{"keys", work_keys},
	{"open", work_open},
	{"stat", work_stat},
	{"list", work_list},
	{"attrs", work_attrs},
	{"create", work_create},
	{"replace", work_replace},
	{"mkdir", work_mkdir},
	{"spawn", work_spawn},
};

/* ---- turns ---- */

/* The place's path with the number of this round for its %. */
static const char *path_of(const struct place *place, size_t round, char text[PATH_MAX])
{
	const char *mark = strchr(place->path, '%');
	size_t number = round % job.names;

	if (!mark)
		return place->path;
	if (job.order)
		number = job.order[number];
	snprintf(text, PATH_MAX, "%.*s%zu%s", (int)(mark - place->path), place->path, number,
		mark + 1);
	return text;
}

static void once(struct place *place, size_t round)
{
	char text[PATH_MAX];
	const char *path = path_of(place, round, text);
	uint64_t start = now_ns();

	job.work(place, path);
	place->times[round] = now_ns() - start;
	if (opened >= 0)
		close(opened);
	opened = -1;
}

static void run_alone(void)
{
	if (job.work != work_spawn)
		pin();
	for (size_t i = 0; i < job.rounds; i++)
		for (size_t p = 0; p < job.nplaces; p++) {
			once(&job.places[p], i);
			job.places[p].wall += job.places[p].times[i];
		}
}

struct worker {
	pthread_t thread;
	size_t number;
};

static pthread_barrier_t barrier;

static void *run_beside(void *arg)
{
	const struct worker *me = arg;
	size_t turns = job.rounds / (TURN * job.threads);

	buffer = allocate(1, LARGE + MIDDLE);
	for (size_t turn = 0; turn < turns; turn++)
		for (size_t p = 0; p < job.nplaces; p++) {
			pthread_barrier_wait(&barrier);
			uint64_t start = now_ns();
			for (size_t i = 0; i < TURN; i++)
				once(&job.places[p], (turn * TURN + i) * job.threads + me->number);
			pthread_barrier_wait(&barrier);
			if (me->number == 0)
				job.places[p].wall += now_ns() - start;
		}
	free(buffer);
	return NULL;
}

static void run_threads(void *(*run)(void *), size_t threads)
{
	struct worker *workers = allocate(threads, sizeof(*workers));

	for (size_t i = 0; i < threads; i++) {
		workers[i].number = i;
		if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
			die("cannot start a thread");
	}
	for (size_t i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	free(workers);
}

static void run_many(void)
{
	job.rounds -= job.rounds % (TURN * job.threads);
	if (job.rounds == 0)
		die("%zu threads need at least %zu rounds", job.threads, TURN * job.threads);
	pthread_barrier_init(&barrier, NULL, (unsigned)job.threads);
	run_threads(run_beside, job.threads);
}

/* ---- fill ---- */

static size_t rich;

static void fill_key(const char *folder, const char *key, size_t size)
{
	char file[PATH_MAX + 32];

	snprintf(file, sizeof(file), "%s/%s", folder, key);
	put(file, O_CREAT, size, false);
}

/* Secret n<i> with k, the first ones with k4 and k1, the one after those with 100 keys. */
static void fill_one(size_t i)
{
	char folder[PATH_MAX], name[16];

	snprintf(folder, sizeof(folder), "%s/n%zu", job.places[0].path, i);
	if (mkdir(folder, 0755) != 0)
		die_of(folder);
	fill_key(folder, "k", SMALL);
	if (i < rich) {
		fill_key(folder, "k4", MIDDLE);
		fill_key(folder, "k1", LARGE);
	}
	for (size_t h = 1; h < KEYS && i == rich && rich; h++)
		fill_key(folder, key_name(h, name), SMALL);
}

static void *fill_some(void *arg)
{
	static _Atomic size_t next;

	(void)arg;
	buffer = allocate(1, LARGE + MIDDLE);
	memset(buffer, 'v', LARGE);
	for (size_t i = next++; i < job.names; i = next++)
		fill_one(i);
	free(buffer);
	return NULL;
}

/* ---- command line ---- */

static void shuffle(size_t seed)
{
	uint64_t state = 88172645463325252u + seed;

	job.order = allocate(job.names, sizeof(*job.order));
	for (size_t i = 0; i < job.names; i++)
		job.order[i] = i;
	for (size_t i = job.names - 1; i > 0; i--) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		size_t other = state % (i + 1), swap = job.order[i];
		job.order[i] = job.order[other];
		job.order[other] = swap;
	}
}

static struct place *add_place(const char *path)
{
	struct place *place = &job.places[job.nplaces];

	if (job.nplaces++ == MAX_PLACE)
		die("more than %d places", MAX_PLACE);
	place->sync = strncmp(path, "sync:", 5) == 0;
	place->path = path + (place->sync ? 5 : 0);
	place->times = allocate(job.rounds, sizeof(*place->times));
	return place;
}

/* Commands with -- between them, each of which ends as execv wants it. */
static void add_commands(char **argv)
{
	while (*argv) {
		struct place *place = add_place(*argv);

		place->command = argv;
		while (*argv && strcmp(*argv, "--") != 0)
			argv++;
		if (*argv)
			*argv++ = NULL;
	}
}

static void print(const struct place *place)
{
	printf("%llu", (unsigned long long)place->wall);
	for (size_t i = 0; i < job.rounds; i++)
		printf(" %llu", (unsigned long long)place->times[i]);
	putchar('\n');
}

static size_t number_of(const char *text)
{
	char *end;
	size_t n = strtoul(text, &end, 10);

	if (end == text || *end)
		die("%s is not a number", text);
	return n;
}

static bool options(int argc, char **argv)
{
	bool shuffled = false;
	size_t seed = 0;
	int c;

	while ((c = getopt(argc, argv, "+r:t:n:e:l:s:")) != -1) {
		switch (c) {
		case 'r':
			job.rounds = number_of(optarg);
			break;
		case 't':
			job.threads = number_of(optarg);
			break;
		case 'n':
			job.names = number_of(optarg);
			break;
		case 'e':
			job.status = (int)number_of(optarg);
			break;
		case 'l':
			rich = number_of(optarg);
			break;
		case 's':
			seed = number_of(optarg);
			shuffled = true;
			break;
		default:
			return false;
		}
	}
	if (shuffled)
		shuffle(seed);
	return optind < argc && job.rounds && job.threads && job.names;
}

static int usage(const char *program)
{
	fprintf(stderr, "usage: %s WORK [-r ROUNDS] [-t THREADS] [-n NAMES] [-s SEED] PLACE...\n",
		program);
	return 2;
}

int main(int argc, char **argv)
{
	bool fill = argc > 1 && strcmp(argv[1], "fill") == 0;

	for (size_t i = 0; argc > 1 && i < sizeof(works) / sizeof(works[0]); i++)
		if (strcmp(argv[1], works[i].name) == 0)
			job.work = works[i].work;
	if ((!job.work && !fill) || !options(argc - 1, argv + 1))
		return usage(argv[0]);
	argv += 1 + optind;
	if (job.work == work_spawn)
		add_commands(argv);
	else
		while (*argv)
			add_place(*argv++);
	buffer = allocate(1, LARGE + MIDDLE);
	if (fill) {
		run_threads(fill_some, job.threads);
		return 0;
	}
	if (job.threads == 1)
		run_alone();
	else
		run_many();
	for (size_t p = 0; p < job.nplaces; p++)
		print(&job.places[p]);
	return 0;
}
