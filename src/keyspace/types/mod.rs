//! What values that hold many elements are made of.

pub mod tree;
