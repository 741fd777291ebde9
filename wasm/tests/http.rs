//! HTTP/1.1 over a connection with a verified peer: what a response may be, what is refused, and the limits.
mod peer;

use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::error::Code;
use lasthop_tls::http_client::Protocol;
use lasthop_tls::limits;
use peer::{events, head, identity, opened, parsed, server, shuttle, Peer};
use rustls::version::TLS13;

fn http1() -> (Connection, Peer) {
    opened(&parsed(3, 3, &["http/1.1"]), &server(&identity(), &[&TLS13], &["http/1.1"]), usize::MAX)
}

fn ask(connection: &mut Connection, head: &[u8], has_body: bool) -> u32 {
    connection.open().unwrap().request(head, has_body).unwrap()
}

/// A connection, its peer, and the events of one GET that the peer answers with `response`, `piece` bytes at a time.
fn answered(response: &[u8], piece: usize) -> (Connection, Peer, Vec<String>) {
    let (mut connection, mut peer) = http1();
    let request = ask(&mut connection, &head("GET", "/", &[]), false);
    shuttle(&mut connection, &mut peer, usize::MAX);
    peer.say(response);
    shuttle(&mut connection, &mut peer, piece);
    let shown = events(&mut connection, request);
    (connection, peer, shown)
}

#[test]
fn a_request_and_its_small_body_are_one_record() {
    let (mut connection, mut peer) = http1();
    let request = ask(&mut connection, &head("POST", "/p", &[("x-y", b"\xff")]), true);
    let open = connection.open().unwrap();
    assert_eq!(open.write(request, b"hello").unwrap(), 5);
    connection.finish(request, &[]).unwrap();
    let mut out = Vec::new();
    connection.turn();
    connection.drain(&mut out);
    assert_eq!(usize::from(u16::from_be_bytes([out[3], out[4]])) + 5, out.len(), "one record");
    peer.take(&out);
    assert_eq!(
        peer.received,
        b"POST /p HTTP/1.1\r\nhost: backend.internal\r\nx-y: \xff\r\ncontent-length: 5\r\n\r\nhello"
    );
}

#[test]
fn bodies_trailers_and_reuse() {
    let chunked =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n";
    for piece in [usize::MAX, 1] {
        let (mut connection, mut peer, shown) = answered(chunked, piece);
        assert_eq!(shown.first().unwrap(), "head 200");
        assert_eq!(shown[1..shown.len() - 2].concat().replace("data ", ""), "hello");
        assert_eq!(shown[shown.len() - 2..], ["trailers 1", "end"]);
        // The connection accepts the next request.
        let request = ask(&mut connection, &head("GET", "/2", &[]), false);
        shuttle(&mut connection, &mut peer, usize::MAX);
        peer.say(b"HTTP/1.1 204 No Content\r\n\r\n");
        shuttle(&mut connection, &mut peer, usize::MAX);
        assert_eq!(events(&mut connection, request), ["head 204", "end"]);
    }
}

#[test]
fn informational_responses_are_bounded_events() {
    for (count, last) in [
        (limits::MAX_INFORMATIONAL, &["head 200", "end"][..]),
        (limits::MAX_INFORMATIONAL + 1, &["failed Http1Protocol Maybe"]),
        (10_000, &["failed Http1Protocol Maybe"]),
    ] {
        let mut response = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(count);
        response.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let (_, _, shown) = answered(&response, usize::MAX);
        assert_eq!(
            shown.iter().filter(|event| *event == "informational 103").count(),
            count.min(limits::MAX_INFORMATIONAL)
        );
        assert_eq!(shown[limits::MAX_INFORMATIONAL..], *last, "{count}");
    }
}

#[test]
fn broken_responses_are_refused() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(limits::MAX_HEADERS + 1));
    let long = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(limits::HEAD_BYTES + 1));
    let cases: &[(&str, &[u8], Code)] = &[
        (
            "both framings",
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            Code::Http1Protocol,
        ),
        ("two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", Code::Http1Protocol),
        ("length list", b"HTTP/1.1 200 OK\r\ncontent-length: 3, 4\r\n\r\nabcd", Code::Http1Protocol),
        ("signed length", b"HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc", Code::Http1Protocol),
        ("chunked in 1.0", b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Code::Http1Protocol),
        ("space before colon", b"HTTP/1.1 200 OK\r\na : b\r\ncontent-length: 0\r\n\r\n", Code::Http1Protocol),
        ("folded header", b"HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 0\r\n\r\n", Code::Http1Protocol),
        ("NUL in a value", b"HTTP/1.1 200 OK\r\na: b\0c\r\ncontent-length: 0\r\n\r\n", Code::Http1Protocol),
        ("bare CR in a value", b"HTTP/1.1 200 OK\r\na: b\rc: d\r\ncontent-length: 0\r\n\r\n", Code::Http1Protocol),
        (
            "101 unasked",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            Code::Http1Protocol,
        ),
        ("HTTP/0.9", b"hello there, this is no response\r\n\r\n", Code::Http1Protocol),
        ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Code::Http1Protocol),
        ("too many headers", many.as_bytes(), Code::TooLarge),
        ("a long header", long.as_bytes(), Code::TooLarge),
    ];
    for (name, response, code) in cases {
        let (mut connection, _, shown) = answered(response, usize::MAX);
        assert_eq!(shown, [format!("failed {code:?} Maybe")], "{name}");
        assert_eq!(connection.phase(), Phase::Closed, "{name}: the connection is not used again");
        assert!(connection.open().unwrap().request(&head("GET", "/", &[]), false).is_err());
    }
}

#[test]
fn a_response_cut_at_every_byte_is_never_complete() {
    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    for cut in 0..response.len() {
        let (mut connection, mut peer) = http1();
        let request = ask(&mut connection, &head("GET", "/", &[]), false);
        shuttle(&mut connection, &mut peer, usize::MAX);
        peer.say(&response[..cut]);
        shuttle(&mut connection, &mut peer, usize::MAX);
        connection.end(false);
        let shown = events(&mut connection, request);
        assert!(shown.last().unwrap().starts_with("failed"), "cut {cut}: {shown:?}");
        assert_eq!(connection.phase(), Phase::Closed);
    }
}

#[test]
fn a_body_until_close_needs_close_notify() {
    for notify in [true, false] {
        let (mut connection, mut peer) = http1();
        let request = ask(&mut connection, &head("GET", "/", &[]), false);
        shuttle(&mut connection, &mut peer, usize::MAX);
        peer.say(b"HTTP/1.1 200 OK\r\n\r\nall of it?");
        if notify {
            peer.tls.send_close_notify();
            peer.collect();
        }
        shuttle(&mut connection, &mut peer, usize::MAX);
        connection.end(false);
        let last = if notify { "end" } else { "failed PeerTruncated Maybe" };
        assert_eq!(events(&mut connection, request), ["head 200", "data all of it?", last]);
    }
}

#[test]
fn an_unread_response_stops_the_peer() {
    let (mut connection, mut peer) = http1();
    let request = ask(&mut connection, &head("GET", "/", &[]), false);
    shuttle(&mut connection, &mut peer, usize::MAX);
    let total = 4 << 20;
    peer.tls.set_buffer_limit(None);
    peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {total}\r\n\r\n").as_bytes());
    peer.say(&vec![b'x'; total]);
    let before = peer.to_client.len();
    shuttle(&mut connection, &mut peer, usize::MAX);
    let taken = before - peer.to_client.len();
    assert!(taken < 512 * 1024, "took {taken} bytes, none of which was read");

    let mut read = 0;
    loop {
        match connection.open().unwrap().next_event(request).unwrap() {
            Some(lasthop_tls::exchange::Event::Data(data)) => read += data.len(),
            Some(lasthop_tls::exchange::Event::End) => break,
            Some(_) => {}
            None => assert!(shuttle(&mut connection, &mut peer, usize::MAX) == 0),
        }
    }
    assert_eq!(read, total);
}

#[test]
fn a_stopped_peer_stops_the_upload() {
    let (mut connection, mut peer) = http1();
    let request = ask(&mut connection, &head("POST", "/", &[]), true);
    let piece = vec![b'x'; 32 * 1024];
    let mut accepted = 0;
    loop {
        let taken = connection.open().unwrap().write(request, &piece).unwrap();
        accepted += taken;
        connection.turn();
        if taken == 0 {
            break;
        }
        assert!(accepted < 4 << 20, "unbounded upload");
    }
    assert!(accepted <= limits::OUTBOUND_BYTES + limits::REQUEST_QUEUE_BYTES + limits::HEAD_BYTES * 2, "{accepted}");
    assert_eq!(connection.open().unwrap().next_ready(), None);
    shuttle(&mut connection, &mut peer, usize::MAX);
    assert_eq!(connection.open().unwrap().next_ready(), Some(request), "there is room again");
}

#[test]
fn handles_and_moments_that_are_wrong_are_errors() {
    let (mut connection, mut peer) = http1();
    let open = connection.open().unwrap();
    for wrong in [0, 1, 0xffff_ffff, 0x0001_0005] {
        assert_eq!(open.write(wrong, b"x").unwrap_err().code, Code::BadHandle);
        assert_eq!(open.cancel(wrong).unwrap_err().code, Code::BadHandle);
        assert_eq!(open.next_event(wrong).err().unwrap().code, Code::BadHandle);
    }
    let request = open.request(&head("GET", "/", &[]), false).unwrap();
    assert_eq!(open.request(&head("GET", "/", &[]), false).unwrap_err().code, Code::Busy);
    let whole = head("GET", "/", &[("a", b"b")]);
    for cut in 0..whole.len() {
        assert!(http1().0.open().unwrap().request(&whole[..cut], false).is_err());
    }
    shuttle(&mut connection, &mut peer, usize::MAX);
    connection.open().unwrap().cancel(request).unwrap();
    assert_eq!(connection.phase(), Phase::Closed, "HTTP/1.1 can only close");
    assert_eq!(connection.failure().unwrap().code, Code::Cancelled);
}

#[test]
fn an_upgrade_is_a_duplex() {
    let (mut connection, mut peer) = http1();
    let request = ask(&mut connection, &head("GET", "/", &[("connection", b"upgrade"), ("upgrade", b"x")]), false);
    shuttle(&mut connection, &mut peer, usize::MAX);
    peer.say(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nearly");
    shuttle(&mut connection, &mut peer, usize::MAX);
    assert_eq!(events(&mut connection, request), ["head 101", "upgraded", "data early"]);
    assert_eq!(connection.phase(), Phase::Open);
    peer.received.clear();
    connection.open().unwrap().write(request, b"up").unwrap();
    peer.say(b"down");
    shuttle(&mut connection, &mut peer, usize::MAX);
    assert_eq!(peer.received, b"up");
    assert_eq!(events(&mut connection, request), ["data down"]);
    peer.tls.send_close_notify();
    peer.collect();
    shuttle(&mut connection, &mut peer, usize::MAX);
    assert_eq!(events(&mut connection, request), ["end"]);
    assert_eq!(connection.phase(), Phase::Closed);
}

#[test]
fn random_bytes_from_a_judged_peer_never_panic() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..400 {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let mut connection = Connection::plain(protocol);
            let request = connection.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
            connection.turn();
            let mut bytes = match protocol {
                Protocol::Http1 => {
                    b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\ntransfer-encoding: chunked\r\n\r\n28\r\nabc".to_vec()
                }
                // SETTINGS, then HEADERS, DATA, RST_STREAM and GOAWAY on stream 1.
                Protocol::Http2 => [
                    &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88][..],
                    &[0, 0, 4, 0, 0, 0, 0, 0, 1, b'd', b'a', b't', b'a', 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8],
                    &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2],
                ]
                .concat(),
            };
            for _ in 0..1 + random() % 4 {
                let at = (random() % bytes.len() as u64) as usize;
                bytes[at] = random() as u8;
            }
            connection.feed(&bytes);
            connection.end(false);
            events(&mut connection, request);
            assert_eq!(connection.phase(), Phase::Closed);
        }
    }
}
