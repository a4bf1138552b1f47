//! A HyperLogLog that is being changed, outside of the keyspace.
//!
//! How long a sparse one may become is a directive, and so the bytes that come out depend on it. The
//! sketch notes whether they do, for the log has to lead to the same bytes under any configuration.

use super::sparse::{self, Place, Raised};
use super::{
    DENSE, DENSE_LEN, ENCODING_AT, Encoding, HEADER_LEN, MAGIC, SPARSE, STALE_AT, Unfit, dense,
    encoding_of, stale_mark,
};
use crate::base::limits::HLL_SPARSE_LEN_MAX_DEFAULT;

/// The bytes of a HyperLogLog with a good head, and what has been done to them.
#[derive(Clone, Debug)]
pub(in crate::command) struct Sketch {
    bytes: Vec<u8>,
    encoding: Encoding,
    /// Longest that a sparse one may grow, in bytes.
    sparse_len_max: usize,
    /// It would have come out differently under the default of that.
    is_special: bool,
    near: Place,
}

impl Sketch {
    /// One that has seen nothing.
    pub fn new(sparse_len_max: usize) -> Self {
        let mut bytes = vec![0; HEADER_LEN];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[ENCODING_AT] = SPARSE;
        sparse::push_empty(&mut bytes);
        let (is_special, near) = (false, Place::default());
        Self { bytes, encoding: Encoding::Sparse, sparse_len_max, is_special, near }
    }

    /// The one in these bytes.
    ///
    /// # Errors
    /// Their head is not that of a HyperLogLog.
    pub fn of(bytes: Vec<u8>, sparse_len_max: usize) -> Result<Self, Unfit> {
        let encoding = encoding_of(&bytes)?;
        Ok(Self { bytes, encoding, sparse_len_max, is_special: false, near: Place::default() })
    }

    /// Raises register `index` to `rank`; whether it was lower.
    ///
    /// # Errors
    /// The registers are not what they should be.
    pub fn raise(&mut self, index: usize, rank: u8) -> Result<bool, Unfit> {
        if self.encoding == Encoding::Sparse {
            if rank <= sparse::RANK_MAX {
                let place = (index, rank);
                let raised =
                    sparse::raise(&mut self.bytes, place, self.sparse_len_max, &mut self.near)?;
                match raised {
                    Raised::Unchanged => return Ok(false),
                    Raised::Changed { len } => {
                        self.is_special |= len > HLL_SPARSE_LEN_MAX_DEFAULT;
                        self.mark_stale();
                        return Ok(true);
                    }
                    Raised::TooLong => {}
                }
            }
            let by_len = rank <= sparse::RANK_MAX;
            self.make_dense()?;
            self.is_special |= by_len && self.sparse_len_max != HLL_SPARSE_LEN_MAX_DEFAULT;
        }
        Ok(dense::raise(&mut self.bytes[HEADER_LEN..], index, rank))
    }

    /// Makes it dense; whether it was not.
    ///
    /// # Errors
    /// The registers are not what they should be.
    pub fn make_dense(&mut self) -> Result<bool, Unfit> {
        if self.encoding == Encoding::Dense {
            return Ok(false);
        }
        let mut bytes = vec![0; DENSE_LEN];
        let (head, registers) = bytes.split_at_mut(HEADER_LEN);
        head.copy_from_slice(&self.bytes[..HEADER_LEN]);
        head[ENCODING_AT] = DENSE;
        sparse::for_each_run(&self.bytes[HEADER_LEN..], |first, run| {
            (first..first + run.len).for_each(|index| {
                dense::raise(registers, index, run.rank);
            });
        })?;
        (self.bytes, self.encoding) = (bytes, Encoding::Dense);
        Ok(true)
    }

    /// Marks the noted count as one from before a change.
    pub fn mark_stale(&mut self) {
        self.bytes[STALE_AT] = stale_mark(&self.bytes);
    }

    /// Whether the bytes are other ones than the same commands lead to where sparse ones may grow as
    /// long as by default.
    pub fn is_special(&self) -> bool {
        self.is_special
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
