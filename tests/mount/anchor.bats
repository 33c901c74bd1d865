# SPDX-License-Identifier: MIT
# anchor: an old copy of the whole store is noticed, and nothing else is ever taken for one.

setup() {
	load ../helpers
	make_place
	make_store
}

teardown() {
	finish
}

# refused WANT TEXT [NAME=VALUE...]: the daemon does not start and says why.
refused() {
	local want=$1 text=$2 got=0
	shift 2
	: >"$LOG"
	run_daemon "$@" || got=$?
	same "$want" "$got"
	grep -qF -- "$text" "$LOG" || {
		cat "$LOG" >&2
		return 1
	}
	not mountpoint -q "$MNT"
	no_processes
}

anchor_file() {
	echo "$ANCHOR"/*store.db.*
}

# keep NAME, put_back NAME: a copy of the stopped store.
keep() {
	cp -a "$STORE" "$SFS/$1"
}

put_back() {
	cp -a "$SFS/$1" "$STORE"
}

# Six secrets: what was there, then what came later.
grow() {
	start_daemon
	mkdir "$PUB/old"
	echo before >"$PUB/old/k"
	stop_daemon
	keep old
	start_daemon
	echo after >"$PUB/old/k"
	mkdir "$PUB/new"
	stop_daemon
	keep new
}

# accept: one start with --accept-rollback.
accept() {
	: >"$LOG"
	"$DAEMON" "$STORE" "$MNT" --accept-rollback -o "keyfile=$KEY,user=secretfs,anchor=$ANCHOR,audit=off" </dev/null >>"$LOG" 2>&1 3>&- || return
	WORKER_AT_START=$(worker_pid)
}

@test "the first mount makes it, root's alone" {
	same "" "$(ls "$ANCHOR")"
	start_daemon
	same "600 0 1024" "$(stat -c '%a %u %s' "$(anchor_file)")"
	stop_daemon
	start_daemon
	mkdir "$PUB/s"
	restart_daemon
	ls "$PUB/s"
}

@test "an old copy put back is refused, the newest is not" {
	grow
	put_back old
	refused 12 "old copy of the store"
	grep -qF -- --accept-rollback "$LOG"
	put_back new
	start_daemon
	same after "$(cat "$PUB/old/k")"
}

@test "a copy with its log, put back after one more change" {
	start_daemon
	mkdir "$PUB/s"
	kill -9 "$(supervisor_pid)" "$(worker_pid)"
	WORKER_MAY_DIE=yes
	sweep "$SFS" || true
	mkdir "$SFS/copy"
	cp -a "$STORE" "$STORE"-wal "$SFS/copy/"
	start_daemon
	mkdir "$PUB/one-more"
	stop_daemon
	cp -a "$SFS"/copy/* "$SFS/store/"
	refused 12 "old copy of the store"
}

@test "--accept-rollback goes on with the old copy, once, and says what it means" {
	grow
	put_back old
	accept
	grep -q 'what was changed since is lost' "$LOG"
	same before "$(cat "$PUB/old/k")"
	not test -e "$PUB/new"
	echo again >"$PUB/old/k"
	stop_daemon
	# Now it is the truth: it starts as it is, and neither copy from before passes for it.
	start_daemon
	same again "$(cat "$PUB/old/k")"
	stop_daemon
	put_back new
	refused 12 "old copy of the store"
	put_back old
	refused 12 "old copy of the store"
}

@test "a worker that comes later does not accept" {
	grow
	put_back old
	accept
	WORKER_MAY_DIE=yes
	kill -STOP "$(supervisor_pid)"
	kill -9 "$(worker_pid)"
	rm -f "$STORE-wal" "$STORE-shm"
	put_back old
	kill -CONT "$(supervisor_pid)"
	eventually 30 no_processes
	not mountpoint -q "$MNT"
	refused 12 "old copy of the store"
}

@test "--accept-rollback on a store that is not old changes nothing" {
	grow
	# All but the journal of answered requests, which each mount empties.
	before=$(sqlite3 "$STORE" '.dump root bucket ns secret history value slot' | sha256sum)
	accept
	same after "$(cat "$PUB/old/k")"
	stop_daemon
	same "$before" "$(sqlite3 "$STORE" '.dump root bucket ns secret history value slot' | sha256sum)"
	refused 2 'unknown setting' accept_rollback
}

@test "another store's anchor" {
	grow
	"$CTL" store init "$SFS/store2/store.db" --keyfile "$SFS/key2" --user secretfs
	"$DAEMON" "$SFS/store2/store.db" "$MNT" -o "keyfile=$SFS/key2,user=secretfs,anchor=$ANCHOR,audit=off" 3>&-
	stop_daemon
	same 2 "$(ls "$ANCHOR" | wc -l)"
	cp -a "$ANCHOR"/*store2* "$(echo "$ANCHOR"/*store-store.db*)"
	refused 12 "damaged or another store's"
	accept
	same after "$(cat "$PUB/old/k")"
	restart_daemon
}

@test "another store of the same key, in this one's place" {
	grow
	"$CTL" store init "$SFS/store2/store.db" --keyfile "$KEY" --user secretfs
	cp -a "$SFS/store2/store.db" "$STORE"
	refused 12 "damaged or another store's"
	put_back new
	start_daemon
}

@test "a damaged anchor" {
	grow
	cp -a "$(anchor_file)" "$SFS/whole"
	for size in 0 1 500 1024; do
		head -c "$size" /dev/urandom >"$(anchor_file)"
		refused 12 "anchor"
	done
	# One slot is enough.
	cp -a "$SFS/whole" "$(anchor_file)"
	dd if=/dev/urandom of="$(anchor_file)" bs=512 count=1 conv=notrunc status=none
	start_daemon
	same after "$(cat "$PUB/old/k")"
}

@test "an anchor that is gone" {
	grow
	rm "$(anchor_file)"
	refused 12 "there is no anchor"
	refused 12 "there is no anchor"
	accept
	restart_daemon
	same after "$(cat "$PUB/old/k")"
}

@test "a folder that is missing, read-only, another's, or the store's own" {
	grow
	mv "$ANCHOR" "$SFS/away"
	refused 3 "$ANCHOR"
	mkdir -m 700 "$ANCHOR"
	mount --bind "$SFS/away" "$ANCHOR"
	mount -o remount,bind,ro "$ANCHOR"
	refused 1 "$ANCHOR"
	umount "$ANCHOR"
	cp -a "$SFS/away/." "$ANCHOR"
	chmod 770 "$ANCHOR"
	refused 10 "$ANCHOR"
	chmod 700 "$ANCHOR"
	chown secretfs "$ANCHOR"
	refused 10 "$ANCHOR"
	chown root "$ANCHOR"
	refused 2 "the store's own" "anchor=$SFS/store"
	refused 2 "anchor needs a path" "anchor="
	start_daemon
}

@test "a full disk under the anchor stops nothing but the start" {
	mount -t tmpfs -o size=16k,mode=700 tmpfs "$ANCHOR"
	start_daemon
	head -c 1m /dev/zero >"$ANCHOR/ballast" 2>/dev/null || true
	mkdir "$PUB/s"
	restart_daemon
	ls "$PUB/s"
	stop_daemon
	rm "$(anchor_file)"
	head -c 1m /dev/zero >>"$ANCHOR/ballast" 2>/dev/null || true
	run accept
	same 1 "$status"
	grep -q "cannot write the anchor .*: No space left on device" "$LOG"
	rm "$ANCHOR/ballast"
	accept
	ls "$PUB/s"
}

@test "the default folders, in a machine of its own" {
	unshare -m --propagation private sh -c '
		set -e
		mount -t tmpfs tmpfs /var/lib
		mount -t tmpfs tmpfs /var/log
		"$0" "$STORE" "$MNT" -o "keyfile=$KEY,user=secretfs"
		stat -c "%a %u" /var/lib/secretfs-anchor
		ls /var/lib/secretfs-anchor
		stat -c "%a %U %n" /var/log/secretfs /var/log/secretfs/audit.log
		umount "$MNT"' "$DAEMON" >"$SFS/out" 3>&-
	sweep_wait "$SFS" 10
	same "700 0" "$(head -n 1 "$SFS/out")"
	grep -q 'store-store\.db\.[0-9a-f]*$' "$SFS/out"
	grep -qx '700 secretfs /var/log/secretfs' "$SFS/out"
	grep -qx '600 secretfs /var/log/secretfs/audit.log' "$SFS/out"
}

# Everything dies at some moment of a busy second, as in a power cut that spares the page cache.
@test "no crash is ever taken for an old copy" {
	local i rounds=${SECRETFS_LONG:+200}
	WORKER_MAY_DIE=yes
	for ((i = 0; i < ${rounds:-12}; i++)); do
		run_daemon
		mkdir -p "$PUB/s"
		for w in 1 2 3; do
			sh -c 'n=0; while echo $n >"$1"; do n=$((n + 1)); done' sh "$PUB/s/k$w" 2>/dev/null 3>&- &
		done
		sleep "0.$((RANDOM % 60 + 10))"
		# shellcheck disable=SC2046
		kill -9 $(sweep_pids "$SFS")
		umount -cil "$MNT" || true
		wait
		no_processes
	done
	run_daemon
	for w in 1 2 3; do
		grep -qE '^[0-9]+$' "$PUB/s/k$w" || [ ! -s "$PUB/s/k$w" ]
	done
}
