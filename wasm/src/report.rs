//! The report of a call: what the module answers besides a number.

use crate::connection::Connection;
use crate::http::Open;
use crate::http_client::Protocol;

/// The answer of a call besides its number. Its layout is part of the ABI: eight u32.
#[derive(Default)]
#[repr(C)]
pub struct Report {
    /// The [`status`] of the connection that the call was about.
    pub status: u32,
    /// The address of bytes that stay valid until the next call.
    pub pointer: u32,
    pub length: u32,
    /// The [`crate::error::Code`] of a failed call; the bytes are then its detail.
    pub code: u32,
    pub aux: u32,
    /// A [`crate::error::Sent`], after a failure.
    pub sent: u32,
    /// The number of requests that the connection may have in flight together.
    pub capacity: u32,
    pub in_flight: u32,
}

/// The kinds of events, part of the ABI. 0 is the answer without an event.
#[derive(Clone, Copy)]
#[repr(i32)]
pub enum EventKind {
    Informational = 1,
    Head = 2,
    Data = 3,
    Trailers = 4,
    Upgraded = 5,
    End = 6,
    Failed = 7,
    #[cfg(feature = "server")]
    Answered = 8,
}

const STATUS_OUTPUT: u32 = 8;
const STATUS_READY: u32 = 16;
const STATUS_ACCEPTS: u32 = 32;
const STATUS_HTTP2: u32 = 64;
const STATUS_DRAINING: u32 = 128;
/// Other connections have work: `next_changed` names them.
#[cfg(feature = "server")]
pub const STATUS_OTHERS: u32 = 256;

/// The connection's phase in the low 3 bits, and above them one bit for each of these: bytes wait for the socket;
/// requests have events; a request can start; the protocol is HTTP/2; the peer has announced its end (GOAWAY).
pub fn status(connection: &Connection) -> u32 {
    let mut bits = connection.phase() as u32;
    let flag = |on: bool, bit: u32| if on { bit } else { 0 };
    let flags = connection.as_open().map_or(0, |open| {
        flag(open.accepts(), STATUS_ACCEPTS)
            | flag(open.protocol() == Protocol::Http2, STATUS_HTTP2)
            | flag(open.is_draining(), STATUS_DRAINING)
    });
    if connection.has_output() {
        bits |= STATUS_OUTPUT;
    }
    bits | flags | flag(connection.has_ready(), STATUS_READY)
}

impl Report {
    /// Describes a connection after a call.
    pub fn set_connection(&mut self, connection: &Connection) {
        self.status = status(connection);
        self.capacity = connection.as_open().map_or(0, Open::capacity) as u32;
        self.in_flight = connection.in_flight() as u32;
    }

    /// Points to `bytes`, which the caller keeps until the next call.
    pub fn set_bytes(&mut self, bytes: &[u8]) {
        // WASM has 32-bit addresses. Native tests read no address.
        self.pointer = bytes.as_ptr() as usize as u32;
        self.length = bytes.len() as u32;
    }
}
