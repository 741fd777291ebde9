//! The check of a client's bytes before hyper sees them. hyper accepts what RFC 9112 lets a recipient accept: bare LF,
//! two Host fields, content-length beside transfer-encoding. Another recipient of the same bytes could then see another
//! request (§11.2, request smuggling), so this check refuses them. It also passes on one message at a time.

use crate::chunks::Chunks;
use crate::codec::push_u16;
use crate::error::{Code, Failure};
use crate::limits;

/// The flags before a head, part of the ABI.
pub const HTTP_10: u8 = 1;
pub const EXPECTS_CONTINUE: u8 = 2;
pub const HAS_BODY: u8 = 4;
pub const CHUNKED: u8 = 8;
pub const WEBSOCKET: u8 = 16;
pub const HTTP_2: u8 = 32;

/// The part of the message that the next bytes belong to.
enum Part {
    Head,
    /// A body with content-length, of which this many bytes are missing.
    Length(u64),
    Chunked(Chunks),
    /// No part: the message is whole. Further bytes wait for the end of its exchange.
    Whole,
    /// The connection was upgraded.
    Raw,
}

/// The bytes that hyper may have now.
#[derive(Debug, PartialEq, Eq)]
pub enum Passed {
    /// The whole head, which [`RequestGate::head`] has.
    Head,
    /// All bytes that were taken.
    Taken,
    /// None: the bytes are kept until the head is whole.
    Nothing,
}

/// The check of one connection.
pub struct RequestGate {
    part: Part,
    /// The head's flags and its lines so far, with their CRLF.
    head: Vec<u8>,
    /// The start of the current line in `head`.
    line_at: usize,
    facts: Facts,
}

/// The facts of a head that decide how its message is framed.
#[derive(Default)]
struct Facts {
    fields: usize,
    is_get: bool,
    is_http_10: bool,
    length: Option<u64>,
    has_two_lengths: bool,
    codings: Vec<u8>,
    coding_fields: usize,
    expects_continue: bool,
    connection_names_upgrade: bool,
    upgrades_to_websocket: bool,
}

impl Default for RequestGate {
    fn default() -> Self {
        Self { part: Part::Head, head: vec![0], line_at: 1, facts: Facts::default() }
    }
}

impl RequestGate {
    /// Takes bytes from the front of `input`, at most `room` of a body. Answers how many were taken, and which of them
    /// hyper may have. None are taken while the message is whole and its exchange goes on.
    pub fn take(&mut self, input: &[u8], room: usize) -> Result<(usize, Passed), Failure> {
        match &mut self.part {
            Part::Head => self.take_head(input),
            Part::Length(missing) => {
                let taken = input.len().min(room).min(usize::try_from(*missing).unwrap_or(usize::MAX));
                *missing -= taken as u64;
                if *missing == 0 {
                    self.part = Part::Whole;
                }
                Ok((taken, Passed::Taken))
            }
            Part::Chunked(chunks) => {
                let (taken, is_whole) = chunks.take(&input[..input.len().min(room)])?;
                if is_whole {
                    self.part = Part::Whole;
                }
                Ok((taken, Passed::Taken))
            }
            Part::Whole => Ok((0, Passed::Nothing)),
            Part::Raw => Ok((input.len().min(room), Passed::Taken)),
        }
    }

    /// The head's flags and lines, without the empty line, after [`Passed::Head`].
    pub fn head(&self) -> &[u8] {
        &self.head[..self.head.len() - 2]
    }

    /// The head as hyper reads it.
    pub fn head_for_hyper(&self) -> &[u8] {
        &self.head[1..]
    }

    /// Whether the message has come whole, its body included.
    pub fn is_whole(&self) -> bool {
        matches!(self.part, Part::Whole)
    }

    /// Whether no byte of a message has come since the last one ended.
    pub fn is_idle(&self) -> bool {
        matches!(self.part, Part::Head) && self.head.len() == 1
    }

    /// Expects the next message.
    pub fn next_message(&mut self) {
        self.part = Part::Head;
        self.head.truncate(1);
        self.head.shrink_to(limits::KEPT_HEAD_BYTES);
        self.line_at = 1;
        self.facts = Facts::default();
    }

    /// Passes everything on from here, because the connection was upgraded.
    pub fn pass_all(&mut self) {
        self.part = Part::Raw;
    }

    /// The refused request as far as it can be told, for the host's log: `method:short authority:short target:short`,
    /// or nothing when the head is not whole.
    pub fn refused_request(&self) -> Vec<u8> {
        let mut lines =
            self.head[1..].split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut parts = lines.next().unwrap_or_default().split(|&byte| byte == b' ');
        let (Some(method), Some(target)) = (parts.next(), parts.next()) else { return Vec::new() };
        let host = lines.filter_map(field).find(|(name, _)| name.eq_ignore_ascii_case(b"host"));
        let mut out = Vec::new();
        for part in [method, host.map_or(&b""[..], |(_, value)| value), target] {
            push_u16(&mut out, part.len());
            out.extend_from_slice(part);
        }
        out
    }

    fn take_head(&mut self, input: &[u8]) -> Result<(usize, Passed), Failure> {
        let mut taken = 0;
        while taken < input.len() {
            let rest = &input[taken..];
            let (line, has_end) = match rest.iter().position(|&byte| byte == b'\n') {
                Some(at) => (&rest[..=at], true),
                None => (rest, false),
            };
            if self.head.len() + line.len() > limits::REQUEST_HEAD_BYTES {
                return Err(Failure::new(Code::RequestTooLarge, "more header bytes than may be"));
            }
            self.head.extend_from_slice(line);
            taken += line.len();
            if !has_end {
                // A client that speaks another protocol may never send the end of a line.
                check_bytes(&self.head[self.line_at..])?;
                if self.line_at == 1 && !self.head[1..].starts_with(b"\r") && !is_token_byte(self.head[1]) {
                    return Err(malformed("a request line without a method"));
                }
                break;
            }
            if self.end_line()? {
                return Ok((taken, Passed::Head));
            }
        }
        Ok((taken, Passed::Nothing))
    }

    /// Checks the line that has ended. Answers whether it is the end of the head.
    fn end_line(&mut self) -> Result<bool, Failure> {
        let Some(line) = self.head[self.line_at..].strip_suffix(b"\r\n") else {
            return Err(malformed("a line that ends in a bare LF"));
        };
        if line.contains(&b'\r') {
            return Err(malformed("a CR inside of a line"));
        }
        check_bytes(line)?;
        if self.line_at == 1 {
            // RFC 9112 §2.2: empty lines before the request line are ignored.
            if line.is_empty() {
                self.head.truncate(1);
                return Ok(false);
            }
            self.facts.request_line(line)?;
        } else if line.is_empty() {
            let (flags, part) = self.facts.framing()?;
            self.head[0] = flags;
            self.part = part;
            return Ok(true);
        } else {
            self.facts.field(line)?;
        }
        self.line_at = self.head.len();
        Ok(false)
    }
}

impl Facts {
    fn request_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let mut parts = line.split(|&byte| byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("a request line that is not of three parts"));
        };
        if method.is_empty() || !method.iter().all(|&byte| is_token_byte(byte)) {
            return Err(malformed("a method that is not a token"));
        }
        if target.is_empty() || target.contains(&b'\t') {
            return Err(malformed("a target that is empty or has white space"));
        }
        self.is_get = method == b"GET";
        self.is_http_10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(malformed("another version than HTTP/1.1 and HTTP/1.0")),
        };
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Failure> {
        self.fields += 1;
        if self.fields > limits::MAX_HEADERS {
            return Err(Failure::new(Code::RequestTooLarge, "more header fields than may be"));
        }
        // RFC 9112 §5.2: a server refuses such a line, or replaces its start by spaces.
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return Err(malformed("a line that continues the one before"));
        }
        let Some((name, value)) = field(line) else { return Err(malformed("a field line without a colon")) };
        // RFC 9112 §5.1: no white space between name and colon.
        if name.is_empty() || !name.iter().all(|&byte| is_token_byte(byte)) {
            return Err(malformed("a field name that is not a token"));
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            self.has_two_lengths = self.length.is_some();
            self.length = Some(number(value).ok_or_else(|| malformed("a content-length that is no number"))?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.coding_fields += 1;
            self.codings = value.to_vec();
        } else if name.eq_ignore_ascii_case(b"expect") {
            self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
        } else if name.eq_ignore_ascii_case(b"connection") {
            self.connection_names_upgrade |= list(value).any(|name| name.eq_ignore_ascii_case(b"upgrade"));
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrades_to_websocket = value.eq_ignore_ascii_case(b"websocket");
        }
        Ok(())
    }

    /// The flags of the head, and the part that follows it.
    fn framing(&self) -> Result<(u8, Part), Failure> {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags = flag(self.is_http_10, HTTP_10) | flag(self.expects_continue && !self.is_http_10, EXPECTS_CONTINUE);
        if self.has_two_lengths {
            return Err(malformed("two lengths"));
        }
        if self.coding_fields > 0 {
            self.check_coding()?;
            return Ok((flags | HAS_BODY | CHUNKED, Part::Chunked(Chunks::default())));
        }
        match self.length {
            Some(length) if length > 0 => Ok((flags | HAS_BODY, Part::Length(length))),
            _ => {
                let is_upgrade = self.is_get && self.connection_names_upgrade && self.upgrades_to_websocket;
                Ok((flags & HTTP_10 | flag(is_upgrade, WEBSOCKET), Part::Whole))
            }
        }
    }

    fn check_coding(&self) -> Result<(), Failure> {
        // RFC 9112 §6.1: the recipient of an HTTP/1.0 message with it must treat the message as if its framing were
        // faulty. §6.3: a message with both might be an attempt at smuggling, and one whose final coding is not
        // chunked has no end.
        if self.is_http_10 {
            return Err(malformed("a transfer coding in HTTP/1.0"));
        }
        if self.length.is_some() {
            return Err(malformed("a length and a transfer coding"));
        }
        if self.coding_fields > 1 {
            return Err(malformed("two Transfer-Encoding fields"));
        }
        let coding = format!("the transfer coding {}", String::from_utf8_lossy(&self.codings));
        let chunked = list(&self.codings).position(|each| each.eq_ignore_ascii_case(b"chunked"));
        match (chunked, list(&self.codings).count()) {
            (Some(0), 1) => Ok(()),
            (Some(at), count) if at + 1 == count => Err(Failure::new(Code::UnsupportedCoding, &coding)),
            _ => Err(malformed(&coding)),
        }
    }
}

/// Name and value of a field line, without the white space around the value.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some((&line[..colon], trimmed(&line[colon + 1..])))
}

fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trimmed)
}

fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |at| at + 1);
    &value[start..end]
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None; // `parse` would accept a plus sign.
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Refuses control characters other than HTAB. CR is checked at the end of a line.
fn check_bytes(bytes: &[u8]) -> Result<(), Failure> {
    if bytes.iter().any(|&byte| byte < b' ' && byte != b'\t' && byte != b'\r' || byte == 0x7f) {
        return Err(malformed("a control character"));
    }
    Ok(())
}

fn malformed(got: &str) -> Failure {
    Failure::new(Code::MalformedRequest, got)
}
