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

@test "-o json, yaml, env, raw, table" {
	printf '\000\377' >"$SFS/raw"
	printf 'one\ntwo\n' >"$SFS/pem"
	ctl 0 create db --user=app --pem=@"$SFS/pem" --raw=@"$SFS/raw" --"a key"=1 --.dot=x
	ctl 0 get db -o json
	cmp "$SFS/out" "$PUB/db/.json"
	ctl 0 get db --output=yaml
	out "$(printf '%s\n' '"a key": "1"' 'pem: "one\ntwo\n"' 'raw: !!binary "AP8="' 'user: "app"')"
	ctl 0 get db -o env
	cmp "$SFS/out" "$PUB/db/.env"
	err_has "2 of 4 keys are left out"
	ctl 0 get db user -o raw
	value app "$SFS/out"
	ctl 2 get db -o raw
	out ""
	err_has "public/db: it has 5 keys; say which KEY"
	ctl 0 get db -o table
	grep -qx 'user  app' "$SFS/out"
	for form in xml "" JSON; do
		ctl 2 get db -o "$form"
		err_has "say table, json, yaml, env or raw"
	done
	ctl 0 create only --k=@"$SFS/raw"
	ctl 0 get only -o raw
	cmp "$SFS/raw" "$SFS/out"
	ctl 0 create none
	ctl 0 get none -o json
	out "{}"
	ctl 0 get none -o yaml
	out "{}"
	ctl 0 get none -o env
	out ""
	ctl 2 get none -o raw
}

@test "one key in a form" {
	ctl 0 create db --user=app --password="a b"
	ctl 0 get db password -o json
	out '{"password": "a b"}'
	ctl 0 get db password -o yaml
	out 'password: "a b"'
	ctl 0 get db password -o env
	out 'password="a b"'
	ctl 0 get db password -o table
	out "$(printf 'KEY      VALUE\npassword a b')"
	ctl 3 get db pasword -o json
	out ""
	err_has "did you mean password?"
	tty 0 -- "$SECRETCTL" get db password -o table
	out "$(printf 'KEY      VALUE\npassword ********')"
	tty 3 -- "$SECRETCTL" get db nothing -o table
}

@test "forms for programs show values on a terminal too, and everything or nothing" {
	ctl 0 create db --user=app --password=hunter2
	tty 0 -- "$SECRETCTL" get db -o json
	out '{"password": "hunter2", "user": "app"}'
	chmod 600 "$PUB/db/password"
	for form in json yaml env; do
		ctl_as $ALICE 4 get db -o $form
		out ""
		err_has "1 of 2 values are not for this user"
	done
	ctl_as $ALICE 0 get db user -o json
}

@test "what is read back is what was there" {
	head -c 300000 /dev/urandom >"$SFS/blob"
	printf 'quote " dollar $x back \\ tick ` \r\n tab\t end ' >"$SFS/odd"
	ctl 0 create db --blob=@"$SFS/blob" --odd=@"$SFS/odd" --empty= --uml=äöü
	for form in json yaml; do
		ctl 0 get db -o $form
		cp "$SFS/out" "$SFS/set.$form"
		ctl 0 create back-$form -v @"$SFS/set.$form"
		cmp "$SFS/blob" "$PUB/back-$form/blob"
		cmp "$SFS/odd" "$PUB/back-$form/odd"
		diff -r "$PUB/db" "$PUB/back-$form"
	done
	ctl 0 get db -o env
	cp "$SFS/out" "$SFS/set.env"
	ctl 0 create back-env -v @"$SFS/set.env"
	cmp "$SFS/odd" "$PUB/back-env/odd"
	same "$(printf 'empty\nodd\numl\n')" "$(ls "$PUB/back-env")"
}

@test "--docker says what docker --env-file can read, or nothing" {
	ctl 0 create db --USER='a "b" $c #d' --EMPTY= --URL=http://x/?a=b
	for options in "-o env --docker" --docker "--docker --output=env"; do
		# shellcheck disable=SC2086 # words
		ctl 0 get db $options
		# shellcheck disable=SC2016 # as it is
		out "$(printf '%s\n' EMPTY= 'URL=http://x/?a=b' 'USER=a "b" $c #d')"
	done
	ctl 2 get db --docker -o json
	printf 'one\ntwo' >"$SFS/lines"
	ctl 0 update db --PEM=@"$SFS/lines"
	ctl 2 get db --docker
	out ""
	err_has "PEM: docker --env-file cannot say it: the value has more than one line"
	ctl 0 get db URL --docker
	out "URL=http://x/?a=b"
	ctl 0 create odd --a-b=1
	ctl 2 get odd --docker
	err_has "a-b: docker --env-file cannot say it: the name cannot be a variable's"
}

@test "an earlier version" {
	ctl 0 create db --a=1
	ctl 0 update db --a=2
	ctl 0 update db --a=3 --b=new
	now=$(getfattr --only-values -n user.secretfs.version "$PUB/db")
	ctl 0 get db a --version $((now - 2))
	value 1 "$SFS/out"
	ctl 0 get db --version=$((now - 1)) -o json
	out '{"a": "2"}'
	ctl 0 get db a --version "$now"
	value 3 "$SFS/out"
	ctl 3 get db b --version $((now - 1))
	ctl 3 get db a --version 99
	err_has "version 99 is not kept"
	for version in 0 -1 x 1.5 "" 99999999999999999999; do
		ctl 2 get db a --version="$version"
		out ""
	done
	tty 0 -- "$SECRETCTL" get db --version $((now - 1))
	out "$(printf 'KEY VALUE\na   ********')"
	ctl_as $ALICE 0 get db a
	ctl_as $ALICE 4 get db a --version $((now - 1))
	err_has "only its owner may see the versions"
}

@test "by id" {
	ctl 0 create db --k=public
	ctl_as $ALICE 0 create -p db --k=hers
	id=$(getfattr --only-values -n user.secretfs.id "$PUB/db")
	hers=$(as $ALICE getfattr --only-values -n user.secretfs.id "$PRIV/db")
	ctl 0 get "$id" k
	value public "$SFS/out"
	ctl_as $ALICE 0 get "$id" k
	value public "$SFS/out"
	ctl_as $ALICE 0 get "${hers^^}" k
	value hers "$SFS/out"
	ctl 3 get "$hers" k
	ctl_as $BOB 3 get "$hers" k
	ctl 0 get "public/$id" k
	ctl 3 get "private/$id" k
	ctl 3 get "${id%?}" k
	mv "$PUB/db" "$PUB/renamed"
	ctl 0 get "$id" -o json
	out '{"k": "public"}'
	ctl 3 get "$id" nokey
	err_has "public/renamed: there is no key nokey"
	# A secret that is called like the id of another does not take its place.
	ctl 0 create "$id" --k=false
	ctl 0 get "$id" k
	value public "$SFS/out"
	ctl 3 get 01234567-89ab-cdef-0123-456789abcdef k
	ctl 0 update "$id" --k=changed
	out "updated public/renamed"
}

@test "a public secret of somebody else: a warning, with --strict a failure" {
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create db --k=hers
	ctl_as $BOB 0 get db k
	value hers "$SFS/out"
	err_has "public/db belongs to $ALICE, neither to you nor to root; say public/db"
	ctl_as $BOB 4 get db k --strict
	out ""
	err_has "public/db belongs to $ALICE"
	ctl_as $BOB 0 get public/db k --strict
	err ""
	ctl_as $BOB 0 get db k -p false --strict
	err ""
	ctl_as $BOB 0 get "$(getfattr --only-values -n user.secretfs.id "$PUB/db")" k --strict
	err ""
	ctl_as $ALICE 0 get db k --strict
	err ""
	ctl 0 get db k
	err_has "neither to you nor to root"
	ctl_as $BOB 0 create -p db --k=own
	ctl_as $BOB 0 get db k --strict
	value own "$SFS/out"
	ctl 0 create roots --k=1
	ctl_as $BOB 0 get roots k --strict
	err ""
}

@test "an expired secret gives nothing" {
	ctl 0 create db --k=hunter2 --expires=now
	ctl 1 get db k
	out ""
	err_has "public/db/k: Key has expired; its owner may set another date"
	ctl 1 get db -o json
	out ""
	ctl 1 get db --show
}
