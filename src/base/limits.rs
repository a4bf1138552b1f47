//! Every bound in one place: what a client, a peer or a file may ask for at most.

/// Longest bulk string a request may carry by default, in bytes (`proto-max-bulk-len`).
pub const BULK_LEN_MAX_DEFAULT: u64 = 512 * 1024 * 1024;
/// Most arguments one request may carry; its bytes are bounded by the query buffer's limit.
pub const MULTIBULK_LEN_MAX: usize = i32::MAX as usize;
/// Longest inline request, in bytes, and longest length line of a multibulk request.
pub const INLINE_LEN_MAX: usize = 64 * 1024;
/// Most arguments before a client has authenticated.
pub const UNAUTHENTICATED_MULTIBULK_LEN_MAX: usize = 10;
/// Longest bulk string before a client has authenticated, in bytes.
pub const UNAUTHENTICATED_BULK_LEN_MAX: u64 = 16384;
/// Largest query buffer of a client by default, in bytes (`client-query-buffer-limit`).
pub const QUERY_BUFFER_MAX_DEFAULT: u64 = 1024 * 1024 * 1024;
/// Bytes read from a socket in one call.
pub const READ_CHUNK_LEN: usize = 16 * 1024;
/// Largest payload of one log frame, in bytes: one transaction of the largest commands.
pub const FRAME_PAYLOAD_LEN_MAX: u32 = 2 * 1024 * 1024 * 1024 - 1;
/// A frame is closed at the next command boundary once its payload has this many bytes.
pub const FRAME_PAYLOAD_LEN_TARGET: usize = 1024 * 1024;
/// Longest string value, in bytes, that a snapshot may hold.
pub const RDB_STRING_LEN_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Longest sparse HyperLogLog by default, in bytes (`hll-sparse-max-bytes`).
pub const HLL_SPARSE_LEN_MAX_DEFAULT: usize = 3000;
/// Keys remembered for client-side caching by default (`tracking-table-max-keys`).
pub const TRACKED_KEYS_MAX_DEFAULT: u64 = 1_000_000;
/// Largest number of databases.
pub const DATABASES_MAX: usize = 65_536;
/// Strings of so many bytes are shared by keyspace, requests and replies; shorter ones are copied.
pub const SHARED_LEN_MIN: usize = 8 * 1024;
