//! The crypto provider: ring's, with two changes to its cipher suites.
//!
//! 1. AES-GCM records of [`HOST_RECORD_BYTES`] or more go to the host (AES-NI); smaller ones stay in ring, where the
//!    call across the border would cost more than the cipher.
//! 2. The key of a TLS 1.3 client's first flight is noted, so that a refusal can be said as an encrypted alert
//!    although rustls has already sealed a Finished that will never leave (see `refusal.rs`).
//!
//! Without a host cipher ChaCha20-Poly1305 comes first: AES without AES-NI is five times slower.

use crate::host::HostKey;
use crate::refusal;
use rustls::crypto::cipher::{
    make_tls12_aad, make_tls13_aad, AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape,
    MessageDecrypter, MessageEncrypter, Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload,
    Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::{ring as ring_provider, CipherSuiteCommon, CryptoProvider};
use rustls::{
    CipherSuite, ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Records from this size on are the host's. A host call costs about 5 µs, ring in WASM about 18 ns a byte.
pub const HOST_RECORD_BYTES: usize = 256;

const TAG_BYTES: usize = 16;
/// TLS 1.2's explicit part of the nonce (RFC 5288 §3).
const EXPLICIT_NONCE_BYTES: usize = 8;
/// RFC 5246 §6.2.1: the longest plaintext of a record.
const MAX_FRAGMENT_BYTES: usize = 1 << 14;

/// The provider of every configuration of this instance.
pub fn provider(host_aead: bool) -> CryptoProvider {
    let suites = if host_aead { shared(&WITH_HOST, true) } else { shared(&WITHOUT_HOST, false) };
    let mut cipher_suites: Vec<SupportedCipherSuite> = suites.tls13.iter().map(SupportedCipherSuite::Tls13).collect();
    cipher_suites.extend(suites.tls12.iter().map(SupportedCipherSuite::Tls12));
    if !host_aead {
        cipher_suites.sort_by_key(|suite| aes_key_bytes(suite.suite()).is_some());
    }
    CryptoProvider { cipher_suites, ..ring_provider::default_provider() }
}

/// The suites, made once an instance: policies come and go, `&'static` suites must not pile up.
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

fn aes_key_bytes(suite: CipherSuite) -> Option<usize> {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => Some(16),
        CipherSuite::TLS13_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => Some(32),
        _ => None,
    }
}

/// Leaks one small box a suite and instance: `aead_alg` must be `&'static`, and [`shared`] calls this once.
fn tls13_aead(inner: &'static Tls13CipherSuite, host_aead: bool) -> &'static dyn Tls13AeadAlgorithm {
    let host = host_aead && aes_key_bytes(inner.common.suite).is_some();
    Box::leak(Box::new(Tls13Aead { inner: inner.aead_alg, cipher: refusal::Cipher::of(inner.common.suite), host }))
}

/// See [`tls13_aead`].
fn tls12_aead(inner: &'static Tls12CipherSuite, host_aead: bool) -> &'static dyn Tls12AeadAlgorithm {
    if host_aead && aes_key_bytes(inner.common.suite).is_some() {
        Box::leak(Box::new(Tls12Gcm(inner.aead_alg)))
    } else {
        inner.aead_alg
    }
}

/// One traffic key: ring's cipher inside, the host's made when the first large record comes.
struct DualKey<Inside: ?Sized> {
    raw: Zeroizing<Vec<u8>>,
    host: OnceLock<HostKey>,
    inside: Box<Inside>,
}

impl<Inside: ?Sized> DualKey<Inside> {
    fn new(raw: Zeroizing<Vec<u8>>, inside: Box<Inside>) -> Self {
        Self { raw, host: OnceLock::new(), inside }
    }

    fn host(&self) -> &HostKey {
        self.host.get_or_init(|| HostKey::new(&self.raw))
    }
}

fn copy(key: &AeadKey) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(key.as_ref().to_vec())
}

struct Tls13Aead {
    inner: &'static dyn Tls13AeadAlgorithm,
    cipher: Option<refusal::Cipher>,
    host: bool,
}

impl Tls13AeadAlgorithm for Tls13Aead {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        if let Some(cipher) = self.cipher {
            refusal::note_first_write_key(cipher, &key, &iv);
        }
        if !self.host {
            return self.inner.encrypter(key, iv);
        }
        let raw = copy(&key);
        let own_iv = Iv::copy(iv.as_ref());
        Box::new(Tls13Record { key: DualKey::new(raw, self.inner.encrypter(key, iv)), iv: own_iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        if !self.host {
            return self.inner.decrypter(key, iv);
        }
        let raw = copy(&key);
        let own_iv = Iv::copy(iv.as_ref());
        Box::new(Tls13Record { key: DualKey::new(raw, self.inner.decrypter(key, iv)), iv: own_iv })
    }

    fn key_len(&self) -> usize {
        self.inner.key_len()
    }

    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

struct Tls13Record<Inside: ?Sized> {
    key: DualKey<Inside>,
    iv: Iv,
}

impl MessageEncrypter for Tls13Record<dyn MessageEncrypter> {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, sequence: u64) -> Result<OutboundOpaqueMessage, Error> {
        if message.payload.len() < HOST_RECORD_BYTES {
            return self.key.inside.encrypt(message, sequence);
        }
        let total = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(total);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&[u8::from(message.typ)]);
        payload.extend_from_slice(&[0; TAG_BYTES]);
        let nonce = Nonce::new(&self.iv, sequence).0;
        self.key.host().seal(&nonce, &make_tls13_aad(total), payload.as_mut()).map_err(|_| Error::EncryptError)?;
        Ok(OutboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, payload))
    }

    fn encrypted_payload_len(&self, plain: usize) -> usize {
        plain + 1 + TAG_BYTES
    }
}

impl MessageDecrypter for Tls13Record<dyn MessageDecrypter> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let total = message.payload.len();
        if total < HOST_RECORD_BYTES {
            return self.key.inside.decrypt(message, sequence);
        }
        let nonce = Nonce::new(&self.iv, sequence).0;
        self.key.host().open(&nonce, &make_tls13_aad(total), &mut message.payload).map_err(|_| Error::DecryptError)?;
        message.payload.truncate(total - TAG_BYTES);
        message.into_tls13_unpadded_message()
    }
}

/// TLS 1.2 AES-GCM (RFC 5288) over [`DualKey`].
struct Tls12Gcm(&'static dyn Tls12AeadAlgorithm);

impl Tls12AeadAlgorithm for Tls12Gcm {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        let raw = copy(&key);
        let mut full = [0; 12];
        full[..iv.len()].copy_from_slice(iv);
        full[iv.len()..].copy_from_slice(extra);
        Box::new(Tls12Seal { key: DualKey::new(raw, self.0.encrypter(key, iv, extra)), iv: Iv::new(full) })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        let raw = copy(&key);
        let mut salt = [0; 4];
        salt.copy_from_slice(iv);
        Box::new(Tls12Open { key: DualKey::new(raw, self.0.decrypter(key, iv)), salt })
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        self.0.key_block_shape()
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

struct Tls12Seal {
    key: DualKey<dyn MessageEncrypter>,
    iv: Iv,
}

impl MessageEncrypter for Tls12Seal {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, sequence: u64) -> Result<OutboundOpaqueMessage, Error> {
        let plain = message.payload.len();
        if plain < HOST_RECORD_BYTES {
            return self.key.inside.encrypt(message, sequence);
        }
        let nonce = Nonce::new(&self.iv, sequence).0;
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(plain));
        payload.extend_from_slice(&nonce[4..]);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&[0; TAG_BYTES]);
        let aad = make_tls12_aad(sequence, message.typ, message.version, plain);
        let sealed = &mut payload.as_mut()[EXPLICIT_NONCE_BYTES..];
        self.key.host().seal(&nonce, &aad, sealed).map_err(|_| Error::EncryptError)?;
        Ok(OutboundOpaqueMessage::new(message.typ, message.version, payload))
    }

    fn encrypted_payload_len(&self, plain: usize) -> usize {
        plain + EXPLICIT_NONCE_BYTES + TAG_BYTES
    }
}

struct Tls12Open {
    key: DualKey<dyn MessageDecrypter>,
    salt: [u8; 4],
}

impl MessageDecrypter for Tls12Open {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let total = message.payload.len();
        if total < HOST_RECORD_BYTES {
            return self.key.inside.decrypt(message, sequence);
        }
        let plain = total - EXPLICIT_NONCE_BYTES - TAG_BYTES;
        if plain > MAX_FRAGMENT_BYTES {
            return Err(Error::PeerSentOversizedRecord);
        }
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.salt);
        nonce[4..].copy_from_slice(&message.payload[..EXPLICIT_NONCE_BYTES]);
        let aad = make_tls12_aad(sequence, message.typ, message.version, plain);
        self.key
            .host()
            .open(&nonce, &aad, &mut message.payload[EXPLICIT_NONCE_BYTES..])
            .map_err(|_| Error::DecryptError)?;
        let range = EXPLICIT_NONCE_BYTES..EXPLICIT_NONCE_BYTES + plain;
        Ok(message.into_plain_message_range(range))
    }
}
