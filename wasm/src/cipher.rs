//! The two ciphers of the suites that this crate offers.

use ring::aead::{Algorithm, AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use rustls::CipherSuite;

/// A cipher, with its number in the ABI. A set of ciphers is the sum of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Cipher {
    AesGcm = 1,
    ChaCha20Poly1305 = 2,
}

impl Cipher {
    /// Both ciphers.
    pub const ALL: [Self; 2] = [Self::AesGcm, Self::ChaCha20Poly1305];

    /// The cipher with a number; None for any other number.
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| *cipher as u32 == number.into())
    }

    /// The cipher of a suite. ring has suites with these two ciphers only.
    pub fn of(suite: CipherSuite) -> Self {
        match suite {
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => Self::ChaCha20Poly1305,
            _ => Self::AesGcm,
        }
    }

    /// ring's algorithm for a key of this length: 16 or 32 bytes for AES-GCM, 32 for ChaCha20-Poly1305.
    pub fn algorithm(self, key_bytes: usize) -> &'static Algorithm {
        match (self, key_bytes) {
            (Self::ChaCha20Poly1305, _) => &CHACHA20_POLY1305,
            (Self::AesGcm, 16) => &AES_128_GCM,
            (Self::AesGcm, _) => &AES_256_GCM,
        }
    }

    /// The record length from which the host opens and seals a record. For shorter records the call of the host costs
    /// more than the cipher in the module (`src/backend/connect/ciphers.ts` has the costs).
    pub fn host_record_bytes(self) -> usize {
        match self {
            Self::AesGcm => 256,
            Self::ChaCha20Poly1305 => 4096,
        }
    }
}
