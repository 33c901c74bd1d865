# SPDX-License-Identifier: MIT
# store_restore: a backup in the place of a store: the old one is kept, and there is always one of the two.

setup() {
	load ../helpers
	load helpers
	make_place
	make_ctl
	make_store
	mkdir -m 700 "$SFS/safe" # root's: the store's owner cannot read there
	BACKUP=$SFS/safe/backup.db
}

teardown() {
	finish
}

# A backup with db/password "one", and a store that has gone on to "two".
grow() {
	start_daemon
	ctl 0 create db --password=one
	ctl_as $ALICE 0 create -p mail --token=t1
	ctl 0 store backup "$BACKUP" "$STORE" --keyfile "$KEY"
	ctl 0 update db --password=two
	mkdir "$PUB/later"
	stop_daemon
}

restore() {
	local want=$1
	shift
	ctl "$want" store restore "$BACKUP" "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" "$@"
}

# holds WANT: the store starts as it is, without --accept-rollback, and has this value.
holds() {
	start_daemon
	same "$1" "$(cat "$PUB/db/password")"
	stop_daemon
}

# left: what lies in the store's folder beside the store and its lock.
left() {
	ls -A "$SFS/store" | grep -vxE 'store\.db(\.lock|\.reserve)?' | xargs
}

@test "the old state is back, the newer one is kept, and it is said what that means" {
	grow
	restore 0
	grep -qxE '2 secrets, [0-9]+ versions, [0-9]+ values were read' "$SFS/out"
	grep -qxF "kept what was there as $STORE.before-restore-1" "$SFS/out"
	grep -qxF "restored $STORE" "$SFS/out"
	grep -q 'It is as it was after commit [0-9]*; what was changed later is not in it' "$SFS/out"
	grep -q 'refuses every other copy, also the one that was kept' "$SFS/out"
	same "store.db.before-restore-1" "$(left)"
	same "600 secretfs 1" "$(stat -c '%a %U %h' "$STORE")"
	holds one
	start_daemon
	not test -e "$PUB/later"
	same t1 "$(as $ALICE cat "$PRIV/mail/token")"
	stop_daemon
	# What was kept is whole, but does not pass for the store any more.
	ctl 0 store verify "$STORE.before-restore-1" --keyfile "$KEY"
	cp -a "$STORE" "$SFS/now"
	cp -a "$STORE.before-restore-1" "$STORE"
	run run_daemon
	same 12 "$status"
	cp -a "$BACKUP" "$STORE"
	run run_daemon
	[ "$status" -ne 0 ]
	cp -a "$SFS/now" "$STORE"
	chown secretfs: "$STORE"
	holds one
}

@test "back to what was kept, by restoring that" {
	grow
	restore 0
	BACKUP=$STORE.before-restore-1 restore 0
	same "store.db.before-restore-1 store.db.before-restore-2" "$(left)"
	holds two
}

@test "a daemon that serves it is not disturbed" {
	grow
	start_daemon
	restore 11
	err_has "umount"
	same two "$(cat "$PUB/db/password")"
	stop_daemon
	same "" "$(left)"
}

@test "a log of the old store is not applied to the new one" {
	grow
	start_daemon
	WORKER_MAY_DIE=yes
	for i in $(seq 30); do
		echo "$i" >"$PUB/db/password"
	done
	kill_all
	umount -cil "$MNT" || true
	sweep_wait "$SFS" 10
	restore 0
	same "store.db.before-restore-1" "$(left)"
	holds one
	# Its last commit is in what was kept.
	BACKUP=$STORE.before-restore-1 restore 0
	holds 30
}

@test "a store that cannot be opened any more is kept with its log" {
	grow
	head -c 20000 /dev/urandom >"$STORE"
	echo log >"$STORE-wal"
	cp "$STORE" "$SFS/garbage"
	restore 0
	same "store.db.before-restore-1 store.db.before-restore-1-wal" "$(left)"
	cmp "$SFS/garbage" "$STORE.before-restore-1"
	holds one
}

@test "there is no store any more, nor an anchor" {
	grow
	rm "$STORE" "$ANCHOR"/*
	echo log >"$STORE-wal"
	restore 0
	not grep -q "kept" "$SFS/out"
	same "store.db.before-restore-1-wal" "$(left)"
	same "600 secretfs" "$(stat -c '%a %U' "$STORE")"
	holds one
	rm -r "$SFS/store"
	restore 3
	mkdir -m 700 "$SFS/store"
	restore 10
	err_has "chown"
	chown secretfs: "$SFS/store"
	restore 0
	holds one
}

@test "a damaged backup changes nothing" {
	grow
	value=$("$PYTHON" "$TESTS/tools/tamper.py" "$BACKUP" rows value | head -n 1)
	"$PYTHON" "$TESTS/tools/tamper.py" "$BACKUP" flip value "$value"
	before=$(sha256sum <"$STORE")
	restore 8
	grep -qx 'damaged: public/db/password: the value does not open' "$SFS/out"
	err_has "nothing was changed"
	same "" "$(left)"
	same "$before" "$(sha256sum <"$STORE")"
	echo data >"$BACKUP"
	restore 8
	holds two
}

@test "the wrong key, no backup, a folder, a store with its log, the store itself" {
	grow
	head -c 32 /dev/urandom >"$SFS/other"
	chmod 400 "$SFS/other"
	ctl 7 store restore "$BACKUP" "$STORE" --keyfile "$SFS/other" --anchor "$ANCHOR"
	ctl 2 store restore "$BACKUP" "$STORE" --anchor "$ANCHOR"
	ctl 2 store restore
	BACKUP=$SFS/none restore 3
	BACKUP=$SFS/safe restore 2
	BACKUP=$STORE restore 2
	echo log >"$BACKUP-wal"
	restore 2
	err_has "store backup"
	same "" "$(left)"
	holds two
}

@test "a full disk leaves the old one" {
	grow
	mount -t tmpfs -o "size=$(($(stat -c %s "$STORE") / 1024 + 300))k,mode=700,uid=$(id -u secretfs),gid=$(id -g secretfs)" tmpfs "$SFS/safe"
	cp "$STORE" "$SFS/safe/store.db"
	chown secretfs: "$SFS/safe/store.db"
	cp "$STORE" "$SFS/backup.db"
	ctl 1 store restore "$SFS/backup.db" "$SFS/safe/store.db" --keyfile "$KEY"
	err_has "No space left on device"
	cmp "$STORE" "$SFS/safe/store.db"
	same "store.db store.db.lock" "$(ls -A "$SFS/safe" | xargs)"
}

# killed CALLS N: restores, and is killed just before the Nth of these system calls. False: there were not so many.
killed() {
	rm -rf "$SFS/store"/store.db* "$ANCHOR"
	cp -a "$SFS/before" "$STORE"
	cp -a "$SFS/anchor-before" "$ANCHOR"
	sh -c 'strace -qq -f -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" \
		"$3" store restore "$4" "$5" --keyfile "$6" --anchor "$7" 3>&- 2>/dev/null; [ $? != 0 ]' sh \
		"$1" "$2" "$SECRETCTL" "$BACKUP" "$STORE" "$KEY" "$ANCHOR" >/dev/null 2>&1 </dev/null
}

@test "interrupted at any point there is the one or the other, whole" {
	local call n old=0 new=0
	command -v strace >/dev/null || skip "strace is not installed"
	grow
	cp -a "$STORE" "$SFS/before"
	cp -a "$ANCHOR" "$SFS/anchor-before"
	for call in unlink link rename fsync fdatasync; do
		for ((n = 1; ; n++)); do
			killed "$call" "$n" || break
			ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
			# Three secrets are the old ones, two those of the backup.
			if grep -q '^3 secrets' "$SFS/out"; then
				old=$((old + 1))
			else
				grep -q '^2 secrets' "$SFS/out"
				new=$((new + 1))
			fi
		done
		# Again, it goes through.
		restore 0
	done
	[ "$old" -gt 5 ]
	[ "$new" -gt 1 ]
	holds one
	for n in 1 30 100; do
		killed pwrite64 "$n"
		ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
		grep -q "^3 secrets" "$SFS/out"
	done
	restore 0
	same "store.db.before-restore-1" "$(left)"
	holds one
}
