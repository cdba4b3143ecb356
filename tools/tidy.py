#!/usr/bin/env python3
"""Runs clang-tidy over the project's sources, in parallel, leaving out what passed before unchanged.

A source passed before if it, every header of ours that it includes, and .clang-tidy are the same
bytes; what passed is remembered in <build>/tidy. Exit 1 if a file has a finding.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLANG_TIDY = "clang-tidy-14"
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.M)


def headers_of(source):
    """The project's own files that `source` includes, at any depth, and itself."""
    seen, todo = set(), [source]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in INCLUDE.findall(path.read_bytes()):
            for folder in (ROOT / "src", ROOT, ROOT / "engine" / "include"):
                if (folder / name.decode()).is_file():
                    todo.append(folder / name.decode())
    return sorted(seen)


def fingerprint(source, command):
    digest = hashlib.sha256(command.encode() + (ROOT / ".clang-tidy").read_bytes())
    for path in headers_of(source):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def sources_of(build):
    """Our sources and their compile commands; those of one file in two targets differ in nothing here."""
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        source = Path(entry["directory"], entry["file"]).resolve()
        if source.is_relative_to(ROOT) and not source.is_relative_to(build):
            yield source, entry["command"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", type=Path, default=ROOT / "build" / "clang")
    parser.add_argument("--only", help="a regular expression that a source's path must match")
    parser.add_argument(
        "--jobs", "-j", type=int, default=os.cpu_count(), help="at most so many at once"
    )
    options = parser.parse_args()
    build = options.build.resolve()
    passed = build / "tidy"
    passed.mkdir(parents=True, exist_ok=True)

    stamps = {}
    for source, command in sources_of(build):
        if not options.only or re.search(options.only, str(source.relative_to(ROOT))):
            stamps[source] = passed / fingerprint(source, command)
    todo = [source for source, stamp in stamps.items() if not stamp.exists()]
    print(f"clang-tidy: {len(todo)} of {len(stamps)} sources to check", flush=True)

    def check(source):
        return subprocess.run(
            [CLANG_TIDY, "--quiet", "-p", build, source], capture_output=True, text=True
        )

    bad = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(check, source): source for source in todo}
        for number, future in enumerate(as_completed(running), 1):
            source, done = running[future], future.result()
            name = source.relative_to(ROOT)
            if done.returncode == 0:
                stamps[source].touch()
                print(f"[{number}/{len(todo)}] {name}", flush=True)
            else:
                bad += 1
                print(
                    f"[{number}/{len(todo)}] {name}: FAILED\n{done.stdout}{done.stderr}", flush=True
                )
    print(f"clang-tidy: {bad} sources with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
