//! The hash of elements: MurmurHash64A with Redis's seed, and the register and rank it stands for.

use super::{INDEX_BITS, RANK_MAX, REGISTERS};

const SEED: u64 = 0xadc8_3b19;
const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;

/// The register of an element, and the rank it raises that to: the position of the lowest bit set in
/// the rest of the hash, from 1 on.
pub(in crate::command) fn place_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element);
    let index = hash as usize % REGISTERS;
    // One more bit above the hash's own ends the search.
    let rest = hash >> INDEX_BITS | 1 << (RANK_MAX - 1);
    (index, rest.trailing_zeros() as u8 + 1)
}

fn murmur64a(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        word ^= word >> SHIFT;
        hash = (hash ^ word.wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> SHIFT)).wrapping_mul(MULTIPLIER);
    hash ^ (hash >> SHIFT)
}
