#!/usr/bin/env python3
"""Checks that includes under src/vecferry follow the one-way graph of docs/architecture.md.

A module may include itself and whatever its edges lead to, directly or further down. Heavy and
generated headers stay out of our headers, so that a change behind them recompiles little.
Prints one line a violation; exit 0 when there is none, 1 otherwise.
"""

import argparse
import re
import sys
from pathlib import Path

# Module -> what it may include. `cli` may include all.
EDGES = {
    "base": [],
    "model": ["base"],
    "digest": ["model"],
    "engine": ["model"],
    "transform": ["model"],
    "formats": ["digest"],
    "wire": ["model"],
    "archive": ["formats"],
    "journal": ["base"],
    "backend": ["model"],
    "backends/memory": ["backend"],
    "backends/local": ["backend", "engine"],
    "backends/snapshot": ["backend", "engine"],
    "backends/files": ["backend", "formats"],
    "backends/qdrant": ["backend", "wire"],
    "backends/archive": ["backend", "archive"],
    "pipeline": ["backend", "digest", "transform"],
    "routes": ["pipeline", "engine", "backends/snapshot"],
    "embed": ["model"],
    "ops": ["routes", "journal", "archive", "embed"],
    "server": ["wire", "engine", "archive", "backends/local", "transform"],
    "report": ["ops"],
}
EDGES["cli"] = list(EDGES)

# (what the include looks like, its name, where alone it may stand: a module or None for any .cpp)
SOURCE_ONLY = [
    (re.compile(r"\.pb\.h$"), "generated protobuf", None),
    (re.compile(r"^sqlite3\.h$"), "SQLite", "journal"),
    (re.compile(r"^httplib\.h$"), "httplib", None),
    (re.compile(r"^curl/"), "libcurl", None),
    (re.compile(r"^grpcpp/"), "gRPC", None),
    (re.compile(r"^parquet/"), "Parquet", None),
    (re.compile(r"^vecferry_engine\.h$"), "the engine's C header", "engine"),
    (re.compile(r"^nlohmann/(?!json_fwd\.hpp$)"), "nlohmann-json", None),
    (re.compile(r"^simdjson\.h$"), "simdjson", None),
]
NOWHERE_IN_HEADERS = {"arrow/api.h": "take the narrowest Arrow header, such as arrow/type_fwd.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')


def allowed_from(module, edges=EDGES):
    """The module itself and everything its edges lead to."""
    seen, todo = {module}, list(edges[module])
    while todo:
        other = todo.pop()
        if other not in seen:
            seen.add(other)
            todo.extend(edges[other])
    return seen


def module_of(path):
    """`backends/local/x.h` -> `backends/local`; `model/x.h` -> `model`."""
    parts = path.split("/")[:-1]
    return "/".join(parts[:2]) if parts[:1] == ["backends"] else "/".join(parts[:1])


def check_include(source, included, quoted):
    """Why this include is wrong, or None. `source` is relative to src/vecferry."""
    module = module_of(source)
    # A private header may be heavy: only its own module's sources include it.
    in_header = source.endswith(".h") and not source.endswith("_internal.h")
    if included.startswith("vecferry/"):
        target = included.removeprefix("vecferry/")
        other = module_of(target)
        if other not in EDGES:
            return f"'{other}' is no module of the graph"
        if other not in allowed_from(module):
            return f"{module} may not include {other}"
        if target.endswith("_internal.h") and other != module:
            return f"'{included}' is private to {other}"
        if target.endswith("_internal.h") and in_header:
            return f"'{included}' is private, and this header is not"
        return None
    for pattern, name, only_in in SOURCE_ONLY:
        if pattern.search(included):
            if in_header:
                return f"{name} is included by .cpp files only"
            if only_in and module != only_in:
                return f"{name} is included in {only_in}/ alone"
    if in_header and included in NOWHERE_IN_HEADERS:
        return NOWHERE_IN_HEADERS[included]
    if (
        quoted
        and ("/" not in included or included.startswith("."))
        and included != "vecferry_engine.h"
    ):
        return f'spell it in full: "vecferry/{module}/{Path(included).name}"'
    return None


def check_tree(root):
    """All violations below `root` (a src/vecferry folder), as `file:line: why`, in file order."""
    found = []
    for path in sorted(p for p in root.rglob("*") if p.suffix in {".h", ".cpp"}):
        source = path.relative_to(root).as_posix()
        if module_of(source) not in EDGES:
            found.append(f"{path}:1: '{module_of(source)}' is no module of the graph")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := INCLUDE.match(line):
                why = check_include(source, match[1] or match[2], match[2] is not None)
                if why:
                    found.append(f"{path}:{number}: {why}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parent.parent / "src" / "vecferry"
    parser.add_argument("root", nargs="?", type=Path, default=default)
    root = parser.parse_args().root
    if not root.is_dir():
        sys.exit(f"check_layers: no folder '{root}'")
    found = check_tree(root)
    for line in found:
        print(line)
    print(f"check_layers: {len(found)} violations", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
