//! Why something failed: a closed list of codes, so that the host never reads a sentence to decide.

use std::error::Error as StdError;
use std::io::ErrorKind;

/// The numbers are part of the ABI (`src/backend/engine/abi.ts` repeats them); never renumber one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Code {
    /// The caller passed something malformed: a head, a configuration, a length.
    BadArgument = 1,
    /// No such configuration, connection or request (any more).
    BadHandle = 2,
    /// Legal handle, wrong moment: a request before the verdict, a verdict twice.
    WrongState = 3,
    /// A table is full, or the connection takes no further request now.
    Busy = 4,
    /// The peer (or the caller) went over a bound.
    TooLarge = 5,
    /// The caller cancelled the request or closed the connection.
    Cancelled = 6,
    /// The peer broke TLS; `aux` is the alert we sent, or 0.
    TlsProtocol = 7,
    /// The peer sent a fatal alert; `aux` is its description (RFC 8446 §6).
    TlsAlert = 8,
    /// The certificate's own signature over the handshake failed, or it could not be parsed.
    CertificateRejected = 9,
    /// The verdict was no.
    Refused = 10,
    /// The peer ended the connection in good order.
    PeerClosed = 11,
    /// The transport ended without close_notify, or in the middle of something.
    PeerTruncated = 12,
    /// The peer broke HTTP/1.1.
    Http1Protocol = 13,
    /// The peer broke HTTP/2; `aux` is the HTTP/2 error code.
    Http2Protocol = 14,
    /// The response stopped before its declared or framed end.
    ResponseIncomplete = 15,
    /// The peer reset the stream; `aux` is the HTTP/2 error code.
    StreamReset = 16,
    /// The peer is going away; `aux` is the HTTP/2 error code.
    GoAway = 17,
    /// The request body did not hold what its head promised.
    RequestBody = 18,
    /// Our own bug.
    Internal = 19,
    /// The end-entity certificate, in `evidence`, cannot be read or has a key with which no handshake can be verified.
    UnusableEndEntity = 20,
}

/// Whether the peer can have seen the request: `Nothing` is safe to retry for any method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Sent {
    Nothing = 0,
    Maybe = 1,
}

/// hyper's words; its predicate for them exists in servers only. A test notices when they change.
const HEAD_TOO_LARGE: &str = "message head is too large";

/// Longest detail handed to the host.
const MAX_DETAIL_BYTES: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    /// Its meaning depends on the code.
    pub aux: u32,
    pub sent: Sent,
    /// For people: printable ASCII, bounded.
    pub detail: String,
    /// What the host needs to name the fault; empty for most codes.
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

    /// What rustls refused, or was told.
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

    /// What hyper says about an exchange or a connection; `http2` decides whose fault a protocol error is.
    pub fn from_http(error: &hyper::Error, http2: bool) -> Self {
        if let Some(reset) = find::<h2::Error>(error) {
            return Self::from_h2(reset);
        }
        if let Some(io) = find::<std::io::Error>(error) {
            if let Some(own) = io.get_ref().and_then(|inner| inner.downcast_ref::<WireError>()) {
                return own.0.clone();
            }
            // hyper's decoder of chunks speaks through these.
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

    /// RFC 9113 §8.7: REFUSED_STREAM, and streams above the last id of a graceful GOAWAY, were not processed.
    pub fn is_unprocessed(&self) -> bool {
        match self.code {
            Code::StreamReset => self.aux == u32::from(h2::Reason::REFUSED_STREAM),
            Code::GoAway => self.aux == u32::from(h2::Reason::NO_ERROR),
            _ => false,
        }
    }
}

/// Carries a [`Failure`] through hyper as an `io::Error`.
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
