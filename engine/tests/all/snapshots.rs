//! Snapshots in and out.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use arrow_array::Array;
use serde_json::{Value, json};
use vecferry_engine::{
    Kind, Result, Shard, ShardConfig, apply, create_index, optimise, pack_snapshot, query,
    unpack_snapshot,
};

use crate::support::*;

fn unpack(file: &Path, target: &Path) -> Result<Value> {
    unpack_snapshot(file, target, &mut |_, _| true)
}

fn opened(target: &Path, summary: &Value) -> Vec<Shard> {
    let config = match &summary["config"] {
        Value::Null => None,
        _ => Some(ShardConfig::from_value(summary).unwrap()),
    };
    let shards = summary["shards"].as_array().unwrap();
    shards
        .iter()
        .map(|shard| {
            Shard::open(
                &target.join(shard["path"].as_str().unwrap()),
                config.as_ref(),
            )
            .unwrap()
        })
        .collect()
}

/// A recorded snapshot, decompressed into a folder.
fn plain(name: &str, folder: &Path) -> Option<PathBuf> {
    let file = folder.join("plain.snapshot");
    let source = fs::File::open(recorded(name)?).unwrap();
    zstd::stream::copy_decode(source, fs::File::create(&file).unwrap()).unwrap();
    Some(file)
}

const RICH: &str = "packages_rich-1.18.3.snapshot.zst";
const RICH_SHARDS: [&str; 2] = [
    "packages_rich-shard-0-1.18.3.snapshot.zst",
    "packages_rich-shard-1-1.18.3.snapshot.zst",
];

#[test]
fn a_recorded_collection_opens() {
    let Some(file) = recorded("packages-1.18.3.snapshot.zst") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut heard = Vec::new();
    let summary = unpack_snapshot(&file, folder.path(), &mut |done, total| {
        heard.push((done, total));
        true
    })
    .unwrap();
    let size = fs::metadata(&file).unwrap().len();
    assert_eq!(heard.last(), Some(&(size, size)));
    assert_eq!(summary["kind"], "collection");
    assert_eq!(summary["shards"][0]["replica_state"]["is_local"], true);
    let shards = opened(folder.path(), &summary);
    let [shard] = shards.as_slice() else {
        panic!("{summary}")
    };
    let found = all(shard);
    assert_eq!(found.len(), 3000);
    assert_eq!(found.column_by_name("vector").unwrap().null_count(), 0);
    let info = shard.info().unwrap();
    let schema = info["payload_schema"].as_object().unwrap();
    for path in summary["payload_schema"].as_object().unwrap().keys() {
        assert!(schema.contains_key(path), "{path}");
    }
    assert_eq!(schema.len(), 3);
    assert!(info["indexed_vectors_count"].as_u64().unwrap() > 0);
    // A point is the nearest of its own vector's neighbours' neighbours: the index works.
    let id = ids_of(&found)[0];
    let answer: Value = serde_json::from_str(
        &query(
            shard,
            &json!({"query": id, "limit": 3, "with_payload": true}).to_string(),
        )
        .unwrap(),
    )
    .unwrap();
    assert_eq!(answer["points"].as_array().unwrap().len(), 3);
}

#[test]
fn a_recorded_collection_of_two_shards_opens_and_equals_its_shard_snapshots() {
    let Some(file) = recorded(RICH) else { return };
    let folder = tempfile::tempdir().unwrap();
    let summary = unpack(&file, &folder.path().join("all")).unwrap();
    let whole = opened(&folder.path().join("all"), &summary);
    assert_eq!(
        whole
            .iter()
            .map(|shard| all(shard).len())
            .collect::<Vec<_>>(),
        [333, 267]
    );
    for (index, name) in RICH_SHARDS.into_iter().enumerate() {
        let Some(file) = recorded(name) else { return };
        let target = folder.path().join(format!("shard-{index}"));
        let summary = unpack(&file, &target).unwrap();
        assert_eq!(
            (&summary["kind"], &summary["config"]),
            (&json!("shard"), &Value::Null)
        );
        let shards = opened(&target, &summary);
        let (alone, beside) = (all(&shards[0]), all(&whole[index]));
        assert_eq!(ids_of(&alone), ids_of(&beside));
        for (left, right) in alone.columns().iter().zip(beside.columns()) {
            assert_eq!(left.as_ref(), right.as_ref());
        }
        // The config that the engine derives names the same vectors as the collection's.
        let derived = shards[0].info().unwrap();
        assert_eq!(derived["vectors"], whole[index].info().unwrap()["vectors"]);
    }
}

#[test]
fn a_cut_or_changed_snapshot_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = plain(RICH_SHARDS[0], folder.path()) else {
        return;
    };
    let bytes = fs::read(&file).unwrap();
    let target = folder.path().join("target");
    let refuse = |bytes: &[u8], kind: Kind| {
        let cut = folder.path().join("cut.snapshot");
        fs::write(&cut, bytes).unwrap();
        let error = unpack(&cut, &target).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(
            error.message.starts_with("cannot unpack the snapshot"),
            "{error}"
        );
        assert!(!target.exists(), "{error}");
    };
    let end = bytes.len();
    for size in [
        0,
        1,
        511,
        512,
        513,
        1024,
        60_000,
        end / 2,
        end - 5000,
        end - 1025,
        end - 1024,
        end - 1023,
        end - 512,
        end - 1,
    ] {
        refuse(&bytes[..size], Kind::Corrupt);
    }
    // Cut at each member's end, where a tar looks whole but for its end.
    let mut archive = tar::Archive::new(bytes.as_slice());
    let ends: Vec<u64> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().raw_header_position())
        .collect();
    for position in ends {
        refuse(&bytes[..position as usize], Kind::Corrupt);
    }
    refuse(&[bytes.as_slice(), &[0; 512], b"x"].concat(), Kind::Corrupt);
    refuse(b"{\"result\": \"not a tar\"}", Kind::Corrupt);
    refuse(&vec![0; 10_240], Kind::Corrupt);
    let mut flipped = bytes.clone();
    flipped[3] ^= 0x20; // in the name: the header's sum is wrong
    refuse(&flipped, Kind::Corrupt);
    let packed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
    refuse(&packed[..packed.len() / 2], Kind::Corrupt);
    // And whole it opens, also with the padding that other tars write.
    fs::write(
        folder.path().join("cut.snapshot"),
        [bytes.as_slice(), &vec![0; 9000]].concat(),
    )
    .unwrap();
    unpack(&folder.path().join("cut.snapshot"), &target).unwrap();
    // Not into a folder that holds something.
    assert_eq!(unpack(&file, &target).unwrap_err().kind, Kind::Exists);
    assert_eq!(
        unpack(&folder.path().join("none"), &folder.path().join("t"))
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
}

#[test]
fn a_cancel_stops_an_unpack() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = plain("packages-1.18.3.snapshot.zst", folder.path()) else {
        return;
    };
    let target = folder.path().join("target");
    fs::create_dir(&target).unwrap();
    let error = unpack_snapshot(&file, &target, &mut |_, _| false).unwrap_err();
    assert_eq!(error.kind, Kind::Cancelled);
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
}

/// A tar of these members, whose names need not be decent.
fn tar_of(members: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, content) in members {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if kind.is_symlink() {
            header.set_link_name("/etc").unwrap();
        }
        header.set_cksum();
        out.write_all(header.as_bytes()).unwrap();
        out.write_all(content).unwrap();
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

#[test]
fn hostile_and_foreign_archives_are_refused() {
    use tar::EntryType as Type;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("in/target");
    let try_it = |members: &[(&str, Type, &[u8])]| {
        let file = folder.path().join("made.snapshot");
        fs::write(&file, tar_of(members)).unwrap();
        let error = unpack(&file, &target).unwrap_err();
        assert!(!target.exists());
        error
    };
    for name in [
        "../x",
        "segments/../../x",
        "/tmp/x",
        "segments/a/files/../../../../x",
        "..",
        "./",
    ] {
        let error = try_it(&[(name, Type::Regular, b"x")]);
        assert_eq!(error.kind, Kind::Corrupt, "{name}: {error}");
        assert!(
            error.message.contains("would leave the folder"),
            "{name}: {error}"
        );
    }
    assert!(!folder.path().join("x").exists() && !folder.path().join("in/x").exists());
    let inner = tar_of(&[("snapshot/files/../../../../x", Type::Regular, b"x")]);
    let error = try_it(&[("segments/a.tar", Type::Regular, &inner)]);
    assert!(
        error.message.contains("member 'segments/a.tar'") && error.message.contains("would leave"),
        "{error}"
    );
    for kind in [Type::Symlink, Type::Link, Type::Fifo, Type::Char] {
        let error = try_it(&[("segments/a/files/x", kind, b"")]);
        assert!(
            error.kind == Kind::Corrupt && error.message.contains("is of type"),
            "{error}"
        );
    }
    let cut_inner = &inner[..700];
    assert_eq!(
        try_it(&[("segments/a.tar", Type::Regular, cut_inner)]).kind,
        Kind::Corrupt
    );
    assert!(
        try_it(&[("a", Type::Regular, b"1"), ("a", Type::Regular, b"2")])
            .message
            .contains("'")
    );
    assert!(
        try_it(&[("hello.txt", Type::Regular, b"x")])
            .message
            .contains("not a snapshot of Qdrant")
    );
    let error = try_it(&[(
        "config.json",
        Type::Regular,
        br#"{"collections_mapping":{}}"#,
    )]);
    assert_eq!(error.kind, Kind::Incompatible);
    for version in [&b"0.5.0"[..], b"1.19.0", b"", b"nonsense"] {
        let error = try_it(&[
            ("config.json", Type::Regular, b"{}"),
            ("version.info", Type::Regular, version),
        ]);
        assert!(
            error.kind == Kind::Incompatible && error.message.contains("version.info says"),
            "{error}"
        );
    }
    let error = try_it(&[
        ("config.json", Type::Regular, b"{}"),
        ("version.info", Type::Regular, b"0.4.2"),
    ]);
    assert!(error.message.contains("no shard with points"), "{error}");
    let segment = |version: &[u8]| {
        try_it(&[
            ("segments/a/files/version.info", Type::Regular, version),
            ("segments/a/files/segment.json", Type::Regular, b"{"),
        ])
    };
    assert_eq!(segment(b"0.7.0").kind, Kind::Incompatible);
    assert_eq!(segment(b"0.6.0").kind, Kind::Corrupt);
    let error = try_it(&[("segments/a/files/segment.json", Type::Regular, b"{}")]);
    assert!(error.message.contains("version.info is missing"), "{error}");
    let error = try_it(&[("segments/a/snapshot/db_backup/CURRENT", Type::Regular, b"x")]);
    assert!(
        error.kind == Kind::Incompatible && error.message.contains("RocksDB"),
        "{error}"
    );
}

#[test]
fn a_packed_shard_unpacks_to_the_same_points_and_goes_on_above_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    // A name long enough that its files do not fit the plain header of a tar.
    let long = "s".repeat(150);
    let column = format!("vector.{long}");
    let config = ShardConfig::from_value(&json!({"config": {
        "params": {"vectors": {"d": {"size": 32, "distance": "Dot"}}, "sparse_vectors": {&long: {}}},
        "hnsw_config": {"full_scan_threshold": 10},
        "optimizer_config": {"indexing_threshold": 20},
    }}))
    .unwrap();
    let shard = Shard::create(&folder.path().join("built"), &config).unwrap();
    let ids = numbers(0..1000);
    for part in ids.chunks(100) {
        let rows = part.len();
        let texts: Vec<String> = part
            .iter()
            .map(|id| format!("{{\"name\":\"point {id}\"}}"))
            .collect();
        let texts: Vec<_> = texts.iter().map(|text| Some(text.as_str())).collect();
        let vectors: Vec<_> = (0..rows)
            .map(|row| Some((0..32).map(|n| ((row * 7 + n * 13) % 17) as f32).collect()))
            .collect();
        let sparse_rows: Vec<_> = (0..rows)
            .map(|row| (row % 2 == 0).then(|| vec![(row as u32, 1.0)]))
            .collect();
        shard
            .upsert(&batch(
                part,
                vec![
                    ("vector.d", dense(32, &vectors)),
                    (&column, sparse(&sparse_rows)),
                    ("payload", payloads(&texts)),
                ],
            ))
            .unwrap();
    }
    create_index(&shard, "name", &json!("keyword")).unwrap();
    optimise(&shard, &mut |_, _| true).unwrap();
    apply(
        &shard,
        &json!({"set_payload": {"payload": {"late": true}, "points": [5]}}).to_string(),
    )
    .unwrap();
    apply(&shard, &json!({"delete": {"points": [7]}}).to_string()).unwrap();
    let expected = all(&shard);
    let last = shard.last_operation().unwrap();

    let file = folder.path().join("shard.snapshot");
    let low = pack_snapshot(&shard, &file, last, &mut |_, _| true).unwrap_err();
    assert_eq!(low.kind, Kind::Usage);
    let error = pack_snapshot(&shard, &folder.path().join("no/folder"), 0, &mut |_, _| {
        true
    })
    .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    let summary = pack_snapshot(&shard, &file, 0, &mut |_, _| true).unwrap();
    assert_eq!(
        pack_snapshot(&shard, &file, 0, &mut |_, _| true)
            .unwrap_err()
            .kind,
        Kind::Exists
    );
    let next = summary["next_operation"].as_u64().unwrap();
    assert!(next > last && next.is_multiple_of(1_000_000));
    let size = fs::metadata(&file).unwrap().len();
    assert_eq!(summary["bytes"], size);
    assert!(size < 4_000_000, "holes were packed: {size} bytes");

    // As a server wants it: decent types, the log's part, the replica's state.
    let mut archive = tar::Archive::new(fs::File::open(&file).unwrap());
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let kind = entry.header().entry_type();
        assert!(kind.is_file() || kind.is_gnu_sparse(), "{kind:?}");
        let name = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if name.starts_with("wal/") {
            assert_eq!(
                (name.as_str(), content.len()),
                (format!("wal/closed-{next}").as_str(), 8)
            );
            assert!(content.starts_with(b"wal\0"));
        }
        if name == "replica_state.json" {
            let state: Value = serde_json::from_slice(&content).unwrap();
            assert_eq!(state["is_local"], true);
        }
        names.push(name);
    }
    for wanted in ["shard_config.json", "replica_state.json"] {
        assert!(names.iter().any(|name| name == wanted));
    }
    assert!(
        names
            .iter()
            .any(|name| name.len() > 200 && name.contains(&long)),
        "{names:?}"
    );
    assert!(
        !names
            .iter()
            .any(|name| name.contains("edge_config") || name.contains("journal"))
    );

    drop(shard);
    let target = folder.path().join("unpacked");
    let summary = unpack(&file, &target).unwrap();
    let shards = opened(&target, &summary);
    let again = all(&shards[0]);
    assert_eq!(ids_of(&again), ids_of(&expected));
    for (left, right) in again.columns().iter().zip(expected.columns()) {
        assert_eq!(left.as_ref(), right.as_ref());
    }
    let info = shards[0].info().unwrap();
    assert!(
        info["indexed_vectors_count"].as_u64().unwrap() > 0,
        "{info}"
    );
    assert_eq!(info["payload_schema"]["name"]["data_type"], "keyword");
    // The next write takes the number of the pack's log, and is not passed over.
    apply(
        &shards[0],
        &json!({"set_payload": {"payload": {"x": 1}, "points": [9]}}).to_string(),
    )
    .unwrap();
    let answer = query(
        &shards[0],
        r#"{"filter":{"must":[{"key":"x","match":{"value":1}}]}}"#,
    )
    .unwrap();
    assert!(answer.contains("\"id\":9"), "{answer}");
    assert_eq!(shards[0].last_operation().unwrap(), next);
}

#[test]
fn a_cancel_stops_a_pack_and_removes_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let shard = Shard::create(
        &folder.path().join("built"),
        &config(json!({"vectors": {"size": 2, "distance": "Dot"}}), true),
    )
    .unwrap();
    let wide: Vec<String> = (0..2000)
        .map(|n| format!("{{\"t\":\"{}\"}}", format!("{n} ").repeat(10_000)))
        .collect();
    for (part, texts) in numbers(0..2000).chunks(100).zip(wide.chunks(100)) {
        let texts: Vec<_> = texts.iter().map(|text| Some(text.as_str())).collect();
        shard
            .upsert(&batch(part, vec![("payload", payloads(&texts))]))
            .unwrap();
    }
    let file = folder.path().join("x.snapshot");
    let mut calls = 0;
    let result = pack_snapshot(&shard, &file, 0, &mut |_, _| {
        calls += 1;
        false
    });
    // A machine so fast that a tenth of a second suffices hears of it only at the end.
    if let Err(error) = result {
        assert_eq!((error.kind, calls), (Kind::Cancelled, 1));
        assert!(!file.exists());
    }
}
