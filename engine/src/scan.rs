//! Points out of a shard, in id order, as batches of a given size.
//!
//! The engine's way out is a scroll of whole records: per page it takes the ids from every segment's id tracker (a
//! tree or a sorted table, so a page costs its rows and not the shard), merges them, and fetches payloads and vectors
//! in storage order. A batch takes several pages; pages are small, for then records are turned into columns while they
//! are in the CPU's caches (measured: 256 rows are a third faster than 2,000).

use std::sync::atomic::Ordering;

use arrow_array::StructArray;
use qdrant_edge::{
    Filter, PointId, RetrieveRequest, ScrollRequest, WithPayloadInterface, WithVector,
};

use crate::columns::{Encoder, VectorKind, VectorSpec};
use crate::error::{Error, Kind, Result};
use crate::points;
use crate::shard::Shard;

/// What a batch holds when nobody says otherwise.
const DEFAULT_BYTES: usize = 4 << 20;
/// Rows of one page of the engine: their records stay in the CPU's caches until they are columns.
const PAGE_ROWS: usize = 256;
/// With a filter a page may cost more than its rows (the engine may walk an index whole), so pages are as large as the
/// batch, up to this.
const FILTERED_PAGE_ROWS: usize = 8192;
/// Bytes that a row's payload is taken for before the first was seen.
const GUESSED_PAYLOAD_BYTES: usize = 512;

/// What to read; see `vecferry_scan_request`.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    pub from: Option<PointId>,
    pub to: Option<PointId>,
    /// 0: no limit.
    pub row_limit: usize,
    /// 0: the default.
    pub byte_limit: usize,
    pub filter: Option<Filter>,
    /// None: all.
    pub vectors: Option<Vec<String>>,
    pub with_payload: bool,
}

/// The next batch of a scan and where the one after it starts; None: the range is done.
pub fn scan(shard: &Shard, scan: &Scan) -> Result<(StructArray, Option<PointId>)> {
    let specs = chosen(shard, scan.vectors.as_deref())?;
    let with_vector = with_vector(shard, &specs);
    let byte_limit = if scan.byte_limit == 0 {
        DEFAULT_BYTES
    } else {
        scan.byte_limit
    };
    let row_limit = if scan.row_limit == 0 {
        usize::MAX
    } else {
        scan.row_limit
    };
    let mut row_bytes = match shard.row_bytes.load(Ordering::Relaxed) {
        0 => guessed_row_bytes(&specs, scan.with_payload),
        known => known,
    };
    let mut encoder = Encoder::new(
        &specs,
        (byte_limit / row_bytes.max(1))
            .min(row_limit)
            .min(FILTERED_PAGE_ROWS),
    );
    // With a filter, most of what a read-ahead brings may never be asked for.
    if scan.filter.is_none() && (scan.with_payload || !specs.is_empty()) {
        shard.read_ahead();
    }
    let page_rows = if scan.filter.is_none() {
        PAGE_ROWS
    } else {
        FILTERED_PAGE_ROWS
    };
    let mut next = scan.from;
    loop {
        let bytes_left = byte_limit.saturating_sub(encoder.size_bytes());
        let rows = (bytes_left / row_bytes.max(1))
            .clamp(1, page_rows)
            .min(row_limit - encoder.rows());
        let (records, after) = shard.edge().scroll(ScrollRequest {
            offset: next,
            limit: Some(rows),
            filter: scan.filter.clone(),
            with_payload: Some(WithPayloadInterface::Bool(scan.with_payload)),
            with_vector: with_vector.clone(),
            order_by: None,
        })?;
        next = after;
        for record in records {
            if scan.to.is_some_and(|to| record.id >= to) {
                next = None;
                break;
            }
            if encoder.rows() > 0 && encoder.size_bytes() >= byte_limit {
                next = Some(record.id);
                break;
            }
            encoder.push(record)?;
        }
        if scan
            .to
            .is_some_and(|to| next.is_some_and(|next| next >= to))
        {
            next = None;
        }
        if encoder.rows() > 0 {
            row_bytes = encoder.size_bytes() / encoder.rows();
        }
        let full = encoder.rows() >= row_limit || encoder.size_bytes() + row_bytes > byte_limit;
        if next.is_none() || (full && encoder.rows() > 0) {
            break;
        }
    }
    shard.row_bytes.store(row_bytes, Ordering::Relaxed);
    Ok((encoder.finish()?, next))
}

/// The points of these ids, each once, in id order; see `vecferry_engine_retrieve`.
pub fn retrieve(
    shard: &Shard,
    ids: &StructArray,
    vectors: Option<&[String]>,
    with_payload: bool,
) -> Result<StructArray> {
    let mut point_ids = points::ids(ids)?;
    point_ids.sort_unstable();
    point_ids.dedup();
    let specs = chosen(shard, vectors)?;
    let mut encoder = Encoder::new(&specs, point_ids.len());
    for part in point_ids.chunks(PAGE_ROWS) {
        let records = shard.edge().retrieve(RetrieveRequest {
            point_ids: part.to_vec(),
            with_payload: Some(WithPayloadInterface::Bool(with_payload)),
            with_vector: Some(with_vector(shard, &specs)),
        })?;
        for record in records {
            encoder.push(record)?;
        }
    }
    encoder.finish()
}

fn chosen(shard: &Shard, vectors: Option<&[String]>) -> Result<Vec<VectorSpec>> {
    let Some(names) = vectors else {
        return Ok(shard.specs().to_vec());
    };
    for name in names {
        if !shard.specs().iter().any(|spec| spec.name == *name) {
            let known: Vec<&str> = shard
                .specs()
                .iter()
                .map(|spec| spec.name.as_str())
                .collect();
            return Err(Error::new(
                Kind::NotFound,
                format!(
                    "there is no vector '{name}' (there are: '{}')",
                    known.join("', '")
                ),
            ));
        }
    }
    Ok(shard
        .specs()
        .iter()
        .filter(|spec| names.contains(&spec.name))
        .cloned()
        .collect())
}

fn with_vector(shard: &Shard, specs: &[VectorSpec]) -> WithVector {
    if specs.is_empty() {
        WithVector::Bool(false)
    } else if specs.len() == shard.specs().len() {
        WithVector::Bool(true)
    } else {
        WithVector::Selector(specs.iter().map(|spec| spec.name.clone()).collect())
    }
}

/// For a shard whose rows have not been seen yet.
pub fn guessed_row_bytes(specs: &[VectorSpec], with_payload: bool) -> usize {
    let vectors: usize = specs
        .iter()
        .map(|spec| match spec.kind {
            VectorKind::Dense { dim, .. } => dim * 4,
            VectorKind::Multi { dim, .. } => dim * 4 * 16,
            VectorKind::Sparse => 512,
        })
        .sum();
    24 + vectors
        + if with_payload {
            GUESSED_PAYLOAD_BYTES
        } else {
            0
        }
}
