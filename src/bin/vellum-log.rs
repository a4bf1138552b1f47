//! vellum-log.

fn main() {}
