//! A check of an HTTP/2 peer's frames for two things that hyper does not report: GOAWAY, after which hyper still takes
//! requests that can only fail; and too many header blocks, of which h2 reads and drops any number.

use crate::limits;

const FRAME_HEADER_BYTES: usize = 9;
const HEADERS: u8 = 1;
const GOAWAY: u8 = 7;

/// The header blocks of one response: informational ones, the head, and trailers.
const BLOCKS_PER_REQUEST: usize = limits::MAX_INFORMATIONAL + 2;
const MAX_BLOCKS: usize = BLOCKS_PER_REQUEST * limits::MAX_REQUESTS;

/// The check of one connection. It finds the frames' headers; h2 checks the frames.
#[derive(Default)]
pub struct FrameCheck {
    header: [u8; FRAME_HEADER_BYTES],
    /// The number of bytes in `header`.
    header_bytes: usize,
    /// The number of bytes until the next frame's header.
    payload_bytes: usize,
    going_away: bool,
    /// The number of header blocks that the peer may still send. It has a maximum, so that many requests of the past do
    /// not permit a flood.
    allowed_blocks: usize,
}

/// The refusal of a peer that sends more header blocks than its responses may have.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

impl FrameCheck {
    pub fn is_going_away(&self) -> bool {
        self.going_away
    }

    /// Expects the header blocks of one more response, because a request was written.
    pub fn expect_response(&mut self) {
        self.allowed_blocks = MAX_BLOCKS.min(self.allowed_blocks + BLOCKS_PER_REQUEST);
    }

    /// Checks the next bytes of the connection.
    pub fn check(&mut self, mut bytes: &[u8]) -> Result<(), TooMany> {
        while !bytes.is_empty() {
            let skipped = self.payload_bytes.min(bytes.len());
            self.payload_bytes -= skipped;
            bytes = &bytes[skipped..];
            let count = (FRAME_HEADER_BYTES - self.header_bytes).min(bytes.len());
            self.header[self.header_bytes..self.header_bytes + count].copy_from_slice(&bytes[..count]);
            self.header_bytes += count;
            bytes = &bytes[count..];
            if self.header_bytes == FRAME_HEADER_BYTES {
                let [high, middle, low, kind, ..] = self.header;
                self.payload_bytes = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                self.header_bytes = 0;
                self.going_away |= kind == GOAWAY;
                if kind == HEADERS {
                    self.allowed_blocks = self.allowed_blocks.checked_sub(1).ok_or(TooMany)?;
                }
            }
        }
        Ok(())
    }
}
