//! A check that refuses a response head of HTTP/1.1 with a line that does not end in CRLF. RFC 9112 §2.2 lets a
//! recipient accept a bare LF as the end of a line, and hyper does. Another recipient of the same bytes could then see
//! other fields.

const STATUS_AT: usize = "HTTP/1.1 ".len();
const STATUS_BYTES: usize = 3;

/// The check of one connection. It finds the ends of lines; hyper checks what the lines say.
#[derive(Default)]
pub struct HeadCheck {
    /// Whether the next byte belongs to a head. Bytes of a body are not checked.
    in_head: bool,
    /// The number of bytes of the current line, without its end.
    length: usize,
    /// Whether the current line is the status line.
    first: bool,
    status: [u8; STATUS_BYTES],
    /// Whether the previous byte was CR.
    after_cr: bool,
}

/// The refusal of a head.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl HeadCheck {
    /// Expects a head in the next bytes, because a request was written.
    pub fn expect_response(&mut self) {
        *self = Self { in_head: true, first: true, ..Self::default() };
    }

    /// Checks the next bytes of the connection.
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut bytes = bytes.iter();
        while self.in_head {
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
            // hyper skips an empty line before the status line. This check would take it for the end of the head.
            if self.first {
                return Err(Malformed);
            }
            // RFC 9110 §15.2: another head follows an informational one, but for 101.
            if self.status[0] == b'1' && &self.status != b"101" {
                self.expect_response();
            } else {
                self.in_head = false;
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
    use super::{HeadCheck, Malformed};

    /// The answer to a head given in two parts, which must be the same for every cut.
    fn check(head: &str) -> Result<(), Malformed> {
        let mut answers = Vec::new();
        for cut in 0..=head.len() {
            let mut check = HeadCheck::default();
            check.expect_response();
            let (one, two) = head.as_bytes().split_at(cut);
            answers.push(check.check(one).and_then(|()| check.check(two)));
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
        answers.pop().unwrap_or(Ok(()))
    }

    #[test]
    fn lines_end_in_crlf_up_to_the_body() {
        assert_eq!(check("HTTP/1.1 200 OK\r\na: b\r\n\r\nany\nbody\r"), Ok(()));
        assert_eq!(check("HTTP/1.1 101 Go\r\n\r\nany\nbytes"), Ok(()));
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
            assert_eq!(check(head), Err(Malformed), "{head:?}");
        }
    }
}
