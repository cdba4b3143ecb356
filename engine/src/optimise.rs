//! Merging and indexing, with progress, and a cancel that does not wait.
//!
//! The engine's `optimize` blocks until nothing is left to do and has no hook to stop it. So it runs on a thread of its
//! own, which shares the shard; the caller polls. After a cancel the thread runs on to its end: the shard, or after
//! a close its folder's reservation, lives until then. At the end of the process it is simply cut off: the segments it
//! was working on stay as they were, and what it had half made is removed by the next open.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use qdrant_edge::{EdgeShard, OperationResult, ResourceBudget};

use crate::error::{Error, Kind, Result};
use crate::logging;
use crate::shard::Shard;

/// Hears of work done and in all; answers whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

const TICK: Duration = Duration::from_millis(100);

pub fn cancelled(what: &str) -> Error {
    Error::new(Kind::Cancelled, format!("{what} was cancelled"))
}

/// See `vecferry_engine_optimise`.
pub fn optimise(shard: &Shard, progress: Progress<'_>) -> Result<()> {
    if shard.optimising.swap(true, Ordering::AcqRel) {
        return Err(Error::new(
            Kind::Conflict,
            "the shard is being packed, or optimised already (a cancelled run goes on in the background)",
        ));
    }
    let (report, reports) = channel();
    let inner = Arc::clone(&shard.inner);
    let threads = shard.indexing_threads;
    let busy = Arc::clone(&shard.optimising);
    let worker = thread::Builder::new()
        .name("vecferry-optimise".to_string())
        .spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| run(&inner.edge, threads)))
                .map_err(|panic| {
                    Error::internal(format!(
                        "the engine panicked: {}",
                        logging::take_panic(panic.as_ref())
                    ))
                })
                .and_then(|result| result.map_err(Error::from));
            busy.store(false, Ordering::Release);
            // Nobody listens after a cancel.
            let _ = report.send(result);
        });
    let worker = match worker {
        Ok(worker) => worker,
        Err(error) => {
            shard.optimising.store(false, Ordering::Release);
            return Err(Error::new(
                Kind::Unavailable,
                format!("cannot start a thread: {error}"),
            ));
        }
    };
    loop {
        let result = match reports.recv_timeout(TICK) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => Err(Error::internal(
                "the optimising thread ended without a word",
            )),
            Err(RecvTimeoutError::Timeout) => {
                let info = shard.edge().info()?;
                if progress(
                    info.indexed_vectors_count as u64,
                    vectors_in_all(shard, info.points_count),
                ) {
                    continue;
                }
                return Err(cancelled("optimise"));
            }
        };
        // It has sent its last word, so this does not wait.
        let _ = worker.join();
        result?;
        let info = shard.edge().info()?;
        progress(
            info.indexed_vectors_count as u64,
            vectors_in_all(shard, info.points_count),
        );
        return Ok(());
    }
}

/// With no more than so many threads: the engine takes what its budget gives it.
fn run(edge: &EdgeShard, threads: Option<NonZeroUsize>) -> OperationResult<bool> {
    match threads {
        None => edge.optimize(),
        Some(threads) => {
            edge.optimize_with_budget(ResourceBudget::new(threads.get(), threads.get()))
        }
    }
}

/// Every point with every vector: more than there are where points lack some.
fn vectors_in_all(shard: &Shard, points: usize) -> u64 {
    points as u64 * shard.specs().len() as u64
}
