# SPDX-License-Identifier: MIT
# get: one value as it is, or a table; private before public; never another name than asked for.

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

@test "one value, nothing added" {
	head -c 100000 /dev/urandom >"$SFS/blob"
	ctl 0 create db --password=hunter2 --blob=@"$SFS/blob" --empty=
	ctl 0 get db password
	value hunter2 "$SFS/out"
	err ""
	ctl 0 get db blob
	cmp "$SFS/blob" "$SFS/out"
	ctl 0 get db empty
	value "" "$SFS/out"
}

@test "private first, then public; options and names select" {
	ctl 0 create db --k=public
	ctl 0 get db k
	value public "$SFS/out"
	ctl 0 create -p db --k=private
	ctl 0 get db k
	value private "$SFS/out"
	for option in --private=false "--private false" "-p false" -pfalse --private=no --private=0 "-p OFF"; do
		# shellcheck disable=SC2086 # words
		ctl 0 get db k $option
		value public "$SFS/out"
	done
	for option in --private=true "--private true" "-p true" "-p yes" -p1 "-p on"; do
		# shellcheck disable=SC2086 # words
		ctl 0 get $option db k
		value private "$SFS/out"
	done
	ctl 0 get public/db k
	value public "$SFS/out"
	ctl 0 get private/db k
	value private "$SFS/out"
	ctl 0 get public/db k -p false
	ctl 2 get public/db k -p true
	ctl 2 get private/db k -p false
	out ""
	ctl 2 get db k -p maybe
	ctl 2 get db k -p
}

@test "a key that the private one lacks does not come from the public one" {
	ctl 0 create db --k=public
	ctl 0 create -p db --other=private
	ctl 3 get db k
	out ""
	err_has "private/db: there is no key k"
}

@test "the table" {
	printf 'a\nb' >"$SFS/lines"
	printf '\377\000' >"$SFS/raw"
	ctl 0 create db --user=admin --password="hunter2 x" --pem=@"$SFS/lines" --raw=@"$SFS/raw" --empty= \
		--umlaut=ä --odd=base64:x $'--esc=\x1b[2J'
	ctl 0 get db
	out "$(printf '%s\n' 'KEY      VALUE' 'empty    ' 'esc      base64:G1sySg==' 'odd      base64:YmFzZTY0Ong=' \
		'password hunter2 x' 'pem      base64:YQpi' 'raw      base64:/wA=' 'umlaut   ä' 'user     admin')"
	err ""
	ctl 0 get db --show
	grep -q '^user     admin$' "$SFS/out"
	ctl 0 create none
	ctl 0 get none
	out "KEY VALUE"
}

@test "a terminal sees no values unless asked" {
	ctl 0 create db --user=admin --password=hunter2
	tty 0 -- "$SECRETCTL" get db
	out "$(printf '%s\n' 'KEY      VALUE' 'password ********' 'user     ********')"
	tty 0 -- "$SECRETCTL" get db --show
	out "$(printf '%s\n' 'KEY      VALUE' 'password hunter2' 'user     admin')"
	tty 0 -- "$SECRETCTL" get db password
	out hunter2
}

@test "exactly this name, with a hint" {
	ctl 0 create database --password=hunter2
	for name in databas data d DATABASE atabase; do
		ctl 3 get "$name"
		out ""
		not grep -q hunter2 "$SFS/err"
	done
	ctl 3 get databas
	err_has "did you mean public/database?"
	ctl 3 get dtaabase password
	err_has "did you mean public/database?"
	ctl 3 get database -p true
	err_has "did you mean public/database?"
	ctl 3 get something
	not grep -q "did you mean" "$SFS/err"
	ctl 3 get database pasword
	err_has "did you mean password?"
	ctl 3 get database zzz
	not grep -q "did you mean" "$SFS/err"
	ctl 3 get database passwor
	out ""
}

@test "others' private secrets do not exist" {
	ctl_as $ALICE 0 create -p mine --k=hunter2
	ctl_as $BOB 3 get mine k
	not grep -q "did you mean" "$SFS/err"
	ctl 3 get mine
	ctl 3 get private/mine k
	out ""
}

@test "a value that is not permitted" {
	ctl 0 create db --open=1 --closed=hunter2
	chmod 600 "$PUB/db/closed"
	ctl_as $ALICE 4 get db closed
	out ""
	err_has "public/db/closed: Permission denied"
	ctl_as $ALICE 0 get db open
	ctl_as $ALICE 4 get db
	out "$(printf '%s\n' 'KEY    VALUE' 'closed (not permitted)' 'open   1')"
	err_has "1 of 2 values"
	tty 4 -- setpriv --reuid=$ALICE --regid=$ALICE --clear-groups -- "$SECRETCTL" get db
	grep -q '^closed (not permitted)$' "$SFS/out"
	chmod 700 "$PUB/db"
	ctl_as $ALICE 4 get db open
	ctl_as $ALICE 4 get db
	chmod 711 "$PUB/db"
	ctl_as $ALICE 0 get db open
	ctl_as $ALICE 4 get db
	out ""
}

@test "a user without private secrets gets the public ones" {
	ctl 0 create db --k=public
	ctl_as 65534 0 get db k
	value public "$SFS/out"
	ctl_as 65534 4 get db k -p true
	ctl_as 65534 4 get private/db k
	ctl_as 65534 4 create -p db --k=1
	ctl_as 65534 3 get nothing
}

@test "bad input" {
	ctl 2 get
	ctl 2 get a/b
	ctl 2 get db k more
	ctl 2 get db a/b
	ctl 2 get db .json
	ctl 2 get db --shw
	ctl 2 get db --show=1
	ctl 2 get db --k=1
	ctl 0 get --help
	grep -q '^usage: secretctl get NAME' "$SFS/out"
}

@test "output that cannot be written is an error" {
	ctl 0 create db --k=1
	code 1 sh -c "'$SECRETCTL' get db k >/dev/full"
	code 1 sh -c "'$SECRETCTL' get db >/dev/full"
	code 1 sh -c "'$SECRETCTL' list >/dev/full"
}
