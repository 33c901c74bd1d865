# SPDX-License-Identifier: MIT
# stress: four users and root at once, for as long as "seconds" in helpers.bash says.

setup() {
	load ../helpers
	make_store
	start_daemon
	chmod 1777 "$PUB"
}

teardown() {
	finish
}

@test "nobody sees what is another's, or a torn value" {
	"$SECRETFS_BUILD/tests/bin/stress" --seconds "$(seconds 25)" "$MNT" >"$SFS/out" 2>&1 3>&- || {
		cat "$SFS/out"
		return 1
	}
	sed 's/^/# /' "$SFS/out" >&3
	# It did what it is for.
	"$PYTHON" - "$SFS/out" <<'END'
import re, sys
m = re.search(r"(\d+) operations, (\d+) reads, (\d+) values and (\d+) views checked", open(sys.argv[1]).read())
assert m and min(int(n) for n in m.groups()) > 50, m
END
}
