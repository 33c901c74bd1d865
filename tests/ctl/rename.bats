# SPDX-License-Identifier: MIT
# rename: another name in the same namespace, nothing else.

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

@test "in both namespaces, with id, values and history" {
	ctl 0 create db --a=1
	ctl 0 update db --a=2
	id=$(getfattr --only-values -n user.secretfs.id "$PUB/db")
	ctl 0 rename db -n database
	out "renamed to public/database"
	not test -e "$PUB/db"
	value 2 "$PUB/database/a"
	same "$id" "$(getfattr --only-values -n user.secretfs.id "$PUB/database")"
	ctl_as $ALICE 0 create -p db --a=hers
	ctl_as $ALICE 0 rename db --name=private/mine
	out "renamed to private/mine"
	same hers "$(as $ALICE cat "$PRIV/mine/a")"
	ctl 0 rename "$id" -n byid
	value 2 "$PUB/byid/a"
}

@test "a name that is taken, the same name, another namespace: nothing changes" {
	ctl 0 create a --k=a
	ctl 0 create b --k=b
	ctl 0 create empty
	ctl 5 rename a -n b
	err_has "public/b: it exists already"
	ctl 5 rename a -n empty
	ctl 5 rename a -n a
	err_has "it has this name already"
	ctl 2 rename a -n private/c
	err_has "use \"secretctl update --private\""
	value a "$PUB/a/k"
	value b "$PUB/b/k"
}

@test "private before public; none of somebody else by a bare name" {
	ctl 0 create db --k=public
	ctl 0 create -p db --k=private
	ctl 0 rename db -n new
	value private "$PRIV/new/k"
	ctl 0 rename public/db -n other
	value public "$PUB/other/k"
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create hers
	ctl 4 rename hers -n mine
	ctl 0 rename public/hers -n mine
	ctl_as $BOB 4 rename other -n bobs
	test -d "$PUB/other"
}

@test "bad input" {
	ctl 0 create db
	ctl 2 rename db
	err_has "give -n NEW"
	ctl 2 rename -n x
	ctl 2 rename db new
	ctl 2 rename db -n
	ctl 2 rename db -n a/b
	ctl 2 rename db -n ""
	ctl 3 rename dbb -n x
	err_has "did you mean public/db?"
	ctl 0 rename --help
	grep -q '^usage: secretctl rename NAME -n NEW' "$SFS/out"
	test -d "$PUB/db"
}
