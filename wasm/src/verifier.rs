//! The certificate verifier: real handshake signatures, borrowed trust.
//!
//! The end-entity certificate's key must have signed this handshake: that is checked here, by the key alone, so that
//! what else the certificate holds stays the host's to judge. Whether the chain may be trusted is the host's verdict,
//! which comes later; until then nothing leaves (see `tls.rs`). A chain refused a moment ago is refused here at once,
//! and so is an end entity that cannot be read, or whose key ring cannot verify a signature with (`key.rs`): no
//! handshake goes on with a signature that was not verified.

use crate::der::Parts;
use crate::key;
use ring::digest::{Context, SHA256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls13_signature_with_raw_key, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use webpki::RawPublicKeyEntity;

/// Refused chains remembered per configuration; the oldest goes first.
const MAX_REFUSALS: usize = 64;
/// A refusal may heal (a certificate becomes valid), so it is asked for again after this long.
const REFUSAL_SECONDS: u64 = 30;

/// SHA-256 over each certificate of a chain with its length, end-entity certificate first.
type ChainDigest = [u8; 32];

struct RefusedChain {
    digest: ChainDigest,
    tag: u32,
    until: u64,
}

/// The chains one configuration refused lately.
#[derive(Default)]
pub struct Refusals(Mutex<VecDeque<RefusedChain>>);

impl Refusals {
    /// Remembers that the host refused `chain`, and the tag it gave.
    pub fn remember(&self, chain: &[CertificateDer<'_>], tag: u32) {
        let Some((end_entity, intermediates)) = chain.split_first() else { return };
        let digest = digest(end_entity, intermediates);
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|entry| entry.digest != digest);
        if refused.len() >= MAX_REFUSALS {
            refused.pop_front();
        }
        refused.push_back(RefusedChain { digest, tag, until: UnixTime::now().as_secs() + REFUSAL_SECONDS });
    }

    fn tag(&self, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>], now: UnixTime) -> Option<u32> {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|entry| entry.until > now.as_secs());
        if refused.is_empty() {
            return None; // The usual case costs no hash.
        }
        let digest = digest(end_entity, intermediates);
        refused.iter().find(|entry| entry.digest == digest).map(|entry| entry.tag)
    }
}

fn digest(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> ChainDigest {
    let mut context = Context::new(&SHA256);
    for certificate in std::iter::once(end_entity).chain(intermediates) {
        context.update(&(certificate.len() as u64).to_be_bytes());
        context.update(certificate);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// Carries the host's tag through rustls, which answers it with the alert `certificate_unknown`.
#[derive(Debug)]
struct Remembered(u32);

impl std::fmt::Display for Remembered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused before")
    }
}

impl std::error::Error for Remembered {}

/// The tag of a chain that [`HostVerifier`] refused from memory.
pub fn remembered_tag(error: &CertificateError) -> Option<u32> {
    match error {
        CertificateError::Other(OtherError(other)) => other.downcast_ref::<Remembered>().map(|r| r.0),
        _ => None,
    }
}

/// What one step of a handshake told the verifier. rustls tells nobody else, and all connections of a configuration
/// share the verifier.
#[derive(Default)]
pub struct Noted {
    /// The OCSP response stapled to the chain, or nothing.
    pub staple: Vec<u8>,
    /// The end-entity certificate, when the step was refused because of it alone; or nothing.
    pub unusable: Vec<u8>,
}

thread_local! {
    static NOTED: RefCell<Noted> = RefCell::default();
}

/// Runs one step of a handshake and answers what the verifier noted in it.
pub fn noting<T>(step: impl FnOnce() -> T) -> (T, Noted) {
    NOTED.take();
    let result = step();
    (result, NOTED.take())
}

/// Refuses an end entity that cannot be read, or whose key cannot be used. rustls answers `certificate_unknown`.
#[derive(Debug)]
struct Unusable;

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("unusable end entity")
    }
}

impl std::error::Error for Unusable {}

fn unusable() -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Unusable))))
}

pub struct HostVerifier {
    algorithms: WebPkiSupportedAlgorithms,
    refusals: Arc<Refusals>,
}

impl HostVerifier {
    pub fn new(algorithms: WebPkiSupportedAlgorithms, refusals: Arc<Refusals>) -> Self {
        Self { algorithms, refusals }
    }
}

impl std::fmt::Debug for HostVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostVerifier")
    }
}

impl ServerCertVerifier for HostVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        NOTED.with_borrow_mut(|noted| noted.staple = ocsp_response.to_vec());
        if let Some(tag) = self.refusals.tag(end_entity, intermediates, now) {
            return Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Remembered(tag))))));
        }
        if !Parts::of(end_entity).is_some_and(|parts| key::is_usable(parts.spki)) {
            NOTED.with_borrow_mut(|noted| noted.unusable = end_entity.to_vec());
            return Err(unusable());
        }
        // Not trust: `tls.rs` lets nothing out until the host's verdict.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // RFC 5246 §7.4.1.4.1: a scheme names no curve, so each algorithm that it may mean is tried with this key.
        let spki = spki(certificate)?;
        let key = RawPublicKeyEntity::try_from(&spki).map_err(|_| unusable())?;
        let scheme = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let possible = scheme.map_or(&[][..], |(_, possible)| possible);
        let verified =
            possible.iter().any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok());
        if verified {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::BadSignature))
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(message, &spki(certificate)?, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The key of a certificate that [`HostVerifier::verify_server_cert`] let pass.
fn spki<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    Parts::of(certificate).map(|parts| SubjectPublicKeyInfoDer::from(parts.spki)).ok_or_else(unusable)
}
