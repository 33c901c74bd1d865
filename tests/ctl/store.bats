# SPDX-License-Identifier: MIT
# store: a new store and its key, and what a store tells without it.

setup() {
	load ../helpers
	load helpers
	make_place
	make_ctl
}

teardown() {
	finish
}

@test "init with a new key file" {
	ctl 0 store init "$STORE" --keyfile "$KEY"
	out "$(printf 'created %s\ncreated %s' "$STORE" "$KEY")"
	err ""
	same "400 32 0" "$(stat -c '%a %s %u' "$KEY")"
	same "600 secretfs secretfs" "$(stat -c '%a %U %G' "$STORE")"
	same "700 secretfs" "$(stat -c '%a %U' "$SFS/store")"
	start_daemon
	same "1755 0" "$(stat -c '%a %u' "$PUB")"
	ctl 0 create db --k=1
}

@test "init with a key file that is there" {
	head -c 32 /dev/urandom >"$KEY"
	chmod 600 "$KEY"
	cp "$KEY" "$SFS/before"
	ctl 0 store init "$STORE" --keyfile="$KEY"
	out "created $STORE"
	cmp "$KEY" "$SFS/before"
	start_daemon
}

@test "two stores, two keys" {
	ctl 0 store init "$STORE" --keyfile "$KEY"
	ctl 0 store init "$SFS/store/two.db" --keyfile "$SFS/key2"
	not cmp -s "$KEY" "$SFS/key2"
}

@test "a bad key file makes no store" {
	head -c 32 /dev/urandom >"$KEY"
	chmod 644 "$KEY"
	ctl 10 store init "$STORE" --keyfile "$KEY"
	chmod 600 "$KEY"
	chown $ALICE "$KEY"
	ctl 10 store init "$STORE" --keyfile "$KEY"
	chown 0 "$KEY"
	head -c 31 /dev/urandom >"$KEY"
	ctl 2 store init "$STORE" --keyfile "$KEY"
	rm "$KEY"
	ctl 3 store init "$STORE" --keyfile "$SFS/missing/key"
	not test -e "$STORE"
}

@test "nothing is ever overwritten, and no key is made for it" {
	ctl 0 store init "$STORE" --keyfile "$KEY"
	cksum "$STORE" >"$SFS/before"
	ctl 5 store init "$STORE" --keyfile "$KEY"
	ctl 5 store init "$STORE" --keyfile "$SFS/key2"
	err_has "$STORE"
	not test -e "$SFS/key2"
	cksum "$STORE" | cmp - "$SFS/before"
	echo data >"$SFS/file"
	ctl 5 store init "$SFS/file" --keyfile "$SFS/key2"
	same data "$(cat "$SFS/file")"
	ln -s "$SFS/nowhere" "$SFS/link"
	ctl 5 store init "$SFS/link" --keyfile "$SFS/key2"
	ctl 5 store init "$SFS" --keyfile "$SFS/key2"
	not test -e "$SFS/key2"
	not test -e "$SFS/nowhere"
}

@test "a store that cannot be made leaves no new key, but an old one" {
	mkdir "$SFS/open"
	touch "$SFS/open/file"
	chmod 777 "$SFS/open"
	ctl 10 store init "$SFS/open/store.db" --keyfile "$KEY"
	not test -e "$KEY"
	head -c 32 /dev/urandom >"$KEY"
	chmod 400 "$KEY"
	ctl 10 store init "$SFS/open/store.db" --keyfile "$KEY"
	test -e "$KEY"
	same file "$(ls "$SFS/open")"
}

@test "a passphrase from a descriptor" {
	printf 'correct horse\nrest\n' >"$SFS/pass"
	INPUT=$SFS/pass ctl 0 store init "$STORE" --passphrase-fd 0
	out "created $STORE"
	code 0 "$DAEMON" "$STORE" "$MNT" -o "user=secretfs,anchor=$SFS/anchor,audit_file=$AUDIT,passphrase-fd=9" 9<<<"correct horse"
	stop_daemon
	code 7 "$DAEMON" "$STORE" "$MNT" -o "user=secretfs,anchor=$SFS/anchor,audit_file=$AUDIT,passphrase-fd=9" 9<<<"wrong horse"
	INPUT=/dev/null ctl 2 store init "$SFS/store/two.db" --passphrase-fd 0
	echo >"$SFS/pass"
	INPUT=$SFS/pass ctl 2 store init "$SFS/store/two.db" --passphrase-fd 0
	ctl 2 store init "$SFS/store/two.db" --passphrase-fd x
	ctl 2 store init "$SFS/store/two.db" --passphrase-fd -1
	ctl 1 store init "$SFS/store/two.db" --passphrase-fd 57
	not test -e "$SFS/store/two.db"
}

@test "a passphrase from the terminal, twice" {
	tty 0 -a "New passphrase: " hunter2 -a "again: " hunter2 -- "$SECRETCTL" store init "$STORE" --passphrase
	not grep -q hunter2 "$SFS/out"
	code 0 "$DAEMON" "$STORE" "$MNT" -o "user=secretfs,anchor=$SFS/anchor,audit_file=$AUDIT,passphrase-fd=9" 9<<<hunter2
	stop_daemon
}

@test "a passphrase that is mistyped or empty is asked for again, three times in all" {
	tty 0 -a "New passphrase: " one -a "again: " two -a "New passphrase: " "" \
		-a "New passphrase: " three -a "again: " three -- "$SECRETCTL" store init "$STORE" --passphrase
	test -e "$STORE"
	tty 2 -a "New passphrase: " 1 -a "again: " 2 -a "New passphrase: " 1 -a "again: " 2 \
		-a "New passphrase: " 1 -a "again: " 2 -- "$SECRETCTL" store init "$SFS/store/two.db" --passphrase
	not test -e "$SFS/store/two.db"
	code 2 setsid -w "$SECRETCTL" store init "$SFS/store/two.db" --passphrase
	err_has "no terminal"
	not test -e "$SFS/store/two.db"
}

@test "the user of the daemon" {
	ctl 3 store init "$STORE" --keyfile "$KEY" --user no-such-user
	err_has "useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin no-such-user"
	ctl 2 store init "$STORE" --keyfile "$KEY" --user root
	not test -e "$KEY"
	ctl 0 store init "$STORE" --keyfile "$KEY" --user nobody
	same nobody "$(stat -c %U "$STORE")"
}

@test "a plain user's store" {
	mkdir "$SFS/home"
	chown $ALICE:$ALICE "$SFS/home"
	chmod 700 "$SFS/home"
	ctl_as $ALICE 0 store init "$SFS/home/data/store.db" --keyfile "$SFS/home/key"
	same "600 $ALICE" "$(stat -c '%a %u' "$SFS/home/data/store.db")"
	same "400 $ALICE" "$(stat -c '%a %u' "$SFS/home/key")"
	ctl_as $ALICE 4 store init "$SFS/home/data/two.db" --keyfile "$SFS/home/key2" --user nobody
	not test -e "$SFS/home/key2"
	ctl_as $ALICE 0 store info "$SFS/home/data/store.db"
	ctl_as $BOB 4 store info "$SFS/home/data/store.db"
}

@test "info" {
	ctl 0 store init "$STORE" --keyfile "$KEY"
	size=$(stat -c %s "$STORE")
	ctl 0 store info "$STORE"
	out "$(printf '%s\n' 'format:   2' "size:     $size bytes" 'secrets:  0' 'values:   0 with earlier versions' \
		'in use:   no' 'slot 1:   key file')"
	start_daemon
	ctl 0 create a --k=1 --l=2
	ctl 0 create -p b --k=3
	ctl 0 store info "$STORE"
	grep -qx 'secrets:  2' "$SFS/out"
	grep -qx 'in use:   yes' "$SFS/out"
	stop_daemon
	ctl 0 store info "$STORE"
	grep -qx 'secrets:  2' "$SFS/out"
	grep -qx 'in use:   no' "$SFS/out"
	echo pass >"$SFS/pass"
	INPUT=$SFS/pass ctl 0 store init "$SFS/store/two.db" --passphrase-fd 0
	ctl 0 store info "$SFS/store/two.db"
	grep -qxE 'slot 1:   passphrase, Argon2id with [0-9]+ passes over [0-9]+ MiB' "$SFS/out"
}

@test "info of what is no store" {
	ctl 3 store info "$SFS/missing"
	echo data >"$SFS/file"
	chmod 600 "$SFS/file"
	ctl 8 store info "$SFS/file"
	out ""
}

@test "bad input" {
	ctl 2 store init
	ctl 2 store init "$STORE"
	ctl 2 store init "$STORE" --keyfile
	ctl 2 store init "$STORE" --keyfile "$KEY" --passphrase
	ctl 2 store init "$STORE" --keyfile "$KEY" --passphrase-fd 0
	ctl 2 store init "$STORE" other --keyfile "$KEY"
	ctl 2 store init "" --keyfile "$KEY"
	ctl 2 store init "$STORE" --keyfile "$KEY" --nothing
	ctl 2 store init "$STORE" --keyfile "$KEY" --a=1
	ctl 2 store info
	ctl 2 store info a b
	not test -e "$KEY"
	ctl 0 store init --help
	grep -q '^usage: secretctl store init STORE' "$SFS/out"
	ctl 0 store info --help
	grep -q '^usage: secretctl store info STORE' "$SFS/out"
}

@test "a new store at the path of an earlier one starts, whose anchor is gone" {
	make_store
	start_daemon
	mkdir "$PUB/s"
	stop_daemon
	cp -a "$ANCHOR" "$SFS/kept"
	rm "$STORE" "$KEY"
	# Where nobody says which folder it is, it stays.
	ctl 0 store init "$STORE" --keyfile "$KEY"
	run run_daemon
	same 12 "$status"
	rm "$STORE" "$KEY"
	ctl 0 store init "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	out "created $STORE
created $KEY"
	same "" "$(ls "$ANCHOR")"
	start_daemon
	mkdir "$PUB/other"
	stop_daemon
	# What is there already keeps its anchor.
	ctl 5 store init "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	same 1 "$(ls "$ANCHOR" | wc -l)"
	# Only the store's own.
	touch "$ANCHOR/another"
	rm "$STORE"
	ctl 0 store init "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	same another "$(ls "$ANCHOR")"
}

@test "an anchor that cannot be removed is said, and the store is there" {
	echo file >"$SFS/file"
	ctl 0 store init "$STORE" --keyfile "$KEY" --anchor "$SFS/file"
	err_has "--accept-rollback"
	test -s "$STORE"
}

@test "a log that another store has left is not applied to the new one" {
	make_store
	rm "$STORE"
	echo log >"$STORE-wal"
	ctl 5 store init "$STORE" --keyfile "$KEY"
	err_has "$STORE-wal"
	not test -e "$STORE"
	rm "$STORE-wal"
	ctl 0 store init "$STORE" --keyfile "$KEY"
}
