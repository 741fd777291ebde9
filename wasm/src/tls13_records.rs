//! TLS 1.3 records (RFC 8446 §5.2) with a [`RecordKey`], and the capture of the key for an alert (`refusal.rs`).

use crate::record_key::{copy, RecordKey, HOST_RECORD_BYTES, TAG_BYTES};
use crate::refusal;
use rustls::crypto::cipher::{
    make_tls13_aad, AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter, Nonce,
    OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion};

/// The AEAD of a TLS 1.3 suite.
pub struct Tls13Aead {
    /// ring's AEAD.
    pub inner: &'static dyn Tls13AeadAlgorithm,
    pub cipher: Option<refusal::Cipher>,
    /// Whether the host has large records.
    pub host: bool,
}

impl Tls13AeadAlgorithm for Tls13Aead {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        if let Some(cipher) = self.cipher {
            refusal::keep_first_write_key(cipher, &key, &iv);
        }
        if !self.host {
            return self.inner.encrypter(key, iv);
        }
        let raw = copy(&key);
        let own_iv = Iv::copy(iv.as_ref());
        Box::new(Tls13Record { key: RecordKey::new(raw, self.inner.encrypter(key, iv)), iv: own_iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        if !self.host {
            return self.inner.decrypter(key, iv);
        }
        let raw = copy(&key);
        let own_iv = Iv::copy(iv.as_ref());
        Box::new(Tls13Record { key: RecordKey::new(raw, self.inner.decrypter(key, iv)), iv: own_iv })
    }

    fn key_len(&self) -> usize {
        self.inner.key_len()
    }

    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// One direction of a connection whose large records are the host's.
struct Tls13Record<Cipher: ?Sized> {
    key: RecordKey<Cipher>,
    iv: Iv,
}

impl MessageEncrypter for Tls13Record<dyn MessageEncrypter> {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, sequence: u64) -> Result<OutboundOpaqueMessage, Error> {
        if message.payload.len() < HOST_RECORD_BYTES {
            return self.key.ring.encrypt(message, sequence);
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
            return self.key.ring.decrypt(message, sequence);
        }
        let nonce = Nonce::new(&self.iv, sequence).0;
        self.key.host().open(&nonce, &make_tls13_aad(total), &mut message.payload).map_err(|_| Error::DecryptError)?;
        message.payload.truncate(total - TAG_BYTES);
        message.into_tls13_unpadded_message()
    }
}
