//! The witness: rustls-webpki as a second validator of one path, which trust/ has accepted before.
//!
//! trust/ asks one of two questions: to judge the path, or, when webpki lacks a feature that the path needs
//! (`src/trust/witness.ts` has the list), to verify its signatures alone. webpki gets the anchor and the intermediates
//! of that path and no others, and the path that webpki verifies must be that path, certificate by certificate.

use crate::algorithms::ALGORITHMS;
use crate::codec::Reader;
use crate::der::Parts;
use crate::error::{Code, Failure};
use rustls::pki_types::{CertificateDer, DnsName, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use std::net::IpAddr;
use std::time::Duration;
use webpki::{anchor_from_trusted_cert, EndEntityCert, Error, KeyUsage, RawPublicKeyEntity, VerifiedPath};

const JUDGE: usize = 1;
const VERIFY_SIGNATURES: usize = 2;

/// Answers one question, which begins with `kind:u8`. Ok means that webpki accepts.
///
/// - [`JUDGE`]: `seconds:u32 seconds-high:u32 name`, then `count:u8 (certificate:long)*`, with the end-entity
///   certificate first and the anchor last. `name` is `0`, `1 dns:short` or `2 octets:short`.
/// - [`VERIFY_SIGNATURES`]: `count:u8 (ask:u8 certificate:long)*`. `ask` is 1 where the next certificate's key must
///   have signed this certificate.
pub fn answer(question: &[u8]) -> Result<(), Failure> {
    let mut reader = Reader::new(question);
    match usize::from(reader.u8()?) {
        JUDGE => {
            let (low, high) = (reader.u32()? as u64, reader.u32()? as u64);
            let time = UnixTime::since_unix_epoch(Duration::from_secs(high << 32 | low));
            let name = read_name(&mut reader)?;
            let count = reader.u8()?;
            let path = (0..count).map(|_| reader.long().map(CertificateDer::from)).collect::<Result<Vec<_>, _>>()?;
            reader.end()?;
            judge(&path, time, name.as_ref()).map_err(|error| refused(&error.to_string()))
        }
        VERIFY_SIGNATURES => {
            let count = reader.u8()?;
            let path =
                (0..count).map(|_| Ok((reader.u8()? == 1, reader.long()?))).collect::<Result<Vec<_>, Failure>>()?;
            reader.end()?;
            path.windows(2).try_for_each(|pair| match *pair {
                [(true, child), (_, issuer)] => verify_link(child, issuer),
                _ => Ok(()),
            })
        }
        _ => Err(Failure::new(Code::BadArgument, "no question of this kind")),
    }
}

fn read_name<'a>(reader: &mut Reader<'a>) -> Result<Option<ServerName<'a>>, Failure> {
    let unusable = || Failure::new(Code::BadArgument, "not a name to judge");
    match reader.u8()? {
        0 => Ok(None),
        1 => {
            let name = std::str::from_utf8(reader.short()?).ok().and_then(|name| DnsName::try_from(name).ok());
            name.map(|name| Some(ServerName::DnsName(name))).ok_or_else(unusable)
        }
        2 => {
            let octets = reader.short()?;
            let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).map_err(|_| unusable())?;
            Ok(Some(ServerName::IpAddress(address.into())))
        }
        _ => Err(unusable()),
    }
}

/// Path validation as webpki implements it (RFC 5280 §6), and the name's check (RFC 9525).
fn judge(path: &[CertificateDer<'_>], time: UnixTime, name: Option<&ServerName<'_>>) -> Result<(), Error> {
    let [end_entity, intermediates @ .., anchor] = path else { return Err(Error::UnknownIssuer) };
    let anchors = [anchor_from_trusted_cert(anchor)?];
    let certificate = EndEntityCert::try_from(end_entity)?;
    let is_this_path = |verified: &VerifiedPath<'_>| {
        let above = verified.intermediate_certificates().map(|between| between.der());
        let same = verified.end_entity().der() == *end_entity
            && above.eq(intermediates.iter().cloned())
            && verified.anchor() == &anchors[0];
        same.then_some(()).ok_or(Error::UnknownIssuer)
    };
    certificate.verify_for_usage(
        ALGORITHMS,
        &anchors,
        intermediates,
        time,
        KeyUsage::server_auth(),
        None, // trust/ checks revocation.
        Some(&is_this_path),
    )?;
    name.map_or(Ok(()), |name| certificate.verify_is_valid_for_subject_name(name))
}

/// Verifies that `issuer`'s key signed `child`. No other field of the two is read.
fn verify_link(child: &[u8], issuer: &[u8]) -> Result<(), Failure> {
    let (Some(child), Some(issuer)) = (Parts::of(child), Parts::of(issuer)) else {
        return Err(refused("a certificate that cannot be taken apart"));
    };
    let spki = SubjectPublicKeyInfoDer::from(issuer.spki);
    let key = RawPublicKeyEntity::try_from(&spki).map_err(|error| refused(&error.to_string()))?;
    let named = ALGORITHMS.iter().filter(|algorithm| algorithm.signature_alg_id().as_ref() == child.algorithm);
    let mut last = refused("no algorithm for the signature");
    for algorithm in named {
        match key.verify_signature(*algorithm, child.tbs, child.signature) {
            Ok(()) => return Ok(()),
            Err(error) => last = refused(&error.to_string()),
        }
    }
    Err(last)
}

fn refused(why: &str) -> Failure {
    Failure::new(Code::CertificateRejected, why)
}
