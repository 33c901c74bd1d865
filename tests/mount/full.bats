# SPDX-License-Identifier: MIT
# full: the store's file system has no room left.

setup() {
	load ../helpers
	make_place
	mkdir -m 700 "$SFS/store"
	mount -t tmpfs -o "size=6m,mode=700,uid=$(id -u secretfs),gid=$(id -g secretfs)" tmpfs "$SFS/store"
	make_store
	start_daemon
}

teardown() {
	finish
}

# Writes keys of 100 kB until there is no room; says with which error it ended.
fill() {
	local i got
	for ((i = 0; i < 200; i++)); do
		got=$("$SC" put "$PUB/s/fill$i" 100000 x) || {
			echo "$got"
			return
		}
	done
	echo "never full"
}

@test "no room is ENOSPC, the old value stays, and reading goes on" {
	mkdir "$PUB/s"
	echo precious >"$PUB/s/k"
	same ENOSPC "$(fill)"
	expect ENOSPC put "$PUB/s/k" 900000 y
	same precious "$(cat "$PUB/s/k")"
	same 9 "$(stat -c %s "$PUB/s/k")"
	same precious "$(cat "$PUB/s/k")"
	ls "$PUB/s" >/dev/null
}

@test "fsync says ENOSPC too" {
	mkdir "$PUB/s"
	echo precious >"$PUB/s/k"
	fill >/dev/null
	"$PYTHON" - "$PUB/s/k" <<'END'
import errno, os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
try:
    os.write(fd, os.urandom(900000))
    os.fsync(fd)
    sys.exit("fsync said nothing")
except OSError as e:
    assert e.errno == errno.ENOSPC, e
END
	same precious "$(cat "$PUB/s/k")"
}

@test "after room is made, writing goes on and all is whole" {
	mkdir "$PUB/s"
	echo precious >"$PUB/s/k"
	truncate -s 3m "$SFS/store/ballast"
	fallocate -l 3m "$SFS/store/ballast"
	same ENOSPC "$(fill)"
	rm "$SFS/store/ballast"
	expect OK put "$PUB/s/after" 10000 z
	same 10000 "$(stat -c %s "$PUB/s/after")"
	restart_daemon
	same precious "$(cat "$PUB/s/k")"
	same 10000 "$(tr -cd z <"$PUB/s/after" | wc -c)"
	for file in "$PUB"/s/fill*; do
		size=$(stat -c %s "$file")
		[ "$size" = 0 ] || [ "$size" = 100000 ]
		cat "$file" >/dev/null
	done
}

# The store itself needs about 1 MB; at some of these sizes the log, at others the file has no room.
@test "at any size: what was written is whole, and the daemon goes on" {
	local size i value
	for size in 2200 2900 3700 5300; do
		stop_daemon
		umount "$SFS/store"
		mount -t tmpfs -o "size=${size}k,mode=700,uid=$(id -u secretfs),gid=$(id -g secretfs)" tmpfs "$SFS/store"
		# Another store takes this one's place: its key and its anchor go with it.
		rm -f "$KEY" "$ANCHOR"/*
		make_store
		start_daemon
		mkdir "$PUB/s"
		for ((i = 0; i < 60; i++)); do
			value=$("$SC" put "$PUB/s/k$i" 70000 x) || break
		done
		same ENOSPC "$value"
		for ((i--; i >= 0; i--)); do
			same 70000 "$(tr -cd x <"$PUB/s/k$i" | wc -c)"
		done
		ls "$PUB/s" >/dev/null
		same "$WORKER_AT_START" "$(worker_pid)"
	done
}
