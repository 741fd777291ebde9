//! HTTP/2 in plaintext, with a peer's frames written here byte by byte: those that are allowed, and those that are not.
mod peer;

use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::error::{Code, Sent};
use lasthop_tls::exchange::Event;
use lasthop_tls::http_client::Protocol;
use lasthop_tls::limits;
use peer::{events, head};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The indexed field `:status: 200` (HPACK, RFC 7541 §A, index 8).
const STATUS_200: u8 = 0x88;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// A literal field without indexing (HPACK, RFC 7541 §6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut out = vec![0, name.len() as u8];
    out.extend_from_slice(name.as_bytes());
    out.push(value.len() as u8);
    out.extend_from_slice(value.as_bytes());
    out
}

fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// A connection whose peer sent `settings`, with `count` GETs on streams 1, 3, …
fn asked(settings: &[u8], count: usize) -> (Connection, Vec<u32>) {
    let mut connection = Connection::plain(Protocol::Http2);
    assert!(say(&mut connection, &frame(SETTINGS, 0, 0, settings)));
    let requests =
        (0..count).map(|_| connection.open().unwrap().request(&head("GET", "/", &[]), false).unwrap()).collect();
    written(&mut connection);
    (connection, requests)
}

fn say(connection: &mut Connection, bytes: &[u8]) -> bool {
    connection.feed(bytes) == bytes.len()
}

fn written(connection: &mut Connection) -> Vec<u8> {
    let mut out = Vec::new();
    connection.turn();
    connection.drain(&mut out);
    out
}

/// The kinds and streams of the frames in `bytes`.
fn frames(bytes: &[u8]) -> Vec<(u8, u32)> {
    let mut found = Vec::new();
    let mut rest = bytes.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(bytes);
    while rest.len() >= 9 {
        let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
        found.push((rest[3], u32::from_be_bytes([rest[5], rest[6], rest[7], rest[8]])));
        rest = &rest[9 + length..];
    }
    found
}

#[test]
fn the_peers_settings_bound_the_requests() {
    let (mut connection, _) = asked(&[0, 3, 0, 0, 0, 2], 2);
    let open = connection.open().unwrap();
    assert_eq!(open.capacity(), 2);
    assert!(!open.accepts());
    assert_eq!(open.request(&head("GET", "/", &[]), false).unwrap_err().code, Code::Busy);
    // A peer that allows more than our own limit does not raise it.
    let (mut generous, _) = asked(&[0, 3, 0, 1, 0, 0], 0);
    assert_eq!(generous.open().unwrap().capacity(), limits::MAX_REQUESTS);
}

#[test]
fn responses_trailers_and_resets() {
    let (mut connection, requests) = asked(&[], 4);
    say(&mut connection, &frame(HEADERS, END_HEADERS, 1, &[STATUS_200]));
    say(&mut connection, &frame(DATA, 0, 1, b"body"));
    say(&mut connection, &frame(HEADERS, END_HEADERS | END_STREAM, 1, &literal("x-t", "1")));
    assert_eq!(events(&mut connection, requests[0]), ["head 200", "data body", "trailers 1", "end"]);

    say(&mut connection, &reset(3, 7)); // REFUSED_STREAM
    assert_eq!(events(&mut connection, requests[1]), ["failed StreamReset Nothing"]);
    say(&mut connection, &reset(5, 8)); // CANCEL
    assert_eq!(events(&mut connection, requests[2]), ["failed StreamReset Maybe"]);
    say(&mut connection, &frame(HEADERS, END_HEADERS, 7, &[STATUS_200]));
    say(&mut connection, &reset(7, 2)); // INTERNAL_ERROR
    assert_eq!(events(&mut connection, requests[3]), ["head 200", "failed StreamReset Maybe"]);
    assert_eq!(connection.phase(), Phase::Open, "a reset ends one stream and not the connection");
}

#[test]
fn a_response_shorter_than_it_said_is_incomplete() {
    let short = [&[STATUS_200][..], &literal("content-length", "9")].concat();
    for last in [reset(1, 0), frame(DATA, END_STREAM, 1, b"")] {
        let (mut connection, requests) = asked(&[], 1);
        say(&mut connection, &frame(HEADERS, END_HEADERS, 1, &short));
        say(&mut connection, &frame(DATA, 0, 1, b"body"));
        say(&mut connection, &last);
        let shown = events(&mut connection, requests[0]);
        assert_eq!(shown[..2], ["head 200", "data body"]);
        assert!(shown[2].starts_with("failed"), "{shown:?}");
    }
}

#[test]
fn goaway_says_which_requests_may_be_sent_again() {
    let (mut connection, requests) = asked(&[], 2);
    say(&mut connection, &goaway(1, 0));
    assert_eq!(events(&mut connection, requests[1]), ["failed GoAway Nothing"], "above the last stream");
    assert!(!connection.open().is_ok_and(|open| open.accepts()), "no further request");
    say(&mut connection, &frame(HEADERS, END_HEADERS | END_STREAM, 1, &[STATUS_200]));
    assert_eq!(events(&mut connection, requests[0]), ["head 200", "end"], "the request on stream 1 finishes");

    let (mut connection, requests) = asked(&[], 1);
    say(&mut connection, &goaway(0, 1)); // PROTOCOL_ERROR
    connection.end(false);
    assert_eq!(events(&mut connection, requests[0]), ["failed GoAway Maybe"]);
    assert_eq!(connection.phase(), Phase::Closed);
}

#[test]
fn a_cancelled_request_is_a_reset() {
    let (mut connection, requests) = asked(&[], 2);
    say(&mut connection, &frame(HEADERS, END_HEADERS, 1, &[STATUS_200]));
    connection.open().unwrap().cancel(requests[0]).unwrap();
    connection.open().unwrap().cancel(requests[1]).unwrap();
    let resets: Vec<_> =
        frames(&written(&mut connection)).into_iter().filter(|(kind, _)| *kind == RST_STREAM).collect();
    assert_eq!(resets.len(), 2, "{resets:?}");
    assert_eq!(connection.open().unwrap().in_flight(), 0);
}

#[test]
fn a_cancelled_upload_is_a_reset() {
    let mut connection = Connection::plain(Protocol::Http2);
    say(&mut connection, &frame(SETTINGS, 0, 0, &[]));
    let request = connection.open().unwrap().request(&head("POST", "/", &[]), true).unwrap();
    connection.open().unwrap().write(request, b"some").unwrap();
    written(&mut connection);
    connection.open().unwrap().cancel(request).unwrap();
    assert!(frames(&written(&mut connection)).contains(&(RST_STREAM, 1)));
}

#[test]
fn an_answer_before_the_upload_ends_stops_the_upload() {
    let mut connection = Connection::plain(Protocol::Http2);
    say(&mut connection, &frame(SETTINGS, 0, 0, &[]));
    let request = connection.open().unwrap().request(&head("POST", "/", &[]), true).unwrap();
    connection.open().unwrap().write(request, b"some").unwrap();
    written(&mut connection);
    say(&mut connection, &frame(HEADERS, END_HEADERS | END_STREAM, 1, &[STATUS_200]));
    assert_eq!(events(&mut connection, request), ["head 200", "end"]);
    assert!(frames(&written(&mut connection)).contains(&(RST_STREAM, 1)));
    assert_eq!(connection.open().unwrap().in_flight(), 0);
    assert_eq!(connection.phase(), Phase::Open);
}

#[test]
fn unread_streams_hold_at_most_the_windows() {
    let (mut connection, _) = asked(&[], 1);
    say(&mut connection, &frame(HEADERS, END_HEADERS, 1, &[STATUS_200]));
    let data = frame(DATA, 0, 1, &vec![b'x'; 16_384]);
    let mut sent = 0;
    // RFC 9113 §6.9.1: a peer that exceeds a window gets RST_STREAM or GOAWAY with FLOW_CONTROL_ERROR.
    while connection.phase() == Phase::Open && sent < 8 << 20 {
        connection.feed(&data);
        sent += 16_384;
        if writes_reset(&mut connection) {
            break;
        }
    }
    assert!(sent <= 2 * (limits::STREAM_WINDOW_BYTES as usize + limits::RESPONSE_QUEUE_BYTES), "took {sent} bytes");
}

/// Whether the connection now writes RST_STREAM or GOAWAY. No event is read.
fn writes_reset(connection: &mut Connection) -> bool {
    frames(&written(connection)).iter().any(|(kind, _)| *kind == RST_STREAM || *kind == GOAWAY)
}

#[test]
fn broken_frames_end_the_connection() {
    let big = frame(DATA, 0, 1, &vec![0; 20_000]);
    let pushed = frame(5, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]);
    let connection_field = frame(HEADERS, END_HEADERS, 1, &[&[STATUS_200][..], &literal("connection", "x")].concat());
    let no_status = frame(HEADERS, END_HEADERS, 1, &literal("a", "b"));
    let continuation = frame(9, 0, 1, &[STATUS_200]);
    let unknown_stream = frame(DATA, 0, 99, b"x");
    for (name, bytes) in [
        ("oversized frame", big),
        ("push", pushed),
        ("connection field", connection_field),
        ("no status", no_status),
        ("lone continuation", continuation),
        ("data on a stream never opened", unknown_stream),
        ("HTTP/1", b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec()),
    ] {
        let (mut connection, requests) = asked(&[], 1);
        say(&mut connection, &bytes);
        connection.turn();
        match connection.open().unwrap().next_event(requests[0]).unwrap() {
            Some(Event::Failed(failure)) => {
                assert!(matches!(failure.code, Code::Http2Protocol | Code::TooLarge), "{name}: {failure:?}");
                assert_eq!(failure.sent, Sent::Maybe, "{name}");
            }
            _ => panic!("{name} was accepted"),
        }
    }
}

#[test]
fn resets_without_end_are_bounded() {
    let (mut connection, _) = asked(&[], 0);
    for at in 0..20_000u32 {
        let Ok(open) = connection.open() else { break };
        let Ok(request) = open.request(&head("GET", "/", &[]), false) else { break };
        written(&mut connection);
        say(&mut connection, &reset(at * 2 + 1, 8));
        events(&mut connection, request);
    }
    assert!(connection.as_open().is_none_or(|open| open.in_flight() == 0));
}

#[test]
fn idle_close_says_goaway() {
    let (mut connection, _) = asked(&[], 0);
    connection.close();
    assert!(frames(&written(&mut connection)).iter().any(|(kind, _)| *kind == GOAWAY));
    assert_eq!(connection.phase(), Phase::Closed);
}
