//! A connection that carries requests: hyper over a [`Wire`], and the requests in flight.

use crate::error::{Code, Failure, Sent};
use crate::exchange::{Event, Exchange, OutgoingBody, Ready};
use crate::http_client::{Ended, Protocol, Sender};
use crate::limits;
use crate::request::Head;
use crate::response::{self, RequestTask};
use crate::table::{Handle, Table};
#[cfg(feature = "server")]
use crate::tasks::Bell;
use crate::tasks::Tasks;
use crate::upgrade::Upgrade;
use crate::wire::Wire;
use http::HeaderMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::PoisonError;

/// A connection that carries requests.
pub struct Open {
    wire: Rc<RefCell<Wire>>,
    tasks: Tasks,
    /// hyper's handle for requests; None after the connection was closed, and when hyper's client could not start.
    sender: Option<Sender>,
    protocol: Protocol,
    scheme: &'static str,
    ended: Ended,
    upgrade: Upgrade,
    exchanges: Table<Exchange>,
    ready: Ready,
}

impl Open {
    pub fn start(wire: Wire, protocol: Protocol, scheme: &'static str) -> Self {
        let wire = Rc::new(RefCell::new(wire));
        let mut tasks = Tasks::default();
        let ended = Ended::default();
        let upgrade = Upgrade::default();
        let sender = Sender::start(protocol, &wire, &tasks, &ended, &upgrade);
        tasks.run_until_stalled();
        let exchanges = Table::new(limits::MAX_REQUESTS);
        Self { wire, tasks, sender, protocol, scheme, ended, upgrade, exchanges, ready: Ready::default() }
    }

    #[cfg(feature = "server")]
    pub fn set_bell(&self, bell: Bell, connection: Handle) {
        self.tasks.set_bell(bell, connection);
    }

    #[cfg(feature = "server")]
    pub fn has_woken(&self) -> bool {
        self.tasks.has_woken()
    }

    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The reason why no further request can start; None while one can. Requests in flight may still have events.
    pub fn ended(&self) -> Option<Failure> {
        if let Some(failure) = self.wire.borrow().failure() {
            return Some(failure.clone());
        }
        if self.upgrade.is_claimed() {
            return None; // hyper's connection has ended, and the upgraded one has not.
        }
        if let Some(failure) = &*self.ended.borrow() {
            return Some(failure.clone());
        }
        let is_closed = self.sender.as_ref().is_none_or(Sender::is_closed);
        is_closed.then(|| Failure::new(Code::PeerClosed, "the connection is closed"))
    }

    /// The number of requests that may be in flight together ([`Sender::capacity`]).
    pub fn capacity(&self) -> usize {
        self.sender.as_ref().map_or(0, Sender::capacity)
    }

    /// Whether the peer accepts no further request and only finishes the requests in flight (GOAWAY).
    pub fn is_draining(&self) -> bool {
        self.wire.borrow().is_going_away()
    }

    /// Whether a request can start now.
    pub fn accepts(&self) -> bool {
        self.ended().is_none()
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

    /// Takes bytes from the socket. Answers how many were taken: fewer than given when response bytes wait for the
    /// host.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        if self.ended().is_some() {
            return input.len(); // The bytes of an ended connection are taken and dropped.
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
        // hyper may write more when the wire has room again. One call answers a bounded number of bytes.
        loop {
            let before = out.len();
            self.wire.borrow_mut().drain(out);
            self.turn();
            if out.len() == before || out.len() >= limits::OUTBOUND_BYTES {
                return;
            }
        }
    }

    /// Starts a request. hyper sees it in the next turn, so that a body given before the turn shares the head's record.
    pub fn request(&mut self, head: &[u8], has_body: bool) -> Result<Handle, Failure> {
        if let Some(failure) = self.ended() {
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
        let body = if has_body { OutgoingBody::Queued(exchange.clone()) } else { OutgoingBody::Empty };
        if !has_body && !head.wants_upgrade() {
            exchange.end(HeaderMap::new());
        }
        let task = RequestTask {
            exchange: exchange.clone(),
            wire: self.wire.clone(),
            accepted: self.wire.borrow().accepted(),
            delivered: self.wire.borrow().delivered(),
            protocol: self.protocol,
            ended: self.ended.clone(),
            upgrade: head.wants_upgrade().then(|| self.upgrade.clone()),
        };
        self.wire.borrow_mut().expect_response();
        let spawner = self.tasks.spawner();
        match &mut self.sender {
            Some(Sender::Http1(sender)) => {
                let mut request = head.into_http1(body)?;
                response::forward_informational(&mut request, &exchange);
                spawner.spawn(task.run(sender.try_send_request(request)));
            }
            Some(Sender::Http2(sender, _)) => {
                let request = head.into_http2(body, self.scheme)?;
                spawner.spawn(task.run(sender.try_send_request(request)));
            }
            None => return Err(Failure::new(Code::Busy, "no further request now")),
        }
        let Some(handle) = self.exchanges.insert(exchange.clone()) else {
            exchange.cancel(); // Unreachable, because `accepts` has found room in this table.
            return Err(Failure::new(Code::Busy, "no further request now"));
        };
        exchange.set_handle(handle);
        Ok(handle)
    }

    /// Takes bytes of a request body. Answers how many were taken; when that is fewer than given, the request becomes
    /// ready as soon as there is room.
    pub fn write(&mut self, request: Handle, bytes: &[u8]) -> Result<usize, Failure> {
        Ok(self.exchange(request)?.write(bytes))
    }

    /// Ends the request body.
    pub fn finish(&mut self, request: Handle, trailers: HeaderMap) -> Result<(), Failure> {
        self.exchange(request)?.end(trailers);
        Ok(())
    }

    /// Cancels a request: by a reset of its stream on HTTP/2, and on HTTP/1.1, which has none, by closing the
    /// connection.
    pub fn cancel(&mut self, request: Handle) -> Result<(), Failure> {
        let exchange = self.exchanges.remove(request).ok_or_else(no_request)?;
        exchange.cancel();
        if self.protocol == Protocol::Http1 {
            self.abort();
        }
        Ok(())
    }

    /// The next request that has new events.
    pub fn next_ready(&mut self) -> Option<Handle> {
        loop {
            let handle = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
            if let Some(exchange) = self.exchanges.get(handle) {
                exchange.mark_seen();
                return Some(handle);
            }
        }
    }

    /// The request's next event. With the last one the request is forgotten.
    pub fn next_event(&mut self, request: Handle) -> Result<Option<Event>, Failure> {
        let exchange = self.exchange(request)?;
        let event = exchange.next();
        if matches!(event, Some(Event::End | Event::Failed(_))) {
            if exchange.is_uploading() {
                self.cancel(request)?; // The response is complete, so the rest of the body is of no use.
            } else {
                self.exchanges.remove(request);
            }
        }
        Ok(event)
    }

    /// Closes the connection: with GOAWAY and close_notify when no request is in flight, and at once otherwise.
    pub fn close(&mut self) {
        if self.exchanges.len() == 0 && self.ended().is_none() {
            self.sender = None;
            self.turn();
        }
        self.abort();
    }

    fn abort(&mut self) {
        let closed = Failure::new(Code::Cancelled, "closed by us");
        self.ended.borrow_mut().get_or_insert(closed.clone());
        self.upgrade.finish(closed);
        self.sender = None;
        self.tasks.clear();
        self.wire.borrow_mut().shutdown();
    }

    pub fn exchange(&self, request: Handle) -> Result<&Exchange, Failure> {
        self.exchanges.get(request).ok_or_else(no_request)
    }
}

fn no_request() -> Failure {
    Failure::new(Code::BadHandle, "no such request")
}
