#!/bin/sh
# What `vecferry serve` answers over gRPC to a client that does nothing else: scroll, upsert and copy of seeded points
# by bench/support/bare_grpc.cpp, and the processor time that each server took.
#
#   bench/serve_grpc.sh BUILD_DIR [POINTS] [DIM] [LANES]
set -eu
build=${1:?usage: bench/serve_grpc.sh BUILD_DIR [POINTS] [DIM] [LANES]}
points=${2:-100000}
dim=${3:-384}
lanes=${4:-4}
work=$(mktemp -d "${TMPDIR:-/tmp}/vecferry-serve-XXXXXX")
pids=
trap 'for pid in $pids; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT

for program in make_points bare_grpc; do
  [ -x "$build/bench/$program" ] || { echo "build the target $program first" >&2; exit 2; }
done

# Start a server over a folder; sets $pid and $address.
serve() {
  "$build/vecferry" serve "local:$work/$1" --http 127.0.0.1:0 --grpc 127.0.0.1:0 --json \
    >"$work/$1.out" 2>"$work/$1.err" &
  pid=$!
  pids="$pids $pid"
  until [ -s "$work/$1.out" ]; do
    kill -0 "$pid" 2>/dev/null || { cat "$work/$1.err" >&2; exit 1; }
    sleep 0.1
  done
  address=$(sed -n 's|.*"grpc":"http://\([^"]*\)".*|\1|p' "$work/$1.out")
}

cpu_of() {
  awk -v hz="$(getconf CLK_TCK)" '{printf "%.2f", ($14 + $15) / hz}' "/proc/$1/stat"
}

# Run the bare loop, and say what it cost the two servers.
measure() {
  a=$(cpu_of "$from_pid") b=$(cpu_of "$to_pid")
  "$build/bench/bare_grpc" "$@"
  awk -v a="$a" -v b="$b" -v c="$(cpu_of "$from_pid")" -v d="$(cpu_of "$to_pid")" \
    'BEGIN {printf "  processor seconds: source %.2f, target %.2f\n", c - a, d - b}'
}

"$build/bench/make_points" "$work/from" points "$points" "$dim"
serve from
from=$address from_pid=$pid
serve to
to=$address to_pid=$pid
echo "$points points of $dim dimensions, payload of five fields, $lanes lanes"
measure scroll "$from" points "$lanes"
measure scroll "$from" points "$lanes"
measure upsert "$from" "$to" points "$lanes"
measure copy "$from" "$to" points "$lanes"
