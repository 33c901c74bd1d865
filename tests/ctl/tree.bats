# SPDX-License-Identifier: MIT
# tree: secrets and keys as a drawing.

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

@test "nothing" {
	ctl 0 tree
	out "$(printf '%s\n' "$MNT" '├─private' '└─public')"
}

@test "both namespaces, secrets and keys, without values" {
	ctl 0 create db --user=hunter2 --password=hunter2
	ctl 0 create empty
	ctl 0 create -p db --k=hunter2
	echo x >"$PUB/db/.user.swp"
	ctl 0 tree
	out "$(printf '%s\n' "$MNT" '├─private' '│ └─db' '│   └─k' '└─public' '  ├─db' '  │ ├─password' '  │ └─user' '  └─empty')"
	LC_ALL=C ctl 0 tree
	not grep -q '[^ -~]' "$SFS/out"
}

@test "some of them" {
	ctl 0 create db --k=1
	ctl 0 create -p db --p=1
	ctl 0 create other --k=1
	ctl 0 tree db
	out "$(printf '%s\n' "$MNT" '├─private' '│ └─db' '│   └─p' '└─public')"
	ctl 0 tree public/db other
	out "$(printf '%s\n' "$MNT" '├─private' '└─public' '  ├─db' '  │ └─k' '  └─other' '    └─k')"
	ctl 3 tree db othre
	err_has "did you mean public/other?"
	out ""
}

@test "what others may see" {
	ctl 0 create db --k=1
	ctl 0 create -p mine --k=1
	chmod 711 "$PUB/db"
	ctl_as $ALICE 0 tree
	out "$(printf '%s\n' "$MNT" '├─private' '└─public' '  └─db' '    └─?')"
	ctl_as 65534 0 tree
	out "$(printf '%s\n' "$MNT" '└─public' '  └─db' '    └─?')"
}

@test "on a terminal: colours, unless NO_COLOR" {
	ctl 0 create db --k=1
	TERM=xterm tty 0 -- "$SECRETCTL" tree
	grep -q $'\e\[' "$SFS/out"
	NO_COLOR=1 TERM=xterm tty 0 -- "$SECRETCTL" tree
	not grep -q $'\e' "$SFS/out"
}

@test "bad input and help" {
	ctl 2 tree --all
	ctl 2 tree a/b
	ctl 0 tree --help
	grep -q '^usage: secretctl tree' "$SFS/out"
}
