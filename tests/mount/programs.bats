# SPDX-License-Identifier: MIT
# programs: software that knows nothing of secretfs.

setup() {
	load ../helpers
	make_store
	start_daemon
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
}

teardown() {
	finish
}

@test "sqlite" {
	sqlite3 "$SFS/db" 'CREATE TABLE t(a); INSERT INTO t VALUES(1), (2);'
	cp "$SFS/db" "$PUB/s/db"
	same 3 "$(sqlite3 "$PUB/s/db" 'SELECT sum(a) FROM t')"
	sqlite3 "$PUB/s/db" 'INSERT INTO t VALUES(10);'
	same 13 "$(sqlite3 "$PUB/s/db" 'SELECT sum(a) FROM t')"
	sqlite3 "$PUB/s/new" 'CREATE TABLE t(a); INSERT INTO t VALUES(5); UPDATE t SET a = a + 1;'
	same "6 ok" "$(sqlite3 "$PUB/s/new" 'SELECT a FROM t; PRAGMA integrity_check' | xargs)"
}

@test "python: mmap, sendfile and splice" {
	"$PYTHON" "$TESTS/mount/pages.py" "$PUB/s/k"
}

@test "busybox cat" {
	for value in short 'a longer value' x ''; do
		printf %s "$value" >"$PUB/s/k"
		same "$value" "$(busybox cat "$PUB/s/k")"
	done
}

@test "cp -a, out and in" {
	chmod 640 "$PUB/s/k"
	touch -d '2001-02-03 04:05:06 UTC' "$PUB/s/k"
	setfacl -m u:"$ALICE":r "$PUB/s/k"
	cp -a "$PUB/s" "$SFS/copy"
	cmp "$PUB/s/k" "$SFS/copy/k"
	cp -a "$SFS/copy" "$PUB/t"
	cp -a "$PUB/t" "$PUB/u"
	for dir in "$SFS/copy" "$PUB/t" "$PUB/u"; do
		same value "$(cat "$dir/k")"
		same "$(stat -c '%a %u %g %Y %s' "$PUB/s/k")" "$(stat -c '%a %u %g %Y %s' "$dir/k")"
		same "$(stat -c '%a %u %g %Y' "$PUB/s")" "$(stat -c '%a %u %g %Y' "$dir")"
		same "$(getfacl -cpn "$PUB/s/k")" "$(getfacl -cpn "$dir/k")"
	done
}

@test "tar, out and in" {
	head -c 500000 /dev/urandom >"$PUB/s/big"
	mkdir "$PUB/t"
	echo t >"$PUB/t/k"
	tar -C "$PUB" -cf "$SFS/tar" s t
	rm -r "$PUB/t" "$PUB/s"
	tar -C "$PUB" -xpf "$SFS/tar"
	tar -C "$PUB" -df "$SFS/tar"
	same value "$(cat "$PUB/s/k")"
}

@test "grep -r and find" {
	mkdir "$PUB/t"
	echo "has needle" >"$PUB/t/k"
	same "$PUB/t/k:has needle" "$(grep -r needle "$PUB")"
	grep -rq needle "$MNT"
	same "$(printf '%s\n' "$PUB/s/k" "$PUB/t/k")" "$(find "$PUB" -type f | sort)"
	same "$PUB/t/k" "$(find "$PUB" -type f -size 11c)"
	# Two folders of one inode number would look like a loop to these.
	same "" "$(find "$MNT" 2>&1 >/dev/null)"
	find "$MNT" | grep -qx "$PUB/t/k"
	same "" "$(ls -R "$MNT" 2>&1 >/dev/null)"
	du -a "$MNT" | grep -q "$PUB/t/k"
}

@test "install, dd, tee, cmp, ln" {
	echo new >"$SFS/new"
	install -m 600 "$SFS/new" "$PUB/s/installed"
	same "600 new" "$(stat -c %a "$PUB/s/installed") $(cat "$PUB/s/installed")"
	dd if="$SFS/new" of="$PUB/s/dd" bs=1 status=none
	cmp "$SFS/new" "$PUB/s/dd"
	dd if="$SFS/new" of="$PUB/s/dd" conv=fsync status=none
	echo tee | tee "$PUB/s/a" "$PUB/s/b" >/dev/null
	cmp "$PUB/s/a" "$PUB/s/b"
	ln -s "$PUB/s/k" "$SFS/link"
	same value "$(cat "$SFS/link")"
	perl -pi -e 's/value/perl/' "$PUB/s/k"
	same perl "$(cat "$PUB/s/k")"
}

@test "locks" {
	flock "$PUB/s/k" true
	exec 7<"$PUB/s/k"
	flock -n 7
	run -1 flock -n "$PUB/s/k" true
	exec 7<&-
	flock -n "$PUB/s/k" true
}

@test "inotify sees a change" {
	"$PYTHON" "$TESTS/mount/watch.py" "$PUB/s" "$PUB/s/k"
}

@test "a process that reads without end is not in the way of others" {
	cat /dev/zero 2>/dev/null | head -c 5000000 >"$PUB/s/too-big" 2>/dev/null || true
	same value "$(cat "$PUB/s/k")"
	for _ in {1..20}; do
		(while :; do cat "$PUB/s/k" >/dev/null || break; done) 3>&- &
		pids+=($!)
	done
	timeout 10 ls -lR "$PUB" >/dev/null
	kill "${pids[@]}"
	wait "${pids[@]}" || true
}
