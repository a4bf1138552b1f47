//! Random commands on bits and HyperLogLogs of few keys, so that they meet: sensible ones mostly, and
//! nonsense. Strings become HyperLogLogs and stop being good ones.

const COMMANDS: &[&str] = &[
    "SETBIT k o b",
    "SETBIT k o b",
    "SETBIT k o b",
    "GETBIT k o",
    "GETBIT k o",
    "BITCOUNT k",
    "BITCOUNT k n",
    "BITCOUNT k n n",
    "BITCOUNT k n n u",
    "BITCOUNT k n n u u",
    "BITPOS k b",
    "BITPOS k b n",
    "BITPOS k b n n",
    "BITPOS k b n n u",
    "BITPOS k b n n u u",
    "BITOP p k k",
    "BITOP p k k k",
    "BITOP p k k k k",
    "BITOP NOT k k",
    "BITFIELD k",
    "BITFIELD k GET t o",
    "BITFIELD k SET t o i",
    "BITFIELD k INCRBY t o i",
    "BITFIELD k OVERFLOW v SET t o i INCRBY t o i",
    "BITFIELD k OVERFLOW v INCRBY t o i GET t o",
    "BITFIELD k INCRBY t o i OVERFLOW v SET t o i OVERFLOW v INCRBY t o i",
    "BITFIELD k SET t o",
    "BITFIELD_RO k GET t o GET t o",
    "BITFIELD_RO k GET t o SET t o i",
    "BITFIELD_RO k",
    "PFADD k",
    "PFADD k e",
    "PFADD k e e e",
    "PFADD k m",
    "PFADD k m",
    "PFCOUNT k",
    "PFCOUNT k",
    "PFCOUNT k k",
    "PFCOUNT k k k",
    "PFMERGE k",
    "PFMERGE k k",
    "PFMERGE k k k",
    "PFDEBUG d k",
    "PFDEBUG d k",
    "SET k h",
    "SET k s",
    "SET k s",
    "SETRANGE k r s",
    "APPEND k s",
    "GETRANGE k n n",
    "STRLEN k",
    "INCR k",
    "RENAME k k",
    "COPY k k REPLACE",
    "DEL k",
    "OBJECT ENCODING k",
];

/// The keys that are used.
pub const KEYS: &[u8] = b"abcde";

/// The next command.
pub fn random_command(rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let pattern = COMMANDS[rng.usize(..COMMANDS.len())];
    let mut words = Vec::new();
    for word in pattern.split(' ') {
        match word {
            "m" => {
                let (first, count) = (rng.u32(..20_000), rng.u32(1..400));
                words.extend((first..first + count).map(|n| n.to_string().into_bytes()));
            }
            word => words.push(expand(word, rng)),
        }
    }
    words
}

fn expand(word: &str, rng: &mut fastrand::Rng) -> Vec<u8> {
    let one_of = |rng: &mut fastrand::Rng, words: &[&str]| {
        words[rng.usize(..words.len())].as_bytes().to_vec()
    };
    match word {
        "k" => vec![KEYS[rng.usize(..KEYS.len())]],
        "o" => offset(rng).into_bytes(),
        "b" => match rng.u8(..12) {
            0 => one_of(rng, &["2", "-1", "x", ""]),
            n => (n % 2).to_string().into_bytes(),
        },
        "n" => number(rng).into_bytes(),
        "u" => one_of(rng, &["BIT", "bit", "BYTE", "byte", "x"]),
        "p" => one_of(rng, &["AND", "or", "XOR", "NOT", "AND", "OR", "xor", "NAND"]),
        "t" => kind(rng),
        "v" => one_of(rng, &["WRAP", "SAT", "FAIL", "sat", "fail", "x"]),
        "i" => wide(rng).to_string().into_bytes(),
        "e" => (0..rng.usize(..40)).map(|_| b"ab\0\xff"[rng.usize(..4)]).collect(),
        "d" => one_of(rng, &["ENCODING", "decode", "TODENSE", "GETREG", "x"]),
        "h" => hyperloglog(rng),
        "s" => string(rng),
        "r" => {
            let end = if rng.bool() { 20 } else { 300 };
            rng.usize(..end).to_string().into_bytes()
        }
        word => word.as_bytes().to_vec(),
    }
}

fn offset(rng: &mut fastrand::Rng) -> String {
    match rng.u8(..16) {
        0 => "-1".to_owned(),
        1 => "4294967296".to_owned(),
        2 => "x".to_owned(),
        3 => i64::MAX.to_string(),
        4..8 => format!("#{}", rng.u32(..20)),
        8 => format!("#{}", rng.i64(-1..5)),
        9 => rng.u32(..20_000).to_string(),
        _ => rng.u32(..200).to_string(),
    }
}

fn number(rng: &mut fastrand::Rng) -> String {
    match rng.u8(..16) {
        0 => rng.i64(..).to_string(),
        1 => [i64::MAX, i64::MIN][rng.usize(..2)].to_string(),
        2 => "7x".to_owned(),
        3 => rng.i32(-20_000..20_000).to_string(),
        _ => rng.i32(-40..40).to_string(),
    }
}

fn kind(rng: &mut fastrand::Rng) -> Vec<u8> {
    let sign = ["i", "u", "i", "u", "x"][rng.usize(..5)];
    match rng.u8(..10) {
        0 => ["i0", "u0", "i64", "i65", "u63", "u64", "i", "u-1", "8"][rng.usize(..9)].into(),
        _ => format!("{sign}{}", rng.u32(1..64)).into_bytes(),
    }
}

/// Numbers of all widths, those next to a power of two among them.
fn wide(rng: &mut fastrand::Rng) -> i64 {
    let bits = rng.u32(..64);
    let number = match rng.u8(..3) {
        0 => (1_i64 << bits).wrapping_add(rng.i64(-1..2)),
        1 => i64::MAX >> bits,
        _ => rng.i64(..) >> bits,
    };
    if rng.bool() { number } else { number.wrapping_neg() }
}

fn string(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(..8) {
        0 => wide(rng).to_string().into_bytes(),
        1 => vec![[0, 0xff][rng.usize(..2)]; rng.usize(..300)],
        2 => (0..rng.usize(..2000)).map(|_| rng.u8(..)).collect(),
        _ => (0..rng.usize(..20)).map(|_| b"ab\0\xff"[rng.usize(..4)]).collect(),
    }
}

/// Something that begins like a HyperLogLog, and often is one.
fn hyperloglog(rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = b"HYLL\x01\0\0\0".to_vec();
    bytes.extend((0..8).map(|_| if rng.bool() { 0 } else { rng.u8(..) }));
    if rng.u8(..8) == 0 {
        bytes[4] = rng.u8(..3);
        bytes.resize(12_304, rng.u8(..));
        return bytes;
    }
    let mut missing = 16_384_u16;
    while missing > 0 && rng.u8(..100) > 0 {
        let len = match rng.u8(..3) {
            0 => {
                let len = rng.u16(1..=4).min(missing);
                bytes.push(0x80 | rng.u8(..32) << 2 | (len - 1) as u8);
                len
            }
            1 => {
                let len = rng.u16(1..=64).min(missing);
                bytes.push((len - 1) as u8);
                len
            }
            _ => {
                let len = rng.u16(1..=16_384).min(missing);
                bytes.extend((0x4000 | (len - 1)).to_be_bytes());
                len
            }
        };
        missing -= len;
    }
    match rng.u8(..8) {
        0 => bytes.extend(string(rng)),
        1 => bytes.truncate(rng.usize(..=bytes.len())),
        _ => {}
    }
    bytes
}
