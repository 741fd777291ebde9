//! The rule that no request byte leaves before the verdict, in TLS 1.2 and 1.3, on new and resumed connections, with
//! the stream cut at every byte.
mod peer;

use lasthop_tls::cipher::Cipher;
use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::error::Code;
use lasthop_tls::host::imports::TEST_HOST;
use peer::{identity, opened, parsed, server, shuttle, Peer, SNI};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, Error, SupportedProtocolVersion};

const VERSIONS: [(u8, &SupportedProtocolVersion); 2] = [(2, &TLS12), (3, &TLS13)];

#[test]
fn nothing_leaves_while_the_verdict_is_open() {
    for (number, version) in VERSIONS {
        let (config, server) = (parsed(number, number, &["http/1.1"]), server(&identity(), &[version], &["http/1.1"]));
        for resumed in [false, true] {
            let mut connection = Connection::tls(&config, SNI).unwrap();
            let mut peer = Peer::new(server.clone());
            shuttle(&mut connection, &mut peer, usize::MAX);
            assert_eq!(connection.phase(), Phase::AwaitingVerdict);
            assert_eq!(connection.presented().unwrap()[..2], [number, u8::from(resumed)]);

            let mut out = Vec::new();
            connection.turn();
            connection.drain(&mut out);
            assert!(!connection.has_output() && out.is_empty());
            assert_eq!(connection.open().err().unwrap().code, Code::WrongState);
            assert_eq!(connection.feed(b"more"), 0, "it takes no input either");
            assert!(peer.tls.is_handshaking(), "the client's Finished has not left");

            connection.approve().unwrap();
            shuttle(&mut connection, &mut peer, usize::MAX);
            assert_eq!(connection.phase(), Phase::Open, "{:?} {:?}", connection.failure(), peer.error);
            assert!(!peer.tls.is_handshaking());
            // The last call of shuttle has brought tickets, so the next round resumes.
        }
    }
}

#[test]
fn a_refusal_is_an_alert_and_nothing_else() {
    for (number, version) in VERSIONS {
        let (config, server) = (parsed(number, number, &[]), server(&identity(), &[version], &[]));
        for resumed in [false, true] {
            if resumed {
                opened(&config, &server, usize::MAX);
            }
            let mut connection = Connection::tls(&config, SNI).unwrap();
            let mut peer = Peer::new(server.clone());
            shuttle(&mut connection, &mut peer, usize::MAX);
            assert_eq!(connection.presented().unwrap()[1], u8::from(resumed));
            connection.refuse(u8::from(AlertDescription::UnknownCA)).unwrap();
            shuttle(&mut connection, &mut peer, usize::MAX);
            assert_eq!(
                peer.error,
                Some(Error::AlertReceived(AlertDescription::UnknownCA)),
                "TLS 1.{number} resumed={resumed}"
            );
            assert!(peer.received.is_empty() && peer.tls.is_handshaking());
            let failure = connection.failure().unwrap();
            assert_eq!(failure.code, Code::Refused);
            assert_eq!(connection.approve().unwrap_err().code, Code::WrongState);
        }
    }
}

#[test]
fn a_resumed_connection_can_be_refused() {
    for (number, version) in VERSIONS {
        let (config, server) = (parsed(number, number, &[]), server(&identity(), &[version], &[]));
        opened(&config, &server, usize::MAX);
        let mut connection = Connection::tls(&config, SNI).unwrap();
        let mut peer = Peer::new(server.clone());
        shuttle(&mut connection, &mut peer, usize::MAX);
        assert_eq!(connection.presented().unwrap()[1], 1);
        connection.refuse(u8::from(AlertDescription::CertificateExpired)).unwrap();
        shuttle(&mut connection, &mut peer, usize::MAX);
        assert_eq!(peer.error, Some(Error::AlertReceived(AlertDescription::CertificateExpired)));
        assert!(peer.received.is_empty());
    }
}

#[test]
fn handshakes_survive_single_bytes() {
    for (number, version) in VERSIONS {
        let (config, server) = (parsed(number, number, &["h2"]), server(&identity(), &[version], &["h2"]));
        opened(&config, &server, 1);
        opened(&config, &server, 1); // A resumed handshake.
    }
}

#[test]
fn a_cut_at_every_byte_of_the_handshake_fails_closed() {
    for (number, version) in VERSIONS {
        let (config, server) = (parsed(number, number, &[]), server(&identity(), &[version], &[]));
        for cut in 0.. {
            let mut connection = Connection::tls(&config, SNI).unwrap();
            let mut peer = Peer::new(server.clone());
            let mut out = Vec::new();
            connection.drain(&mut out);
            peer.take(&out);
            if cut >= peer.to_client.len() {
                break;
            }
            connection.feed(&peer.to_client[..cut]);
            let presented = connection.phase() == Phase::AwaitingVerdict;
            connection.end(false);
            let mut after = Vec::new();
            connection.drain(&mut after);
            assert_eq!(connection.phase(), Phase::Closed);
            assert_eq!(connection.failure().unwrap().code, Code::PeerTruncated);
            // TLS 1.3 answers a ServerHello with an empty ChangeCipherSpec (RFC 8446 §D.4).
            assert!(
                after.is_empty() || !presented && after == [20, 3, 3, 0, 1, 1],
                "cut {cut} (presented: {presented}) sent {after:?}"
            );
        }
    }
}

#[test]
fn a_flipped_byte_anywhere_in_the_flight_never_opens() {
    for (number, version) in VERSIONS {
        let (config, server) = (parsed(number, number, &[]), server(&identity(), &[version], &[]));
        let mut flipped = 0;
        loop {
            let mut connection = Connection::tls(&config, SNI).unwrap();
            let mut peer = Peer::new(server.clone());
            let mut out = Vec::new();
            connection.drain(&mut out);
            peer.take(&out);
            if flipped >= peer.to_client.len() {
                break;
            }
            // Nothing authenticates a record's version number before there are keys. RFC 8446 §5.1: it must be ignored.
            if record_versions(&peer.to_client).contains(&flipped) {
                flipped += 1;
                continue;
            }
            peer.to_client[flipped] ^= 0x40;
            shuttle(&mut connection, &mut peer, usize::MAX);
            if connection.phase() == Phase::AwaitingVerdict {
                // TLS 1.2 detects this flip only in Finished, because the signature of the key exchange does not cover
                // it.
                connection.approve().unwrap();
                shuttle(&mut connection, &mut peer, usize::MAX);
            }
            assert_ne!(connection.phase(), Phase::Open, "byte {flipped} of TLS 1.{number}");
            assert!(peer.received.is_empty());
            flipped += 1;
        }
    }
}

/// The offsets of the version numbers in the headers of records.
fn record_versions(records: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&[_, _, _, high, low]) = records.get(at..at + 5) {
        found.extend([at + 1, at + 2]);
        at += 5 + usize::from(u16::from_be_bytes([high, low]));
    }
    found
}

#[test]
fn garbage_is_an_error_not_a_panic() {
    for garbage in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[0; 300], &[22, 3, 3, 255, 255], &[21, 3, 3, 0, 2, 2, 40]]
    {
        let mut connection = Connection::tls(&parsed(2, 3, &[]), SNI).unwrap();
        connection.feed(garbage);
        connection.end(false);
        assert_eq!(connection.phase(), Phase::Closed);
        let code = connection.failure().unwrap().code;
        assert!(matches!(code, Code::TlsProtocol | Code::TlsAlert | Code::TooLarge | Code::PeerTruncated), "{code:?}");
    }
}

#[test]
fn bad_configurations_and_names_are_refused() {
    for (min, max) in [(3, 2), (0, 3), (2, 4)] {
        assert_eq!(
            lasthop_tls::config::Config::parse(&peer::config(min, max, &[], &Cipher::ALL)).err().unwrap().code,
            Code::BadArgument
        );
    }
    let good = peer::config(2, 3, &["h2"], &Cipher::ALL);
    for cut in 0..good.len() {
        assert!(lasthop_tls::config::Config::parse(&good[..cut]).is_err());
    }
    for name in [&b"10.0.0.1"[..], b"", b"\xff", b"a..b"] {
        assert_eq!(Connection::tls(&parsed(2, 3, &[]), name).err().unwrap().code, Code::BadArgument);
    }
}

#[test]
fn host_keys_are_given_back() {
    let live = || TEST_HOST.with_borrow(|host| host.live_keys());
    for (number, version) in VERSIONS {
        let (config, server) = (parsed(number, number, &[]), server(&identity(), &[version], &[]));
        let (mut connection, mut peer) = opened(&config, &server, usize::MAX);
        let request = connection.open().unwrap().request(&peer::head("GET", "/", &[]), false).unwrap();
        shuttle(&mut connection, &mut peer, usize::MAX);
        peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{}", "x".repeat(1000)).as_bytes());
        shuttle(&mut connection, &mut peer, usize::MAX);
        assert_eq!(peer::events(&mut connection, request).last().unwrap(), "end");
        assert!(live() > 0, "the host has a key after large records");
        drop(connection);
        assert_eq!(live(), 0);
    }
}
