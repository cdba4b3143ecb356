#!/bin/sh
# Builds engine/ with cargo and copies the library, and the list of files it was made of, to where
# one CMake build folder expects them.
# Usage: build_engine.sh RUST_BIN TARGET_DIR ENGINE_DIR OUTPUT
set -eu
rust_bin=$1 target_dir=$2 engine_dir=$3 output=$4

export RUSTC="$rust_bin/rustc" RUSTDOC="$rust_bin/rustdoc" PATH="$rust_bin:$PATH"
unset RUSTUP_TOOLCHAIN CARGO_BUILD_TARGET RUSTFLAGS
mkdir -p "$target_dir" "${output%/*}"

# Cargo locks its own work, but two checkouts share the folder and the library's name in it: hold a
# lock until the copy is made.
exec 9>"$target_dir/vecferry.lock"
flock 9
cd "$engine_dir"
cargo build --release --locked --offline --lib --target-dir "$target_dir"
cp "$target_dir/release/libvecferry_engine.a" "$output.new"
if cmp -s "$output.new" "$output"; then
  rm "$output.new"
  touch "$output"
else
  mv "$output.new" "$output"
fi
sed "s|^[^:]*:|$output:|" "$target_dir/release/libvecferry_engine.d" >"$output.d"
