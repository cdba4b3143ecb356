//! Batches and shards for the tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, FixedSizeListBuilder, Float16Builder, Float32Builder, ListBuilder,
    UInt8Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, LargeStringArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{Field, Fields};
use half::f16;
use qdrant_edge::PointId;
use serde_json::{Value, json};
use uuid::Uuid;
use vecferry_engine::{Scan, Shard, ShardConfig, scan};

pub fn uuid(number: u128) -> PointId {
    PointId::Uuid(Uuid::from_u128(number))
}

pub fn number(number: u64) -> PointId {
    PointId::NumId(number)
}

pub fn numbers(range: std::ops::Range<u64>) -> Vec<PointId> {
    range.map(number).collect()
}

pub fn batch(ids: &[PointId], columns: Vec<(&str, ArrayRef)>) -> StructArray {
    let mut number_column = UInt64Builder::new();
    let mut uuid_column = FixedSizeBinaryBuilder::new(16);
    for id in ids {
        match id {
            PointId::NumId(number) => {
                number_column.append_value(*number);
                uuid_column.append_null();
            }
            PointId::Uuid(uuid) => {
                number_column.append_null();
                uuid_column.append_value(uuid.as_bytes()).unwrap();
            }
        }
    }
    let mut all: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(number_column.finish())),
        ("uuid", Arc::new(uuid_column.finish())),
    ];
    all.extend(columns);
    structure(all, None)
}

pub fn structure(columns: Vec<(&str, ArrayRef)>, nulls: Option<NullBuffer>) -> StructArray {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    StructArray::try_new(Fields::from(fields), columns, nulls).unwrap()
}

pub fn dense(dim: i32, rows: &[Option<Vec<f32>>]) -> ArrayRef {
    let mut builder = FixedSizeListBuilder::new(Float32Builder::new(), dim);
    for row in rows {
        let values = row.clone().unwrap_or_else(|| vec![0.0; dim as usize]);
        builder.values().append_slice(&values);
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

pub fn half(dim: i32, rows: &[Option<Vec<f32>>]) -> ArrayRef {
    let mut builder = FixedSizeListBuilder::new(Float16Builder::new(), dim);
    for row in rows {
        for value in row.clone().unwrap_or_else(|| vec![0.0; dim as usize]) {
            builder.values().append_value(f16::from_f32(value));
        }
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

pub fn bytes(dim: i32, rows: &[Option<Vec<u8>>]) -> ArrayRef {
    let mut builder = FixedSizeListBuilder::new(UInt8Builder::new(), dim);
    for row in rows {
        builder
            .values()
            .append_slice(&row.clone().unwrap_or_else(|| vec![0; dim as usize]));
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

pub fn multi(dim: i32, rows: &[Option<Vec<Vec<f32>>>]) -> ArrayRef {
    let mut builder = ListBuilder::new(FixedSizeListBuilder::new(Float32Builder::new(), dim));
    for row in rows {
        for vector in row.iter().flatten() {
            builder.values().values().append_slice(vector);
            builder.values().append(true);
        }
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

pub fn sparse(rows: &[Option<Vec<(u32, f32)>>]) -> ArrayRef {
    let mut indices = ListBuilder::new(UInt32Builder::new());
    let mut values = ListBuilder::new(Float32Builder::new());
    for row in rows {
        for (index, value) in row.iter().flatten() {
            indices.values().append_value(*index);
            values.values().append_value(*value);
        }
        indices.append(row.is_some());
        values.append(row.is_some());
    }
    let nulls = NullBuffer::from(rows.iter().map(Option::is_some).collect::<Vec<_>>());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("indices", Arc::new(indices.finish())),
        ("values", Arc::new(values.finish())),
    ];
    Arc::new(structure(
        columns,
        Some(nulls).filter(|nulls| nulls.null_count() > 0),
    ))
}

pub fn payloads(rows: &[Option<&str>]) -> ArrayRef {
    Arc::new(LargeStringArray::from(rows.to_vec()))
}

/// A shard of points with one unnamed vector of two dimensions, [id, 1], and a payload {"n": id}.
pub fn plain_config(wal: bool) -> ShardConfig {
    config(json!({"vectors": {"size": 2, "distance": "Dot"}}), wal)
}

pub fn config(params: Value, wal: bool) -> ShardConfig {
    ShardConfig::from_value(&json!({"config": {"params": params}, "engine": {"wal": wal}})).unwrap()
}

pub fn plain_points(ids: &[PointId]) -> StructArray {
    let value = |id: &PointId| match id {
        PointId::NumId(number) => *number as f32,
        PointId::Uuid(uuid) => uuid.as_u128() as f32,
    };
    let vectors: Vec<_> = ids.iter().map(|id| Some(vec![value(id), 1.0])).collect();
    let texts: Vec<String> = ids
        .iter()
        .map(|id| format!("{{\"n\":{}}}", value(id) as u64))
        .collect();
    let texts: Vec<_> = texts.iter().map(|text| Some(text.as_str())).collect();
    batch(
        ids,
        vec![
            ("vector", dense(2, &vectors)),
            ("payload", payloads(&texts)),
        ],
    )
}

pub fn ids_of(batch: &StructArray) -> Vec<PointId> {
    let number_column = batch
        .column_by_name("id")
        .unwrap()
        .as_primitive::<UInt64Type>();
    let uuid_column = batch.column_by_name("uuid").unwrap().as_fixed_size_binary();
    (0..batch.len())
        .map(|row| {
            if number_column.is_valid(row) {
                PointId::NumId(number_column.value(row))
            } else {
                PointId::Uuid(Uuid::from_slice(uuid_column.value(row)).unwrap())
            }
        })
        .collect()
}

pub fn payload_of(batch: &StructArray, row: usize) -> Option<&str> {
    let column = batch.column_by_name("payload").unwrap().as_string::<i64>();
    column.is_valid(row).then(|| column.value(row))
}

/// Everything, page by page.
pub fn pages(shard: &Shard, mut request: Scan) -> Vec<StructArray> {
    let mut pages = Vec::new();
    loop {
        let (page, next) = scan(shard, &request).unwrap();
        pages.push(page);
        match next {
            Some(next) => request.from = Some(next),
            None => return pages,
        }
    }
}

pub fn everything() -> Scan {
    Scan {
        with_payload: true,
        ..Scan::default()
    }
}

/// All points in one batch.
pub fn all(shard: &Shard) -> StructArray {
    let (page, next) = scan(
        shard,
        &Scan {
            byte_limit: usize::MAX,
            ..everything()
        },
    )
    .unwrap();
    assert_eq!(next, None);
    page
}

/// The recorded snapshots, or None after saying that they are not there.
pub fn recorded(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/qdrant/snapshots")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: needs ../shared/qdrant/snapshots/{name}");
    None
}

pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else if let Err(error) = std::fs::copy(entry.path(), target) {
            // What a shard at work has removed meanwhile is not there after a crash, either.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
    }
}
