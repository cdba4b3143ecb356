"""Queries and filters mean what they mean in the Python client's own engine.

qdrant-client can work without a server (`:memory:`): an implementation of Qdrant by other people, in
numpy. The same points go into both, and the same calls have to give the same answers.
"""

import datetime

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

COUNT = 120


def points():
    random = np.random.default_rng(3)

    def floats(*shape):
        return random.standard_normal(shape).astype(np.float32).tolist()

    for i in range(COUNT):
        vector = {"cosine": floats(6), "euclid": floats(3)}
        if i % 3:
            vector["late"] = floats(1 + i % 4, 2)
        if i % 2:
            indices = sorted(random.choice(50, 5, replace=False).tolist())
            vector["words"] = models.SparseVector(indices=indices, values=floats(5))
        day = datetime.datetime(2024, 1, 1) + datetime.timedelta(days=i)
        payload = {  # eighths: the server's JSON parser may move other floats by a last bit
            "n": i,
            "share": i / 8,
            "kind": "xyz"[i % 3],
            "tags": ["a"] * (i % 2) + ["b"] * (i % 5 == 0),
            "day": day.isoformat() + "Z",
            "place": {"lon": -10 + i / 8, "lat": 40 + i / 16},
            "text": f"quick brown fox number {i} jumps",
            "parts": [{"k": i % 4, "v": i}, {"k": i % 5, "v": -i}],
            "odd": bool(i % 2),
            "gone": None if i % 2 else 1,
        }
        yield models.PointStruct(id=i, vector=vector, payload=payload)


INDEXES = {
    "n": models.PayloadSchemaType.INTEGER,
    "share": models.PayloadSchemaType.FLOAT,
    "kind": models.PayloadSchemaType.KEYWORD,
    "day": models.PayloadSchemaType.DATETIME,
    "place": models.PayloadSchemaType.GEO,
    "text": models.PayloadSchemaType.TEXT,
}


def fill(client, name):
    client.create_collection(
        name,
        {
            "cosine": models.VectorParams(size=6, distance=models.Distance.COSINE),
            "euclid": models.VectorParams(size=3, distance=models.Distance.EUCLID),
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
    client.upsert(name, list(points()), wait=True)


@pytest.fixture(scope="module")
def oracle():
    client = QdrantClient(":memory:")
    fill(client, "points")
    yield client
    client.close()


COSINE = [0.5, -1.0, 0.25, 2.0, -0.75, 1.5]
EUCLID = [0.1, -0.2, 0.3]
PREFETCH = [
    models.Prefetch(query=COSINE, using="cosine", limit=10),
    models.Prefetch(
        query=EUCLID,
        using="euclid",
        limit=10,
        filter=models.Filter(
            must=[models.FieldCondition(key="kind", match=models.MatchAny(any=["x", "y"]))]
        ),
    ),
]
STRATEGIES = models.RecommendStrategy


def recommend(strategy):
    given = models.RecommendInput(positive=[1, COSINE], negative=[3], strategy=strategy)
    return {"query": models.RecommendQuery(recommend=given), "using": "cosine"}


PAIR = models.ContextPair(positive=1, negative=2)
QUERIES = {
    "nearest by cosine": {"query": COSINE, "using": "cosine"},
    "nearest by distance": {"query": EUCLID, "using": "euclid"},
    "nearest within": {"query": EUCLID, "using": "euclid", "score_threshold": 1.0, "limit": 60},
    "late interaction": {"query": [[1.0, 0.5], [0.25, -1.0]], "using": "late"},
    "sparse": {
        "query": models.SparseVector(indices=[1, 5, 9, 20], values=[1.0, 2.0, -0.5, 3.0]),
        "using": "words",
    },
    "by id": {"query": 5, "using": "cosine"},
    "recommend average": recommend(STRATEGIES.AVERAGE_VECTOR),
    "recommend best": recommend(STRATEGIES.BEST_SCORE),
    "recommend sum": recommend(STRATEGIES.SUM_SCORES),
    "discover": {
        "query": models.DiscoverQuery(discover=models.DiscoverInput(target=COSINE, context=[PAIR])),
        "using": "cosine",
    },
    "ordered": {"query": models.OrderByQuery(order_by="n")},
    "fused by rank": {
        "prefetch": PREFETCH,
        "query": models.FusionQuery(fusion=models.Fusion.RRF),
    },
    "fused by score": {
        "prefetch": PREFETCH,
        "query": models.FusionQuery(fusion=models.Fusion.DBSF),
    },
    "scored again": {"prefetch": PREFETCH, "query": EUCLID, "using": "euclid"},
}


def field(key, **condition):
    return models.FieldCondition(key=key, **condition)


def must(*conditions):
    return models.Filter(must=list(conditions))


FILTERS = {
    "a number": must(field("n", match=models.MatchValue(value=5))),
    "any of": must(field("kind", match=models.MatchAny(any=["x", "y"]))),
    "none of": must(field("kind", match=models.MatchExcept(**{"except": ["x"]}))),
    "words": must(field("text", match=models.MatchText(text="number 17"))),
    "days": must(
        field(
            "day",
            range=models.DatetimeRange(
                gte=datetime.datetime(2024, 2, 1, tzinfo=datetime.UTC),
                lt=datetime.datetime(2024, 3, 1, tzinfo=datetime.UTC),
            ),
        )
    ),
    "a box": must(
        field(
            "place",
            geo_bounding_box=models.GeoBoundingBox(
                top_left=models.GeoPoint(lon=-9, lat=44),
                bottom_right=models.GeoPoint(lon=-5, lat=41),
            ),
        )
    ),
    "a circle": must(
        field(
            "place",
            geo_radius=models.GeoRadius(center=models.GeoPoint(lon=-8, lat=41), radius=50_000),
        )
    ),
    "one element": must(
        models.NestedCondition(
            nested=models.Nested(
                key="parts",
                filter=must(
                    field("k", match=models.MatchValue(value=2)),
                    field("v", range=models.Range(gt=50)),
                ),
            )
        )
    ),
    "null": must(models.IsNullCondition(is_null=models.PayloadField(key="gone"))),
    "empty": must(models.IsEmptyCondition(is_empty=models.PayloadField(key="tags"))),
    "has a vector": must(models.HasVectorCondition(has_vector="late")),
    "two of three": models.Filter(
        min_should=models.MinShould(
            min_count=2,
            conditions=[
                field("odd", match=models.MatchValue(value=True)),
                field("n", range=models.Range(lt=30)),
                field("kind", match=models.MatchValue(value="z")),
            ],
        )
    ),
    "how many": must(field("tags", values_count=models.ValuesCount(gte=2))),
    "nested filters": models.Filter(
        must=[
            models.Filter(
                should=[
                    field("n", match=models.MatchValue(value=5)),
                    models.HasIdCondition(has_id=[7, 8]),
                ]
            )
        ],
        must_not=[models.HasIdCondition(has_id=[8])],
    ),
}


def same_hits(found, expected):
    """Scores agree one by one; ids too, but for those whose scores are the same."""
    scores = [hit.score for hit in expected]
    assert [hit.score for hit in found] == pytest.approx(scores, rel=1e-4, abs=1e-5)
    last = round(scores[-1], 4)

    def ranked(hits):
        # A tie at the end may be cut anywhere.
        return sorted((round(h.score, 4), h.id) for h in hits if round(h.score, 4) != last)

    assert ranked(found) == ranked(expected)


@pytest.mark.parametrize("over_grpc", [False, True], ids=["rest", "grpc"])
def test_queries_and_filters_agree(server, name, oracle, over_grpc):
    with server.client(over_grpc) as client:
        fill(client, name)
        for path, kind in INDEXES.items():
            client.create_payload_index(name, path, kind, wait=True)
        for title, query in QUERIES.items():
            query = {"limit": 8, **query}
            expected = oracle.query_points("points", **query).points
            assert expected, title
            same_hits(client.query_points(name, **query).points, expected)
        for title, chosen in FILTERS.items():
            options = {"scroll_filter": chosen, "limit": COUNT, "with_vectors": False}
            expected, _ = oracle.scroll("points", **options)
            assert 0 < len(expected) < COUNT, title
            found, _ = client.scroll(name, **options)
            assert [(p.id, p.payload) for p in found] == [(p.id, p.payload) for p in expected], (
                title
            )
            assert client.count(name, count_filter=chosen, exact=True).count == len(expected)
            query = {"query": COSINE, "using": "cosine", "query_filter": chosen, "limit": 8}
            same_hits(
                client.query_points(name, **query).points,
                oracle.query_points("points", **query).points,
            )
