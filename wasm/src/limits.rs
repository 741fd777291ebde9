//! Every bound in one place. What a peer can make us hold is the sum of these.

/// The buffer through which the host passes bytes in; the longest feed, head or configuration.
pub const INPUT_BYTES: usize = 128 * 1024;
/// Plaintext or ciphertext that waits for the socket, per connection.
pub const OUTBOUND_BYTES: usize = 256 * 1024;
/// Bytes of a plaintext connection that hyper has not read yet.
pub const PLAIN_INBOUND_BYTES: usize = 64 * 1024;
/// Response bytes of one request that the host has not taken yet (plus one frame).
pub const DOWN_BYTES: usize = 128 * 1024;
/// Request bytes of one request that hyper has not taken yet.
pub const UP_BYTES: usize = 64 * 1024;
/// HTTP/2 flow control: one stream, and all of a connection.
pub const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
pub const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// A response head (and an HTTP/2 header list), and its fields.
pub const HEAD_BYTES: usize = 64 * 1024;
pub const MAX_HEADERS: usize = 128;
/// Informational responses to one request (RFC 9110 §15.2 sets no limit; a peer must not stall us with them).
pub const MAX_INFORMATIONAL: usize = 16;
/// Requests of one HTTP/2 connection; the peer's SETTINGS may say less.
pub const MAX_REQUESTS: usize = 128;
pub const MAX_CONNECTIONS: usize = 4096;
pub const MAX_CONFIGS: usize = 4096;
/// A presented chain: certificates are counted and weighed again by trust/, this bounds what we copy.
pub const MAX_ALPN: usize = 4;
pub const MAX_CLIENT_CHAIN: usize = 16;
/// Memory grows by a quarter, and by this at least.
pub const MIN_GROWTH_BYTES: usize = 1024 * 1024;
pub const GROWTH_DIVISOR: usize = 4;
