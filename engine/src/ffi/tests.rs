//! The C interface as C sees it: codes, messages, who releases what, panics.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr::{null, null_mut};

use arrow_array::ffi::{from_ffi, to_ffi};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, UInt64Array};
use std::sync::Arc;

use super::*;
use crate::error::Kind;

const CONFIG: &str =
    r#"{"config":{"params":{"vectors":{"size":2,"distance":"Dot"}}},"engine":{"wal":false}}"#;

struct Folder(PathBuf, tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self(folder.path().join("shard"), folder)
    }

    fn c(&self) -> CString {
        CString::new(self.0.as_os_str().as_bytes()).unwrap()
    }
}

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// The text of a message or result, freed.
fn take(text: *mut c_char) -> String {
    assert!(!text.is_null());
    // SAFETY: the interface made it.
    let owned = unsafe { CStr::from_ptr(text) }
        .to_str()
        .unwrap()
        .to_string();
    vecferry_engine_free_string(text);
    owned
}

fn create(folder: &Folder) -> *mut Handle {
    let (mut shard, mut message) = (null_mut(), null_mut());
    let code = vecferry_engine_create(
        folder.c().as_ptr(),
        c(CONFIG).as_ptr(),
        &mut shard,
        &mut message,
    );
    assert_eq!((code, message), (0, null_mut()));
    shard
}

fn close(shard: *mut Handle) -> i32 {
    // SAFETY: each test closes its shard once, last.
    unsafe { vecferry_engine_close(shard, null_mut()) }
}

fn ids_batch(numbers: &[Option<u64>]) -> (FFI_ArrowArray, FFI_ArrowSchema) {
    let rows = numbers.len();
    let uuids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
        std::iter::repeat_n(None::<[u8; 16]>, rows),
        16,
    )
    .unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(UInt64Array::from(numbers.to_vec()))),
        ("uuid", Arc::new(uuids)),
    ];
    let fields: Vec<arrow_schema::Field> = columns
        .iter()
        .map(|(name, column)| arrow_schema::Field::new(*name, column.data_type().clone(), true))
        .collect();
    let batch = StructArray::new(
        fields.into(),
        columns.into_iter().map(|(_, column)| column).collect(),
        None,
    );
    to_ffi(&batch.to_data()).unwrap()
}

fn scan_all(
    shard: *mut Handle,
    message: *mut *mut c_char,
) -> (i32, FFI_ArrowArray, FFI_ArrowSchema) {
    let request = CScanRequest {
        from: CPointId::default(),
        to: CPointId::default(),
        row_limit: 0,
        byte_limit: 0,
        filter: null(),
        vectors: null(),
        with_payload: 1,
    };
    let (mut array, mut schema) = (FFI_ArrowArray::empty(), FFI_ArrowSchema::empty());
    let mut next = CPointId {
        kind: 9,
        ..CPointId::default()
    };
    // SAFETY: all pointers are to locals.
    let code = unsafe {
        vecferry_engine_scan(shard, &request, &mut array, &mut schema, &mut next, message)
    };
    assert_eq!(next, CPointId::default());
    (code, array, schema)
}

#[test]
fn batches_go_in_and_out_and_inputs_are_consumed() {
    let folder = Folder::new();
    let shard = create(&folder);
    let (mut array, mut schema) = ids_batch(&[Some(3), Some(1), Some(2)]);
    assert_eq!(
        vecferry_engine_upsert(shard, &mut array, &mut schema, null_mut()),
        0
    );
    assert!(array.is_released() && schema.release().is_none());
    let (mut array, mut schema) = ids_batch(&[Some(2)]);
    assert_eq!(
        vecferry_engine_remove(shard, &mut array, &mut schema, null_mut()),
        0
    );

    let (code, array, schema) = scan_all(shard, null_mut());
    assert_eq!(code, 0);
    // SAFETY: the structs are what the interface gave.
    let data = unsafe { from_ffi(array, &schema) }.unwrap();
    data.validate_full().unwrap();
    let batch = StructArray::from(data);
    let ids = batch.column_by_name("id").unwrap().to_data();
    assert_eq!(ids.buffer::<u64>(0), &[1, 3]);
    assert_eq!(
        batch.column_names(),
        ["id", "uuid", "shard_key", "vector", "payload"]
    );

    let mut count = 0;
    assert_eq!(
        vecferry_engine_count(shard, c("{}").as_ptr(), &mut count, null_mut()),
        0
    );
    assert_eq!(count, 2);
    let mut result = null_mut();
    assert_eq!(vecferry_engine_info(shard, &mut result, null_mut()), 0);
    assert!(take(result).contains("\"points_count\":2"));
    assert_eq!(vecferry_engine_flush(shard, null_mut()), 0);
    assert_eq!(close(shard), 0);
    assert_eq!(close(null_mut()), 0);
    assert!(take(vecferry_engine_version()).contains("qdrant-edge"));
}

#[test]
fn errors_have_a_code_and_a_message_and_leave_outputs_empty() {
    let folder = Folder::new();
    let mut shard: *mut Handle = std::ptr::dangling_mut();
    let mut message = null_mut();
    let code = vecferry_engine_open(folder.c().as_ptr(), null(), &mut shard, &mut message);
    assert_eq!((code, shard), (Kind::NotFound as i32, null_mut()));
    assert!(take(message).contains("shard"));
    for (path, config) in [(null(), c(CONFIG).as_ptr()), (folder.c().as_ptr(), null())] {
        let code = vecferry_engine_create(path, config, &mut shard, null_mut());
        assert_eq!(code, Kind::Usage as i32);
    }
    assert_eq!(
        vecferry_engine_flush(null_mut(), null_mut()),
        Kind::Usage as i32
    );

    let shard = create(&folder);
    // A bad batch is consumed too, and a batch that was consumed is refused.
    let (mut array, mut schema) = ids_batch(&[None]);
    let code = vecferry_engine_upsert(shard, &mut array, &mut schema, &mut message);
    assert_eq!((code, array.is_released()), (Kind::Usage as i32, true));
    assert!(take(message).contains("row 0 has neither"));
    assert_eq!(
        vecferry_engine_upsert(shard, &mut array, &mut schema, null_mut()),
        Kind::Usage as i32
    );
    assert_eq!(
        vecferry_engine_upsert(shard, null_mut(), &mut schema, null_mut()),
        Kind::Usage as i32
    );
    let mut result: *mut c_char = std::ptr::dangling_mut();
    let code = vecferry_engine_query(shard, c("{").as_ptr(), &mut result, null_mut());
    assert_eq!((code, result), (Kind::Usage as i32, null_mut()));
    let bad = [0xff_u8, 0];
    let code = vecferry_engine_delete_index(shard, bad.as_ptr().cast(), &mut message);
    assert_eq!(code, Kind::Usage as i32);
    assert!(take(message).contains("not UTF-8"));
    assert_eq!(close(shard), 0);
}

#[test]
fn a_panic_becomes_an_error_after_which_the_shard_only_closes() {
    let folder = Folder::new();
    let shard = create(&folder);
    let mut message = null_mut();
    let code = on_shard(shard, &mut message, |_| panic!("boom\nsecond line"));
    assert_eq!(code, Kind::Internal as i32);
    let text = take(message);
    assert!(
        text.starts_with("the engine panicked: boom") && !text.contains('\n'),
        "{text}"
    );
    let (code, array, schema) = scan_all(shard, &mut message);
    assert_eq!(code, Kind::Internal as i32);
    assert!(array.is_released() && schema.release().is_none());
    assert!(take(message).contains("close it"));
    // What goes in is consumed even so.
    let (mut array, mut schema) = ids_batch(&[Some(1)]);
    let code = vecferry_engine_upsert(shard, &mut array, &mut schema, null_mut());
    assert_eq!((code, array.is_released()), (Kind::Internal as i32, true));
    assert_eq!(close(shard), 0);
    // And the folder opens again.
    let mut shard = null_mut();
    assert_eq!(
        vecferry_engine_open(folder.c().as_ptr(), null(), &mut shard, null_mut()),
        0
    );
    assert_eq!(close(shard), 0);
}

#[test]
fn a_panic_outside_a_shard_is_caught_too() {
    let mut message = null_mut();
    assert_eq!(
        guard(&mut message, || panic!("out here")),
        Kind::Internal as i32
    );
    assert!(take(message).contains("out here"));
}

unsafe extern "C" fn stop(context: *mut c_void, _done: u64, total: u64) -> i32 {
    // SAFETY: the test's own counter.
    let calls = unsafe { &mut *context.cast::<u64>() };
    *calls += 1;
    assert!(total > 0);
    1
}

#[test]
fn a_callback_cancels() {
    let folder = Folder::new();
    let file = folder.1.path().join("x.snapshot");
    std::fs::write(&file, vec![0_u8; 4 << 20]).unwrap();
    let mut calls = 0_u64;
    let mut result = null_mut();
    let code = vecferry_engine_unpack_snapshot(
        CString::new(file.as_os_str().as_bytes()).unwrap().as_ptr(),
        folder.c().as_ptr(),
        Some(stop),
        std::ptr::from_mut(&mut calls).cast(),
        &mut result,
        null_mut(),
    );
    // An archive of zeros ends before the callback is due, or with it: it is refused either way.
    assert!(
        code == Kind::Cancelled as i32 || (code == Kind::Corrupt as i32 && calls == 0),
        "{code}"
    );
    assert!(result.is_null());
}

#[test]
fn structs_are_laid_out_as_in_the_header() {
    assert_eq!(std::mem::size_of::<CPointId>(), 32);
    assert_eq!(std::mem::offset_of!(CPointId, uuid), 16);
    assert_eq!(std::mem::size_of::<CScanRequest>(), 104);
    assert_eq!(std::mem::offset_of!(CScanRequest, row_limit), 64);
    assert_eq!(std::mem::offset_of!(CScanRequest, with_payload), 96);
}

#[test]
fn every_export_is_in_the_header() {
    let header = include_str!("../../include/vecferry_engine.h");
    let source = include_str!("../ffi.rs");
    let exports: Vec<&str> = source
        .split("extern \"C\" fn ")
        .skip(1)
        .filter_map(|rest| rest.split('(').next())
        .filter(|name| name.starts_with("vecferry_engine_"))
        .collect();
    assert_eq!(exports.len(), 21);
    for name in exports {
        assert!(header.contains(&format!("{name}(")), "{name}");
    }
}
