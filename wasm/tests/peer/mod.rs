//! A TLS server in the same process, and functions that move bytes between the server and a connection without a
//! socket.
#![allow(dead_code)] // Each test file uses some of the functions.

use lasthop_tls::cipher::Cipher;
use lasthop_tls::config::Config;
use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::exchange::Event;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;

/// The number of a host with both ciphers.
pub const BOTH: u32 = 3;

pub const SNI: &[u8] = b"backend.internal";

pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Vec<u8>,
}

pub fn identity() -> Identity {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["backend.internal".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    Identity { chain: vec![leaf.der().clone()], key: key.serialize_der() }
}

/// The configuration of a server. `alpn`: the protocols that the server supports.
pub fn server(identity: &Identity, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> Arc<ServerConfig> {
    server_from(rustls::crypto::ring::default_provider(), identity, versions, alpn)
}

/// The configuration of a server with the suites of `provider`.
pub fn server_from(
    provider: CryptoProvider,
    identity: &Identity,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    Arc::new(config)
}

/// A configuration without a client identity, as the host encodes it.
pub fn config(min: u8, max: u8, alpn: &[&str], ciphers: &[Cipher]) -> Vec<u8> {
    let mut out = vec![min, max, ciphers.len() as u8];
    out.extend(ciphers.iter().map(|cipher| *cipher as u8));
    out.push(alpn.len() as u8);
    for name in alpn {
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
    }
    out.push(0);
    out.extend_from_slice(&0u32.to_le_bytes());
    out
}

/// A configuration with both ciphers, AES-GCM first, and a host that has both.
pub fn parsed(min: u8, max: u8, alpn: &[&str]) -> Rc<Config> {
    lasthop_tls::host::set_ciphers(BOTH);
    Rc::new(Config::parse(&config(min, max, alpn, &Cipher::ALL)).unwrap())
}

/// A request head, as the host encodes it.
pub fn head(method: &str, path: &str, headers: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for text in [method, "backend.internal", path] {
        out.extend_from_slice(&(text.len() as u16).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(&(headers.len() as u16).to_le_bytes());
    for (name, value) in headers {
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&(value.len() as u16).to_le_bytes());
        out.extend_from_slice(value);
    }
    out
}

/// The text of an event, for comparisons.
pub fn show(event: Event) -> String {
    match event {
        Event::Informational(bytes) => format!("informational {}", u16::from_le_bytes([bytes[0], bytes[1]])),
        Event::Head(bytes) => format!("head {}", u16::from_le_bytes([bytes[0], bytes[1]])),
        Event::Data(data) => format!("data {}", String::from_utf8_lossy(&data)),
        Event::Trailers(bytes) => format!("trailers {}", u16::from_le_bytes([bytes[0], bytes[1]])),
        Event::Upgraded => "upgraded".to_owned(),
        Event::End => "end".to_owned(),
        #[cfg(feature = "server")]
        Event::Answered => "answered".into(),
        Event::Failed(failure) => format!("failed {:?} {:?}", failure.code, failure.sent),
    }
}

/// The texts of all events that a request has now.
pub fn events(connection: &mut Connection, request: u32) -> Vec<String> {
    let mut shown = Vec::new();
    connection.turn();
    while let Ok(Some(event)) = connection.open().and_then(|open| open.next_event(request)) {
        shown.push(show(event));
        connection.turn();
    }
    shown
}

/// The server's side of one connection.
pub struct Peer {
    pub tls: ServerConnection,
    /// All decrypted bytes so far.
    pub received: Vec<u8>,
    pub error: Option<rustls::Error>,
    /// Bytes that the client has not received yet.
    pub to_client: Vec<u8>,
}

impl Peer {
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self { tls: ServerConnection::new(config).unwrap(), received: Vec::new(), error: None, to_client: Vec::new() }
    }

    pub fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.error.is_none() {
            self.tls.read_tls(&mut bytes).unwrap();
            if let Err(error) = self.tls.process_new_packets() {
                self.error = Some(error);
            }
            let mut plain = [0; 4096];
            while let Ok(count) = self.tls.reader().read(&mut plain) {
                if count == 0 {
                    break;
                }
                self.received.extend_from_slice(&plain[..count]);
            }
        }
        self.collect();
    }

    pub fn say(&mut self, plain: &[u8]) {
        self.tls.set_buffer_limit(None);
        self.tls.writer().write_all(plain).unwrap();
        self.collect();
    }

    pub fn collect(&mut self) {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.to_client).unwrap();
        }
    }
}

/// Moves bytes in both directions until neither side has any, `piece` bytes at a time to the client. Answers how many
/// the client sent.
pub fn shuttle(connection: &mut Connection, peer: &mut Peer, piece: usize) -> usize {
    let mut sent = 0;
    loop {
        let mut out = Vec::new();
        connection.turn();
        connection.drain(&mut out);
        sent += out.len();
        peer.take(&out);
        let mut moved = !out.is_empty();
        while !peer.to_client.is_empty() {
            let size = piece.min(peer.to_client.len());
            let taken = connection.feed(&peer.to_client[..size]);
            peer.to_client.drain(..taken);
            if taken == 0 {
                break;
            }
            moved = true;
        }
        if !moved {
            return sent;
        }
    }
}

/// A connection with an accepted chain, and its peer.
pub fn opened(config: &Rc<Config>, server: &Arc<ServerConfig>, piece: usize) -> (Connection, Peer) {
    let mut connection = Connection::tls(config, SNI).unwrap();
    let mut peer = Peer::new(server.clone());
    shuttle(&mut connection, &mut peer, piece);
    assert_eq!(connection.phase(), Phase::AwaitingVerdict);
    connection.approve().unwrap();
    shuttle(&mut connection, &mut peer, piece);
    assert_eq!(connection.phase(), Phase::Open, "{:?} {:?}", connection.failure(), peer.error);
    (connection, peer)
}
