# SPDX-License-Identifier: MIT
# update: sets, adds and removes keys, moves between private and public; a mistake changes nothing.

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

@test "sets, adds and keeps keys" {
	ctl 0 create db --a=1 --b=2
	chmod 640 "$PUB/db/a"
	ctl 0 update db --a=one --c=3 --d=
	out "updated public/db"
	err ""
	value one "$PUB/db/a"
	value 2 "$PUB/db/b"
	value 3 "$PUB/db/c"
	value "" "$PUB/db/d"
	same 640 "$(stat -c %a "$PUB/db/a")"
	ctl 0 update db --a= --b=x --b=y --c=@@at
	value "" "$PUB/db/a"
	value y "$PUB/db/b"
	value @at "$PUB/db/c"
}

@test "values from files and standard input" {
	head -c 500000 /dev/urandom >"$SFS/blob"
	ctl 0 create db --a=1
	INPUT=$SFS/blob ctl 0 update db --a=@- --b=@"$SFS/blob"
	cmp "$SFS/blob" "$PUB/db/a"
	cmp "$SFS/blob" "$PUB/db/b"
}

@test "removes keys" {
	ctl 0 create db --a=1 --b=2 --c=3 --d=4 --e=5
	ctl 0 update db -r a --remove-keys b --remove-keys=c -rd
	same e "$(ls "$PUB/db")"
	ctl 0 update db -r e -r e
	same "" "$(ls "$PUB/db")"
}

@test "removing a key that is not there changes nothing" {
	ctl 0 create db --alpha=1 --b=2
	ctl 3 update db --alpha=new --new=1 -r b -r alhpa
	out ""
	err_has "public/db: there is no key alhpa; did you mean alpha?"
	value 1 "$PUB/db/alpha"
	same "$(printf 'alpha\nb\n')" "$(ls "$PUB/db")"
}

@test "set and removed at once" {
	ctl 0 create db --a=1
	ctl 2 update db --a=2 -r a
	value 1 "$PUB/db/a"
}

@test "to private and back" {
	ctl 0 create db --a=1
	id=$(stat -c %i "$PUB/db/a")
	ctl 0 update db --private=true
	out "updated private/db"
	not test -e "$PUB/db"
	value 1 "$PRIV/db/a"
	ctl 0 update db -p true
	value 1 "$PRIV/db/a"
	ctl 0 update db --private false
	out "updated public/db"
	value 1 "$PUB/db/a"
	not test -e "$PRIV/db"
	same "$id" "$(stat -c %i "$PUB/db/a")"
	ctl 0 update public/db -p false
	value 1 "$PUB/db/a"
}

@test "visibility together with values" {
	ctl 0 create db --a=1 --b=2
	ctl 0 update db --private=true --a=new -r b --c=3
	value new "$PRIV/db/a"
	same "$(printf 'a\nc\n')" "$(ls "$PRIV/db")"
	ctl 0 update db --private=false --a=newer -r c
	value newer "$PUB/db/a"
	same a "$(ls "$PUB/db")"
}

@test "a name that is taken changes nothing" {
	ctl 0 create db --a=public
	ctl 0 create -p db --a=private
	ctl 5 update db --private=false --a=new
	err_has "public/db: it exists already"
	ctl 5 update public/db --private=true --a=new
	err_has "private/db: it exists already"
	value public "$PUB/db/a"
	value private "$PRIV/db/a"
}

@test "of two with one name the private one, unless public/ is said" {
	ctl 0 create db --a=public
	ctl 0 create -p db --a=private
	ctl 0 update db --a=1
	out "updated private/db"
	value 1 "$PRIV/db/a"
	value public "$PUB/db/a"
	ctl 0 update public/db --a=2
	value 1 "$PRIV/db/a"
	value 2 "$PUB/db/a"
	ctl 0 update private/db --a=3
	value 3 "$PRIV/db/a"
}

@test "only the owner changes visibility" {
	ctl 0 create db --a=1
	chmod 777 "$PUB/db"
	chmod 666 "$PUB/db/a"
	ctl_as $ALICE 0 update db --a=2
	value 2 "$PUB/db/a"
	ctl_as $ALICE 4 update db --private=true --a=3
	value 2 "$PUB/db/a"
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create hers --a=1
	ctl_as $ALICE 0 update hers --private=true
	same 1 "$(as $ALICE cat "$PRIV/hers/a")"
	ctl_as $ALICE 0 update hers --private=false
	same $ALICE "$(stat -c %u "$PUB/hers")"
}

@test "without permission nothing changes" {
	ctl 0 create db --a=1 --b=2
	ctl_as $ALICE 4 update db --a=2
	ctl_as $ALICE 4 update db --new=1
	ctl_as $ALICE 4 update db -r a
	chmod 666 "$PUB/db/a"
	ctl_as $ALICE 4 update db --a=2 --b=3
	ctl_as $ALICE 4 update db --a=2 --new=3
	ctl_as $ALICE 4 update db --a=2 -r b
	value 1 "$PUB/db/a"
	same "$(printf 'a\nb\n')" "$(ls "$PUB/db")"
}

@test "a value that is too long leaves the old one" {
	head -c 1048577 /dev/zero >"$SFS/big"
	ctl 0 create db --a=old
	ctl 1 update db --a=@"$SFS/big"
	err_has "public/db/a: File too large"
	value old "$PUB/db/a"
	ctl 1 update db --new=@"$SFS/big"
	not test -e "$PUB/db/new"
}

@test "what is not there" {
	ctl 0 create db --a=1
	ctl 3 update bd --a=2
	err_has "did you mean public/db?"
	ctl 3 update private/db --a=2
	not test -e "$PUB/bd"
	not test -e "$PRIV/db"
	value 1 "$PUB/db/a"
}

@test "bad input" {
	ctl 0 create db --a=1
	ctl 2 update
	ctl 2 update db
	err_has "nothing to change"
	ctl 2 update --a=1
	ctl 2 update db --private=maybe
	ctl 2 update db --private
	ctl 2 update db -r
	ctl 2 update db -r a/b
	ctl 2 update db -r .json
	ctl 2 update db --a
	ctl 2 update db --a=1 other
	ctl 2 update db --.env=1
	value 1 "$PUB/db/a"
	ctl 0 update db --set private=x --set remove-keys=y
	value x "$PUB/db/private"
	value y "$PUB/db/remove-keys"
	ctl 0 update --help
	grep -q '^usage: secretctl update NAME' "$SFS/out"
}
