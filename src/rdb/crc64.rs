//! CRC-64 (Jones), which ends RDB files and `DUMP` payloads.
//!
//! Reflected, polynomial 0xad93d23594c935a9, initial value 0 and no final inversion. So the checksum
//! is linear: that of a file is the exclusive or of those of its parts, each with the parts after
//! it taken as zeros. Parts can be summed on several threads, in any order.

use std::sync::atomic::{AtomicU64, Ordering};

use crc_fast::{CrcAlgorithm, Digest};

/// Length of the checksum in a file, in bytes; little-endian.
pub const CRC64_LEN: usize = 8;

/// The checksum of `bytes`.
pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes)
}

/// The polynomial without its highest term; bit 63 stands for x^0, as in the checksum.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `POWERS[k]` is x^(2^k) modulo the polynomial.
const POWERS: [u64; 67] = {
    let mut powers = [1 << 62; 67];
    let mut k = 1;
    while k < powers.len() {
        powers[k] = multiply(powers[k - 1], powers[k - 1]);
        k += 1;
    }
    powers
};

/// The product of two polynomials modulo the polynomial.
const fn multiply(mut a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    while a != 0 {
        if a >> 63 == 1 {
            product ^= b;
        }
        a <<= 1;
        b = (b >> 1) ^ if b & 1 == 1 { POLYNOMIAL } else { 0 };
    }
    product
}

/// The checksum of bytes whose checksum is `crc`, followed by `zeros_len` zero bytes.
///
/// Eight zero bits multiply by x^8. The library's way to combine takes a hundred times as long.
pub fn with_zeros_after(crc: u64, mut zeros_len: u64) -> u64 {
    let mut shifted = crc;
    let mut power = 3;
    while zeros_len != 0 {
        if zeros_len & 1 == 1 {
            shifted = multiply(POWERS[power], shifted);
        }
        zeros_len >>= 1;
        power += 1;
    }
    shifted
}

/// A checksum of bytes that arrive in order.
#[derive(Debug)]
pub struct Crc64 {
    digest: Digest,
}

impl Crc64 {
    /// The checksum of no bytes.
    pub fn new() -> Self {
        Self { digest: Digest::new(CrcAlgorithm::Crc64Redis) }
    }

    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// The checksum of the bytes so far.
    pub fn value(&self) -> u64 {
        self.digest.finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

/// A checksum of bytes of known total length whose parts arrive in any order, from any thread.
#[derive(Debug)]
pub struct ParallelCrc64 {
    total_len: u64,
    sum: AtomicU64,
}

impl ParallelCrc64 {
    /// For `total_len` bytes.
    pub fn new(total_len: u64) -> Self {
        Self { total_len, sum: AtomicU64::new(0) }
    }

    /// Takes in the part at `position`. Parts must not overlap nor pass the end, and the sum is
    /// right once every byte has been in one.
    pub fn add(&self, position: u64, part: &[u8]) {
        let after_len = self.total_len.saturating_sub(position + part.len() as u64);
        self.sum.fetch_xor(with_zeros_after(crc64(part), after_len), Ordering::Relaxed);
    }

    /// The checksum of the parts so far.
    pub fn value(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, a bit at a time.
    fn by_definition(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |crc, &byte| {
            (0..8).fold(crc ^ u64::from(byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 }
            })
        })
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut rng = fastrand::Rng::with_seed(7);
        std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
    }

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(b""), 0);
    }

    #[test]
    fn every_short_length_agrees_with_the_definition() {
        let bytes = noise(1100);
        for len in (0..300).chain([511, 512, 513, 1023, 1024, 1025, 1100]) {
            assert_eq!(crc64(&bytes[..len]), by_definition(&bytes[..len]), "length {len}");
            let mut crc = Crc64::new();
            let (left, right) = bytes[..len].split_at(len / 3);
            crc.update(left);
            crc.update(right);
            assert_eq!(crc.value(), by_definition(&bytes[..len]), "length {len} in two");
        }
    }

    #[test]
    fn zeros_count_as_bytes() {
        let crc = crc64(b"before");
        for zeros_len in [0, 1, 2, 7, 255, 4096, 5000] {
            let whole = [b"before", &vec![0; zeros_len][..]].concat();
            assert_eq!(with_zeros_after(crc, zeros_len as u64), crc64(&whole), "{zeros_len}");
        }
        // Far more zeros than could be made, in one step and in two.
        let half = with_zeros_after(crc, 1 << 62);
        assert_eq!(with_zeros_after(half, 1 << 62), with_zeros_after(crc, 1 << 63));
    }

    #[test]
    fn parts_in_any_order_make_the_whole() {
        let bytes = noise(10_000);
        let sum = ParallelCrc64::new(bytes.len() as u64);
        for (start, end) in [(7000, 10_000), (0, 1), (1, 4096), (4096, 4096), (4096, 7000)] {
            sum.add(start as u64, &bytes[start..end]);
        }
        assert_eq!(sum.value(), crc64(&bytes));
    }
}
