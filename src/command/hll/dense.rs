//! Registers of 6 bits side by side, the lowest bits first: four of them in three bytes.

use super::{HEADER_LEN, REGISTERS};

const REGISTER_BITS: usize = 6;
const REGISTER_MASK: u8 = (1 << REGISTER_BITS) - 1;
/// Registers that fill whole bytes together.
pub(super) const GROUP: usize = 4;
const GROUP_LEN: usize = GROUP * REGISTER_BITS / 8;
/// Length of all registers, in bytes.
pub(super) const REGISTERS_LEN: usize = REGISTERS / GROUP * GROUP_LEN;

/// Where register `index` (below [`REGISTERS`]) begins: byte of `registers` and bit.
fn place(index: usize) -> (usize, usize) {
    (index * REGISTER_BITS / 8, index * REGISTER_BITS % 8)
}

/// Two bytes from `at` on as a number.
fn pair(registers: &[u8], at: usize) -> u16 {
    let byte = |at: usize| registers.get(at).copied().unwrap_or_default();
    u16::from_le_bytes([byte(at), byte(at + 1)])
}

fn get(registers: &[u8], index: usize) -> u8 {
    let (at, bit) = place(index);
    (pair(registers, at) >> bit) as u8 & REGISTER_MASK
}

/// Raises register `index` to `rank`; whether it was lower.
pub(super) fn raise(registers: &mut [u8], index: usize, rank: u8) -> bool {
    let is_lower = get(registers, index) < rank;
    if is_lower {
        let (at, changed) = changed(registers, index, rank);
        registers.iter_mut().skip(at).zip(changed).for_each(|(to, byte)| *to = byte);
    }
    is_lower
}

/// The two bytes that hold register `index`, and where, once it is `rank`.
fn changed(registers: &[u8], index: usize, rank: u8) -> (usize, [u8; 2]) {
    let (at, bit) = place(index);
    let mask = u16::from(REGISTER_MASK) << bit;
    let changed = pair(registers, at) & !mask | u16::from(rank & REGISTER_MASK) << bit;
    (at, changed.to_le_bytes())
}

/// Register `index` of a dense HyperLogLog.
pub(in crate::command) fn register(bytes: &[u8], index: usize) -> u8 {
    get(bytes.get(HEADER_LEN..).unwrap_or_default(), index)
}

/// What has to be written where in a dense HyperLogLog to make register `index` be `rank`.
pub(in crate::command) fn patch(bytes: &[u8], index: usize, rank: u8) -> (usize, [u8; 2], usize) {
    let (at, changed) = changed(bytes.get(HEADER_LEN..).unwrap_or_default(), index, rank);
    (HEADER_LEN + at, changed, changed.len().min(REGISTERS_LEN - at))
}

/// The registers in order, in groups.
pub(super) fn groups(registers: &[u8]) -> impl Iterator<Item = [u8; GROUP]> {
    let (groups, _) = registers.as_chunks::<GROUP_LEN>();
    groups.iter().map(|&[a, b, c]| {
        [a, a >> 6 | b << 2, b >> 4 | c << 4, c >> 2].map(|register| register & REGISTER_MASK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_keep_apart() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut registers = vec![0; REGISTERS_LEN];
        let mut model = vec![0; REGISTERS];
        for _ in 0..100_000 {
            let (index, rank) = (rng.usize(..REGISTERS), rng.u8(..64));
            assert_eq!(raise(&mut registers, index, rank), model[index] < rank);
            model[index] = model[index].max(rank);
        }
        assert!(groups(&registers).flatten().eq(model.iter().copied()));
        assert!((0..REGISTERS).all(|index| get(&registers, index) == model[index]));
    }
}
