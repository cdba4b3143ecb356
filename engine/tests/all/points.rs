//! Points in and out: kinds of vectors, order, limits, what is refused.

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, StructArray};
use serde_json::json;
use vecferry_engine::{Kind, Scan, Shard, retrieve, scan};

use crate::support::*;

fn every_kind(wal: bool) -> vecferry_engine::ShardConfig {
    config(
        json!({
            "vectors": {
                "b": {"size": 3, "distance": "Euclid", "datatype": "uint8"},
                "d": {"size": 2, "distance": "Dot"},
                "h": {"size": 2, "distance": "Manhattan", "datatype": "float16"},
                "m": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
            },
            "sparse_vectors": {"s": {"index": {"datatype": "float16"}}},
        }),
        wal,
    )
}

fn rows_of_every_kind() -> StructArray {
    let ids = [
        number(3),
        number(u64::MAX),
        uuid(1),
        uuid(u128::MAX - 7),
        uuid(u128::MAX),
    ];
    batch(
        &ids,
        vec![
            (
                "vector.b",
                bytes(
                    3,
                    &[Some(vec![0, 1, 255]), None, None, Some(vec![9, 9, 9]), None],
                ),
            ),
            (
                "vector.d",
                dense(
                    2,
                    &[
                        Some(vec![-0.0, 1e-45]),
                        Some(vec![f32::NAN, f32::INFINITY]),
                        None,
                        None,
                        Some(vec![0.1, 3e38]),
                    ],
                ),
            ),
            (
                "vector.h",
                half(
                    2,
                    &[
                        Some(vec![0.5, -65504.0]),
                        None,
                        None,
                        Some(vec![6e-8, 1.0]),
                        None,
                    ],
                ),
            ),
            (
                "vector.m",
                multi(
                    2,
                    &[
                        Some(vec![vec![1.0, 2.0], vec![3.0, 4.0]]),
                        None,
                        None,
                        Some(vec![vec![5.0, 6.0]]),
                        None,
                    ],
                ),
            ),
            (
                "vector.s",
                sparse(&[
                    Some(vec![(0, 0.0), (7, -1.5), (u32::MAX, 2.0)]),
                    None,
                    Some(vec![]),
                    None,
                    Some(vec![(1, 0.25)]),
                ]),
            ),
            (
                "payload",
                payloads(&[
                    Some(r#"{"a":[1,1.0,null,"ä\n"],"b":{"x":18446744073709551615}}"#),
                    None,
                    Some(r#"{"é":0.1}"#),
                    None,
                    Some(r#"{"z":-0.0}"#),
                ]),
            ),
        ],
    )
}

fn assert_same(found: &StructArray, expected: &StructArray) {
    assert_eq!(ids_of(found), ids_of(expected));
    for (name, column) in expected.column_names().into_iter().zip(expected.columns()) {
        let found = found.column_by_name(name).unwrap();
        // Bit by bit: arrays with NaN are not equal to themselves.
        assert_eq!(found.data_type(), column.data_type(), "{name}");
        assert_eq!(format!("{found:?}"), format!("{column:?}"), "{name}");
    }
}

#[test]
fn every_kind_of_vector_comes_back_as_it_went_in() {
    for wal in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let expected = rows_of_every_kind();
        let shard = Shard::create(folder.path(), &every_kind(wal)).unwrap();
        shard.upsert(&expected).unwrap();
        assert_same(&all(&shard), &expected);
        shard.flush().unwrap();
        drop(shard);
        let shard = Shard::open(folder.path(), None).unwrap();
        let found = all(&shard);
        assert_same(&found, &expected);
        assert_eq!(
            found.column_names(),
            [
                "id",
                "uuid",
                "shard_key",
                "vector.b",
                "vector.d",
                "vector.h",
                "vector.m",
                "vector.s",
                "payload"
            ]
        );
    }
}

#[test]
fn slices_are_read_where_they_start() {
    let folder = tempfile::tempdir().unwrap();
    let shard = Shard::create(folder.path(), &every_kind(true)).unwrap();
    let rows = rows_of_every_kind();
    shard.upsert(&rows.slice(3, 2)).unwrap();
    shard.upsert(&rows.slice(0, 1)).unwrap();
    assert_eq!(
        ids_of(&all(&shard)),
        [number(3), uuid(u128::MAX - 7), uuid(u128::MAX)]
    );
    let (page, _) = scan(
        &shard,
        &Scan {
            from: Some(uuid(0)),
            ..everything()
        },
    )
    .unwrap();
    assert_same(&page, &rows.slice(3, 2));
}

#[test]
fn cosine_vectors_are_normalised_as_the_server_does() {
    let folder = tempfile::tempdir().unwrap();
    let shard = Shard::create(
        folder.path(),
        &config(json!({"vectors": {"size": 2, "distance": "Cosine"}}), true),
    )
    .unwrap();
    shard
        .upsert(&batch(
            &[number(1)],
            vec![("vector", dense(2, &[Some(vec![3.0, 4.0])]))],
        ))
        .unwrap();
    let found = all(&shard);
    let values = found
        .column_by_name("vector")
        .unwrap()
        .as_fixed_size_list()
        .value(0);
    assert_eq!(values.as_primitive::<Float32Type>().values(), &[0.6, 0.8]);
}

#[test]
fn an_upsert_replaces_the_whole_point_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = every_kind(true);
    // Small enough a threshold that optimise moves everything into a segment that cannot be appended to.
    let mut optimizers = config.edge.optimizers.clone().unwrap_or_default();
    optimizers.indexing_threshold = Some(1);
    config.edge.optimizers = Some(optimizers);
    let shard = Shard::create(folder.path(), &config).unwrap();
    let ids = numbers(0..600);
    let full = batch(
        &ids,
        vec![
            ("vector.d", dense(2, &vec![Some(vec![1.0, 2.0]); 600])),
            ("vector.s", sparse(&vec![Some(vec![(1, 1.0)]); 600])),
            ("payload", payloads(&vec![Some(r#"{"old":1}"#); 600])),
        ],
    );
    shard.upsert(&full).unwrap();
    vecferry_engine_optimise(&shard);
    let info = shard.info().unwrap();
    assert!(info["segments_count"].as_u64().unwrap() >= 2, "{info}");
    let replacement = batch(
        &[number(5), number(7)],
        vec![("vector.d", dense(2, &[Some(vec![9.0, 9.0]), None]))],
    );
    for _ in 0..2 {
        // The first meets the optimised segment, the second the appendable one.
        shard.upsert(&replacement).unwrap();
        let found = all(&shard);
        assert_eq!(found.len(), 600);
        assert_eq!(payload_of(&found, 5), None);
        assert_eq!(payload_of(&found, 6), Some(r#"{"old":1}"#));
        assert!(found.column_by_name("vector.s").unwrap().is_null(5));
        assert!(found.column_by_name("vector.d").unwrap().is_valid(5));
        assert!(found.column_by_name("vector.d").unwrap().is_null(7));
    }
}

fn vecferry_engine_optimise(shard: &Shard) {
    vecferry_engine::optimise(shard, &mut |_, _| true).unwrap();
}

#[test]
fn pages_cover_everything_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let shard = Shard::create(folder.path(), &plain_config(false)).unwrap();
    let mut ids = numbers(0..1000);
    ids.extend((0..500).map(|index| uuid(index * 77)));
    let mut shuffled = ids.clone();
    shuffled.reverse();
    shuffled.rotate_left(333);
    for part in shuffled.chunks(100) {
        shard.upsert(&plain_points(part)).unwrap();
    }
    for (row_limit, byte_limit) in [
        (0, 0),
        (7, 0),
        (0, 1),
        (0, 2000),
        (1000, 10_000),
        (256, 0),
        (257, 0),
    ] {
        let request = Scan {
            row_limit,
            byte_limit,
            ..everything()
        };
        let pages = pages(&shard, request);
        let found: Vec<_> = pages.iter().flat_map(ids_of).collect();
        assert_eq!(found, ids, "rows {row_limit}, bytes {byte_limit}");
        assert!(pages.iter().all(|page| !page.is_empty()));
        if row_limit > 0 {
            assert!(pages.iter().all(|page| page.len() <= row_limit));
        }
        if byte_limit == 1 {
            assert_eq!(pages.len(), ids.len());
        }
    }
    for (from, to) in [(10, 20), (0, 1000), (999, 1000), (20, 20), (1000, 1002)] {
        let request = Scan {
            from: Some(number(from)),
            to: Some(number(to)),
            ..everything()
        };
        let found: Vec<_> = pages(&shard, request).iter().flat_map(ids_of).collect();
        assert_eq!(found, numbers(from.min(1000)..to.min(1000)));
    }
    let request = Scan {
        from: Some(number(998)),
        to: Some(uuid(155)),
        row_limit: 1,
        ..everything()
    };
    let found: Vec<_> = pages(&shard, request).iter().flat_map(ids_of).collect();
    assert_eq!(
        found,
        [number(998), number(999), uuid(0), uuid(77), uuid(154)]
    );
}

#[test]
fn a_scan_takes_a_filter_and_chosen_columns() {
    let folder = tempfile::tempdir().unwrap();
    let shard = Shard::create(folder.path(), &every_kind(true)).unwrap();
    let ids = numbers(0..300);
    let texts: Vec<String> = (0..300)
        .map(|n| format!("{{\"n\":{n},\"even\":{}}}", n % 2 == 0))
        .collect();
    let texts: Vec<_> = texts.iter().map(|text| Some(text.as_str())).collect();
    let vectors: Vec<_> = (0..300)
        .map(|n| (n % 3 == 0).then(|| vec![n as f32, 0.0]))
        .collect();
    shard
        .upsert(&batch(
            &ids,
            vec![
                ("vector.d", dense(2, &vectors)),
                ("payload", payloads(&texts)),
            ],
        ))
        .unwrap();
    let filter = |json: serde_json::Value| Some(serde_json::from_value(json).unwrap());

    let request = Scan {
        filter: filter(
            json!({"must": [{"key": "even", "match": {"value": true}}, {"key": "n", "range": {"gte": 100}}]}),
        ),
        row_limit: 30,
        ..everything()
    };
    let found: Vec<_> = pages(&shard, request).iter().flat_map(ids_of).collect();
    assert_eq!(found, (100..300).step_by(2).map(number).collect::<Vec<_>>());

    let request = Scan {
        filter: filter(json!({"must": [{"has_vector": "d"}]})),
        ..Scan::default()
    };
    assert_eq!(pages(&shard, request)[0].len(), 100);

    let (page, _) = scan(
        &shard,
        &Scan {
            vectors: Some(vec!["s".into(), "d".into()]),
            ..Scan::default()
        },
    )
    .unwrap();
    assert_eq!(
        page.column_names(),
        ["id", "uuid", "shard_key", "vector.d", "vector.s", "payload"]
    );
    assert_eq!(page.column_by_name("payload").unwrap().null_count(), 300);
    assert_eq!(page.column_by_name("vector.d").unwrap().null_count(), 200);
    let (page, _) = scan(
        &shard,
        &Scan {
            vectors: Some(vec![]),
            ..everything()
        },
    )
    .unwrap();
    assert_eq!(page.column_names(), ["id", "uuid", "shard_key", "payload"]);
    let error = scan(
        &shard,
        &Scan {
            vectors: Some(vec!["x".into()]),
            ..everything()
        },
    )
    .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert!(error.message.contains("'b', 'd', 'h', 'm', 's'"), "{error}");
}

#[test]
fn points_are_found_by_id_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let shard = Shard::create(folder.path(), &plain_config(true)).unwrap();
    let ids = [number(1), number(2), number(3), uuid(4), uuid(5)];
    shard.upsert(&plain_points(&ids)).unwrap();
    let wanted = batch(&[uuid(5), number(2), number(77), uuid(5)], vec![]);
    let found = retrieve(&shard, &wanted, None, true).unwrap();
    assert_eq!(ids_of(&found), [number(2), uuid(5)]);
    assert_eq!(payload_of(&found, 0), Some(r#"{"n":2}"#));
    shard.remove(&wanted).unwrap();
    shard.remove(&batch(&[], vec![])).unwrap();
    assert_eq!(ids_of(&all(&shard)), [number(1), number(3), uuid(4)]);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let shard = Shard::create(folder.path(), &every_kind(true)).unwrap();
    let two = [number(1), number(2)];
    let refuse = |kind: Kind, text: &str, batch: StructArray| {
        let error = shard.upsert(&batch).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(text), "{error}");
    };
    refuse(
        Kind::Incompatible,
        "column 'vector.d'",
        batch(
            &two,
            vec![("vector.d", dense(3, &[Some(vec![1.0; 3]), None]))],
        ),
    );
    refuse(
        Kind::Incompatible,
        "no column 'vector'",
        batch(&two, vec![("vector", dense(2, &[None, None]))]),
    );
    refuse(
        Kind::Incompatible,
        "'vector.h'",
        batch(&two, vec![("vector.h", dense(2, &[None, None]))]),
    );
    refuse(
        Kind::Usage,
        "row 1 (point 2): column 'vector.s': sparse indices must ascend",
        batch(
            &two,
            vec![(
                "vector.s",
                sparse(&[Some(vec![(1, 1.0)]), Some(vec![(5, 1.0), (5, 2.0)])]),
            )],
        ),
    );
    refuse(
        Kind::Usage,
        "row 0 (point 1): column 'vector.m': a multivector needs",
        batch(&two, vec![("vector.m", multi(2, &[Some(vec![]), None]))]),
    );
    for text in ["[1]", "{", "nul", "{\"a\":1} x"] {
        refuse(
            Kind::Usage,
            "row 1 (point 2): the payload",
            batch(&two, vec![("payload", payloads(&[None, Some(text)]))]),
        );
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    refuse(
        Kind::Usage,
        "recursion limit",
        batch(&two, vec![("payload", payloads(&[None, Some(&deep)]))]),
    );
    let keys: arrow_array::ArrayRef =
        std::sync::Arc::new(arrow_array::StringArray::from(vec![Some("a"), None]));
    refuse(
        Kind::Incompatible,
        "shard keys",
        batch(&two, vec![("shard_key", keys)]),
    );
    let both = plain_points(&two);
    let (mut columns, id) = (both.columns().to_vec(), both.column(0).clone());
    columns[0] = id.slice(0, 1);
    refuse(
        Kind::Usage,
        "no column 'id'",
        structure(vec![("uuid", both.column(1).clone())], None),
    );
    assert_eq!(all(&shard).len(), 0);
}
