//! One shard in a folder: create, open, write, describe, close.
//!
//! Operation numbers. Every point keeps the number of the operation that wrote it, and the engine passes over a write
//! with a lower number without a word. With a log (`wal`) the numbers are the log's; without, they go on from the
//! highest that a segment has stored. Two things of ours keep them rising: a shard that changes from the one to the
//! other starts a whole `GAP` above (the log begins with an empty closed part that carries the number), and so does a
//! shard without a log that was not closed in an orderly way, where single points may have been stored ahead of
//! their segment.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arrow_array::StructArray;
use qdrant_edge::external::serde_json::{self, Map, Value, json};
use qdrant_edge::{
    EdgeConfig, EdgeShard, Memory, PointInsertOperations, PointOperations, SEGMENT_STATE_FILE,
    SegmentState, UpdateOperation, WAL_PATH,
};

use crate::columns::{Element, VectorKind, VectorSpec, vector_specs};
use crate::config::ShardConfig;
use crate::error::{Error, Kind, Result};
use crate::logging;
use crate::operations;
use crate::points::{self, PointRows};
use crate::read_ahead::ReadAhead;
use crate::scan::guessed_row_bytes;

pub const ENGINE: &str = "qdrant-edge 0.9.0";

const SEGMENTS: &str = "segments";
const CONFIG_FILE: &str = "edge_config.json";
/// There while a shard without a log is open; left behind, it tells of a crash.
const OPEN_MARK: &str = "vecferry.open";
/// More operations than can be lost track of.
const GAP: u64 = 1 << 20;
/// Bytes of points in one operation of the engine: each is one entry of a log whose parts hold 32 MiB.
const OPERATION_BYTES: usize = 4 << 20;

/// Folders that are open in this process.
static RESERVED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

struct Reservation(PathBuf);

impl Reservation {
    fn take(path: &Path) -> Result<Self> {
        let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
        if !reserved.insert(path.to_path_buf()) {
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "the shard in '{}' is in use by this process",
                    path.display()
                ),
            ));
        }
        Ok(Self(path.to_path_buf()))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        RESERVED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.0);
    }
}

/// What an optimise in the background shares with the shard. Fields are dropped in order: the engine's files are
/// closed before the folder is given back.
pub struct Inner {
    pub edge: EdgeShard,
    path: PathBuf,
    wal: bool,
    _reservation: Reservation,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.wal && self.edge.flush().is_ok() {
            // A mark that stays costs a jump of the numbers, no more.
            let _ = fs::remove_file(self.path.join(OPEN_MARK));
        }
    }
}

/// An open shard. Safe for concurrent use.
pub struct Shard {
    pub(crate) inner: Arc<Inner>,
    specs: Vec<VectorSpec>,
    /// Written operations hold it shared, packing holds it alone.
    pub(crate) writes: RwLock<()>,
    /// An optimise, or a pack, is at work.
    pub(crate) optimising: Arc<AtomicBool>,
    /// Bytes of an average row of the last scan, 0 before the first.
    pub(crate) row_bytes: AtomicUsize,
    read_ahead: Mutex<ReadAhead>,
    vectors_on_disk: bool,
    /// See `ShardConfig`.
    pub(crate) indexing_threads: Option<NonZeroUsize>,
}

impl Shard {
    /// See `vecferry_engine_create`.
    pub fn create(path: &Path, config: &ShardConfig) -> Result<Self> {
        if path.join(CONFIG_FILE).exists() || path.join(SEGMENTS).exists() {
            return Err(Error::new(
                Kind::Exists,
                format!("there is a shard in '{}' already", path.display()),
            ));
        }
        fs::create_dir_all(path).map_err(|error| Error::io("make the folder", path, &error))?;
        let path = canonical(path)?;
        let reservation = Reservation::take(&path)?;
        let wal = config.wal.unwrap_or(true);
        let mut edge_config = config.edge.clone();
        edge_config.wal_enabled = Some(wal);
        let doing = format!("cannot make a shard in '{}'", path.display());
        let edge =
            EdgeShard::new(&path, edge_config).map_err(|error| Error::from(error).doing(&doing))?;
        let mut shard = Self::assemble(edge, path, wal, reservation)?;
        shard.indexing_threads = config.indexing_threads;
        for (field, schema) in &config.payload_schema {
            operations::create_index(&shard, field, schema)?;
        }
        shard.flush()?;
        Ok(shard)
    }

    /// See `vecferry_engine_open`.
    pub fn open(path: &Path, config: Option<&ShardConfig>) -> Result<Self> {
        let path = canonical(path)?;
        if !path.join(SEGMENTS).exists() && !path.join(CONFIG_FILE).exists() {
            return Err(Error::new(
                Kind::NotFound,
                format!("there is no shard in '{}'", path.display()),
            ));
        }
        let reservation = Reservation::take(&path)?;
        // What an optimise left behind that did not live to its end.
        remove_folder(&path.join("temp_segments"))?;
        let wal = prepare_numbers(&path, config.and_then(|config| config.wal))?;
        let edge_config = config.map(|config| EdgeConfig {
            wal_enabled: Some(wal),
            ..config.edge.clone()
        });
        // Files that are damaged may panic in the engine.
        let loaded = catch_unwind(AssertUnwindSafe(|| EdgeShard::load(&path, edge_config)))
            .map_err(|panic| Error::corrupt(logging::take_panic(panic.as_ref())))
            .and_then(|loaded| loaded.map_err(Error::from));
        let edge = loaded.map_err(|error| {
            let kind = if error.kind == Kind::Io {
                Kind::Corrupt
            } else {
                error.kind
            };
            Error::new(kind, error.message)
                .doing(&format!("cannot open the shard in '{}'", path.display()))
        })?;
        let mut shard = Self::assemble(edge, path, wal, reservation)?;
        shard.indexing_threads = config.and_then(|config| config.indexing_threads);
        Ok(shard)
    }

    fn assemble(
        edge: EdgeShard,
        path: PathBuf,
        wal: bool,
        reservation: Reservation,
    ) -> Result<Self> {
        if !wal {
            let mark = path.join(OPEN_MARK);
            fs::write(&mark, b"").map_err(|error| Error::io("write", &mark, &error))?;
        }
        let specs = vector_specs(&edge.config());
        let vectors_on_disk = edge
            .config()
            .vectors
            .values()
            .any(|vector| vector.memory_placement() == Some(Memory::Cold));
        Ok(Self {
            inner: Arc::new(Inner {
                edge,
                path,
                wal,
                _reservation: reservation,
            }),
            specs,
            writes: RwLock::new(()),
            optimising: Arc::new(AtomicBool::new(false)),
            row_bytes: AtomicUsize::new(0),
            read_ahead: Mutex::default(),
            vectors_on_disk,
            indexing_threads: None,
        })
    }

    /// Read the next piece of what a scan will want; another lane that is at it suffices.
    pub(crate) fn read_ahead(&self) {
        if let Ok(mut read_ahead) = self.read_ahead.try_lock() {
            read_ahead.step(&self.path().join(SEGMENTS), self.vectors_on_disk);
        }
    }

    pub fn edge(&self) -> &EdgeShard {
        &self.inner.edge
    }

    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The vectors in column order.
    pub fn specs(&self) -> &[VectorSpec] {
        &self.specs
    }

    /// Apply one operation of the engine.
    pub(crate) fn update(&self, operation: UpdateOperation) -> Result<()> {
        let _shared = self.writes.read().unwrap_or_else(PoisonError::into_inner);
        Ok(self.edge().update(operation)?)
    }

    /// Write whole points. Every row is checked before the first is written.
    pub fn upsert(&self, batch: &StructArray) -> Result<()> {
        let rows = PointRows::find(batch, &self.specs)?;
        let points = (0..rows.len())
            .map(|row| rows.point(row))
            .collect::<Result<Vec<_>>>()?;
        if points.is_empty() {
            return Ok(());
        }
        let per_operation = (OPERATION_BYTES / guessed_row_bytes(&self.specs, true)).max(1);
        let mut points = points.into_iter().peekable();
        while points.peek().is_some() {
            let part = points.by_ref().take(per_operation).collect();
            self.update(UpdateOperation::PointOperation(
                PointOperations::UpsertPoints(PointInsertOperations::PointsList(part)),
            ))?;
        }
        Ok(())
    }

    pub fn remove(&self, batch: &StructArray) -> Result<()> {
        let ids = points::ids(batch)?;
        if ids.is_empty() {
            return Ok(());
        }
        self.update(UpdateOperation::PointOperation(
            PointOperations::DeletePoints { ids },
        ))
    }

    pub fn flush(&self) -> Result<()> {
        Ok(self.edge().flush()?)
    }

    /// Highest operation number that a segment holds.
    pub fn last_operation(&self) -> Result<u64> {
        let manifest = serde_json::to_value(self.edge().snapshot_manifest()?)
            .map_err(|error| Error::internal(format!("the engine's manifest: {error}")))?;
        let versions = manifest.as_object().into_iter().flat_map(Map::values);
        Ok(versions
            .filter_map(|segment| segment["segment_version"].as_u64())
            .max()
            .unwrap_or(0))
    }

    /// See `vecferry_engine_info`.
    pub fn info(&self) -> Result<Value> {
        let info = self.edge().info()?;
        let mut payload_schema = Map::new();
        for (path, index) in info.payload_schema {
            let index = serde_json::to_value(index)
                .map_err(|error| Error::internal(format!("payload schema: {error}")))?;
            payload_schema.insert(path.to_string(), index);
        }
        payload_schema.sort_keys();
        let vectors: Map<String, Value> = self
            .specs
            .iter()
            .map(|spec| (spec.name.clone(), describe(spec)))
            .collect();
        let config = operations::qdrant_config(&self.edge().config())?;
        Ok(json!({
            "points_count": info.points_count,
            "indexed_vectors_count": info.indexed_vectors_count,
            "segments_count": info.segments_count,
            "payload_schema": payload_schema,
            "vectors": vectors,
            "last_operation": self.last_operation()?,
            "wal": self.inner.wal,
            "optimising": self.optimising.load(Ordering::Relaxed),
            "engine_version": ENGINE,
            "config": config,
        }))
    }
}

fn describe(spec: &VectorSpec) -> Value {
    let element = |element| match element {
        Element::Float32 => "float32",
        Element::Float16 => "float16",
        Element::Uint8 => "uint8",
    };
    match spec.kind {
        VectorKind::Dense { dim, element: e } => {
            json!({"kind": "dense", "dim": dim, "datatype": element(e)})
        }
        VectorKind::Multi { dim, element: e } => {
            json!({"kind": "multi", "dim": dim, "datatype": element(e)})
        }
        VectorKind::Sparse => json!({"kind": "sparse", "dim": 0, "datatype": "float32"}),
    }
}

fn canonical(path: &Path) -> Result<PathBuf> {
    let path = path
        .canonicalize()
        .map_err(|error| Error::io("open the shard in", path, &error))?;
    fs::read_dir(&path).map_err(|error| Error::io("read the folder", &path, &error))?;
    Ok(path)
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// Bring log, configuration and operation numbers in line before the engine opens the folder; whether there is a log.
fn prepare_numbers(path: &Path, wanted: Option<bool>) -> Result<bool> {
    let config_path = path.join(CONFIG_FILE);
    let mut config = read_json(&config_path)?.unwrap_or(Value::Null);
    let has_log = config["wal_enabled"].as_bool().unwrap_or(true);
    let wants_log = wanted.unwrap_or(has_log);
    let mark = path.join(OPEN_MARK);
    let crashed = mark.exists();
    if crashed {
        lift_numbers(path)?;
    }
    if wants_log && !has_log_parts(path)? {
        start_log_above(path)?;
    }
    if wants_log != has_log && config.is_object() {
        config["wal_enabled"] = Value::Bool(wants_log);
        write_durably(&config_path, config.to_string().as_bytes())?;
    }
    if crashed {
        fs::remove_file(&mark).map_err(|error| Error::io("remove", &mark, &error))?;
    }
    Ok(wants_log)
}

fn has_log_parts(path: &Path) -> Result<bool> {
    let log = path.join(WAL_PATH);
    let entries = match fs::read_dir(&log) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io("read the folder", &log, &error)),
    };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    Ok(names.any(|name| {
        let name = name.to_string_lossy();
        name.starts_with("open-") || name.starts_with("closed-")
    }))
}

/// A log that the engine would make itself starts at 0, below what the segments hold: so does that
/// of a snapshot which came without one.
fn start_log_above(path: &Path) -> Result<()> {
    let Some((last, _)) = last_stored(path)? else {
        return Ok(());
    };
    let log = path.join(WAL_PATH);
    fs::create_dir_all(&log).map_err(|error| Error::io("make the folder", &log, &error))?;
    write_durably(
        &log.join(format!("closed-{}", last + GAP)),
        &empty_log_part(),
    )
}

/// A closed part of a log with no entries: the next operation takes the number in its name. The last four bytes seed
/// the checksums and may be any.
pub(crate) fn empty_log_part() -> [u8; 8] {
    *b"wal\0ferr"
}

/// Highest version that a segment's state file holds, and that file.
fn last_stored(path: &Path) -> Result<Option<(u64, PathBuf)>> {
    let segments = path.join(SEGMENTS);
    let mut last = None;
    for entry in
        fs::read_dir(&segments).map_err(|error| Error::io("read the folder", &segments, &error))?
    {
        let entry = entry.map_err(|error| Error::io("read the folder", &segments, &error))?;
        let file = entry.path().join(SEGMENT_STATE_FILE);
        if let Some(state) = read_json(&file)?
            && let Some(version) = state["version"].as_u64()
        {
            last = last.max(Some((version, file)));
        }
    }
    Ok(last)
}

fn lift_numbers(path: &Path) -> Result<()> {
    let Some((version, file)) = last_stored(path)? else {
        return Ok(());
    };
    let value = read_json(&file)?.unwrap_or(Value::Null);
    let mut state: SegmentState = serde_json::from_value(value).map_err(|error| {
        Error::corrupt(format!(
            "'{}' is not a segment's state: {error}",
            file.display()
        ))
    })?;
    state.version = Some(version + GAP);
    let text = serde_json::to_vec(&state)
        .map_err(|error| Error::internal(format!("segment state: {error}")))?;
    write_durably(&file, &text)
}

/// A JSON file, None when it is not there.
pub(crate) fn read_json(path: &Path) -> Result<Option<Value>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("read", path, &error)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| Error::corrupt(format!("'{}' is not JSON: {error}", path.display())))
}

/// Temporary file in the same folder, sync, rename, sync the folder.
fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("vecferry-new");
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&temporary)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        match path.parent() {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|error| Error::io("write", path, &error))
}
