#!/usr/bin/env bash
# Everything about the tree that can be judged without running it. Changes nothing; goes on after a
# finding and names at the end what failed. `clang-format-14 -i`, `cargo fmt` and `ruff format` mend.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
failed=()

check() {
  local name=$1
  shift
  printf '\n== %s\n' "$name"
  "$@" || failed+=("$name")
}

# The C header's tables are laid out by hand, which the formatter would fill as prose.
cpp_format() {
  git ls-files -z '*.cpp' '*.h' ':!engine/include' | xargs -0 clang-format-14 --dry-run --Werror
}

clang_build() {
  cmake --preset clang >/dev/null && cmake --build --preset clang --target all benches
}

in_engine() {
  local bin target
  bin=$(cmake/find_rust.sh) || return
  target=$(sed -n 's/^VECFERRY_CARGO_TARGET_DIR:PATH=//p' build/clang/CMakeCache.txt)
  (cd engine && PATH="$bin:$PATH" RUSTC="$bin/rustc" CARGO_TARGET_DIR=$target "$bin/cargo" "$@")
}

ruff() {
  .deps/venv/bin/ruff check . && .deps/venv/bin/ruff format --check .
}

check "layers" tools/check_layers.py
check "clang-format" cpp_format
check "ruff" ruff
check "build with clang 14" clang_build
check "clang-tidy" tools/tidy.py
check "rustfmt" in_engine fmt --check
check "clippy" in_engine clippy --release --all-targets --locked --offline -- -D warnings

if [ ${#failed[@]} -gt 0 ]; then
  printf '\nlint: failed:'
  printf ' %s;' "${failed[@]}"
  printf '\n'
  exit 1
fi
printf '\nlint: clean\n'
