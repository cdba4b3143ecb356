# The six things one does with this tree. The build itself is CMake's: see CMakePresets.json.

PREFIX ?= /usr/local

.PHONY: setup demo test bench lint install release

setup:  ## install what is missing on this machine (the only step that uses the network)
	@tools/setup.sh

release: setup
	@mkdir -p build && cmake --preset release >build/release.log || { cat build/release.log; exit 1; }
	@cmake --build --preset release --target vecferry

demo: release  ## build, then import, copy, verify and search a real collection
	@examples/demo.sh

test: setup  ## build and run every test
	@tools/test.sh

bench: release  ## measure, and print the table of docs/performance.md
	@cmake --build --preset release --target benches
	@tools/bench.sh

lint: setup  ## format, clang-tidy, layers, rustfmt, clippy, ruff
	@tools/lint.sh

install: release  ## put the program, and the Arrow it needs, below PREFIX
	@cmake --install build/release --prefix "$(PREFIX)"
