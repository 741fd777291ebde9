//! The crypto provider: ring's, with two changes to its cipher suites.
//!
//! 1. The host opens and seals AES-GCM records of [`crate::record_key::HOST_RECORD_BYTES`] or more, with AES-NI.
//!    Smaller records stay in ring, because the call of the host costs more than the cipher.
//! 2. The first write key of a TLS 1.3 client is captured, so that a refusal can send an encrypted alert although
//!    rustls has already sealed a Finished that will never leave (`refusal.rs`).
//!
//! Without the host's cipher ChaCha20-Poly1305 comes first, because AES in WebAssembly is five times slower.

use crate::refusal;
use crate::tls12_records::Tls12Gcm;
use crate::tls13_records::Tls13Aead;
use rustls::crypto::cipher::{Tls12AeadAlgorithm, Tls13AeadAlgorithm};
use rustls::crypto::{ring as ring_provider, CipherSuiteCommon, CryptoProvider};
use rustls::{CipherSuite, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};
use std::sync::OnceLock;

/// The provider of every configuration of this instance.
pub fn provider(host_aead: bool) -> CryptoProvider {
    let suites = if host_aead { shared(&WITH_HOST, true) } else { shared(&WITHOUT_HOST, false) };
    let mut cipher_suites: Vec<SupportedCipherSuite> = suites.tls13.iter().map(SupportedCipherSuite::Tls13).collect();
    cipher_suites.extend(suites.tls12.iter().map(SupportedCipherSuite::Tls12));
    if !host_aead {
        cipher_suites.sort_by_key(|suite| is_aes_gcm(suite.suite()));
    }
    CryptoProvider { cipher_suites, ..ring_provider::default_provider() }
}

/// The suites of an instance. rustls wants `&'static` ones, so they are made once and not for each configuration.
struct Suites {
    tls13: Vec<Tls13CipherSuite>,
    tls12: Vec<Tls12CipherSuite>,
}

static WITH_HOST: OnceLock<Suites> = OnceLock::new();
static WITHOUT_HOST: OnceLock<Suites> = OnceLock::new();

fn shared(cell: &'static OnceLock<Suites>, host_aead: bool) -> &'static Suites {
    cell.get_or_init(|| Suites::new(host_aead))
}

impl Suites {
    fn new(host_aead: bool) -> Self {
        let mut suites = Self { tls13: Vec::new(), tls12: Vec::new() };
        for suite in ring_provider::ALL_CIPHER_SUITES {
            match suite {
                SupportedCipherSuite::Tls13(inner) => suites.tls13.push(Tls13CipherSuite {
                    common: common(&inner.common),
                    hkdf_provider: inner.hkdf_provider,
                    aead_alg: tls13_aead(inner, host_aead),
                    quic: None,
                }),
                SupportedCipherSuite::Tls12(inner) => suites.tls12.push(Tls12CipherSuite {
                    common: common(&inner.common),
                    prf_provider: inner.prf_provider,
                    kx: inner.kx,
                    sign: inner.sign,
                    aead_alg: tls12_aead(inner, host_aead),
                }),
            }
        }
        suites
    }
}

fn common(from: &CipherSuiteCommon) -> CipherSuiteCommon {
    CipherSuiteCommon {
        suite: from.suite,
        hash_provider: from.hash_provider,
        confidentiality_limit: from.confidentiality_limit,
    }
}

fn is_aes_gcm(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS13_AES_256_GCM_SHA384
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
    )
}

/// The AEAD of a suite, in a box that is never freed: `aead_alg` must be `&'static`, and [`shared`] calls this once.
fn tls13_aead(inner: &'static Tls13CipherSuite, host_aead: bool) -> &'static dyn Tls13AeadAlgorithm {
    let host = host_aead && is_aes_gcm(inner.common.suite);
    Box::leak(Box::new(Tls13Aead { inner: inner.aead_alg, cipher: refusal::Cipher::of(inner.common.suite), host }))
}

/// The AEAD of a suite, as [`tls13_aead`] makes it.
fn tls12_aead(inner: &'static Tls12CipherSuite, host_aead: bool) -> &'static dyn Tls12AeadAlgorithm {
    if host_aead && is_aes_gcm(inner.common.suite) {
        Box::leak(Box::new(Tls12Gcm(inner.aead_alg)))
    } else {
        inner.aead_alg
    }
}
