//! The C interface: `include/vecferry_engine.h` says what each call promises.
//!
//! Every export checks its pointers, turns them into safe values, and runs the rest inside one `catch_unwind`.

use std::ffi::{CStr, CString, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{Array, StructArray};
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::DataType;
use arrow_schema::ffi::FFI_ArrowSchema;
use qdrant_edge::PointId;
use qdrant_edge::external::serde_json::json;
use uuid::Uuid;

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

/// `vecferry_shard`.
pub struct Handle {
    shard: Shard,
    /// A call on it panicked: what it left behind is unknown.
    broken: AtomicBool,
}

/// `vecferry_point_id`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CPointId {
    pub kind: i32,
    pub number: u64,
    pub uuid: [u8; 16],
}

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

pub type CProgress = Option<unsafe extern "C" fn(*mut c_void, u64, u64) -> i32>;
pub type CLog = Option<unsafe extern "C" fn(i32, *const c_char)>;

impl CPointId {
    fn read(self) -> Result<Option<PointId>> {
        match self.kind {
            0 => Ok(None),
            1 => Ok(Some(PointId::NumId(self.number))),
            2 => Ok(Some(PointId::Uuid(Uuid::from_bytes(self.uuid)))),
            other => Err(Error::usage(format!("{other} is not a kind of point id"))),
        }
    }

    fn write(id: Option<PointId>) -> Self {
        match id {
            None => Self::default(),
            Some(PointId::NumId(number)) => Self {
                kind: 1,
                number,
                uuid: [0; 16],
            },
            Some(PointId::Uuid(uuid)) => Self {
                kind: 2,
                number: 0,
                uuid: *uuid.as_bytes(),
            },
        }
    }
}

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

fn into_c(text: String) -> *mut c_char {
    // A NUL in the text would cut it: JSON and our messages escape them.
    let text = CString::new(text.replace('\0', "\\u0000")).unwrap_or_default();
    text.into_raw()
}

fn free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the pointer came from `into_c` and is freed once (the header's ownership rule).
        drop(unsafe { CString::from_raw(text) });
    }
}

/// A string of the caller's, None for NULL.
fn text<'a>(pointer: *const c_char, what: &str) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the header asks for NUL-terminated strings that live during the call; `'a` ends with it in every caller.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    bytes
        .to_str()
        .map(Some)
        .map_err(|_| Error::usage(format!("{what} is not UTF-8")))
}

fn required<'a>(pointer: *const c_char, what: &str) -> Result<&'a str> {
    text(pointer, what)?.ok_or_else(|| Error::usage(format!("{what} is NULL")))
}

fn path<'a>(pointer: *const c_char, what: &str) -> Result<&'a Path> {
    if pointer.is_null() {
        return Err(Error::usage(format!("{what} is NULL")));
    }
    // SAFETY: as in `text`.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    Ok(Path::new(OsStr::from_bytes(bytes.to_bytes())))
}

fn names(pointer: *const c_char) -> Result<Option<Vec<String>>> {
    let Some(text) = text(pointer, "the list of vectors")? else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|error| {
        Error::usage(format!(
            "the list of vectors is not a JSON list of names: {error}"
        ))
    })
}

/// Write an output of the caller's.
fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: an output that is not NULL points to memory that the caller lets us write; what was in it is not dropped.
        unsafe { place.write(value) };
    }
}

fn wanted<T>(place: *mut T, what: &str) -> Result<()> {
    if place.is_null() {
        return Err(Error::usage(format!("{what} is NULL")));
    }
    Ok(())
}

/// Move a batch in. Both structs are consumed before anything can fail.
fn take_batch(array: *mut FFI_ArrowArray, schema: *mut FFI_ArrowSchema) -> Result<StructArray> {
    // SAFETY: a struct that is not NULL is a valid, released or live ArrowArray; from_raw moves it out and leaves a released one.
    let array = (!array.is_null()).then(|| unsafe { FFI_ArrowArray::from_raw(array) });
    // SAFETY: the same for the ArrowSchema.
    let schema = (!schema.is_null()).then(|| unsafe { FFI_ArrowSchema::from_raw(schema) });
    let (Some(array), Some(schema)) = (array, schema) else {
        return Err(Error::usage("the batch or its schema is NULL"));
    };
    if array.is_released() || schema.release().is_none() {
        return Err(Error::usage("the batch or its schema is released already"));
    }
    let bad = |error| Error::usage(format!("not a valid batch: {error}"));
    // SAFETY: the header asks for structs that follow the Arrow C Data Interface; what the engine relies on beyond it
    // (offsets in range, UTF-8) is validated below before it is read.
    let mut data = unsafe { arrow_array::ffi::from_ffi(array, &schema) }.map_err(bad)?;
    data.align_buffers();
    data.validate_full().map_err(bad)?;
    if !matches!(data.data_type(), DataType::Struct(_)) {
        return Err(Error::usage(format!(
            "a batch is a struct array, not {}",
            data.data_type()
        )));
    }
    Ok(StructArray::from(data))
}

fn give_batch(
    batch: &StructArray,
    array: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
) -> Result<()> {
    let (ffi_array, ffi_schema) = arrow_array::ffi::to_ffi(&batch.to_data())
        .map_err(|error| Error::internal(format!("cannot export a batch: {error}")))?;
    put(array, ffi_array);
    put(schema, ffi_schema);
    Ok(())
}

fn give_text(text: String, place: *mut *mut c_char) {
    put(place, into_c(text));
}

fn give_shard(shard: Shard, place: *mut *mut Handle) {
    let handle = Handle {
        shard,
        broken: AtomicBool::new(false),
    };
    put(place, Box::into_raw(Box::new(handle)));
}

/// The caller's callback as a closure; true to go on.
fn ticking(progress: CProgress, context: *mut c_void) -> impl FnMut(u64, u64) -> bool {
    move |done, total| match progress {
        None => true,
        // SAFETY: the callback and its context are the caller's and good until the call returns; we are on its thread.
        Some(progress) => unsafe { progress(context, done, total) == 0 },
    }
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
