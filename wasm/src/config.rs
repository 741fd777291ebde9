//! A TLS configuration: the TLS versions and protocols of one policy, a client identity, and the session tickets that
//! connections of this configuration got.

use crate::cipher::Cipher;
use crate::codec::{push_u16, Reader};
use crate::error::{Code, Failure};
use crate::limits;
use crate::sessions::Sessions;
use crate::suites;
use crate::verifier::HostVerifier;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, SupportedCipherSuite, SupportedProtocolVersion};
use std::sync::Arc;

/// A configuration, shared by its connections.
pub struct Config {
    pub tls: Arc<ClientConfig>,
    /// The minimum and the maximum: 2 for TLS 1.2, 3 for TLS 1.3.
    versions: (u8, u8),
}

impl Config {
    /// Reads `min:u8 max:u8` (2 for TLS 1.2, 3 for TLS 1.3), `ciphers:u8 (number:u8)*` in order of preference, `alpn:u8
    /// (short)*`, `chain:u8 (long)*`, `pkcs8:long`. Without a client identity the chain and the key are empty.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let mut reader = Reader::new(bytes);
        let (min, max) = (reader.u8()?, reader.u8()?);
        let ciphers = list(&mut reader, Cipher::ALL.len(), |reader| {
            Cipher::numbered(reader.u8()?).ok_or_else(|| bad("no cipher of this number"))
        })?;
        if ciphers.is_empty() || ciphers.len() == 2 && ciphers[0] == ciphers[1] {
            return Err(bad("no cipher, or one twice"));
        }
        let alpn = list(&mut reader, limits::MAX_ALPN, Reader::short)?;
        let chain = list(&mut reader, limits::MAX_CLIENT_CHAIN, Reader::long)?;
        let key = reader.long()?;
        reader.end()?;

        let provider = Arc::new(suites::provider(&ciphers));
        let verifier = HostVerifier::new(provider.signature_verification_algorithms);
        let builder = ClientConfig::builder_with_details(provider, Arc::new(WasiClock))
            .with_protocol_versions(versions(min, max)?)
            .map_err(|error| bad(&error.to_string()))?
            .dangerous() // rustls' name for setting a verifier that is not its own; see verifier.rs.
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut tls = match (chain.is_empty(), key.is_empty()) {
            (true, true) => builder.with_no_client_auth(),
            (false, false) => {
                let chain = chain.into_iter().map(|der| CertificateDer::from(der.to_vec())).collect();
                // pki_types zeroes this copy when it is dropped, and engine.rs the input buffer.
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
                builder.with_client_auth_cert(chain, key).map_err(|_| bad("client key or chain is unusable"))?
            }
            _ => return Err(bad("client chain and key come together")),
        };
        tls.alpn_protocols = alpn.into_iter().map(<[u8]>::to_vec).collect();
        tls.resumption = Resumption::store(Arc::new(Sessions::default()));
        tls.enable_early_data = false; // Early data would be request bytes before a verdict. Also rustls' default.
        Ok(Self { tls: Arc::new(tls), versions: (min, max) })
    }

    /// The lists of a ClientHello from which a server must support one entry each: the cipher suites of the configured
    /// versions, the groups, and the signature schemes, each as `count:u16 (number:u16)*` in order of preference.
    pub fn offers(&self) -> Vec<u8> {
        let provider = self.tls.crypto_provider();
        let (min, max) = self.versions;
        let offered = |suite: &&SupportedCipherSuite| {
            let version = if suite.tls13().is_some() { 3 } else { 2 };
            (min..=max).contains(&version)
        };
        let suites = provider.cipher_suites.iter().filter(offered).map(|suite| u16::from(suite.suite())).collect();
        let groups = provider.kx_groups.iter().map(|group| u16::from(group.name())).collect();
        let schemes =
            provider.signature_verification_algorithms.supported_schemes().into_iter().map(u16::from).collect();
        let lists: [Vec<u16>; 3] = [suites, groups, schemes];
        let mut out = Vec::new();
        for list in lists {
            push_u16(&mut out, list.len());
            list.into_iter().for_each(|number| push_u16(&mut out, number.into()));
        }
        out
    }
}

fn list<'a, T>(
    reader: &mut Reader<'a>,
    max: usize,
    item: fn(&mut Reader<'a>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let count = usize::from(reader.u8()?);
    if count > max {
        return Err(Failure::new(Code::TooLarge, "list is too long"));
    }
    (0..count).map(|_| item(reader)).collect()
}

fn versions(min: u8, max: u8) -> Result<&'static [&'static SupportedProtocolVersion], Failure> {
    static BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
    match (min, max) {
        (2, 2) => Ok(&BOTH[1..]),
        (2, 3) => Ok(&BOTH),
        (3, 3) => Ok(&BOTH[..1]),
        _ => Err(bad("no TLS version between the minimum and the maximum")),
    }
}

fn bad(detail: &str) -> Failure {
    Failure::new(Code::BadArgument, detail)
}

/// The clock that WASI reads from the host. rustls uses it for the age of tickets.
#[derive(Debug)]
struct WasiClock;

impl TimeProvider for WasiClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::now())
    }
}
