//! The crate's own tests, in one program: linking the engine is what takes the time.

// Helpers are outside the #[test] functions that clippy.toml lets unwrap and panic.
#![allow(clippy::unwrap_used, clippy::panic)]

mod optimising;
mod points;
mod queries;
mod shards;
mod snapshots;
mod support;
