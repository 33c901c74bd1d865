# SPDX-License-Identifier: MIT
# purge: drops history, of a secret or of one key, after a question.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
}

teardown() {
	finish
}

COPIES="backups and other copies of the store still hold what was there"

# Versions 1 (empty), 2 (a b), 3 (a changed), 4 (b changed and c); the current one.
make_versions() {
	ctl 0 create "$@" --a=a1 --b=b1
	ctl 0 update "${!#}" --a=a2
	ctl 0 update "${!#}" --b=b2 --c=c1
}

versions_of() {
	ls "$1/.versions" | sort -n | xargs
}

@test "all earlier versions" {
	make_versions db
	ctl 0 purge db -y
	out "purged 3 earlier versions of public/db; $COPIES"
	err ""
	same "" "$(versions_of "$PUB/db")"
	same '{"a": "a2", "b": "b2", "c": "c1"}' "$(cat "$PUB/db/.json")"
	ctl 0 history db
	same "2 4" "$(wc -l <"$SFS/out") $(awk 'NR == 2 { print $1 }' "$SFS/out")"
	ctl 3 rollback db 2
	ctl 0 purge --yes db
	out "nothing to purge: 0 earlier versions of public/db"
	# Nobody need be asked about nothing.
	ctl 0 purge db
	ctl 0 update db --a=a3
	ctl 0 purge db -y
	out "purged 1 earlier version of public/db; $COPIES"
}

@test "one key, in all earlier versions" {
	make_versions db
	ctl 0 purge db b -y
	out "purged b in 2 earlier versions of public/db; $COPIES"
	same "1 2 3" "$(versions_of "$PUB/db")"
	same '{"a": "a2"}' "$(cat "$PUB/db/.versions/3/.json")"
	value b2 "$PUB/db/b"
	ctl 0 purge db b -y
	out "nothing to purge: b in 0 earlier versions of public/db"
	ctl 0 purge db c -y
	out "nothing to purge: c in 0 earlier versions of public/db"
	# A key that is only in earlier ones.
	ctl 0 update db -r a
	ctl 0 purge -y db a
	out "purged a in 3 earlier versions of public/db; $COPIES"
	ctl 3 purge -y db a
	err_has "public/db: there is no key a in any version"
	# The rollback to such a version brings nothing back.
	ctl 0 rollback db 3
	same '{}' "$(cat "$PUB/db/.json")"
	ctl 0 diff db 2 3
}

@test "the values are gone from the store" {
	ctl 0 create db --a=plain-one
	ctl 0 update db --a=plain-two
	ctl 0 update db --a=plain-three
	same 3 "$("$PYTHON" "$TESTS/tools/tamper.py" "$STORE" rows value | wc -l)"
	ctl 0 purge db a -y
	same 1 "$("$PYTHON" "$TESTS/tools/tamper.py" "$STORE" rows value | wc -l)"
	stop_daemon
	code 0 "$CTL" store verify "$STORE" --keyfile "$KEY"
}

@test "the question and its answers" {
	make_versions -p db
	for answer in n "" no maybe; do
		tty 0 -a "[y/N] " "$answer" -- "$SECRETCTL" purge db
		grep -qF "Drop 3 earlier versions of private/db for ever? [y/N]" "$SFS/out"
		grep -qF "Version 4, the current one, stays; $COPIES." "$SFS/out"
		grep -qx "nothing was purged" "$SFS/out"
		same "1 2 3" "$(versions_of "$PRIV/db")"
	done
	tty 0 -a "Drop a in 2 earlier versions of private/db for ever? [y/N] " y -- "$SECRETCTL" purge db a
	same "b" "$(ls "$PRIV/db/.versions/2")"
	tty 0 -a "[y/N] " yes -- "$SECRETCTL" purge db
	same "" "$(versions_of "$PRIV/db")"
	ctl 0 update db --a=x
	ctl 2 purge db
	err_has "give -y"
	out ""
	same 4 "$(versions_of "$PRIV/db")"
}

@test "private before public, and by name" {
	make_versions db
	make_versions -p db
	ctl 0 purge db -y
	out "purged 3 earlier versions of private/db; $COPIES"
	same "1 2 3" "$(versions_of "$PUB/db")"
	ctl 0 purge public/db -y
	same "" "$(versions_of "$PUB/db")"
}

@test "for the owner, and root in public" {
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create hers --k=1
	ctl_as $ALICE 0 update hers --k=2
	chmod 777 "$PUB/hers"
	ctl_as $BOB 4 purge public/hers -y
	err_has "public/hers: only its owner may drop its earlier versions"
	ctl_as $BOB 4 purge public/hers k -y
	ctl_as $BOB 4 purge hers -y
	err_has "public/hers belongs to $ALICE"
	same "1 2" "$(versions_of "$PUB/hers" | sed 's/ *$//')"
	ctl_as $ALICE 0 purge hers k -y
	ctl 0 purge public/hers -y
	ctl_as $ALICE 0 update hers --k=3
	chmod 500 "$PUB/hers"
	ctl_as $ALICE 4 purge hers -y
	err_has "chmod u+wx it first"
	ctl_as $ALICE 0 create -p hers --k=1
	ctl_as $ALICE 0 update private/hers --k=2
	ctl 3 purge private/hers -y
	ctl_as $BOB 3 purge private/hers -y
	ctl_as $ALICE 0 purge hers -y
	out "purged 2 earlier versions of private/hers; $COPIES"
}

@test "an expired secret can be purged" {
	make_versions db
	ctl 0 update db --expires=now
	ctl 0 purge db a -y
	ctl 0 purge db -y
	same "" "$(versions_of "$PUB/db")"
}

@test "bad input" {
	make_versions db
	ctl 0 create other --password=1
	ctl 2 purge
	ctl 2 purge -y
	ctl 2 purge db a b -y
	ctl 2 purge db -n
	ctl 2 purge db --a=1
	ctl 2 purge db .json -y
	ctl 2 purge db a/b -y
	ctl 3 purge dbb -y
	err_has "did you mean public/db?"
	ctl 3 purge other pasword -y
	err_has "public/other: there is no key pasword in any version; did you mean password?"
	same "1 2 3" "$(versions_of "$PUB/db")"
	ctl 0 purge --help
	grep -q '^usage: secretctl purge NAME \[KEY\] \[-y\]' "$SFS/out"
	code 0 "$SECRETCTL" complete -- purge d
	grep -q '^db	' "$SFS/out"
	code 0 "$SECRETCTL" complete -- purge db ''
	grep -q '^a	' "$SFS/out"
	code 0 "$SECRETCTL" complete -- purge -
	grep -q '^--yes	' "$SFS/out"
}
