//! The traffic key of one direction, with which ring opens or seals small records and the host large ones.

use crate::host::HostKey;
use rustls::crypto::cipher::AeadKey;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The payload length from which the host has a record. A host call costs about 5 µs, ring in WASM about 18 ns a byte.
pub const HOST_RECORD_BYTES: usize = 256;

/// The length of the tag of every AEAD of TLS.
pub const TAG_BYTES: usize = 16;

/// A traffic key. The host's copy is made for the first large record. `Cipher` is rustls' encrypter or decrypter with
/// ring.
pub struct RecordKey<Cipher: ?Sized> {
    raw: Zeroizing<Vec<u8>>,
    host: OnceLock<HostKey>,
    pub ring: Box<Cipher>,
}

impl<Cipher: ?Sized> RecordKey<Cipher> {
    pub fn new(raw: Zeroizing<Vec<u8>>, ring: Box<Cipher>) -> Self {
        Self { raw, host: OnceLock::new(), ring }
    }

    /// The host's key.
    pub fn host(&self) -> &HostKey {
        self.host.get_or_init(|| HostKey::new(&self.raw))
    }
}

/// A copy of the key, which is zeroed when it is dropped.
pub fn copy(key: &AeadKey) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(key.as_ref().to_vec())
}
