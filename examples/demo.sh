#!/bin/sh
# The main job, from a real export to three proved copies: what `make demo` runs.
#
#   examples/demo.sh [VECFERRY]     the binary to use; default build/release/vecferry
#
# Works in a temporary folder of its own and removes it at the end, however it ends.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
vecferry=${1:-$root/build/release/vecferry}
# A path to a program stays right when we change folder; a bare name is looked up on PATH.
case $vecferry in
  /*) ;;
  */*) vecferry=$PWD/$vecferry ;;
esac
example=$root/examples/postgresql-docs.json

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cp "$example" "$work/"
cd "$work"

say() { printf '\n== %s\n' "$*"; }
run() {
  printf '$ vecferry'
  printf ' %s' "$@"
  printf '\n'
  "$vecferry" "$@"
}

say "Import: 420 paragraphs of the PostgreSQL manual, as a script exported them"
run import postgresql-docs.json local:first/docs

say "Copy: to a second local place, and to Parquet"
run copy local:first/docs local:second/docs
echo '$ vecferry --json --quiet copy local:first/docs docs.parquet >receipt.jsonl'
"$vecferry" --json --quiet copy local:first/docs docs.parquet >receipt.jsonl

say "Verify: all three against each other, point by point"
run verify local:first/docs local:second/docs
run verify local:second/docs docs.parquet
run verify docs.parquet local:first/docs

say "Search in the copy: what is near paragraph 202, on deadlocks?"
run peek local:second/docs --near 202 --limit 5

say "The receipt of the copy to Parquet, a field a line"
tail -n 1 receipt.jsonl | sed 's/.*"receipt"://; s/}}$/}/; s/,"/,\n "/g'

say "Done: three copies, equal in every point"
