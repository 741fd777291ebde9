//! A backend's response that goes to a client inside the module: in order, bounded, and over for both sides.
#![cfg(feature = "server")]
mod peer;

use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::exchange::{Event, SpliceProgress};
use lasthop_tls::http_client::Protocol;
use lasthop_tls::limits;
use lasthop_tls::tasks::Bell;
use peer::head;

/// A client's request, and the request to a backend whose response it gets: the connections and the handles.
struct Spliced {
    client: Connection,
    served: u32,
    backend: Connection,
    request: u32,
}

fn output(connection: &mut Connection) -> Vec<u8> {
    let mut out = Vec::new();
    connection.turn();
    connection.drain(&mut out);
    out
}

/// The splice of a response with this head, of which the host has written `start` itself.
fn spliced(response: &[u8], start: &[u8]) -> Spliced {
    let (mut client, mut backend) = (Connection::serving(Protocol::Http1), Connection::plain(Protocol::Http1));
    client.feed(b"GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n");
    let served = client.next_ready().unwrap().unwrap();
    while client.next_event(served).unwrap().is_some() {}
    let request = backend.open().unwrap().request(&head("GET", "/", &[]), false).unwrap();
    output(&mut backend);
    backend.feed(response);
    assert!(matches!(backend.next_event(request).unwrap(), Some(Event::Head(_))));
    client.as_serving().unwrap().respond(served, &[200, 0, 0, 0], true).unwrap();
    client.write(served, start).unwrap();
    let source = backend.source(request).unwrap();
    client.as_serving().unwrap().splice(served, source, (Bell::default(), 1)).unwrap();
    Spliced { client, served, backend, request }
}

/// The last event that the host gets of a backend's response.
fn last(backend: &mut Connection, request: u32) -> Option<Event> {
    backend.next_event(request).unwrap()
}

#[test]
fn the_response_follows_what_the_host_has_written() {
    let response = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let Spliced { mut client, served, mut backend, request } = spliced(response, b"start ");
    let first = String::from_utf8(output(&mut client)).unwrap();
    assert!(first.ends_with("\r\n\r\n6\r\nstart \r\n3\r\nabc\r\n"), "{first}");
    assert!(last(&mut backend, request).is_none(), "the host sees no data");
    backend.feed(b"2\r\nde\r\n0\r\n\r\n");
    assert_eq!(output(&mut client), b"2\r\nde\r\n0\r\n\r\n");
    assert!(matches!(last(&mut backend, request), Some(Event::End)));
    assert!(matches!(client.next_event(served).unwrap(), Some(Event::Answered)));
    assert_eq!((client.in_flight(), backend.in_flight()), (0, 0));
}

#[test]
fn a_client_that_takes_nothing_stops_its_backend() {
    let size = 8 * 1024 * 1024;
    let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
    let Spliced { mut client, mut backend, request, .. } = spliced(response.as_bytes(), b"");
    let chunk = vec![b'x'; 64 * 1024];
    let mut taken = 0;
    for _ in 0..100 {
        taken += backend.feed(&chunk);
        client.turn();
        backend.turn();
    }
    let bound = limits::OUTBOUND_BYTES + limits::RESPONSE_QUEUE_BYTES + limits::PLAIN_INBOUND_BYTES;
    assert!(taken < 2 * bound, "{taken}");
    let mut received = 0;
    for _ in 0..1_000 {
        let out = output(&mut client);
        received += out.iter().filter(|&&byte| byte == b'x').count();
        backend.turn();
        taken += backend.feed(&chunk[..chunk.len().min(size - taken)]);
        if received == size {
            break;
        }
    }
    assert_eq!(received, size);
    assert!(matches!(last(&mut backend, request), Some(Event::End)));
}

#[test]
fn a_backend_that_breaks_off_ends_its_clients_connection() {
    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
    let Spliced { mut client, served, mut backend, request } = spliced(response, b"");
    output(&mut client);
    backend.end(false);
    output(&mut client);
    assert!(matches!(last(&mut backend, request), Some(Event::Failed(_))));
    assert_eq!(client.phase(), Phase::Closed);
    assert!(matches!(client.next_event(served).unwrap(), Some(Event::Failed(_))));
}

#[test]
fn a_client_that_leaves_gives_the_response_back() {
    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
    let Spliced { mut client, mut backend, request, .. } = spliced(response, b"");
    output(&mut client);
    client.end(true);
    backend.feed(b"def");
    assert!(matches!(last(&mut backend, request), Some(Event::Data(data)) if &data[..] == b"def"));
    backend.cancel(request).unwrap();
    assert_eq!(backend.phase(), Phase::Closed);
}

#[test]
fn trailers_go_through_the_host() {
    let response = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n";
    let Spliced { mut client, mut backend, request, served } = spliced(response, b"");
    let out = String::from_utf8(output(&mut client)).unwrap();
    assert!(out.ends_with("3\r\nabc\r\n"), "{out}");
    assert!(matches!(last(&mut backend, request), Some(Event::Trailers(_))));
    assert!(output(&mut client).is_empty());
    assert!(matches!(last(&mut backend, request), Some(Event::End)));
    client.finish(served, &[]).unwrap();
    assert_eq!(output(&mut client), b"0\r\n\r\n");
    assert!(matches!(client.next_event(served).unwrap(), Some(Event::Answered)));
}

#[test]
fn the_host_can_ask_how_it_goes() {
    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nabc";
    let Spliced { mut client, served, mut backend, .. } = spliced(response, b"");
    let progress = |client: &mut Connection| client.as_serving().unwrap().splice_progress(served).unwrap();
    let expected = |moved_bytes, is_over, waits_for_client| SpliceProgress { moved_bytes, is_over, waits_for_client };
    output(&mut client);
    assert_eq!(progress(&mut client), expected(3, false, false));
    assert_eq!(progress(&mut client), expected(0, false, false));
    backend.feed(&[b'x'; 99_997]);
    client.turn();
    backend.turn();
    let first = progress(&mut client);
    assert!(first.moved_bytes < 99_997 && first.waits_for_client && !first.is_over, "{first:?}");
    for _ in 0..4 {
        output(&mut client);
        backend.turn();
    }
    assert!(client.as_serving().unwrap().splice_progress(served).is_err(), "it is over");
}
