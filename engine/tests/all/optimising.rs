//! Merging and indexing: progress, cancel, and the folder meanwhile.

use std::time::{Duration, Instant};

use serde_json::json;
use vecferry_engine::{Kind, Shard, ShardConfig, optimise, pack_snapshot};

use crate::support::*;

fn indexed_config() -> ShardConfig {
    ShardConfig::from_value(&json!({"config": {
        "params": {"vectors": {"size": 64, "distance": "Dot"}},
        "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10, "max_indexing_threads": 1},
        "optimizer_config": {"indexing_threshold": 100, "default_segment_number": 1},
    }}))
    .unwrap()
}

fn filled(folder: &std::path::Path, points: u64) -> Shard {
    filled_with(folder, &indexed_config(), points)
}

fn filled_with(folder: &std::path::Path, config: &ShardConfig, points: u64) -> Shard {
    let shard = Shard::create(folder, config).unwrap();
    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / 16_777_216.0 - 0.5
    };
    let ids = numbers(0..points);
    for part in ids.chunks(1000) {
        let vectors: Vec<_> = part
            .iter()
            .map(|_| Some((0..64).map(|_| random()).collect()))
            .collect();
        shard
            .upsert(&batch(part, vec![("vector", dense(64, &vectors))]))
            .unwrap();
    }
    shard
}

#[test]
fn optimising_indexes_everything_and_tells() {
    let folder = tempfile::tempdir().unwrap();
    let shard = filled(folder.path(), 2000);
    let mut heard = Vec::new();
    optimise(&shard, &mut |done, total| {
        heard.push((done, total));
        true
    })
    .unwrap();
    assert_eq!(heard.last(), Some(&(2000, 2000)));
    assert_eq!(shard.info().unwrap()["indexed_vectors_count"], 2000);
    assert_eq!(ids_of(&all(&shard)), numbers(0..2000));
}

/// The collection's own setting is what a server compares; ours is for this machine alone.
#[test]
fn fewer_threads_leave_no_trace_in_the_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = indexed_config();
    for vector in config.edge.vectors.values_mut() {
        vector.hnsw_config = config.edge.hnsw_config.map(|mut hnsw| {
            hnsw.max_indexing_threads = 2;
            hnsw
        });
    }
    config.indexing_threads = std::num::NonZeroUsize::new(1);
    let shard = filled_with(folder.path(), &config, 2000);
    optimise(&shard, &mut |_, _| true).unwrap();
    assert_eq!(shard.info().unwrap()["indexed_vectors_count"], 2000);
    drop(shard);
    let mut indexed = 0;
    for segment in std::fs::read_dir(folder.path().join("segments")).unwrap() {
        let state = segment.unwrap().path().join("segment.json");
        let state: serde_json::Value =
            serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
        let index = &state["config"]["vector_data"][""]["index"];
        if index["type"] == "hnsw" {
            assert_eq!(index["options"]["max_indexing_threads"], 2);
            indexed += 1;
        }
    }
    assert_eq!(indexed, 1);
}

#[test]
fn a_cancel_returns_at_once_and_the_shard_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let shard = filled(folder.path(), 20_000);
    let start = Instant::now();
    let error = optimise(&shard, &mut |_, _| false).unwrap_err();
    assert_eq!(error.kind, Kind::Cancelled);
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    // The background is at work: another run, a pack and a second open of the folder are refused.
    assert_eq!(
        optimise(&shard, &mut |_, _| true).unwrap_err().kind,
        Kind::Conflict
    );
    let file = folder.path().join("x.snapshot");
    assert_eq!(
        pack_snapshot(&shard, &file, 0, &mut |_, _| true)
            .unwrap_err()
            .kind,
        Kind::Conflict
    );
    // Reads and writes go on.
    shard
        .upsert(&batch(
            &[number(30_000)],
            vec![("vector", dense(64, &[Some(vec![1.0; 64])]))],
        ))
        .unwrap();
    assert_eq!(all(&shard).column(0).len(), 20_001);
    drop(shard);
    assert!(matches!(Shard::open(folder.path(), None), Err(error) if error.kind == Kind::Conflict));
    // Until it is done.
    let deadline = Instant::now() + Duration::from_secs(120);
    let shard = loop {
        match Shard::open(folder.path(), None) {
            Ok(shard) => break shard,
            Err(error) => {
                assert_eq!(error.kind, Kind::Conflict);
                assert!(Instant::now() < deadline, "the background did not end");
                std::thread::yield_now();
            }
        }
    };
    assert_eq!(all(&shard).column(0).len(), 20_001);
    assert!(
        shard.info().unwrap()["indexed_vectors_count"]
            .as_u64()
            .unwrap()
            >= 20_000
    );
}

#[test]
fn what_a_killed_optimise_left_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 10));
    let rest = folder.path().join("temp_segments/half");
    std::fs::create_dir_all(&rest).unwrap();
    drop(Shard::open(folder.path(), None).unwrap());
    assert!(!rest.exists());
}
