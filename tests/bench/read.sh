#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# read.sh [BUILD [MANY]]: what a read costs beside a FUSE server that does nothing, over /dev/fuse and
# (where there is that) over io_uring, what the audit log adds to it, and how listing and opening grow from 100 to MANY (100,000) secrets. As root; BUILD
# (build/release) must be built.
set -u -o pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SECRETFS_BUILD
SECRETFS_BUILD=$(cd "${1:-$here/../../build/release}" && pwd) || exit 1
many=${2:-100000}
bin=$SECRETFS_BUILD/tests/bin

# shellcheck source=tests/sweep.bash
. "$here/../sweep.bash"

dir=$(mktemp -d /tmp/sfs-bench.XXXXXX)
chmod 755 "$dir"
made_user=
trap 'sweep "$dir"; rm -rf "$dir"; [ -z "$made_user" ] || userdel secretfs' EXIT
trap 'exit 130' INT TERM
id secretfs >/dev/null 2>&1 || { useradd --system --user-group --no-create-home secretfs && made_user=yes; }
mkdir "$dir/null" "$dir/tmpfs" "$dir/mnt" "$dir/log"
mkdir -m 700 "$dir/anchor"

mount -t tmpfs -o size=1m tmpfs "$dir/tmpfs"
head -c 64 /dev/zero | tr '\0' v >"$dir/tmpfs/k"
"$bin/bench_null" "$dir/null" &
until mountpoint -q "$dir/null"; do sleep 0.05; done

rings=
if "$SECRETFS_BUILD/secretfs" --version | grep -q io_uring && grep -qx Y /sys/module/fuse/parameters/enable_uring; then
	rings=yes
	mkdir "$dir/null-ring" "$dir/ring"
	"$bin/bench_null" -r "$dir/null-ring" &
	until mountpoint -q "$dir/null-ring"; do sleep 0.05; done
fi

# start NAME AUDIT [TRANSPORT]: a store and a mount of its own.
start() {
	"$SECRETFS_BUILD/secretctl" store init "$dir/store-$1/store.db" --keyfile "$dir/key-$1" --user secretfs >/dev/null &&
		"$SECRETFS_BUILD/secretfs" "$dir/store-$1/store.db" "$dir/$1" \
			-o "keyfile=$dir/key-$1,user=secretfs,anchor=$dir/anchor,audit=$2,audit_file=$dir/audit/$1.log,audit_rate=0,transport=${3:-dev}"
}

start mnt off || exit 1
start log required || exit 1
mkdir "$dir/mnt/public/s"
cp "$dir/tmpfs/k" "$dir/mnt/public/s/k"
files=("$dir/null/public/s/k" "$dir/mnt/public/s/k")
if [ -n "$rings" ]; then
	start ring off io_uring || exit 1
	mkdir "$dir/ring/public/s"
	cp "$dir/tmpfs/k" "$dir/ring/public/s/k"
	files+=("$dir/null-ring/public/s/k" "$dir/ring/public/s/k")
fi

echo "open + fstat + read + end of file + close, 64 bytes:"
"$bin/bench_cycle" 10000 "${files[@]}" "$dir/tmpfs/k"

# A secret for each number of bench_cycle, so that each open is a line of its own.
/usr/bin/python3 - "$dir/mnt/public" "$dir/log/public" <<'END' || exit 1
import os, sys
for folder in sys.argv[1:]:
    for i in range(4000):
        os.mkdir(f"{folder}/n{i}")
        with open(f"{folder}/n{i}/k", "wb") as f:
            f.write(b"v" * 64)
END
echo "the same, another one each time, without and with the audit log:"
"$bin/bench_cycle" 12000 "$dir/mnt/public/n%/k" "$dir/log/public/n%/k"
echo "lines in the log: $(grep -c '"operation":"read"' "$dir/audit/log.log")"

/usr/bin/python3 "$here/grow.py" "$dir/mnt/private" 100 "$many"
