# SPDX-License-Identifier: MIT
# store_backup: a copy of a store that may be in use, whole and checked, never over something.

setup() {
	load ../helpers
	load helpers
	make_place
	make_ctl
	make_store
	mkdir -m 700 "$SFS/safe" # root's: the store's owner cannot write there
	DEST=$SFS/safe/backup.db
}

teardown() {
	finish
}

# Eight secrets with a few versions, one of them private.
grow() {
	start_daemon
	ctl 0 create db --password=one --user=app
	ctl 0 update db --password=two
	ctl_as $ALICE 0 create -p mail --token=t1
	for i in 3 4 5 6 7 8; do
		ctl 0 create "more$i" --k="$i"
	done
}

# backup WANT [ARGUMENTS...]
backup() {
	local want=$1
	shift
	ctl "$want" store backup "$DEST" "$STORE" "$@"
}

# What is left in the folder: DEST, or nothing.
alone() {
	same "$1" "$(ls -A "$SFS/safe" | xargs)"
}

# serve FILE: a daemon on a copy of it, with an anchor of its own, until the test ends.
serve() {
	rm -rf "$SFS/second" "$SFS/anchor2" && mkdir -m 700 "$SFS/second" "$SFS/anchor2"
	cp "$1" "$SFS/second/store.db"
	chown -R secretfs: "$SFS/second"
	"$DAEMON" "$SFS/second/store.db" "$MNT" --accept-rollback -o "keyfile=$KEY,user=secretfs,anchor=$SFS/anchor2,audit=off" \
		</dev/null >>"$LOG" 2>&1 3>&-
	WORKER_AT_START=$(worker_pid)
}

@test "beside a daemon: every record is read, nothing of it is left beside" {
	grow
	backup 0 --keyfile "$KEY"
	same "wrote $DEST" "$(head -n 1 "$SFS/out")"
	grep -qxE '8 secrets, [0-9]+ versions, [0-9]+ values were read' "$SFS/out"
	err ""
	alone backup.db
	same "600 root" "$(stat -c '%a %U' "$DEST")"
	same "secretfs" "$(stat -c %U "$SFS"/store/* | sort -u)"
	# The daemon goes on, and the copy does not change.
	ctl 0 update db --password=three
	stop_daemon
	serve "$DEST"
	same two "$(cat "$PUB/db/password")"
	same app "$(cat "$PUB/db/user")"
	same t1 "$(as $ALICE cat "$PRIV/mail/token")"
	same 8 "$(cat "$PUB/more8/k")"
	stop_daemon
}

@test "a stopped store, its log folded in or not" {
	grow
	stop_daemon
	backup 0 --keyfile "$KEY"
	# Everything dies with commits in the log.
	start_daemon
	WORKER_MAY_DIE=yes
	echo three >"$PUB/db/password"
	kill_all
	umount -cil "$MNT" || true
	sweep_wait "$SFS" 10
	backup 0 --keyfile "$KEY" --force
	serve "$DEST"
	same three "$(cat "$PUB/db/password")"
	stop_daemon
}

@test "without a key the structure is checked, and it says so" {
	grow
	backup 0
	out "wrote $DEST
no key was given: its structure was checked, no record was opened"
	ctl 0 store verify "$DEST" --keyfile "$KEY"
}

@test "the key of the settings file is used" {
	grow
	mkdir -p "$SFS/etc/secretfs"
	cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache "$SFS/etc"
	printf 'store = %s\nmountpoint = %s\nanchor = %s\nkeyfile = %s\n' "$STORE" "$MNT" "$ANCHOR" "$KEY" \
		>"$SFS/etc/secretfs/secretfs.conf"
	code 0 unshare -m --propagation private sh -c 'mount --bind "$SFS/etc" /etc && exec "$@"' sh \
		"$SECRETCTL" store backup "$DEST"
	grep -q '^8 secrets' "$SFS/out"
}

@test "under load: every secret of the copy is whole" {
	local i pids=() n
	start_daemon
	# Two keys that are only ever changed together, and many secrets that come.
	mkdir "$PUB/pair"
	echo '{"a": "0", "b": "0"}' >"$PUB/pair/.json"
	sh -c 'n=0; while echo "{\"a\": \"$n\", \"b\": \"$n\"}" >"$1"; do n=$((n + 1)); done' sh "$PUB/pair/.json" 2>/dev/null 3>&- &
	pids+=($!)
	sh -c 'n=0; while mkdir "$1/s$n" && head -c 20000 /dev/urandom >"$1/s$n/k"; do n=$((n + 1)); done' sh "$PUB" 2>/dev/null 3>&- &
	pids+=($!)
	for i in 1 2 3 4 5; do
		sleep 0.2
		DEST=$SFS/safe/backup$i.db backup 0 --keyfile "$KEY"
	done
	kill "${pids[@]}"
	wait "${pids[@]}" || true
	# What they had started may be at work for a moment.
	eventually 10 umount "$MNT" && sweep_wait "$SFS" 10
	for i in 1 5; do
		serve "$SFS/safe/backup$i.db"
		same "$(cat "$PUB/pair/a")" "$(cat "$PUB/pair/b")"
		n=$(find "$PUB" -mindepth 1 -maxdepth 1 -name 's*' | wc -l)
		[ "$n" -gt 1 ]
		# The last one may have been on its way.
		same "$((n - 1))" "$(find "$PUB" -path '*/s[0-9]*/k' -size 20000c | head -n $((n - 1)) | wc -l)"
		stop_daemon
	done
}

@test "nothing is overwritten without --force" {
	grow
	echo data >"$DEST"
	backup 5 --keyfile "$KEY"
	err_has "exists already"
	same data "$(cat "$DEST")"
	backup 0 --keyfile "$KEY" --force
	alone backup.db
	ctl 0 store verify "$DEST" --keyfile "$KEY"
}

@test "a folder, a link, a place that is not there" {
	grow
	mkdir "$SFS/folder"
	DEST=$SFS/folder backup 5 --force
	ln -s "$SFS/elsewhere" "$SFS/link"
	DEST=$SFS/link backup 5 --force
	err_has "symbolic link"
	not test -e "$SFS/elsewhere"
	DEST=$SFS/none/backup.db backup 3
	err_has "$SFS/none"
	DEST=$SFS/safe/ backup 2
	DEST=- backup 2
	err_has "standard output"
	ctl 2 store backup
	err_has "DEST"
	ctl 3 store backup "$DEST" "$SFS/none.db"
	alone ""
}

@test "the store is no place for its backup" {
	grow
	for name in "$STORE" "$STORE-wal" "$STORE.lock" "$SFS/store/../store/store.db-shm"; do
		DEST=$name backup 2 --force
		err_has "belongs to it"
	done
	ln "$STORE" "$SFS/safe/second-name"
	DEST=$SFS/safe/second-name backup 2 --force
	same two "$(cat "$PUB/db/password")"
}

@test "the wrong key writes nothing" {
	grow
	head -c 32 /dev/urandom >"$SFS/other"
	chmod 400 "$SFS/other"
	backup 7 --keyfile "$SFS/other"
	alone ""
	backup 3 --keyfile "$SFS/none"
	alone ""
	backup 2 --keyfile "$KEY" --keyfile "$KEY"
	alone ""
}

@test "a full disk leaves nothing" {
	grow
	mount -t tmpfs -o size=200k,mode=700 tmpfs "$SFS/safe"
	backup 1 --keyfile "$KEY"
	err_has "No space left on device"
	alone ""
	same two "$(cat "$PUB/db/password")"
}

@test "damaged records are copied as they are, and that is said" {
	grow
	stop_daemon
	value=$(tamper rows value | sed -n 3p)
	tamper flip value "$value"
	before=$(sqlite3 "$STORE" '.dump root bucket ns secret history value slot' | sha256sum)
	backup 8 --keyfile "$KEY"
	grep -qx 'damaged: public/db/password: the value does not open' "$SFS/out"
	grep -qx "wrote $DEST" "$SFS/out"
	err_has "1 of its records is damaged"
	same "$before" "$(sqlite3 "$DEST" '.dump root bucket ns secret history value slot' | sha256sum)"
	# Without the key nobody can see that.
	DEST=$SFS/safe/second.db backup 0
	# What may be a whole backup is not replaced by a damaged one.
	echo whole >"$SFS/safe/third.db"
	DEST=$SFS/safe/third.db backup 8 --keyfile "$KEY" --force
	err_has "was not replaced"
	same whole "$(cat "$SFS/safe/third.db")"
	alone "backup.db second.db third.db"
}

@test "damaged pages" {
	grow
	stop_daemon
	tamper empty-index secret_ns
	backup 8
	err_has "structure of the file is damaged"
	test -s "$DEST"
	echo data >"$SFS/file"
	ctl 8 store backup "$SFS/safe/other.db" "$SFS/file"
	alone backup.db
}

@test "killed while it copies: nothing is left" {
	start_daemon
	mkdir "$PUB/s"
	for i in $(seq 25); do
		head -c 1000000 /dev/urandom >"$PUB/s/k$i"
	done
	"$SECRETCTL" store backup "$DEST" "$STORE" --keyfile "$KEY" >/dev/null 2>&1 3>&- &
	pid=$!
	disown "$pid"
	eventually 10 sh -c 'test -s "$(ls "$1"/safe/.secretctl.* 2>/dev/null)"' sh "$SFS"
	kill -9 "$pid"
	eventually 10 alone ""
}

@test "a plain user's own store" {
	mkdir "$SFS/alice"
	chown $ALICE "$SFS/alice"
	export HOME=$SFS/alice
	ctl_as $ALICE 0 store init "$SFS/alice/s/store.db" --keyfile "$SFS/alice/key"
	ctl_as $ALICE 0 store backup "$SFS/alice/backup.db" "$SFS/alice/s/store.db" --keyfile "$SFS/alice/key"
	same "600 $ALICE" "$(stat -c '%a %u' "$SFS/alice/backup.db")"
	HOME=$SFS/none ctl_as $BOB 4 store backup "$SFS/bob.db" "$SFS/alice/s/store.db"
	ctl_as $ALICE 4 store backup "$SFS/safe/x.db" "$SFS/alice/s/store.db"
}
