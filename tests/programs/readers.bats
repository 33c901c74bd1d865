# SPDX-License-Identifier: MIT
# readers: programs that keep files open, map, watch or lock them.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
}

teardown() {
	finish
}

@test "python: files, maps, sendfile and copy_file_range" {
	mkdir "$SFS/host"
	rm "$PUB/s/k"
	"$PYTHON" "$TESTS/programs/python_io.py" "$SFS/host" "$PUB/s" >"$SFS/host.out"
	"$PYTHON" "$TESTS/programs/python_io.py" "$PUB/s" "$SFS/host" >"$SFS/tree.out"
	diff -u "$SFS/host.out" "$SFS/tree.out" >&2
	"$PYTHON" "$TESTS/programs/python_io.py" --tree "$PUB/s"
}

@test "python: an emptied key has size 0 at once" {
	"$PYTHON" -c 'import os, sys
for i in range(200):
	with open(sys.argv[1], "w") as f:
		f.write("x" * 50)
	open(sys.argv[1], "w").close()
	size = os.path.getsize(sys.argv[1])
	assert size == 0, "round %d: %d bytes" % (i, size)' "$PUB/s/k"
}

# Whoever truncates while opening and writes nothing has changed the size when close returns.
@test "python: a map outlives the name of its key" {
	mkdir "$SFS/host"
	for how in unlink replace; do
		"$PYTHON" "$TESTS/programs/map_gone.py" "$SFS/host/map" "$how"
		"$PYTHON" "$TESTS/programs/map_gone.py" "$PUB/s/map" "$how"
	done
}

# watch DIR [OPTION...]: starts inotifywait in DIR; what it sees comes to $SFS/events, without what made it sure that the
# watch stands. watched ENDS: waits until a line ENDS came, and ends it.
watch() {
	local dir=$1
	shift
	: >"$SFS/events.all"
	(cd "$dir" && exec inotifywait -m -q -e create,modify,close_write,close_nowrite,open,moved_from,moved_to,delete,attrib,delete_self,move_self \
		--format '%w%f %e' "$@") >"$SFS/events.all" 2>&1 3>&- &
	WATCHER=$!
	eventually 20 sh -c 'touch -c -m "$1"; [ -s "$2" ]' sh "$dir/s/k" "$SFS/events.all"
	echo start >"$dir/s/start"
}

watched() {
	eventually 20 grep -q -- "$1" "$SFS/events.all" || {
		cat "$SFS/events.all" >&2
		return 1
	}
	kill "$WATCHER"
	wait "$WATCHER" || true
	# The kernel merges equal events that nobody has read yet.
	sed '1,/s\/start CLOSE_WRITE/d' "$SFS/events.all" | uniq >"$SFS/events"
}

# inotify_of DIR: the events that changes of DIR and its folder s raise.
inotify_of() {
	mkdir -p "$1/s" && echo old >"$1/s/k"
	watch "$1" . s
	(
		cd "$1" || exit 1
		exec 3>&-
		cat s/k
		echo made >s/new
		echo again >s/new
		echo more >>s/new
		chmod 600 s/new
		touch -d 2001-01-01 s/new
		chown 20001 s/new
		setfacl -m u:20002:r s/new
		truncate -s 2 s/new
		mv s/new s/moved
		mv -f s/moved s/k
		"$SC" open s/k 'O_WRONLY|O_TRUNC'
		"$SC" pwrite s/k 3 x
		"$SC" mknod s/other
		"$SC" rename s/other s/k EXCHANGE
		sed -i s/x/y/ s/k
		rm s/k s/other
		chmod 750 s
		setfacl -d -m u:20002:r s
		mkdir u
		chmod 700 u
		mv u v
		rmdir v
		rm s/start
		touch s/end
	) >/dev/null
	watched 's/end CLOSE_WRITE'
	# The name that sed makes is another each time.
	sed -E 's|^s/sed[A-Za-z0-9]{6} |s/sedXXXXXX |' "$SFS/events"
}

@test "inotifywait: the same events as on the host, for every change" {
	need inotifywait
	mkdir "$SFS/host"
	inotify_of "$SFS/host" >"$SFS/host.out"
	inotify_of "$PUB" >"$SFS/tree.out"
	for event in CREATE MODIFY CLOSE_WRITE MOVED_FROM MOVED_TO DELETE ATTRIB CREATE,ISDIR; do
		grep -q " $event" "$SFS/host.out"
	done
	diff -u "$SFS/host.out" "$SFS/tree.out" >&2
}

# What a watch on the file itself sees of it, to its end.
inotify_of_key() {
	mkdir -p "$1/s" && echo old >"$1/s/k"
	: >"$1/s/start"
	watch "$1" s/k s/start
	(
		cd "$1" || exit 1
		exec 3>&-
		echo new >s/k
		cat s/k
		chmod 600 s/k
		mv s/k s/moved
		echo other >s/k
		mv s/k s/moved
	) >/dev/null
	watched 's/k DELETE_SELF'
	cat "$SFS/events"
}

@test "inotifywait: a watch on one key, until it is replaced" {
	need inotifywait
	mkdir "$SFS/host"
	inotify_of_key "$SFS/host" >"$SFS/host.out"
	inotify_of_key "$PUB" >"$SFS/tree.out"
	grep -q 'k MOVE_SELF' "$SFS/host.out"
	diff -u "$SFS/host.out" "$SFS/tree.out" >&2
}

@test "inotifywait: a secret is made public, a view is written, another user writes through a bind of the tree" {
	need inotifywait
	mkdir "$PRIV/x" "$SFS/bound"
	chmod 777 "$PUB/s"
	mount --bind "$PUB/s" "$SFS/bound"
	watch "$PUB" . s "$MNT/.private/0"
	mv "$PRIV/x" "$PUB/x"
	mv "$PUB/x" "$PRIV/y"
	echo '{"k": "by its view"}' >"$PUB/s/.json"
	as "$ALICE" sh -c 'umask 022; echo hers >"$SFS/bound/alice"'
	umount "$SFS/bound"
	touch "$PUB/s/end"
	watched 's/end CLOSE_WRITE'
	sed -i '/ATTRIB/d; /OPEN,ISDIR/d; /CLOSE_NOWRITE/d' "$SFS/events"
	cat >"$SFS/want" <<-END
		$MNT/.private/0/x MOVED_FROM,ISDIR
		./x MOVED_TO,ISDIR
		./x MOVED_FROM,ISDIR
		$MNT/.private/0/y MOVED_TO,ISDIR
		s/.json OPEN
		s/.json MODIFY
		s/.json CLOSE_WRITE,CLOSE
		s/alice CREATE
		s/alice OPEN
		s/alice MODIFY
		s/alice CLOSE_WRITE,CLOSE
		s/end CREATE
		s/end OPEN
		s/end CLOSE_WRITE,CLOSE
	END
	diff -u "$SFS/want" "$SFS/events" >&2
	same "by its view" "$(cat "$PUB/s/k")"
}

@test "flock(1): two processes exclude each other" {
	echo 0 >"$PUB/s/count"
	: >"$PUB/s/lock"
	for _ in 1 2 3; do
		bash -c 'for _ in {1..20}; do flock "$1/lock" sh -c "n=\$(cat \"\$1/count\"); echo \$((n + 1)) >\"\$1/count\"" sh "$1"; done' sh "$PUB/s" 3>&- &
	done
	wait
	same 60 "$(cat "$PUB/s/count")"
	flock "$PUB/s/lock" sleep 30 3>&- &
	holder=$!
	eventually 20 not flock -n "$PUB/s/lock" true
	run -1 flock -n "$PUB/s/lock" true
	run -1 flock -n -s "$PUB/s/lock" true
	run -9 flock -w 0.1 -E 9 "$PUB/s/lock" true
	flock -n "$PUB/s/count" true
	pkill -P "$holder"
	wait "$holder" || true
	flock -w 5 "$PUB/s/lock" true
	flock -n -s "$PUB/s/lock" flock -n -s "$PUB/s/lock" true
	run -1 flock -n -s "$PUB/s/lock" flock -n -x "$PUB/s/lock" true
}

@test "fcntl locks: two processes exclude each other" {
	"$PYTHON" "$TESTS/programs/fcntl_locks.py" "$PUB/s/k"
}

@test "reading through the page cache shows the current value: mmap, sendfile, splice" {
	"$PYTHON" "$TESTS/programs/pages.py" "$PUB/s/k"
}

@test "busybox cat, which stops at the size, sees values that grow and shrink whole" {
	for value in short 'a longer value' x ''; do
		printf %s "$value" >"$PUB/s/k"
		same "$value" "$(busybox cat "$PUB/s/k")"
	done
}

@test "sqlite3: a database in a key, read and written" {
	sqlite3 "$SFS/db" 'CREATE TABLE t(a); INSERT INTO t VALUES(1), (2);'
	cp "$SFS/db" "$PUB/s/db"
	same 3 "$(sqlite3 "$PUB/s/db" 'SELECT sum(a) FROM t')"
	sqlite3 "$PUB/s/db" 'INSERT INTO t VALUES(10);'
	same 13 "$(sqlite3 "$PUB/s/db" 'SELECT sum(a) FROM t')"
	sqlite3 "$PUB/s/new" 'CREATE TABLE t(a); INSERT INTO t VALUES(5); UPDATE t SET a = a + 1;'
	same "6 ok" "$(sqlite3 "$PUB/s/new" 'SELECT a FROM t; PRAGMA integrity_check' | xargs)"
	same "db k new" "$(ls -A "$PUB/s" | xargs)"
}

@test "a process that writes without end, and many that read without end, are not in the way of others" {
	cat /dev/zero 2>/dev/null | head -c 5000000 >"$PUB/s/too-big" 2>/dev/null || true
	same value "$(cat "$PUB/s/k")"
	for _ in {1..20}; do
		(while :; do cat "$PUB/s/k" >/dev/null || break; done) 3>&- &
		pids+=($!)
	done
	soon 30 ls -lR "$PUB" >/dev/null
	kill "${pids[@]}"
	wait "${pids[@]}" || true
}
