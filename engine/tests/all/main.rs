//! The crate's own tests, in one program: linking the engine is what takes the time.

mod optimising;
mod points;
mod queries;
mod shards;
mod snapshots;
mod support;
