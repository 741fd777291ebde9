//! Clients' connections of HTTP/2, with the crate's own client at the other end.
#![cfg(feature = "server")]
mod peer;

use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::error::Code;
use lasthop_tls::exchange::Event;
use lasthop_tls::http_client::Protocol;
use lasthop_tls::limits;
use peer::{events, head};

/// Moves bytes both ways until neither side has more.
fn shuttle(client: &mut Connection, server: &mut Connection) {
    for _ in 0..200 {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        client.turn();
        client.drain(&mut up);
        server.feed(&up);
        server.turn();
        server.drain(&mut down);
        client.feed(&down);
        if up.is_empty() && down.is_empty() {
            return;
        }
    }
    panic!("the two never rest");
}

fn pair() -> (Connection, Connection) {
    let (mut client, mut server) = (Connection::plain(Protocol::Http2), Connection::serving(Protocol::Http2));
    shuttle(&mut client, &mut server);
    (client, server)
}

/// The events of the next request that has any: its handle, and its head as text.
fn arrived(server: &mut Connection) -> (u32, String, Vec<Event>) {
    let request = server.next_ready().unwrap().expect("a request");
    let mut text = String::new();
    let mut more = Vec::new();
    while let Ok(Some(event)) = server.next_event(request) {
        match event {
            Event::Head(head) => {
                text = format!("{} {}", head[0], String::from_utf8_lossy(&head[1..]).replace("\r\n", "|"));
            }
            event => more.push(event),
        }
    }
    (request, text, more)
}

fn respond(server: &mut Connection, request: u32, body: Option<&[u8]>) {
    server.as_serving().unwrap().respond(request, &[200, 0, 0, 0], body.is_some()).unwrap();
    if let Some(body) = body {
        server.write(request, body).unwrap();
        server.finish(request, &[]).unwrap();
    }
}

#[test]
fn requests_are_answered_in_any_order() {
    let (mut client, mut server) = pair();
    let open = client.open().unwrap();
    let first = open.request(&head("GET", "/1?q", &[("x-y", b"\xff")]), false).unwrap();
    let second = open.request(&head("POST", "/2", &[]), true).unwrap();
    open.write(second, b"up").unwrap();
    client.finish(second, &[]).unwrap();
    shuttle(&mut client, &mut server);
    let (one, text, more) = arrived(&mut server);
    assert_eq!(text, "32 GET /1?q HTTP/2.0|host: backend.internal|x-y: \u{fffd}|");
    assert!(more.is_empty());
    let (two, text, more) = arrived(&mut server);
    assert!(text.starts_with("44 POST /2 HTTP/2.0|host: backend.internal|"), "{text}");
    assert!(matches!(&more[..], [Event::Data(data), Event::End] if &data[..] == b"up"));
    respond(&mut server, two, Some(b"two"));
    shuttle(&mut client, &mut server);
    assert_eq!(events(&mut client, second), ["head 200", "data two", "end"]);
    respond(&mut server, one, None);
    shuttle(&mut client, &mut server);
    assert_eq!(events(&mut client, first), ["head 200", "end"]);
    for _ in 0..2 {
        assert!(matches!(arrived(&mut server).2[..], [Event::Answered]));
    }
    assert_eq!((server.in_flight(), server.phase()), (0, Phase::Open));
}

#[test]
fn a_client_that_cancels_is_seen_and_one_that_only_cancels_is_ended() {
    let (mut client, mut server) = pair();
    let mut rounds = 0;
    while server.phase() == Phase::Open {
        let request = client.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
        shuttle(&mut client, &mut server);
        let (_, _, more) = arrived(&mut server);
        assert!(more.is_empty());
        client.cancel(request).unwrap();
        shuttle(&mut client, &mut server);
        let (_, _, more) = arrived(&mut server);
        assert!(matches!(&more[..], [Event::Failed(failure)] if failure.code == Code::StreamReset));
        rounds += 1;
        assert!(rounds <= limits::MAX_CANCELLED + 1);
    }
    assert_eq!(rounds, limits::MAX_CANCELLED + 1);
}

#[test]
fn a_response_that_its_client_does_not_take_waits_within_bounds() {
    let (mut client, mut server) = pair();
    let request = client.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
    shuttle(&mut client, &mut server);
    let (served, _, _) = arrived(&mut server);
    server.as_serving().unwrap().respond(served, &[200, 0, 0, 0], true).unwrap();
    let chunk = vec![b'x'; limits::REQUEST_QUEUE_BYTES];
    let mut sent = 0;
    for _ in 0..100 {
        sent += server.write(served, &chunk).unwrap();
        shuttle(&mut client, &mut server);
    }
    let window = limits::STREAM_WINDOW_BYTES as usize;
    assert!(sent >= window && sent <= window + 4 * limits::REQUEST_QUEUE_BYTES, "{sent}");
    assert!(client.open().unwrap().next_event(request).unwrap().is_some());
}

#[test]
fn a_body_that_nobody_reads_does_not_stop_the_connection() {
    let (mut client, mut server) = pair();
    let request = client.open().unwrap().request(&head("POST", "/", &[]), true).unwrap();
    let chunk = vec![b'x'; limits::REQUEST_QUEUE_BYTES];
    for _ in 0..20 {
        client.write(request, &chunk).unwrap();
        shuttle(&mut client, &mut server);
    }
    let served = server.next_ready().unwrap().unwrap();
    server.as_serving().unwrap().drop_body(served).unwrap();
    respond(&mut server, served, None);
    shuttle(&mut client, &mut server);
    assert_eq!(events(&mut client, request).first().map(String::as_str), Some("head 200"));
    let other = client.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
    shuttle(&mut client, &mut server);
    let mut ready = Vec::new();
    while let Some(handle) = server.next_ready().unwrap() {
        ready.push(handle);
    }
    respond(&mut server, *ready.last().unwrap(), None);
    shuttle(&mut client, &mut server);
    assert_eq!(events(&mut client, other), ["head 200", "end"]);
}

#[test]
fn the_host_can_reset_one_request_and_retire_the_connection() {
    let (mut client, mut server) = pair();
    let open = client.open().unwrap();
    let (first, second) =
        (open.request(&head("GET", "/1", &[]), false).unwrap(), open.request(&head("GET", "/2", &[]), false).unwrap());
    shuttle(&mut client, &mut server);
    let (one, two) = (arrived(&mut server).0, arrived(&mut server).0);
    server.cancel(one).unwrap();
    server.as_serving().unwrap().retire();
    shuttle(&mut client, &mut server);
    assert_eq!(events(&mut client, first), ["failed StreamReset Maybe"]);
    assert!(client.open().unwrap().is_draining());
    respond(&mut server, two, Some(b"last"));
    shuttle(&mut client, &mut server);
    assert_eq!(events(&mut client, second), ["head 200", "data last", "end"]);
    shuttle(&mut client, &mut server);
    assert_eq!(server.phase(), Phase::Closed);
}

#[test]
fn what_is_no_http2_ends_the_connection() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff"] {
        let mut server = Connection::serving(Protocol::Http2);
        server.feed(bytes);
        let mut out = Vec::new();
        server.drain(&mut out);
        server.end(false);
        assert_eq!((server.phase(), server.in_flight()), (Phase::Closed, 0));
    }
}

#[test]
fn a_cancelled_upload_is_seen_before_its_body_is_taken() {
    let (mut client, mut server) = pair();
    let request = client.open().unwrap().request(&head("POST", "/", &[]), true).unwrap();
    client.write(request, &[b'x'; 10_000]).unwrap();
    shuttle(&mut client, &mut server);
    let served = server.next_ready().unwrap().unwrap();
    assert!(matches!(server.next_event(served).unwrap(), Some(Event::Head(_))));
    assert!(!server.as_serving().unwrap().has_failed(served).unwrap());
    client.cancel(request).unwrap();
    shuttle(&mut client, &mut server);
    assert!(server.as_serving().unwrap().has_failed(served).unwrap());
    assert!(matches!(server.next_event(served).unwrap(), Some(Event::Failed(_))), "its body was dropped");
}

#[test]
fn a_refused_request_may_be_sent_again_and_counts_as_nothing() {
    let (mut client, mut server) = pair();
    for _ in 0..2 * limits::MAX_CANCELLED {
        let request = client.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
        shuttle(&mut client, &mut server);
        let (served, ..) = arrived(&mut server);
        server.as_serving().unwrap().reset(served, h2::Reason::REFUSED_STREAM).unwrap();
        shuttle(&mut client, &mut server);
        assert_eq!(events(&mut client, request), ["failed StreamReset Nothing"]);
    }
    assert_eq!((server.phase(), server.in_flight()), (Phase::Open, 0));
}

#[test]
fn the_host_can_reset_a_request_whose_client_takes_nothing() {
    let (mut client, mut server) = pair();
    let request = client.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
    shuttle(&mut client, &mut server);
    let (served, ..) = arrived(&mut server);
    server.as_serving().unwrap().respond(served, &[200, 0, 0, 0], true).unwrap();
    let chunk = vec![b'x'; limits::REQUEST_QUEUE_BYTES];
    while server.write(served, &chunk).unwrap() > 0 {
        shuttle(&mut client, &mut server);
    }
    server.as_serving().unwrap().reset(served, h2::Reason::CANCEL).unwrap();
    shuttle(&mut client, &mut server);
    let seen = events(&mut client, request);
    assert_eq!(seen.last().map(String::as_str), Some("failed StreamReset Maybe"));
    assert_eq!((server.phase(), server.in_flight()), (Phase::Open, 0));
}

#[test]
fn a_client_that_only_cancels_is_told_so() {
    let (mut client, mut server) = pair();
    let mut sent = Vec::new();
    while server.phase() == Phase::Open {
        let request = client.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
        client.cancel(request).unwrap();
        let mut up = Vec::new();
        client.turn();
        client.drain(&mut up);
        server.feed(&up);
        sent.clear();
        server.drain(&mut sent);
        client.feed(&sent);
    }
    let code = u32::from(h2::Reason::ENHANCE_YOUR_CALM).to_be_bytes();
    assert!(sent.ends_with(&[&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff], &code[..]].concat()), "{sent:?}");
}
