#!/usr/bin/env bash
# Runs every benchmark program of the release build; results also as JSON in build/bench-results.
# Arguments go to each program, such as --benchmark_filter=Digest.
set -euo pipefail
cd "$(dirname "$0")/.."
results=build/bench-results
mkdir -p "$results"
for program in build/release/bench/bench_*; do
  [ -x "$program" ] || { echo "no benchmark is built; run \`make bench\`" >&2; exit 1; }
  printf '\n== %s\n' "${program##*/}"
  "$program" --benchmark_out="$results/${program##*/}.json" --benchmark_out_format=json "$@"
done
