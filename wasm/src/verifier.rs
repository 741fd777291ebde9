//! The certificate verifier for rustls. It verifies the handshake's signature and leaves the chain to the host.
//!
//! The end-entity certificate's key must have signed this handshake. The verifier reads only the key for that, because
//! the host judges all other fields. The host's verdict on the chain comes later, and until then no request byte leaves
//! (`tls.rs`). A handshake whose signature cannot be verified ends here: when the end-entity certificate cannot be
//! read, and when ring cannot verify signatures of its key (`key.rs`).

use crate::der::Parts;
use crate::key;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls13_signature_with_raw_key, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::cell::RefCell;
use std::sync::Arc;
use webpki::RawPublicKeyEntity;

/// The parts of one handshake step that rustls shows to the verifier alone, which all connections of a configuration
/// share.
#[derive(Default)]
pub struct Observed {
    /// The stapled OCSP response, or empty.
    pub staple: Vec<u8>,
    /// The end-entity certificate that the verifier refused as unusable, or empty.
    pub unusable: Vec<u8>,
}

thread_local! {
    static OBSERVED: RefCell<Observed> = RefCell::default();
}

/// Runs one step of a handshake. Answers its result and what the verifier saw in it.
pub fn observe<T>(step: impl FnOnce() -> T) -> (T, Observed) {
    OBSERVED.take();
    let result = step();
    (result, OBSERVED.take())
}

/// The error for an end-entity certificate that cannot be read, or whose key ring cannot use. rustls sends the alert
/// `certificate_unknown` for it.
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

/// The verifier of one configuration.
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
        OBSERVED.with_borrow_mut(|observed| observed.staple = ocsp_response.to_vec());
        if !Parts::of(end_entity).is_some_and(|parts| key::is_usable(parts.spki)) {
            OBSERVED.with_borrow_mut(|observed| observed.unusable = end_entity.to_vec());
            return Err(unusable());
        }
        // This accepts no chain: `tls.rs` sends no request byte before the host's verdict.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // RFC 5246 §7.4.1.4.1: in TLS 1.2 a scheme names no curve, so every algorithm of the scheme is tried with this
        // key.
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

/// The key of a certificate that [`HostVerifier::verify_server_cert`] has accepted.
fn spki<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    Parts::of(certificate).map(|parts| SubjectPublicKeyInfoDer::from(parts.spki)).ok_or_else(unusable)
}
