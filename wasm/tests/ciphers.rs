//! The two ciphers: in which order a ClientHello offers their suites, and that records of every length pass in both
//! directions, whether ring or the host opens and seals them.
mod peer;

use lasthop_tls::cipher::Cipher;
use lasthop_tls::config::Config;
use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::error::Code;
use lasthop_tls::host::{self, imports::TEST_HOST};
use peer::{config, events, head, identity, opened, server, shuttle, Identity, Peer, BOTH};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ServerConfig, SupportedProtocolVersion};
use std::rc::Rc;
use std::sync::Arc;

const VERSIONS: [(u8, &SupportedProtocolVersion); 2] = [(2, &TLS12), (3, &TLS13)];
/// The lengths, in bytes, by which a TLS 1.3 and a TLS 1.2 record is longer than its plaintext at most.
const MAX_OVERHEAD: usize = 8 + 16;

/// A configuration of one TLS version. `host`: the host's ciphers, as the sum of their numbers.
fn configured(version: u8, ciphers: &[Cipher], host: u32) -> Rc<Config> {
    host::set_ciphers(host);
    Rc::new(Config::parse(&config(version, version, &["http/1.1"], ciphers)).unwrap())
}

/// A server with the suites of one cipher.
fn server_with(identity: &Identity, version: &'static SupportedProtocolVersion, cipher: Cipher) -> Arc<ServerConfig> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.retain(|suite| Cipher::of(suite.suite()) == cipher);
    peer::server_from(provider, identity, &[version], &["http/1.1"])
}

/// The ciphers of the suites that a ClientHello of one TLS version offers, each once, in order.
fn offered(config: &Config) -> Vec<Cipher> {
    let offers = config.offers();
    let number = |at: usize| u16::from_le_bytes([offers[at], offers[at + 1]]);
    let mut ciphers: Vec<Cipher> =
        (0..usize::from(number(0))).map(|at| Cipher::of(CipherSuite::from(number(2 + 2 * at)))).collect();
    ciphers.dedup();
    ciphers
}

fn host_calls() -> u32 {
    TEST_HOST.with_borrow(|host| host.calls)
}

#[test]
fn the_configured_order_is_offered_and_no_other_cipher() {
    let (aes, chacha) = (Cipher::AesGcm, Cipher::ChaCha20Poly1305);
    for host in 0..=BOTH {
        for order in [&[aes][..], &[chacha], &[aes, chacha], &[chacha, aes]] {
            for (number, _) in VERSIONS {
                assert_eq!(offered(&configured(number, order, host)), order);
            }
        }
    }
}

#[test]
fn a_server_that_follows_the_client_uses_the_first_cipher() {
    for (number, version) in VERSIONS {
        let mut follows = Arc::unwrap_or_clone(server(&identity(), &[version], &["http/1.1"]));
        follows.ignore_client_order = false;
        let follows = Arc::new(follows);
        for first in Cipher::ALL {
            let second = Cipher::ALL.into_iter().find(|cipher| *cipher != first).unwrap();
            let (_, peer) = opened(&configured(number, &[first, second], BOTH), &follows, usize::MAX);
            assert_eq!(Cipher::of(peer.tls.negotiated_cipher_suite().unwrap().suite()), first, "TLS 1.{number}");
        }
    }
}

#[test]
fn a_server_without_an_allowed_cipher_is_no_backend() {
    for (number, version) in VERSIONS {
        for (allowed, other) in [(Cipher::AesGcm, Cipher::ChaCha20Poly1305), (Cipher::ChaCha20Poly1305, Cipher::AesGcm)]
        {
            let mut connection = Connection::tls(&configured(number, &[allowed], BOTH), peer::SNI).unwrap();
            let mut peer = Peer::new(server_with(&identity(), version, other));
            shuttle(&mut connection, &mut peer, usize::MAX);
            assert_eq!(connection.phase(), Phase::Closed);
            assert_eq!(connection.failure().unwrap().code, Code::TlsAlert);
        }
    }
}

#[test]
fn ciphers_that_are_none_are_refused() {
    for ciphers in [&[][..], &[0], &[3], &[1, 1], &[1, 2, 1]] {
        let good = config(2, 3, &[], &[]);
        let bytes = [&good[..2], &[ciphers.len() as u8], ciphers, &good[3..]].concat();
        let code = Config::parse(&bytes).err().unwrap().code;
        assert!(matches!(code, Code::BadArgument | Code::TooLarge), "{ciphers:?}: {code:?}");
    }
}

/// Every length at which the host may begin, and those at the ends.
fn lengths(cipher: Cipher) -> impl Iterator<Item = usize> {
    let border = cipher.host_record_bytes();
    [1, border / 2].into_iter().chain(border - MAX_OVERHEAD - 1..=border + 1).chain([8_000, 16_384])
}

#[test]
fn records_of_every_length_pass_in_both_directions() {
    let identity = identity();
    for (number, version) in VERSIONS {
        for cipher in Cipher::ALL {
            for host in [0, BOTH] {
                let server = server_with(&identity, version, cipher);
                let (mut connection, mut peer) = opened(&configured(number, &[cipher], host), &server, usize::MAX);
                for length in lengths(cipher) {
                    exchange(&mut connection, &mut peer, length);
                }
            }
        }
    }
}

/// A request and a response with a body of this length, each body in a record of its own.
fn exchange(connection: &mut Connection, peer: &mut Peer, length: usize) {
    let body: Vec<u8> = (0..length).map(|at| b'a' + (at % 23) as u8).collect();
    peer.received.clear();
    let request = connection.open().unwrap().request(&head("POST", "/", &[]), true).unwrap();
    shuttle(connection, peer, usize::MAX);
    assert_eq!(connection.open().unwrap().write(request, &body).unwrap(), length);
    shuttle(connection, peer, usize::MAX);
    connection.finish(request, &[]).unwrap();
    shuttle(connection, peer, usize::MAX);
    assert!(peer.received.windows(length).any(|window| window == body), "a request of {length}: {:?}", peer.error);
    peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes());
    peer.say(&body);
    shuttle(connection, peer, usize::MAX);
    let answer = events(connection, request).concat();
    assert_eq!(answer.replace("data ", ""), format!("head 200{}end", String::from_utf8(body).unwrap()));
}

#[test]
fn the_host_has_large_records_of_its_ciphers_and_no_others() {
    let identity = identity();
    for (number, version) in VERSIONS {
        for cipher in Cipher::ALL {
            let border = cipher.host_record_bytes();
            for (host, length, calls) in [
                (BOTH, border - MAX_OVERHEAD - 1, 0),
                (BOTH, border, 1),
                (BOTH - cipher as u32, border, 0),
                (0, 16_384, 0),
            ] {
                let server = server_with(&identity, version, cipher);
                let (mut connection, mut peer) = opened(&configured(number, &[cipher], host), &server, usize::MAX);
                let before = host_calls();
                peer.say(&vec![b'x'; length]);
                shuttle(&mut connection, &mut peer, usize::MAX);
                assert_eq!(host_calls() - before, calls, "{cipher:?}, TLS 1.{number}, {length}");
            }
        }
    }
}

#[test]
fn a_flipped_byte_of_a_large_record_ends_the_connection() {
    let identity = identity();
    for (number, version) in VERSIONS {
        for cipher in Cipher::ALL {
            let server = server_with(&identity, version, cipher);
            for place in 0..40 {
                let (mut connection, mut peer) = opened(&configured(number, &[cipher], BOTH), &server, usize::MAX);
                let request = connection.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
                shuttle(&mut connection, &mut peer, usize::MAX);
                peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n{}", "x".repeat(3000)).as_bytes());
                // Places at the front, with an explicit nonce, and at the end, with the tag; the header has 5 bytes.
                let last = peer.to_client.len() - 1;
                let at = if place < 20 { 5 + place } else { last - (place - 20) };
                peer.to_client[at] ^= 1;
                shuttle(&mut connection, &mut peer, usize::MAX);
                assert_eq!(connection.phase(), Phase::Closed, "{cipher:?}, TLS 1.{number}, byte {at}");
                assert_eq!(connection.failure().unwrap().code, Code::TlsProtocol);
                assert!(events(&mut connection, request).iter().all(|event| event.starts_with("failed")));
            }
        }
    }
}

#[test]
fn a_large_record_passes_at_every_cut() {
    let identity = identity();
    for (number, version) in VERSIONS {
        for cipher in Cipher::ALL {
            let server = server_with(&identity, version, cipher);
            let (mut connection, mut peer) = opened(&configured(number, &[cipher], BOTH), &server, usize::MAX);
            let length = 2_100;
            let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length));
            for cut in 1..=length {
                let request = connection.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
                shuttle(&mut connection, &mut peer, usize::MAX);
                peer.say(response.as_bytes());
                assert_eq!(connection.feed(&peer.to_client[..cut]), cut);
                peer.to_client.drain(..cut);
                shuttle(&mut connection, &mut peer, usize::MAX);
                let shown = events(&mut connection, request);
                assert_eq!(shown.concat(), format!("head 200data {}end", "x".repeat(length)), "cut {cut}");
            }
        }
    }
}
