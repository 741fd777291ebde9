//! The crypto provider: ring's, with three changes to its cipher suites.
//!
//! 1. Only suites with the configured ciphers are offered, in the configured order.
//! 2. The host opens and seals large records (`records.rs`), with instructions of the processor that the module lacks.
//! 3. The first write key of a TLS 1.3 client is captured, so that a refusal can send an encrypted alert although
//!    rustls has already sealed a Finished that will never leave (`refusal.rs`).

use crate::cipher::Cipher;
use crate::records::{Format, Records, TrafficKey};
use crate::refusal;
use rustls::crypto::cipher::{
    AeadKey, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter, Tls12AeadAlgorithm, Tls13AeadAlgorithm,
    UnsupportedOperationError, NONCE_LEN as NONCE_BYTES,
};
use rustls::crypto::{ring as ring_provider, CipherSuiteCommon, CryptoProvider};
use rustls::{ConnectionTrafficSecrets, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};
use std::sync::OnceLock;

/// The provider of one configuration. `ciphers`: those that may be used, in order of preference. Suites of TLS 1.3 come
/// before those of TLS 1.2.
pub fn provider(ciphers: &[Cipher]) -> CryptoProvider {
    let (tls13, tls12) = SUITES.get_or_init(suites);
    let mut cipher_suites = Vec::new();
    for cipher in ciphers {
        let with = tls13.iter().filter(|suite| Cipher::of(suite.common.suite) == *cipher);
        cipher_suites.extend(with.map(SupportedCipherSuite::Tls13));
    }
    for cipher in ciphers {
        let with = tls12.iter().filter(|suite| Cipher::of(suite.common.suite) == *cipher);
        cipher_suites.extend(with.map(SupportedCipherSuite::Tls12));
    }
    CryptoProvider { cipher_suites, ..ring_provider::default_provider() }
}

/// All suites. rustls wants `&'static` ones, so they are made once and not for each configuration.
static SUITES: OnceLock<(Vec<Tls13CipherSuite>, Vec<Tls12CipherSuite>)> = OnceLock::new();

fn suites() -> (Vec<Tls13CipherSuite>, Vec<Tls12CipherSuite>) {
    let (mut tls13, mut tls12) = (Vec::new(), Vec::new());
    for suite in ring_provider::ALL_CIPHER_SUITES {
        let cipher = Cipher::of(suite.suite());
        // The boxes are never freed, because rustls wants `&'static` algorithms.
        match suite {
            SupportedCipherSuite::Tls13(ring) => tls13.push(Tls13CipherSuite {
                common: common(&ring.common),
                hkdf_provider: ring.hkdf_provider,
                aead_alg: Box::leak(Box::new(Tls13Aead { ring: ring.aead_alg, cipher })),
                quic: None,
            }),
            SupportedCipherSuite::Tls12(ring) => tls12.push(Tls12CipherSuite {
                common: common(&ring.common),
                prf_provider: ring.prf_provider,
                kx: ring.kx,
                sign: ring.sign,
                aead_alg: Box::leak(Box::new(Tls12Aead { ring: ring.aead_alg, cipher })),
            }),
        }
    }
    (tls13, tls12)
}

fn common(from: &CipherSuiteCommon) -> CipherSuiteCommon {
    CipherSuiteCommon {
        suite: from.suite,
        hash_provider: from.hash_provider,
        confidentiality_limit: from.confidentiality_limit,
    }
}

/// The AEAD of a TLS 1.3 suite.
struct Tls13Aead {
    ring: &'static dyn Tls13AeadAlgorithm,
    cipher: Cipher,
}

impl Tls13AeadAlgorithm for Tls13Aead {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        refusal::keep_first_write_key(self.cipher, &key, &iv);
        let own_key = TrafficKey::new(self.cipher, &key, &[iv.as_ref()], Format::Tls13);
        Box::new(Records { key: own_key, ring: self.ring.encrypter(key, iv) })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        let own_key = TrafficKey::new(self.cipher, &key, &[iv.as_ref()], Format::Tls13);
        Box::new(Records { key: own_key, ring: self.ring.decrypter(key, iv) })
    }

    fn key_len(&self) -> usize {
        self.ring.key_len()
    }

    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// The AEAD of a TLS 1.2 suite.
struct Tls12Aead {
    ring: &'static dyn Tls12AeadAlgorithm,
    cipher: Cipher,
}

impl Tls12AeadAlgorithm for Tls12Aead {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        let format = Format::Tls12 { explicit_bytes: NONCE_BYTES - iv.len() };
        let own_key = TrafficKey::new(self.cipher, &key, &[iv, extra], format);
        Box::new(Records { key: own_key, ring: self.ring.encrypter(key, iv, extra) })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        let format = Format::Tls12 { explicit_bytes: NONCE_BYTES - iv.len() };
        let own_key = TrafficKey::new(self.cipher, &key, &[iv], format);
        Box::new(Records { key: own_key, ring: self.ring.decrypter(key, iv) })
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        self.ring.key_block_shape()
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}
