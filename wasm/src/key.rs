//! The keys of which ring can verify handshake signatures. `src/trust/x509/signature-algorithms.ts` has the names of
//! others.

use crate::der::{expect, BIT_STRING, INTEGER, SEQUENCE};
use rustls::pki_types::alg_id;

/// Whether ring can verify a handshake signature of the key in this SubjectPublicKeyInfo. ring cannot for RSA below 2048
/// or above 8192 bits, RSA exponents that trust/ refuses, curves other than P-256 and P-384, and any other algorithm
/// but Ed25519.
pub fn is_usable(spki: &[u8]) -> bool {
    read(spki).is_some_and(|(algorithm, key)| match algorithm {
        _ if algorithm == &*alg_id::RSA_ENCRYPTION => is_usable_rsa(key).unwrap_or(false),
        _ if algorithm == &*alg_id::ECDSA_P256 => is_uncompressed(key, 32),
        _ if algorithm == &*alg_id::ECDSA_P384 => is_uncompressed(key, 48),
        _ if algorithm == &*alg_id::ED25519 => key.len() == 32,
        _ => false,
    })
}

/// The contents of the AlgorithmIdentifier, and the key's octets.
fn read(mut spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = expect(&mut spki, SEQUENCE)?.contents;
    let algorithm = expect(&mut fields, SEQUENCE)?.contents;
    let (&0, key) = expect(&mut fields, BIT_STRING)?.contents.split_first()? else { return None };
    (spki.is_empty() && fields.is_empty()).then_some((algorithm, key))
}

/// Whether the point is in the uncompressed form (SEC 1 §2.3.3).
fn is_uncompressed(point: &[u8], coordinate: usize) -> bool {
    point.len() == 1 + 2 * coordinate && point[0] == 0x04
}

/// Whether ring accepts the RSAPublicKey (RFC 8017 §A.1.1); None when it cannot be read.
fn is_usable_rsa(mut key: &[u8]) -> Option<bool> {
    let mut numbers = expect(&mut key, SEQUENCE)?.contents;
    let modulus = magnitude(expect(&mut numbers, INTEGER)?.contents);
    let exponent = magnitude(expect(&mut numbers, INTEGER)?.contents);
    let bits = 8 * modulus.len() - modulus.first()?.leading_zeros() as usize;
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let is_good_exponent = is_odd(exponent) && exponent != [1] && exponent.len() <= 4;
    Some((2048..=8192).contains(&bits) && is_odd(modulus) && is_good_exponent)
}

/// The octets of a positive integer without the sign octet.
fn magnitude(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}
