"""The official JavaScript client against `vecferry serve` and a real server."""

import json
import os
import subprocess

import pytest
from served import DIM, IDS, PAYLOADS, UNIT, VECTORS, ids_of, nearest
from support import ROOT, TIMEOUT_S

SCRIPT = ROOT / "tests/e2e/js/client.cjs"


def test_everything_a_person_does(server, name, folder):
    documents = [
        {"id": id, "vector": vector, "payload": PAYLOADS[id]}
        for id, vector in zip(IDS, VECTORS.tolist(), strict=True)
    ]
    (folder / "documents.json").write_text(json.dumps(documents), encoding="utf-8")
    done = subprocess.run(
        ["node", SCRIPT, server.url, name, "documents.json"],
        cwd=folder,
        env={**os.environ, "NODE_PATH": str(ROOT / ".deps/js/node_modules")},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    gave = json.loads(done.stdout)

    assert gave["existed"] is False
    assert gave["created"] is True
    assert gave["info"]["status"] == "green"
    assert gave["info"]["config"]["params"]["vectors"] == {"size": DIM, "distance": "Cosine"}
    assert gave["info"]["config"]["optimizer_config"]["indexing_threshold"] == 5000
    assert name in gave["listed"]
    assert gave["upserted"]["status"] == gave["index"]["status"] == "completed"

    assert gave["count"] == len(IDS)
    assert [point["id"] for point in gave["points"]] == sorted(IDS)
    for point in gave["points"]:
        assert point["payload"] == PAYLOADS[point["id"]]
        assert point["vector"] == pytest.approx(UNIT[IDS.index(point["id"])].tolist(), abs=1e-6)
    expected = nearest(VECTORS[7], limit=5)
    for found in (gave["nearest"], gave["searched"]):
        assert [point["id"] for point in found] == ids_of(expected)
        assert [point["score"] for point in found] == pytest.approx(
            [float(score) for _, score in expected], abs=1e-5
        )

    chapters = [payload["chapter"] for payload in PAYLOADS.values()]
    chosen = sorted(id for id in IDS if PAYLOADS[id]["chapter"] == "Indexes")
    assert [point["id"] for point in gave["filtered"]] == chosen
    assert gave["filteredCount"] == len(chosen)
    assert {hit["value"]: hit["count"] for hit in gave["facet"]} == {
        chapter: chapters.count(chapter) for chapter in chapters
    }
    assert [(point["id"], point["payload"]) for point in gave["retrieved"]] == [
        (1, {"new": [1, 2.5]}),
        (2, {}),
    ]

    assert gave["aliases"] == [{"alias_name": f"{name}-alias", "collection_name": name}]
    assert gave["throughAlias"] == len(IDS)
    assert gave["snapshots"] == [gave["snapshot"]["name"]]
    assert gave["left"] == len(IDS) - len(chosen)
    assert gave["recovered"] == len(IDS)
    assert gave["snapshotDeleted"] is True

    assert gave["twice"]["status"] == 409
    assert "already exists" in gave["twice"]["said"]
    assert gave["short"]["status"] == 400
    assert "expected dim: 384, got 2" in gave["short"]["said"]
    assert gave["deleted"] is True
    assert gave["gone"]["status"] == 404
