# SPDX-License-Identifier: MIT
# store_rotate: everything is sealed again under new keys; who had an old one does not get at what comes.

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

# Secrets with versions, attributes and a removed key, in public and private.
grow() {
	start_daemon
	ctl 0 create db --password=one --user=app --description='the database'
	ctl 0 update db --password=two
	rm "$PUB/db/user"
	chmod 640 "$PUB/db/password"
	setfacl -m "u:$BOB:r" "$PUB/db/password"
	ctl_as $ALICE 0 create -p mail --token=t1
	head -c 300000 /dev/urandom >"$SFS/large"
	mkdir "$PUB/large" "$PUB/empty"
	cp "$SFS/large" "$PUB/large/k"
	: >"$PUB/empty/never"
	picture >"$SFS/before"
	stop_daemon
}

# All that there is to see of the tree.
picture() {
	find "$PUB" "$PUB"/*/.versions -printf '%P %y %m %u %g %s %i %T@\n' | sort
	find "$PUB" "$PUB"/*/.versions -type f ! -name 'k' -print0 | sort -z | xargs -0 grep -a ''
	getfattr -d -m user.secretfs -h --absolute-names "$PUB"/*
	getfacl -pn "$PUB/db/password"
	as $ALICE stat -c '%n %s %a' "$PRIV/mail/token"
	as $ALICE cat "$PRIV/mail/token"
}

rotate() {
	local want=$1
	shift
	ctl "$want" store rotate "$STORE" --anchor "$ANCHOR" "$@"
}

alone() {
	same "store.db store.db.lock" "$(ls -A "$SFS/store" | grep -v reserve | xargs)"
	same "600 secretfs secretfs" "$(stat -c '%a %U %G' "$STORE")"
}

@test "every record is another one, and everything is as it was" {
	grow
	cp -a "$STORE" "$SFS/old"
	rotate 0 --keyfile "$KEY"
	grep -qxE '4 secrets, [0-9]+ versions, [0-9]+ values were read' "$SFS/out"
	grep -qxF "rotated $STORE" "$SFS/out"
	grep -qxF "sealed again key slot 1 (key file)" "$SFS/out"
	grep -q 'still open with the keys of then' "$SFS/out"
	alone
	start_daemon
	picture >"$SFS/after"
	diff "$SFS/before" "$SFS/after"
	cmp "$SFS/large" "$PUB/large/k"
	grep -qx one "$PUB"/db/.versions/*/password
	grep -qx app "$PUB"/db/.versions/*/user
	mkdir "$PUB/new"
	echo new >"$PUB/new/k"
	stop_daemon
	ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	# No box, tag or salt is in both files.
	"$PYTHON" - "$SFS/old" "$STORE" <<'END'
import sqlite3, sys
def blobs(path):
    db = sqlite3.connect(path)
    found = set()
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        for row in db.execute(f"SELECT * FROM {table}"):
            found |= {bytes(v)[-40:] for v in row if isinstance(v, bytes) and len(v) >= 16}
    return found
old, new = (blobs(p) for p in sys.argv[1:])
assert len(old) > 4100 and len(new) > 4100
assert not old & new, len(old & new)
END
}

@test "the old master key opens nothing of the new store, nor the new one the old" {
	grow
	cp -a "$STORE" "$SFS/old"
	rotate 0 --keyfile "$KEY"
	cp -a "$STORE" "$SFS/new"
	# A slot of the old file, put into the new one, opens; but nothing behind it does.
	"$PYTHON" - "$SFS/old" "$STORE" <<'END'
import sqlite3, sys
old, new = (sqlite3.connect(p) for p in sys.argv[1:])
row = old.execute("SELECT * FROM slot").fetchone()
new.execute("DELETE FROM slot")
new.execute("INSERT INTO slot VALUES(?, ?, ?, ?, ?, ?, ?)", row)
new.commit()
END
	ctl 8 store verify "$STORE" --keyfile "$KEY"
	err_has "root record"
	# The old file as a whole is an old copy.
	cp -a "$SFS/old" "$STORE"
	run run_daemon
	same 12 "$status"
	cp -a "$SFS/new" "$STORE"
	start_daemon
	same two "$(cat "$PUB/db/password")"
}

@test "all keys that are given stay, under their numbers and labels" {
	grow
	ctl 0 store key add "$STORE" --keyfile "$KEY" --new-passphrase-fd 9 --label "the paper in the safe" 9<<<"correct horse"
	ctl 0 store key add "$STORE" --keyfile "$KEY" --new-keyfile "$SFS/two"
	rotate 7 --keyfile "$KEY"
	err_has 'key slots 2 (passphrase, the paper in the safe), 3 (key file) cannot be sealed again'
	head -c 32 /dev/urandom >"$SFS/other"
	chmod 400 "$SFS/other"
	rotate 7 --keyfile "$KEY" --keyfile "$SFS/other" --keyfile "$SFS/two"
	err_has "given as key 2 opens no key slot"
	rotate 0 --keyfile "$KEY" --passphrase-fd 9 --keyfile "$SFS/two" --keyfile "$KEY" 9<<<"correct horse"
	ctl 0 store key list "$STORE"
	grep -qE '^2 +passphrase +[0-9]+ x [0-9]+ MiB +the paper in the safe$' "$SFS/out"
	same 4 "$(wc -l <"$SFS/out")"
	ctl 0 store key test "$STORE" --keyfile "$SFS/two"
	out "opens slot 3"
	ctl 0 store key test "$STORE" --passphrase-fd 9 9<<<"correct horse"
	out "opens slot 2"
	start_daemon
	same two "$(cat "$PUB/db/password")"
}

@test "slots whose key is not at hand go only with --drop-slots" {
	grow
	ctl 0 store key add "$STORE" --keyfile "$KEY" --new-keyfile "$SFS/lost"
	cp -a "$STORE" "$SFS/old"
	before=$(sha256sum <"$STORE")
	rotate 7 --keyfile "$KEY"
	err_has "--drop-slots; nothing was changed"
	same "$before" "$(sha256sum <"$STORE")"
	rotate 0 --keyfile "$KEY" --drop-slots
	grep -qxF "dropped key slot 2 (key file)" "$SFS/out"
	ctl 7 store key test "$STORE" --keyfile "$SFS/lost"
	ctl 0 store key test "$SFS/old" --keyfile "$SFS/lost"
	start_daemon
	same two "$(cat "$PUB/db/password")"
}

@test "damaged records are named, and nothing is changed" {
	grow
	tamper flip value "$(tamper rows value | sed -n 3p)"
	before=$(sha256sum <"$STORE")
	rotate 8 --keyfile "$KEY"
	grep -qx 'damaged: public/db/password: the value does not open' "$SFS/out"
	same "$before" "$(sha256sum <"$STORE")"
	alone
	ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" --remove
	rotate 0 --keyfile "$KEY"
	start_daemon
	not test -e "$PUB/db/password"
	cmp "$SFS/large" "$PUB/large/k"
}

@test "an old copy is not made the newest" {
	grow
	cp -a "$STORE" "$SFS/old"
	start_daemon
	mkdir "$PUB/later"
	stop_daemon
	cp -a "$SFS/old" "$STORE"
	rotate 12 --keyfile "$KEY"
	err_has "old copy"
	alone
}

@test "not while a daemon serves it; the wrong key; a full disk" {
	grow
	start_daemon
	rotate 11 --keyfile "$KEY"
	err_has "umount"
	stop_daemon
	head -c 32 /dev/urandom >"$SFS/other"
	chmod 400 "$SFS/other"
	rotate 7 --keyfile "$SFS/other"
	rotate 2
	rotate 2 x y --keyfile "$KEY"
	mkdir -m 700 "$SFS/small"
	mount -t tmpfs -o "size=8m,mode=700,uid=$(id -u secretfs),gid=$(id -g secretfs)" tmpfs "$SFS/small"
	cp -a "$STORE" "$SFS/small/store.db"
	mkdir -m 700 "$SFS/anchor2"
	ctl 0 store verify "$SFS/small/store.db" --keyfile "$KEY" --anchor "$SFS/anchor2" --accept
	cp -a "$SFS/small/store.db" "$SFS/whole"
	mount -o "remount,size=$(($(stat -c %s "$SFS/whole") / 1024 + 300))k" "$SFS/small"
	ctl 1 store rotate "$SFS/small/store.db" --keyfile "$KEY" --anchor "$SFS/anchor2"
	err_has "No space left on device"
	cmp "$SFS/whole" "$SFS/small/store.db"
	same "store.db store.db.lock" "$(ls -A "$SFS/small" | xargs)"
}

@test "values that were kept for who had them open do not stop it" {
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
	rotate 0 --keyfile "$KEY"
	same 1 "$(tamper rows value | wc -l)"
	start_daemon
	same new "$(cat "$PUB/s/k")"
	stop_daemon
}

@test "interrupted at any point a store is there that opens and that the anchor takes" {
	local call n old=0 new=0
	command -v strace >/dev/null || skip "strace is not installed"
	grow
	cp -a "$STORE" "$SFS/whole"
	cp -a "$ANCHOR" "$SFS/anchor-whole"
	for call in unlink rename fsync fdatasync; do
		for ((n = 1; ; n++)); do
			rm -rf "$SFS/store"/store.db* "$ANCHOR"
			cp -a "$SFS/whole" "$STORE"
			cp -a "$SFS/anchor-whole" "$ANCHOR"
			sh -c 'strace -qq -f -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" \
				"$3" store rotate "$4" --keyfile "$5" --anchor "$6" 3>&- 2>/dev/null; [ $? != 0 ]' sh \
				"$call" "$n" "$SECRETCTL" "$STORE" "$KEY" "$ANCHOR" >/dev/null 2>&1 </dev/null || break
			if cmp -s "$STORE" "$SFS/whole"; then
				old=$((old + 1))
			else
				new=$((new + 1))
			fi
			ctl 0 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
			[ $((n % 3)) != 0 ] || rotate 0 --keyfile "$KEY"
		done
	done
	[ "$old" -gt 4 ]
	[ "$new" -gt 1 ]
	rotate 0 --keyfile "$KEY"
	alone
	start_daemon
	picture >"$SFS/after"
	diff "$SFS/before" "$SFS/after"
}
