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

# another SIZE: the store on a disk of that size, with its daemon.
another() {
	stop_daemon
	umount "$SFS/store"
	mount -t tmpfs -o "size=$1,mode=700,uid=$(id -u secretfs),gid=$(id -g secretfs)" tmpfs "$SFS/store"
	rm -f "$KEY" "$ANCHOR"/*
	make_store
	start_daemon
	eventually 5 test -s "$STORE.reserve"
}

# fill_up: secrets f0, f1, ... of ten keys of 50 kB, then the smallest things, until there is room for nothing.
fill_up() {
	local i k
	for ((i = 0; ; i++)); do
		mkdir "$PUB/f$i" 2>/dev/null || break
		for k in 1 2 3 4 5 6 7 8 9 10; do
			"$SC" put "$PUB/f$i/k$k" 50000 x >/dev/null || break 2
		done
	done
	for ((i = 0; i < 200; i++)); do
		"$SC" put "$PUB/f0/k1" 20000 y >/dev/null || return 0
	done
	return 1
}

@test "on a full disk everything can still be deleted, again and again, and then written" {
	local i n=0
	another 14m
	size=$(stat -c %s "$STORE.reserve")
	same "600 secretfs" "$(stat -c '%a %U' "$STORE.reserve")"
	fill_up
	test -s "$STORE.reserve" # creating does not use it
	expect ENOSPC put "$PUB/f0/more" 60000 z
	for i in "$PUB"/f*; do
		rm -r "$i"
		n=$((n + 1))
		not test -e "$i"
	done
	[ "$n" -gt 10 ]
	same "" "$(ls "$PUB")"
	same "$size" "$(stat -c %s "$STORE.reserve")"
	# What was deleted is room again, although the file does not shrink.
	mkdir "$PUB/s"
	expect OK put "$PUB/s/k" 500000 z
	restart_daemon
	same 500000 "$(stat -c %s "$PUB/s/k")"
	stop_daemon
	"$CTL" store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	start_daemon
}

@test "a secret whose history is larger than the reserve is removed in parts" {
	local i
	another 22m
	mkdir "$PUB/big"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		expect OK put "$PUB/big/k" 900000 x
	done
	# Not before the log is short again, or it would leave room.
	eventually 10 test ! -s "$STORE-wal"
	head -c 22m /dev/zero >"$SFS/store/ballast" 2>/dev/null || true
	expect ENOSPC put "$PUB/big/k" 900000 y
	[ "$(stat -c %s "$STORE.reserve")" -lt 3000000 ]
	rm "$PUB/big/k"
	rmdir "$PUB/big"
	not test -e "$PUB/big"
	stop_daemon
	"$CTL" store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	start_daemon
}

@test "a start on a disk without one free byte" {
	mkdir "$PUB/s" "$PUB/t"
	echo precious >"$PUB/s/k"
	stop_daemon
	dd if=/dev/zero of="$SFS/store/ballast" bs=4k status=none 2>/dev/null || true
	same 0 "$(df --output=avail "$SFS/store" | tail -n 1 | tr -d ' ')"
	start_daemon
	same precious "$(cat "$PUB/s/k")"
	# A smaller reserve is there again, and everything can be removed.
	eventually 5 test -s "$STORE.reserve"
	expect ENOSPC put "$PUB/s/k" 900000 y
	rm "$PUB/s/k"
	rmdir "$PUB/s" "$PUB/t"
	same "" "$(ls "$PUB")"
	stop_daemon
	"$CTL" store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
}

@test "a reserve that is gone is made again, a strange one is replaced" {
	another 24m
	size=$(stat -c %s "$STORE.reserve")
	stop_daemon
	rm "$STORE.reserve"
	start_daemon
	eventually 5 test -s "$STORE.reserve"
	stop_daemon
	echo short >"$STORE.reserve"
	start_daemon
	eventually 5 sh -c '[ "$(stat -c %s "$1")" = "$2" ]' sh "$STORE.reserve" "$size"
	stop_daemon
	echo data >"$SFS/elsewhere"
	ln -sf "$SFS/elsewhere" "$STORE.reserve"
	start_daemon
	eventually 5 test ! -L "$STORE.reserve"
	same data "$(cat "$SFS/elsewhere")"
}
