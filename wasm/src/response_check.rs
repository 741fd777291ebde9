//! The check of response bytes before hyper reads them, for either protocol.

use crate::error::{Code, Failure};
use crate::frames::{self, FrameCheck};
use crate::head::{self, HeadCheck};

/// The check of one connection.
#[derive(Default)]
pub enum ResponseCheck {
    /// The state before hyper has started.
    #[default]
    None,
    Http1(HeadCheck),
    Http2(FrameCheck),
}

impl ResponseCheck {
    /// Checks the next bytes of the connection.
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::None => Ok(()),
            Self::Http1(check) => check.check(bytes).map_err(|head::Malformed| {
                Failure::new(Code::Http1Protocol, "a line of the head that does not end in CRLF")
            }),
            Self::Http2(check) => check
                .check(bytes)
                .map_err(|frames::TooMany| Failure::new(Code::Http2Protocol, "header blocks without end")),
        }
    }

    /// Expects a response, because a request was written.
    pub fn expect_response(&mut self) {
        match self {
            Self::None => {}
            Self::Http1(check) => check.expect_response(),
            Self::Http2(check) => check.expect_response(),
        }
    }

    /// Whether the peer has sent GOAWAY.
    pub fn is_going_away(&self) -> bool {
        matches!(self, Self::Http2(check) if check.is_going_away())
    }
}
