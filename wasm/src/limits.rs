//! The limits of this crate. The memory that a peer can occupy follows from them.

/// The size of the input buffer, and so of the longest feed, head or configuration.
pub const INPUT_BYTES: usize = 128 * 1024;
/// Plaintext or ciphertext of one connection that waits for the socket.
pub const OUTBOUND_BYTES: usize = 256 * 1024;
/// The same of a plaintext connection, whose bytes need no room for the overhead of records.
pub const PLAIN_OUTBOUND_BYTES: usize = 128 * 1024;
/// Bytes of a plaintext connection that hyper has not read yet.
pub const PLAIN_INBOUND_BYTES: usize = 64 * 1024;
/// Response bytes of one request that the host has not taken yet; one frame more may be there.
pub const RESPONSE_QUEUE_BYTES: usize = 128 * 1024;
/// Request bytes of one request that hyper has not taken yet.
pub const REQUEST_QUEUE_BYTES: usize = 64 * 1024;
/// The flow-control windows of HTTP/2 for one stream, and for all streams of a connection.
pub const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
pub const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// The size of a response head, or of an HTTP/2 header list, and the number of its fields.
pub const HEAD_BYTES: usize = 64 * 1024;
pub const MAX_HEADERS: usize = 128;
/// The size of a client's request head, its flags included.
#[cfg(feature = "server")]
pub const REQUEST_HEAD_BYTES: usize = 16 * 1024;
/// The memory that an idle client's connection keeps for the next head.
#[cfg(feature = "server")]
pub const KEPT_HEAD_BYTES: usize = 1024;
/// Bytes of a client's connection that wait for the socket. They are written together, so a client that takes no bytes is
/// noticed after as many.
#[cfg(feature = "server")]
pub const CLIENT_OUTBOUND_BYTES: usize = 64 * 1024;
/// Bytes of the body of a client's request that the host has not taken yet; one frame more may be there.
#[cfg(feature = "server")]
pub const CLIENT_QUEUE_BYTES: usize = 32 * 1024;
/// The requests of one client that are not over, and those that are and that the host has not finished with.
#[cfg(feature = "server")]
pub const MAX_SERVED: usize = 2 * MAX_REQUESTS;
/// The requests that a client may cancel beyond those answered. A user may stop a hundred downloads at once.
#[cfg(feature = "server")]
pub const MAX_CANCELLED: usize = 100;
/// Streams of a client that were reset before hyper took them, or by hyper for an error of the client's.
#[cfg(feature = "server")]
pub const MAX_PENDING_RESETS: usize = 20;
/// The flow-control window of one stream of a client.
#[cfg(feature = "server")]
pub const CLIENT_STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// The chunk extensions and trailers of one request's body, together.
#[cfg(feature = "server")]
pub const CHUNK_EXTRA_BYTES: usize = 16 * 1024;
/// Informational responses to one request. RFC 9110 §15.2 sets no limit, so a peer could send them and never answer.
pub const MAX_INFORMATIONAL: usize = 16;
/// Requests in flight on one HTTP/2 connection. The peer's SETTINGS may allow fewer.
pub const MAX_REQUESTS: usize = 128;
pub const MAX_CONNECTIONS: usize = 4096;
pub const MAX_CONFIGS: usize = 4096;
/// Protocol names that a configuration offers by ALPN.
pub const MAX_ALPN: usize = 4;
/// Certificates of a client identity's chain.
pub const MAX_CLIENT_CHAIN: usize = 16;
/// The module's memory grows by at least this much, and by its size divided by the divisor.
pub const MIN_GROWTH_BYTES: usize = 1024 * 1024;
pub const GROWTH_DIVISOR: usize = 4;
