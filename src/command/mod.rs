//! Command families and the one table that describes them.
