//! The end-entity certificate's key: a handshake with a key of which ring verifies no signatures fails, and the failure
//! has the certificate.
mod peer;

use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::error::Code;
use peer::{parsed, shuttle, Peer, SNI};
use rcgen::{KeyPair, PublicKeyData};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

const VERSIONS: [(u8, &SupportedProtocolVersion); 2] = [(2, &TLS12), (3, &TLS13)];

/// The failure of a handshake in which the peer presents `certificate` and `signer` signs; None when the handshake
/// waits for a verdict.
fn handshake(number: u8, certificate: &[u8], signer: &KeyPair) -> Option<lasthop_tls::error::Failure> {
    let version = VERSIONS[usize::from(number - 2)].1;
    let mut connection = Connection::tls(&parsed(number, number, &[]), SNI).unwrap();
    let mut peer = Peer::new(presenting(certificate, signer, version));
    shuttle(&mut connection, &mut peer, usize::MAX);
    assert!(peer.received.is_empty() && peer.tls.is_handshaking());
    if connection.phase() == Phase::AwaitingVerdict {
        return None;
    }
    assert_eq!(connection.phase(), Phase::Closed);
    assert_eq!(connection.approve().unwrap_err().code, Code::WrongState);
    assert!(connection.open().is_err());
    connection.failure()
}

#[test]
fn a_key_that_ring_has_not_ends_the_handshake_and_is_handed_out() {
    let signer = KeyPair::generate().unwrap();
    for (name, spki) in unusable_keys() {
        let certificate = certificate(&spki);
        for (number, _) in VERSIONS {
            let failure = handshake(number, &certificate, &signer).unwrap_or_else(|| panic!("{name}: judged"));
            assert_eq!(failure.code, Code::UnusableEndEntity, "{name}, TLS 1.{number}: {}", failure.detail);
            assert_eq!(failure.evidence, certificate);
        }
    }
}

#[test]
fn what_cannot_be_read_ends_it_as_well() {
    let signer = KeyPair::generate().unwrap();
    let mut long = certificate(&signer.subject_public_key_info());
    long.push(0);
    for bytes in [b"no certificate".to_vec(), vec![0x30, 0], long, vec![0x30, 0x80, 0, 0]] {
        for (number, _) in VERSIONS {
            let failure = handshake(number, &bytes, &signer).expect("a failure");
            assert_eq!((failure.code, failure.evidence), (Code::UnusableEndEntity, bytes.clone()));
        }
    }
}

#[test]
fn the_key_alone_decides_about_the_signature() {
    let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    for (number, _) in VERSIONS {
        // The certificate has no other field, and waits for the host's verdict all the same.
        assert_eq!(handshake(number, &certificate(&own.subject_public_key_info()), &own), None);
        let forged = handshake(number, &certificate(&other.subject_public_key_info()), &own).expect("a failure");
        assert_eq!(forged.code, Code::CertificateRejected, "{}", forged.detail);
        assert!(forged.evidence.is_empty());
    }
}

#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn presenting(certificate: &[u8], signer: &KeyPair, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
    let key = any_supported_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signer.serialize_der()))).unwrap();
    let certified = CertifiedKey::new(vec![CertificateDer::from(certificate.to_vec())], key);
    Arc::new(
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Presents(Arc::new(certified)))),
    )
}

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = match contents.len() {
        short @ 0..=0x7f => vec![tag, short as u8],
        long => vec![tag, 0x82, (long >> 8) as u8, long as u8],
    };
    if contents.len() > 0x7f && contents.len() < 0x100 {
        out = vec![tag, 0x81, contents.len() as u8];
    }
    out.extend_from_slice(contents);
    out
}

/// A certificate that holds a key, with every other field empty.
fn certificate(spki: &[u8]) -> Vec<u8> {
    let empty = tlv(0x30, &[]);
    let tbs = [&tlv(0xa0, &[2, 1, 2])[..], &[2, 1, 1], &empty, &empty, &empty, &empty, spki].concat();
    tlv(0x30, &[tlv(0x30, &tbs), empty, tlv(0x03, &[0, 1])].concat())
}

fn spki(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    let bits = tlv(0x03, &[&[0], key].concat());
    tlv(0x30, &[tlv(0x30, &algorithm.concat()), bits].concat())
}

const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

/// The SubjectPublicKeyInfo of an RSA key: a modulus of so many octets with its top bit set, and an exponent.
fn rsa(octets: usize, exponent: &[u8]) -> Vec<u8> {
    let modulus = [&[0, 0x80][..], &vec![1; octets - 1]].concat();
    spki(&[RSA, &[5, 0]], &tlv(0x30, &[tlv(2, &modulus), tlv(2, exponent)].concat()))
}

fn unusable_keys() -> Vec<(&'static str, Vec<u8>)> {
    let point = |coordinate: usize| [&[4][..], &vec![7; 2 * coordinate]].concat();
    vec![
        ("RSA-1024", rsa(128, &[1, 0, 1])),
        ("RSA-2040", rsa(255, &[1, 0, 1])),
        ("RSA-8200", rsa(1025, &[1, 0, 1])),
        ("RSA-16384", rsa(2048, &[1, 0, 1])),
        ("the exponent 1", rsa(256, &[1])),
        ("an even exponent", rsa(256, &[1, 0, 0])),
        ("an exponent of 40 bits", rsa(256, &[1, 0, 0, 0, 1])),
        ("RSA without NULL", spki(&[RSA], &[0; 300])),
        ("no RSA key", spki(&[RSA, &[5, 0]], &[1, 2, 3])),
        ("RSASSA-PSS", spki(&[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10]], &[0; 300])),
        ("P-521", spki(&[EC, &[6, 5, 0x2b, 0x81, 4, 0, 0x23]], &point(66))),
        ("P-224", spki(&[EC, &[6, 5, 0x2b, 0x81, 4, 0, 0x21]], &point(28))),
        ("secp256k1", spki(&[EC, &[6, 5, 0x2b, 0x81, 4, 0, 0x0a]], &point(32))),
        ("brainpoolP256r1", spki(&[EC, &[6, 9, 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7]], &point(32))),
        ("a compressed point", spki(&[EC, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]], &[2; 33])),
        ("Ed448", spki(&[&[6, 3, 0x2b, 0x65, 0x71]], &[7; 57])),
        ("X25519", spki(&[&[6, 3, 0x2b, 0x65, 0x6e]], &[7; 32])),
        ("DSA", spki(&[&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1]], &[0; 130])),
    ]
}
