//! Files of a shard, read ahead of a scan.
//!
//! Payloads and vectors that lie `on_disk` are mapped for random access, and opening a shard drops
//! them from the page cache: a first scan then waits for the disk page by page (measured: half the
//! speed). So a scan reads the next piece of them in one go before each batch; imported points lie
//! in about the order in which they are scanned.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A few batches' worth.
const PIECE_BYTES: u64 = 16 << 20;

/// What is still to be read, once for a shard.
#[derive(Default)]
pub struct ReadAhead {
    files: Option<VecDeque<PathBuf>>,
    offset: u64,
}

impl ReadAhead {
    /// Read the next piece. It is help and no more, so what cannot be read is left out.
    pub fn step(&mut self, segments: &Path, with_vectors: bool) {
        let files = self
            .files
            .get_or_insert_with(|| find(segments, with_vectors));
        let mut left = PIECE_BYTES;
        while left > 0 {
            let Some(path) = files.front() else { return };
            match read(path, self.offset, left) {
                Ok(got) if got == left => {
                    self.offset += got;
                    return;
                }
                Ok(got) => left -= got,
                Err(_) => {}
            }
            files.pop_front();
            self.offset = 0;
        }
    }
}

fn read(path: &Path, offset: u64, size: u64) -> io::Result<u64> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    io::copy(&mut file.take(size), &mut io::sink())
}

fn find(segments: &Path, with_vectors: bool) -> VecDeque<PathBuf> {
    let mut files = Vec::new();
    for folder in entries(segments)
        .into_iter()
        .flat_map(|segment| entries(&segment))
    {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name == "payload_storage" || (with_vectors && name.starts_with("vector_storage")) {
            let below = entries(&folder).into_iter().flat_map(|path| {
                if path.is_dir() {
                    entries(&path)
                } else {
                    vec![path]
                }
            });
            files.extend(below.filter(|path| path.is_file()));
        }
    }
    files.into()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}
