//! Data directories as files: listed, compared, copied, damaged.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Every file below `dir`, in order.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("its type").is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

/// Every file below `dir` by its path there, with its bytes; not one that goes away meanwhile.
pub fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let relative = |path: &Path| path.strip_prefix(dir).expect("below").to_owned();
    let read = |path: &Path| match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        bytes => Some((relative(path), bytes.expect("readable"))),
    };
    files_below(dir).iter().filter_map(|path| read(path)).collect()
}

/// Copies everything below `from` to `to`. What are two names of one file become two files.
pub fn copy_dir(from: &Path, to: &Path) {
    for path in files_below(from) {
        let target = to.join(path.strip_prefix(from).expect("below"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("created");
        fs::copy(path, target).expect("copied");
    }
}

/// Flips one bit of a file in place.
pub fn flip_bit(path: &Path, bit: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).expect("a file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8).expect("read");
    byte[0] ^= 1 << (bit % 8);
    file.write_all_at(&byte, bit / 8).expect("written");
}

/// The newest file in the log's folder whose name ends in `suffix`.
pub fn newest(data: &Path, suffix: &str) -> PathBuf {
    let number = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("appendonly.aof.")?.strip_suffix(suffix)?.parse::<u64>().ok()
    };
    let files = files_below(&data.join("appendonlydir"));
    files.into_iter().filter(|path| number(path).is_some()).max_by_key(number).expect("a file")
}
