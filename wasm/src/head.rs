//! Refuses a response head of HTTP/1.1 whose lines end otherwise than in CRLF. hyper takes a bare LF for a line's end,
//! as RFC 9112 §2.2 lets a recipient; who reads the same bytes otherwise sees other fields, so nobody gets them.

const STATUS_AT: usize = "HTTP/1.1 ".len();
const STATUS_BYTES: usize = 3;

/// Follows the lines of a head and nothing else; hyper checks what they say.
#[derive(Default)]
pub struct Watch {
    /// A head is expected or under way; otherwise bytes are a body's, and pass.
    reading: bool,
    /// Bytes of the present line, without its end.
    length: usize,
    /// The present line is the status line.
    first: bool,
    status: [u8; STATUS_BYTES],
    after_cr: bool,
}

/// What hyper must not see.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl Watch {
    /// A request leaves: the next bytes are a head.
    pub fn expect(&mut self) {
        *self = Self { reading: true, first: true, ..Self::default() };
    }

    pub fn pass(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut bytes = bytes.iter();
        while self.reading {
            let Some(&byte) = bytes.next() else { return Ok(()) };
            match (byte, self.after_cr) {
                (b'\r', false) => self.after_cr = true,
                (b'\n', true) => self.end_line()?,
                (b'\n', false) | (_, true) => return Err(Malformed),
                (byte, false) => {
                    if let (true, Some(digit)) = (self.first, self.length.checked_sub(STATUS_AT)) {
                        if let Some(place) = self.status.get_mut(digit) {
                            *place = byte;
                        }
                    }
                    self.length += 1;
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), Malformed> {
        if self.length == 0 {
            // An empty line before the status line would end this watch, and not hyper's head.
            if self.first {
                return Err(Malformed);
            }
            // RFC 9110 §15.2: another head follows an informational one, but for 101.
            if self.status[0] == b'1' && &self.status != b"101" {
                self.expect();
            } else {
                self.reading = false;
            }
        }
        self.first &= self.length == 0;
        self.length = 0;
        self.after_cr = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Malformed, Watch};

    /// At every cut.
    fn passes(head: &str) -> Result<(), Malformed> {
        let mut answers = Vec::new();
        for cut in 0..=head.len() {
            let mut watch = Watch::default();
            watch.expect();
            let (one, two) = head.as_bytes().split_at(cut);
            answers.push(watch.pass(one).and_then(|()| watch.pass(two)));
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
        answers.pop().unwrap_or(Ok(()))
    }

    #[test]
    fn lines_end_in_crlf_up_to_the_body() {
        assert_eq!(passes("HTTP/1.1 200 OK\r\na: b\r\n\r\nany\nbody\r"), Ok(()));
        assert_eq!(passes("HTTP/1.1 101 Go\r\n\r\nany\nbytes"), Ok(()));
        for head in [
            "HTTP/1.1 200 OK\na: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n\n",
            "HTTP/1.1 200 OK\r\na: b\rc: d\r\n\r\n",
            "HTTP/1.1 200 OK\r\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\n\r\n",
            "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n",
        ] {
            assert_eq!(passes(head), Err(Malformed), "{head:?}");
        }
    }
}
