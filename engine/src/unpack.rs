//! A snapshot file becomes folders that `Shard::open` takes.
//!
//! A snapshot is a tar. A shard's has the members of one shard at its root; a collection's has one folder for each
//! shard, named by its number, and `config.json`, `payload_index.json` and `version.info` beside them. A segment is
//! either a tar of its own (`segments/ID.tar`, members below `snapshot/files/`) or lies flat (`segments/ID/files/`).
//! Everything is written in one pass, where it belongs, holes as holes. Names and types of members are not trusted,
//! and an archive counts as whole only with the two zero blocks that end a tar.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use qdrant_edge::SEGMENT_STATE_FILE;
use qdrant_edge::external::serde_json::{Value, json};
use tar::{Archive, Entry, EntryType};

use crate::error::{Error, Kind, Result};
use crate::optimise::{Progress, cancelled};
use crate::shard::read_json;

const BLOCK: usize = 512;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The storage versions of servers 1.2 to 1.19: of the collection and of a segment.
const COLLECTION_VERSIONS: &str = "0.4.";
const SEGMENT_VERSIONS: &str = "0.6.";
/// Holes in members that were packed without them are made at this grain, which is a file system's page.
const PAGE: usize = 4096;

/// See `vecferry_engine_unpack_snapshot`.
pub fn unpack_snapshot(file: &Path, target: &Path, progress: Progress<'_>) -> Result<Value> {
    if fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::new(
            Kind::Exists,
            format!("the folder '{}' is not empty", target.display()),
        ));
    }
    let existed = target.exists();
    fs::create_dir_all(target).map_err(|error| Error::io("make the folder", target, &error))?;
    let result = unpack_into(file, target, progress).and_then(|()| summarise(target));
    result.map_err(|error| {
        empty(target, existed);
        error.doing(&format!("cannot unpack the snapshot '{}'", file.display()))
    })
}

/// Take back what an unpack that failed has written; the error that is on its way says more than one from here.
fn empty(target: &Path, keep: bool) {
    let _ = fs::remove_dir_all(target);
    if keep {
        let _ = fs::create_dir(target);
    }
}

fn unpack_into(file: &Path, target: &Path, progress: Progress<'_>) -> Result<()> {
    let opened = fs::File::open(file).map_err(|error| Error::io("open", file, &error))?;
    let total = opened
        .metadata()
        .map_err(|error| Error::io("read", file, &error))?
        .len();
    let stopped = Rc::new(Cell::new(false));
    let mut source = BufReader::with_capacity(
        1 << 20,
        Ticking {
            inner: opened,
            done: 0,
            total,
            last: Instant::now(),
            progress,
            stopped: Rc::clone(&stopped),
        },
    );
    let compressed = io::BufRead::fill_buf(&mut source).map(|head| head.starts_with(&ZSTD_MAGIC));
    let mut placed = |member: &Path| place(member, target);
    let result = match compressed {
        Err(error) => Err(Error::io("read", file, &error)),
        Ok(false) => unpack_tar(&mut source, &mut placed, Nesting::Outer),
        Ok(true) => zstd::stream::read::Decoder::with_buffer(source)
            .and_then(|mut decoder| decoder.window_log_max(31).map(|()| decoder))
            .map_err(|error| Error::internal(format!("zstd: {error}")))
            .and_then(|mut decoder| unpack_tar(&mut decoder, &mut placed, Nesting::Outer)),
    };
    if stopped.get() {
        return Err(cancelled("unpacking"));
    }
    result
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Outer,
    Segment,
}

/// What becomes of a member.
enum Place {
    /// Written to this file, or made as this folder.
    At(PathBuf),
    /// A tar whose members go below this folder.
    Segment(PathBuf),
}

/// Unpack a whole tar; `place` says where a member goes.
fn unpack_tar(
    reader: &mut dyn Read,
    place: &mut dyn FnMut(&Path) -> Result<Place>,
    nesting: Nesting,
) -> Result<()> {
    let mut archive = Archive::new(LastBlock {
        inner: reader,
        last: [1; BLOCK],
    });
    let mut members = 0;
    for entry in archive
        .entries()
        .map_err(|error| damaged("not a tar", &error))?
    {
        let mut entry =
            entry.map_err(|error| damaged("a member's header cannot be read", &error))?;
        let name = entry
            .path()
            .map_err(|error| damaged("a member's name cannot be read", &error))?
            .into_owned();
        members += 1;
        let kind = entry.header().entry_type();
        check_name(&name)?;
        match (kind, place(&name)?) {
            (EntryType::Directory, Place::At(path) | Place::Segment(path)) => {
                fs::create_dir_all(&path)
                    .map_err(|error| Error::io("make the folder", &path, &error))?;
            }
            (EntryType::Regular | EntryType::GNUSparse, Place::At(path)) => {
                write_member(&mut entry, &name, &path)?
            }
            (EntryType::Regular | EntryType::GNUSparse, Place::Segment(folder))
                if nesting == Nesting::Outer =>
            {
                unpack_tar(
                    &mut entry,
                    &mut |member| Ok(Place::At(segment_place(member, &folder)?)),
                    Nesting::Segment,
                )
                .map_err(|error| error.doing(&format!("member '{}'", name.display())))?;
            }
            _ => {
                return Err(Error::corrupt(format!(
                    "member '{}' is of type {kind:?}, which no snapshot has",
                    name.display()
                )));
            }
        }
    }
    if members == 0 {
        return Err(Error::corrupt("it has no members: not a snapshot"));
    }
    match nesting {
        Nesting::Outer => check_end(archive.into_inner()),
        // A server leaves the end blocks of a segment's tar away; its size is known from outside.
        Nesting::Segment => Ok(()),
    }
}

/// The iteration above ends at a zero block, and also where the file just stops.
fn check_end(mut reader: LastBlock<impl Read>) -> Result<()> {
    let cut = || Error::corrupt("it is cut short: the two zero blocks at its end are missing");
    if reader.last.iter().any(|byte| *byte != 0) {
        return Err(cut());
    }
    let mut block = [0; BLOCK];
    let mut read = || {
        read_full(&mut reader.inner, &mut block)
            .map(|got| (got, block))
            .map_err(|error| damaged("its end", &error))
    };
    let (got, second) = read()?;
    if got < BLOCK {
        return Err(cut());
    }
    let (mut got, mut rest) = (got, second);
    // Padding may follow, and nothing else.
    while got > 0 {
        if rest[..got].iter().any(|byte| *byte != 0) {
            return Err(Error::corrupt("there is something after its end"));
        }
        (got, rest) = read()?;
    }
    Ok(())
}

/// Only plain relative names: no root, no `..`.
fn check_name(name: &Path) -> Result<()> {
    let plain = name
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if plain
        && name
            .components()
            .any(|part| matches!(part, Component::Normal(_)))
    {
        return Ok(());
    }
    Err(Error::corrupt(format!(
        "member '{}' would leave the folder",
        name.display()
    )))
}

/// Where a member of the outer tar goes.
fn place(member: &Path, target: &Path) -> Result<Place> {
    let parts: Vec<&str> = member
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_str()),
            _ => None,
        })
        .collect::<Option<_>>()
        .ok_or_else(|| {
            Error::corrupt(format!(
                "the name of member '{}' is not UTF-8",
                member.display()
            ))
        })?;
    // Below `segments/`, with the shard's number before it in a collection snapshot.
    let segment = match parts.as_slice() {
        ["segments", rest @ ..] if !rest.is_empty() => Some((PathBuf::from("segments"), rest)),
        [shard, "segments", rest @ ..] if is_number(shard) && !rest.is_empty() => {
            Some((Path::new(shard).join("segments"), rest))
        }
        _ => None,
    };
    let Some((segments, rest)) = segment else {
        return Ok(Place::At(target.join(parts.iter().collect::<PathBuf>())));
    };
    let segments = target.join(segments);
    match rest {
        [tar] if tar.ends_with(".tar") => {
            Ok(Place::Segment(segments.join(tar.trim_end_matches(".tar"))))
        }
        [id] => Ok(Place::At(segments.join(id))),
        [id, inner @ ..] => Ok(Place::At(segment_place(
            &inner.iter().collect::<PathBuf>(),
            &segments.join(id),
        )?)),
        [] => Ok(Place::At(segments)),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where a member of a segment goes: `snapshot/files/X`, `files/X` and (very old) `X` are the segment's `X`.
fn segment_place(member: &Path, folder: &Path) -> Result<PathBuf> {
    let plain: PathBuf = member
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    let inner = plain.strip_prefix("snapshot").unwrap_or(&plain);
    if let Ok(file) = inner.strip_prefix("files") {
        return Ok(folder.join(file));
    }
    let old = ["db_backup", "payload_index_db_backup"]
        .iter()
        .any(|name| inner.starts_with(name));
    if old || inner.as_os_str() == "CURRENT" {
        return Err(Error::incompatible(
            "it has RocksDB parts, from a server before 1.16: let a server of 1.16 or 1.17 recover it and snapshot anew",
        ));
    }
    Ok(folder.join(inner))
}

fn write_member(entry: &mut Entry<'_, impl Read>, name: &Path, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("make the folder", folder, &error))?;
    }
    // A name that comes twice would be one file written over another.
    let mut file = fs::File::create_new(path).map_err(|error| Error::io("write", path, &error))?;
    let mut page = vec![0; 16 * PAGE];
    let mut size: u64 = 0;
    loop {
        let got = read_full(entry, &mut page)
            .map_err(|error| damaged(&format!("member '{}'", name.display()), &error))?;
        if got == 0 {
            break;
        }
        for part in page[..got].chunks(PAGE) {
            let written = if part.iter().all(|byte| *byte == 0) {
                file.seek(SeekFrom::Current(part.len() as i64)).map(|_| ())
            } else {
                file.write_all(part)
            };
            written.map_err(|error| Error::io("write", path, &error))?;
            size += part.len() as u64;
        }
    }
    file.set_len(size)
        .map_err(|error| Error::io("write", path, &error))
}

fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// An error while reading the archive: the system's, or else its content.
fn damaged(what: &str, error: &io::Error) -> Error {
    let kind = if error.raw_os_error().is_some() {
        Kind::Io
    } else {
        Kind::Corrupt
    };
    Error::new(kind, format!("{what}: {error}"))
}

/// What was unpacked, once it is known to be something that opens.
fn summarise(target: &Path) -> Result<Value> {
    if target.join("segments").is_dir() {
        check_segments(&target.join("segments"))?;
        let shard = json!({"id": 0, "path": ".", "replica_state": replica_state(target)?});
        return Ok(
            json!({"kind": "shard", "shards": [shard], "config": null, "payload_schema": null}),
        );
    }
    let Some(config) = read_json(&target.join("config.json"))? else {
        return Err(Error::corrupt(
            "it has neither segments nor a config.json: not a snapshot of Qdrant",
        ));
    };
    if config.get("collections_mapping").is_some() {
        return Err(Error::incompatible(
            "it is a snapshot of a whole server: unpack it with tar and take the collections' files one by one",
        ));
    }
    let version = fs::read_to_string(target.join("version.info")).unwrap_or_default();
    if !version.trim().starts_with(COLLECTION_VERSIONS) {
        return Err(Error::incompatible(format!(
            "its version.info says '{}'; this engine reads {COLLECTION_VERSIONS}x",
            version.trim()
        )));
    }
    let mut shards = BTreeMap::new();
    for entry in fs::read_dir(target).map_err(|error| Error::io("read", target, &error))? {
        let entry = entry.map_err(|error| Error::io("read", target, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let segments = entry.path().join("segments");
        // A shard whose points are on another node of the cluster has no segments here.
        if is_number(&name) && segments.is_dir() {
            check_segments(&segments).map_err(|error| error.doing(&format!("shard {name}")))?;
            let id: u32 = name
                .parse()
                .map_err(|error| Error::corrupt(format!("shard {name}: {error}")))?;
            shards.insert(
                id,
                json!({"id": id, "path": name, "replica_state": replica_state(&entry.path())?}),
            );
        }
    }
    if shards.is_empty() {
        return Err(Error::corrupt("it has no shard with points"));
    }
    let payload_index = read_json(&target.join("payload_index.json"))?.unwrap_or(Value::Null);
    let schema = match &payload_index["schema"] {
        Value::Null => json!({}),
        schema => schema.clone(),
    };
    Ok(json!({
        "kind": "collection",
        "shards": shards.into_values().collect::<Vec<_>>(),
        "config": config,
        "payload_schema": schema,
        "shard_key_mapping": read_json(&target.join("shard_key_mapping.json"))?,
    }))
}

fn replica_state(shard: &Path) -> Result<Value> {
    Ok(read_json(&shard.join("replica_state.json"))?.unwrap_or(Value::Null))
}

/// The engine passes over a segment without its last-written file without a word; we must not.
fn check_segments(segments: &Path) -> Result<()> {
    for entry in fs::read_dir(segments).map_err(|error| Error::io("read", segments, &error))? {
        let path = entry
            .map_err(|error| Error::io("read", segments, &error))?
            .path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let version = fs::read_to_string(path.join("version.info")).map_err(|_| {
            Error::corrupt(format!(
                "segment '{name}' is not whole: its version.info is missing"
            ))
        })?;
        if !version.trim().starts_with(SEGMENT_VERSIONS) {
            return Err(Error::incompatible(format!(
                "segment '{name}' has version '{}'; this engine reads {SEGMENT_VERSIONS}x",
                version.trim()
            )));
        }
        if read_json(&path.join(SEGMENT_STATE_FILE))?.is_none() {
            return Err(Error::corrupt(format!(
                "segment '{name}' is not whole: its {SEGMENT_STATE_FILE} is missing"
            )));
        }
    }
    Ok(())
}

/// Remembers the last block of a tar that was read.
struct LastBlock<R> {
    inner: R,
    last: [u8; BLOCK],
}

impl<R: Read> Read for LastBlock<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        if got >= BLOCK {
            self.last.copy_from_slice(&buffer[got - BLOCK..got]);
        } else {
            self.last.rotate_left(got);
            self.last[BLOCK - got..].copy_from_slice(&buffer[..got]);
        }
        Ok(got)
    }
}

/// Tells how far a file has been read, and stops when told to.
struct Ticking<'a, R> {
    inner: R,
    done: u64,
    total: u64,
    last: Instant,
    progress: Progress<'a>,
    stopped: Rc<Cell<bool>>,
}

impl<R: Read> Read for Ticking<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.done += got as u64;
        if got == 0 || self.done == self.total || self.last.elapsed() >= Duration::from_millis(100)
        {
            self.last = Instant::now();
            if !(self.progress)(self.done, self.total) {
                self.stopped.set(true);
                return Err(io::Error::other("stopped"));
            }
        }
        Ok(got)
    }
}
