"""The official Python client, over REST and over gRPC, against `vecferry serve` and a real server."""

import uuid

import grpc
import httpx
import numpy as np
import pytest
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse
from served import (
    DIM,
    IDS,
    PAYLOADS,
    UNIT,
    VECTORS,
    ids_of,
    nearest,
    payload_of,
    start_serve,
    stop_serve,
)
from support import read_plain


@pytest.fixture(params=["rest", "grpc"])
def client(request, server):
    with server.client(grpc=request.param == "grpc") as client:
        yield client


@pytest.fixture
def docs(client, name):
    """200 documents as a collection."""
    client.create_collection(name, models.VectorParams(size=DIM, distance=models.Distance.COSINE))
    client.upload_points(name, points(), batch_size=64, wait=True)
    return name


@pytest.fixture
def docs_on_disk(vecferry, example):
    """The place with the example as collection `docs`."""
    vecferry.json("import", example.name, "local:db/docs")
    return "local:db"


def points():
    for id, vector in zip(IDS, VECTORS, strict=True):
        yield models.PointStruct(id=id, vector=vector.tolist(), payload=PAYLOADS[id])


def refused(call):
    """The code and the words of an error that `call` has to meet."""
    with pytest.raises((UnexpectedResponse, grpc.RpcError)) as caught:
        call()
    error = caught.value
    if isinstance(error, UnexpectedResponse):
        return error.status_code, error.content.decode()
    return error.code(), error.details()


def all_points(client, name, **options):
    found, offset = [], None
    while True:
        page, offset = client.scroll(name, limit=70, offset=offset, **options)
        found += page
        if offset is None:
            return found


def test_a_collection_is_described_as_it_was_asked_for(client, name):
    assert not client.collection_exists(name)
    assert client.create_collection(
        name,
        {
            "text": models.VectorParams(
                size=8, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16
            ),
            "image": models.VectorParams(
                size=4,
                distance=models.Distance.EUCLID,
                on_disk=True,
                hnsw_config=models.HnswConfigDiff(m=24),
                multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM
                ),
            ),
        },
        sparse_vectors_config={"words": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        hnsw_config=models.HnswConfigDiff(ef_construct=77),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=5000),
        on_disk_payload=True,
    )
    assert client.collection_exists(name)
    assert name in [found.name for found in client.get_collections().collections]
    info = client.get_collection(name)
    assert info.status == models.CollectionStatus.GREEN
    assert info.points_count == 0
    params = info.config.params
    assert params.vectors["text"].size == 8
    assert params.vectors["text"].datatype == models.Datatype.FLOAT16
    assert params.vectors["image"].hnsw_config.m == 24
    assert params.vectors["image"].multivector_config is not None
    assert params.vectors["image"].on_disk is True
    assert params.sparse_vectors["words"].modifier == models.Modifier.IDF
    assert params.on_disk_payload is True
    assert info.config.hnsw_config.ef_construct == 77
    assert info.config.optimizer_config.indexing_threshold == 5000
    assert client.update_collection(
        name, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=6000)
    )
    assert client.get_collection(name).config.optimizer_config.indexing_threshold == 6000


@pytest.mark.parametrize("parallel", [1, 2])
def test_bulk_upload_arrives_whole(client, name, parallel):
    client.create_collection(name, models.VectorParams(size=DIM, distance=models.Distance.COSINE))
    client.upload_collection(
        name,
        vectors=VECTORS,
        payload=list(PAYLOADS.values()),
        ids=IDS,
        batch_size=16,
        parallel=parallel,
        wait=True,
    )
    assert client.count(name, exact=True).count == len(IDS)
    found = all_points(client, name, with_payload=True, with_vectors=True)
    assert [point.id for point in found] == sorted(IDS)
    for point in found:
        assert point.payload == PAYLOADS[point.id]
        np.testing.assert_allclose(point.vector, UNIT[IDS.index(point.id)], atol=1e-6)


def test_scroll_takes_what_was_asked_for(client, docs):
    page, offset = client.scroll(docs, limit=3, with_payload=["title"], with_vectors=False)
    assert [point.id for point in page] == sorted(IDS)[:3]
    assert offset == sorted(IDS)[3]
    assert all(point.vector is None for point in page)
    assert [point.payload for point in page] == [
        {"title": PAYLOADS[point.id]["title"]} for point in page
    ]


def test_the_nearest_are_those_that_numpy_finds(client, docs):
    for row in (0, 77, 199):
        found = client.query_points(docs, query=VECTORS[row].tolist(), limit=10).points
        expected = nearest(VECTORS[row])
        assert [point.id for point in found] == ids_of(expected)
        np.testing.assert_allclose(
            [point.score for point in found], [score for _, score in expected], atol=1e-5
        )
    # By id the point itself is left out; an offset skips.
    by_id = client.query_points(docs, query=IDS[5], limit=4, offset=1).points
    assert [point.id for point in by_id] == ids_of(nearest(VECTORS[5], limit=6))[2:]
    best = nearest(VECTORS[9])
    above = client.query_points(
        docs, query=VECTORS[9].tolist(), score_threshold=float(best[3][1]) - 1e-4, limit=50
    ).points
    assert {point.id for point in above} >= set(ids_of(best[:4]))
    assert len(above) < 50


def test_queries_in_one_batch_and_in_groups(client, docs):
    answers = client.query_batch_points(
        docs,
        [models.QueryRequest(query=VECTORS[row].tolist(), limit=3) for row in (1, 2)],
    )
    for row, answer in zip((1, 2), answers, strict=True):
        assert [point.id for point in answer.points] == ids_of(nearest(VECTORS[row], limit=3))
    groups = client.query_points_groups(
        docs, query=VECTORS[3].tolist(), group_by="chapter", limit=3, group_size=2
    ).groups
    assert len(groups) == 3
    for group in groups:
        assert {PAYLOADS[hit.id]["chapter"] for hit in group.hits} == {group.id}
        among = {id for id in IDS if PAYLOADS[id]["chapter"] == group.id}
        assert [hit.id for hit in group.hits] == ids_of(nearest(VECTORS[3], among, 2))


def chapter_of(row):
    return PAYLOADS[IDS[row]]["chapter"]


FILTERS = {
    "match": (
        models.Filter(
            must=[
                models.FieldCondition(key="chapter", match=models.MatchValue(value=chapter_of(0)))
            ]
        ),
        lambda id, payload: payload["chapter"] == chapter_of(0),
    ),
    "range": (
        models.Filter(must=[models.FieldCondition(key="words", range=models.Range(gte=20, lt=40))]),
        lambda id, payload: 20 <= payload["words"] < 40,
    ),
    "must_not": (
        models.Filter(
            must_not=[
                models.FieldCondition(
                    key="chapter", match=models.MatchAny(any=[chapter_of(0), chapter_of(199)])
                )
            ]
        ),
        lambda id, payload: payload["chapter"] not in (chapter_of(0), chapter_of(199)),
    ),
    "should": (
        models.Filter(
            should=[
                models.HasIdCondition(has_id=IDS[:7]),
                models.FieldCondition(key="words", range=models.Range(gt=60)),
            ]
        ),
        lambda id, payload: id in IDS[:7] or payload["words"] > 60,
    ),
    "is_empty": (
        models.Filter(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="links"))]),
        lambda id, payload: not payload["links"],
    ),
    "values_count": (
        models.Filter(
            must=[models.FieldCondition(key="links", values_count=models.ValuesCount(gte=1))]
        ),
        lambda id, payload: len(payload["links"]) >= 1,
    ),
}


@pytest.mark.parametrize("kind", FILTERS)
def test_filters_choose_what_python_chooses(client, docs, kind):
    chosen, keeps = FILTERS[kind]
    expected = {id for id in IDS if keeps(id, PAYLOADS[id])}
    assert 0 < len(expected) < len(IDS)
    assert client.count(docs, count_filter=chosen, exact=True).count == len(expected)
    found = all_points(client, docs, scroll_filter=chosen)
    assert [point.id for point in found] == sorted(expected)
    near = client.query_points(docs, query=VECTORS[50].tolist(), query_filter=chosen, limit=5)
    assert [point.id for point in near.points] == ids_of(nearest(VECTORS[50], expected, 5))


def test_payload_indexes_facets_and_order(client, docs):
    client.create_payload_index(docs, "chapter", models.PayloadSchemaType.KEYWORD, wait=True)
    client.create_payload_index(docs, "words", models.PayloadSchemaType.INTEGER, wait=True)
    schema = client.get_collection(docs).payload_schema
    assert schema["chapter"].data_type == models.PayloadSchemaType.KEYWORD
    assert schema["words"].data_type == models.PayloadSchemaType.INTEGER
    chapters = [payload["chapter"] for payload in PAYLOADS.values()]
    hits = client.facet(docs, key="chapter", limit=100, exact=True).hits
    assert {hit.value: hit.count for hit in hits} == {
        chapter: chapters.count(chapter) for chapter in chapters
    }
    page, _ = client.scroll(
        docs, limit=20, order_by=models.OrderBy(key="words", direction=models.Direction.DESC)
    )
    found = [point.payload["words"] for point in page]
    assert found == sorted((p["words"] for p in PAYLOADS.values()), reverse=True)[:20]
    client.delete_payload_index(docs, "words", wait=True)
    assert "words" not in client.get_collection(docs).payload_schema


def one(client, name, id, **options):
    (point,) = client.retrieve(name, [id], **options)
    return point


def test_payloads_change_as_told(client, docs):
    first, second = IDS[:2]
    client.set_payload(docs, {"words": -1, "new": {"deep": [1, 2.5, None]}}, [first], wait=True)
    changed = PAYLOADS[first] | {"words": -1, "new": {"deep": [1, 2.5, None]}}
    assert one(client, docs, first).payload == changed
    client.overwrite_payload(docs, {"only": "this"}, [first], wait=True)
    assert one(client, docs, first).payload == {"only": "this"}
    client.delete_payload(docs, ["content", "links"], [second], wait=True)
    assert one(client, docs, second).payload == {
        key: value for key, value in PAYLOADS[second].items() if key not in ("content", "links")
    }
    client.clear_payload(docs, [second], wait=True)
    assert one(client, docs, second).payload == {}
    assert one(client, docs, IDS[2]).payload == PAYLOADS[IDS[2]]


def test_points_are_deleted_by_id_and_by_filter(client, docs):
    client.delete(docs, IDS[:3], wait=True)
    assert client.retrieve(docs, IDS[:4])[0].id == IDS[3]
    long = models.Filter(must=[models.FieldCondition(key="words", range=models.Range(gt=60))])
    client.delete(docs, models.FilterSelector(filter=long), wait=True)
    left = {id for id in IDS[3:] if PAYLOADS[id]["words"] <= 60}
    assert {point.id for point in all_points(client, docs)} == left


def test_changes_in_one_batch(client, docs):
    client.batch_update_points(
        docs,
        [
            models.UpsertOperation(
                upsert=models.PointsList(
                    points=[models.PointStruct(id=10**6, vector=[1.0] * DIM, payload={"a": 1})]
                )
            ),
            models.SetPayloadOperation(
                set_payload=models.SetPayload(payload={"b": 2}, points=[10**6])
            ),
            models.DeleteOperation(delete=models.PointIdsList(points=[IDS[0]])),
        ],
        wait=True,
    )
    assert one(client, docs, 10**6).payload == {"a": 1, "b": 2}
    assert client.retrieve(docs, [IDS[0]]) == []


def test_vectors_of_every_kind_and_a_hybrid_query(client, name):
    client.create_collection(
        name,
        {
            "dense": models.VectorParams(size=4, distance=models.Distance.DOT),
            "late": models.VectorParams(
                size=2,
                distance=models.Distance.DOT,
                multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM
                ),
            ),
        },
        sparse_vectors_config={"words": models.SparseVectorParams()},
    )
    uuids = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(i))) for i in range(3)]
    vectors = [
        {
            "dense": [1.0, 0.0, 0.0, 0.25],
            "late": [[1.0, 0.5], [0.0, 1.0]],
            "words": models.SparseVector(indices=[1, 70000], values=[0.5, 2.0]),
        },
        {"dense": [0.0, 1.0, 0.0, -0.5], "words": models.SparseVector(indices=[1], values=[3.0])},
        {"late": [[-1.0, 0.125]]},
    ]
    client.upsert(
        name,
        [
            models.PointStruct(id=id, vector=vector, payload={"n": n})
            for n, (id, vector) in enumerate(zip(uuids, vectors, strict=True))
        ],
        wait=True,
    )
    for id, vector in zip(uuids, vectors, strict=True):
        assert one(client, name, id, with_vectors=True).vector == vector
    client.update_vectors(
        name, [models.PointVectors(id=uuids[1], vector={"dense": [0.0, 0.5, 0.5, 0.0]})], wait=True
    )
    client.delete_vectors(name, ["late"], [uuids[0]], wait=True)
    assert one(client, name, uuids[1], with_vectors=["dense"]).vector == {
        "dense": [0.0, 0.5, 0.5, 0.0]
    }
    assert set(one(client, name, uuids[0], with_vectors=True).vector) == {"dense", "words"}
    by_words = client.query_points(
        name, query=models.SparseVector(indices=[1], values=[1.0]), using="words"
    ).points
    assert [(point.id, point.score) for point in by_words] == [(uuids[1], 3.0), (uuids[0], 0.5)]
    late = client.query_points(name, query=[[1.0, 0.0], [0.0, 8.0]], using="late").points
    assert [(point.id, point.score) for point in late] == [(uuids[2], 0.0)]
    fused = client.query_points(
        name,
        prefetch=[
            models.Prefetch(query=[1.0, 0.0, 0.0, 0.0], using="dense", limit=2),
            models.Prefetch(
                query=models.SparseVector(indices=[70000], values=[1.0]), using="words", limit=2
            ),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
    ).points
    assert fused[0].id == uuids[0]
    assert fused[0].score == pytest.approx(1.0)


def test_aliases_lead_to_their_collection(client, docs):
    alias, renamed = f"{docs}-alias", f"{docs}-renamed"
    create = models.CreateAlias(collection_name=docs, alias_name=alias)
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=create)])
    assert [found.alias_name for found in client.get_collection_aliases(docs).aliases] == [alias]
    assert client.count(alias, exact=True).count == len(IDS)
    rename = models.RenameAlias(old_alias_name=alias, new_alias_name=renamed)
    client.update_collection_aliases([models.RenameAliasOperation(rename_alias=rename)])
    assert renamed in [found.alias_name for found in client.get_aliases().aliases]
    assert client.retrieve(renamed, IDS[:1])[0].id == IDS[0]
    client.update_collection_aliases(
        [models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=renamed))]
    )
    assert client.get_collection_aliases(docs).aliases == []
    code, said = refused(lambda: client.count(renamed))
    assert code in (404, grpc.StatusCode.NOT_FOUND), said


def test_snapshots_are_made_listed_fetched_and_recovered(client, server, docs):
    made = client.create_snapshot(docs, wait=True)
    assert [found.name for found in client.list_snapshots(docs)] == [made.name]
    path = f"{server.url}/collections/{docs}/snapshots"
    fetched = httpx.get(f"{path}/{made.name}", timeout=300).raise_for_status().content
    assert len(fetched) == made.size
    copy = f"{docs}-copy"
    try:
        httpx.post(
            f"{server.url}/collections/{copy}/snapshots/upload?priority=snapshot&wait=true",
            files={"snapshot": (made.name, fetched)},
            timeout=300,
        ).raise_for_status()
        assert all_points(client, copy, with_vectors=True) == all_points(
            client, docs, with_vectors=True
        )
        # Back to what the snapshot holds.
        client.delete(docs, IDS[:50], wait=True)
        client.recover_snapshot(
            docs, f"{path}/{made.name}", priority=models.SnapshotPriority.SNAPSHOT, wait=True
        )
        assert client.count(docs, exact=True).count == len(IDS)
    finally:
        client.delete_collection(copy)
    client.delete_snapshot(docs, made.name, wait=True)
    assert client.list_snapshots(docs) == []


def test_a_collection_that_was_deleted_is_gone(client, docs):
    assert client.delete_collection(docs)
    assert not client.collection_exists(docs)
    code, said = refused(lambda: client.get_collection(docs))
    assert code in (404, grpc.StatusCode.NOT_FOUND)
    assert docs in said


def test_the_service_tells_of_itself(server):
    with server.client() as client:
        assert client.info().version
        told = client.http.service_api.telemetry().result
        assert told.app.version == client.info().version
        assert told.app.startup.year >= 2026
    for path in ("healthz", "livez", "readyz", "metrics"):
        assert httpx.get(f"{server.url}/{path}", timeout=300).status_code == 200


def test_mistakes_are_refused_in_the_servers_ids_of(client, docs):
    params = models.VectorParams(size=3, distance=models.Distance.DOT)
    code, said = refused(lambda: client.create_collection(docs, params))
    assert code in (409, grpc.StatusCode.ALREADY_EXISTS)
    assert "already exists" in said
    short = models.PointStruct(id=1, vector=[1.0, 2.0])
    code, said = refused(lambda: client.upsert(docs, [short], wait=True))
    assert code in (400, grpc.StatusCode.INVALID_ARGUMENT)
    assert "expected dim: 384, got 2" in said
    code, said = refused(lambda: client.query_points(docs, query=[0.5], using="no"))
    assert code in (400, grpc.StatusCode.INVALID_ARGUMENT)
    assert "no" in said


both_transports = pytest.mark.parametrize("over_grpc", [False, True], ids=["rest", "grpc"])


@both_transports
def test_what_was_answered_survives_kill_9(start, vecferry, over_grpc):
    process, server = start_serve(start, "local:served")
    with server.client(over_grpc) as client:
        client.create_collection("docs", models.VectorParams(size=DIM, distance="Cosine"))
        client.create_payload_index("docs", "words", models.PayloadSchemaType.INTEGER, wait=True)
        client.upload_points("docs", points(), batch_size=50, wait=True)
        client.delete("docs", IDS[:3], wait=True)
        client.set_payload("docs", {"words": -7}, [IDS[5]], wait=True)
        before = all_points(client, "docs", with_vectors=True)
    process.kill()
    process.wait()

    process, server = start_serve(start, "local:served")
    with server.client(over_grpc) as client:
        assert all_points(client, "docs", with_vectors=True) == before
        assert one(client, "docs", IDS[5]).payload["words"] == -7
        assert "words" in client.get_collection("docs").payload_schema
    stop_serve(process)
    assert vecferry.json("info", "local:served/docs")["points_count"] == len(IDS) - 3


@both_transports
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_key_is_asked_for(start, folder, over_grpc):
    (folder / "key").write_text("from-a-file\n")
    process, server = start_serve(start, "local:served", "--api-key-file", "key")
    with server.client(over_grpc, api_key="from-a-file") as client:
        assert client.get_collections().collections == []
    for options in ({}, {"api_key": "another"}):
        with server.client(over_grpc, **options) as client:
            code, _ = refused(client.get_collections)
            assert code in (401, grpc.StatusCode.UNAUTHENTICATED)
    stop_serve(process)


@both_transports
def test_a_read_only_server_only_reads(start, docs_on_disk, over_grpc):
    process, server = start_serve(start, docs_on_disk, "--read-only")
    with server.client(over_grpc) as client:
        assert client.count("docs", exact=True).count > 0
        code, said = refused(lambda: client.delete("docs", [1], wait=True))
        assert code in (403, grpc.StatusCode.PERMISSION_DENIED), said
        assert client.retrieve("docs", [1])
    stop_serve(process)


@both_transports
def test_its_migrate_between_two_servers(start, vecferry, shared, over_grpc):
    """1,500 real documents from one server to another, by the client's own means; then ours."""
    first_process, first = start_serve(start, "local:first")
    second_process, second = start_serve(start, "local:second")
    export = shared / "data" / "packages_a_20261122_101500.json.zst"
    _, documents = read_plain(export)
    with first.client(over_grpc) as source, second.client(over_grpc) as target:
        source.create_collection(
            "packages", models.VectorParams(size=DIM, distance=models.Distance.COSINE)
        )
        source.create_payload_index("packages", "section", models.PayloadSchemaType.KEYWORD)
        source.upload_points(
            "packages",
            (
                models.PointStruct(
                    id=int(id), vector=document["vector"], payload=payload_of(document)
                )
                for id, document in documents.items()
            ),
            wait=True,
        )
        source.migrate(target, ["packages"], batch_size=100)
        assert target.count("packages", exact=True).count == len(documents) == 1500
        schema = target.get_collection("packages").payload_schema
        assert schema["section"].data_type == models.PayloadSchemaType.KEYWORD
    proof = vecferry.json("verify", f"{first.url}/packages", f"{second.url}/packages")
    assert proof["equal"]
    assert proof["points_a"] == proof["points_b"] == 1500
    stop_serve(first_process)
    stop_serve(second_process)
    # And what the two leave behind on disk.
    assert vecferry.json("verify", "local:first/packages", "local:second/packages")["equal"]
