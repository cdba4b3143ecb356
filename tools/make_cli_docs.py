#!/usr/bin/env python3
"""Write docs/cli.md from the program's own --help, or with --check say whether it is current.

python3 tools/make_cli_docs.py [--check] build/release/vecferry
"""

import argparse
import difflib
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
HEAD = """# Command line

Generated from `--help` by `tools/make_cli_docs.py`; a test checks that it is current. For `--json` see
[json-output.md](json-output.md).

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed, nothing left behind |
| 2 | wrong usage |
| 3 | `verify`, `diff` or `check` found differences or damage |
| 4 | stopped part-way, can be resumed |
| 5 | not found or unreachable |
| 6 | incompatible, or the plan refused |
| 7 | another run holds the place |
| 70 | a bug of ours |
| 130, 143 | stopped by a signal |
"""


def help_of(binary, *verb):
    command = [binary, *verb, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.rstrip().replace(str(binary), "vecferry")


def page(binary):
    overview = help_of(binary)
    verbs = re.findall(r"^  ([a-z]+)  +\S", overview, re.MULTILINE)
    if not verbs:
        sys.exit("make_cli_docs: no verb found in --help")
    parts = [HEAD, f"## vecferry\n\n```text\n{overview}\n```\n"]
    parts += [f"## vecferry {verb}\n\n```text\n{help_of(binary, verb)}\n```\n" for verb in verbs]
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if out of date")
    parser.add_argument("binary", type=Path)
    options = parser.parse_args()

    new = page(options.binary.resolve())
    if not options.check:
        PAGE.write_text(new, encoding="utf-8")
        return
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if new != old:
        diff = difflib.unified_diff(
            old.splitlines(), new.splitlines(), "docs/cli.md", "--help", lineterm=""
        )
        print("\n".join(diff))
        sys.exit("docs/cli.md is out of date: run tools/make_cli_docs.py BINARY")


if __name__ == "__main__":
    main()
