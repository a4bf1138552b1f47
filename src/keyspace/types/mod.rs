//! What values with many elements are made of: hashes, sets and sorted sets.

pub mod table;
