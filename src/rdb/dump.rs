//! The payload of `DUMP` and `RESTORE`.
//!
//! ```text
//! type byte, value                as in a snapshot
//! 2 bytes                         RDB version, little-endian
//! 8 bytes                         CRC-64 of everything before, little-endian
//! ```

use super::codec::{EncodedValue, push_value, type_byte};
use super::crc64::{CRC64_LEN, crc64};
use super::cursor::{Cursor, RdbString};
use super::error::RdbError;
use super::lzf::Compressor;
use super::{VERSION_READ_MAX, VERSION_WRITTEN};
use crate::keyspace::types::Packing;
use crate::keyspace::{Content, NewValue};

const VERSION_LEN: usize = 2;

/// Why a payload is refused.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The checksum does not fit, or a newer server made the payload.
    #[error("the payload's version or checksum is wrong")]
    VersionOrChecksum,
    /// The checksum fits, but the value cannot be decoded.
    #[error("the payload's value cannot be decoded")]
    Value(#[from] RdbError),
}

/// Appends the payload of `value` to `out`, with long strings compressed as a snapshot has them.
pub fn push_payload(out: &mut Vec<u8>, value: &Content<'_>, compressor: Option<&mut Compressor>) {
    let start = out.len();
    out.push(type_byte(value));
    push_value(out, value, compressor);
    out.extend_from_slice(&(VERSION_WRITTEN as u16).to_le_bytes());
    let crc = crc64(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The value of a payload. Unlike in Redis, a value may neither run into the version that follows
/// it nor leave bytes before it.
pub fn read_payload<'a>(
    payload: &'a [u8],
    packing: &Packing,
) -> Result<NewValue<'a>, PayloadError> {
    let (covered, crc) = payload.split_last_chunk().ok_or(PayloadError::VersionOrChecksum)?;
    let _: &[u8; CRC64_LEN] = crc;
    let (body, version) = covered.split_last_chunk().ok_or(PayloadError::VersionOrChecksum)?;
    let _: &[u8; VERSION_LEN] = version;
    if u32::from(u16::from_le_bytes(*version)) > VERSION_READ_MAX
        || crc64(covered) != u64::from_le_bytes(*crc)
    {
        return Err(PayloadError::VersionOrChecksum);
    }
    let mut cursor = Cursor::new(body, 0);
    let type_byte = cursor.byte("a type")?;
    let no_key = RdbString::Bytes(b"".into());
    let value = EncodedValue::read(&mut cursor, type_byte, &no_key, 0)?;
    if !cursor.is_at_end() {
        return Err(RdbError::malformed(cursor.position(), "bytes after the value").into());
    }
    Ok(value.decode(packing)?)
}

/// The payload with the checksum that fits its bytes, whatever it has.
pub fn resealed(payload: &[u8]) -> Vec<u8> {
    let mut sealed = payload[..payload.len().saturating_sub(CRC64_LEN)].to_vec();
    let crc = crc64(&sealed);
    sealed.extend_from_slice(&crc.to_le_bytes());
    sealed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Keyspace, ValueRef};

    fn read(payload: &[u8]) -> Result<NewValue<'_>, PayloadError> {
        read_payload(payload, Keyspace::new(1, 1).packing())
    }

    fn payload(value: ValueRef<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        push_payload(&mut out, &Content::String(value), Some(&mut Compressor::new()));
        out
    }

    #[test]
    fn payloads_of_redis_7_0() {
        // What DUMP says in redis-server 7.0.15 of 10, of "hello" and of 200 times "a".
        let ten = b"\x00\xc0\x0a\x0a\x00n\x9fWE\x0e\xaec\xbb";
        assert_eq!(payload(ValueRef::Int(10)), ten);
        assert!(matches!(read(ten), Ok(NewValue::Int(10))));
        let hello = b"\x00\x05hello\x0a\x00cr\xdfve4 \x0a";
        assert_eq!(payload(ValueRef::Bytes(b"hello")), hello);
        assert!(matches!(read(hello), Ok(NewValue::Copied(b"hello"))));
        let long =
            b"\x00\xc3\x09@\xc8\x01aa\xe0\xbb\x00\x01aa\x0a\x00\x1f\x99\xf7.\x01\xb2\x0d\xe3";
        assert!(matches!(read(long), Ok(NewValue::Moved(bytes)) if bytes == [b'a'; 200]));
    }

    #[test]
    fn a_payload_is_sealed_again() {
        let good = payload(ValueRef::Bytes(b"hello"));
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        assert_eq!(resealed(&bad), good);
        for len in 0..CRC64_LEN + VERSION_LEN {
            assert!(read(&resealed(&good[..len])).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn payloads_round_trip() {
        for text in [&b""[..], b"hello", &[b'a'; 200], &[7; 45], b"123456789012345678901234"] {
            let payload = payload(ValueRef::Bytes(text));
            let found = match read(&payload) {
                Ok(NewValue::Copied(bytes)) => bytes.to_vec(),
                Ok(NewValue::Moved(bytes)) => bytes,
                other => panic!("{other:?}"),
            };
            assert_eq!(found, text);
        }
        for number in [0, -1, 128, -32_769, 1 << 31, i64::MIN] {
            let payload = payload(ValueRef::Int(number));
            assert!(matches!(read(&payload), Ok(NewValue::Int(n)) if n == number));
        }
    }

    #[test]
    fn damage_and_newer_versions_are_refused() {
        let good = payload(ValueRef::Bytes(b"hello"));
        for at in 0..good.len() * 8 {
            let mut damaged = good.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(read(&damaged).is_err(), "bit {at}");
        }
        for len in 0..good.len() {
            let result = read(&good[..len]);
            assert!(matches!(result, Err(PayloadError::VersionOrChecksum)), "cut to {len}");
        }
        let bodies: [(u8, &[u8]); 4] = [
            (13, b"\x00\x01a"),
            (10, b"\x00\x01ab"),
            (10, b"\x63\x01a"),
            // A set without members, which a file may hold.
            (10, b"\x02\x00"),
        ];
        for (version, body) in bodies {
            let mut sealed = [body, &[version, 0]].concat();
            sealed.extend_from_slice(&crc64(&sealed).to_le_bytes());
            match read(&sealed) {
                Err(PayloadError::VersionOrChecksum) => assert_eq!(version, 13),
                Err(PayloadError::Value(_)) => assert_eq!(version, 10),
                Ok(value) => panic!("{value:?}"),
            }
        }
    }
}
