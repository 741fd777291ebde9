//! The alert that tells the peer of the host's refusal.
//!
//! rustls has no asynchronous verifier. When the host's verdict comes, rustls has already queued its next messages (in
//! TLS
//! 1.3 Certificate and Finished), which must not leave. A refusal drops rustls' connection with them and makes the
//! alert here, in the state of a client that refuses a chain: in TLS 1.2 unencrypted, before ChangeCipherSpec; in TLS
//! 1.3 as record 0 under the handshake key (RFC 8446 §6). rustls' own record 0 is never sent, so no two ciphertexts on
//! the wire share a nonce.

use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use rustls::crypto::cipher::{make_tls13_aad, AeadKey, Iv};
use rustls::CipherSuite;
use std::cell::RefCell;

/// The level of a fatal alert (RFC 8446 §6).
const FATAL: u8 = 2;
const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

/// The cipher of a TLS 1.3 suite.
#[derive(Clone, Copy)]
pub struct Cipher(&'static ring::aead::Algorithm);

impl Cipher {
    pub fn of(suite: CipherSuite) -> Option<Self> {
        match suite {
            CipherSuite::TLS13_AES_128_GCM_SHA256 => Some(Self(&AES_128_GCM)),
            CipherSuite::TLS13_AES_256_GCM_SHA384 => Some(Self(&AES_256_GCM)),
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some(Self(&CHACHA20_POLY1305)),
            _ => None,
        }
    }
}

/// The key and nonce for the one alert of a refused TLS 1.3 connection. `seal` consumes them, so the nonce is used
/// once.
pub struct AlertSeal {
    key: LessSafeKey,
    nonce: [u8; 12],
}

impl AlertSeal {
    /// The alert as one record.
    pub fn seal(self, description: u8) -> Vec<u8> {
        let mut sealed = vec![FATAL, description, ALERT];
        let total = sealed.len() + self.key.algorithm().tag_len();
        let aad = Aad::from(make_tls13_aad(total));
        if self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(self.nonce), aad, &mut sealed).is_err() {
            return Vec::new();
        }
        record(APPLICATION_DATA, &sealed)
    }
}

/// The unencrypted alert of TLS 1.2 before ChangeCipherSpec.
pub fn plain_alert(description: u8) -> Vec<u8> {
    record(ALERT, &[FATAL, description])
}

fn record(content_type: u8, payload: &[u8]) -> Vec<u8> {
    // Records of both versions carry the number of TLS 1.2. The payload is an alert, so its length fits into one byte.
    let mut bytes = vec![content_type, 3, 3, 0, payload.len() as u8];
    bytes.extend_from_slice(payload);
    bytes
}

thread_local! {
    static CAPTURED: RefCell<Option<AlertSeal>> = const { RefCell::new(None) };
}

/// Runs one step of a handshake. Answers its result and the first write key that it installed, if any.
pub fn capture_first_write_key<T>(step: impl FnOnce() -> T) -> (T, Option<AlertSeal>) {
    CAPTURED.set(None);
    let result = step();
    (result, CAPTURED.take())
}

/// Keeps a new write key for [`capture_first_write_key`], unless the step has installed one before. A client's first
/// write key of TLS 1.3 is its handshake key, because 0-RTT is off (`config.rs`).
pub fn keep_first_write_key(cipher: Cipher, key: &AeadKey, iv: &Iv) {
    CAPTURED.with_borrow_mut(|captured| {
        if captured.is_some() {
            return;
        }
        let mut nonce = [0; 12];
        nonce.copy_from_slice(iv.as_ref());
        *captured = UnboundKey::new(cipher.0, key.as_ref())
            .ok()
            .map(|unbound| AlertSeal { key: LessSafeKey::new(unbound), nonce });
    });
}
