//! TLS 1.2 records of AES-GCM (RFC 5288) with a [`RecordKey`].

use crate::record_key::{copy, RecordKey, HOST_RECORD_BYTES, TAG_BYTES};
use rustls::crypto::cipher::{
    make_tls12_aad, AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
    MessageEncrypter, Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls12AeadAlgorithm,
    UnsupportedOperationError,
};
use rustls::{ConnectionTrafficSecrets, Error};

/// The explicit part of the nonce (RFC 5288 §3), at the front of a record's payload.
const EXPLICIT_NONCE_BYTES: usize = 8;
/// The longest plaintext of a record (RFC 5246 §6.2.1).
const MAX_FRAGMENT_BYTES: usize = 1 << 14;

/// The AEAD of a TLS 1.2 suite with AES-GCM, over ring's.
pub struct Tls12Gcm(pub &'static dyn Tls12AeadAlgorithm);

impl Tls12AeadAlgorithm for Tls12Gcm {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        let raw = copy(&key);
        let mut full = [0; 12];
        full[..iv.len()].copy_from_slice(iv);
        full[iv.len()..].copy_from_slice(extra);
        Box::new(Tls12Seal { key: RecordKey::new(raw, self.0.encrypter(key, iv, extra)), iv: Iv::new(full) })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        let raw = copy(&key);
        let mut salt = [0; 4];
        salt.copy_from_slice(iv);
        Box::new(Tls12Open { key: RecordKey::new(raw, self.0.decrypter(key, iv)), salt })
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
    key: RecordKey<dyn MessageEncrypter>,
    iv: Iv,
}

impl MessageEncrypter for Tls12Seal {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, sequence: u64) -> Result<OutboundOpaqueMessage, Error> {
        let plain = message.payload.len();
        if plain < HOST_RECORD_BYTES {
            return self.key.ring.encrypt(message, sequence);
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
    key: RecordKey<dyn MessageDecrypter>,
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
            return self.key.ring.decrypt(message, sequence);
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
