# SPDX-License-Identifier: MIT
# client: the Python package over a mounted tree; the tests themselves are test_*.py beside this file.

setup() {
	load ../helpers
	make_store
	start_daemon
	export SECRETFS_MOUNT=$MNT PYTHONDONTWRITEBYTECODE=1
	# A copy that a plain user can reach.
	cp -r "$TESTS/../tools/python/secretfs" "$TESTS"/python/*.py "$SFS/bin"
	chmod -R a+rX "$SFS/bin"
	export PYTHONPATH=$SFS/bin
}

teardown() {
	finish
}

tests() {
	"$PYTHON" -W error "$SFS/bin/test_$1.py" 2>&1 3>&-
}

@test "create, get, update and delete" {
	tests secrets
}

@test "list: filters, order and pages" {
	tests list
}

@test "other users" {
	tests users
}

@test "which tree is taken" {
	tests mount
}

@test "one script keeps openai_secret, a step reads it" {
	printf 'sk-12345\n' | "$PYTHON" "$SFS/bin/register_openai.py"
	same sk-12345 "$(cat "$PUB/openai_secret/api_key")"
	same 8 "$("$PYTHON" "$SFS/bin/step_openai.py")"
	same 8 "$(as $ALICE "$PYTHON" "$SFS/bin/step_openai.py")"
	printf 'sk-alice\xc3\xa9\n' | as $ALICE env PYTHONUTF8=1 "$PYTHON" "$SFS/bin/register_openai.py" -p
	same 9 "$(as $ALICE "$PYTHON" "$SFS/bin/step_openai.py")"
	same 8 "$("$PYTHON" "$SFS/bin/step_openai.py")"
}

@test "types are strict" {
	command -v mypy >/dev/null || skip "mypy is not installed"
	cd "$SFS/bin"
	mypy --strict --python-version 3.9 --cache-dir "$SFS/mypy" secretfs step_openai.py register_openai.py
}
