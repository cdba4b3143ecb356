//! A shard becomes a shard snapshot, as a server takes it for an upload.
//!
//! Nearly all of a shard's files are holes, so they are packed as old GNU sparse entries (type `S`), which servers read
//! and which our tar library does not write: those headers are made here. The write-ahead log of the pack is one
//! closed part without entries: it makes the server's next operation number higher than any that the points carry;
//! otherwise later updates would be acknowledged and dropped.

use std::fs;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use qdrant_edge::external::serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::optimise::{Progress, cancelled};
use crate::shard::{Shard, empty_log_part};

const BLOCK: u64 = 512;
/// Zero pages of this size become holes.
const PAGE: usize = 4096;
/// A log starts at the next multiple of this, one whole step above the last operation.
const NUMBER_STEP: u64 = 1_000_000;
/// A store writes this before its tracker; after a flush it says nothing more, and a server of
/// another version would not know it, or replay it.
const JOURNAL: &str = "tracker_journal.dat";
/// Extents in a sparse header itself, and in each block that continues it.
const HEADER_EXTENTS: usize = 4;
const BLOCK_EXTENTS: usize = 21;

/// See `vecferry_engine_pack_snapshot`.
pub fn pack_snapshot(
    shard: &Shard,
    file: &Path,
    next_operation: u64,
    progress: Progress<'_>,
) -> Result<Value> {
    let _alone = shard.writes.write().unwrap_or_else(PoisonError::into_inner);
    let _at_work = AtWork::claim(&shard.optimising)?;
    shard.flush()?;
    let last = shard.last_operation()?;
    let next_operation = match next_operation {
        0 => (last / NUMBER_STEP + 2) * NUMBER_STEP,
        given if given > last => given,
        given => {
            return Err(Error::usage(format!(
                "the next operation {given} is not above the shard's last one, {last}"
            )));
        }
    };
    let members = segment_files(&shard.path().join("segments"))?;
    let total: u64 = members.iter().map(|member| member.size).sum();

    let created = fs::File::create_new(file).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::new(
            Kind::Exists,
            format!("there is a file '{}' already", file.display()),
        ),
        _ => Error::io("write", file, &error),
    })?;
    let mut packer = Packer {
        out: BufWriter::with_capacity(1 << 20, created),
        file,
        written: 0,
        done: 0,
        total,
        last_tick: Instant::now(),
        progress,
    };
    match packer.pack(&members, next_operation) {
        Ok(()) => Ok(json!({"next_operation": next_operation, "bytes": packer.written})),
        Err(error) => {
            // The error says more than one about the remains would.
            let _ = fs::remove_file(file);
            Err(error)
        }
    }
}

/// Keeps an optimise from starting, which would take segments away.
struct AtWork<'a>(&'a AtomicBool);

impl<'a> AtWork<'a> {
    fn claim(flag: &'a AtomicBool) -> Result<Self> {
        if flag.swap(true, Ordering::AcqRel) {
            return Err(Error::new(
                Kind::Conflict,
                "the shard is being optimised or packed: pack it afterwards",
            ));
        }
        Ok(Self(flag))
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

struct Member {
    path: PathBuf,
    name: String,
    size: u64,
}

/// The files of the segments under the names that a streamed snapshot gives them.
fn segment_files(segments: &Path) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    for segment in sorted_entries(segments)? {
        let id = segment
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !segment.is_dir() || id.starts_with('.') || id.ends_with(".deleted") {
            continue;
        }
        // A segment is there once its version is.
        if segment.join("version.info").exists() {
            add_files(&segment, &format!("segments/{id}/files"), &mut members)?;
        }
    }
    Ok(members)
}

fn add_files(folder: &Path, name: &str, members: &mut Vec<Member>) -> Result<()> {
    for path in sorted_entries(folder)? {
        let file_name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = format!("{name}/{file_name}");
        let metadata =
            fs::symlink_metadata(&path).map_err(|error| Error::io("read", &path, &error))?;
        if metadata.is_dir() {
            add_files(&path, &name, members)?;
        } else if metadata.is_file() && file_name != JOURNAL {
            members.push(Member {
                path,
                name,
                size: metadata.len(),
            });
        }
    }
    Ok(())
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let bad = |error: io::Error| Error::io("read the folder", folder, &error);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(bad)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()
        .map_err(bad)?;
    paths.sort();
    Ok(paths)
}

/// A run of bytes that are not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    offset: u64,
    size: u64,
}

struct Packer<'a> {
    out: BufWriter<fs::File>,
    file: &'a Path,
    written: u64,
    done: u64,
    total: u64,
    last_tick: Instant,
    progress: Progress<'a>,
}

impl Packer<'_> {
    fn pack(&mut self, members: &[Member], next_operation: u64) -> Result<()> {
        for member in members {
            self.add_file(member)?;
        }
        self.add_bytes(&format!("wal/closed-{next_operation}"), &empty_log_part())?;
        let replica = json!({"is_local": true, "this_peer_id": 1, "peers": {"1": "Active"}});
        self.add_bytes("replica_state.json", replica.to_string().as_bytes())?;
        self.add_bytes(
            "shard_config.json",
            json!({"type": "ReplicaSet"}).to_string().as_bytes(),
        )?;
        self.write(&[0; 2 * BLOCK as usize])?;
        let end = self
            .out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all());
        end.map_err(|error| Error::io("write", self.file, &error))?;
        (self.progress)(self.total, self.total);
        Ok(())
    }

    fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut header = self.header(name, bytes.len() as u64)?;
        header.set_cksum();
        self.write(header.as_bytes())?;
        self.write(bytes)?;
        self.pad(bytes.len() as u64)
    }

    fn add_file(&mut self, member: &Member) -> Result<()> {
        let unreadable = |error: io::Error| Error::io("read", &member.path, &error);
        let mut source = fs::File::open(&member.path).map_err(unreadable)?;
        let extents = self.extents(&mut source, member)?;
        let stored: u64 = extents.iter().map(|extent| extent.size).sum();
        if stored == member.size {
            let mut header = self.header(&member.name, member.size)?;
            header.set_cksum();
            self.write(header.as_bytes())?;
        } else {
            self.write_sparse_header(member, &extents, stored)?;
        }
        let mut buffer = vec![0; 16 * PAGE];
        for extent in &extents {
            source
                .seek(SeekFrom::Start(extent.offset))
                .map_err(unreadable)?;
            let mut left = extent.size;
            while left > 0 {
                let part = left.min(buffer.len() as u64) as usize;
                source.read_exact(&mut buffer[..part]).map_err(unreadable)?;
                self.write(&buffer[..part])?;
                left -= part as u64;
                self.tick(0)?;
            }
        }
        self.pad(stored)
    }

    /// Where a file has something else than zeros. The file system's own holes are not asked: pages that were
    /// touched and left zero are holes for us too.
    fn extents(&mut self, source: &mut fs::File, member: &Member) -> Result<Vec<Extent>> {
        let unreadable = |error: io::Error| Error::io("read", &member.path, &error);
        let mut extents: Vec<Extent> = Vec::new();
        let mut buffer = vec![0; 64 * PAGE];
        let mut offset = 0;
        while offset < member.size {
            let part = (member.size - offset).min(buffer.len() as u64) as usize;
            source.read_exact(&mut buffer[..part]).map_err(unreadable)?;
            for page in buffer[..part].chunks(PAGE) {
                let size = page.len() as u64;
                if page.iter().any(|byte| *byte != 0) {
                    match extents.last_mut() {
                        Some(last) if last.offset + last.size == offset => last.size += size,
                        _ => extents.push(Extent { offset, size }),
                    }
                }
                offset += size;
            }
            self.tick(part as u64)?;
        }
        Ok(extents)
    }

    fn write_sparse_header(
        &mut self,
        member: &Member,
        extents: &[Extent],
        stored: u64,
    ) -> Result<()> {
        // The end of the file is an extent of its own when it is a hole: that is how a reader learns the size.
        let mut extents = extents.to_vec();
        if extents
            .last()
            .is_none_or(|last| last.offset + last.size < member.size)
        {
            extents.push(Extent {
                offset: member.size,
                size: 0,
            });
        }
        let mut header = self.header(&member.name, stored)?;
        header.set_entry_type(tar::EntryType::GNUSparse);
        let (first, rest) = extents.split_at(extents.len().min(HEADER_EXTENTS));
        {
            let gnu = header
                .as_gnu_mut()
                .ok_or_else(|| Error::internal("the header is not a GNU one"))?;
            for (slot, extent) in gnu.sparse.iter_mut().zip(first) {
                octal(&mut slot.offset, extent.offset);
                octal(&mut slot.numbytes, extent.size);
            }
            gnu.isextended = [u8::from(!rest.is_empty())];
            octal(&mut gnu.realsize, member.size);
        }
        header.set_cksum();
        self.write(header.as_bytes())?;
        let mut blocks = rest.chunks(BLOCK_EXTENTS).peekable();
        while let Some(part) = blocks.next() {
            let mut block = tar::GnuExtSparseHeader::new();
            for (slot, extent) in block.sparse.iter_mut().zip(part) {
                octal(&mut slot.offset, extent.offset);
                octal(&mut slot.numbytes, extent.size);
            }
            block.isextended = [u8::from(blocks.peek().is_some())];
            self.write(block.as_bytes())?;
        }
        Ok(())
    }

    /// A member's header. A name that does not fit goes before it, in a member of its own.
    fn header(&mut self, name: &str, size: u64) -> Result<tar::Header> {
        let mut header = plain_header(size);
        if header.set_path(name).is_err() {
            let mut long = plain_header(name.len() as u64 + 1);
            long.set_entry_type(tar::EntryType::GNULongName);
            set_name(&mut long, b"././@LongLink");
            long.set_cksum();
            self.write(long.as_bytes())?;
            self.write(name.as_bytes())?;
            self.write(&[0])?;
            self.pad(name.len() as u64 + 1)?;
            set_name(&mut header, name.as_bytes());
        }
        Ok(header)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out
            .write_all(bytes)
            .map_err(|error| Error::io("write", self.file, &error))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let rest = (BLOCK - size % BLOCK) % BLOCK;
        self.write(&[0; BLOCK as usize][..rest as usize])
    }

    fn tick(&mut self, done: u64) -> Result<()> {
        self.done += done;
        if self.last_tick.elapsed() >= Duration::from_millis(100) {
            self.last_tick = Instant::now();
            if !(self.progress)(self.done, self.total) {
                return Err(cancelled("packing"));
            }
        }
        Ok(())
    }
}

/// The name field as it is, cut to its size.
fn set_name(header: &mut tar::Header, name: &[u8]) {
    let field = &mut header.as_old_mut().name;
    let size = name.len().min(field.len());
    field[..size].copy_from_slice(&name[..size]);
}

fn plain_header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header
}

/// A number in a field of a tar header: octal digits and a NUL, or base 256 where they do not suffice.
fn octal(field: &mut [u8; 12], number: u64) {
    if number < 1 << 33 {
        let text = format!("{number:011o}\0");
        field.copy_from_slice(text.as_bytes());
    } else {
        field.fill(0);
        field[4..].copy_from_slice(&number.to_be_bytes());
        field[0] = 0x80;
    }
}
