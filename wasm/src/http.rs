//! An open connection: hyper over a [`Wire`], and the requests in flight.

use crate::codec::Reader;
use crate::error::{Code, Failure, Sent};
use crate::exchange::{Event, Exchange, Ready, RequestBody};
use crate::limits;
use crate::request::Head;
use crate::response::{self, Call};
use crate::table::{Handle, Table};
use crate::tasks::{Spawner, Tasks};
use crate::upgrade::Upgrade;
use crate::wire::{Io, Wire};
use http::HeaderMap;
use hyper::client::conn::{http1, http2};
use std::cell::RefCell;
use std::future::{poll_fn, Future};
use std::pin::{pin, Pin};
use std::rc::Rc;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Http1,
    Http2,
}

enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>, Http2Connection),
}

/// Shared with the task that drives it, to ask it for the peer's SETTINGS.
type Http2Connection = Rc<RefCell<http2::Connection<Io, RequestBody, Spawner>>>;

/// How hyper's connection ended; `None` while it lives.
pub type Over = Rc<RefCell<Option<Failure>>>;

pub struct Open {
    wire: Rc<RefCell<Wire>>,
    tasks: Tasks,
    /// None once closed, or when hyper's connection could not even start.
    sender: Option<Sender>,
    protocol: Protocol,
    scheme: &'static str,
    over: Over,
    upgrade: Upgrade,
    exchanges: Table<Exchange>,
    ready: Ready,
}

impl Open {
    pub fn start(wire: Wire, protocol: Protocol, scheme: &'static str) -> Self {
        let wire = Rc::new(RefCell::new(wire));
        let mut tasks = Tasks::default();
        let over = Over::default();
        let upgrade = Upgrade::default();
        let sender = match protocol {
            Protocol::Http1 => start_http1(&wire, &tasks, &over, &upgrade),
            Protocol::Http2 => start_http2(&wire, &tasks, &over),
        };
        tasks.run_until_stalled();
        let exchanges = Table::new(limits::MAX_REQUESTS);
        Self { wire, tasks, sender, protocol, scheme, over, upgrade, exchanges, ready: Ready::default() }
    }

    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Why no further request can be made; requests in flight may still have events.
    pub fn over(&self) -> Option<Failure> {
        if let Some(failure) = self.wire.borrow().failure() {
            return Some(failure.clone());
        }
        if self.upgrade.is_claimed() {
            return None; // hyper is done, the duplex is not.
        }
        if let Some(failure) = &*self.over.borrow() {
            return Some(failure.clone());
        }
        let closed = match &self.sender {
            Some(Sender::Http1(sender)) => sender.is_closed(),
            Some(Sender::Http2(sender, _)) => sender.is_closed(),
            None => true,
        };
        closed.then(|| Failure::new(Code::PeerClosed, "the connection is closed"))
    }

    /// How many requests may be in flight together: for HTTP/2 what the peer's SETTINGS allow.
    pub fn capacity(&self) -> usize {
        match &self.sender {
            Some(Sender::Http1(_)) => 1,
            // RFC 9113 §6.5.2; before the peer's first SETTINGS h2 assumes 100.
            Some(Sender::Http2(_, connection)) => {
                connection.borrow().current_max_send_streams().min(limits::MAX_REQUESTS)
            }
            None => 0,
        }
    }

    /// The peer takes no further request, but finishes those in flight (GOAWAY).
    pub fn is_draining(&self) -> bool {
        self.wire.borrow().is_going_away()
    }

    pub fn accepts(&self) -> bool {
        self.over().is_none()
            && !self.is_draining()
            && !self.upgrade.is_claimed()
            && self.exchanges.len() < self.capacity()
            && !matches!(&self.sender, Some(Sender::Http1(s)) if !s.is_ready())
    }

    pub fn in_flight(&self) -> usize {
        self.exchanges.len()
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub fn has_output(&self) -> bool {
        self.wire.borrow().has_output()
    }

    /// Takes bytes from the socket; 0 means: not now, response bytes wait for the host.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        if self.over().is_some() {
            return input.len(); // Nobody will read them.
        }
        let mut taken = 0;
        while taken < input.len() {
            let step = self.wire.borrow_mut().feed(&input[taken..]);
            taken += step;
            self.turn();
            if step == 0 {
                break;
            }
        }
        taken
    }

    pub fn end(&mut self, broken: bool) {
        self.wire.borrow_mut().end(broken);
        self.turn();
    }

    pub fn turn(&mut self) {
        self.tasks.run_until_stalled();
    }

    pub fn drain(&mut self, out: &mut Vec<u8>) {
        // hyper may have more to write when there is room again; the bound keeps one call's output bounded.
        loop {
            let before = out.len();
            self.wire.borrow_mut().drain(out);
            self.turn();
            if out.len() == before || out.len() >= limits::OUTBOUND_BYTES {
                return;
            }
        }
    }

    /// Starts a request; hyper sees it in the next turn, so that what the host adds until then leaves together.
    pub fn request(&mut self, head: &[u8], has_body: bool) -> Result<Handle, Failure> {
        if let Some(failure) = self.over() {
            return Err(failure.with_sent(Sent::Nothing));
        }
        if self.is_draining() {
            return Err(Failure::new(Code::GoAway, "the peer takes no further request"));
        }
        if !self.accepts() {
            return Err(Failure::new(Code::Busy, "no further request now"));
        }
        let head = Head::parse(head)?;
        let exchange = Exchange::new(self.ready.clone());
        let body = if has_body { RequestBody::Queued(exchange.clone()) } else { RequestBody::Empty };
        if !has_body && !head.wants_upgrade() {
            exchange.end(HeaderMap::new());
        }
        let call = Call {
            exchange: exchange.clone(),
            wire: self.wire.clone(),
            accepted: self.wire.borrow().accepted(),
            delivered: self.wire.borrow().delivered(),
            protocol: self.protocol,
            over: self.over.clone(),
            upgrade: head.wants_upgrade().then(|| self.upgrade.clone()),
        };
        self.wire.borrow_mut().expect_response();
        let spawner = self.tasks.spawner();
        match &mut self.sender {
            Some(Sender::Http1(sender)) => {
                let mut request = head.into_http1(body)?;
                response::listen_informational(&mut request, &exchange);
                spawner.spawn(call.run(sender.try_send_request(request)));
            }
            Some(Sender::Http2(sender, _)) => {
                let request = head.into_http2(body, self.scheme)?;
                spawner.spawn(call.run(sender.try_send_request(request)));
            }
            None => return Err(Failure::new(Code::Busy, "no further request now")),
        }
        let Some(handle) = self.exchanges.insert(exchange.clone()) else {
            exchange.cancel(); // Unreachable while `accepts` counts the same table.
            return Err(Failure::new(Code::Busy, "no further request now"));
        };
        exchange.name(handle);
        Ok(handle)
    }

    /// Takes request bytes; fewer than given means: the request is announced as ready when there is room.
    pub fn write(&mut self, request: Handle, bytes: &[u8]) -> Result<usize, Failure> {
        Ok(self.exchange(request)?.write(bytes))
    }

    /// Ends the request body; `trailers` as headers are encoded, or empty.
    pub fn finish(&mut self, request: Handle, trailers: &[u8]) -> Result<(), Failure> {
        let exchange = self.exchange(request)?;
        let mut reader = Reader::new(trailers);
        let trailers = if reader.is_empty() { HeaderMap::new() } else { reader.headers()? };
        reader.end()?;
        exchange.end(trailers);
        Ok(())
    }

    /// HTTP/2 resets the stream; HTTP/1.1 has nothing but closing the connection.
    pub fn cancel(&mut self, request: Handle) -> Result<(), Failure> {
        let exchange = self.exchanges.remove(request).ok_or_else(no_request)?;
        exchange.cancel();
        if self.protocol == Protocol::Http1 {
            self.abort();
        }
        Ok(())
    }

    /// The next request with something new.
    pub fn next_ready(&mut self) -> Option<Handle> {
        loop {
            let handle = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
            if let Some(exchange) = self.exchanges.get(handle) {
                exchange.acknowledge();
                return Some(handle);
            }
        }
    }

    /// The request's next event; its last one forgets the request.
    pub fn next_event(&mut self, request: Handle) -> Result<Option<Event>, Failure> {
        let exchange = self.exchange(request)?;
        let event = exchange.next();
        if matches!(event, Some(Event::End | Event::Failed(_))) {
            if exchange.is_uploading() {
                self.cancel(request)?; // The peer has answered without wanting the rest.
            } else {
                self.exchanges.remove(request);
            }
        }
        Ok(event)
    }

    /// Closes in good order when nothing is in flight (GOAWAY, close_notify), at once otherwise.
    pub fn close(&mut self) {
        if self.exchanges.len() == 0 && self.over().is_none() {
            self.sender = None;
            self.turn();
        }
        self.abort();
    }

    fn abort(&mut self) {
        let closed = Failure::new(Code::Cancelled, "closed by us");
        self.over.borrow_mut().get_or_insert(closed.clone());
        self.upgrade.finish(closed);
        self.sender = None;
        self.tasks.clear();
        self.wire.borrow_mut().shutdown();
    }

    fn exchange(&self, request: Handle) -> Result<&Exchange, Failure> {
        self.exchanges.get(request).ok_or_else(no_request)
    }
}

fn no_request() -> Failure {
    Failure::new(Code::BadHandle, "no such request")
}

fn start_http1(wire: &Rc<RefCell<Wire>>, tasks: &Tasks, over: &Over, upgrade: &Upgrade) -> Option<Sender> {
    let mut builder = http1::Builder::new();
    builder.max_headers(limits::MAX_HEADERS).max_header_size(limits::HEAD_BYTES).max_buf_size(limits::HEAD_BYTES);
    wire.borrow_mut().watch_heads();
    let (sender, mut connection) = now(builder.handshake(Io(wire.clone())))?;
    let (over, upgrade) = (over.clone(), upgrade.clone());
    tasks.spawner().spawn(async move {
        match poll_fn(|context| connection.poll_without_shutdown(context)).await {
            Ok(()) => {
                over.borrow_mut().get_or_insert(Failure::new(Code::PeerClosed, "the connection ended"));
                upgrade.offer(connection.into_parts());
            }
            Err(error) => {
                let failure = Failure::from_http(&error, false);
                over.borrow_mut().get_or_insert(failure.clone());
                upgrade.finish(failure);
            }
        }
    });
    Some(Sender::Http1(sender))
}

fn start_http2(wire: &Rc<RefCell<Wire>>, tasks: &Tasks, over: &Over) -> Option<Sender> {
    let mut builder = http2::Builder::new(tasks.spawner());
    builder
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_header_list_size(limits::HEAD_BYTES as u32)
        .max_send_buf_size(limits::UP_BYTES);
    wire.borrow_mut().watch_frames();
    let (sender, connection) = now(builder.handshake(Io(wire.clone())))?;
    let connection = Rc::new(RefCell::new(connection));
    let (over, driven) = (over.clone(), connection.clone());
    tasks.spawner().spawn(async move {
        let failure = match poll_fn(|context| Pin::new(&mut *driven.borrow_mut()).poll(context)).await {
            Ok(()) => Failure::new(Code::PeerClosed, "the connection ended"),
            Err(error) => Failure::from_http(&error, true),
        };
        over.borrow_mut().get_or_insert(failure);
    });
    Some(Sender::Http2(sender, connection))
}

/// hyper's client handshakes write into our buffers and wait for nothing.
fn now<T>(handshake: impl Future<Output = hyper::Result<T>>) -> Option<T> {
    match pin!(handshake).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.ok(),
        Poll::Pending => None,
    }
}
