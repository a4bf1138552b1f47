//! vellum-server.

fn main() {}
