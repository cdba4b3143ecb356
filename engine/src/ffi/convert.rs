//! C arguments to safe values and back: every pointer that a caller hands over is read or written here.

use std::ffi::{CStr, CString, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use arrow_array::{Array, StructArray};
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::DataType;
use arrow_schema::ffi::FFI_ArrowSchema;
use qdrant_edge::PointId;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::shard::Shard;

/// `vecferry_shard`.
pub struct Handle {
    pub(super) shard: Shard,
    /// A call on it panicked: what it left behind is unknown.
    pub(super) broken: AtomicBool,
}

/// `vecferry_point_id`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CPointId {
    pub kind: i32,
    pub number: u64,
    pub uuid: [u8; 16],
}

impl CPointId {
    pub(super) fn read(self) -> Result<Option<PointId>> {
        match self.kind {
            0 => Ok(None),
            1 => Ok(Some(PointId::NumId(self.number))),
            2 => Ok(Some(PointId::Uuid(Uuid::from_bytes(self.uuid)))),
            other => Err(Error::usage(format!("{other} is not a kind of point id"))),
        }
    }

    pub(super) fn write(id: Option<PointId>) -> Self {
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

pub type CProgress = Option<unsafe extern "C" fn(*mut c_void, u64, u64) -> i32>;

pub(super) fn into_c(text: String) -> *mut c_char {
    // A NUL in the text would cut it: JSON and our messages escape them.
    let text = CString::new(text.replace('\0', "\\u0000")).unwrap_or_default();
    text.into_raw()
}

pub(super) fn free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the pointer came from `into_c` and is freed once (the header's ownership rule).
        drop(unsafe { CString::from_raw(text) });
    }
}

/// A string of the caller's, None for NULL.
pub(super) fn text<'a>(pointer: *const c_char, what: &str) -> Result<Option<&'a str>> {
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

pub(super) fn required<'a>(pointer: *const c_char, what: &str) -> Result<&'a str> {
    text(pointer, what)?.ok_or_else(|| Error::usage(format!("{what} is NULL")))
}

pub(super) fn path<'a>(pointer: *const c_char, what: &str) -> Result<&'a Path> {
    if pointer.is_null() {
        return Err(Error::usage(format!("{what} is NULL")));
    }
    // SAFETY: as in `text`.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    Ok(Path::new(OsStr::from_bytes(bytes.to_bytes())))
}

pub(super) fn names(pointer: *const c_char) -> Result<Option<Vec<String>>> {
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
pub(super) fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: an output that is not NULL points to memory that the caller lets us write; what was in it is not dropped.
        unsafe { place.write(value) };
    }
}

pub(super) fn wanted<T>(place: *mut T, what: &str) -> Result<()> {
    if place.is_null() {
        return Err(Error::usage(format!("{what} is NULL")));
    }
    Ok(())
}

/// Move a batch in. Both structs are consumed before anything can fail.
pub(super) fn take_batch(
    array: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
) -> Result<StructArray> {
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

pub(super) fn give_batch(
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

pub(super) fn give_text(text: String, place: *mut *mut c_char) {
    put(place, into_c(text));
}

pub(super) fn give_shard(shard: Shard, place: *mut *mut Handle) {
    let handle = Handle {
        shard,
        broken: AtomicBool::new(false),
    };
    put(place, Box::into_raw(Box::new(handle)));
}

/// The caller's callback as a closure; true to go on.
pub(super) fn ticking(progress: CProgress, context: *mut c_void) -> impl FnMut(u64, u64) -> bool {
    move |done, total| match progress {
        None => true,
        // SAFETY: the callback and its context are the caller's and good until the call returns; we are on its thread.
        Some(progress) => unsafe { progress(context, done, total) == 0 },
    }
}
