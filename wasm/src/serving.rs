//! A client's connection: hyper's HTTP/1.1 server over a [`Wire`], behind the check of `request_gate.rs`.
//!
//! hyper gets one message at a time, and is told of the next when it has written the whole response. Between two
//! messages it can be dropped, so that an idle client costs little.

use crate::error::{Code, Failure, Sent};
use crate::exchange::{Event, Exchange, OutgoingBody, Ready};
use crate::limits;
use crate::reply::{self, Served};
use crate::request_gate::{self, Passed, RequestGate};
use crate::table::{Handle, Table};
use crate::tasks::{Spawner, Tasks};
use crate::upgrade::{self, Ending};
use crate::wire::{Io, Wire};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{poll_fn, Future};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

/// A client's connection.
pub struct Serving {
    wire: Rc<RefCell<Wire>>,
    tasks: Tasks,
    gate: RequestGate,
    shared: Rc<Shared>,
    /// Whether hyper's connection exists.
    is_running: bool,
    requests: Table<Served>,
    ready: Ready,
}

/// What the tasks of a connection share with it.
#[derive(Default)]
struct Shared {
    /// The request whose head hyper reads now.
    arriving: RefCell<Option<Served>>,
    /// The request under way.
    current: RefCell<Option<Served>>,
    /// Whether hyper has taken the whole response, and has yet to flush it.
    is_body_taken: Cell<bool>,
    /// Whether the whole response to the last message was written.
    is_answered: Cell<bool>,
    /// Whether the whole body of the last message was read. With `is_answered`, the next message may begin.
    is_body_read: Cell<bool>,
    /// Whether the gate has passed the whole of the last message on.
    is_whole: Cell<bool>,
    /// Whether hyper has read the whole of it, and waits for the next head.
    is_read: Cell<bool>,
    /// The waker of the task that reads the body.
    body_waker: RefCell<Option<Waker>>,
    /// Whether hyper has called the service for the last message.
    is_called: Cell<bool>,
    is_upgrading: Cell<bool>,
    ended: RefCell<Option<Failure>>,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            wire: Rc::new(RefCell::new(Wire::plain())),
            tasks: Tasks::default(),
            gate: RequestGate::default(),
            shared: Rc::default(),
            is_running: false,
            requests: Table::new(limits::MAX_REQUESTS),
            ready: Ready::default(),
        }
    }
}

impl Serving {
    /// The reason why the connection is over; None while it is not. Its output may still wait for the socket.
    pub fn ended(&self) -> Option<Failure> {
        self.shared.ended.borrow().clone()
    }

    pub fn in_flight(&self) -> usize {
        self.requests.len()
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub fn has_output(&self) -> bool {
        self.wire.borrow().has_output()
    }

    /// Takes bytes from the socket. Answers how many were taken: fewer than given when the next message, or a part of
    /// this one's body, has to wait.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() {
            if self.ended().is_some() {
                return input.len();
            }
            match self.take(&input[taken..]) {
                Ok(0) => break,
                Ok(count) => taken += count,
                Err(failure) => {
                    self.refuse(failure);
                    return input.len();
                }
            }
        }
        taken
    }

    fn take(&mut self, input: &[u8]) -> Result<usize, Failure> {
        if self.is_between_messages() {
            self.gate.next_message();
        }
        let room = self.wire.borrow().inbound_room();
        let (taken, passed) = self.gate.take(input, room)?;
        match passed {
            Passed::Nothing => return Ok(taken),
            Passed::Taken => {
                // A client that waits for 100 and sends its body all the same needs no leave any more.
                if let Some(request) = &*self.shared.current.borrow() {
                    request.want_body();
                }
                self.wire.borrow_mut().feed(&input[..taken]);
                self.shared.is_whole.set(self.gate.is_whole());
            }
            Passed::Head => self.begin(),
        }
        self.turn();
        Ok(taken)
    }

    /// Whether the exchange of the last message is over, so that the next message may begin.
    fn is_between_messages(&self) -> bool {
        self.gate.is_whole() && self.shared.is_answered.get() && self.shared.is_body_read.get()
    }

    /// Begins a request, whose head the gate has.
    fn begin(&mut self) {
        let head = self.gate.head();
        let expects = head[0] & request_gate::EXPECTS_CONTINUE != 0;
        let request = Served::new(Exchange::new(self.ready.clone()), !expects);
        if let Some(handle) = self.requests.insert(request.clone()) {
            request.exchange.set_handle(handle);
        }
        request.exchange.push(Event::Head(head.to_vec()));
        if self.gate.is_whole() {
            request.exchange.push(Event::End);
        }
        *self.shared.arriving.borrow_mut() = Some(request);
        self.shared.is_answered.set(false);
        self.shared.is_body_read.set(self.gate.is_whole());
        self.shared.is_called.set(false);
        self.shared.is_read.set(false);
        self.shared.is_whole.set(self.gate.is_whole());
        self.wire.borrow_mut().feed(self.gate.head_for_hyper());
        if !self.is_running {
            self.start();
        }
    }

    /// Starts hyper's connection.
    fn start(&mut self) {
        self.is_running = true;
        let io = ServerIo { io: Io(self.wire.clone()), shared: self.shared.clone() };
        let service = Service { shared: self.shared.clone(), spawner: self.tasks.spawner() };
        let mut connection = http1::Builder::new()
            .half_close(true)
            .max_headers(limits::MAX_HEADERS)
            .max_buf_size(limits::HEAD_BYTES)
            .header_read_timeout(None)
            .serve_connection(io, service);
        let (shared, wire) = (self.shared.clone(), self.wire.clone());
        self.tasks.spawner().spawn(async move {
            let outcome = poll_fn(|context| connection.poll_without_shutdown(context)).await;
            if outcome.is_ok() && shared.is_upgrading.get() {
                let request = shared.current.borrow().clone();
                if let Some(request) = request {
                    let parts = connection.into_parts();
                    request.exchange.push(Event::Upgraded);
                    let failure =
                        upgrade::relay(parts.io.io, parts.read_buf, &request.exchange, Ending::WithBoth).await;
                    if failure.code == Code::PeerClosed {
                        shared.current.borrow_mut().take();
                        request.exchange.push(Event::Answered);
                    }
                    shared.end(failure);
                    return;
                }
            }
            shared.end(match outcome {
                Ok(()) => Failure::new(Code::PeerClosed, "the connection ended"),
                Err(error) => wire.borrow().failure().cloned().unwrap_or_else(|| Failure::from_http(&error, false)),
            });
        });
    }

    /// Ends the connection, because its client sent what is no request. hyper has no part in that: the host answers.
    fn refuse(&mut self, failure: Failure) {
        let evidence = self.gate.refused_request();
        let is_head = self.shared.current.borrow().is_none();
        self.stop(if is_head { failure.with_evidence(evidence) } else { failure });
    }

    pub fn end(&mut self, broken: bool) {
        self.wire.borrow_mut().end(broken);
        if broken {
            return self.stop(Failure::new(Code::PeerTruncated, "the connection broke"));
        }
        if self.is_running {
            self.turn();
        } else {
            self.stop(Failure::new(Code::PeerClosed, "the client closed"));
        }
    }

    pub fn turn(&mut self) {
        let output = self.wire.borrow().outbound_bytes();
        self.tasks.run_until_stalled();
        // hyper refuses a head that passed the gate only where both disagree. Its own response to that is dropped, so
        // that the host makes all of them.
        let is_refusal = self.shared.arriving.borrow().is_some() && self.shared.ended.borrow().is_some();
        if is_refusal && !self.shared.is_called.get() {
            self.wire.borrow_mut().drop_outbound(output);
            let arriving = self.shared.arriving.borrow_mut().take();
            if let Some(request) = arriving {
                self.requests.remove(request.exchange.handle());
            }
            let got = self.ended().map_or_else(String::new, |failure| failure.detail);
            let evidence = self.gate.refused_request();
            let failure = Failure::new(Code::MalformedRequest, &format!("what is no HTTP/1.1 ({got})"));
            *self.shared.ended.borrow_mut() = Some(failure.with_evidence(evidence));
        }
    }

    pub fn drain(&mut self, out: &mut Vec<u8>) {
        loop {
            let before = out.len();
            self.wire.borrow_mut().drain(out);
            self.turn();
            if out.len() == before || out.len() >= limits::OUTBOUND_BYTES {
                return;
            }
        }
    }

    /// Gives the response to a request ([`Served::respond`]).
    pub fn respond(&mut self, request: Handle, head: &[u8], has_body: bool) -> Result<(), Failure> {
        let status = self.request(request)?.respond(head, has_body)?;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            self.shared.is_upgrading.set(true);
            self.gate.pass_all();
        }
        Ok(())
    }

    /// Writes an informational response (RFC 9110 §15.2): hyper's server writes none but 100, and that by itself once
    /// the body is read.
    pub fn inform(&mut self, request: Handle, head: &[u8]) -> Result<(), Failure> {
        let (status, headers) = reply::parse(head)?;
        let request = self.request(request)?;
        if request.is_given() {
            return Err(Failure::new(Code::WrongState, "the response was given"));
        }
        if status == StatusCode::CONTINUE {
            request.want_body();
            return Ok(());
        }
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::new(Code::BadArgument, "not an informational status"));
        }
        let mut out =
            format!("HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or("")).into_bytes();
        for (name, value) in &headers {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        self.wire.borrow_mut().write_between(&out);
        Ok(())
    }

    /// Reads and drops the rest of a request's body.
    pub fn drop_body(&mut self, request: Handle) -> Result<(), Failure> {
        self.request(request)?.drop_body();
        Ok(())
    }

    /// Takes bytes of a response's body ([`Exchange::write`]).
    pub fn write(&mut self, request: Handle, bytes: &[u8]) -> Result<usize, Failure> {
        Ok(self.request(request)?.exchange.write(bytes))
    }

    /// Ends a response's body.
    pub fn finish(&mut self, request: Handle, trailers: HeaderMap) -> Result<(), Failure> {
        self.request(request)?.exchange.end(trailers);
        Ok(())
    }

    /// Ends the connection, because a response cannot be completed.
    pub fn cancel(&mut self, request: Handle) -> Result<(), Failure> {
        self.requests.remove(request).ok_or_else(no_request)?;
        self.close();
        Ok(())
    }

    /// The next request that has new events.
    pub fn next_ready(&mut self) -> Option<Handle> {
        loop {
            let handle = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
            if let Some(request) = self.requests.get(handle) {
                request.exchange.mark_seen();
                return Some(handle);
            }
        }
    }

    /// The request's next event. The request is forgotten when its message has ended and its response is written.
    pub fn next_event(&mut self, handle: Handle) -> Result<Option<Event>, Failure> {
        let request = self.request(handle)?;
        let event = request.exchange.next();
        let is_over = match &event {
            Some(Event::Failed(_)) => true,
            Some(Event::End) => request.mark(false),
            Some(Event::Answered) => request.mark(true),
            _ => false,
        };
        if is_over {
            self.requests.remove(handle);
        }
        Ok(event)
    }

    /// Gives an idle connection's memory back. Answers whether it was idle.
    pub fn release(&mut self) -> bool {
        let is_idle = self.requests.len() == 0
            && (self.gate.is_idle() || self.is_between_messages())
            && !self.wire.borrow().has_output();
        if is_idle && self.is_running {
            self.is_running = false;
            self.tasks = Tasks::default();
            self.wire.borrow_mut().shrink();
        }
        is_idle
    }

    pub fn close(&mut self) {
        self.stop(Failure::new(Code::Cancelled, "closed by us"));
    }

    /// Ends the connection at once. Requests under way fail; output waits for the socket.
    fn stop(&mut self, failure: Failure) {
        self.shared.end(failure);
        self.is_running = false;
        self.tasks.clear();
    }

    fn request(&self, request: Handle) -> Result<&Served, Failure> {
        self.requests.get(request).ok_or_else(no_request)
    }
}

impl Shared {
    /// Ends the connection. Answers whether a request was under way, which then fails.
    fn end(&self, failure: Failure) -> bool {
        self.ended.borrow_mut().get_or_insert(failure.clone());
        let current = self.current.borrow_mut().take();
        if let Some(request) = &current {
            request.exchange.push(Event::Failed(failure.with_sent(Sent::Maybe)));
        }
        current.is_some()
    }

    /// Called when hyper wants bytes that have not come. Behind a whole message whose response is written, it waits for
    /// the next head, and does not end the body's stream before that has come.
    fn wants_more(&self) {
        if self.is_whole.get() && self.is_answered.get() && !self.is_read.replace(true) {
            if let Some(waker) = self.body_waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }

    /// Called when hyper has given all that it has to the wire.
    fn flushed(&self) {
        if !self.is_body_taken.replace(false) || self.is_upgrading.get() {
            return;
        }
        let current = self.current.borrow_mut().take();
        if let Some(request) = current {
            request.exchange.push(Event::Answered);
            self.is_answered.set(true);
        }
    }
}

/// hyper's service: gives each request to the host and waits for its response.
struct Service {
    shared: Rc<Shared>,
    spawner: Spawner,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Responding;

    fn call(&self, request: Request<Incoming>) -> Responding {
        self.shared.is_called.set(true);
        let served = self.shared.arriving.borrow_mut().take();
        if let Some(served) = &served {
            *self.shared.current.borrow_mut() = Some(served.clone());
            let body = request.into_body();
            if !body.is_end_stream() {
                self.spawner.spawn(read_body(body, served.clone(), self.shared.clone()));
            }
        }
        Responding { served, shared: self.shared.clone() }
    }
}

/// The wait for the host's response.
struct Responding {
    /// None would be a request that did not come through the gate: it is never answered.
    served: Option<Served>,
    shared: Rc<Shared>,
}

impl Future for Responding {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(served) = &self.served else { return Poll::Pending };
        served.poll_response(context).map(|response| {
            let shared = self.shared.clone();
            Ok(response.map(|body| ResponseBody { body, shared }))
        })
    }
}

/// The events of a request's body.
async fn read_body(mut body: Incoming, served: Served, shared: Rc<Shared>) {
    loop {
        let frame = poll_fn(|context| match served.poll_body_room(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(is_dropped) => match Pin::new(&mut body).poll_frame(context) {
                Poll::Ready(frame) => Poll::Ready((frame, is_dropped)),
                Poll::Pending if shared.is_read.get() => Poll::Ready((None, is_dropped)),
                Poll::Pending => {
                    *shared.body_waker.borrow_mut() = Some(context.waker().clone());
                    Poll::Pending
                }
            },
        });
        match frame.await {
            (None, _) => {
                shared.is_body_read.set(true);
                return served.exchange.push(Event::End);
            }
            (Some(Err(error)), _) => {
                let failure = Failure::from_http(&error, false);
                if !shared.end(failure.clone()) {
                    served.exchange.push(Event::Failed(failure)); // The response was written before the body ended.
                }
                return;
            }
            (Some(Ok(_)), true) => {}
            (Some(Ok(frame)), false) => served.exchange.push_frame(frame),
        }
    }
}

/// A response's body. hyper drops it as soon as it has taken the whole of it.
struct ResponseBody {
    body: OutgoingBody,
    shared: Rc<Shared>,
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.shared.is_body_taken.set(true);
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The wire as hyper's server reads and writes it. hyper flushes after it has written all that it has.
struct ServerIo {
    io: Io,
    shared: Rc<Shared>,
}

impl Read for ServerIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if read.is_pending() {
            self.shared.wants_more();
        }
        read
    }
}

impl Write for ServerIo {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, chunks)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn no_request() -> Failure {
    Failure::new(Code::BadHandle, "no such request")
}
