//! Clients' connections: one request at a time, refusals before hyper, and the ends of exchanges.
#![cfg(feature = "server")]
use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::error::Code;
use lasthop_tls::exchange::Event;
use lasthop_tls::http_client::Protocol;
use lasthop_tls::limits;

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

/// `status:u16 headers`, as the host encodes a response's head.
fn response(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut out = status.to_le_bytes().to_vec();
    out.extend_from_slice(&(headers.len() as u16).to_le_bytes());
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        out.extend_from_slice(&(text.len() as u16).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out
}

/// Feeds all of `input`, `piece` bytes at a time; answers how many were taken.
fn feed(connection: &mut Connection, input: &[u8], piece: usize) -> usize {
    let mut at = 0;
    while at < input.len() {
        let taken = connection.feed(&input[at..input.len().min(at.saturating_add(piece))]);
        at += taken;
        if taken == 0 {
            break;
        }
    }
    at
}

/// The events so far, of all requests; the handle of the last.
fn events(connection: &mut Connection) -> (Vec<String>, u32) {
    let (mut shown, mut last) = (Vec::new(), 0);
    while let Some(request) = connection.next_ready().unwrap() {
        last = request;
        while let Ok(Some(event)) = connection.next_event(request) {
            shown.push(match event {
                Event::Head(head) => {
                    format!("head {} {}", head[0], String::from_utf8_lossy(&head[1..]).replace("\r\n", "|"))
                }
                Event::Data(data) => format!("data {}", String::from_utf8_lossy(&data)),
                Event::Trailers(trailers) => format!("trailers {}", trailers[0]),
                Event::Upgraded => "upgraded".to_owned(),
                Event::End => "end".to_owned(),
                Event::Answered => "answered".to_owned(),
                Event::Failed(failure) => format!("failed {:?}", failure.code),
                Event::Informational(_) => "informational".to_owned(),
            });
        }
    }
    (shown, last)
}

fn output(connection: &mut Connection) -> String {
    let mut out = Vec::new();
    connection.turn();
    connection.drain(&mut out);
    let text = String::from_utf8_lossy(&out).into_owned();
    text.lines().filter(|line| !line.starts_with("date: ")).map(|line| format!("{line}|")).collect()
}

fn respond(connection: &mut Connection, request: u32, status: u16, headers: &[(&str, &str)], body: Option<&[u8]>) {
    connection.as_serving().unwrap().respond(request, &response(status, headers), body.is_some()).unwrap();
    if let Some(body) = body {
        assert_eq!(connection.write(request, body).unwrap(), body.len());
        connection.finish(request, &[]).unwrap();
    }
}

#[test]
fn requests_follow_each_other_whatever_the_cuts() {
    for piece in [1, 7, usize::MAX] {
        let mut connection = Connection::serving(Protocol::Http1);
        for round in 0..3 {
            assert_eq!(feed(&mut connection, GET, piece), GET.len());
            let (shown, request) = events(&mut connection);
            assert_eq!(shown, ["head 0 GET /a HTTP/1.1|Host: h|"], "round {round}");
            respond(&mut connection, request, 200, &[("x", "y")], Some(b"hello"));
            assert_eq!(output(&mut connection), "HTTP/1.1 200 OK|x: y|content-length: 5||hello|");
            assert_eq!(events(&mut connection).0, ["answered"]);
            assert_eq!((connection.in_flight(), connection.phase()), (0, Phase::Open));
            if round == 1 {
                assert!(connection.as_serving().unwrap().release());
            }
        }
    }
}

#[test]
fn a_pipelined_request_waits_for_the_answer_to_the_one_before() {
    let mut connection = Connection::serving(Protocol::Http1);
    let two = [GET, b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"].concat();
    assert_eq!(feed(&mut connection, &two, usize::MAX), GET.len());
    let (_, request) = events(&mut connection);
    assert_eq!(feed(&mut connection, &two[GET.len()..], usize::MAX), 0);
    respond(&mut connection, request, 204, &[], None);
    assert_eq!(output(&mut connection), "HTTP/1.1 204 No Content||");
    assert_eq!(events(&mut connection).0, ["answered"]);
    assert_eq!(feed(&mut connection, &two[GET.len()..], usize::MAX), two.len() - GET.len());
    assert_eq!(events(&mut connection).0, ["head 4 POST /b HTTP/1.1|Host: h|Content-Length: 3|", "data abc", "end"]);
}

#[test]
fn chunks_and_trailers_come_decoded() {
    for piece in [1, usize::MAX] {
        let mut connection = Connection::serving(Protocol::Http1);
        let body = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nt: 1\r\n\r\n";
        let more = [&body[..], GET].concat();
        assert_eq!(feed(&mut connection, &more, piece), body.len());
        let (shown, _) = events(&mut connection);
        assert_eq!(shown[0], "head 12 POST / HTTP/1.1|Host: h|Transfer-Encoding: chunked|");
        assert_eq!(shown[1..shown.len() - 2].concat().replace("data ", ""), "abcde");
        assert_eq!(shown[shown.len() - 2..], ["trailers 1", "end"]);
    }
}

#[test]
fn a_chunked_body_may_end_after_its_answer() {
    let mut connection = Connection::serving(Protocol::Http1);
    feed(&mut connection, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", usize::MAX);
    let (_, request) = events(&mut connection);
    respond(&mut connection, request, 200, &[], None);
    output(&mut connection);
    assert_eq!(events(&mut connection).0, ["answered"]);
    feed(&mut connection, b"2\r\nde\r\n0\r\n\r\n", 3);
    assert_eq!(events(&mut connection).0.last().map(String::as_str), Some("end"));
    assert_eq!((feed(&mut connection, GET, usize::MAX), connection.in_flight()), (GET.len(), 1));
}

#[test]
fn a_body_that_nobody_reads_is_dropped_and_the_connection_goes_on() {
    let mut connection = Connection::serving(Protocol::Http1);
    let size = 3 * limits::RESPONSE_QUEUE_BYTES;
    let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n");
    feed(&mut connection, head.as_bytes(), usize::MAX);
    let body = vec![b'x'; size];
    let taken = feed(&mut connection, &body, 10_000);
    assert!(taken < size, "the queue is bounded");
    let request = connection.next_ready().unwrap().unwrap();
    respond(&mut connection, request, 413, &[], None);
    connection.as_serving().unwrap().drop_body(request).unwrap();
    assert!(output(&mut connection).starts_with("HTTP/1.1 413 "));
    assert_eq!(feed(&mut connection, &body[taken..], 10_000), size - taken);
    let mut shown = Vec::new();
    while let Ok(Some(event)) = connection.next_event(request) {
        shown.push(matches!(event, Event::Data(_)));
    }
    assert!(!shown.contains(&true) && shown.len() == 3, "head, answered and end: {shown:?}");
    assert_eq!((feed(&mut connection, GET, usize::MAX), connection.in_flight()), (GET.len(), 1));
}

#[test]
fn ambiguous_and_malformed_requests_are_refused_without_output() {
    let long = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(limits::REQUEST_HEAD_BYTES));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(limits::MAX_HEADERS + 1));
    let cases: &[(&str, Code, &str)] = &[
        ("GET / HTTP/1.1\nHost: h\n\n", Code::MalformedRequest, "a line that ends in a bare LF"),
        ("GET / HTTP/1.1\r\nHost: h\n\r\n", Code::MalformedRequest, "a line that ends in a bare LF"),
        ("GET / HTTP/1.1\r\na: b\rc\r\n\r\n", Code::MalformedRequest, "a CR inside of a line"),
        ("GET / HTTP/1.1\r\na: b\r\n c: d\r\n\r\n", Code::MalformedRequest, "a line that continues the one before"),
        ("GET / HTTP/1.1\r\na : b\r\n\r\n", Code::MalformedRequest, "a field name that is not a token"),
        ("GET / HTTP/1.1\r\nab\r\n\r\n", Code::MalformedRequest, "a field line without a colon"),
        ("GET / HTTP/1.1\r\na: \x01\r\n\r\n", Code::MalformedRequest, "a control character"),
        ("GET  / HTTP/1.1\r\n\r\n", Code::MalformedRequest, "a request line that is not of three parts"),
        ("GET /\r\n\r\n", Code::MalformedRequest, "a request line that is not of three parts"),
        ("GET / HTTP/2.0\r\n\r\n", Code::MalformedRequest, "another version than HTTP/1.1 and HTTP/1.0"),
        ("\x16\x03\x01", Code::MalformedRequest, "a control character"),
        ("(", Code::MalformedRequest, "a request line without a method"),
        ("POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n", Code::MalformedRequest, "a content-length that is no number"),
        ("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", Code::MalformedRequest, "two lengths"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            Code::MalformedRequest,
            "a length and a transfer coding",
        ),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            Code::MalformedRequest,
            "a transfer coding in HTTP/1.0",
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            Code::MalformedRequest,
            "two Transfer-Encoding fields",
        ),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", Code::MalformedRequest, "the transfer coding gzip"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: \r\n\r\n", Code::MalformedRequest, "the transfer coding "),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            Code::UnsupportedCoding,
            "the transfer coding gzip, chunked",
        ),
        (&long, Code::RequestTooLarge, "more header bytes than may be"),
        (&many, Code::RequestTooLarge, "more header fields than may be"),
    ];
    for (request, code, detail) in cases {
        for piece in [1, usize::MAX] {
            let mut connection = Connection::serving(Protocol::Http1);
            feed(&mut connection, request.as_bytes(), piece);
            let failure = connection.failure().unwrap_or_else(|| panic!("{request:?} is refused"));
            assert_eq!((failure.code, failure.detail.as_str()), (*code, *detail), "{request:?}");
            assert_eq!((output(&mut connection).as_str(), events(&mut connection).0.len()), ("", 0), "{request:?}");
        }
    }
}

#[test]
fn what_hyper_alone_refuses_is_refused_in_the_same_form() {
    let mut connection = Connection::serving(Protocol::Http1);
    feed(&mut connection, b"GET a<b HTTP/1.1\r\nHost: h\r\n\r\n", usize::MAX);
    let failure = connection.failure().expect("hyper takes no such target");
    assert_eq!(failure.code, Code::MalformedRequest);
    assert_eq!(failure.evidence, b"\x03\0GET\x01\0h\x03\0a<b");
    assert_eq!((output(&mut connection).as_str(), connection.in_flight()), ("", 0));
}

#[test]
fn a_body_that_breaks_fails_its_request() {
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    for (rest, end, code) in [
        (&b"x\r\n"[..], None, "failed MalformedRequest"),
        (b"", Some(false), "failed PeerTruncated"),
        (b"", Some(true), "failed PeerTruncated"),
    ] {
        let mut connection = Connection::serving(Protocol::Http1);
        feed(&mut connection, head, usize::MAX);
        feed(&mut connection, rest, usize::MAX);
        if let Some(broken) = end {
            connection.end(broken);
        }
        let (shown, _) = events(&mut connection);
        assert_eq!(shown.last().map(String::as_str), Some(code), "{shown:?}");
        assert_eq!((connection.phase(), connection.in_flight()), (Phase::Closed, 0));
    }
}

#[test]
fn a_client_that_waits_for_100_gets_it_when_the_host_says_so() {
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let mut connection = Connection::serving(Protocol::Http1);
    feed(&mut connection, head, usize::MAX);
    let (shown, request) = events(&mut connection);
    assert!(shown[0].starts_with("head 6 "), "{shown:?}");
    assert_eq!(output(&mut connection), "");
    connection.as_serving().unwrap().inform(request, &response(103, &[("link", "x")])).unwrap();
    assert_eq!(output(&mut connection), "HTTP/1.1 103 Early Hints|link: x||");
    connection.as_serving().unwrap().inform(request, &response(100, &[])).unwrap();
    assert_eq!(output(&mut connection), "HTTP/1.1 100 Continue||");
    feed(&mut connection, b"abc", usize::MAX);
    assert_eq!(events(&mut connection).0, ["data abc", "end"]);
    respond(&mut connection, request, 200, &[], Some(b""));
    assert_eq!(output(&mut connection), "HTTP/1.1 200 OK|content-length: 0||");
    let refused = connection.as_serving().unwrap().inform(request, &response(103, &[]));
    assert_eq!(refused.map_err(|failure| failure.code), Err(Code::WrongState));
}

#[test]
fn the_connection_closes_where_its_client_or_the_host_wants_that() {
    for (request, headers) in [
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", &[][..]),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", &[("connection", "close")][..]),
        ("GET / HTTP/1.0\r\nHost: h\r\n\r\n", &[]),
    ] {
        let mut connection = Connection::serving(Protocol::Http1);
        feed(&mut connection, request.as_bytes(), usize::MAX);
        let (_, handle) = events(&mut connection);
        respond(&mut connection, handle, 200, headers, Some(b"hi"));
        assert!(output(&mut connection).ends_with("|hi|"));
        assert_eq!(events(&mut connection).0, ["answered"]);
        assert_eq!((connection.phase(), connection.failure().unwrap().code), (Phase::Closed, Code::PeerClosed));
    }
}

#[test]
fn a_response_to_head_keeps_its_length_and_has_no_body() {
    let mut connection = Connection::serving(Protocol::Http1);
    feed(&mut connection, b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", usize::MAX);
    let (_, request) = events(&mut connection);
    respond(&mut connection, request, 200, &[("content-length", "5")], None);
    assert_eq!(output(&mut connection), "HTTP/1.1 200 OK|content-length: 5||");
    assert_eq!(events(&mut connection).0, ["answered"]);
}

#[test]
fn an_upgraded_connection_carries_bytes_until_both_sides_have_ended() {
    let mut connection = Connection::serving(Protocol::Http1);
    let head = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
    feed(&mut connection, head, usize::MAX);
    let (shown, request) = events(&mut connection);
    assert!(shown[0].starts_with("head 16 "), "{shown:?}");
    let headers = response(101, &[("connection", "upgrade"), ("upgrade", "websocket")]);
    connection.as_serving().unwrap().respond(request, &headers, true).unwrap();
    assert_eq!(output(&mut connection), "HTTP/1.1 101 Switching Protocols|connection: upgrade|upgrade: websocket||");
    feed(&mut connection, b"\x81raw", usize::MAX);
    assert_eq!(events(&mut connection).0, ["upgraded", "data \u{fffd}raw"]);
    connection.write(request, b"down").unwrap();
    assert_eq!(output(&mut connection), "down|");
    connection.end(false);
    assert_eq!((events(&mut connection).0, connection.phase()), (vec!["end".to_owned()], Phase::Open));
    connection.write(request, b"last").unwrap();
    connection.finish(request, &[]).unwrap();
    assert_eq!(output(&mut connection), "last|");
    assert_eq!(events(&mut connection).0, ["answered"]);
    assert_eq!((connection.phase(), connection.in_flight()), (Phase::Closed, 0));
}

#[test]
fn a_half_closed_client_gets_its_response() {
    let mut connection = Connection::serving(Protocol::Http1);
    feed(&mut connection, GET, usize::MAX);
    connection.end(false);
    let (_, request) = events(&mut connection);
    respond(&mut connection, request, 200, &[], Some(b"hi"));
    assert!(output(&mut connection).ends_with("|hi|"));
    assert_eq!(connection.phase(), Phase::Closed);
}

#[test]
fn calls_in_the_wrong_order_fail_and_write_nothing() {
    let mut connection = Connection::serving(Protocol::Http1);
    let wrong = |result: Result<(), lasthop_tls::error::Failure>| result.map_err(|failure| failure.code);
    assert_eq!(wrong(connection.as_serving().unwrap().respond(7, &response(200, &[]), false)), Err(Code::BadHandle));
    assert!(connection.open().is_err(), "no request goes out on a client's connection");
    feed(&mut connection, GET, usize::MAX);
    let (_, request) = events(&mut connection);
    respond(&mut connection, request, 200, &[], None);
    let again = wrong(connection.as_serving().unwrap().respond(request, &response(200, &[]), false));
    assert_eq!(again, Err(Code::WrongState));
    output(&mut connection);
    events(&mut connection);
    assert_eq!(wrong(connection.as_serving().unwrap().drop_body(request)), Err(Code::BadHandle));
    assert!(connection.as_serving().unwrap().reset(request, h2::Reason::CANCEL).is_err());
    let mut plain = Connection::plain(Protocol::Http1);
    assert_eq!(wrong(plain.as_serving().map(|_| ())), Err(Code::WrongState));
}
