//! vellum-server: reads the configuration and serves.

use std::process::ExitCode;

use vellum::base::alloc::CountingAllocator;
use vellum::server::{cli, start};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    cli::main(start::run)
}
