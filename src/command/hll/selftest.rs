//! `PFSELFTEST`: whether registers keep apart and estimates are as good as they should be, on this
//! machine.

use super::{HEADER_LEN, REGISTERS, Sketch, Unfit, count, dense, place_of};

/// Elements that are shown to the sketches; checked at each power of ten below.
const ELEMENTS: u64 = 100_000;
/// Rounds of random values for all registers.
const ROUNDS: usize = 10;
/// How far an estimate may be off, in standard deviations.
const DEVIATIONS_MAX: f64 = 6.0;
const RANKS: u8 = 64;

/// Runs all tests.
///
/// # Errors
/// What went wrong.
pub(in crate::command) fn run() -> Result<(), String> {
    registers_keep_apart(&mut fastrand::Rng::with_seed(0))?;
    estimates_are_near().map_err(|unfit| unfit.to_string())?
}

fn registers_keep_apart(rng: &mut fastrand::Rng) -> Result<(), String> {
    for _ in 0..ROUNDS {
        let mut registers = vec![0; dense::REGISTERS_LEN];
        let expected: Vec<u8> = (0..REGISTERS).map(|_| rng.u8(..RANKS)).collect();
        for (index, &rank) in expected.iter().enumerate() {
            dense::raise(&mut registers, index, rank);
        }
        let found: Vec<u8> = dense::groups(&registers).flatten().collect();
        if let Some(index) = (0..REGISTERS).find(|&index| found[index] != expected[index]) {
            let (is, should_be) = (found[index], expected[index]);
            return Err(format!("Register {index} is {is} and should be {should_be}"));
        }
    }
    Ok(())
}

/// A dense and a sparse sketch that see the same agree, and count about right.
fn estimates_are_near() -> Result<Result<(), String>, Unfit> {
    let (mut sparse, mut dense) = (Sketch::new(super::DENSE_LEN), Sketch::new(HEADER_LEN));
    dense.make_dense()?;
    let deviation = 1.04 / (REGISTERS as f64).sqrt();
    let mut checked_at = 1;
    for seen in 1..=ELEMENTS {
        let (index, rank) = place_of(&seen.to_le_bytes());
        sparse.raise(index, rank)?;
        dense.raise(index, rank)?;
        if seen != checked_at {
            continue;
        }
        checked_at *= 10;
        let (of_sparse, of_dense) =
            (count(&sparse.clone().into_bytes())?, count(&dense.clone().into_bytes())?);
        if of_sparse != of_dense {
            return Ok(Err(format!("dense/sparse disagree: {of_dense} {of_sparse}")));
        }
        let error_max = (DEVIATIONS_MAX * deviation * seen as f64).ceil();
        if of_dense.abs_diff(seen) as f64 > error_max {
            return Ok(Err(format!("Too big error. card:{seen} count:{of_dense}")));
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_self_test_passes() {
        assert_eq!(super::run(), Ok(()));
    }
}
