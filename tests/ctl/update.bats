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

version() {
	getfattr --only-values -n user.secretfs.version "$1" 2>/dev/null
}

@test "several keys change in one transaction" {
	ctl 0 create db --user=app --password=old --gone=1
	before=$(version "$PUB/db")
	ctl 0 update db --user=app2 --password=new --added=1 -r gone
	same $((before + 1)) "$(version "$PUB/db")"
	same '{"added": "1", "password": "new", "user": "app2"}' "$(cat "$PUB/db/.json")"
	ctl 0 update db --fresh=1
	same $((before + 2)) "$(version "$PUB/db")"
	ctl 0 update db --fresh=2
	ctl 0 update db -r fresh
	same $((before + 4)) "$(version "$PUB/db")"
}

@test "one that fails changes none" {
	head -c 1048577 /dev/zero >"$SFS/big"
	ctl 0 create db --a=1 --b=2 --c=3
	before=$(version "$PUB/db")
	ctl 1 update db --a=new --big=@"$SFS/big" -r b --new=1
	err_has "public/db/big: File too large"
	same '{"a": "1", "b": "2", "c": "3"}' "$(cat "$PUB/db/.json")"
	same "$before" "$(version "$PUB/db")"
	ctl 1 update db --private=true --a=new --big=@"$SFS/big" --description=x
	same '{"a": "1", "b": "2", "c": "3"}' "$(cat "$PUB/db/.json")"
	same 755 "$(stat -c %a "$PUB/db")"
	not getfattr -n user.secretfs.description "$PUB/db"
	not test -e "$PRIV/db"
}

@test "--values as in create, with removals and single keys" {
	ctl 0 create db --a=1 --b=2
	printf 'a: yaml\nc: 1.50\n' >"$SFS/set.yml"
	ctl 0 update db -v @"$SFS/set.yml" --a=lost -r b
	same '{"a": "yaml", "c": "1.50"}' "$(cat "$PUB/db/.json")"
	ctl 2 update db -v '{"a": null}'
	err_has "a key is removed with update -r"
	ctl 2 update db -v '{"a": "1"}' -r a
	err_has "a: both set and removed"
	ctl 2 update db -v '["hunter2"]'
	same '{"a": "yaml", "c": "1.50"}' "$(cat "$PUB/db/.json")"
	ctl 0 update db -v '{}' --private=true
	same '{"a": "yaml", "c": "1.50"}' "$(cat "$PRIV/db/.json")"
}

@test "keys with a dot are changed alone" {
	ctl 0 create db --a=1 --.x=1
	ctl 2 update db --a=2 --.x=2
	err_has ".x: a key whose name begins with a dot is changed alone"
	ctl 2 update db --a=2 -r .x
	value 1 "$PUB/db/a"
	ctl 0 update db --.x=2
	value 2 "$PUB/db/.x"
	ctl 0 update db --.y=new
	value new "$PUB/db/.y"
	ctl 0 update db -r .x
	not test -e "$PUB/db/.x"
}

@test "one key needs rights on this key alone, several on all" {
	ctl 0 create db --open=1 --drop=1 --closed=1
	setfacl -m u:$ALICE:rwx "$PUB/db"
	chmod 622 "$PUB/db/drop"
	chmod 666 "$PUB/db/open"
	chmod 600 "$PUB/db/closed"
	ctl_as $ALICE 0 update db --drop=2
	value 2 "$PUB/db/drop"
	ctl_as $ALICE 4 update db --drop=3 --open=3
	err_has "to change several keys at once you must be able to write all of them"
	ctl_as $ALICE 4 update db --closed=3
	err_has "public/db/closed: Permission denied"
	ctl_as $ALICE 4 update db --drop=3 --closed=3
	ctl_as $ALICE 0 update db --new=1
	ctl_as $ALICE 0 update db -r new
	same '{"closed": "1", "drop": "2", "open": "1"}' "$(cat "$PUB/db/.json")"
}

@test "expiry and description" {
	ctl 0 create db --a=1
	ctl 0 update db --expires 2099-01-01T00:00:00Z --description "one"
	same 2099-01-01T00:00:00Z "$(getfattr --only-values -n user.secretfs.expires "$PUB/db")"
	ctl 0 update db --description "two" --a=2
	same two "$(getfattr --only-values -n user.secretfs.description "$PUB/db")"
	same 2099-01-01T00:00:00Z "$(getfattr --only-values -n user.secretfs.expires "$PUB/db")"
	ctl 0 update db --expires=now
	not cat "$PUB/db/a"
	ctl 0 update db --expires=never --a=3
	value 3 "$PUB/db/a"
	not getfattr -n user.secretfs.expires "$PUB/db"
	ctl 0 update db --expires=never --description=
	not getfattr -n user.secretfs.description "$PUB/db"
	ctl 2 update db --expires=1999-01-01
	chmod 777 "$PUB/db"
	chmod 666 "$PUB/db/a"
	ctl_as $ALICE 4 update db --expires=now --a=4
	err_has "only its owner may set"
	ctl_as $ALICE 4 update db --description=x
	value 3 "$PUB/db/a"
	ctl_as $ALICE 0 create -p own --a=1
	ctl_as $ALICE 0 update own --expires=+1d --description=x
	same x "$(as $ALICE getfattr --only-values -n user.secretfs.description "$PRIV/own")"
}

@test "an expired secret can be given new values" {
	ctl 0 create db --a=1 --b=2 --expires=now
	ctl 0 update db --a=new --b=new
	ctl 0 update db --private=true --expires=+1h
	same '{"a": "new", "b": "new"}' "$(cat "$PRIV/db/.json")"
}

@test "asked for on the terminal" {
	ctl 0 create db --user=app --password=old --gone=1
	tty 0 -a "Key (" password -a "Value of password" hunter2 -a again: hunter2 -a "remove one] " r \
		-a "Remove which" gone -a "remove one] " "" -- "$SECRETCTL" update db -i --port=1
	grep -q "Keys that it has: gone, password, user" "$SFS/out"
	grep -q "gone will be removed" "$SFS/out"
	not grep -q hunter2 "$SFS/out"
	same '{"password": "hunter2", "port": "1", "user": "app"}' "$(cat "$PUB/db/.json")"
	# A key that is to go and is then given a value stays.
	tty 0 -a "Key (" port -a "Value of" 2 -a again: 2 -a "remove one] " r -a "Remove which" user -a "remove one] " y \
		-a "Key (" user -a "Value of" new -a again: new -a "remove one] " n -- "$SECRETCTL" update db -i
	same '{"password": "hunter2", "port": "2", "user": "new"}' "$(cat "$PUB/db/.json")"
	tty 0 -a "Key (" "" -- "$SECRETCTL" update db -i
	code 2 setsid -w "$SECRETCTL" update db -i
	grep -q "there is no terminal to ask on" "$SFS/err"
}

@test "a bare name changes no public secret of somebody else" {
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create db --k=hers
	chmod 777 "$PUB/db"
	chmod 666 "$PUB/db/k"
	ctl_as $BOB 4 update db --k=bobs
	err_has "public/db belongs to $ALICE, neither to you nor to root; say public/db"
	ctl 4 update db --k=roots
	ctl 4 update db -r k
	value hers "$PUB/db/k"
	ctl_as $BOB 0 update public/db --k=bobs
	value bobs "$PUB/db/k"
	ctl_as $BOB 0 create -p db --k=own
	ctl_as $BOB 0 update db --k=own2
	out "updated private/db"
	value bobs "$PUB/db/k"
	ctl_as $ALICE 0 update db --k=hers
}

@test "a private one that cannot be opened does not make the public one answer" {
	ctl_as $ALICE 0 create -p db --k=private
	ctl 0 create db --k=public
	chmod 777 "$PUB/db"
	chmod 666 "$PUB/db/k"
	as $ALICE chmod 0 "$PRIV/db"
	ctl_as $ALICE 4 update db --k=new
	value public "$PUB/db/k"
}

@test "a secret with keys of others does not become private" {
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create db --a=1
	as $ALICE chmod 777 "$PUB/db"
	ctl_as $BOB 0 update public/db --bobs=1
	before=$(version "$PUB/db")
	ctl_as $ALICE 4 update db --private=true --a=2
	err_has "public/db/bobs: it belongs to $BOB"
	same "$before 777" "$(version "$PUB/db") $(stat -c %a "$PUB/db")"
}

@test "where one may not create, nothing changes" {
	ctl_as $ALICE 0 create -p db --a=1
	ctl_as $ALICE 4 update db --private=false --a=2 --description=x
	err_has "public: Permission denied"
	same 1 "$(as $ALICE cat "$PRIV/db/a")"
	not as $ALICE getfattr -n user.secretfs.description "$PRIV/db"
}

@test "a move that fails at the last moment sets all back" {
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
	cp "$SECRETFS_BUILD/tests/bin/libdeny.so" "$SFS/bin"
	for private in true false; do
		ctl 0 create db --a=1 --b=2 --description=before
		chmod 2750 "$PUB/db"
		setfacl -m u:$ALICE:rx "$PUB/db"
		[ $private = true ] || mv "$PUB/db" "$PRIV/db"
		[ -d "$PUB/db" ] && dir=$PUB/db || dir=$PRIV/db
		getfacl "$dir" >"$SFS/acl" 2>/dev/null
		code 5 env DENY=renameat2:1:17 LD_PRELOAD="$SFS/bin/libdeny.so" "$SECRETCTL" update db --private=$private \
			--a=new -r b --c=new --description=after --expires=+1d
		same 1 "$(wc -l <"$SFS/err")"
		same '{"a": "1", "b": "2"}' "$(cat "$dir/.json")"
		same before "$(getfattr --only-values -n user.secretfs.description "$dir")"
		not getfattr -n user.secretfs.expires "$dir"
		getfacl "$dir" 2>/dev/null | cmp - "$SFS/acl"
		ctl 0 delete db -y
	done
	# What cannot be set back is said.
	ctl 0 create db --a=1 --expires=now
	code 5 env DENY=renameat2:1:17 LD_PRELOAD="$SFS/bin/libdeny.so" "$SECRETCTL" update db --private=true --a=2
	err_has "its keys were changed all the same, and could not be set back"
}

@test "attributes that fail leave the keys alone" {
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
	cp "$SECRETFS_BUILD/tests/bin/libdeny.so" "$SFS/bin"
	ctl 0 create db --a=1
	code 1 env DENY=setxattr:1:28 LD_PRELOAD="$SFS/bin/libdeny.so" "$SECRETCTL" update db --a=2 --description=x
	err_has "public/db: No space left on device"
	value 1 "$PUB/db/a"
	# The first of the two is taken back.
	code 1 env DENY=setxattr:2:28 LD_PRELOAD="$SFS/bin/libdeny.so" "$SECRETCTL" update db --a=2 --expires=+1d \
		--description=x
	not getfattr -n user.secretfs.expires "$PUB/db"
	value 1 "$PUB/db/a"
	code 1 env DENY=setxattr:1:28 LD_PRELOAD="$SFS/bin/libdeny.so" "$SECRETCTL" create new --a=2 --description=x
	err_has "public/new: No space left on device"
	not test -e "$PUB/new"
}
