#!/usr/bin/env python3
"""How archive-v1/ was made: for whoever has to know what is in it. It is not made again.

    tests/golden/make_archive_v1.py BINARY FOLDER

An archive of version 1 stays readable for ever: a later format gets a folder of its own beside it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
UUID = "f47ac10b-58cc-4372-a567-{:012x}"

MIXED = {
    "params": {
        "vectors": {
            "title": {"size": 4, "distance": "Cosine"},
            "pixels": {"size": 3, "distance": "Euclid", "datatype": "uint8"},
            "half": {"size": 3, "distance": "Dot", "datatype": "float16"},
            "tokens": {
                "size": 2,
                "distance": "Dot",
                "multivector_config": {"comparator": "max_sim"},
            },
        },
        "sparse_vectors": {"words": {"modifier": "idf"}},
    }
}


def mixed(number):
    """Some points have every kind of vector, some only one; ids of both kinds."""
    vector = {"title": [1.0, number / 8, -0.5, 0.25]}
    if number % 2 == 0:
        vector["pixels"] = [number, 255, 0]
        vector["half"] = [0.5, -2.0, number / 4]
        vector["tokens"] = [[0.5, float(part)] for part in range(number % 3 + 1)]
        vector["words"] = {"indices": [3, 70 + number], "values": [1.0, 0.5]}
    return {
        "id": number if number % 3 else UUID.format(number),
        "vector": vector,
        "payload": {
            "n": number,
            "f": number / 7,
            "text": f"Größe {number} 📦",
            "list": [1, 1.0, None],
        },
    }


def plain(number, word):
    return {
        "id": number,
        "vector": [number / 4, 1.0, -1.5e-7],
        "payload": {"content": f"{word} {number}", "nested": {"lang": ["de", "en"][number % 2]}},
    }


def write(path, name, config, schema, points):
    head = {
        "format": "vecferry.collection",
        "version": 1,
        "config": config,
        "payload_schema": schema,
        "aliases": [],
        "name": name,
        "points": len(points),
    }
    lines = [head, *points]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def make(binary, folder):
    work = folder / "work"
    work.mkdir(parents=True)
    (folder / "key").write_text(KEY + "\n")

    def vecferry(*args):
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("QDRANT", "VECFERRY"))
        }
        done = subprocess.run(
            [binary, "--json", "--journal", "journal", *map(str, args)],
            cwd=work, env=environment, stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        return json.loads(done.stdout.splitlines()[-1])

    expected = {"plain": {}, "sealed": {}}

    def back_up(archive, location, name, *key):
        done = vecferry(
            "backup", location, "--to", f"archive:{folder / archive}", "--name", name, *key
        )
        expected[archive].setdefault(name, []).append(
            {"points": done["points"], "digest": done["digest"]}
        )

    small = {"params": {"vectors": {"size": 3, "distance": "Dot"}}}
    docs, changed, rest = work / "docs.jsonl", work / "changed.jsonl", work / "rest.jsonl"
    write(
        docs, "docs", small, {"nested.lang": "keyword"}, [plain(n, "first") for n in range(1, 61)]
    )
    write(changed, "docs", small, {}, [plain(n, "second") for n in range(11, 21)])
    write(rest, "docs", small, {}, [plain(n, "third") for n in range(16, 71)])
    write(work / "mixed.jsonl", "mixed", MIXED, {"n": "integer"}, [mixed(n) for n in range(1, 31)])
    vecferry("import", docs, "local:db/docs")
    vecferry("import", work / "mixed.jsonl", "local:db/mixed")
    vecferry("alias", "set", "local:db/live", "--to", "docs")
    for archive, key in (("plain", ()), ("sealed", ("--key-file", folder / "key"))):
        back_up(archive, "local:db/mixed", "a/b ü%..", *key)
        vecferry("copy", "local:db/docs", "local:db/d")
        vecferry("alias", "set", f"local:db/live-{archive}", "--to", "d")
        back_up(archive, "local:db/d", "docs", *key)
        vecferry("import", changed, "local:db/d", "--into-existing")
        back_up(archive, "local:db/d", "docs", *key)
        vecferry("copy", rest, f"local:db/{archive}")
        vecferry(
            "sync", f"local:db/{archive}", "local:db/d", "--delete", "--max-delete=100%", "--yes"
        )
        back_up(archive, "local:db/d", "docs", *key)
        vecferry(
            "archive",
            "local:db/d",
            "--to",
            f"archive:{folder / archive}",
            "--name",
            "docs",
            "--yes",
            *key,
        )
        backups = vecferry("archives", f"archive:{folder / archive}", *key)["collections"]
        (marked,) = (each for each in backups if each["archived"])
        last = expected[archive][marked["name"]]
        last += [last[-1]] * (len(marked["backups"]) - len(last))
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
    subprocess.run(["rm", "-r", work], check=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
