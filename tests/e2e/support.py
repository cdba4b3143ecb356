"""What the end-to-end tests share: running the program, and reading files as other people do."""

import contextlib
import json
import os
import re
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import zstandard

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "postgresql-docs.json"
TIMEOUT_S = 300


@dataclass(frozen=True)
class Run:
    """One finished run of the program."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self):
        """stdout as JSON Lines; checks the promise of docs/json-output.md about their order."""
        lines = [json.loads(line) for line in self.stdout.splitlines()]
        types = [line["type"] for line in lines]
        assert types, f"no output; stderr: {self.stderr}"
        assert types[-1] in ("result", "error"), types
        assert not {"result", "error"} & set(types[:-1]), types
        return lines

    @property
    def result(self):
        last = self.lines[-1]
        assert last["type"] == "result", last
        return last

    @property
    def error(self):
        last = self.lines[-1]
        assert last["type"] == "error", last
        assert last["exit_code"] == self.code, last
        assert last["what"], last
        return last


class Vecferry:
    """Runs the built binary in a folder of the test's own, without a shell."""

    def __init__(self, binary, folder):
        self.binary = str(binary)
        self.folder = Path(folder)
        self.temporary = self.folder.parent / "tmp"

    def environment(self):
        keep = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        home = self.folder.parent / "home"
        home.mkdir(exist_ok=True)
        self.temporary.mkdir(exist_ok=True)
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(self.temporary),
            "LC_ALL": "C.UTF-8",
            "QDRANT_URL": "http://127.0.0.1:1",  # not the server that this machine may run
            **keep,
        }

    def run(self, *args, code=0, stdin=b"", prefix=(), **popen):
        """Run to the end, check the exit status, return what was printed.

        `code` is the expected status, or a tuple of those allowed; `prefix` is put before the
        program (a wrapper such as setpriv).
        """
        done = subprocess.run(
            [*prefix, self.binary, *map(str, args)],
            cwd=self.folder,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            **popen,
        )
        run = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert tree(self.temporary) == {}, "left in TMPDIR"
        assert "arrow/cpp" not in run.stderr, f"a library printed: {run.stderr}"
        allowed = code if isinstance(code, tuple) else (code,)
        assert run.code in allowed, f"exit {run.code}, not {code}: {args}\n{run.stdout}{run.stderr}"
        return run

    def json(self, *args, **options):
        """Run with --json; the result object."""
        return self.run("--json", *args, **options).result

    def fails(self, *args, code=(1, 2), **options):
        """Run with --json, expect a failure; the error object."""
        return self.run("--json", *args, code=code, **options).error


def tree(folder):
    """Every path below `folder` with its size: what a run that leaves nothing behind keeps.

    What a running process removes meanwhile is left out.
    """
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in folders:
            found[os.path.relpath(os.path.join(parent, name), folder)] = None
        for name in files:
            path = os.path.join(parent, name)
            with contextlib.suppress(FileNotFoundError):
                found[os.path.relpath(path, folder)] = os.stat(path).st_size
    return found


def read_bytes(path):
    data = Path(path).read_bytes()
    if str(path).endswith(".zst"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


def read_plain(path):
    """The reader that scripts in use have: knows four keys of a document and nothing else."""
    export = json.loads(read_bytes(path))
    documents = export["documents"]
    assert export["document_count"] == len(documents)
    points = {}
    for document in documents:
        points[document["id"]] = {
            "content": document["content"],
            "metadata": document["metadata"],
            "vector": document["vector"],
        }
    return export["collection_name"], points


def read_jsonl(path):
    """The first line (the collection), and the points."""
    first, *points = (json.loads(line) for line in read_bytes(path).splitlines())
    return first, points


def write_plain(path, documents, name="docs"):
    """A plain export as a script writes it, one document a line, the first on line 5."""
    lines = [
        document if isinstance(document, str) else json.dumps(document) for document in documents
    ]
    head = {
        "collection_name": name,
        "exported_at": "2026-11-20T09:30:00.000000",
        "document_count": len(documents),
    }
    text = json.dumps(head, indent=2)[:-2] + ',\n  "documents": [\n' + ",\n".join(lines) + "\n]}\n"
    Path(path).write_text(text, encoding="utf-8")
    return Path(path)


def example_documents(count=None):
    """The first documents of examples/, fresh on every call."""
    return json.loads(EXAMPLE.read_text(encoding="utf-8"))["documents"][:count]


def read_until(stream, wanted, deadline_s):
    """What `stream` gave until `wanted` matches in it; fails at the deadline."""
    seen, deadline = b"", time.monotonic() + deadline_s
    while not re.search(wanted, seen):
        ready, _, _ = select.select([stream], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"no {wanted} within {deadline_s} s, only {seen}"
        chunk = os.read(stream, 65536)
        assert chunk, f"no {wanted}, only {seen}"
        seen += chunk
    return seen


def wait_for(condition, deadline_s=120):
    """Until `condition()` holds; looks often, fails at the deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)
