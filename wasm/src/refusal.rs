//! The alert that tells the peer of the host's refusal.
//!
//! When the host's verdict comes, rustls has already queued its next messages, because its verifier cannot wait for a
//! verdict. In TLS 1.3 these are Certificate and Finished. They must not leave after a refusal, so a refusal drops
//! rustls' connection and makes the alert here (RFC 8446 §6). TLS 1.2 is still before ChangeCipherSpec, where alerts are
//! not encrypted. In TLS 1.3 the alert is record 0 under the handshake key. Record 0 of rustls itself is never sent, so
//! no two ciphertexts on the wire have the same nonce.

use crate::cipher::Cipher;
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::crypto::cipher::{make_tls13_aad, AeadKey, Iv};
use std::cell::RefCell;

/// The level of a fatal alert (RFC 8446 §6).
const FATAL: u8 = 2;
const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

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
        *captured = UnboundKey::new(cipher.algorithm(key.as_ref().len()), key.as_ref())
            .ok()
            .map(|unbound| AlertSeal { key: LessSafeKey::new(unbound), nonce });
    });
}
