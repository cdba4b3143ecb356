//! Qdrant's storage and index (the `qdrant-edge` library) behind vecferry's C interface.
//!
//! `include/vecferry_engine.h` is the contract. `ffi` is the only module with unsafe code; it turns C arguments
//! into the calls of the other modules, which are safe Rust. The crate converts and calls; policy stays in C++.

mod canonical;
mod columns;
mod config;
mod error;
#[allow(unsafe_code)]
pub mod ffi;
mod logging;
mod operations;
mod optimise;
mod pack;
mod points;
mod query;
mod read_ahead;
mod scan;
mod shard;
mod unpack;

pub use config::ShardConfig;
pub use error::{Error, Kind, Result};
pub use operations::{apply, create_index, delete_index};
pub use optimise::{Progress, optimise};
pub use pack::pack_snapshot;
pub use query::{count, facet, query};
pub use scan::{Scan, retrieve, scan};
pub use shard::Shard;
pub use unpack::unpack_snapshot;
