#!/bin/sh
# Prints the folder that holds a rustc and a cargo new enough for engine/: those on PATH if they will
# do, else the distribution's. What rustup puts on PATH are shims that look at the folder they run
# in and may pick another version there, so the folder of the real programs is printed.
set -u
minimum=1.96

for rustc in rustc /usr/bin/rustc; do
  # In / no rust-toolchain.toml decides for the shim.
  version=$(cd / && "$rustc" --version 2>/dev/null | cut -d' ' -f2)
  [ -n "$version" ] || continue
  [ "$(printf '%s\n%s\n' "$minimum" "$version" | sort -V | head -n 1)" = "$minimum" ] || continue
  bin=$(cd / && "$rustc" --print sysroot)/bin
  if [ -x "$bin/rustc" ] && [ -x "$bin/cargo" ]; then
    echo "$bin"
    exit 0
  fi
done
echo "no rustc >= $minimum with its cargo, on PATH or in /usr/bin" >&2
exit 1
