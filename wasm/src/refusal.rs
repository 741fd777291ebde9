//! How a refusal is said to the peer.
//!
//! rustls has no asynchronous verifier: by the time the host knows its verdict, rustls believes the handshake done and
//! has queued a flight (in TLS 1.3 Certificate and Finished) that must not leave. The connection is thrown away with
//! that flight, and the alert is made here instead, in the state a client is in when it refuses a chain:
//! in TLS 1.2 before ChangeCipherSpec, so in the clear; in TLS 1.3 as record 0 under the handshake key (RFC 8446 §6).
//! The flight that used sequence number 0 before is never sent, so no two ciphertexts share a nonce.

use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use rustls::crypto::cipher::{make_tls13_aad, AeadKey, Iv};
use rustls::CipherSuite;
use std::cell::RefCell;

/// A fatal alert's level (RFC 8446 §6).
const FATAL: u8 = 2;
const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

/// The ciphers of TLS 1.3's suites.
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

/// Seals the one alert a refused TLS 1.3 connection sends. Used at most once, so its nonce is too.
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

/// The alert in the clear, as TLS 1.2 wants it before ChangeCipherSpec.
pub fn plain_alert(description: u8) -> Vec<u8> {
    record(ALERT, &[FATAL, description])
}

fn record(content_type: u8, payload: &[u8]) -> Vec<u8> {
    // Both versions' records carry TLS 1.2's version number; every payload here is a few bytes.
    let mut bytes = vec![content_type, 3, 3, 0, payload.len() as u8];
    bytes.extend_from_slice(payload);
    bytes
}

thread_local! {
    static NOTED: RefCell<Option<AlertSeal>> = const { RefCell::new(None) };
}

/// Runs one step of a handshake and answers the first write key it installed, if any.
pub fn noting_first_write_key<T>(step: impl FnOnce() -> T) -> (T, Option<AlertSeal>) {
    NOTED.set(None);
    let result = step();
    (result, NOTED.take())
}

/// Called by the suites. A client's first TLS 1.3 write key is its handshake key, as 0-RTT stays off.
pub fn note_first_write_key(cipher: Cipher, key: &AeadKey, iv: &Iv) {
    NOTED.with_borrow_mut(|noted| {
        if noted.is_some() {
            return;
        }
        let mut nonce = [0; 12];
        nonce.copy_from_slice(iv.as_ref());
        *noted = UnboundKey::new(cipher.0, key.as_ref())
            .ok()
            .map(|unbound| AlertSeal { key: LessSafeKey::new(unbound), nonce });
    });
}
