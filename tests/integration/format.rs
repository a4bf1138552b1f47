//! data/README.md against the bytes of a directory that a server has made: every figure here is read off
//! that page, and nothing of the program's own readers is used.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::support::{Server, wait_until};

/// CRC-32 of `bytes`, begun with `seed`.
fn crc32(seed: u32, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(seed);
    crc.update(bytes);
    crc.finalize()
}

fn hex(digits: &[u8]) -> Vec<u8> {
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn u32_at(raw: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(raw[at..at + 4].try_into().unwrap())
}

fn u64_at(raw: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(raw[at..at + 8].try_into().unwrap())
}

/// The value of `name=` in a line of fields.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let mut words = line.split([' ', '\r', '\n']);
    words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).unwrap()
}

struct Frame {
    offset: u64,
    synced_len: u64,
    payload: Vec<u8>,
}

struct Segment {
    header: String,
    /// Bytes of line and SELECT.
    header_len: usize,
    frames: Vec<Frame>,
    /// Where the last frame ends.
    end: usize,
}

/// Reads a segment as the document describes it; what follows the last frame must be filler.
fn read_segment(bytes: &[u8]) -> Segment {
    let line_len = bytes.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
    let header = String::from_utf8(bytes[..line_len].to_vec()).unwrap();
    assert!(header.starts_with("#VELLUM 1 replid="), "{header}");
    let seed = u32::from_str_radix(field(&header, "crc"), 16).unwrap();
    assert_eq!(seed, crc32(0, &header.as_bytes()[..header.find("crc=").unwrap()]));
    let db = field(&header, "db");
    let select = format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{db}\r\n", db.len());
    assert!(bytes[line_len..].starts_with(select.as_bytes()));
    let header_len = line_len + select.len();
    let (mut at, mut frames) = (header_len, Vec::new());
    let mut offset: u64 = field(&header, "offset").parse().unwrap();
    loop {
        if at % 64 == 63 && bytes[at..].starts_with(b"#\n") {
            at += 2;
        }
        if !bytes[at..].starts_with(b"#V") {
            break;
        }
        let raw = hex(&bytes[at + 2..at + 82]);
        assert_eq!((raw.len(), &bytes[at + 82..at + 84]), (40, &b"\r\n"[..]));
        let payload_len = u32_at(&raw, 16) as usize;
        assert_eq!((u32_at(&raw, 20), u32_at(&raw, 32)), (0, 0), "no meta bytes, no flags");
        let payload = bytes[at + 84..at + 84 + payload_len].to_vec();
        assert_eq!(u32_at(&raw, 36), crc32(crc32(seed, &raw[..36]), &payload));
        assert_eq!(u64_at(&raw, 0), offset, "a frame begins where the one before it ended");
        assert!(u64_at(&raw, 24) > 1_600_000_000_000, "a time of our days");
        frames.push(Frame { offset, synced_len: u64_at(&raw, 8), payload });
        offset += payload_len as u64;
        at += 84 + payload_len;
    }
    let filler = |at: usize| if at % 64 == 63 { b'\n' } else { b'#' };
    assert!((at..).zip(&bytes[at..]).all(|(at, byte)| *byte == filler(at)), "filler to the end");
    Segment { header, header_len, frames, end: at }
}

/// The files the manifest names, by type, after a look at its checksum.
fn read_manifest(dir: &Path) -> Vec<(char, PathBuf)> {
    let folder = dir.join("appendonlydir");
    let text = fs::read_to_string(folder.join("appendonly.aof.manifest")).unwrap();
    let at = text.find("#VELLUM crc=").unwrap();
    assert_eq!(text[at..], format!("#VELLUM crc={:08x}\n", crc32(0, &text.as_bytes()[..at])));
    let files = text.lines().filter(|line| line.starts_with("file "));
    files
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!((words[2], words[4], words.len()), ("seq", "type", 6), "{line}");
            (words[5].chars().next().unwrap(), folder.join(words[1]))
        })
        .collect()
}

fn read_lock(dir: &Path) -> Vec<String> {
    let bytes = fs::read(dir.join("LOCK")).unwrap();
    assert_eq!(bytes.len(), 512);
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<String> =
        text.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect();
    let (crc, covered) = lines.split_last().unwrap();
    let covered: String = covered.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(*crc, format!("crc={:08x}", crc32(0, covered.as_bytes())));
    assert!(text[covered.len() + crc.len()..].bytes().all(|b| b == b'\n'));
    lines
}

#[test]
fn a_directory_is_what_the_format_document_says() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("data");
    let mut server = Server::vellum(&dir, &[]);
    let mut client = server.client();
    client.command(&["SET", "mykey", "hello"]);
    client.command(&["SELECT", "3"]);
    client.command(&["SET", "second", "value", "PX", "100000000"]);

    let lock = read_lock(&dir);
    assert_eq!((lock.len(), lock[0].as_str()), (3, "VELLUM LOCK 1"));
    assert_eq!(field(&lock[1], "pid"), server.pid().to_string());
    assert_eq!((field(&lock[1], "fsync"), field(&lock[1], "role")), ("always", "master"));
    let manifest = read_manifest(&dir);
    assert_eq!(manifest.len(), 1);
    let bytes = fs::read(&manifest[0].1).unwrap();
    assert_eq!(bytes.len() % 4096, 0, "filled up to a multiple of 4096");
    let segment = read_segment(&bytes);
    assert_eq!(field(&segment.header, "offset"), "0");
    let payloads: Vec<u8> = segment.frames.iter().flat_map(|f| f.payload.clone()).collect();
    let first =
        b"*3\r\n$3\r\nSET\r\n$5\r\nmykey\r\n$5\r\nhello\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n";
    assert!(payloads.starts_with(first), "{}", payloads.escape_ascii());
    assert!(segment.frames[0].synced_len >= segment.header_len as u64);
    assert!(segment.frames.is_sorted_by_key(|frame| frame.synced_len));
    let cut: u64 = client.info("master_repl_offset").parse().unwrap();
    assert_eq!(cut, payloads.len() as u64, "the offset counts payloads and nothing else");

    client.command(&["BGSAVE"]);
    wait_until("the snapshot to end", || client.info("rdb_bgsave_in_progress") == "0");
    client.command(&["SET", "third", "x"]);
    let end: u64 = client.info("master_repl_offset").parse().unwrap();
    assert!(server.stop().success());

    let manifest = read_manifest(&dir);
    let [('b', base), ('i', last)] = manifest.as_slice() else { panic!("{manifest:?}") };
    let text = fs::read_to_string(dir.join("appendonlydir/appendonly.aof.manifest")).unwrap();
    assert_eq!(field(&text, "base_offset"), cut.to_string());
    assert_eq!(field(&text, "base_replid"), field(&segment.header, "replid"));
    let bytes = fs::read(last).unwrap();
    let second = read_segment(&bytes);
    assert_eq!(second.end, bytes.len(), "a clean stop leaves no filler");
    assert_eq!(second.frames[0].offset, cut);
    assert_eq!(field(&second.header, "db"), "3");
    let lock = read_lock(&dir);
    assert_eq!(field(&lock[2], "clean"), last.file_name().unwrap().to_string_lossy());
    assert_eq!(field(&lock[2], "len"), bytes.len().to_string());
    assert_eq!(field(&lock[2], "offset"), end.to_string());
    let archived = fs::read(dir.join("archive/appendonly.aof.1.incr.aof")).unwrap();
    assert_eq!(read_segment(&archived).end, archived.len(), "nor does a rotation");
    assert_eq!(
        fs::metadata(base).unwrap().ino(),
        fs::metadata(dir.join("dump.rdb")).unwrap().ino(),
        "dump.rdb is a second name of the snapshot"
    );
    check_snapshot(&fs::read(base).unwrap());
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["LOCK", "appendonlydir", "archive", "catalogue", "dump.rdb"]);
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|w| w == wanted).unwrap()
}

fn check_snapshot(bytes: &[u8]) {
    assert!(bytes.starts_with(b"REDIS0010"));
    let header = find(bytes, b"\xfa\x0dvellum-header\x0a1 ");
    let stated = &bytes[header + 18..header + 26];
    assert_eq!(stated, format!("{:08x}", crc32(0, &bytes[..header])).as_bytes());
    let block = &bytes[header + 26..];
    assert_eq!(&block[..15], b"\xfa\x0cvellum-block\x1e");
    let number = |range| std::str::from_utf8(&block[range]).unwrap().parse::<usize>().unwrap();
    let (len, entries) = (number(15..25), number(26..36));
    assert_eq!((block[25], block[36], entries), (b' ', b' ', 2));
    let crc = crc32(crc32(0, &block[..37]), &block[45..45 + len]);
    assert_eq!(&block[37..45], format!("{crc:08x}").as_bytes());
    assert_eq!(&block[45..47], b"\xfe\x00", "the content begins with its database");
    assert_eq!((block[45 + len], block[45 + len + 1..].len()), (0xff, 8), "the end and the CRC-64");
}

#[test]
fn the_page_in_the_default_directory_disturbs_nobody() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("data");
    fs::create_dir(&dir).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/README.md");
    fs::copy(&page, dir.join("README.md")).unwrap();
    let mut server = Server::vellum(&dir, &[]);
    server.client().command(&["SET", "a", "1"]);
    server.client().command(&["SAVE"]);
    server.restart();
    assert_eq!(server.client().command(&["GET", "a"]).text(), "1");
    assert_eq!(fs::read(page).unwrap(), fs::read(dir.join("README.md")).unwrap());
}

#[test]
fn the_decision_table_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("data/README.md")).unwrap();
    let sources: String = [
        "tests/simulation/recovery.rs",
        "tests/simulation/log_base.rs",
        "tests/integration/histories.rs",
        "src/log/tail.rs",
    ]
    .iter()
    .map(|path| fs::read_to_string(root.join(path)).unwrap())
    .collect();
    let is_test = |word: &&str| {
        word.matches('_').count() >= 3 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 25, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "no test is called {name}");
    }
}

#[test]
fn what_a_killed_server_was_still_making_goes_at_the_next_start() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("data");
    let leftovers = ["snapshot.tmp", "dump.rdb.tmp", "appendonlydir/prepared.4096.tmp"];
    for mode in ["yes", "no"] {
        let mut server = Server::vellum(&dir, &["--appendonly", mode]);
        server.kill();
        for name in leftovers {
            fs::write(dir.join(name), "half").unwrap();
        }
        fs::write(dir.join("mine.tmp"), "not the server's").unwrap();
        server.launch();
        for name in &leftovers[..if mode == "yes" { 3 } else { 2 }] {
            assert!(!dir.join(name).exists(), "{name} with appendonly {mode}");
        }
        assert!(dir.join("mine.tmp").exists());
    }
}
