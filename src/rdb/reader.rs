//! Reads an RDB file, or a part of one, from front to back, piece by piece.
//!
//! ```text
//! "REDIS" + 4 digits: version
//! pieces: FA key value          field about the file (AUX)
//!         FE length             the database of the entries that follow
//!         FB length length      its number of keys, and of those with an expiry: a hint
//!         F5 string             a library of functions
//!         F7 ...                data of a module outside keys
//!         F4 length x 3         a cluster slot's number and its two counts: a hint
//!         ... type key value    an entry: see `codec`
//!         FF                    the end; 8 bytes of CRC-64 follow from version 5 on
//! ```

use super::codec::{
    EncodedEntry, EncodedValue, OPCODE_EXPIRE_MS, OPCODE_EXPIRE_S, OPCODE_FREQUENCY, OPCODE_IDLE,
};
use super::cursor::{Cursor, RdbString};
use super::error::RdbError;
use super::{VERSION_READ_MAX, VERSION_WRITTEN};

/// A field about the file follows: key and value, two strings.
pub const OPCODE_AUX: u8 = 0xfa;
/// A database's sizes follow.
pub const OPCODE_RESIZE: u8 = 0xfb;
/// A database number follows.
pub const OPCODE_DATABASE: u8 = 0xfe;
/// The entries are over.
pub const OPCODE_END: u8 = 0xff;
const OPCODE_SLOT: u8 = 0xf4;
const OPCODE_FUNCTION: u8 = 0xf5;
const OPCODE_MODULE: u8 = 0xf7;

const MAGIC: &[u8; 5] = b"REDIS";
/// Length of the magic and the version.
pub const MAGIC_LEN: usize = 9;

/// Appends the first bytes of a file.
pub fn push_magic(out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(format!("{VERSION_WRITTEN:04}").as_bytes());
}

/// Reads the first bytes of a file; returns its version.
pub fn read_magic(bytes: &[u8]) -> Result<u32, RdbError> {
    let digits = bytes
        .get(..MAGIC_LEN)
        .and_then(|magic| magic.strip_prefix(MAGIC))
        .filter(|digits| digits.iter().all(u8::is_ascii_digit))
        .ok_or(RdbError::NotRdb)?;
    let version = digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    match version {
        1..=VERSION_READ_MAX => Ok(version),
        _ => Err(RdbError::Version { version }),
    }
}

/// One piece of an RDB file.
#[derive(Clone, Debug)]
pub enum Piece<'a> {
    /// A field about the file.
    Aux {
        /// Where it begins.
        position: u64,
        /// Its name.
        key: RdbString<'a>,
        /// Its value.
        value: RdbString<'a>,
    },
    /// The entries that follow belong to this database.
    Database(u32),
    /// How many keys the database holds, and how many of them expire: a hint.
    Sizes {
        /// Number of keys.
        keys: u64,
        /// Number of keys with an expiry.
        expires: u64,
    },
    /// A key with its value.
    Entry(EncodedEntry<'a>),
    /// A library of functions, as source text.
    Function {
        /// Where it begins.
        position: u64,
        /// The source text.
        code: RdbString<'a>,
    },
    /// Data of a module outside keys.
    Module {
        /// Where it begins.
        position: u64,
    },
    /// The number of keys in a cluster slot: a hint.
    Slot,
    /// The end of the entries.
    End,
}

/// Reads pieces one after the other. After an error it must not be asked again.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    cursor: Cursor<'a>,
    db: Option<u32>,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, whose first byte stands at `position` in the file. In a whole file, they begin
    /// after the magic.
    pub fn new(bytes: &'a [u8], position: u64) -> Self {
        Self { cursor: Cursor::new(bytes, position), db: None }
    }

    /// Where the next piece begins.
    pub fn position(&self) -> u64 {
        self.cursor.position()
    }

    /// Whether all bytes have been read.
    pub fn is_at_end(&self) -> bool {
        self.cursor.is_at_end()
    }

    /// The next entry, if it is a short key with a short string and no more than an expiry: nearly all
    /// are. Of any other piece nothing is read: [`Reader::next_piece`] gives it, and the same entries.
    #[inline(always)]
    pub fn next_short_entry(&mut self) -> Option<EncodedEntry<'a>> {
        let mut cursor = self.cursor.clone();
        let position = cursor.position();
        let mut expire_ms = None;
        let mut type_byte = cursor.next_byte()?;
        if type_byte == OPCODE_EXPIRE_MS {
            expire_ms = Some(expiry_ms(cursor.next_array()?));
            type_byte = cursor.next_byte()?;
        }
        let key = cursor.short_string()?;
        let value = EncodedValue::read_short(&mut cursor, type_byte)?;
        self.cursor = cursor;
        let db = self.db.unwrap_or(0);
        Some(EncodedEntry { position, db, key, value, expire_ms, idle_s: None, frequency: None })
    }

    /// Reads the next piece.
    pub fn next_piece(&mut self) -> Result<Piece<'a>, RdbError> {
        let position = self.cursor.position();
        let cursor = &mut self.cursor;
        Ok(match cursor.byte("the file's entries")? {
            OPCODE_AUX => Piece::Aux {
                position,
                key: cursor.string("an AUX field's name")?,
                value: cursor.string("an AUX field's value")?,
            },
            OPCODE_DATABASE => {
                let number = cursor.length("a database number")?;
                let db = u32::try_from(number)
                    .map_err(|_| RdbError::malformed(position, "an absurd database number"))?;
                self.db = Some(db);
                Piece::Database(db)
            }
            OPCODE_RESIZE => Piece::Sizes {
                keys: cursor.length("a number of keys")?,
                expires: cursor.length("a number of keys")?,
            },
            OPCODE_END => Piece::End,
            OPCODE_FUNCTION => {
                Piece::Function { position, code: cursor.string("a library of functions")? }
            }
            OPCODE_MODULE => {
                skip_module(cursor)?;
                Piece::Module { position }
            }
            OPCODE_SLOT => {
                for _ in 0..3 {
                    cursor.length("a cluster slot")?;
                }
                Piece::Slot
            }
            first => Piece::Entry(self.entry(first, position)?),
        })
    }

    /// Reads an entry whose first byte, at `position`, has been read.
    fn entry(&mut self, first: u8, position: u64) -> Result<EncodedEntry<'a>, RdbError> {
        // Redis itself loads entries before any database is named into database 0.
        let db = self.db.unwrap_or(0);
        let (mut expire_ms, mut idle_s, mut frequency) = (None, None, None);
        let cursor = &mut self.cursor;
        let mut type_byte = first;
        let mut type_position = position;
        loop {
            match type_byte {
                OPCODE_EXPIRE_MS => {
                    expire_ms = Some(expiry_ms(cursor.array("an expiry")?));
                }
                OPCODE_EXPIRE_S => {
                    let time_s = i32::from_le_bytes(cursor.array("an expiry")?);
                    expire_ms = Some(u64::try_from(time_s).unwrap_or(0) * 1000);
                }
                OPCODE_IDLE => idle_s = Some(cursor.length("an idle time")?),
                OPCODE_FREQUENCY => frequency = Some(cursor.byte("an access frequency")?),
                _ => break,
            }
            type_position = cursor.position();
            type_byte = cursor.byte("an entry")?;
        }
        let key = cursor.string("a key")?;
        let value = EncodedValue::read(cursor, type_byte, &key, type_position)?;
        Ok(EncodedEntry { position, db, key, value, expire_ms, idle_s, frequency })
    }
}

/// A time in milliseconds; one before the epoch counts as the epoch.
fn expiry_ms(bytes: [u8; 8]) -> u64 {
    u64::try_from(i64::from_le_bytes(bytes)).unwrap_or(0)
}

/// Passes over a module's data outside keys: a length for the module's identity, then values, each
/// led by its kind, until kind 0.
fn skip_module(cursor: &mut Cursor<'_>) -> Result<(), RdbError> {
    const WHAT: &str = "a module's data";
    cursor.length(WHAT)?;
    loop {
        let position = cursor.position();
        match cursor.length(WHAT)? {
            0 => return Ok(()),
            1 | 2 => {
                cursor.length(WHAT)?;
            }
            3 => {
                cursor.take(4, WHAT)?;
            }
            4 => {
                cursor.take(8, WHAT)?;
            }
            5 => cursor.skip_string(WHAT)?,
            _ => return Err(RdbError::malformed(position, "a module's value of unknown kind")),
        }
    }
}
