//! The versions this server reports of itself.

/// The version of Redis whose behaviour this server has: `redis_version` in INFO and HELLO.
pub const REDIS_VERSION: &str = "7.2.4";
/// This server's own version: `vellum_version` in INFO.
pub const VELLUM_VERSION: &str = env!("CARGO_PKG_VERSION");
