//! A client's connection: hyper's server for either protocol over a [`Wire`], and the requests under way.

use crate::error::{Code, Failure};
use crate::exchange::{Event, Exchange, SpliceProgress};
use crate::http1_server::Http1Server;
use crate::http2_server::Http2Server;
use crate::http_client::Protocol;
use crate::limits;
use crate::reply;
use crate::requests::Requests;
use crate::table::Handle;
use crate::tasks::{Bell, Tasks};
use crate::wire::Wire;
use http::{HeaderMap, StatusCode};
use std::cell::RefCell;
use std::rc::Rc;

/// A client's connection.
pub struct Serving {
    wire: Rc<RefCell<Wire>>,
    tasks: Tasks,
    requests: Rc<Requests>,
    server: Server,
}

enum Server {
    Http1(Http1Server),
    Http2(Http2Server),
}

impl Serving {
    pub fn new(protocol: Protocol) -> Self {
        let (wire, requests) = (Rc::new(RefCell::new(Wire::client())), Rc::<Requests>::default());
        let mut tasks = Tasks::default();
        let server = match protocol {
            Protocol::Http1 => Server::Http1(Http1Server::new(wire.clone(), requests.clone())),
            Protocol::Http2 => Server::Http2(Http2Server::start(&wire, &tasks, &requests)),
        };
        tasks.run_until_stalled();
        Self { wire, tasks, requests, server }
    }

    pub fn set_bell(&self, bell: Bell, connection: Handle) {
        self.tasks.set_bell(bell, connection);
    }

    pub fn has_woken(&self) -> bool {
        self.tasks.has_woken()
    }

    pub fn protocol(&self) -> Protocol {
        match self.server {
            Server::Http1(_) => Protocol::Http1,
            Server::Http2(_) => Protocol::Http2,
        }
    }

    /// The reason why the connection is over; None while it is not. Its output may still wait for the socket.
    pub fn ended(&self) -> Option<Failure> {
        self.requests.ended()
    }

    pub fn in_flight(&self) -> usize {
        self.requests.in_flight()
    }

    pub fn has_ready(&self) -> bool {
        self.requests.has_ready()
    }

    pub fn has_output(&self) -> bool {
        self.wire.borrow().has_output()
    }

    /// Takes bytes from the socket. Answers how many were taken: fewer than given when the next message, or a part of a
    /// body, has to wait.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() {
            if self.ended().is_some() {
                return input.len();
            }
            let rest = &input[taken..];
            let step = match &mut self.server {
                Server::Http1(server) => server.feed(rest, &self.tasks).map_err(|failure| server.refusal(failure)),
                Server::Http2(_) => Ok(self.wire.borrow_mut().feed(rest)),
            };
            match step {
                Ok(step) => taken += step,
                Err(failure) => {
                    self.stop(failure);
                    return input.len();
                }
            }
            self.turn();
            if matches!(step, Ok(0)) {
                break;
            }
        }
        taken
    }

    pub fn end(&mut self, broken: bool) {
        self.wire.borrow_mut().end(broken);
        if broken {
            return self.stop(Failure::new(Code::PeerTruncated, "the connection broke"));
        }
        if matches!(&self.server, Server::Http1(server) if !server.is_running()) {
            return self.stop(Failure::new(Code::PeerClosed, "the client closed"));
        }
        self.turn();
    }

    pub fn turn(&mut self) {
        match &mut self.server {
            Server::Http1(server) => server.turn(&mut self.tasks),
            Server::Http2(server) => {
                self.tasks.run_until_stalled();
                if let Some(failure) = self.requests.ended() {
                    self.wire.borrow_mut().write_between(&server.stopped(&failure));
                    self.tasks.clear();
                }
            }
        }
    }

    /// Runs hyper, and moves the bytes for the socket to the end of `out`.
    pub fn drain(&mut self, out: &mut Vec<u8>) {
        self.turn();
        loop {
            let before = out.len();
            self.wire.borrow_mut().drain(out);
            self.turn();
            if out.len() == before || out.len() >= limits::CLIENT_OUTBOUND_BYTES {
                return;
            }
        }
    }

    /// Gives the response to a request ([`reply::Served::respond`]).
    pub fn respond(&mut self, request: Handle, head: &[u8], has_body: bool) -> Result<(), Failure> {
        let status = self.requests.get(request)?.respond(head, has_body)?;
        if let Server::Http1(server) = &mut self.server {
            server.responded(status);
        }
        Ok(())
    }

    /// Gives a whole response.
    pub fn respond_whole(&mut self, request: Handle, head: &[u8], body: &[u8]) -> Result<(), Failure> {
        self.respond(request, head, !body.is_empty())?;
        self.requests.get(request)?.exchange.write_whole(body);
        Ok(())
    }

    /// Writes an informational response (RFC 9110 §15.2), which hyper's server has no way for. 100 lets the body of a
    /// request that waits for it come, and hyper writes it. On HTTP/2 no other goes out.
    pub fn inform(&mut self, request: Handle, head: &[u8]) -> Result<(), Failure> {
        let (status, headers) = reply::parse(head)?;
        let request = self.requests.get(request)?;
        if request.is_given() {
            return Err(Failure::new(Code::WrongState, "the response was given"));
        }
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::new(Code::BadArgument, "not an informational status"));
        }
        if status == StatusCode::CONTINUE {
            request.want_body();
        } else if self.protocol() == Protocol::Http1 {
            self.wire.borrow_mut().write_between(&informational(status, &headers));
        }
        Ok(())
    }

    /// Reads and drops the rest of a request's body.
    pub fn drop_body(&mut self, request: Handle) -> Result<(), Failure> {
        self.requests.get(request)?.drop_body();
        Ok(())
    }

    /// Takes bytes of a response's body ([`crate::exchange::Exchange::write`]).
    pub fn write(&mut self, request: Handle, bytes: &[u8]) -> Result<usize, Failure> {
        Ok(self.requests.get(request)?.exchange.write(bytes))
    }

    /// Has the response of a backend follow what was written of a response's body.
    pub fn splice(&mut self, request: Handle, source: Exchange, bell: (Bell, Handle)) -> Result<(), Failure> {
        self.requests.get(request)?.exchange.splice(source, bell);
        Ok(())
    }

    /// How that goes.
    pub fn splice_progress(&self, request: Handle) -> Result<SpliceProgress, Failure> {
        let progress = self.requests.get(request)?.exchange.splice_progress();
        progress.ok_or_else(|| Failure::new(Code::WrongState, "no splice"))
    }

    /// Ends a response's body.
    pub fn finish(&mut self, request: Handle, trailers: HeaderMap) -> Result<(), Failure> {
        self.requests.get(request)?.exchange.end(trailers);
        Ok(())
    }

    /// Ends a request whose response will not be completed: by a reset of its stream on HTTP/2, for `reason`, and on
    /// HTTP/1.1, which has none, with the connection.
    pub fn reset(&mut self, request: Handle, reason: h2::Reason) -> Result<(), Failure> {
        self.requests.forget(request)?.cancel(reason);
        match self.server {
            Server::Http1(_) => self.close(),
            Server::Http2(_) => self.turn(),
        }
        Ok(())
    }

    /// Whether the client has ended the request, even where the host has not taken all of its body.
    pub fn has_failed(&self, request: Handle) -> Result<bool, Failure> {
        Ok(self.requests.get(request)?.has_failed())
    }

    pub fn next_ready(&mut self) -> Option<Handle> {
        self.requests.next_ready()
    }

    pub fn next_event(&mut self, request: Handle) -> Result<Option<Event>, Failure> {
        self.requests.next_event(request)
    }

    /// Gives an idle connection's memory back. Answers whether it was idle. HTTP/2 keeps its state of the connection.
    pub fn release(&mut self) -> bool {
        let Server::Http1(server) = &mut self.server else { return false };
        let is_idle = self.requests.in_flight() == 0 && server.is_idle() && !self.wire.borrow().has_output();
        if is_idle && server.is_running() {
            server.stopped(None);
            self.tasks = Tasks::default();
            self.wire.borrow_mut().shrink();
        }
        is_idle
    }

    /// Accepts no further request on HTTP/2, and ends the connection when those in flight are answered (GOAWAY). On
    /// HTTP/1.1 the host says so in its responses.
    pub fn retire(&mut self) {
        if let Server::Http2(server) = &self.server {
            server.drain();
        }
        self.turn();
    }

    pub fn close(&mut self) {
        self.stop(Failure::new(Code::Cancelled, "closed by us"));
    }

    /// Ends the connection at once. Requests under way fail; output waits for the socket.
    fn stop(&mut self, failure: Failure) {
        self.requests.end(failure.clone());
        if let Server::Http1(server) = &mut self.server {
            server.stopped(Some(failure));
        }
        self.tasks.clear();
    }
}

/// The bytes of an informational response of HTTP/1.1.
fn informational(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or("");
    let mut out = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}
