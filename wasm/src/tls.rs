//! TLS until the verdict, with a type for each state.
//!
//! ```text
//! Handshaking ──chain presented──▶ AwaitingVerdict ──approve──▶ Completing ──finished──▶ Verified
//!      │                                 └──refuse──▶ (an alert)
//!      └──error──▶ (an alert)
//! ```
//! Only [`AwaitingVerdict::approve`] makes a [`Completing`], only a [`Completing`] becomes a [`Verified`], and only a
//! [`Verified`] carries requests (see `wire.rs`). An [`AwaitingVerdict`] has no function that answers bytes for the
//! socket. So the messages that rustls has queued since the chain was presented do not leave before the verdict; in TLS
//! 1.3 these are the client's Certificate and Finished.

use crate::codec::{push_u16, push_u32};
use crate::config::Config;
use crate::error::{Code, Failure};
use crate::refusal::{self, AlertSeal};
use crate::verifier;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};

/// The state before the peer has presented its chain. Its output is one ClientHello, a second one after a
/// HelloRetryRequest, or an alert.
pub struct Handshaking {
    tls: Box<ClientConnection>,
    alert: Option<AlertSeal>,
    /// The stapled OCSP response; empty without one, and on a resumed connection.
    staple: Vec<u8>,
}

/// The state after a step of the handshake.
pub enum Handshake {
    /// The handshake needs more input.
    Continues(Handshaking),
    /// The peer has presented a chain and signed this handshake with its end-entity certificate's key. The host judges
    /// it.
    Presented(AwaitingVerdict),
    /// The handshake failed. The bytes are our alert, or empty.
    Failed(Failure, Vec<u8>),
}

impl Handshaking {
    /// Starts a handshake. `sni`: a DNS name.
    pub fn start(config: &Config, sni: &[u8]) -> Result<Self, Failure> {
        let name = std::str::from_utf8(sni).ok().and_then(|name| ServerName::try_from(name.to_owned()).ok());
        let Some(name @ ServerName::DnsName(_)) = name else {
            return Err(Failure::new(Code::BadArgument, "the SNI is not a DNS name"));
        };
        let mut tls = ClientConnection::new(config.tls.clone(), name).map_err(|error| Failure::from_tls(&error))?;
        tls.set_buffer_limit(Some(crate::limits::OUTBOUND_BYTES));
        Ok(Self { tls: Box::new(tls), alert: None, staple: Vec::new() })
    }

    /// Takes bytes from the front of `input`. Answers how many were taken.
    pub fn feed(mut self, input: &[u8]) -> (usize, Handshake) {
        let mut rest = input;
        // Reading a slice fails only when rustls' buffer is full. Then nothing is taken, which ends the handshake
        // below.
        let taken = self.tls.read_tls(&mut rest).unwrap_or(0);
        let ((step, observed), seal) =
            refusal::capture_first_write_key(|| verifier::observe(|| self.tls.process_new_packets()));
        if !observed.staple.is_empty() {
            self.staple = observed.staple;
        }
        self.alert = self.alert.take().or(seal);
        (
            taken,
            match step {
                Err(_) if !observed.unusable.is_empty() => {
                    let failure = Failure::new(Code::UnusableEndEntity, "an end entity that cannot be used");
                    Handshake::Failed(failure.with_evidence(observed.unusable), self.output())
                }
                Err(error) => Handshake::Failed(Failure::from_tls(&error), self.output()),
                Ok(_) if self.tls.peer_certificates().is_some() => {
                    Handshake::Presented(AwaitingVerdict { tls: self.tls, alert: self.alert, staple: self.staple })
                }
                Ok(_) if !self.tls.is_handshaking() => {
                    Handshake::Failed(Failure::new(Code::TlsProtocol, "no certificate was presented"), Vec::new())
                }
                Ok(_) if taken == 0 && !input.is_empty() => {
                    Handshake::Failed(Failure::new(Code::TooLarge, "handshake message is too large"), Vec::new())
                }
                Ok(_) => Handshake::Continues(self),
            },
        )
    }

    /// The bytes for the socket.
    pub fn output(&mut self) -> Vec<u8> {
        drain(&mut self.tls)
    }
}

/// The state while the host judges the chain. It neither takes bytes nor answers any for the socket.
pub struct AwaitingVerdict {
    tls: Box<ClientConnection>,
    alert: Option<AlertSeal>,
    /// The stapled OCSP response; empty without one, and on a resumed connection.
    staple: Vec<u8>,
}

impl AwaitingVerdict {
    /// `version:u8 resumed:u8 suite:u16 alpn:short chain:u16 (long)* ocsp:long`. On a resumed connection the chain is
    /// that of the original handshake.
    pub fn presented(&self) -> Vec<u8> {
        let mut out = vec![version(&self.tls), u8::from(self.tls.handshake_kind() == Some(HandshakeKind::Resumed))];
        push_u16(&mut out, self.tls.negotiated_cipher_suite().map_or(0, |s| u16::from(s.suite())).into());
        let alpn = self.tls.alpn_protocol().unwrap_or_default();
        push_u16(&mut out, alpn.len());
        out.extend_from_slice(alpn);
        let chain = self.tls.peer_certificates().unwrap_or_default();
        push_u16(&mut out, chain.len());
        for certificate in chain {
            push_u32(&mut out, certificate.len());
            out.extend_from_slice(certificate);
        }
        push_u32(&mut out, self.staple.len());
        out.extend_from_slice(&self.staple);
        out
    }

    /// The next state when the host has accepted the chain.
    pub fn approve(self) -> Completing {
        Completing(self.tls)
    }

    /// The bytes of the alert that tells the peer.
    pub fn refuse(self, alert: u8) -> Vec<u8> {
        match (version(&self.tls), self.alert) {
            (3, Some(seal)) => seal.seal(alert),
            (3, None) => Vec::new(),
            _ => refusal::plain_alert(alert),
        }
    }
}

/// The state after the host has accepted the chain. In TLS 1.2 the peer's Finished may not have arrived yet.
pub struct Completing(Box<ClientConnection>);

/// The state after a step of the handshake's completion.
pub enum Completion {
    Continues(Completing),
    Done(Verified),
    Failed(Failure, Vec<u8>),
}

impl Completing {
    /// Takes bytes from the front of `input`, which may be empty. Answers how many were taken.
    pub fn feed(mut self, input: &[u8]) -> (usize, Completion) {
        if !self.0.is_handshaking() {
            return (0, Completion::Done(Verified(self.0)));
        }
        if input.is_empty() {
            return (0, Completion::Continues(self)); // rustls would take an empty read as the end of the stream.
        }
        let mut rest = input;
        let taken = self.0.read_tls(&mut rest).unwrap_or(0);
        (
            taken,
            match self.0.process_new_packets() {
                Err(error) => Completion::Failed(Failure::from_tls(&error), drain(&mut self.0)),
                Ok(_) if self.0.is_handshaking() => Completion::Continues(self),
                Ok(_) => Completion::Done(Verified(self.0)),
            },
        )
    }

    pub fn output(&mut self) -> Vec<u8> {
        drain(&mut self.0)
    }
}

/// A connection with an accepted chain and a complete handshake: the only kind of TLS connection that carries requests.
pub struct Verified(Box<ClientConnection>);

impl Verified {
    pub fn is_http2(&self) -> bool {
        self.0.alpn_protocol() == Some(b"h2")
    }

    pub fn into_inner(self) -> Box<ClientConnection> {
        self.0
    }
}

fn version(tls: &ClientConnection) -> u8 {
    if tls.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
        3
    } else {
        2
    }
}

fn drain(tls: &mut ClientConnection) -> Vec<u8> {
    let mut out = Vec::new();
    while tls.wants_write() {
        // Writing to a Vec never fails.
        if tls.write_tls(&mut out).unwrap_or(0) == 0 {
            break;
        }
    }
    out
}
