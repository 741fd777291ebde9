//! Notices an HTTP/2 peer's GOAWAY as it passes. hyper tells nobody, and takes requests that can then only fail: a
//! pool would choose the connection again and again.

const FRAME_HEADER_BYTES: usize = 9;
const GOAWAY: u8 = 7;

/// Follows frame boundaries and nothing else; h2 checks the frames.
#[derive(Default)]
pub struct Watch {
    header: [u8; FRAME_HEADER_BYTES],
    have: usize,
    skip: usize,
    seen: bool,
}

impl Watch {
    pub fn seen(&self) -> bool {
        self.seen
    }

    pub fn pass(&mut self, mut bytes: &[u8]) {
        while !self.seen && !bytes.is_empty() {
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
                self.seen = kind == GOAWAY;
            }
        }
    }
}
