#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# read.sh [BUILD [MANY]]: what a read costs beside a FUSE server that does nothing, and how listing and
# opening grow from 100 to MANY (100,000) secrets. As root; BUILD (build/release) must be built.
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
mkdir "$dir/null" "$dir/tmpfs" "$dir/mnt"
mkdir -m 700 "$dir/anchor"

mount -t tmpfs -o size=1m tmpfs "$dir/tmpfs"
head -c 64 /dev/zero | tr '\0' v >"$dir/tmpfs/k"
"$bin/bench_null" "$dir/null" &
until mountpoint -q "$dir/null"; do sleep 0.05; done

"$SECRETFS_BUILD/secretctl" store init "$dir/store/store.db" --keyfile "$dir/key" --user secretfs >/dev/null || exit 1
"$SECRETFS_BUILD/secretfs" "$dir/store/store.db" "$dir/mnt" -o "keyfile=$dir/key,user=secretfs,anchor=$dir/anchor" || exit 1
mkdir "$dir/mnt/public/s"
cp "$dir/tmpfs/k" "$dir/mnt/public/s/k"

echo "open + fstat + read + end of file + close, 64 bytes:"
"$bin/bench_cycle" 10000 "$dir/null/public/s/k" "$dir/mnt/public/s/k" "$dir/tmpfs/k"

/usr/bin/python3 "$here/grow.py" "$dir/mnt/private" 100 "$many"
