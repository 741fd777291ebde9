//! The binary forms that cross the border, little-endian, every string with its length: a header value may hold any
//! byte, so nothing here is separated by characters.

use crate::error::{Code, Failure};
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Reads what the host wrote; every read is bounded by what is there.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

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

    pub fn short(&mut self) -> Result<&'a [u8], Failure> {
        let count = self.u16()?;
        self.take(count)
    }

    pub fn long(&mut self) -> Result<&'a [u8], Failure> {
        let count = self.u32()?;
        self.take(count)
    }

    /// `count:u16 (name:short value:short)*`. Refuses what is no header: pseudo-headers, CR, LF, NUL.
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

    pub fn end(&self) -> Result<(), Failure> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Failure::new(Code::BadArgument, "message has trailing bytes"))
        }
    }
}

/// `count:u16 (name:short value:short)*`. Lengths fit: hyper bounds a head far below 64 kB a field.
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
