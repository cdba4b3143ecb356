//! The C interface: `include/vecferry_engine.h` says what each call promises.
//!
//! Every export checks its pointers, turns them into safe values, and runs the rest inside one `catch_unwind`.

mod convert;

use std::ffi::{CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::Ordering;

use arrow_array::StructArray;
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::ffi::FFI_ArrowSchema;
use qdrant_edge::external::serde_json::json;

pub use convert::{CPointId, CProgress, Handle};
use convert::{
    free, give_batch, give_shard, give_text, into_c, names, path, put, required, take_batch, text,
    ticking, wanted,
};

use crate::config::ShardConfig;
use crate::error::{Error, Result};
use crate::logging;
use crate::operations;
use crate::optimise;
use crate::pack;
use crate::query;
use crate::scan::{self, Scan};
use crate::shard::{ENGINE, Shard};
use crate::unpack;

/// `vecferry_scan_request`.
#[repr(C)]
pub struct CScanRequest {
    pub from: CPointId,
    pub to: CPointId,
    pub row_limit: u64,
    pub byte_limit: u64,
    pub filter: *const c_char,
    pub vectors: *const c_char,
    pub with_payload: i32,
}

pub type CLog = Option<unsafe extern "C" fn(i32, *const c_char)>;

/// Run a call; its error, or its panic, becomes a code and a message.
fn guard(message: *mut *mut c_char, call: impl FnOnce() -> Result<()>) -> i32 {
    logging::start();
    let result = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        Err(Error::internal(format!(
            "the engine panicked: {}",
            logging::take_panic(panic.as_ref())
        )))
    });
    let (code, text) = match result {
        Ok(()) => (0, ptr::null_mut()),
        Err(error) => (error.kind as i32, into_c(error.message)),
    };
    if message.is_null() {
        free(text);
    } else {
        // SAFETY: the caller's `message` is NULL, which was asked, or points to a char* it lets us write.
        unsafe { message.write(text) };
    }
    code
}

/// Run a call on a shard; after a panic the shard takes no more calls.
fn on_shard(
    shard: *const Handle,
    message: *mut *mut c_char,
    call: impl FnOnce(&Shard) -> Result<()>,
) -> i32 {
    guard(message, || {
        // SAFETY: a shard that is not NULL came from create or open and was not closed yet (the header's thread rule).
        let Some(handle) = (unsafe { shard.as_ref() }) else {
            return Err(Error::usage("the shard is NULL"));
        };
        if handle.broken.load(Ordering::Acquire) {
            return Err(Error::internal(
                "an earlier call on this shard panicked; close it and open it again",
            ));
        }
        catch_unwind(AssertUnwindSafe(|| call(&handle.shard))).unwrap_or_else(|panic| {
            handle.broken.store(true, Ordering::Release);
            std::panic::resume_unwind(panic)
        })
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_create(
    folder: *const c_char,
    config: *const c_char,
    shard: *mut *mut Handle,
    message: *mut *mut c_char,
) -> i32 {
    put(shard, ptr::null_mut());
    guard(message, || {
        wanted(shard, "the place for the shard")?;
        let config = ShardConfig::parse(required(config, "the configuration")?)?;
        give_shard(Shard::create(path(folder, "the folder")?, &config)?, shard);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_open(
    folder: *const c_char,
    config: *const c_char,
    shard: *mut *mut Handle,
    message: *mut *mut c_char,
) -> i32 {
    put(shard, ptr::null_mut());
    guard(message, || {
        wanted(shard, "the place for the shard")?;
        let config = text(config, "the configuration")?
            .map(ShardConfig::parse_for_open)
            .transpose()?;
        give_shard(
            Shard::open(path(folder, "the folder")?, config.as_ref())?,
            shard,
        );
        Ok(())
    })
}

/// # Safety
/// `shard` came from create or open, and no other call on it runs or follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vecferry_engine_close(
    shard: *mut Handle,
    message: *mut *mut c_char,
) -> i32 {
    guard(message, || {
        if shard.is_null() {
            return Ok(());
        }
        // SAFETY: the pointer came from `give_shard`, and this is the last call on it.
        let handle = unsafe { Box::from_raw(shard) };
        let flushed = handle.shard.flush();
        drop(handle);
        flushed
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_upsert(
    shard: *mut Handle,
    points: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    message: *mut *mut c_char,
) -> i32 {
    on_batch(shard, points, schema, message, Shard::upsert)
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_remove(
    shard: *mut Handle,
    ids: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    message: *mut *mut c_char,
) -> i32 {
    on_batch(shard, ids, schema, message, Shard::remove)
}

/// A call that takes a batch, which is consumed even when the shard takes no calls.
fn on_batch(
    shard: *const Handle,
    array: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    message: *mut *mut c_char,
    call: impl FnOnce(&Shard, &StructArray) -> Result<()>,
) -> i32 {
    let batch = catch_unwind(AssertUnwindSafe(|| take_batch(array, schema)))
        .unwrap_or_else(|panic| Err(Error::internal(logging::take_panic(panic.as_ref()))));
    on_shard(shard, message, |shard| call(shard, &batch?))
}

/// # Safety
/// `request` points to a filled request, the outputs to memory that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vecferry_engine_scan(
    shard: *mut Handle,
    request: *const CScanRequest,
    points: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    next: *mut CPointId,
    message: *mut *mut c_char,
) -> i32 {
    put(points, FFI_ArrowArray::empty());
    put(schema, FFI_ArrowSchema::empty());
    put(next, CPointId::default());
    on_shard(shard, message, |shard| {
        wanted(points, "the place for the points")?;
        wanted(schema, "the place for the schema")?;
        // SAFETY: see above; NULL is refused.
        let request =
            unsafe { request.as_ref() }.ok_or_else(|| Error::usage("the request is NULL"))?;
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let filter = text(request.filter, "the filter")?
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| Error::usage(format!("the filter is not a Qdrant filter: {error}")))?;
        let scan = Scan {
            from: request.from.read()?,
            to: request.to.read()?,
            row_limit: count(request.row_limit),
            byte_limit: count(request.byte_limit),
            filter,
            vectors: names(request.vectors)?,
            with_payload: request.with_payload != 0,
        };
        let (batch, after) = scan::scan(shard, &scan)?;
        give_batch(&batch, points, schema)?;
        put(next, CPointId::write(after));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_retrieve(
    shard: *mut Handle,
    ids: *mut FFI_ArrowArray,
    ids_schema: *mut FFI_ArrowSchema,
    vectors: *const c_char,
    with_payload: i32,
    points: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    message: *mut *mut c_char,
) -> i32 {
    put(points, FFI_ArrowArray::empty());
    put(schema, FFI_ArrowSchema::empty());
    on_batch(shard, ids, ids_schema, message, |shard, ids| {
        wanted(points, "the place for the points")?;
        wanted(schema, "the place for the schema")?;
        let batch = scan::retrieve(shard, ids, names(vectors)?.as_deref(), with_payload != 0)?;
        give_batch(&batch, points, schema)
    })
}

/// A call with a JSON request and a JSON answer.
fn ask(
    shard: *const Handle,
    request: *const c_char,
    result: *mut *mut c_char,
    message: *mut *mut c_char,
    call: impl FnOnce(&Shard, &str) -> Result<String>,
) -> i32 {
    put(result, ptr::null_mut());
    on_shard(shard, message, |shard| {
        wanted(result, "the place for the result")?;
        give_text(call(shard, required(request, "the request")?)?, result);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_query(
    shard: *mut Handle,
    request: *const c_char,
    result: *mut *mut c_char,
    message: *mut *mut c_char,
) -> i32 {
    ask(shard, request, result, message, query::query)
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_facet(
    shard: *mut Handle,
    request: *const c_char,
    result: *mut *mut c_char,
    message: *mut *mut c_char,
) -> i32 {
    ask(shard, request, result, message, query::facet)
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_count(
    shard: *mut Handle,
    request: *const c_char,
    count: *mut u64,
    message: *mut *mut c_char,
) -> i32 {
    put(count, 0);
    on_shard(shard, message, |shard| {
        wanted(count, "the place for the count")?;
        put(
            count,
            query::count(shard, required(request, "the request")?)? as u64,
        );
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_apply(
    shard: *mut Handle,
    operation: *const c_char,
    message: *mut *mut c_char,
) -> i32 {
    on_shard(shard, message, |shard| {
        operations::apply(shard, required(operation, "the operation")?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_create_index(
    shard: *mut Handle,
    request: *const c_char,
    message: *mut *mut c_char,
) -> i32 {
    on_shard(shard, message, |shard| {
        operations::create_index_json(shard, required(request, "the request")?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_delete_index(
    shard: *mut Handle,
    field: *const c_char,
    message: *mut *mut c_char,
) -> i32 {
    on_shard(shard, message, |shard| {
        operations::delete_index(shard, required(field, "the field")?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_info(
    shard: *mut Handle,
    result: *mut *mut c_char,
    message: *mut *mut c_char,
) -> i32 {
    put(result, ptr::null_mut());
    on_shard(shard, message, |shard| {
        wanted(result, "the place for the result")?;
        give_text(shard.info()?.to_string(), result);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_optimise(
    shard: *mut Handle,
    progress: CProgress,
    context: *mut c_void,
    message: *mut *mut c_char,
) -> i32 {
    on_shard(shard, message, |shard| {
        optimise::optimise(shard, &mut ticking(progress, context))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_flush(shard: *mut Handle, message: *mut *mut c_char) -> i32 {
    on_shard(shard, message, Shard::flush)
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_unpack_snapshot(
    file: *const c_char,
    target: *const c_char,
    progress: CProgress,
    context: *mut c_void,
    result: *mut *mut c_char,
    message: *mut *mut c_char,
) -> i32 {
    put(result, ptr::null_mut());
    guard(message, || {
        wanted(result, "the place for the result")?;
        let summary = unpack::unpack_snapshot(
            path(file, "the snapshot")?,
            path(target, "the target")?,
            &mut ticking(progress, context),
        )?;
        give_text(summary.to_string(), result);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_pack_snapshot(
    shard: *mut Handle,
    file: *const c_char,
    next_operation: u64,
    progress: CProgress,
    context: *mut c_void,
    result: *mut *mut c_char,
    message: *mut *mut c_char,
) -> i32 {
    put(result, ptr::null_mut());
    on_shard(shard, message, |shard| {
        wanted(result, "the place for the result")?;
        let file = path(file, "the snapshot")?;
        let summary =
            pack::pack_snapshot(shard, file, next_operation, &mut ticking(progress, context))?;
        give_text(summary.to_string(), result);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_version() -> *mut c_char {
    into_c(json!({"interface": 1, "engine": ENGINE}).to_string())
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_set_log(log: CLog, max_level: i32) {
    let sink = log.map(|log| -> logging::Sink {
        Box::new(move |level, line| {
            let line = CString::new(line.replace('\0', "\\0")).unwrap_or_default();
            // SAFETY: the header allows calls from any thread until the log is set anew.
            unsafe { log(level, line.as_ptr()) };
        })
    });
    logging::set_sink(sink, max_level);
}

#[unsafe(no_mangle)]
pub extern "C" fn vecferry_engine_free_string(string: *mut c_char) {
    free(string);
}

#[cfg(test)]
mod tests;
