//! The certificate verifier: real handshake signatures, borrowed trust.
//!
//! The end-entity certificate's key must have signed this handshake: that is checked here, by the key alone, so that
//! what else the certificate holds stays the host's to judge. Whether the chain may be trusted is the host's verdict,
//! which comes later; until then nothing leaves (see `tls.rs`). An end entity that cannot be read, or whose key ring
//! cannot verify a signature with (`key.rs`), is refused here: no handshake goes on with a signature that was not
//! verified.

use crate::der::Parts;
use crate::key;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls13_signature_with_raw_key, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::cell::RefCell;
use std::sync::Arc;
use webpki::RawPublicKeyEntity;

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
}

impl HostVerifier {
    pub fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { algorithms }
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
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        NOTED.with_borrow_mut(|noted| noted.staple = ocsp_response.to_vec());
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
