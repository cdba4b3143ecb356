//! Query, count, facet, payload operations and indexes, in Qdrant's REST form.

use serde_json::{Value, json};
use vecferry_engine::{
    Kind, Result, Shard, apply, count, create_index, delete_index, facet, query,
};

use crate::support::*;

/// Points 0..20 with `d` = [n, 1] (absent from 13 on), sparse `s` = {n: 1}, multi `m`, and a payload.
fn shard(folder: &std::path::Path) -> Shard {
    let shard = Shard::create(
        folder,
        &config(
            json!({
                "vectors": {"d": {"size": 2, "distance": "Dot"},
                            "m": {"size": 1, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}}},
                "sparse_vectors": {"s": {}},
            }),
            true,
        ),
    )
    .unwrap();
    let range = 0..20_u32;
    let texts: Vec<String> = range
        .clone()
        .map(|n| {
            format!(
                r#"{{"n":{n},"parity":"{}"}}"#,
                ["even", "odd"][n as usize % 2]
            )
        })
        .collect();
    let texts: Vec<_> = texts.iter().map(|text| Some(text.as_str())).collect();
    let d: Vec<_> = range
        .clone()
        .map(|n| (n < 13).then(|| vec![n as f32, 1.0]))
        .collect();
    let m: Vec<_> = range
        .clone()
        .map(|n| Some(vec![vec![n as f32], vec![0.5]]))
        .collect();
    let s: Vec<_> = range.map(|n| Some(vec![(n, 1.0)])).collect();
    shard
        .upsert(&batch(
            &numbers(0..20),
            vec![
                ("vector.d", dense(2, &d)),
                ("vector.m", multi(1, &m)),
                ("vector.s", sparse(&s)),
                ("payload", payloads(&texts)),
            ],
        ))
        .unwrap();
    shard
}

fn ask(shard: &Shard, request: Value) -> Result<Vec<(Value, f64)>> {
    let answer: Value = serde_json::from_str(&query(shard, &request.to_string())?).unwrap();
    let points = answer["points"].as_array().unwrap();
    Ok(points
        .iter()
        .map(|point| (point["id"].clone(), point["score"].as_f64().unwrap()))
        .collect())
}

fn ids(found: Result<Vec<(Value, f64)>>) -> Vec<u64> {
    found
        .unwrap()
        .iter()
        .map(|(id, _)| id.as_u64().unwrap())
        .collect()
}

#[test]
fn nearest_takes_vectors_of_every_kind_and_ids() {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard(folder.path());
    let found = ask(
        &shard,
        json!({"query": [2.0, 0.5], "using": "d", "limit": 2}),
    )
    .unwrap();
    assert_eq!(found, [(json!(12), 24.5), (json!(11), 22.5)]);
    assert_eq!(
        ids(ask(
            &shard,
            json!({"query": {"nearest": [[-1.0]]}, "using": "m", "limit": 1})
        )),
        [0]
    );
    assert_eq!(
        ids(ask(
            &shard,
            json!({"query": {"indices": [7, 3], "values": [1.0, 2.0]}, "using": "s", "limit": 5})
        )),
        [3, 7]
    );
    // The point itself is not among its neighbours.
    assert_eq!(
        ids(ask(&shard, json!({"query": 12, "using": "d", "limit": 2}))),
        [11, 10]
    );
    let filter = json!({"must": [{"key": "parity", "match": {"value": "odd"}}]});
    assert_eq!(
        ids(ask(
            &shard,
            json!({"query": 12, "using": "d", "filter": filter, "limit": 2, "offset": 1})
        )),
        [9, 7]
    );
    assert_eq!(
        ids(ask(
            &shard,
            json!({"query": [1.0, 0.0], "using": "d", "score_threshold": 11.5})
        )),
        [12]
    );
    assert_eq!(
        ids(ask(
            &shard,
            json!({"limit": 3, "filter": {"must": [{"key": "n", "range": {"gt": 16}}]}})
        )),
        [17, 18, 19]
    );
}

#[test]
fn answers_carry_payloads_and_vectors_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard(folder.path());
    let request = json!({"query": [1.0, 0.0], "using": "d", "limit": 1, "with_payload": ["parity"], "with_vector": ["d", "s"]});
    let answer: Value =
        serde_json::from_str(&query(&shard, &request.to_string()).unwrap()).unwrap();
    let point = &answer["points"][0];
    assert_eq!(point["payload"], json!({"parity": "even"}));
    assert_eq!(
        point["vector"],
        json!({"d": [12.0, 1.0], "s": {"indices": [12], "values": [1.0]}})
    );
    assert!(point["version"].as_u64().unwrap() > 0 || point["version"] == 0);
    // Floats are printed as float32.
    shard
        .upsert(&batch(
            &[number(99)],
            vec![("vector.d", dense(2, &[Some(vec![0.1, 0.0])]))],
        ))
        .unwrap();
    let text = query(
        &shard,
        r#"{"filter":{"must":[{"has_id":[99]}]},"with_vector":true}"#,
    )
    .unwrap();
    assert!(text.contains(r#""vector":{"d":[0.1,0.0]}"#), "{text}");
}

#[test]
fn the_other_queries_answer() {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard(folder.path());
    for strategy in [
        json!(null),
        json!("average_vector"),
        json!("best_score"),
        json!("sum_scores"),
    ] {
        let request = json!({"query": {"recommend": {"positive": [11, [3.0, 1.0]], "negative": [0], "strategy": strategy}},
                             "using": "d", "limit": 1});
        assert_eq!(ids(ask(&shard, request)), [12], "{strategy}");
    }
    let context = json!([{"positive": 10, "negative": 1}]);
    assert_eq!(
        ids(ask(
            &shard,
            json!({"query": {"discover": {"target": 5, "context": context}}, "using": "d", "limit": 1})
        )),
        [12]
    );
    assert_eq!(
        ask(
            &shard,
            json!({"query": {"context": context}, "using": "d", "limit": 3})
        )
        .unwrap()
        .len(),
        3
    );
    assert_eq!(
        ask(&shard, json!({"query": {"sample": "random"}, "limit": 100}))
            .unwrap()
            .len(),
        20
    );
    let mmr = json!({"query": {"nearest": [1.0, 0.0], "mmr": {"diversity": 0.0, "candidates_limit": 5}}, "using": "d", "limit": 2});
    assert_eq!(ids(ask(&shard, mmr)), [12, 11]);
    let prefetch = json!([{"query": [1.0, 0.0], "using": "d", "limit": 2},
                          {"query": {"indices": [11], "values": [1.0]}, "using": "s", "limit": 2}]);
    for fusion in [
        json!({"fusion": "rrf"}),
        json!({"rrf": {"k": 3, "weights": [1.0, 5.0]}}),
    ] {
        assert_eq!(
            ids(ask(
                &shard,
                json!({"prefetch": prefetch, "query": fusion, "limit": 1})
            )),
            [11],
            "{fusion}"
        );
    }
    assert_eq!(
        ids(ask(
            &shard,
            json!({"prefetch": prefetch, "query": {"fusion": "dbsf"}, "limit": 9})
        ))
        .len(),
        2
    );
    create_index(&shard, "n", &json!("integer")).unwrap();
    let ordered = json!({"query": {"order_by": {"key": "n", "direction": "desc"}}, "limit": 2});
    assert_eq!(ids(ask(&shard, ordered)), [19, 18]);
}

#[test]
fn bad_queries_are_refused_by_kind() {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard(folder.path());
    let refused = |request: Value| ask(&shard, request).unwrap_err();
    assert_eq!(query(&shard, "{").unwrap_err().kind, Kind::Usage);
    let error = refused(json!({"query": [1.0, 2.0, 3.0], "using": "d"}));
    assert_eq!(
        (error.kind, error.message.as_str()),
        (
            Kind::Incompatible,
            "Vector dimension error: expected dim: 2, got 3"
        )
    );
    assert_eq!(
        refused(json!({"query": [1.0], "using": "x"})).kind,
        Kind::Incompatible
    );
    assert_eq!(
        refused(json!({"query": 77, "using": "d"})).kind,
        Kind::NotFound
    );
    assert_eq!(
        refused(json!({"query": 19, "using": "d"})).kind,
        Kind::NotFound
    ); // it lacks that vector
    assert_eq!(
        refused(json!({"query": {"formula": {}}})).kind,
        Kind::Incompatible
    );
    assert_eq!(
        refused(json!({"query": {"order_by": "n"}})).kind,
        Kind::Usage
    ); // no index
    assert_eq!(
        refused(json!({"filter": {"must": [{"key": "a b", "match": {"value": 1}}]}})).kind,
        Kind::Usage
    );
    assert_eq!(
        refused(json!({"limit": "many"})).message.split(':').next(),
        Some("'limit'")
    );
}

#[test]
fn points_are_counted_and_faceted() {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard(folder.path());
    assert_eq!(count(&shard, "{}").unwrap(), 20);
    let odd = r#"{"filter":{"must":[{"key":"parity","match":{"value":"odd"}}]},"exact":true}"#;
    assert_eq!(count(&shard, odd).unwrap(), 10);
    assert_eq!(
        facet(&shard, r#"{"key":"parity"}"#).unwrap_err().kind,
        Kind::Usage
    );
    create_index(&shard, "parity", &json!("keyword")).unwrap();
    create_index(&shard, "parity", &json!("keyword")).unwrap();
    assert_eq!(
        facet(&shard, r#"{"key":"parity","exact":true}"#).unwrap(),
        r#"{"hits":[{"value":"even","count":10},{"value":"odd","count":10}]}"#
    );
    assert_eq!(
        shard.info().unwrap()["payload_schema"]["parity"],
        json!({"data_type": "keyword", "points": 20})
    );
    delete_index(&shard, "parity").unwrap();
    assert_eq!(shard.info().unwrap()["payload_schema"], json!({}));
    let error = create_index(&shard, "parity", &json!({"type": "hologram"})).unwrap_err();
    assert_eq!(error.kind, Kind::Incompatible);
    assert_eq!(
        create_index(&shard, "a b", &json!("keyword"))
            .unwrap_err()
            .kind,
        Kind::Usage
    );
}

#[test]
fn payloads_and_vectors_are_changed_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard(folder.path());
    let run = |operation: Value| apply(&shard, &operation.to_string());
    let payload = |id: usize| payload_of(&all(&shard), id).map(str::to_string);

    run(json!({"set_payload": {"payload": {"a": {"b": 1}}, "points": [0]}})).unwrap();
    run(json!({"set_payload": {"payload": {"c": 2.0}, "key": "a", "points": [0]}})).unwrap();
    assert_eq!(
        payload(0).unwrap(),
        r#"{"a":{"b":1,"c":2.0},"n":0,"parity":"even"}"#
    );
    run(json!({"overwrite_payload": {"payload": {"x": 1}, "filter": {"must": [{"key": "n", "match": {"value": 1}}]}}})).unwrap();
    assert_eq!(payload(1).unwrap(), r#"{"x":1}"#);
    run(json!({"delete_payload": {"keys": ["a", "n"], "points": [0]}})).unwrap();
    assert_eq!(payload(0).unwrap(), r#"{"parity":"even"}"#);
    run(json!({"clear_payload": {"points": [2]}})).unwrap();
    run(json!({"clear_payload": {"filter": {"must": [{"has_id": [3]}]}}})).unwrap();
    assert_eq!((payload(2), payload(3)), (None, None));

    run(json!({"update_vectors": {"points": [{"id": 19, "vector": {"d": [5.0, 5.0], "s": {"indices": [9, 4], "values": [1.0, 2.0]}}}]}}))
        .unwrap();
    assert_eq!(
        ids(ask(
            &shard,
            json!({"query": [0.0, 1.0], "using": "d", "limit": 1})
        )),
        [19]
    );
    run(json!({"delete_vectors": {"vector": ["d"], "points": [19]}})).unwrap();
    assert_ne!(
        ids(ask(
            &shard,
            json!({"query": [0.0, 1.0], "using": "d", "limit": 1})
        )),
        [19]
    );
    run(json!({"delete": {"filter": {"must": [{"key": "n", "range": {"gte": 15}}]}}})).unwrap();
    run(json!({"delete": {"points": [4]}})).unwrap();
    assert_eq!(count(&shard, "{}").unwrap(), 14);

    assert_eq!(run(json!({"levitate": {}})).unwrap_err().kind, Kind::Usage);
    assert_eq!(
        run(json!({"delete": {}})).unwrap_err().message,
        "an operation needs 'points' or 'filter'"
    );
    assert_eq!(
        run(json!({"set_payload": {"points": [1]}}))
            .unwrap_err()
            .message,
        "'payload' is missing"
    );
    let error = run(json!({"update_vectors": {"points": [{"id": 1, "vector": {"d": [1.0]}}]}}))
        .unwrap_err();
    assert_eq!(
        (error.kind, error.message.split(':').next()),
        (Kind::Incompatible, Some("point 1"))
    );
    let twice = json!({"update_vectors": {"points": [{"id": 1, "vector": {"s": {"indices": [1, 1], "values": [1.0, 2.0]}}}]}});
    assert_eq!(run(twice).unwrap_err().kind, Kind::Usage);
}
