//! hyper's HTTP/1.1 server over the wire of a client's connection, behind the check of `request_gate.rs`.
//!
//! hyper gets one message at a time, and the next when it has written the whole response. Between two messages it can be
//! dropped, so that an idle client costs little.

use crate::error::{Code, Failure};
use crate::exchange::{Event, OutgoingBody};
use crate::limits;
use crate::reply::Served;
use crate::request_gate::{Passed, RequestGate};
use crate::requests::Requests;
use crate::tasks::{Spawner, Tasks};
use crate::upgrade::{self, Ending};
use crate::wire::{Io, Wire};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use std::cell::{Cell, RefCell};
use std::future::{poll_fn, Future};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The server of one connection.
pub struct Http1Server {
    wire: Rc<RefCell<Wire>>,
    gate: RequestGate,
    shared: Rc<Shared>,
    /// Whether hyper's connection exists.
    is_running: bool,
}

/// What the tasks of a connection share with its server.
struct Shared {
    requests: Rc<Requests>,
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
    is_upgrading: Cell<bool>,
}

impl Http1Server {
    pub fn new(wire: Rc<RefCell<Wire>>, requests: Rc<Requests>) -> Self {
        let shared = Shared {
            requests,
            arriving: RefCell::default(),
            current: RefCell::default(),
            is_body_taken: Cell::default(),
            is_answered: Cell::default(),
            is_body_read: Cell::default(),
            is_whole: Cell::default(),
            is_read: Cell::default(),
            body_waker: RefCell::default(),
            is_upgrading: Cell::default(),
        };
        Self { wire, gate: RequestGate::default(), shared: Rc::new(shared), is_running: false }
    }

    /// Takes bytes from the front of `input`, for hyper or for the head that is not whole. Answers how many were taken:
    /// none when the next message, or a part of this one's body, has to wait. `tasks` then runs hyper.
    pub fn feed(&mut self, input: &[u8], tasks: &Tasks) -> Result<usize, Failure> {
        if self.is_between_messages() {
            self.gate.next_message();
        }
        let room = self.wire.borrow().inbound_room();
        let (taken, passed) = self.gate.take(input, room)?;
        match passed {
            Passed::Nothing => {}
            Passed::Taken => {
                // A client that waits for 100 and sends its body all the same needs no leave any more.
                if let Some(request) = &*self.shared.current.borrow() {
                    request.want_body();
                }
                self.wire.borrow_mut().feed(&input[..taken]);
                self.shared.is_whole.set(self.gate.is_whole());
            }
            Passed::Head => self.begin(tasks)?,
        }
        Ok(taken)
    }

    /// Whether the exchange of the last message is over, so that the next message may begin.
    fn is_between_messages(&self) -> bool {
        self.gate.is_whole() && self.shared.is_answered.get() && self.shared.is_body_read.get()
    }

    /// Begins a request, whose head the gate has.
    fn begin(&mut self, tasks: &Tasks) -> Result<(), Failure> {
        let (head, is_whole) = (self.gate.head(), self.gate.is_whole());
        let request = self.shared.requests.begin(head.to_vec());
        let request = request.ok_or_else(|| Failure::new(Code::Busy, "too many requests"))?;
        *self.shared.arriving.borrow_mut() = Some(request);
        self.shared.is_answered.set(false);
        self.shared.is_body_read.set(is_whole);
        self.shared.is_whole.set(is_whole);
        self.shared.is_read.set(false);
        self.wire.borrow_mut().feed(self.gate.head_for_hyper());
        if !self.is_running {
            self.start(tasks);
        }
        Ok(())
    }

    /// Starts hyper's connection.
    fn start(&mut self, tasks: &Tasks) {
        self.is_running = true;
        let io = ServerIo { io: Io(self.wire.clone()), shared: self.shared.clone() };
        let service = Service { shared: self.shared.clone(), spawner: tasks.spawner() };
        let mut connection = http1::Builder::new()
            .half_close(true)
            .max_headers(limits::MAX_HEADERS)
            .max_buf_size(limits::HEAD_BYTES)
            .header_read_timeout(None)
            .serve_connection(io, service);
        let (shared, wire) = (self.shared.clone(), self.wire.clone());
        tasks.spawner().spawn(async move {
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
                        shared.requests.answered(&request);
                    }
                    return shared.end(failure);
                }
            }
            shared.end(match outcome {
                Ok(()) => Failure::new(Code::PeerClosed, "the connection ended"),
                Err(error) => wire.borrow().failure().cloned().unwrap_or_else(|| Failure::from_http(&error, false)),
            });
        });
    }

    /// Runs hyper. hyper refuses a head that passed the gate only where both disagree. Its own response to that is
    /// dropped, so that the host makes all of them.
    pub fn turn(&mut self, tasks: &mut Tasks) {
        let output = self.wire.borrow().outbound_bytes();
        tasks.run_until_stalled();
        let Some(failure) = self.shared.requests.ended() else { return };
        let Some(request) = self.shared.arriving.borrow_mut().take() else { return };
        self.wire.borrow_mut().drop_outbound(output);
        let _ = self.shared.requests.forget(request.exchange.handle());
        let refused = Failure::new(Code::MalformedRequest, &format!("what is no HTTP/1.1 ({})", failure.detail));
        self.shared.requests.end_instead(refused.with_evidence(self.gate.refused_request()));
    }

    /// The failure of a connection whose client sent what is no request, with the refused request as evidence.
    pub fn refusal(&self, failure: Failure) -> Failure {
        if self.shared.current.borrow().is_some() {
            return failure; // The bytes belong to a request that the host knows.
        }
        failure.with_evidence(self.gate.refused_request())
    }

    /// Tells the server of a response that changes the protocol: the client's bytes are passed on as they come.
    pub fn responded(&mut self, status: StatusCode) {
        if status == StatusCode::SWITCHING_PROTOCOLS {
            self.shared.is_upgrading.set(true);
            self.gate.pass_all();
        }
    }

    /// Whether no message is under way.
    pub fn is_idle(&self) -> bool {
        self.gate.is_idle() || self.is_between_messages()
    }

    pub fn is_running(&self) -> bool {
        self.is_running
    }

    /// Says that hyper's connection was dropped, because no message is under way or because the connection is over. A
    /// request under way fails.
    pub fn stopped(&mut self, failure: Option<Failure>) {
        self.is_running = false;
        if let Some(failure) = failure {
            self.shared.end(failure);
        }
    }
}

impl Shared {
    /// Ends the connection. A request under way fails.
    fn end(&self, failure: Failure) {
        self.requests.end(failure);
        let current = self.current.borrow_mut().take();
        if let Some(request) = &current {
            self.requests.cancelled(request);
        }
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
            self.requests.answered(&request);
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
    type Error = h2::Error;
    type Future = Responding;

    fn call(&self, request: Request<Incoming>) -> Responding {
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
    type Output = Result<Response<ResponseBody>, h2::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(served) = &self.served else { return Poll::Pending };
        let shared = self.shared.clone();
        served.poll_response(context).map_ok(|response| response.map(|body| ResponseBody { body, shared }))
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
                // The response may have been written before the body broke: then the request is no longer the current one.
                let failure = Failure::from_http(&error, false);
                served.fail(failure.clone());
                return shared.end(failure);
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
