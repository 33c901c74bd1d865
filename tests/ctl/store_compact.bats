# SPDX-License-Identifier: MIT
# store_compact: room that is not used is given back, with what belongs to nothing.

setup() {
	load ../helpers
	load helpers
	make_place
	make_ctl
	make_store
}

teardown() {
	finish
}

# A small secret with versions, one of another user, and much that is removed again.
grow() {
	start_daemon
	ctl 0 create db --password=one --user=app
	ctl 0 update db --password=two
	ctl_as $ALICE 0 create -p mail --token=t1
	mkdir "$PUB/much"
	for i in $(seq 20); do
		head -c 100000 /dev/zero | tr '\0' x >"$PUB/much/k$i"
	done
	rm -r "$PUB/much"
	stop_daemon
}

compact() {
	local want=$1
	shift
	ctl "$want" store compact "$STORE" "$@"
}

content() {
	sqlite3 "$STORE" '.dump root bucket ns secret history value slot' | sha256sum
}

alone() {
	same "store.db store.db.lock" "$(ls -A "$SFS/store" | grep -v reserve | xargs)"
	same "600 secretfs secretfs" "$(stat -c '%a %U %G' "$STORE")"
}

@test "the file is smaller, every record is as it was, and the anchor takes it" {
	grow
	before=$(content)
	size=$(stat -c %s "$STORE")
	[ "$size" -gt 2000000 ]
	compact 0 --keyfile "$KEY"
	now=$(stat -c %s "$STORE")
	out "compacted $STORE
$now bytes, $size before"
	[ "$now" -lt 1500000 ]
	same "$before" "$(content)"
	alone
	ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	start_daemon
	same two "$(cat "$PUB/db/password")"
	same t1 "$(as $ALICE cat "$PRIV/mail/token")"
	grep -qx one "$PUB"/db/.versions/*/password
	stop_daemon
}

@test "without a key" {
	grow
	before=$(content)
	compact 0
	grep -qx 'no key was given: rows that belong to nothing were not looked for' "$SFS/out"
	same "$before" "$(content)"
	alone
	start_daemon
	same two "$(cat "$PUB/db/password")"
}

@test "what belongs to nothing is dropped, but only with a key" {
	grow
	id=$(tamper rows value | tail -n 1)
	# The number of a value that was removed.
	free=$((id + 1))
	tamper sql "INSERT INTO value(id, box) VALUES($free, zeroblob(104))"
	tamper sql "INSERT INTO history(secret, ver, box) VALUES(2, 999, zeroblob(600))"
	ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	grep -qx '2 rows belong to nothing; store compact drops them' "$SFS/out"
	compact 0
	same "$free" "$(tamper sql "SELECT id FROM value WHERE id = $free")"
	compact 0 --keyfile "$KEY"
	grep -qx '2 rows that belonged to nothing were dropped' "$SFS/out"
	same "" "$(tamper sql "SELECT id FROM value WHERE id = $free")"
	same "$id" "$(tamper rows value | tail -n 1)"
	ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	not grep -q "belong to nothing" "$SFS/out"
}

@test "a value that was kept for who had it open is whole, and goes" {
	WORKER_MAY_DIE=yes
	start_daemon history=0
	mkdir "$PUB/s"
	echo old >"$PUB/s/k"
	exec 7<"$PUB/s/k"
	echo new >"$PUB/s/k"
	# The worker first, and nobody starts another one.
	supervisor=$(supervisor_pid) worker=$(worker_pid)
	kill -STOP "$supervisor"
	eventually 5 all_stopped "$supervisor"
	kill -KILL "$worker" "$supervisor"
	eventually 5 sh -c '! kill -0 "$1" 2>/dev/null' sh "$worker"
	exec 7>&-
	umount -cil "$MNT" || true
	sweep_wait "$SFS" 10
	same 2 "$(tamper rows value | wc -l)"
	ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	not grep -q "belong to nothing" "$SFS/out"
	# Nobody can tell without the key that it is not in use any more.
	compact 0
	same 2 "$(tamper rows value | wc -l)"
	compact 0 --keyfile "$KEY"
	same 1 "$(tamper rows value | wc -l)"
	start_daemon
	same new "$(cat "$PUB/s/k")"
	stop_daemon
}

@test "not while a daemon serves it" {
	grow
	start_daemon
	compact 11 --keyfile "$KEY"
	err_has "umount"
	same two "$(cat "$PUB/db/password")"
}

@test "a damaged store, the wrong key, a full disk: nothing is changed" {
	grow
	head -c 32 /dev/urandom >"$SFS/other"
	chmod 400 "$SFS/other"
	compact 7 --keyfile "$SFS/other"
	ctl 3 store compact "$SFS/none"
	ctl 2 store compact "$STORE" "$STORE"
	mkdir -m 700 "$SFS/small"
	mount -t tmpfs -o "size=$(($(stat -c %s "$STORE") / 1024 + 300))k,mode=700,uid=$(id -u secretfs),gid=$(id -g secretfs)" tmpfs "$SFS/small"
	cp -a "$STORE" "$SFS/small/store.db"
	ctl 1 store compact "$SFS/small/store.db" --keyfile "$KEY"
	err_has "No space left on device"
	cmp "$STORE" "$SFS/small/store.db"
	same "store.db store.db.lock" "$(ls -A "$SFS/small" | xargs)"
	tamper flip value "$(tamper rows value | head -n 1)"
	before=$(sha256sum <"$STORE")
	compact 8 --keyfile "$KEY"
	grep -q '^damaged: public/db' "$SFS/out"
	err_has "nothing was changed"
	same "$before" "$(sha256sum <"$STORE")"
	alone
}

@test "interrupted, the old one is there, and what is left is cleared away" {
	local call n
	command -v strace >/dev/null || skip "strace is not installed"
	grow
	before=$(content)
	for call in rename unlink fsync; do
		for n in 1 2 3; do
			strace -qq -f -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
				"$SECRETCTL" store compact "$STORE" --keyfile "$KEY" >/dev/null 2>&1 3>&- </dev/null || true
			same "$before" "$(content)"
			ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
		done
	done
	compact 0 --keyfile "$KEY"
	same "$before" "$(content)"
	alone
}
