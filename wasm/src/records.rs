//! Records of which the host opens and seals the large ones, and ring the others: those of TLS 1.3 (RFC 8446 §5.2), and
//! those of TLS 1.2 with AES-GCM (RFC 5288) and with ChaCha20-Poly1305 (RFC 7905).
//!
//! A nonce has 12 bytes. AES-GCM in TLS 1.2 takes the first 4 from the handshake and writes the other 8 at the front of
//! each record. The other nonces come from the handshake and the sequence number, and no part of them is in the record.

use crate::cipher::Cipher;
use crate::host::{self, HostKey};
use rustls::crypto::cipher::{
    make_tls12_aad, make_tls13_aad, AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter,
    MessageEncrypter, Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, NONCE_LEN as NONCE_BYTES,
};
use rustls::{ContentType, Error, ProtocolVersion};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The length of the tag of every AEAD of TLS.
const TAG_BYTES: usize = 16;

/// The longest plaintext of a record (RFC 5246 §6.2.1).
const MAX_FRAGMENT_BYTES: usize = 1 << 14;

/// The format of records. The bytes are those of the nonce that stand at the front of a record: 8 or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Tls12 { explicit_bytes: usize },
    Tls13,
}

impl Format {
    fn explicit_bytes(self) -> usize {
        match self {
            Self::Tls12 { explicit_bytes } => explicit_bytes,
            Self::Tls13 => 0,
        }
    }
}

/// The key of one direction of a connection.
pub struct TrafficKey {
    cipher: Cipher,
    bytes: Zeroizing<Vec<u8>>,
    /// The host's copy, made for the first large record.
    host: OnceLock<HostKey>,
    iv: Iv,
    format: Format,
}

impl TrafficKey {
    /// A copy of `key`. `iv`: the parts of the IV. Zeros stand for a part that the records of the peer have.
    pub fn new(cipher: Cipher, key: &AeadKey, iv: &[&[u8]], format: Format) -> Self {
        let bytes = Zeroizing::new(key.as_ref().to_vec());
        let mut whole_iv = [0; NONCE_BYTES];
        for (place, byte) in whole_iv.iter_mut().zip(iv.iter().copied().flatten()) {
            *place = *byte;
        }
        Self { cipher, bytes, host: OnceLock::new(), iv: Iv::new(whole_iv), format }
    }

    /// The host's key for a record of this length; None for a record that ring opens or seals.
    fn host(&self, record_bytes: usize) -> Option<&HostKey> {
        let is_large = record_bytes >= self.cipher.host_record_bytes();
        (is_large && host::has(self.cipher)).then(|| self.host.get_or_init(|| HostKey::new(self.cipher, &self.bytes)))
    }
}

/// One direction of a connection. `Ring` is rustls' encrypter or decrypter with ring.
pub struct Records<Ring: ?Sized> {
    pub key: TrafficKey,
    pub ring: Box<Ring>,
}

impl MessageEncrypter for Records<dyn MessageEncrypter> {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, sequence: u64) -> Result<OutboundOpaqueMessage, Error> {
        let plain = message.payload.len();
        let Some(host) = self.key.host(plain) else {
            return self.ring.encrypt(message, sequence);
        };
        let total = self.encrypted_payload_len(plain);
        let explicit = self.key.format.explicit_bytes();
        let nonce = Nonce::new(&self.key.iv, sequence).0;
        let mut payload = PrefixedPayload::with_capacity(total);
        payload.extend_from_slice(&nonce[NONCE_BYTES - explicit..]);
        payload.extend_from_chunks(&message.payload);
        let (content_type, version) = match self.key.format {
            Format::Tls12 { .. } => (message.typ, message.version),
            Format::Tls13 => {
                payload.extend_from_slice(&[u8::from(message.typ)]);
                (ContentType::ApplicationData, ProtocolVersion::TLSv1_2)
            }
        };
        payload.extend_from_slice(&[0; TAG_BYTES]);
        let sealed = &mut payload.as_mut()[explicit..];
        match self.key.format {
            Format::Tls12 { .. } => host.seal(&nonce, &make_tls12_aad(sequence, content_type, version, plain), sealed),
            Format::Tls13 => host.seal(&nonce, &make_tls13_aad(total), sealed),
        }
        .map_err(|_| Error::EncryptError)?;
        Ok(OutboundOpaqueMessage::new(content_type, version, payload))
    }

    fn encrypted_payload_len(&self, plain: usize) -> usize {
        let content_type = usize::from(self.key.format == Format::Tls13);
        self.key.format.explicit_bytes() + plain + content_type + TAG_BYTES
    }
}

impl MessageDecrypter for Records<dyn MessageDecrypter> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let total = message.payload.len();
        let Some(host) = self.key.host(total) else {
            return self.ring.decrypt(message, sequence);
        };
        let explicit = self.key.format.explicit_bytes();
        let mut nonce = Nonce::new(&self.key.iv, sequence).0;
        nonce[NONCE_BYTES - explicit..].copy_from_slice(&message.payload[..explicit]);
        let plain = total - explicit - TAG_BYTES;
        let sealed = &mut message.payload[explicit..];
        match self.key.format {
            Format::Tls12 { .. } if plain > MAX_FRAGMENT_BYTES => return Err(Error::PeerSentOversizedRecord),
            Format::Tls12 { .. } => {
                host.open(&nonce, &make_tls12_aad(sequence, message.typ, message.version, plain), sealed)
            }
            Format::Tls13 => host.open(&nonce, &make_tls13_aad(total), sealed),
        }
        .map_err(|_| Error::DecryptError)?;
        match self.key.format {
            Format::Tls12 { .. } => Ok(message.into_plain_message_range(explicit..explicit + plain)),
            Format::Tls13 => {
                message.payload.truncate(plain);
                message.into_tls13_unpadded_message()
            }
        }
    }
}
