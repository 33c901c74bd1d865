# SPDX-License-Identifier: MIT
# delete: after a question, all of it, and nothing else.

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

@test "-y and --yes do not ask" {
	ctl 0 create db --a=1 --b=2 --.dot=3
	ctl 0 delete db -y
	out "deleted public/db"
	err ""
	not test -e "$PUB/db"
	ctl 0 create db
	ctl 0 delete --yes db
	not test -e "$PUB/db"
}

@test "no terminal and no -y: refused" {
	ctl 0 create db --a=1
	ctl 2 delete db
	err_has "give -y"
	out ""
	test -e "$PUB/db/a"
}

@test "the question and its answers" {
	ctl 0 create -p db --a=1 --b=2
	for answer in n "" N no x maybe; do
		tty 0 -a "[y/N] " "$answer" -- "$SECRETCTL" delete db
		grep -qF "Delete private/db with 2 keys? [y/N]" "$SFS/out"
		grep -qx "nothing was deleted" "$SFS/out"
		test -e "$PRIV/db/a"
	done
	tty 0 -a "[y/N] " y -- "$SECRETCTL" delete db
	grep -qx "deleted private/db" "$SFS/out"
	not test -e "$PRIV/db"
	ctl 0 create db --a=1
	tty 0 -a "with 1 key? [y/N] " yes -- "$SECRETCTL" delete public/db
	not test -e "$PUB/db"
}

@test "private before public, and by name" {
	ctl 0 create db --a=public
	ctl 0 create -p db --a=private
	ctl 0 delete db -y
	out "deleted private/db"
	value public "$PUB/db/a"
	ctl 3 delete private/db -y
	value public "$PUB/db/a"
	ctl 0 create -p db --a=private
	ctl 0 delete public/db -y
	value private "$PRIV/db/a"
	not test -e "$PUB/db"
}

@test "what is not there" {
	ctl 0 create db
	ctl 3 delete dbb -y
	err_has "did you mean public/db?"
	test -e "$PUB/db"
}

@test "without permission nothing goes" {
	ctl 0 create db --a=1 --b=2
	ctl_as $ALICE 4 delete db -y
	chmod 777 "$PUB/db"
	ctl_as $ALICE 4 delete db -y
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 4 delete db -y
	same "$(printf 'a\nb\n')" "$(ls "$PUB/db")"
	ctl_as $ALICE 0 create hers --a=1
	ctl_as $ALICE 0 delete hers -y
	not test -e "$PUB/hers"
	ctl_as $ALICE 0 create -p hers --a=1
	ctl_as $BOB 3 delete hers -y
	ctl 3 delete hers -y
	ctl_as $ALICE 0 delete hers -y
}

@test "bad input" {
	ctl 2 delete
	ctl 2 delete -y
	ctl 2 delete a b -y
	ctl 2 delete db -n
	ctl 2 delete db --a=1
	ctl 0 delete --help
	grep -q '^usage: secretctl delete NAME' "$SFS/out"
}

@test "a bare name removes no public secret of somebody else" {
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create db --k=1
	ctl 4 delete db -y
	err_has "public/db belongs to $ALICE"
	test -d "$PUB/db"
	ctl 0 delete public/db -y
	not test -e "$PUB/db"
}
