//! How fast one shard takes points in and gives them out:
//! `cargo run --release --example speed -- [POINTS] [DIM]`. Prints a line a step.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::builder::{FixedSizeBinaryBuilder, LargeStringBuilder, UInt64Builder};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, StructArray};
use arrow_schema::{DataType, Field, Fields};
use vecferry_engine::{Scan, Shard, ShardConfig, pack_snapshot, scan, unpack_snapshot};

const BATCH: usize = 2_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let points: usize = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let dim: usize = arguments.next().map_or(Ok(384), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let batches: Vec<StructArray> = (0..points)
        .step_by(BATCH)
        .map(|first| batch(first, BATCH.min(points - first), dim))
        .collect::<Result<_, _>>()?;

    for wal in [true, false] {
        let config = format!(
            r#"{{"config":{{"params":{{"vectors":{{"size":{dim},"distance":"Dot"}}}},
                "optimizer_config":{{"indexing_threshold":0}}}},"engine":{{"wal":{wal}}}}}"#
        );
        let path = folder.path().join(format!("wal-{wal}"));
        let start = Start::now();
        let shard = Shard::create(&path, &ShardConfig::parse(&config)?)?;
        report(&format!("create, wal {wal}"), 0, start);
        let start = Start::now();
        for batch in &batches {
            shard.upsert(batch)?;
        }
        report(&format!("upsert, wal {wal}"), points, start);
        let start = Start::now();
        shard.flush()?;
        report("flush", points, start);
        measure_scans(&shard, points)?;
        let start = Start::now();
        drop(shard);
        report("close", points, start);
        let start = Start::now();
        let shard = Shard::open(&path, None)?;
        report("open", points, start);
        measure_scans(&shard, points)?; // pages are mapped anew
        measure_scans(&shard, points)?;
        if !wal {
            let file = folder.path().join("shard.snapshot");
            let start = Start::now();
            let summary = pack_snapshot(&shard, &file, 0, &mut |_, _| true)?;
            report(&format!("pack {summary}"), points, start);
            let start = Start::now();
            unpack_snapshot(&file, &folder.path().join("unpacked"), &mut |_, _| true)?;
            report("unpack", points, start);
        }
    }
    Ok(())
}

fn measure_scans(shard: &Shard, points: usize) -> Result<(), Box<dyn Error>> {
    for (what, vectors, with_payload) in [
        ("scan", None, true),
        ("scan without payload", None, false),
        ("scan without vectors", Some(Vec::new()), true),
        ("scan of ids", Some(Vec::new()), false),
    ] {
        let start = Start::now();
        let mut request = Scan {
            vectors,
            with_payload,
            ..Scan::default()
        };
        let (mut rows, mut count) = (0, 0);
        loop {
            let (batch, next) = scan(shard, &request)?;
            rows += batch.len();
            count += 1;
            match next {
                Some(next) => request.from = Some(next),
                None => break,
            }
        }
        if rows != points {
            return Err(format!("{what} gave {rows} points of {points}").into());
        }
        report(&format!("{what}, {count} batches"), points, start);
    }
    Ok(())
}

struct Start(Instant, f64);

impl Start {
    fn now() -> Self {
        Self(Instant::now(), cpu_seconds())
    }
}

/// Processor time of all threads so far: what a step costs, however busy the machine is.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|text| text.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn report(what: &str, points: usize, start: Start) {
    let Start(time, cpu) = start;
    let (seconds, cpu) = (time.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let rate = |seconds: f64| points as f64 / seconds.max(0.01);
    println!(
        "{what:44} {seconds:8.3} s {:10.0} points/s {cpu:8.2} s of processor {:10.0} points/s",
        rate(seconds),
        rate(cpu)
    );
}

/// Points that follow each other, with numbers from a small generator and a payload of five fields.
fn batch(first: usize, rows: usize, dim: usize) -> Result<StructArray, Box<dyn Error>> {
    let mut ids = UInt64Builder::new();
    let mut uuids = FixedSizeBinaryBuilder::new(16);
    let mut payloads = LargeStringBuilder::new();
    let mut values = Vec::with_capacity(rows * dim);
    let mut state = first as u64 + 1;
    for row in first..first + rows {
        ids.append_value(row as u64);
        uuids.append_null();
        payloads.append_value(format!(
            r#"{{"author":"person {}","price":{}.5,"published":true,"section":"section {}","title":"The title of document number {row}"}}"#,
            row % 97, row % 1000, row % 13
        ));
        for _ in 0..dim {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            values.push((state >> 40) as f32 / 16_777_216.0 - 0.5);
        }
    }
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vectors = FixedSizeListArray::try_new(
        item,
        i32::try_from(dim)?,
        Arc::new(Float32Array::from(values)),
        None,
    )?;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(ids.finish())),
        ("uuid", Arc::new(uuids.finish())),
        ("vector", Arc::new(vectors)),
        ("payload", Arc::new(payloads.finish())),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(StructArray::try_new(Fields::from(fields), columns, None)?)
}
