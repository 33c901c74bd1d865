# SPDX-License-Identifier: MIT
# soak: everything at once, for as long as "seconds" in helpers.bash says.

setup() {
	load ../helpers
	make_store
	WORKER_MAY_DIE=1
	start_daemon
	chmod 1777 "$PUB"
}

teardown() {
	finish
}

@test "users, crashes, reloads, expiry, limits and backups at once, beside a model" {
	"$PYTHON" "$TESTS/soak/soak.py" "$MNT" "$(supervisor_pid)" "$(seconds 15)" \
		"$CTL" store backup "$SFS/backup.db" "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" --force >"$SFS/out" 2>&1 3>&- || {
		cat "$SFS/out"
		return 1
	}
	sed 's/^/# /' "$SFS/out" >&3
	stop_daemon
	"$CTL" store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" </dev/null
	"$CTL" audit verify --log "$AUDIT" --store "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" </dev/null
}
