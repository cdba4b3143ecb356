//! Folders: make, open, close, crash; the log and its numbers.

use std::fs;

use serde_json::json;
use vecferry_engine::{Kind, Shard, ShardConfig};

use crate::support::*;

#[test]
fn folders_that_cannot_be_opened_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b");
    assert_eq!(Shard::open(&path, None).unwrap_err_kind(), Kind::NotFound);
    let shard = Shard::create(&path, &plain_config(true)).unwrap();
    assert_eq!(
        Shard::create(&path, &plain_config(true)).unwrap_err_kind(),
        Kind::Exists
    );
    assert_eq!(Shard::open(&path, None).unwrap_err_kind(), Kind::Conflict);
    shard.upsert(&plain_points(&numbers(0..10))).unwrap();
    drop(shard);
    drop(Shard::open(&path, None).unwrap());

    // Other vectors than those stored.
    let other = config(json!({"vectors": {"size": 3, "distance": "Dot"}}), true);
    assert!(Shard::open(&path, Some(&other)).is_err());

    fs::create_dir(folder.path().join("empty")).unwrap();
    assert_eq!(
        Shard::open(&folder.path().join("empty"), None).unwrap_err_kind(),
        Kind::NotFound
    );
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(Shard::open(&file, None).unwrap_err_kind(), Kind::Io);
    assert_eq!(
        Shard::create(&file, &plain_config(true)).unwrap_err_kind(),
        Kind::Io
    );
}

#[test]
fn damaged_files_are_an_error_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound");
    let shard = Shard::create(&sound, &plain_config(true)).unwrap();
    shard.upsert(&plain_points(&numbers(0..100))).unwrap();
    drop(shard);
    let mut tried = 0;
    for file in files_below(&sound.join("segments")) {
        let damaged = folder.path().join(format!("damaged-{tried}"));
        copy_tree(&sound, &damaged);
        let victim = damaged.join(file.strip_prefix(&sound).unwrap());
        let size = fs::metadata(&victim).unwrap().len();
        if size == 0 {
            continue;
        }
        fs::write(&victim, vec![0xff; 3]).unwrap();
        tried += 1;
        match Shard::open(&damaged, None) {
            // Some files are made anew when they are bad, or read only later.
            Ok(shard) => drop(shard),
            Err(error) => {
                assert!(
                    matches!(error.kind, Kind::Corrupt | Kind::Incompatible),
                    "{}: {error}",
                    victim.display()
                );
                assert!(!error.message.is_empty());
            }
        }
    }
    assert!(tried > 5);
    let config = sound.join("edge_config.json");
    fs::write(&config, "{").unwrap();
    assert_eq!(Shard::open(&sound, None).unwrap_err_kind(), Kind::Corrupt);
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn a_crash_keeps_what_was_promised() {
    for wal in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard");
        let shard = Shard::create(&path, &plain_config(wal)).unwrap();
        shard.upsert(&plain_points(&numbers(0..100))).unwrap();
        shard.flush().unwrap();
        shard.upsert(&plain_points(&numbers(100..150))).unwrap();
        // What lies on the disk now is what a killed process leaves.
        let left = folder.path().join("left");
        copy_tree(&path, &left);
        let after = Shard::open(&left, None).unwrap();
        let found = ids_of(&all(&after));
        if wal {
            assert_eq!(found, numbers(0..150));
        } else {
            assert_eq!(found[..100], numbers(0..100));
            assert!(
                after.last_operation().unwrap() > 1 << 20,
                "{:?}",
                after.last_operation()
            );
        }
        // And it takes writes to the points that it has.
        after
            .upsert(&batch(
                &[number(5)],
                vec![("payload", payloads(&[Some(r#"{"new":1}"#)]))],
            ))
            .unwrap();
        assert_eq!(payload_of(&all(&after), 5), Some(r#"{"new":1}"#));
    }
}

#[test]
fn a_shard_changes_between_with_and_without_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let shard = Shard::create(folder.path(), &plain_config(false)).unwrap();
    for part in numbers(0..500).chunks(10) {
        shard.upsert(&plain_points(part)).unwrap();
    }
    drop(shard);
    let mut last = 0;
    for (round, wal) in [true, false, true, true, false, false, true]
        .into_iter()
        .enumerate()
    {
        let shard = Shard::open(folder.path(), Some(&plain_config(wal))).unwrap();
        assert_eq!(shard.info().unwrap()["wal"], json!(wal));
        assert_eq!(folder.path().join("wal").exists(), wal);
        assert_eq!(ids_of(&all(&shard)), numbers(0..500));
        // A write to an old point is not taken for an older one.
        let text = format!("{{\"round\":{round}}}");
        shard
            .upsert(&batch(
                &[number(7)],
                vec![("payload", payloads(&[Some(&text)]))],
            ))
            .unwrap();
        assert_eq!(payload_of(&all(&shard), 7), Some(text.as_str()));
        shard.flush().unwrap();
        let now = shard.last_operation().unwrap();
        assert!(now > last, "round {round}: {now} after {last}");
        last = now;
    }
}

#[test]
fn a_shard_that_lost_its_log_still_takes_writes() {
    for rest in ["nothing", "an empty folder"] {
        let folder = tempfile::tempdir().unwrap();
        let shard = Shard::create(folder.path(), &plain_config(true)).unwrap();
        for part in numbers(0..100).chunks(10) {
            shard.upsert(&plain_points(part)).unwrap();
        }
        drop(shard);
        fs::remove_dir_all(folder.path().join("wal")).unwrap();
        if rest != "nothing" {
            fs::create_dir(folder.path().join("wal")).unwrap();
        }
        let shard = Shard::open(folder.path(), None).unwrap();
        shard
            .upsert(&batch(
                &[number(99)],
                vec![("payload", payloads(&[Some("{\"a\":1}")]))],
            ))
            .unwrap();
        assert_eq!(payload_of(&all(&shard), 99), Some("{\"a\":1}"), "{rest}");
    }
}

#[test]
fn the_stored_configuration_is_given_back_and_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let document = json!({
        "config": {
            "params": {
                "vectors": {"a": {"size": 4, "distance": "Cosine", "hnsw_config": {"m": 24}, "on_disk": true}},
                "sparse_vectors": {"s": {"modifier": "idf"}},
                "on_disk_payload": true,
            },
            "hnsw_config": {"m": 8, "ef_construct": 50, "full_scan_threshold": 10000},
            "quantization_config": {"scalar": {"type": "int8", "always_ram": true}},
        },
        "payload_schema": {"k": "keyword", "t": {"type": "text", "tokenizer": "word", "lowercase": true},
                           "n": {"data_type": "integer", "points": 7}},
    });
    let shard = Shard::create(folder.path(), &ShardConfig::from_value(&document).unwrap()).unwrap();
    let info = shard.info().unwrap();
    let config = &info["config"];
    assert_eq!(config["params"]["vectors"]["a"]["hnsw_config"]["m"], 24);
    assert_eq!(config["params"]["vectors"]["a"]["distance"], "Cosine");
    assert_eq!(config["params"]["sparse_vectors"]["s"]["modifier"], "idf");
    assert_eq!(config["hnsw_config"]["m"], 8);
    assert_eq!(config["quantization_config"]["scalar"]["type"], "int8");
    assert_eq!(info["vectors"]["s"]["kind"], "sparse");
    assert_eq!(info["payload_schema"]["k"]["data_type"], "keyword");
    assert_eq!(info["payload_schema"]["t"]["params"]["tokenizer"], "word");
    assert_eq!(info["payload_schema"]["n"]["data_type"], "integer");
    drop(shard);
    // What info says makes the same shard again.
    let again = json!({"config": config, "payload_schema": info["payload_schema"]});
    let second = tempfile::tempdir().unwrap();
    let copy = Shard::create(second.path(), &ShardConfig::from_value(&again).unwrap()).unwrap();
    assert_eq!(copy.info().unwrap()["config"], *config);
    assert_eq!(
        copy.info().unwrap()["payload_schema"],
        info["payload_schema"]
    );
}

trait UnwrapErrKind {
    fn unwrap_err_kind(self) -> Kind;
}

impl UnwrapErrKind for vecferry_engine::Result<Shard> {
    fn unwrap_err_kind(self) -> Kind {
        match self {
            Ok(_) => panic!("it opened"),
            Err(error) => error.kind,
        }
    }
}
