//! The ends of a chunked body (RFC 9112 §7.1), for the gate: hyper decodes the chunks, and the gate has to know where the
//! message ends. Bare LF is refused here, too.

use crate::error::{Code, Failure};
use crate::limits;

/// The element of the body that the next byte belongs to.
#[derive(Clone, Copy)]
enum Place {
    Size,
    Extension,
    /// The LF after a size or an extension.
    SizeEnd,
    Data(u64),
    DataCr,
    DataLf,
    /// A line of the trailers of which this many bytes have come.
    Trailer(usize),
    /// The LF after a line of the trailers.
    TrailerEnd(usize),
}

/// The position in one chunked body.
pub struct Chunks {
    place: Place,
    size: u64,
    digits: usize,
    /// The bytes of extensions and trailers so far, which are bounded for the whole body.
    extra_bytes: usize,
}

/// More digits would overflow the size.
const MAX_DIGITS: usize = 16;

impl Default for Chunks {
    fn default() -> Self {
        Self { place: Place::Size, size: 0, digits: 0, extra_bytes: 0 }
    }
}

impl Chunks {
    /// Takes bytes up to the end of the body. Answers how many were taken, and whether the body has ended.
    pub fn take(&mut self, input: &[u8]) -> Result<(usize, bool), Failure> {
        let mut at = 0;
        while at < input.len() {
            if let Place::Data(missing) = self.place {
                let taken = (input.len() - at).min(usize::try_from(missing).unwrap_or(usize::MAX));
                at += taken;
                let missing = missing - taken as u64;
                self.place = if missing == 0 { Place::DataCr } else { Place::Data(missing) };
                continue;
            }
            let has_ended = self.step(input[at])?;
            at += 1;
            if has_ended {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    /// Takes a byte that is no data. Answers whether the body has ended.
    fn step(&mut self, byte: u8) -> Result<bool, Failure> {
        self.place = match (self.place, byte) {
            (Place::Size, b'\r') if self.digits > 0 => Place::SizeEnd,
            (Place::Size, b';' | b' ' | b'\t') if self.digits > 0 => Place::Extension,
            (Place::Size, byte) => {
                let digit = (byte as char).to_digit(16).ok_or_else(|| malformed("a chunk size that is no number"))?;
                self.digits += 1;
                if self.digits > MAX_DIGITS {
                    return Err(malformed("a chunk size with too many digits"));
                }
                self.size = self.size << 4 | u64::from(digit);
                Place::Size
            }
            (Place::Extension, b'\r') => Place::SizeEnd,
            (Place::Extension, byte) => {
                self.extra(byte)?;
                Place::Extension
            }
            (Place::SizeEnd, b'\n') => {
                self.digits = 0;
                match std::mem::take(&mut self.size) {
                    0 => Place::Trailer(0),
                    size => Place::Data(size),
                }
            }
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => Place::Size,
            (Place::Trailer(length), b'\r') => Place::TrailerEnd(length),
            (Place::Trailer(length), byte) => {
                self.extra(byte)?;
                Place::Trailer(length + 1)
            }
            (Place::TrailerEnd(0), b'\n') => return Ok(true),
            (Place::TrailerEnd(_), b'\n') => Place::Trailer(0),
            _ => return Err(malformed("a chunk that does not end in CRLF")),
        };
        Ok(false)
    }

    fn extra(&mut self, byte: u8) -> Result<(), Failure> {
        if byte < b' ' && byte != b'\t' || byte == 0x7f {
            return Err(malformed("a control character beside the chunks"));
        }
        self.extra_bytes += 1;
        if self.extra_bytes > limits::CHUNK_EXTRA_BYTES {
            return Err(Failure::new(Code::RequestTooLarge, "more chunk extensions or trailers than may be"));
        }
        Ok(())
    }
}

fn malformed(got: &str) -> Failure {
    Failure::new(Code::MalformedRequest, got)
}

#[cfg(test)]
mod tests {
    use super::Chunks;

    /// The end of a body given in two parts, or None for a refusal; the same for every cut.
    fn end_of(body: &str) -> Option<(usize, bool)> {
        let mut answers = Vec::new();
        for cut in 0..=body.len() {
            let mut chunks = Chunks::default();
            let (one, two) = body.as_bytes().split_at(cut);
            answers.push(chunks.take(one).ok().and_then(|(taken, ended)| {
                if ended {
                    return Some((taken, true));
                }
                chunks.take(two).ok().map(|(more, ended)| (taken + more, ended))
            }));
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
        answers.pop().flatten()
    }

    #[test]
    fn a_body_ends_behind_its_trailers() {
        assert_eq!(end_of("3\r\nabc\r\n0\r\n\r\nGET"), Some((13, true)));
        assert_eq!(end_of("A;x=\"y\"\r\n0123456789\r\n0\r\nt: 1\r\n\r\n"), Some((32, true)));
        assert_eq!(end_of("3\r\nabc\r\n"), Some((8, false)));
    }

    #[test]
    fn what_another_recipient_could_read_otherwise_is_refused() {
        for body in
            ["3\nabc\r\n", "3\r\nabc\n0\r\n\r\n", "\r\n", "x\r\n", "-1\r\n", "3\r\nabcd\r\n", "00000000000000001\r\n"]
        {
            assert_eq!(end_of(body), None, "{body:?}");
        }
        for body in ["0\r\nt: 1\n\r\n", "3;a\x00\r\n", "3\r\rabc"] {
            assert_eq!(end_of(body), None, "{body:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded_for_the_whole_body() {
        let mut chunks = Chunks::default();
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(1_000));
        let refused = (0..100).position(|_| chunks.take(chunk.as_bytes()).is_err());
        assert_eq!(refused, Some(16));
    }
}
