//! The few DER elements (X.690 §8.1, §10.1) that this crate reads itself: an outer frame, never a field's meaning.

/// One element: its tag, its contents, and all of it.
pub struct Element<'a> {
    pub tag: u8,
    pub contents: &'a [u8],
    pub whole: &'a [u8],
}

pub const BIT_STRING: u8 = 0x03;
pub const INTEGER: u8 = 0x02;
pub const SEQUENCE: u8 = 0x30;

/// Takes the next element from the front of `bytes`. None when there is none, when its length is not the shortest
/// definite form, or when its tag takes more than one octet.
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

/// As [`next`], for one tag.
pub fn expect<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<Element<'a>> {
    next(bytes).filter(|element| element.tag == tag)
}

/// A certificate taken apart where RFC 5280 §4.1 says what is signed, how, and with what key it signs itself.
pub struct Parts<'a> {
    /// tbsCertificate, all of it: what the issuer signed.
    pub tbs: &'a [u8],
    /// The contents of signatureAlgorithm.
    pub algorithm: &'a [u8],
    pub signature: &'a [u8],
    /// subjectPublicKeyInfo, all of it.
    pub spki: &'a [u8],
}

impl<'a> Parts<'a> {
    pub fn of(certificate: &'a [u8]) -> Option<Self> {
        let mut file = certificate;
        let mut outer = expect(&mut file, SEQUENCE)?.contents;
        let tbs = expect(&mut outer, SEQUENCE)?;
        let algorithm = expect(&mut outer, SEQUENCE)?.contents;
        // Every signature here is whole octets: no unused bits.
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
