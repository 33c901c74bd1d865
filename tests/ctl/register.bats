# SPDX-License-Identifier: MIT
# register: asks for what references need, hidden; writes after the last answer, each secret at once.

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

AGAIN=(-a 'The same again: ')

# answers PROMPT VALUE...: the words for tty that type each value twice; in ANSWERS.
answers() {
	ANSWERS=()
	while [ $# -gt 0 ]; do
		ANSWERS+=(-a "$1" "$2" "${AGAIN[@]}" "$2")
		shift 2
	done
}

@test "what is missing is asked for, hidden, and made; several files; each key once" {
	printf 'a {{db.user}} {{ db.password }}\n{{db.user}} \\{{no.no}}' >"$SFS/one"
	printf '{{private/mine.k}} {{public/db.user}} {{mail.k}}' >"$SFS/two"
	answers 'public/db user: ' app 'public/db password: ' 'hunter2 x' 'private/mine k: ' zebra 'public/mail k: ' m
	tty 0 "${ANSWERS[@]}" -- "$SECRETCTL" register "$SFS/one" "$SFS/two"
	for word in app hunter2 zebra; do
		not grep -q "$word" "$SFS/out"
	done
	same $'created public/db\ncreated private/mine\ncreated public/mail' "$(grep -o 'created.*' "$SFS/out")"
	same 4 "$(grep -c 'The same again' "$SFS/out")"
	value app "$PUB/db/user"
	value 'hunter2 x' "$PUB/db/password"
	value zebra "$PRIV/mine/k"
	value m "$PUB/mail/k"
	same 2 "$(getfattr --only-values -n user.secretfs.version "$PUB/db")" # made, and both keys at once
	ctl 0 check "$SFS/one" "$SFS/two"
	not test -e "$PUB/no"
}

@test "an empty answer keeps what exists, and asks again for what is missing" {
	ctl 0 create db --user=old --password=old
	printf '{{db.user}}{{db.password}}{{db.new}}' >"$SFS/in"
	tty 0 -a 'public/db user (empty: as it is): ' '' -a 'password (empty: as it is): ' pw "${AGAIN[@]}" pw \
		-a 'public/db new: ' '' -a 'public/db new: ' '' -a 'public/db new: ' n "${AGAIN[@]}" n -- "$SECRETCTL" register "$SFS/in"
	same 2 "$(grep -c 'a value is needed: there is none yet' "$SFS/out")"
	grep -q '^updated public/db$' "$SFS/out"
	value old "$PUB/db/user"
	value pw "$PUB/db/password"
	value n "$PUB/db/new"
	# all of it in one transaction
	version=$(getfattr --only-values -n user.secretfs.version "$PUB/db")
	tty 0 -a 'user (empty: as it is): ' '' -a 'password (empty: as it is): ' '' -a 'new (empty: as it is): ' '' -- "$SECRETCTL" register "$SFS/in"
	same "$version" "$(getfattr --only-values -n user.secretfs.version "$PUB/db")"
	not grep -q updated "$SFS/out"
}

@test "--skip-existing asks only for what is missing" {
	ctl 0 create db --user=old
	printf '{{db.user}}{{db.password}}' >"$SFS/in"
	answers 'public/db password: ' pw
	tty 0 "${ANSWERS[@]}" -- "$SECRETCTL" register --skip-existing "$SFS/in"
	not grep -q 'db user' "$SFS/out"
	value old "$PUB/db/user"
	value pw "$PUB/db/password"
	ctl 0 register "$SFS/in" --skip-existing
	same 'secretctl: nothing is missing' "$(cat "$SFS/err")"
	: >"$SFS/in"
	ctl 0 register "$SFS/in"
}

@test "-p: bare names are private, the others stay what they say" {
	ctl 0 create db --k=public
	printf '{{db.k}} {{public/two.k}} {{three.k}}' >"$SFS/in"
	answers 'private/db k: ' mine 'public/two k: ' two 'private/three k: ' three
	tty 0 "${ANSWERS[@]}" -- "$SECRETCTL" register "$SFS/in" -p
	value public "$PUB/db/k"
	value mine "$PRIV/db/k"
	value two "$PUB/two/k"
	value three "$PRIV/three/k"
}

@test "a bare name goes to the private secret that exists, and from there to no other" {
	ctl 0 create db --k=public
	ctl 0 create -p db --k=private
	printf '{{db.k}} {{db.l}}' >"$SFS/in"
	answers 'private/db k (empty: as it is): ' new 'private/db l: ' l
	tty 0 "${ANSWERS[@]}" -- "$SECRETCTL" register "$SFS/in"
	value public "$PUB/db/k"
	not test -e "$PUB/db/l"
	value new "$PRIV/db/k"
	value l "$PRIV/db/l"
}

@test "nothing is written before the last answer" {
	printf '{{a.k}} {{b.k}}' >"$SFS/in"
	answers 'public/a k: ' one
	tty 254 "${ANSWERS[@]}" -a 'public/b k: ' $'\x03' -- "$SECRETCTL" register "$SFS/in"
	same "" "$(ls "$PUB")"
	# three times not the same twice
	tty 2 "${ANSWERS[@]}" -a 'public/b k: ' x "${AGAIN[@]}" y -a 'public/b k: ' x "${AGAIN[@]}" y -a 'public/b k: ' x "${AGAIN[@]}" y -- \
		"$SECRETCTL" register "$SFS/in"
	same 3 "$(grep -c 'the two are not the same' "$SFS/out")"
	same "" "$(ls "$PUB")"
}

@test "what cannot be written is told before anything is asked" {
	printf '{{db.k}}' >"$SFS/in"
	tty 4 -- setpriv --reuid=$ALICE --regid=$ALICE --clear-groups -- "$SECRETCTL" register "$SFS/in"
	grep -q 'register: public/db: Permission denied' "$SFS/out"
	ctl 0 create db --k=1 --l=2
	tty 4 -- setpriv --reuid=$ALICE --regid=$ALICE --clear-groups -- "$SECRETCTL" register "$SFS/in"
	grep -q 'register: public/db/k: Permission denied' "$SFS/out"
	ctl_as $ALICE 0 register --skip-existing "$SFS/in"
	ctl_as 65534 2 register -p --nothing "$SFS/in"
	tty 4 -- setpriv --reuid=65534 --regid=65534 --clear-groups -- "$SECRETCTL" register -p "$SFS/in"
	# of a key that exists and may not be read nothing is asked, if it is to be skipped
	chmod 600 "$PUB/db/k"
	ctl_as $ALICE 0 register --skip-existing "$SFS/in"
}

@test "a public secret of somebody else gets nothing by its bare name" {
	setfacl -m u:$ALICE:rwx "$PUB"
	as $ALICE mkdir "$PUB/db"
	as $ALICE chmod 777 "$PUB/db"
	printf '{{db.k}}' >"$SFS/in"
	tty 4 -- setpriv --reuid=$BOB --regid=$BOB --clear-groups -- "$SECRETCTL" register "$SFS/in"
	grep -q "public/db belongs to $ALICE, neither to you nor to root" "$SFS/out"
	printf '{{public/db.k}}' >"$SFS/in"
	answers 'public/db k: ' v
	tty 0 "${ANSWERS[@]}" -- setpriv --reuid=$BOB --regid=$BOB --clear-groups -- "$SECRETCTL" register "$SFS/in"
	value v "$PUB/db/k"
}

@test "one that fails does not cost the others" {
	head -c 200 /dev/zero | tr '\0' x >"$SFS/long"
	printf '{{a.k}} {{b.k}} {{c.k}}' >"$SFS/in"
	restart_daemon max_value=100
	answers 'public/a k: ' 1 'public/b k: ' "$(cat "$SFS/long")" 'public/c k: ' 3
	tty 1 "${ANSWERS[@]}" -- "$SECRETCTL" register "$SFS/in"
	grep -q 'register: public/b/k: File too large' "$SFS/out"
	same $'a\nc' "$(ls "$PUB")"
	value 1 "$PUB/a/k"
	value 3 "$PUB/c/k"
}

@test "bad input" {
	ctl 2 register
	ctl 3 register "$SFS/missing"
	ctl 2 register --nothing x
	printf '{{a.k}}' >"$SFS/in"
	code 2 setsid -w "$SECRETCTL" register "$SFS/in"
	err_has 'there is no terminal to ask on; make the secrets by "secretctl create"'
	same "" "$(ls "$PUB")"
	ctl 0 register --help
	grep -q '^usage: secretctl register FILE' "$SFS/out"
}
