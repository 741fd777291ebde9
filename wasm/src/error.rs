//! Failures: a closed list of codes, so that the host decides by a number and never by a text.

use std::error::Error as StdError;
use std::io::ErrorKind;

/// The code of a failure. Its number is part of the ABI (`src/backend/engine/abi.ts` repeats the list) and never
/// changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Code {
    /// The host passed a malformed head, configuration or length.
    BadArgument = 1,
    /// The host passed a handle that names no configuration, connection or request, or no longer does.
    BadHandle = 2,
    /// The connection's state does not allow the call, such as a request before the verdict, or a second verdict.
    WrongState = 3,
    /// A table is full, or the connection accepts no further request now.
    Busy = 4,
    /// The peer or the host exceeded a limit.
    TooLarge = 5,
    /// The host cancelled the request or closed the connection.
    Cancelled = 6,
    /// The peer violated TLS.
    TlsProtocol = 7,
    /// The peer sent a fatal alert; `aux` is its description (RFC 8446 §6).
    TlsAlert = 8,
    /// The signature over the handshake does not verify with the end-entity certificate's key, or no certificate was
    /// sent.
    CertificateRejected = 9,
    /// The host refused the presented chain.
    Refused = 10,
    /// The peer ended the connection in order.
    PeerClosed = 11,
    /// The connection ended without close_notify, or by an error of the socket.
    PeerTruncated = 12,
    /// The peer violated HTTP/1.1.
    Http1Protocol = 13,
    /// The peer violated HTTP/2; `aux` is the HTTP/2 error code.
    Http2Protocol = 14,
    /// The response ended before the end that its framing declares.
    ResponseIncomplete = 15,
    /// The peer reset the stream; `aux` is the HTTP/2 error code.
    StreamReset = 16,
    /// The peer accepts no further request (GOAWAY); `aux` is the HTTP/2 error code.
    GoAway = 17,
    /// The request body was shorter or longer than its head declares.
    RequestBody = 18,
    /// A bug of ours.
    Internal = 19,
    /// The end-entity certificate, which is in `evidence`, cannot be read, or ring cannot verify signatures of its key.
    UnusableEndEntity = 20,
    /// A client sent what is no request of HTTP/1.1, or one with ambiguous framing.
    MalformedRequest = 21,
    /// A client used a transfer coding other than chunked.
    UnsupportedCoding = 22,
    /// A client sent more header bytes, fields, chunk extensions or trailers than may be.
    RequestTooLarge = 23,
}

/// Whether the peer may have seen the request. With `Nothing` a request of any method may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Sent {
    Nothing = 0,
    Maybe = 1,
}

/// The text of hyper's error for a head above the limit. hyper has a predicate for that error in servers only. A test
/// fails when a later hyper has another text.
const HEAD_TOO_LARGE: &str = "message head is too large";

/// The length of the longest detail.
const MAX_DETAIL_BYTES: usize = 200;

/// The reason why a call, a request or a connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    /// A number, whose meaning depends on the code.
    pub aux: u32,
    pub sent: Sent,
    /// A text for people, of at most 200 printable ASCII characters.
    pub detail: String,
    /// Bytes with which the host can name the fault; empty for most codes.
    pub evidence: Vec<u8>,
}

impl Failure {
    pub fn new(code: Code, detail: &str) -> Self {
        Self { code, aux: 0, sent: Sent::Nothing, detail: printable(detail), evidence: Vec::new() }
    }

    pub fn with_aux(self, aux: u32) -> Self {
        Self { aux, ..self }
    }

    pub fn with_evidence(self, evidence: Vec<u8>) -> Self {
        Self { evidence, ..self }
    }

    pub fn with_sent(self, sent: Sent) -> Self {
        Self { sent, ..self }
    }

    /// The failure for an error of rustls'.
    pub fn from_tls(error: &rustls::Error) -> Self {
        use rustls::Error as E;
        let code = match error {
            E::AlertReceived(alert) => {
                return Self::new(Code::TlsAlert, &error.to_string()).with_aux(u8::from(*alert).into())
            }
            E::InvalidCertificate(_) | E::NoCertificatesPresented | E::UnsupportedNameType => Code::CertificateRejected,
            E::PeerSentOversizedRecord => Code::TooLarge,
            E::General(_) | E::FailedToGetCurrentTime | E::FailedToGetRandomBytes => Code::Internal,
            _ => Code::TlsProtocol,
        };
        Self::new(code, &error.to_string())
    }

    /// The failure for an error of hyper's. `http2`: whether the connection speaks HTTP/2.
    pub fn from_http(error: &hyper::Error, http2: bool) -> Self {
        if let Some(reset) = find::<h2::Error>(error) {
            return Self::from_h2(reset);
        }
        if let Some(io) = find::<std::io::Error>(error) {
            if let Some(own) = io.get_ref().and_then(|inner| inner.downcast_ref::<WireError>()) {
                return own.0.clone();
            }
            // hyper's decoder of chunks reports malformed chunks as I/O errors of these kinds.
            let code = match io.kind() {
                ErrorKind::InvalidData | ErrorKind::InvalidInput => Code::Http1Protocol,
                _ => Code::PeerTruncated,
            };
            return Self::new(code, &io.to_string());
        }
        let detail = describe(error);
        let code = if detail.starts_with(HEAD_TOO_LARGE) {
            Code::TooLarge
        } else if error.is_parse() {
            if http2 {
                Code::Http2Protocol
            } else {
                Code::Http1Protocol
            }
        } else if error.is_incomplete_message() {
            Code::ResponseIncomplete
        } else if error.is_user() || error.is_body_write_aborted() {
            Code::RequestBody
        } else if error.is_canceled() || error.is_closed() {
            Code::PeerClosed
        } else if http2 {
            Code::Http2Protocol
        } else {
            Code::Http1Protocol
        };
        Self::new(code, &detail)
    }

    fn from_h2(error: &h2::Error) -> Self {
        if let Some(io) = error.get_io() {
            if let Some(own) = io.get_ref().and_then(|inner| inner.downcast_ref::<WireError>()) {
                return own.0.clone();
            }
            return Self::new(Code::PeerTruncated, &io.to_string());
        }
        let reason = error.reason().unwrap_or(h2::Reason::INTERNAL_ERROR);
        let code = match (error.is_remote(), error.is_go_away(), error.is_reset()) {
            (true, true, _) => Code::GoAway,
            (true, _, true) => Code::StreamReset,
            _ => Code::Http2Protocol,
        };
        Self::new(code, &error.to_string()).with_aux(reason.into())
    }

    /// Whether the peer says that it has not processed the request. RFC 9113 §8.7: after REFUSED_STREAM, and on streams
    /// above the last id of a GOAWAY with NO_ERROR.
    pub fn is_unprocessed(&self) -> bool {
        match self.code {
            Code::StreamReset => self.aux == u32::from(h2::Reason::REFUSED_STREAM),
            Code::GoAway => self.aux == u32::from(h2::Reason::NO_ERROR),
            _ => false,
        }
    }
}

/// A [`Failure`] as the `io::Error` that hyper passes on.
#[derive(Debug)]
pub struct WireError(pub Failure);

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl StdError for WireError {}

impl From<WireError> for std::io::Error {
    fn from(error: WireError) -> Self {
        std::io::Error::other(error)
    }
}

fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        next = current.source();
    }
    None
}

fn describe(error: &hyper::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn printable(text: &str) -> String {
    text.chars().take(MAX_DETAIL_BYTES).map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}
