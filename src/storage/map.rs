//! Maps a file into memory for reading: the only unsafe code of the storage layer.
//!
//! Who maps a file promises what [`super::Storage::map`] asks: the file is not shortened or
//! overwritten while the mapping lives. Vellum's snapshots are written under a temporary name and
//! never changed after their rename, and removing a name leaves the mapped bytes in place.
#![expect(unsafe_code, reason = "mapping a file cannot be checked by the compiler")]

use std::fs::File;
use std::io;

use memmap2::Mmap;

use super::Mapping;

/// A file mapped for reading.
#[derive(Debug)]
pub(super) struct MappedFile(Mmap);

impl MappedFile {
    /// Maps all of `file` as long as it is now.
    pub(super) fn new(file: &File) -> io::Result<Self> {
        // SAFETY: a mapping is sound as long as nobody changes the bytes or cuts the file under it.
        // Only finished snapshots are mapped, which this program never changes; another program
        // that writes into the data directory breaks more than this mapping. Whatever the bytes
        // are, they are checked as bytes from disk before they are decoded.
        unsafe { Mmap::map(file) }.map(Self)
    }
}

impl Mapping for MappedFile {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}
