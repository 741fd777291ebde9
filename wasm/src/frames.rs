//! What hyper tells nobody of an HTTP/2 peer's frames, noticed as they pass: that it goes away, since hyper takes
//! requests that can then only fail; and that it sends header blocks without end, which h2 reads and drops one by one.

use crate::limits;

const FRAME_HEADER_BYTES: usize = 9;
const HEADERS: u8 = 1;
const GOAWAY: u8 = 7;

/// Header blocks that one request may be answered with: informational ones, the head, and trailers.
const BLOCKS_PER_REQUEST: usize = limits::MAX_INFORMATIONAL + 2;
const MAX_BLOCKS: usize = BLOCKS_PER_REQUEST * limits::MAX_REQUESTS;

/// Follows frame boundaries and nothing else; h2 checks the frames.
#[derive(Default)]
pub struct Watch {
    header: [u8; FRAME_HEADER_BYTES],
    have: usize,
    skip: usize,
    going_away: bool,
    /// Header blocks that requests so far still leave; bounded, so that an old connection has no endless credit.
    blocks: usize,
}

/// The peer sent more header blocks than its requests leave.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

impl Watch {
    pub fn is_going_away(&self) -> bool {
        self.going_away
    }

    /// A request leaves.
    pub fn expect(&mut self) {
        self.blocks = MAX_BLOCKS.min(self.blocks + BLOCKS_PER_REQUEST);
    }

    pub fn pass(&mut self, mut bytes: &[u8]) -> Result<(), TooMany> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let count = (FRAME_HEADER_BYTES - self.have).min(bytes.len());
            self.header[self.have..self.have + count].copy_from_slice(&bytes[..count]);
            self.have += count;
            bytes = &bytes[count..];
            if self.have == FRAME_HEADER_BYTES {
                let [high, middle, low, kind, ..] = self.header;
                self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                self.have = 0;
                self.going_away |= kind == GOAWAY;
                if kind == HEADERS {
                    self.blocks = self.blocks.checked_sub(1).ok_or(TooMany)?;
                }
            }
        }
        Ok(())
    }
}
