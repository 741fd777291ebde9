//! The signature algorithms of certificates, for the witness: ring's, with a memory of verified signatures.
//!
//! ring in WebAssembly takes half a millisecond for a P-256 or RSA-2048 signature, and six for P-384. Verdicts on one
//! backend see the same CA certificates again, so a signature that was verified once with the same key and message is
//! not verified again. A refusal is never remembered.

use ring::digest::{Context, SHA256};
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use std::cell::RefCell;
use std::collections::VecDeque;

/// The algorithms of `src/trust/x509/signature-algorithms.ts` that ring has.
pub static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    &Remembering(webpki::ring::ECDSA_P256_SHA256),
    &Remembering(webpki::ring::ECDSA_P256_SHA384),
    &Remembering(webpki::ring::ECDSA_P384_SHA256),
    &Remembering(webpki::ring::ECDSA_P384_SHA384),
    &Remembering(webpki::ring::ED25519),
    &Remembering(webpki::ring::RSA_PKCS1_2048_8192_SHA256),
    &Remembering(webpki::ring::RSA_PKCS1_2048_8192_SHA384),
    &Remembering(webpki::ring::RSA_PKCS1_2048_8192_SHA512),
    &Remembering(webpki::ring::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS),
    &Remembering(webpki::ring::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS),
    &Remembering(webpki::ring::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS),
    &Remembering(webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
    &Remembering(webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
    &Remembering(webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
];

/// The number of remembered signatures. The one that was used longest ago is forgotten first.
const MAX_VERIFIED: usize = 256;

type Digest = [u8; 32];

thread_local! {
    static VERIFIED: RefCell<VecDeque<Digest>> = const { RefCell::new(VecDeque::new()) };
}

#[derive(Debug)]
struct Remembering(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for Remembering {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }

    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let id = digest(&[&self.public_key_alg_id(), &self.signature_alg_id(), key, message, signature]);
        VERIFIED.with_borrow_mut(|verified| {
            if let Some(at) = verified.iter().position(|known| *known == id) {
                verified.remove(at);
            } else {
                self.0.verify_signature(key, message, signature)?;
            }
            verified.push_back(id);
            if verified.len() > MAX_VERIFIED {
                verified.pop_front();
            }
            Ok(())
        })
    }
}

/// The digest of a list. Each part follows its length, so that different lists have different digests.
fn digest(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
