# SPDX-License-Identifier: MIT
# stop: how a mount starts, looks from outside, and ends.

setup() {
	load ../helpers
	make_store
	start_daemon
}

teardown() {
	finish
}

lock_is_free() {
	flock -n -E 9 "$STORE.lock" true
}

ended() {
	not mountpoint -q "$MNT" && no_processes && lock_is_free
}

@test "what the mount looks like" {
	read -r options type <<<"$(awk -v m="$MNT" '$2 == m { print $4, $3 }' /proc/self/mounts)"
	same fuse.secretfs "$type"
	for word in nosuid nodev noexec; do
		[[ ,$options, == *,$word,* ]]
	done
	# The source is the store, so that mount -a knows what is mounted already.
	same "$STORE" "$(awk -v m="$MNT" '$2 == m { print $1 }' /proc/self/mounts)"
}

@test "the processes" {
	supervisor=$(supervisor_pid)
	worker=$(worker_pid)
	uid=$(id -u secretfs)
	same "$uid $uid $uid $uid" "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' "/proc/$worker/status")"
	same "$(id -g secretfs)" "$(awk '/^Gid:/ { print $2 }' "/proc/$worker/status")"
	same "" "$(awk '/^Groups:/ { print $2 }' "/proc/$worker/status")"
	same "0000000000000000 0000000000000000 0000000000000000" "$(awk '/^Cap(Prm|Eff|Bnd):/ { print $2 }' "/proc/$worker/status" | xargs)"
	same 1 "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$worker/status")"
	for pid in "$supervisor" "$worker"; do
		same "0 0" "$(awk '/Max core file size/ { print $5, $6 }' "/proc/$pid/limits")"
		same "root" "$(stat -c %U "/proc/$pid/environ")" # undumpable
	done
	not grep -qaF HOME= "/proc/$worker/environ"
}

@test "umount" {
	umount "$MNT"
	eventually 10 no_processes
	ended
}

@test "SIGTERM" {
	kill -TERM "$(supervisor_pid)"
	eventually 10 no_processes
	ended
}

@test "SIGINT" {
	kill -INT "$(supervisor_pid)"
	eventually 10 no_processes
	ended
}

@test "fusermount3 -u" {
	fusermount3 -u "$MNT"
	eventually 10 no_processes
	ended
}

@test "SIGTERM waits for open files, but not for ever" {
	WORKER_MAY_DIE=1
	restart_daemon stop_timeout=1
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	sleep 60 <"$PUB/s/k" 3>&- &
	holder=$!
	kill -TERM "$(supervisor_pid)"
	eventually 10 no_processes
	kill "$holder"
	wait "$holder" || true
	ended
}

@test "what was written before SIGTERM is there afterwards" {
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	kill -TERM "$(supervisor_pid)"
	eventually 10 no_processes
	start_daemon
	same value "$(cat "$PUB/s/k")"
}

@test "ten times start and stop" {
	for i in {1..10}; do
		restart_daemon
		mkdir "$PUB/s$i"
	done
	same 10 "$(ls "$PUB" | wc -l)"
}

@test "stop and start again at once" {
	WORKER_MAY_DIE=yes
	for _ in 1 2 3 4 5; do
		umount "$MNT"
		"$SECRETFS_BUILD/secretfs" "$STORE" "$MNT" -o "keyfile=$KEY,user=secretfs,anchor=$SFS/anchor,audit=off"
	done
	mountpoint -q "$MNT"
}

@test "the program is moved away: the next worker starts all the same" {
	WORKER_MAY_DIE=yes
	cp "$SECRETFS_BUILD/secretfs" "$SFS/secretfs-copy"
	umount "$MNT"
	"$SFS/secretfs-copy" "$STORE" "$MNT" -o "keyfile=$KEY,user=secretfs,anchor=$SFS/anchor,audit=off"
	rm "$SFS/secretfs-copy"
	kill -9 "$(pgrep -P "$(pgrep -f "^$SFS/secretfs-copy" | head -n 1)" -f -- --worker)"
	timeout 20 ls "$PUB" >/dev/null
}
