//! The binary encodings between the host and the module: little-endian numbers, and every string after its length,
//! because a header value may hold any byte and so no byte can separate strings.

use crate::error::{Code, Failure};
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// A reader of the host's bytes. A read beyond their end fails.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Failure> {
        let (head, rest) =
            self.0.split_at_checked(count).ok_or_else(|| Failure::new(Code::BadArgument, "message is cut short"))?;
        self.0 = rest;
        Ok(head)
    }

    pub fn u8(&mut self) -> Result<u8, Failure> {
        Ok(self.take(1)?[0])
    }

    pub fn u16(&mut self) -> Result<usize, Failure> {
        let bytes = self.take(2)?;
        Ok(usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
    }

    pub fn u32(&mut self) -> Result<usize, Failure> {
        let b = self.take(4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
    }

    /// A string after its length as u16.
    pub fn short(&mut self) -> Result<&'a [u8], Failure> {
        let count = self.u16()?;
        self.take(count)
    }

    /// A string after its length as u32.
    pub fn long(&mut self) -> Result<&'a [u8], Failure> {
        let count = self.u32()?;
        self.take(count)
    }

    /// Header fields, as `count:u16 (name:short value:short)*`. Refuses names and values that are none, such as
    /// pseudo-headers and values with CR, LF or NUL.
    pub fn headers(&mut self) -> Result<HeaderMap, Failure> {
        let count = self.u16()?;
        if count > crate::limits::MAX_HEADERS {
            return Err(Failure::new(Code::TooLarge, "too many header fields"));
        }
        let mut headers = HeaderMap::with_capacity(count);
        for _ in 0..count {
            let name = HeaderName::from_bytes(self.short()?)
                .map_err(|_| Failure::new(Code::BadArgument, "not a header name"))?;
            let value = HeaderValue::from_bytes(self.short()?)
                .map_err(|_| Failure::new(Code::BadArgument, "not a header value"))?;
            headers.append(name, value);
        }
        Ok(headers)
    }

    /// Fails when bytes are left.
    pub fn end(&self) -> Result<(), Failure> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Failure::new(Code::BadArgument, "message has trailing bytes"))
        }
    }
}

/// Writes header fields as [`Reader::headers`] reads them. Every length fits into u16, because hyper refuses a head
/// above [`crate::limits::HEAD_BYTES`].
pub fn write_headers(headers: &HeaderMap, out: &mut Vec<u8>) {
    push_u16(out, headers.len());
    for (name, value) in headers {
        push_u16(out, name.as_str().len());
        out.extend_from_slice(name.as_str().as_bytes());
        push_u16(out, value.len());
        out.extend_from_slice(value.as_bytes());
    }
}

pub fn push_u16(out: &mut Vec<u8>, value: usize) {
    debug_assert!(value <= usize::from(u16::MAX));
    out.extend_from_slice(&(value as u16).to_le_bytes());
}

pub fn push_u32(out: &mut Vec<u8>, value: usize) {
    out.extend_from_slice(&(value as u32).to_le_bytes());
}
