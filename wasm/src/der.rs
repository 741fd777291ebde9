//! DER elements (X.690 §8.1, §10.1), as far as this crate reads certificates itself: to find the signed part, the
//! signature and the key. trust/ reads all other fields.

/// One element: its tag, its contents, and its whole encoding.
pub struct Element<'a> {
    pub tag: u8,
    pub contents: &'a [u8],
    pub whole: &'a [u8],
}

pub const BIT_STRING: u8 = 0x03;
pub const INTEGER: u8 = 0x02;
pub const SEQUENCE: u8 = 0x30;

/// Takes the next element from the front of `bytes`. None at the end, for a length that is not the shortest definite
/// form, and for a tag of more than one octet.
pub fn next<'a>(bytes: &mut &'a [u8]) -> Option<Element<'a>> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = octets.iter().fold(0, |sum, &octet| sum << 8 | usize::from(octet));
            let shortest = if octets.len() == 1 { 0x80 } else { 1 << (8 * (octets.len() - 1)) };
            (length >= shortest).then_some((length, rest))?
        }
        _ => return None,
    };
    let (contents, after) = rest.split_at_checked(length)?;
    let whole = &bytes[..bytes.len() - after.len()];
    *bytes = after;
    (tag & 0x1f != 0x1f).then_some(Element { tag, contents, whole })
}

/// Takes the next element as [`next`] does; None when its tag is another.
pub fn expect<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<Element<'a>> {
    next(bytes).filter(|element| element.tag == tag)
}

/// The parts of a certificate (RFC 5280 §4.1) that signatures need.
pub struct Parts<'a> {
    /// The encoding of tbsCertificate, which the issuer signed.
    pub tbs: &'a [u8],
    /// The contents of signatureAlgorithm.
    pub algorithm: &'a [u8],
    pub signature: &'a [u8],
    /// The encoding of subjectPublicKeyInfo.
    pub spki: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The parts of a certificate; None when its outer structure is not that of RFC 5280 §4.1.
    pub fn of(certificate: &'a [u8]) -> Option<Self> {
        let mut file = certificate;
        let mut outer = expect(&mut file, SEQUENCE)?.contents;
        let tbs = expect(&mut outer, SEQUENCE)?;
        let algorithm = expect(&mut outer, SEQUENCE)?.contents;
        // No signature algorithm that ring has leaves unused bits in the BIT STRING.
        let (&0, signature) = expect(&mut outer, BIT_STRING)?.contents.split_first()? else { return None };
        if !file.is_empty() || !outer.is_empty() {
            return None;
        }
        let mut fields = tbs.contents;
        if fields.first() == Some(&VERSION) {
            next(&mut fields)?;
        }
        expect(&mut fields, INTEGER)?; // serialNumber
        for _ in ["signature", "issuer", "validity", "subject"] {
            expect(&mut fields, SEQUENCE)?;
        }
        let spki = expect(&mut fields, SEQUENCE)?.whole;
        Some(Self { tbs: tbs.whole, algorithm, signature, spki })
    }
}

/// `[0] EXPLICIT Version`.
const VERSION: u8 = 0xa0;
