# SPDX-License-Identifier: MIT
# watch: a program at each change, never two at once, none lost, none for nothing.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	STARTED=()
	# shellcheck disable=SC2016 # for the program
	NOTE='echo "$SECRETFS_EVENT $SECRETFS_NAME $SECRETFS_VERSION" >>"$0"'
}

# A test that fails must not leave what it had started.
teardown() {
	local pid
	for pid in "${STARTED[@]}"; do
		kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
	done
	finish
}

# watch NAME [PROGRAM...]: starts it and waits until it watches. What it says is in $SFS/said.
watch() {
	local name=$1
	shift
	[ $# -gt 0 ] || set -- sh -c "$NOTE" "$SFS/notes"
	: >>"$SFS/notes"
	"$SECRETCTL" watch "$name" -- "$@" >"$SFS/said" 2>&1 </dev/null 3>&- &
	pid=$!
	STARTED+=($pid)
	eventually 20 watches "$pid"
}

# The secret is watched last, after two namespaces or the one that the name says.
watches() {
	local fd
	for fd in /proc/"$1"/fdinfo/*; do
		[ "$(grep -c '^inotify' "$fd" 2>/dev/null)" = "${WATCHES:-3}" ] && return 0
	done
	return 1
}

noted() {
	[ "$(wc -l <"$SFS/notes")" -ge "$1" ]
}

removed() {
	[ "$(grep -c 'was removed' "$SFS/said")" = "$1" ]
}

ended() {
	local rc=0
	wait "$pid" || rc=$?
	same "$1" "$rc"
}

version() {
	getfattr --absolute-names --only-values -n user.secretfs.version "$1"
}

# Long enough for a run that should not come.
quiet() {
	sleep 1
}

@test "each change of a value, a key or its name; by file, by view, by rename" {
	ctl 0 create db --user=a --password=b
	watch db
	echo c >"$PUB/db/user"
	eventually 20 noted 1
	echo '{"user": "d", "password": "e"}' >"$PUB/db/.json"
	eventually 20 noted 2
	echo new >"$PUB/db/key"
	eventually 20 noted 3
	quiet
	count=$(wc -l <"$SFS/notes")
	mv "$PUB/db/key" "$PUB/db/key2"
	eventually 20 noted $((count + 1))
	rm "$PUB/db/key2"
	eventually 20 noted $((count + 2))
	eventually 20 grep -qx "changed public/db $(version "$PUB/db")" "$SFS/notes"
	same "" "$(grep -v '^changed public/db [0-9]*$' "$SFS/notes" || true)"
	kill $pid
	ended 143
	same "" "$(cat "$SFS/said")"
}

@test "nothing runs without a change" {
	ctl 0 create db --user=a
	ctl 0 create other --user=a
	watch db
	cat "$PUB/db/user" "$PUB/db/.json" >/dev/null
	ls -la "$PUB/db" >/dev/null
	chmod 600 "$PUB/db/user"
	setfattr -n user.secretfs.description -v text "$PUB/db"
	echo b >"$PUB/other/user"
	mv "$PUB/other" "$PUB/another"
	exec 7>>"$PUB/db/user"
	exec 7>&-
	quiet
	same "" "$(cat "$SFS/notes")"
	echo b >"$PUB/db/user" # it was awake
	eventually 20 noted 1
}

@test "runs do not overlap, and what changes meanwhile makes one more" {
	ctl 0 create db --user=0
	cat >"$SFS/slow" <<-'END'
		#!/bin/sh
		mkdir "$0.lock" || echo overlap >>"$0.notes"
		echo "start $(cat "$SECRETFS_PATH/user")" >>"$0.notes"
		while [ ! -e "$0.go" ]; do sleep 0.02; done
		rmdir "$0.lock"
		echo end >>"$0.notes"
	END
	chmod 755 "$SFS/slow"
	watch db "$SFS/slow"
	printf 1 >"$PUB/db/user"
	eventually 20 grep -q 'start 1' "$SFS/slow.notes"
	for i in 2 3 4 5; do
		printf %s "$i" >"$PUB/db/user"
	done
	quiet
	same "start 1" "$(cat "$SFS/slow.notes")"
	touch "$SFS/slow.go"
	eventually 20 grep -q 'start 5' "$SFS/slow.notes"
	quiet
	same $'start 1\nend\nstart 5\nend' "$(cat "$SFS/slow.notes")"
}

@test "removed, made again, renamed away and back" {
	ctl 0 create db --user=a
	watch db
	ctl 0 delete db -y
	eventually 20 removed 1
	same "secretctl: watch: public/db was removed; waiting for it to come back" "$(cat "$SFS/said")"
	same "" "$(cat "$SFS/notes")"
	ctl 0 create db --user=b
	eventually 20 noted 1
	grep -q '^created public/db ' "$SFS/notes"
	mv "$PUB/db" "$PUB/db2"
	eventually 20 removed 2
	count=$(wc -l <"$SFS/notes")
	mv "$PUB/db2" "$PUB/db"
	eventually 20 noted $((count + 1))
	grep -q '^created' <(tail -n 1 "$SFS/notes")
	echo c >"$PUB/db/user"
	eventually 20 noted $((count + 2))
	grep -q '^changed' <(tail -n 1 "$SFS/notes")
}

@test "a private secret of the name comes first, when it comes" {
	ctl 0 create db --user=a
	watch db
	ctl 0 create -p db --user=mine
	eventually 20 grep -q '^changed private/db ' "$SFS/notes"
	rm -r "$PRIV/db"
	eventually 20 grep -q '^changed public/db ' "$SFS/notes"
}

@test "public/NAME has nothing to do with a private one" {
	ctl 0 create db --user=a
	WATCHES=2
	watch public/db
	ctl 0 create -p db --user=mine
	quiet
	same "" "$(cat "$SFS/notes")"
	echo b >"$PUB/db/user"
	eventually 20 noted 1
}

@test "a commit by fsync while the file stays open" {
	ctl 0 create db --user=a
	watch db
	"$PYTHON" -c '
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.write(fd, b"synced")
time.sleep(0.5)
os.fsync(fd)
open(sys.argv[2], "w").close()
time.sleep(60)
' "$PUB/db/user" "$SFS/synced" 3>&- &
	STARTED+=($!)
	eventually 20 test -e "$SFS/synced"
	eventually 20 noted 1
}

@test "a worker that starts again loses nothing" {
	ctl 0 create db --user=a
	watch db
	WORKER_MAY_DIE=1
	for i in 1 2 3; do
		quiet
		before=$(wc -l <"$SFS/notes")
		kill -9 "$(worker_pid)"
		eventually 20 stat "$PUB/db" >/dev/null
		printf %s "$i" >"$PUB/db/user"
		eventually 20 noted $((before + 1))
	done
	kill -0 $pid
}

@test "it holds nothing open, and ends when the tree is unmounted" {
	ctl 0 create db --user=a
	watch db
	eventually 20 umount "$MNT"
	ended 1
	same "secretctl: watch: $MNT: the tree was unmounted" "$(cat "$SFS/said")"
	sweep_wait "$SFS" 20
}

@test "the program: its environment, its failures; a signal ends it" {
	ctl 0 create db --user=hunter2
	watch db sh -c 'env >"$0.tmp"; mv "$0.tmp" "$0"; exit 3' "$SFS/env"
	echo hunter3 >"$PUB/db/user"
	eventually 20 test -e "$SFS/env"
	not grep -q hunter "$SFS/env"
	for line in "SECRETFS_PATH=$MNT/public/db" "SECRETFS_MOUNT=$MNT" SECRETFS_NAME=public/db SECRETFS_EVENT=changed; do
		grep -qx "$line" "$SFS/env"
	done
	eventually 20 grep -qx 'secretctl: watch: sh ended with 3' "$SFS/said"
	rm "$SFS/env"
	echo hunter4 >"$PUB/db/user"
	eventually 20 test -e "$SFS/env"
	kill -HUP $pid # a shell lets what it starts in the background ignore SIGINT
	ended 129
}

@test "a signal is passed on to the program, whose end is waited for" {
	ctl 0 create db --user=a
	watch db sh -c 'trap "echo got >>\"$0\"; exit 0" TERM; echo run >>"$0"; while :; do sleep 0.05; done' "$SFS/notes"
	echo b >"$PUB/db/user"
	eventually 20 noted 1
	kill -TERM $pid
	ended 143
	same $'run\ngot' "$(cat "$SFS/notes")"
}

@test "a program that is not there" {
	ctl 0 create db --user=a
	watch db nosuchprogram
	echo b >"$PUB/db/user"
	ended 127
	same 'secretctl: watch: nosuchprogram: No such file or directory' "$(cat "$SFS/said")"
}

@test "bad input" {
	ctl 2 watch
	ctl 2 watch db
	ctl 2 watch db --
	ctl 3 watch nothing -- true
	err_has 'nothing: there is no such secret'
	ctl 2 watch --nothing db -- true
	ctl 0 watch --help
	grep -q '^usage: secretctl watch NAME' "$SFS/out"
	ctl_as $ALICE 0 create -p mine --k=1
	ctl 3 watch mine -- true
	ctl_as $BOB 3 watch private/mine -- true
}
