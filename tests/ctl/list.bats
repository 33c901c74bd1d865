# SPDX-License-Identifier: MIT
# list: what there is, never what it says.

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

# The table without its last column, the time.
rows() {
	awk '{ print $1, $2, $3, $4 }' "$SFS/out"
}

@test "nothing" {
	ctl 0 list
	out ""
	err ""
}

@test "both namespaces, sorted, without values" {
	ctl 0 create zeta --k=hunter2
	ctl 0 create -p beta --b=hunter2 --a=hunter2
	ctl 0 create beta --x=hunter2
	ctl 0 create alpha
	ctl 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'alpha no root -' 'beta yes root a,b' 'beta no root x' \
		'zeta no root k')" "$(rows)"
	not grep -q hunter2 "$SFS/out"
	err ""
}

@test "a private secret is listed for its owner alone" {
	ctl_as $ALICE 0 create -p mine --k=1
	ctl 0 create ours --k=1
	ctl_as $ALICE 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' "mine yes $ALICE k" 'ours no root k')" "$(rows)"
	ctl_as $BOB 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'ours no root k')" "$(rows)"
	ctl 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'ours no root k')" "$(rows)"
}

@test "names without permission for values, and without permission for names" {
	ctl 0 create db --k=hunter2
	ctl 0 create hidden --k=hunter2
	chmod 600 "$PUB/db/k"
	chmod 700 "$PUB/hidden"
	ctl_as $ALICE 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'db no root k' 'hidden no root ?')" "$(rows)"
	err ""
}

@test "a user without private secrets" {
	ctl 0 create db --k=1
	ctl_as 65534 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'db no root k')" "$(rows)"
}

@test "the time is that of the newest key" {
	ctl 0 create db --k=1 --l=1
	touch -d 2001-02-03T04:05:06Z "$PUB/db/k" "$PUB/db/l" "$PUB/db"
	ctl 0 list
	same 2001-02-03T04:05:06+0000 "$(awk 'NR == 2 { print $5 }' "$SFS/out")"
	touch -d 2002-02-03T04:05:06Z "$PUB/db/l"
	ctl 0 list
	same 2002-02-03T04:05:06+0000 "$(awk 'NR == 2 { print $5 }' "$SFS/out")"
}

@test "five hundred secrets" {
	for i in {100..599}; do
		mkdir "$PUB/s$i"
	done
	ctl 0 list
	same 501 "$(wc -l <"$SFS/out")"
	sed 1d "$SFS/out" | sort -c
}

@test "bad input and help" {
	ctl 2 list more
	ctl 2 list --all
	ctl 0 list --help
	grep -q '^usage: secretctl list' "$SFS/out"
}
