#!/usr/bin/env bash
# Makes this machine able to build and test vecferry: installs what is missing, says what it does,
# and does nothing when nothing is missing. The only step that uses the network.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/vecferry
arrow_minimum=26

say() { printf 'setup: %s\n' "$*"; }
die() {
  printf 'setup: error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  next: %s\n' "$2" >&2
  exit 1
}

# A toolchain that will do, with the two programs that lint needs.
rust_is_complete() {
  local bin
  bin=$(cmake/find_rust.sh 2>/dev/null) && [ -x "$bin/cargo-clippy" ] && [ -x "$bin/cargo-fmt" ]
}

# A Node that runs the JavaScript client, with npm; whoever brought it.
node_is_complete() {
  command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null
}

install_packages() {
  local wanted missing
  wanted=$(sed 's/#.*//' tools/setup/apt-packages.txt | xargs)
  rust_is_complete || wanted="$wanted rustc-web cargo-web rust-web-clippy rustfmt-web"
  node_is_complete || wanted="$wanted nodejs npm"
  command -v dpkg-query >/dev/null ||
    die "this is no Debian, and setup knows only apt" "install the like of: $wanted"
  # shellcheck disable=SC2086  # one word a package
  missing=$(comm -23 <(printf '%s\n' $wanted | sort) \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort) | xargs)
  [ -n "$missing" ] || return 0

  local root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "missing packages: $missing" "install them as root, or install sudo"
    root=(sudo)
  fi
  say "installing with apt: $missing"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
  # shellcheck disable=SC2086
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}

# Any interpreter with pip will do; a version manager's may lack it.
find_python() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      echo "$python"
      return
    fi
  done
  die "no python3 with pip" "install python3-pip"
}

install_arrow() {
  if pkg-config --atleast-version=$arrow_minimum arrow parquet 2>/dev/null; then
    return
  fi
  local pin wheels wheel library libraries="arrow arrow_s3 parquet"
  pin=$({ cat tools/setup/arrow.txt && echo "$libraries"; } | sha256sum | cut -c1-16)
  [ "$(cat .deps/arrow/.pin 2>/dev/null)" != "$pin" ] || return 0

  wheels=$cache/arrow/$(sha256sum <tools/setup/arrow.txt | cut -c1-16)
  if ! ls "$wheels"/*.whl >/dev/null 2>&1; then
    say "downloading Arrow (55 MB)"
    rm -rf "$wheels.new"
    "$(find_python)" -m pip download --disable-pip-version-check --no-deps --require-hashes \
      --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 \
      --platform "manylinux_2_28_$(uname -m)" -d "$wheels.new" -r tools/setup/arrow.txt
    mkdir -p "$wheels"
    mv "$wheels.new"/*.whl "$wheels/"
    rmdir "$wheels.new"
  fi
  wheel=$(echo "$wheels"/*.whl)
  grep -q "$(sha256sum "$wheel" | cut -d' ' -f1)" tools/setup/arrow.txt ||
    die "'$wheel' is not the file that tools/setup/arrow.txt pins" "delete it and run setup again"
  say "unpacking Arrow into .deps/arrow"
  rm -rf .deps/arrow.new
  mkdir -p .deps/arrow.new
  python3 -m zipfile -e "$wheel" .deps/arrow.new
  rm -rf .deps/arrow
  mkdir -p .deps/arrow
  mv .deps/arrow.new/pyarrow/include .deps/arrow/
  for library in $libraries; do
    mv .deps/arrow.new/pyarrow/"lib$library".so.[0-9]* .deps/arrow/
  done
  mv .deps/arrow.new/*.dist-info .deps/arrow/dist-info
  rm -rf .deps/arrow.new
  echo "$pin" >.deps/arrow/.pin
}

fetch_crates() {
  [ -f engine/Cargo.lock ] || return 0
  local bin
  bin=$(cmake/find_rust.sh) || die "the Rust toolchain is too old" \
    "put rustc and cargo 1.96 or newer on PATH; Debian 12 has them in bookworm-updates and bookworm-security"
  export RUSTC="$bin/rustc"
  if ! (cd engine && "$bin/cargo" fetch --locked --offline --quiet 2>/dev/null); then
    say "fetching the crates that engine/Cargo.lock pins"
    (cd engine && "$bin/cargo" fetch --locked)
  fi
}

install_python_tools() {
  local python pin wheels list=tests/e2e/requirements.txt model=tests/e2e/model-requirements.txt
  python=$(find_python)
  pin=$({ "$python" --version && cat "$list" "$model"; } | sha256sum | cut -c1-16)
  [ "$(cat .deps/venv/.pin 2>/dev/null)" != "$pin" ] || return 0

  wheels=$cache/wheels/$pin
  if [ ! -d "$wheels" ]; then
    say "downloading the Python packages of the end-to-end tests and of lint"
    rm -rf "$wheels.new"
    "$python" -m pip download --disable-pip-version-check --quiet --only-binary=:all: -d "$wheels.new" -r "$list"
    "$python" -m pip download --disable-pip-version-check --quiet --only-binary=:all: --no-deps -d "$wheels.new" -r "$model"
    mv "$wheels.new" "$wheels"
  fi
  say "installing them into .deps/venv"
  rm -rf .deps/venv
  "$python" -m venv .deps/venv
  .deps/venv/bin/python -m pip install --disable-pip-version-check --quiet --no-index --find-links "$wheels" -r "$list"
  .deps/venv/bin/python -m pip install --disable-pip-version-check --quiet --no-index --no-deps --find-links "$wheels" -r "$model"
  echo "$pin" >.deps/venv/.pin
}

install_js_client() {
  local pin
  pin=$({ node --version && cat tests/e2e/js/package-lock.json; } | sha256sum | cut -c1-16)
  [ "$(cat .deps/js/.pin 2>/dev/null)" != "$pin" ] || return 0
  say "installing the JavaScript client of the end-to-end tests into .deps/js"
  rm -rf .deps/js
  mkdir -p .deps/js
  cp tests/e2e/js/{package.json,package-lock.json,.npmrc} .deps/js/
  (cd .deps/js && npm ci --silent --cache "$cache/npm" --prefer-offline)
  echo "$pin" >.deps/js/.pin
}

mkdir -p "$cache" .deps
install_packages
install_arrow
install_python_tools
install_js_client
fetch_crates
say "everything is there"
