#!/usr/bin/env bash
# Builds and runs every test: C++ (plain, then parsers under address+undefined and threads under
# thread), the engine crate, and the end-to-end tests. Goes on after a failure, and sums up at the end.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
jobs=$(nproc)
results=$PWD/build/test-results
rm -rf "$results"
mkdir -p "$results"

# suite NAME COMMAND...: run it, remember how it ended.
suite() {
  local name=$1 start=$SECONDS status=0
  shift
  printf '\n== %s\n' "$name"
  "$@" || status=$?
  echo "$status" >"$results/$name.status"
  printf '== %s ended with status %d after %d s\n' "$name" "$status" $((SECONDS - start))
}

cpp() {
  local preset=$1
  cmake --preset "$preset" >"$results/$preset.configure.log" ||
    { cat "$results/$preset.configure.log"; return 1; }
  # Keep going: one module that does not compile hides no other module's failures.
  local built=0
  cmake --build --preset "$preset" -- -k 0 || built=$?
  rm -rf "build/$preset/test-results"
  ctest --preset "$preset" -j "$jobs" --output-junit "$results/$preset.ctest.xml" || return
  return "$built"
}

engine() {
  local bin target
  bin=$(cmake/find_rust.sh) || return
  target=$(sed -n 's/^VECFERRY_CARGO_TARGET_DIR:PATH=//p' build/dev/CMakeCache.txt)
  (
    cd engine || exit
    export RUSTC="$bin/rustc" RUSTDOC="$bin/rustdoc" PATH="$bin:$PATH"
    cargo test --release --locked --offline --target-dir "$target"
  ) 2>&1 | tee "$results/engine.cargo.log"
}

e2e() {
  VECFERRY_BIN=$PWD/build/dev/vecferry .deps/venv/bin/python -m pytest tests/e2e \
    --junitxml "$results/e2e.pytest.xml"
}

suite dev cpp dev
suite asan cpp asan
suite tsan cpp tsan
suite engine engine
suite e2e e2e
printf '\n'
exec tools/summarise_tests.py
