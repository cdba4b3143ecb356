#!/bin/sh
# Peak memory of `vecferry copy local → parquet → local`: what the process itself takes (RssAnon, and
# RssShmem) apart from the engine's mapped files (RssFile). The last column of each line is what docs/performance.md
# holds against 600 MiB.
#
#   bench/copy_memory.sh BUILD_DIR [POINTS] [DIM] [FOLDER]
set -eu
build=${1:?usage: bench/copy_memory.sh BUILD_DIR [POINTS] [DIM] [FOLDER]}
points=${2:-1000000}
dim=${3:-384}
work=$(mktemp -d "${4:-${TMPDIR:-/tmp}}/vecferry-memory-XXXXXX")
trap 'rm -rf "$work"' EXIT

case $(stat -f -c %T "$work") in
  tmpfs|ramfs) echo "$work is in memory; name a FOLDER on a disk" >&2; exit 2 ;;
esac

make_points=$(find "$build" -name make_points -type f -perm -u+x | head -n 1)
[ -n "$make_points" ] || { echo "build the target make_points first" >&2; exit 2; }

# Run a command and print the peaks of its memory, by kind, as the kernel reports them.
watch() {
  name=$1
  shift
  "$@" >"$work/out" 2>"$work/err" &
  pid=$!
  anon=0 file=0 begin=$(date +%s%N)
  while [ -r "/proc/$pid/status" ] && kill -0 "$pid" 2>/dev/null; do
    set -- $(awk '/^RssAnon:/ {a = $2} /^RssShmem:/ {s = $2} /^RssFile:/ {f = $2}
                  END {print a + s, f + 0}' "/proc/$pid/status" 2>/dev/null || echo 0 0)
    [ "$1" -le "$anon" ] || anon=$1
    [ "$2" -le "$file" ] || file=$2
    sleep 0.05
  done
  if ! wait "$pid"; then
    echo "$name failed:" >&2
    tail -n 5 "$work/err" >&2
    exit 1
  fi
  end=$(date +%s%N)
  printf '%-18s %6.1f s   mapped files %6d MiB   own memory %6d MiB\n' "$name" \
    "$(awk "BEGIN {print ($end - $begin) / 1e9}")" $((file / 1024)) $((anon / 1024))
}

echo "$points points of $dim dimensions, payload of five fields"
watch 'make points' "$make_points" "$work/a" points "$points" "$dim"
watch 'local to parquet' "$build/vecferry" copy "local:$work/a/points" "$work/points.parquet"
watch 'parquet to local' "$build/vecferry" copy "$work/points.parquet" "local:$work/b/points"
du -sm "$work/a" "$work/points.parquet" "$work/b" | sed "s|$work/||"
