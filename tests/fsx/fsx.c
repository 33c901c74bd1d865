// SPDX-License-Identifier: MIT
/*
 * fsx: does random operations on one key and compares every answer with a model in memory.
 *
 *     fsx [--seed N] [--seconds N] [--rounds N] [--ops N] SECRET
 *
 * SECRET is a folder below public/ or private/. Each round has a seed of its own, which is printed
 * when something is wrong: "fsx --seed N --rounds 1 SECRET" does the same again.
 *
 * The model:
 *
 *     a reader's descriptor    shows the value that was committed when it was opened
 *     a writer's               has a buffer of its own, which starts as that value, or empty
 * (O_TRUNC); close and fsync commit it if it was written or truncated O_APPEND                 has
 * only a tail; what it shows, and what it commits, is current value + tail O_TRUNC, never written
 * is committed by fsync, by the second close of a duplicate, and by the last close (which the
 * kernel does not wait for, so the model does) truncate(2)              is a transaction of its own
 *     an unlinked key          commits nothing, and is read on
 *     mmap, sendfile           show the committed value, through any descriptor
 *     stat, fstat              tell the committed size, SEEK_END that of uncommitted changes
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MAX_ 70000u /* few of them open at once must not use up a user's locked memory */
#define FDS       10
#define HISTORY   40

struct bytes {
	uint8_t *data;
	size_t len;
};

/* A key, named or not. */
struct file {
	struct bytes value;
	bool linked;
	int refs;
};

/* An open file description. */
struct open_file {
	struct file *file;
	struct bytes own; /* a reader's snapshot, a writer's buffer or tail */
	bool writes, reads, append, tail;
	bool dirty, emptied, flushed;
	off_t pos;
	int refs;
};

static struct {
	const char *secret;
	char key[PATH_MAX];
	char other[PATH_MAX];
	struct file *named; /* NULL: there is none */
	struct {
		int fd;
		struct open_file *open;
	} fds[FDS];
	unsigned op;
	unsigned emptied_at; /* the last operation whose commit the kernel did not wait for */
	uint64_t seed;
	uint64_t state;
	char history[HISTORY][120];
} fsx;

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fsx.history[fsx.op % HISTORY], sizeof(fsx.history[0]), fmt, args);
	va_end(args);
}

static void fail(const char *fmt, ...)
{
	int err = errno;
	va_list args;

	for (unsigned i = fsx.op < HISTORY ? 0 : fsx.op - HISTORY + 1; i <= fsx.op; i++)
		printf("%6u %s\n", i, fsx.history[i % HISTORY]);
	printf("fsx: seed %llu, operation %u: ", (unsigned long long)fsx.seed, fsx.op);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf(" (errno %s)\n", strerrorname_np(err));
	exit(1);
}

/* ---- randomness: splitmix64 ---- */

static uint64_t rnd(void)
{
	uint64_t z = fsx.state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
	return (unsigned)(rnd() % n);
}

/* Mostly small; sometimes on either side of a page or of the largest request. */
static size_t some_size(void)
{
	static const size_t edges[] = {0, 1, 4095, 4096, 4097, 8192, 65535, 65536, 65537};

	switch (below(8)) {
	case 0:
		return edges[below(9)];
	case 1:
		return below(SIZE_MAX_);
	default:
		return below(300);
	}
}

/* ---- bytes ---- */

static void bytes_resize(struct bytes *b, size_t len)
{
	uint8_t *data = realloc(b->data, len ? len : 1);

	if (!data)
		abort();
	if (len > b->len)
		memset(data + b->len, 0, len - b->len);
	b->data = data;
	b->len = len;
}

static void bytes_set(struct bytes *b, const void *data, size_t len)
{
	bytes_resize(b, len);
	if (len)
		memcpy(b->data, data, len);
}

static void bytes_put(struct bytes *b, size_t at, const void *data, size_t len)
{
	if (at + len > b->len)
		bytes_resize(b, at + len);
	if (len)
		memcpy(b->data + at, data, len);
}

/* ---- the model ---- */

static struct file *file_new(void)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		abort();
	file->linked = true;
	file->refs = 1;
	return file;
}

static void file_put(struct file *file)
{
	if (file && --file->refs == 0) {
		free(file->value.data);
		free(file);
	}
}

static void model_unlink(void)
{
	if (fsx.named)
		fsx.named->linked = false;
	file_put(fsx.named);
	fsx.named = NULL;
}

/* What its descriptors show. */
static struct bytes model_view(const struct open_file *o)
{
	struct bytes view = {0};

	if (o->tail)
		bytes_set(&view, o->file->value.data, o->file->value.len);
	bytes_put(&view, view.len, o->own.data, o->own.len);
	return view;
}

static void model_commit(struct open_file *o)
{
	if (o->file->linked) {
		struct bytes view = model_view(o);
		free(o->file->value.data);
		o->file->value = view;
	}
	if (o->tail)
		bytes_resize(&o->own, 0);
	o->dirty = o->emptied = o->flushed = false;
}

static void model_flush(struct open_file *o)
{
	if (o->dirty || (o->emptied && o->flushed))
		model_commit(o);
	else if (o->emptied)
		o->flushed = true;
}

static void model_wrote(struct open_file *o)
{
	o->dirty = true;
	o->emptied = o->flushed = false;
}

static void model_write(struct open_file *o, size_t at, const void *data, size_t len)
{
	bytes_put(&o->own, o->append ? o->own.len : at, data, len);
	model_wrote(o);
}

/* ---- checks ---- */

static void same(const char *what, const uint8_t *got, size_t got_len, const struct bytes *want,
	size_t from, size_t len)
{
	size_t want_len = from < want->len ? want->len - from : 0;

	if (want_len > len)
		want_len = len;
	if (got_len != want_len)
		fail("%s: %zu bytes from %zu, wanted %zu of %zu", what, got_len, from, want_len,
			want->len);
	for (size_t i = 0; i < got_len; i++)
		if (got[i] != want->data[from + i])
			fail("%s: byte %zu is %02x, wanted %02x", what, from + i, got[i],
				want->data[from + i]);
}

static void same_value(
	const char *what, const uint8_t *got, size_t got_len, const struct bytes *want)
{
	same(what, got, got_len, want, 0, SIZE_MAX);
}

/* A whole value by a descriptor of its own. */
static void check_committed(const char *what)
{
	static uint8_t got[2 * SIZE_MAX_ + 100000];
	size_t n = 0;
	ssize_t r;
	int fd = open(fsx.key, O_RDONLY);

	if (!fsx.named) {
		if (fd >= 0 || errno != ENOENT)
			fail("%s: a removed key can be opened", what);
		return;
	}
	if (fd < 0)
		fail("%s: cannot be opened", what);
	while ((r = read(fd, got + n, sizeof(got) - n)) > 0)
		n += (size_t)r;
	if (r < 0)
		fail("%s: cannot be read", what);
	close(fd);
	same_value(what, got, n, &fsx.named->value);
}

/* A size, which fd (or, if it is -1, the key's name) tells. */
static off_t stat_size(const char *what, int fd, const struct file *file)
{
	struct stat st;

	if ((fd < 0 ? stat(fsx.key, &st) : fstat(fd, &st)) < 0)
		fail("%s", what);
	if (st.st_nlink != (file->linked ? 1 : 0))
		fail("%s: %u links, linked: %d", what, (unsigned)st.st_nlink, file->linked);
	return st.st_size;
}

static void check_size(const char *what, int fd, const struct file *file)
{
	off_t size = stat_size(what, fd, file);

	if (!file->linked)
		return;
	if ((size_t)size != file->value.len)
		fail("%s: size %lld, wanted %zu", what, (long long)size, file->value.len);
}

/* ---- operations ---- */

/* An index of fds with an open description, or -1. */
static int some_fd(bool writes)
{
	int found[FDS], n = 0;

	for (int i = 0; i < FDS; i++)
		if (fsx.fds[i].open && (!writes || fsx.fds[i].open->writes))
			found[n++] = i;
	return n ? found[below((unsigned)n)] : -1;
}

static int free_slot(void)
{
	for (int i = 0; i < FDS; i++)
		if (!fsx.fds[i].open)
			return i;
	return -1;
}

static struct open_file *model_open(struct file *file, int flags, bool made)
{
	struct open_file *o = calloc(1, sizeof(*o));
	int mode = flags & O_ACCMODE;

	if (!o)
		abort();
	file->refs++;
	*o = (struct open_file){
		.file = file, .refs = 1, .reads = mode != O_WRONLY, .append = flags & O_APPEND};
	o->writes = mode != O_RDONLY || (flags & O_TRUNC);
	o->tail = o->writes && (flags & O_APPEND) && (made || !(flags & O_TRUNC));
	o->emptied = (flags & O_TRUNC) && file->value.len > 0;
	bytes_resize(&o->own, 0);
	if (!o->tail && !(flags & O_TRUNC))
		bytes_set(&o->own, file->value.data, file->value.len);
	return o;
}

static void do_open(void)
{
	static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR};
	static const int extras[] = {
		0, 0, O_TRUNC, O_APPEND, O_APPEND | O_TRUNC, O_SYNC, O_TRUNC | O_NOFOLLOW};
	int slot = free_slot();
	int flags = modes[below(4)];

	if (slot < 0)
		return;
	if (flags != O_RDONLY)
		flags |= extras[below(7)];
	if (below(2))
		flags |= O_CREAT;
	note("open %#o -> [%d]", (unsigned)flags, slot);
	int fd = open(fsx.key, flags, 0600);
	bool made = !fsx.named && flags & O_CREAT;
	if (!fsx.named && !made) {
		if (fd >= 0 || errno != ENOENT)
			fail("open of nothing");
		return;
	}
	if (fd < 0)
		fail("open");
	if (made)
		fsx.named = file_new();
	fsx.fds[slot].fd = fd;
	fsx.fds[slot].open = model_open(fsx.named, flags, made);
}

/* The kernel does not wait for what the last close commits. */
static void wait_empty(struct open_file *o)
{
	struct stat st = {0};

	model_commit(o);
	if (!o->file->linked)
		return;
	fsx.emptied_at = fsx.op;
	for (int i = 0; i < 5000; i++) {
		if (stat(fsx.key, &st) < 0)
			fail("stat");
		if (st.st_size == 0)
			return;
		usleep(1000);
	}
	fail("truncated and closed, and still %lld bytes after 5 s", (long long)st.st_size);
}

static void do_close(int i)
{
	struct open_file *o = fsx.fds[i].open;
	bool last = o->refs == 1;

	note("close [%d]%s", i, last ? "" : " (a duplicate)");
	if (last && o->emptied && !o->flushed && o->file->value.len == 0) {
		/* When that would be committed could not be seen. */
		if (fsync(fsx.fds[i].fd) < 0)
			fail("fsync");
		model_commit(o);
	}
	if (close(fsx.fds[i].fd) < 0)
		fail("close");
	model_flush(o);
	fsx.fds[i].open = NULL;
	if (!last) {
		o->refs--;
		return;
	}
	if (o->emptied)
		wait_empty(o);
	file_put(o->file);
	free(o->own.data);
	free(o);
}

static void do_dup(void)
{
	int i = some_fd(false), slot = free_slot();

	if (i < 0 || slot < 0)
		return;
	note("dup [%d] -> [%d]", i, slot);
	int fd = dup(fsx.fds[i].fd);
	if (fd < 0)
		fail("dup");
	fsx.fds[slot].fd = fd;
	fsx.fds[slot].open = fsx.fds[i].open;
	fsx.fds[i].open->refs++;
}

/* What inherits a descriptor and ends has written nothing. */
static void do_child(void)
{
	/* Who closes two duplicates of what was only truncated publishes that, a child too. */
	for (int i = 0; i < FDS; i++)
		if (fsx.fds[i].open && fsx.fds[i].open->emptied && fsx.fds[i].open->refs > 1)
			return;
	note("a child that ends");
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		fail("fork");
}

static void do_read(bool at)
{
	static uint8_t got[2 * SIZE_MAX_];
	int i = some_fd(false);

	if (i < 0 || !fsx.fds[i].open->reads)
		return;
	struct open_file *o = fsx.fds[i].open;
	size_t len = some_size();
	off_t from = at || o->append ? (off_t)some_size() : o->pos;
	note("%s [%d] %zu at %lld", at ? "pread" : "read", i, len, (long long)from);
	struct bytes view = model_view(o);
	/* Where O_APPEND leaves the position is the kernel's idea of the size, which may be
	 * another's. */
	ssize_t n = at || o->append ? pread(fsx.fds[i].fd, got, len, from)
				    : read(fsx.fds[i].fd, got, len);
	if (n < 0)
		fail("read");
	same("read", got, (size_t)n, &view, (size_t)from, len);
	free(view.data);
	if (!at && !o->append)
		o->pos += n;
}

static void do_write(bool at)
{
	static uint8_t data[SIZE_MAX_];
	int i = some_fd(true);

	if (i < 0)
		return;
	struct open_file *o = fsx.fds[i].open;
	size_t len = some_size();
	if (len == 0)
		len = 1;
	off_t to = at ? (off_t)some_size() : o->pos;
	if (o->append ? o->own.len + len > SIZE_MAX_ : (size_t)to + len > SIZE_MAX_)
		return;
	for (size_t k = 0; k < len; k++)
		data[k] = (uint8_t)(fsx.op + k * 7 + 1);
	note("%s [%d] %zu at %lld%s", at ? "pwrite" : "write", i, len, (long long)to,
		o->append ? " (append)" : "");
	ssize_t n = at ? pwrite(fsx.fds[i].fd, data, len, to) : write(fsx.fds[i].fd, data, len);
	bool may = fcntl(fsx.fds[i].fd, F_GETFL) & O_ACCMODE;
	if (!may) {
		if (n >= 0 || errno != EBADF)
			fail("write through a descriptor for reading");
		return;
	}
	if (n != (ssize_t)len)
		fail("write: %zd", n);
	model_write(o, (size_t)to, data, len);
	if (!at)
		o->pos = to + n;
}

static void do_ftruncate(void)
{
	int i = some_fd(true);

	if (i < 0 || !(fcntl(fsx.fds[i].fd, F_GETFL) & O_ACCMODE))
		return;
	struct open_file *o = fsx.fds[i].open;
	size_t len = some_size();
	note("ftruncate [%d] %zu", i, len);
	if (ftruncate(fsx.fds[i].fd, (off_t)len) < 0)
		fail("ftruncate");
	if (o->tail) {
		struct bytes view = model_view(o);
		free(o->own.data);
		o->own = view;
		o->tail = false;
	}
	bytes_resize(&o->own, len);
	model_wrote(o);
}

static void do_truncate(void)
{
	size_t len = some_size();

	note("truncate %zu", len);
	int r = truncate(fsx.key, (off_t)len);
	if (!fsx.named) {
		if (r == 0 || errno != ENOENT)
			fail("truncate of nothing");
		return;
	}
	if (r < 0)
		fail("truncate");
	bytes_resize(&fsx.named->value, len);
}

/* The notification of a commit that nobody waited for may still be on its way. If it overtakes the
 * answer about our size, the kernel goes by what it knew: the file was just emptied. */
static off_t seek_end(int fd, off_t wanted)
{
	off_t end = lseek(fd, 0, SEEK_END);

	for (int i = 0; i < 100 && end != wanted && fsx.op <= fsx.emptied_at + 2; i++) {
		usleep(1000);
		end = lseek(fd, 0, SEEK_END);
	}
	return end;
}

static void do_lseek(void)
{
	int i = some_fd(false);

	if (i < 0)
		return;
	struct open_file *o = fsx.fds[i].open;
	/* Without changes of its own to show, a descriptor's size is that of the file, which may be
	 * newer. */
	if (below(2) && (o->dirty || o->emptied || o->tail) && o->file->linked) {
		struct bytes view = model_view(o);
		note("lseek [%d] to the end", i);
		off_t end = seek_end(fsx.fds[i].fd, (off_t)view.len);
		if (end != (off_t)view.len)
			fail("SEEK_END: %lld, wanted %zu", (long long)end, view.len);
		o->pos = end;
		free(view.data);
		return;
	}
	off_t to = (off_t)some_size();
	note("lseek [%d] %lld", i, (long long)to);
	if (lseek(fsx.fds[i].fd, to, SEEK_SET) != to)
		fail("SEEK_SET");
	o->pos = to;
}

static void do_fsync(void)
{
	int i = some_fd(false);

	if (i < 0)
		return;
	struct open_file *o = fsx.fds[i].open;
	note("fsync [%d]", i);
	if (fsync(fsx.fds[i].fd) < 0)
		fail("fsync");
	if (o->dirty || o->emptied)
		model_commit(o);
}

static void do_unlink(void)
{
	note("unlink");
	int r = unlink(fsx.key);
	if (!fsx.named) {
		if (r == 0 || errno != ENOENT)
			fail("unlink of nothing");
		return;
	}
	if (r < 0)
		fail("unlink");
	model_unlink();
}

/* As programs replace a file; sometimes they close the new one only afterwards. */
static void do_replace(void)
{
	uint8_t data[300];
	size_t len = below(sizeof(data));
	int slot = free_slot();

	if (slot < 0)
		return;
	memset(data, 'a' + (int)below(26), sizeof(data));
	bool early = below(2);
	note("rename over, %zu bytes, closed %s", len, early ? "before" : "later");
	int fd = open(fsx.other, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		fail("a new key");
	struct file *file = file_new();
	struct open_file *o = model_open(file, O_WRONLY | O_CREAT, true);
	if (len)
		model_write(o, 0, data, len);
	o->pos = (off_t)len;
	fsx.fds[slot].fd = fd;
	fsx.fds[slot].open = o;
	if (early)
		do_close(slot);
	if (rename(fsx.other, fsx.key) < 0)
		fail("rename");
	model_unlink();
	fsx.named = file;
}

static void do_stat(void)
{
	struct stat st;
	int i = some_fd(false);

	note("stat");
	if (fsx.named)
		check_size("stat", -1, fsx.named);
	else if (stat(fsx.key, &st) == 0 || errno != ENOENT)
		fail("stat of nothing");
	if (i >= 0)
		check_size("fstat", fsx.fds[i].fd, fsx.fds[i].open->file);
}

/* Through any descriptor of the named key, or a new one. */
static int page_cache_fd(bool *ret_close)
{
	int i = some_fd(false);

	*ret_close = false;
	if (i >= 0 && fsx.fds[i].open->file == fsx.named && fsx.fds[i].open->reads && below(2))
		return fsx.fds[i].fd;
	*ret_close = true;
	return open(fsx.key, O_RDONLY);
}

static void do_mmap(void)
{
	bool ours;

	if (!fsx.named)
		return;
	int fd = page_cache_fd(&ours);
	note("mmap %s", ours ? "of a new descriptor" : "of an old descriptor");
	if (fd < 0)
		fail("open");
	check_size("fstat before mmap", fd, fsx.named);
	size_t len = fsx.named->value.len;
	if (len) {
		uint8_t *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map == MAP_FAILED)
			fail("mmap");
		same_value("mmap", map, len, &fsx.named->value);
		munmap(map, len);
	}
	if (ours)
		close(fd);
}

/* Bytes that sendfile(2) gives, which stops where the kernel believes the end to be. */
static size_t sent(int fd, uint8_t *out, size_t max)
{
	off_t from = 0;
	ssize_t n;
	int to = memfd_create("fsx", 0);

	if (to < 0)
		fail("memfd_create");
	check_size("fstat before sendfile", fd, fsx.named);
	while ((n = sendfile(to, fd, &from, 1 << 20)) > 0)
		;
	if (n < 0)
		fail("sendfile");
	n = pread(to, out, max, 0);
	close(to);
	return (size_t)n;
}

static void do_sendfile(void)
{
	static uint8_t got[2 * SIZE_MAX_ + 100000];
	bool ours;

	if (!fsx.named)
		return;
	int fd = page_cache_fd(&ours);
	note("sendfile %s", ours ? "of a new descriptor" : "of an old descriptor");
	if (fd < 0)
		fail("open");
	size_t n = sent(fd, got, sizeof(got));
	same_value("sendfile", got, n, &fsx.named->value);
	if (ours)
		close(fd);
}

/* What it cannot do may change nothing. */
static void do_fallocate(void)
{
	int i = some_fd(true);

	if (i < 0)
		return;
	note("fallocate [%d]", i);
	if (fallocate(fsx.fds[i].fd, 0, 0, 10) == 0 || (errno != EOPNOTSUPP && errno != EBADF))
		fail("fallocate");
}

static void do_too_long(void)
{
	int i = some_fd(true);

	if (i < 0 || !(fcntl(fsx.fds[i].fd, F_GETFL) & O_ACCMODE))
		return;
	note("ftruncate [%d] to more than may be", i);
	if (ftruncate(fsx.fds[i].fd, (1 << 20) + 1) == 0 || errno != EFBIG)
		fail("EFBIG");
}

static void step(void)
{
	unsigned what = below(100);

	if (what < 18)
		do_open();
	else if (what < 32) {
		int i = some_fd(false);
		if (i >= 0)
			do_close(i);
	} else if (what < 36)
		do_dup();
	else if (what < 50)
		do_read(what & 1);
	else if (what < 66)
		do_write(what & 1);
	else if (what < 70)
		do_ftruncate();
	else if (what < 73)
		do_truncate();
	else if (what < 77)
		do_lseek();
	else if (what < 80)
		do_fsync();
	else if (what < 82)
		do_child();
	else if (what < 84)
		do_unlink();
	else if (what < 87)
		do_replace();
	else if (what < 91)
		do_stat();
	else if (what < 94)
		do_mmap();
	else if (what < 97)
		do_sendfile();
	else if (what < 98)
		do_fallocate();
	else if (what < 99)
		do_too_long();
	if (below(6) == 0)
		check_committed("the committed value");
}

static void round_of(uint64_t seed, unsigned ops)
{
	fsx.seed = fsx.state = seed;
	memset(fsx.history, 0, sizeof(fsx.history));
	for (fsx.op = 0; fsx.op < ops; fsx.op++) {
		fsx.history[fsx.op % HISTORY][0] = '\0';
		step();
	}
	for (int i = 0; i < FDS; i++)
		if (fsx.fds[i].open)
			do_close(i);
	check_committed("the value at the end");
	if (fsx.named)
		do_unlink();
}

static void on_sigbus(int signal)
{
	(void)signal;
	fail("a page of a map could not be read");
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	uint64_t seed = (uint64_t)time(NULL) % 1000000 * 1000, rounds = UINT64_MAX, done = 0;
	unsigned ops = 400;
	double seconds = 20;
	int i = 1;

	for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtod(argv[i + 1], NULL);
		else if (strcmp(argv[i], "--rounds") == 0)
			rounds = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--ops") == 0)
			ops = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else
			break;
	}
	if (i != argc - 1) {
		fprintf(stderr, "usage: fsx [--seed N] [--seconds N] [--rounds N] [--ops N] "
				"SECRET\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGBUS, on_sigbus);
	fsx.secret = argv[i];
	snprintf(fsx.key, sizeof(fsx.key), "%s/key", fsx.secret);
	snprintf(fsx.other, sizeof(fsx.other), "%s/other", fsx.secret);
	unlink(fsx.key);
	unlink(fsx.other);
	printf("fsx: first seed %llu\n", (unsigned long long)seed);
	for (double end = now() + seconds; done < rounds && now() < end; done++)
		round_of(seed + done, ops);
	printf("fsx: %llu rounds of %u operations\n", (unsigned long long)done, ops);
	return 0;
}
